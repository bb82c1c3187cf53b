package main

import (
	"fmt"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// fabricEntries counts what a physical switch holds, by table, as ports and networks grow.
func fabricEntries(e *environment) error {
	t := table{Title: "Entries on a physical switch, by table", Columns: []string{"switches", "hosts at each", "networks"}}
	for _, x := range pipeline.OpenFlow13 {
		t.Columns = append(t.Columns, x.Name)
	}
	t.Columns = append(t.Columns, "groups")
	limits := []any{"typical limits (FIELD.md, 6.4)", "", ""}
	for _, x := range pipeline.OpenFlow13 {
		if x.Exact {
			limits = append(limits, "48,000, exact match")
		} else {
			limits = append(limits, "32 to 1,280 by default, 2,000 to 4,000")
		}
	}
	t.Rows = append(t.Rows, append(limits, ""))
	for _, c := range []struct{ switches, hosts, networks int }{
		{1, 1, 1}, {1, 24, 1}, {1, 48, 1}, {1, 48, 48}, {10, 48, 1}, {10, 48, 48}, {10, 48, 480}, {100, 48, 1}, {100, 48, 48}, {100, 48, 480},
	} {
		cloud := &example.Cloud{}
		var networks []*model.Network
		for i := range c.networks {
			n := cloud.VLAN(fmt.Sprintf("net%d", i), "dc", uint32(2+i))
			cloud.Subnet(n, "10.0.0.0/8")
			networks = append(networks, n)
		}
		var switches []*model.Node
		for i := range c.switches {
			switches = append(switches, cloud.Switch(fmt.Sprintf("tor%d", i+1), "dc", 52))
		}
		// A tree of which each switch has two more below it.
		for i := 1; i < c.switches; i++ {
			cloud.Link(switches[i], 49, switches[(i-1)/2], uint32(50+(i-1)%2))
		}
		for i, s := range switches {
			for port := range c.hosts {
				k := i*c.hosts + port
				cloud.BareMetal(networks[k%c.networks], s, uint32(port+1), 0, fmt.Sprintf("host%d", k), fmt.Sprintf("10.%d.%d.%d", 1+k>>16, k>>8&255, k&255))
			}
		}
		v := cloud.View()
		at := switches[0]
		counts, groups, seen := map[uint8]int{}, 0, map[flow.Key]bool{}
		for _, u := range v.Units(at.Number) {
			r := pipeline.Render(apps.All(), v, at.Number, u)
			groups += len(r.Groups)
			for _, f := range r.Flows {
				if !seen[f.Key()] {
					seen[f.Key()] = true
					counts[f.Table()]++
				}
			}
		}
		row := []any{c.switches, c.hosts, c.networks}
		for _, x := range pipeline.OpenFlow13 {
			row = append(row, counts[x.ID])
		}
		t.Rows = append(t.Rows, append(row, groups))
	}
	t.Notes = []string{"The switch at the top of a tree of which each switch has two more below it. Hosts are dealt out to the networks in turn; each has one address."}
	e.report.add(t)
	return nil
}
