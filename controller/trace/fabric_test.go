package trace

import (
	"strings"
	"testing"
	"time"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// TestFabric follows packets of bare metal through physical switches, to nodes and back.
func TestFabric(t *testing.T) {
	c := &example.Cloud{}
	example.Fabric(c)
	v := c.View()
	cloud := Cloud{View: v, Apps: apps.All(), Now: time.Unix(0, 0), Tables: func(n *model.Node) (*flow.Tables, error) {
		held, err := example.Tables(apps.All(), v, n.Number)
		return &held, err
	}}
	for _, x := range []struct{ from, to, verdict, way string }{
		{"metal1", "metal2", "delivered to metal2 (port metal2) on tor2; the reply comes back", "over the link from tor1 port 1 to tor2 port 2"},
		{"metal2", "metal3", "delivered to metal3 (port metal3) on tor2; the reply comes back", "in by metal2"},
		{"metal1", "vm1", "delivered to vm1 (port vm1) on node1; the reply comes back", "by the uplink at port 3 of tor3 to node1"},
		{"vm1", "metal2", "delivered to metal2 (port metal2) on tor2; the reply comes back", "by the uplink from node1 to port 3 of tor3"},
		{"metal1", "vm2", "delivered to vm2 (port vm2) on node1; the reply comes back", "by the uplink at port 3 of tor3 to node1"},
		{"vm3", "metal2", "delivered to metal2 (port metal2) on tor2; the reply comes back", "through the tunnel from node2 to node1"},
		{"vm2", "metal3", "delivered to metal3 (port metal3) on tor2; the reply comes back", "by the uplink from node1 to port 3 of tor3"},
	} {
		to := v.PortByID(x.to)
		way := Follow(cloud, Packet{From: v.PortByID(x.from), Port: to, To: AddressOf(to), Protocol: model.ProtocolTCP, DestinationPort: 22})
		var text strings.Builder
		for _, s := range way.Stages {
			name := ""
			if s.Node != nil {
				name = s.Node.Hostname
			}
			text.WriteString(name + ": " + s.Note + "\n")
		}
		if way.Verdict != x.verdict {
			t.Errorf("%s to %s: %s, not %s\n%s", x.from, x.to, way.Verdict, x.verdict, text.String())
		}
		if !strings.Contains(text.String(), x.way) {
			t.Errorf("%s to %s: not %q:\n%s", x.from, x.to, x.way, text.String())
		}
	}
	from := v.PortByID("metal1")
	spoofed := Follow(cloud, Packet{From: from, Port: v.PortByID("metal2"), To: AddressOf(v.PortByID("metal2")), Source: AddressOf(v.PortByID("metal3")), Protocol: model.ProtocolTCP, DestinationPort: 22})
	if want := "dropped on tor1 at guard: 10.1.0.13 is not a source that the port may send from"; spoofed.Verdict != want {
		t.Errorf("a spoofed packet: %s, not %s", spoofed.Verdict, want)
	}
}
