package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/planck-sdn/planck/northbound/admin"
	"github.com/planck-sdn/planck/tests/lab"
)

// hangs waits until the fabric has that one uplink to the node.
func (c *Cloud) hangs(n *lab.Node, s *Hardware, port uint32) {
	c.t.Helper()
	want := []admin.FabricUplink{{Switch: s.Name, Port: port, Name: fmt.Sprintf("eth%d", port), Node: n.Name}}
	lab.Eventually(c.t, limit, fmt.Sprintf("%s hangs on port %d of %s", n.Name, port, s.Name), func() error {
		if f := c.Fabric(); !slices.Equal(f.Uplinks, want) {
			return fmt.Errorf("uplinks %+v", f.Uplinks)
		}
		return nil
	})
}

// TestUplinkFound: a node's bridge hangs on a switch, and nobody has declared that; then its cable is moved.
func TestUplinkFound(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{})
	node := c.AddNode("compute1", onFabric)
	ring := c.Ring()
	leaf1, leaf2, leaf3 := ring.Switches[0], ring.Switches[1], ring.Switches[2]
	cable, _ := leaf1.Uplink(20, node)
	c.hangs(node, leaf1, 20)

	net, _ := c.VLAN(100, "10.1.0.0/24")
	near := leaf1.Server(net, "near", hostPort, 0)
	far := leaf2.Server(net, "far", hostPort, 300)
	vm := c.Boot(node, c.CreatePort(net, "vm", nil))
	servers := []*VM{near, far}
	reach := func() {
		for _, v := range servers {
			v.MustReach(vm.IP)
			vm.MustReach(v.IP)
		}
	}
	reach()
	s, err := leaf1.Shown()
	i := slices.IndexFunc(s.Ports, func(p admin.SwitchPort) bool { return p.Number == 20 })
	if err != nil || i < 0 || !strings.HasPrefix(s.Ports[i].Peer, node.Name) {
		t.Errorf("ports %+v, %v; expected %s behind port 20", s.Ports, err, node.Name)
	}

	c.Run("moved", func(t *testing.T) {
		for _, to := range []struct {
			*Hardware
			port uint32
		}{{leaf3, 21}, {leaf2, 22}, {leaf2, 23}} {
			var pings []*lab.Pinger
			for _, v := range servers {
				pings = append(pings, v.StartPing(vm.IP, pingInterval), vm.StartPing(v.IP, pingInterval))
			}
			for _, p := range pings {
				c.Answered(p, 20, "pings before the move")
			}
			cable.Cut()
			began := time.Now()
			cable, _ = to.Uplink(to.port, node)
			c.hangs(node, to.Hardware, to.port)
			found := time.Since(began)
			for _, p := range pings {
				c.Answered(p, 20, "pings after the move")
			}
			for _, p := range pings {
				r := p.Stop()
				t.Logf("moved to %s, found after %v: %v", to.Name, found.Round(time.Millisecond), r)
				if r.Outage > 10*time.Second || r.Duplicates > 0 {
					t.Errorf("%v, %d duplicates", r, r.Duplicates)
				}
			}
			reach()
		}
	})

	c.Run("a second cable", func(t *testing.T) {
		// It changes nothing, and makes no loop: what comes by it is not taken.
		ping := near.StartPing(vm.IP, pingInterval)
		c.Answered(ping, 20, "pings before")
		seen := []*Witness{near.Watch(""), far.Watch("")}
		second, _ := leaf1.Uplink(24, node)
		c.waitRounds(4)
		c.hangs(node, leaf2, 23)
		vm.SendFrames(vm.IPv4Broadcast("once"))
		vm.Settle(seen...)
		for _, w := range seen {
			w.Got("once")
		}
		reach()
		c.Answered(ping, 20, "pings with two cables")
		if r := ping.Stop(); r.Duplicates > 0 || r.Lost() > r.Replugged {
			t.Errorf("%v, %d duplicates", r, r.Duplicates)
		}
		cable.Cut()
		c.hangs(node, leaf1, 24)
		reach()
		second.Cut()
		lab.Eventually(t, limit, "no uplink is left", func() error {
			if f := c.Fabric(); len(f.Uplinks) > 0 {
				return fmt.Errorf("uplinks %+v", f.Uplinks)
			}
			return nil
		})
		vm.MustNotReach(near.IP)
		near.MustReach(far.IP)
	})
}
