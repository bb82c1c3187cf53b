package trace

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model/flow"
)

// change changes by hand what the entries of a table do whose text has a word.
func change(node string, table *pipeline.Table, word string, how func(*flow.Entry)) func(string, *flow.Tables) {
	return func(name string, t *flow.Tables) {
		for i, f := range t.Flows {
			if e, err := f.Decode(); err == nil && name == node && f.Table() == table.ID && strings.Contains(example.Text(f), word) {
				how(&e)
				t.Flows[i] = flow.Encode(e)
			}
		}
	}
}

// TestCompare: whatever somebody does to the tables by hand is found if it is on the packet's way, and only then.
func TestCompare(t *testing.T) {
	type packet = func(*stage) Packet
	neighbour := func(s *stage) Packet { return ping(s.web1, "10.1.0.12") }
	remote := func(s *stage) Packet { return to(s.web1, "10.2.0.12", udpP, 53) }
	all := func(s *stage) Packet { return to(s.web1, "255.255.255.255", udpP, 9) }
	var b strings.Builder
	for _, c := range []struct {
		name   string
		hand   func(string, *flow.Tables)
		packet packet
		away   string
	}{
		{"nothing", func(string, *flow.Tables) {}, neighbour, ""},
		{"a node that is away", func(string, *flow.Tables) {}, neighbour, "node2"},
		{"missing on the way", without("node2", pipeline.Output, "metadata=0x1389"), neighbour, ""},
		{"missing elsewhere", without("node2", pipeline.Output, "metadata=0x138a"), neighbour, ""},
		{"missing for ARP", without("node1", pipeline.Answer, "arp_tpa=10.1.0.12"), neighbour, ""},
		{"extra that drops", added(t, "node2", "table=ingress,priority=1000,ip,nw_src=10.1.0.11 actions=drop"), neighbour, ""},
		{"extra that is not met", added(t, "node2", "table=ingress,priority=1000,ip,nw_src=10.1.0.99 actions=drop"), neighbour, ""},
		{"extra that does what is wanted anyway", added(t, "node2", "table=ingress,priority=1000,arp,arp_spa=10.1.0.11 actions=goto_table:output"), neighbour, ""},
		{"changed", change("node1", pipeline.Deliver, "192.0.2.2->tun_dst", func(e *flow.Entry) { e.Apply = e.Apply[:1] }), neighbour, ""},
		{"another owner", change("node2", pipeline.Output, "", func(e *flow.Entry) { e.Cookie++ }), neighbour, ""},
		{"a conjunction's clause", without("node2", pipeline.GroupRules, "conjunction(1,2/2)"), remote, ""},
		{"a group's bucket", func(node string, t *flow.Tables) {
			for i, g := range t.Groups {
				if node == "node1" && len(g.Buckets) > 0 {
					t.Groups[i].Buckets = slices.Clip(g.Buckets[:len(g.Buckets)-1])
				}
			}
		}, all, ""},
	} {
		s := newStage()
		p := c.packet(s)
		wanted := Follow(s.cloud(t), p)
		s.hand, s.away = c.hand, c.away
		present := Follow(s.cloud(t), p)
		fmt.Fprintf(&b, "%s\n  wanted  %s\n  present %s\n", c.name, wanted.Verdict, present.Verdict)
		if d := Compare(wanted, present); d == nil {
			b.WriteString("  equal\n")
		} else if d.Entry == "" {
			fmt.Fprintf(&b, "  %s on %s: group %d\n", d.Kind, d.Node.Hostname, d.Group)
		} else {
			fmt.Fprintf(&b, "  %s on %s: %s\n", d.Kind, d.Node.Hostname, example.Text(d.Entry))
		}
	}
	golden(t, "differences.golden", b.String())
}
