package e2e

import (
	"fmt"
	"slices"
	"testing"

	"github.com/planck-sdn/planck/tests/lab"
)

// TestBareMetalRestarts: planckd ends and starts again, a switch does, and switches are out of sight for a while.
func TestBareMetalRestarts(t *testing.T) {
	c := Start(t, Options{})
	node := c.AddNode("compute1", onFabric)
	ring := c.Ring(node)
	leaf1, leaf2, leaf3 := ring.Switches[0], ring.Switches[1], ring.Switches[2]
	net, _ := c.VLAN(100, "10.1.0.0/24")
	one := leaf1.Server(net, "one", hostPort, 0)
	two := leaf2.Server(net, "two", hostPort, 300)
	three := leaf3.Server(net, "three", hostPort, 0)
	vm := c.Boot(node, c.CreatePort(net, "vm", nil))
	members := []*VM{one, two, three, vm}
	late, leaving := leaf1.Rack("late", hostPort+1, 0), leaf2.Server(net, "leaving", hostPort+1, 0)
	for _, v := range members {
		leaving.MustReach(v.IP)
	}
	ready := func() {
		t.Helper()
		for _, s := range ring.Switches {
			s.WaitReady()
		}
		c.WaitReady(node)
		c.WaitLinks(len(ring.Cables))
		c.WaitConverged()
	}
	ready()
	pings := func() map[string]*lab.Pinger {
		all := map[string]*lab.Pinger{}
		for i, from := range members {
			to := members[(i+1)%len(members)]
			p := from.StartPing(to.IP, pingInterval)
			all[from.Name+" to "+to.Name] = p
			c.Answered(p, 20, from.Name+" to "+to.Name)
		}
		return all
	}

	c.Run("planckd", func(t *testing.T) {
		running, before := pings(), ring.sent()
		c.Planckd.Kill()
		c.Planckd.Start()
		ready()
		c.waitRounds(5)
		for what, p := range running {
			c.Answered(p, 20, what+" after the restart of planckd")
			t.Log(what)
			lostNothing(t, p)
		}
		if now := ring.sent(); now != before {
			t.Errorf("%d messages were sent that change tables, though nothing had changed", now-before)
		}
		c.sentNothing()
	})

	c.Run("a switch", func(t *testing.T) {
		for _, s := range ring.Switches {
			before, err := s.Entries()
			if err != nil {
				t.Fatal(err)
			}
			running := pings()
			if err := s.Restart(); err != nil {
				t.Fatal(err)
			}
			for what, p := range running {
				c.Answered(p, 20, fmt.Sprintf("%s after the restart of %s", what, s.Name))
			}
			ready()
			for what, p := range running {
				t.Logf("%s restarts, %s: %v", s.Name, what, p.Stop())
			}
			lab.Eventually(t, limit, s.Name+" holds what it held", func() error {
				after, err := s.Entries()
				if err == nil && !slices.Equal(after, before) {
					err = fmt.Errorf("it lacks %q, and has %q besides", lacking(before, after), lacking(after, before))
				}
				return err
			})
			for _, v := range members {
				lease, err := v.DHCP(lab.Udhcpc)
				if err != nil || lease.IP.Addr().String() != v.IP {
					t.Errorf("%s: lease %+v, %v", v.Name, lease, err)
				}
			}
		}
	})

	c.Run("out of sight", func(t *testing.T) {
		running := pings()
		for _, s := range ring.Switches {
			s.CutControl()
		}
		for _, s := range ring.Switches {
			lab.Eventually(t, 2*limit, s.Name+" is away", func() error {
				shown, err := s.Shown()
				if err == nil && shown.State != "away" {
					err = fmt.Errorf("it is %s", shown.State)
				}
				return err
			})
		}
		p := c.CreatePort(net, late.Name, BareMetal(late.MAC, leaf1.Profile(hostPort+1, 0)))
		c.DeletePort(leaving.Port.ID)
		for what, p := range running {
			c.Answered(p, 20, what+" without a controller")
		}
		if now := c.Port(p.ID); now.Status != "DOWN" || now.VIFType != "other" {
			t.Errorf("a port at a switch that is away is %s and %s", now.Status, now.VIFType)
		}
		for _, s := range ring.Switches {
			s.RestoreControl()
		}
		ready()
		late.address(c.WaitActive(p.ID))
		for _, v := range members {
			late.MustReach(v.IP)
			leaving.MustNotReach(v.IP)
		}
		for what, p := range running {
			c.Answered(p, 20, what+" with a controller again")
			t.Log(what)
			lostNothing(t, p)
		}
	})
}
