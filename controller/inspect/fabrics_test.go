package inspect

import (
	"fmt"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/northbound/admin"
)

// ring is tor1, tor2 and tor3 in a ring with bare metal, a node and the world outside; lone is of another physical network, and of its two
// switches one is cut off.
func ring() (c *example.Cloud, tor1 *model.Node) {
	c = &example.Cloud{}
	example.Fabric(c)
	a, b := c.Switch("lone1", "lab", 2), c.Switch("lone2", "lab", 2)
	c.Link(a, 1, b, 1)
	b.Switch.Ports[0].Up = false
	for _, n := range c.View().Switches() {
		if n.Hostname == "tor1" {
			tor1 = n
		}
	}
	return c, tor1
}

func briefLinks(links []admin.SwitchLink) string {
	var words []string
	for _, l := range links {
		words = append(words, fmt.Sprintf("%s:%s-%s:%s up=%t tree=%t", l.A.Node, l.A.Name, l.B.Node, l.B.Name, l.Up, l.InTree))
	}
	return strings.Join(words, "; ")
}

func TestFabrics(t *testing.T) {
	c, _ := ring()
	list := fabricsOf(c.View())
	if len(list) != 2 || list[0].PhysicalNetwork != "dc" || list[1].PhysicalNetwork != "lab" {
		t.Fatalf("fabrics %+v", list)
	}
	dc, lab := list[0], list[1]
	if fmt.Sprint(dc.Switches, dc.Parts, lab.Parts) != "[tor1 tor2 tor3] [[tor1 tor2 tor3]] [[lone1] [lone2]]" {
		t.Errorf("switches %v, parts %v and %v", dc.Switches, dc.Parts, lab.Parts)
	}
	const want = "tor1:eth1-tor2:eth2 up=true tree=true; tor2:eth1-tor3:eth2 up=true tree=true; tor1:eth2-tor3:eth1 up=true tree=false"
	if got := briefLinks(dc.Links); got != want {
		t.Errorf("links %s\nnot   %s", got, want)
	}
	if got := briefLinks(lab.Links); got != "lone1:eth1-lone2:eth1 up=false tree=false" {
		t.Errorf("links %s", got)
	}
	if got := fmt.Sprint(dc.Uplinks); got != "[{tor3 3 eth3 node1} {tor3 4 eth4 }]" {
		t.Errorf("uplinks %s", got)
	}
}

func TestPortsOfSwitch(t *testing.T) {
	c, tor1 := ring()
	view := c.View()
	brief := func(n *model.Node) string {
		var words []string
		for _, p := range portsOf(view, n, linksOf(view, n), map[string]string{"metal1": "ACTIVE"}) {
			word := fmt.Sprintf("%d %s", p.Number, p.Role)
			if p.Peer != "" {
				word += " to " + p.Peer
			}
			for _, h := range p.Hosts {
				word += fmt.Sprintf(" %s tag %d %s", h.PortID, h.Tag, h.Status)
			}
			words = append(words, word)
		}
		return strings.Join(words, "; ")
	}
	for name, want := range map[string]string{
		"tor1": "1 link to tor2 port 2 (eth2); 2 link to tor3 port 1 (eth1); 3 bare metal metal1 tag 0 ACTIVE; 4 ",
		"tor2": "1 link to tor3 port 2 (eth2); 2 link to tor1 port 1 (eth1); 3 bare metal metal2 tag 7 ; 4 bare metal metal3 tag 0 ",
		"tor3": "1 link to tor1 port 2 (eth2); 2 link to tor2 port 1 (eth1); 3 uplink to node1; 4 uplink to outside",
	} {
		if got := brief(findSwitch(view, name)); got != want {
			t.Errorf("%s: %s\nnot   %s", name, got, want)
		}
	}
	id := fmt.Sprintf("%016x", tor1.DatapathID)
	if findSwitch(view, id) != findSwitch(view, "tor1") || findSwitch(view, "node1") != nil || findSwitch(view, "beef") != nil {
		t.Error("switches are not found by their names and datapath ids alone")
	}
}
