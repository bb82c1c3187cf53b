package main

import (
	"context"
	"time"

	"github.com/planck-sdn/planck/northbound/admin"
)

var (
	groupMissing = admin.Difference{Node: "compute1", What: "group", State: "missing",
		Wanted: "group_id=65537,type=all,bucket=actions=set_field:3->metadata,resubmit(,80)", Owners: []string{"network 5e1d (net\x1b1)"}}
	entryChanged = admin.Difference{Node: "compute1", What: "flow entry", State: "changed", Table: "guard", Rule: "IPv4 of the port",
		Source: "apps/guard/guard.go:40", Owners: []string{"port " + web1 + " (web1)", "port 7777 (web2)"},
		Wanted:  "cookie=0x6620780400000001, table=12, priority=30,ip,in_port=3,dl_src=fa:16:3e:00:00:01,nw_src=10.1.0.5 actions=goto_table:20",
		Present: "cookie=0x6620780400000001, table=12, priority=30,ip,in_port=3,dl_src=fa:16:3e:00:00:01,nw_src=10.1.0.5 actions=drop"}
	entryForeign = admin.Difference{Node: "compute1", What: "flow entry", State: "foreign", Table: "7",
		Present: "cookie=0x2a, table=7, priority=1 actions=drop"}
)

func (f *fake) Check(_ context.Context, node string, repair bool, each func(admin.NodeCheck) error) error {
	list := []admin.NodeCheck{{Node: "compute1", Revision: 42, Entries: 1227, Took: 31 * time.Millisecond}}
	if node != "" && node != "compute1" {
		return f.known(node)
	}
	if !f.well {
		one := &list[0]
		one.Stale, one.Differences, one.Repaired = []admin.Difference{groupMissing}, []admin.Difference{entryChanged, groupMissing, entryForeign}, repair
		list = append(list, admin.NodeCheck{Node: "compute3", Took: 10 * time.Second, Problem: "it does not answer in time"})
	}
	if node != "" {
		list = list[:1]
	}
	for _, n := range list {
		if err := each(n); err != nil {
			return err
		}
	}
	return nil
}

func (f *fake) ReconcileDryRun(_ context.Context, node string) ([]admin.Difference, error) {
	if err := f.known(node); err != nil || f.well {
		return nil, err
	}
	return []admin.Difference{entryChanged, entryForeign, groupMissing}, nil
}

func (f *fake) Freeze(_ context.Context, node string, _ bool) error {
	if node == "" {
		return nil
	}
	return f.known(node)
}
