package main

import (
	"context"
	"time"

	"github.com/planck-sdn/planck/northbound/admin"
)

func (f *fake) Verify(_ context.Context, node string, each func(admin.NodeProof) error) error {
	if node != "" && node != "compute1" {
		return f.known(node)
	}
	list := []admin.NodeProof{{Node: "compute1", Revision: 42, Entries: 1204, Ports: 11, Pairs: 312, Took: 31 * time.Millisecond}}
	if !f.well {
		list[0].More = 7
		list[0].Violations = []admin.Violation{
			{Contract: "deliver", Text: "An entry of table deliver outputs packets of network 9e1d (red) to port 7777 (db\x1b1), which is in network 8888 (blue).",
				Packet: "ip,in_port=3,dl_src=fa:16:3e:00:00:01,nw_src=10.1.0.5", Confirmed: true, Way: []admin.PassedBy{
					{Node: "compute1", Table: "classify", Entry: "cookie=0x6620780400000001, table=0, priority=50,in_port=3,vlan_tci=0x0000/0x1fff actions=write_metadata:0x10003/0x3ffffffffff,goto_table:12",
						Cookie: "0x6620780400000001", Rule: "from a port", Doc: "Untagged frames from the port's interface belong to its network.", Source: "apps/l2/port.go:14", Owners: []string{"port " + web1 + " (web1)"}},
					{Node: "compute1", Table: "deliver", Entry: "cookie=0x2a, table=76, priority=200 actions=output:9", Cookie: "0x2a"}}},
			{Contract: "reach", Text: "What port 7778 (db2) sends from its address does not get into its network.", Packet: "ip,in_port=4", Confirmed: true,
				Way: []admin.PassedBy{{Node: "compute1", Table: "classify", Doc: "drop: an unknown port, a tag where none belongs, a tunnel from a stranger"}}},
		}
		list = append(list, admin.NodeProof{Node: "compute3", Took: 10 * time.Second, Problem: "it does not answer in time"})
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
