package main

import (
	"context"
	"net/http"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/northbound/admin"
)

// Trace has ping delivered, and TCP dropped; a node that is asked about DHCP is away.
func (f *fake) Trace(_ context.Context, q admin.TraceQuery) (admin.Trace, error) {
	if q.From != web1 {
		return admin.Trace{}, model.Errorf(http.StatusNotFound, "PortNotFound", "Port %s could not be found.", q.From)
	}
	const cookie = "0x6620780400000001"
	stage := func(node, table string, depth int, rule, doc string, owners ...string) admin.Stage {
		return admin.Stage{Depth: depth, PassedBy: admin.PassedBy{Node: node, Table: table, Cookie: cookie, Rule: rule, Doc: doc, Source: "apps/l2/port.go:14",
			Entry: "cookie=" + cookie + ", table=0, priority=50 actions=drop", Owners: owners}}
	}
	way := admin.Way{Verdict: "delivered to web2 (port 7777) on compute2; the reply comes back", Outcome: "delivered",
		Stages: []admin.Stage{
			{Note: "web1 asks by ARP who has 10.1.0.7", PassedBy: admin.PassedBy{Owners: []string{}}},
			stage("compute1", "classify", 0, "from a port", "Untagged frames from the port's interface belong to its network.", "port "+web1+" (web1)"),
			stage("compute1", "groups", 1, "groups of a port", "The rules of each of the port's groups are asked.", "port "+web1+" (web1)"),
			{Note: "through the tunnel from compute1 to compute2, key 5001, network net1", Packet: "icmp,tun_id=0x1389,in_port=1,dl_src=fa:16:3e:00:00:01",
				PassedBy: admin.PassedBy{Node: "compute2", Owners: []string{}}},
			stage("compute2", "output", 0, "to the port's interface", "What was addressed to the port leaves by its interface.", "port 7777 (we\x1bb2)", "port 8888"),
			{Note: "out by we\x1bb2 (port 7777) on compute2", PassedBy: admin.PassedBy{Node: "compute2", Owners: []string{}}},
		},
		Arrived: []admin.Place{{Node: "compute2", Port: "7777", Name: "web2", Packet: "icmp"}}}
	t := admin.Trace{Verdict: way.Verdict, Outcome: way.Outcome, Packet: "icmp,dl_src=fa:16:3e:00:00:01", Wanted: way, Present: way}
	switch q.Protocol {
	case "tcp":
		p := admin.Way{Verdict: "dropped on compute2 at output: port web2 is not on compute2, or is down", Outcome: "dropped", Arrived: []admin.Place{},
			Stages: append(append([]admin.Stage{}, way.Stages[:4]...), admin.Stage{PassedBy: admin.PassedBy{Node: "compute2", Table: "output", Doc: "drop: the port is not here, or is down", Owners: []string{}}})}
		t.Verdict, t.Outcome, t.Present = p.Verdict, p.Outcome, p
		t.Difference = "On compute2 table output lacks an entry, of port 7777 (web2): table=92 actions=output:3; as it should be: " + way.Verdict
	case "dhcp":
		t.Verdict, t.Outcome = "unknown: compute1 cannot be asked: it does not answer in time; if it holds what it should: "+way.Verdict, "unknown"
		t.Present = admin.Way{Verdict: "unknown: compute1 cannot be asked: it does not answer in time", Outcome: "unknown", Stages: []admin.Stage{}, Arrived: []admin.Place{}}
	}
	if q.Live {
		t.Live = &admin.Live{Verdict: "came out at web2 (port 7777) on compute2 after 3 ms", Arrived: way.Arrived}
		if q.TTL == 1 {
			t.Live = &admin.Live{Verdict: "did not come out within 1 s; by the tables: delivered to web2 (port 7777) on compute2", Arrived: []admin.Place{}}
		}
	}
	return t, nil
}
