package e2e

import (
	"testing"

	"github.com/planck-sdn/planck/tests/lab"
)

// TestBareMetal: Open vSwitch as three physical switches in a ring.
func TestBareMetal(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{})
	node := c.AddNode("compute1", onFabric)
	c.Ring(node).tellStory(node)
}

// tellStory has servers at the three switches, and VMs at a node that hangs on one of them, in two VLANs. It returns the members of the first one.
func (ring *Ring) tellStory(node *lab.Node) []*VM {
	c := ring.Cloud
	leaf1, leaf2, leaf3 := ring.Switches[0], ring.Switches[1], ring.Switches[2]

	red, redSubnet := c.VLAN(100, "10.1.0.0/24")
	blue, _ := c.VLAN(200, "10.2.0.0/24")
	one := leaf1.Server(red, "one", hostPort, 0)
	near := leaf1.Server(red, "near", hostPort+1, 300) // tagged, not with the network's own VLAN id
	far := leaf2.Server(red, "far", hostPort, 0)
	farther := leaf3.Server(red, "farther", hostPort, 200) // tagged with that of the other network
	vm := c.Boot(node, c.CreatePort(red, "vm", nil))
	other := leaf2.Server(blue, "other", hostPort+1, 0)
	otherVM := c.Boot(node, c.CreatePort(blue, "other-vm", nil))
	members := []*VM{one, near, far, farther, vm}

	c.Run("everyone reaches everyone", func(t *testing.T) {
		for _, from := range members {
			for _, to := range members {
				if from != to {
					from.MustReach(to.IP)
				}
			}
		}
		other.MustReach(otherVM.IP)
		otherVM.MustReach(other.IP)
	})

	c.Run("broadcast reaches members once and nobody else", func(t *testing.T) {
		for _, from := range members {
			var inside []*Witness
			for _, to := range members {
				if to != from {
					inside = append(inside, to.Watch(""))
				}
			}
			outside := []*Witness{other.Watch(""), otherVM.Watch(""), from.Watch("")}
			from.SendFrames(from.IPv4Broadcast("broadcast of "+from.Name), from.IPv4To(other, "to another network"))
			from.Settle(inside...)
			for _, w := range inside {
				w.Got("broadcast of " + from.Name)
			}
			other.Settle(outside[1])
			otherVM.Settle(outside[0])
			for _, w := range outside {
				w.Got()
			}
		}
	})

	c.Run("router", func(t *testing.T) {
		router := c.CreateRouter("router", nil)
		c.AddInterface(router.ID, redSubnet)
		green, _ := c.Routed(router.ID, "green", "10.3.0.0/24", nil)
		behind := c.Boot(node, c.CreatePort(green, "behind", nil))
		for _, server := range []*VM{one, near, far, farther} {
			server.Route("default", "10.1.0.1")
			server.MustReach("10.1.0.1")
			server.MustReach(behind.IP)
			behind.MustReach(server.IP)
		}
	})

	c.Run("cut cables", func(t *testing.T) {
		for i, cable := range ring.Cables {
			pings := []*lab.Pinger{one.StartPing(far.IP, pingInterval), far.StartPing(farther.IP, pingInterval), farther.StartPing(vm.IP, pingInterval)}
			for _, p := range pings {
				c.Answered(p, 20, "pings before the cut")
			}
			cable.Cut()
			for _, p := range pings {
				c.Answered(p, 20, "pings after the cut")
			}
			c.WaitLinks(len(ring.Cables) - 1)
			cable.Mend()
			c.WaitLinks(len(ring.Cables))
			c.WaitConverged()
			for k, p := range pings {
				c.Answered(p, 20, "pings after the cable was mended")
				r := p.Stop()
				t.Logf("cable %d, pings %d: %v", i, k, r)
				if r.Outage.Seconds() >= 1 || r.Duplicates > 0 {
					t.Errorf("cable %d: pings %d: %v, %d duplicates", i, k, r, r.Duplicates)
				}
			}
		}
	})
	return members
}
