package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/tests/lab"
)

// TestWhyBareMetal breaks the network of bare metal in the ways in which it breaks, and expects planckctl why to name the cause.
func TestWhyBareMetal(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{})
	node := c.AddNode("compute1", onFabric)
	ring := c.Ring(node)
	leaf1, leaf2 := ring.Switches[0], ring.Switches[1]
	red, subnet := c.VLAN(100, "10.1.0.0/24")
	router := c.CreateRouter("router", nil)
	c.AddInterface(router.ID, subnet)
	a, b := leaf1.Server(red, "a", hostPort, 0), leaf2.Server(red, "b", hostPort, 300)
	a.MustReach(b.IP)
	c.WaitConverged()
	if w := c.Why(a.Port.ID); w.Cause != "" {
		t.Fatalf("of a port that is well: %+v", w)
	}
	whole := func() { c.WaitLinks(len(ring.Cables)) }
	for _, x := range []struct {
		name, cause string
		port        string // empty: that of a
		damage      func()
		undo        func()
	}{
		{name: "no link", cause: "hangs on no switch", port: c.CreatePort(red, "nowhere", BareMetal("02:00:00:00:0a:01", Attrs{})).ID},
		{name: "unknown switch", cause: "no physical switch is declared", port: c.CreatePort(red, "unknown", BareMetal("02:00:00:00:0a:02", link("00000000000000ff", "eth1", 0))).ID},
		{name: "unknown port", cause: "switch leaf1 has no port eth99", port: c.CreatePort(red, "portless", BareMetal("02:00:00:00:0a:03", leaf1.Profile(99, 0))).ID},
		{name: "cable pulled", cause: "Port eth10 of switch leaf1 is down", damage: a.Cable().Cut, undo: a.Cable().Mend},
		{name: "switch cut off", cause: "Switch leaf1 has no OpenFlow session", damage: leaf1.CutControl, undo: leaf1.RestoreControl},
		{name: "fabric torn", cause: "no way from switch leaf1 to leaf2", damage: func() { ring.Cables[0].Cut(); ring.Cables[1].Cut() },
			undo: func() { ring.Cables[0].Mend(); ring.Cables[1].Mend() }},
		{name: "nobody routes", cause: "router " + router.ID, damage: node.CutControl, undo: node.RestoreControl},
		{name: "entry by hand", cause: "Somebody has changed the tables of node leaf1: it has",
			damage: func() {
				c.must(leaf1.AddFlows("br0", "table=4,priority=60,dl_vlan=100,dl_dst=02:00:00:00:0b:01,actions=drop"))
			},
			undo: func() {
				_, err := leaf1.Ofctl("--strict", "del-flows", "br0", "table=4,priority=60,dl_vlan=100,dl_dst=02:00:00:00:0b:01")
				c.must(err)
			}},
	} {
		c.Run(x.name, func(t *testing.T) {
			if x.damage != nil {
				x.damage()
				defer func() {
					x.undo()
					leaf1.WaitReady()
					whole()
					lab.Eventually(t, limit, "all is well again", func() error {
						if w := c.Why(a.Port.ID); w.Cause != "" {
							return fmt.Errorf("%s", w.Cause)
						}
						return nil
					})
				}()
			}
			if x.port == "" {
				x.port = a.Port.ID
			}
			lab.Eventually(t, limit, "why names the cause", func() error {
				if w := c.Why(x.port); !strings.Contains(w.Cause, x.cause) {
					return fmt.Errorf("%q is not in %q; %+v", x.cause, w.Cause, w.Checks)
				}
				return nil
			})
		})
	}
}
