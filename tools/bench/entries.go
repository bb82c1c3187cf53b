package main

import (
	"context"
	"fmt"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// benchEntries counts what nodes hold as ports grow.
func benchEntries(_ context.Context, e *environment) error {
	t := table{Title: "Entries on a node, by the ports of one network",
		Columns: []string{"ports", "flows where all of them are", "a port", "flows where one of them is", "a port", "groups where all are", "groups where one is", "meters where all are"},
		Notes:   []string{"\"A port\" is how many more there are for each further port. The count at 0 ports is what every node has."}}
	type counts struct{ flows, groups, meters int }
	count := func(v *topology.View, n *model.Node) counts {
		c, seen := counts{}, map[flow.Key]bool{}
		for _, u := range v.Units(n.Number) {
			r := pipeline.Render(apps.All(), v, n.Number, u)
			for _, f := range r.Flows {
				seen[f.Key()] = true
			}
			c.groups += len(r.Groups)
			c.meters += len(r.Meters)
		}
		c.flows = len(seen)
		return c
	}
	var all, one counts
	last := 0
	for _, ports := range []int{0, 1, 10, 50, 100, 200, 500, 1000} {
		cloud := &example.Cloud{}
		at, other := cloud.Node("node1"), cloud.Node("node2")
		network := cloud.Network("net")
		cloud.Subnet(network, "10.1.0.0/16")
		for i := range ports {
			where := at
			if i == 0 {
				where = other
			}
			cloud.VM(network, where, fmt.Sprintf("port%d", i), fmt.Sprintf("10.1.%d.%d", 1+i/200, i%200+1))
		}
		v := cloud.View()
		nowAll, nowOne := count(v, at), count(v, other)
		row := []any{ports, nowAll.flows, "", nowOne.flows, "", nowAll.groups, nowOne.groups, nowAll.meters}
		if last > 0 {
			row[2], row[4] = float64(nowAll.flows-all.flows)/float64(ports-last), float64(nowOne.flows-one.flows)/float64(ports-last)
		}
		t.Rows = append(t.Rows, row)
		all, one, last = nowAll, nowOne, ports
	}
	e.report.add(t)
	return nil
}
