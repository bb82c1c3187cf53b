package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/planck-sdn/planck/tests/lab"
)

// sentNothing fails the test if planckd has sent a flow-mod in the present OpenFlow sessions.
func (c *Cloud) sentNothing() {
	c.t.Helper()
	if n := c.FlowMods(); n != 0 {
		c.t.Errorf("%d flow-mods were sent although nothing had changed", n)
	}
}

// lostNothing ends a ping, and fails the test if a packet was lost that Open vSwitch did not lose over a plugging.
func lostNothing(t testing.TB, p *lab.Pinger) {
	t.Helper()
	result := p.Stop()
	t.Log(result)
	if n := result.Lost() - result.Replugged; n != 0 {
		t.Errorf("lost %d packets", n)
	}
}

// TestKilledAndStarted: planckd ends with SIGKILL and starts again while two VMs on different nodes talk. No packet is lost,
// and the switches, which hold what they should, are sent nothing.
func TestKilledAndStarted(t *testing.T) {
	for _, database := range Databases {
		t.Run(string(database), func(t *testing.T) {
			c := Start(t, Options{Database: database})
			nodes := c.AddNodes("compute1", "compute2")
			net := c.CreateNetwork("net", nil)
			c.CreateSubnet(net, "10.1.0.0/24", nil)
			a := c.Boot(nodes[0], c.CreatePort(net, "a", nil))
			b := c.Boot(nodes[1], c.CreatePort(net, "b", nil))
			a.MustReach(b.IP)
			c.WaitConverged()
			entries := c.EntryAges()

			ping := a.StartPing(b.IP, pingInterval)
			c.Planckd.Kill()
			c.Answered(ping, 100, "pings without a controller")
			c.Planckd.Start()
			c.WaitReady(nodes...)
			c.WaitConverged()
			c.Answered(ping, 100, "pings with the new controller")
			lostNothing(t, ping)
			c.sentNothing()
			c.Kept(entries)
		})
	}
}

// blocked is how long one node's OVSDB connection stays away after planckd has started. Nothing in planckd may act
// because a node has not spoken for some time; so it is much longer than everything there that runs out: a
// mastership's lease (15 s), an OpenFlow session without an echo (5 s and 10 s), an OVSDB session without one (10 s), a
// handshake (10 s), the next try of a node that could not be served (2 s).
const blocked = 60 * time.Second

// TestStartedWhileANodeIsBlocked: a node that has not spoken since planckd started changes nothing, for nobody.
func TestStartedWhileANodeIsBlocked(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{})
	nodes := c.AddNodes("compute1", "compute2", "compute3")
	net := c.CreateNetwork("net", nil)
	c.CreateSubnet(net, "10.1.0.0/24", nil)
	var vms []*VM
	for _, n := range nodes {
		vms = append(vms, c.Boot(n, c.CreatePort(net, "vm", nil)))
	}
	vms[0].MustReach(vms[1].IP)
	vms[0].MustReach(vms[2].IP)
	c.WaitConverged()
	entries := c.EntryAges()
	pings := []*lab.Pinger{vms[0].StartPing(vms[1].IP, pingInterval), vms[0].StartPing(vms[2].IP, pingInterval)}

	nodes[2].CutOVSDB()
	c.Planckd.Kill()
	c.Planckd.Start()
	started := time.Now()
	c.WaitReady(nodes[0], nodes[1])
	lab.Eventually(t, 2*blocked, "pings while a node is blocked", func() error {
		return pings[1].AnsweredAfter(started.Add(blocked), 10)
	})
	if s, err := c.NodeStatus("compute3"); err != nil || s.State != "away" || s.OpenFlowConnected {
		t.Errorf("the blocked node: %+v, %v", s, err)
	}
	c.sentNothing()
	c.Kept(entries)

	nodes[2].RestoreOVSDB()
	c.WaitReady(nodes...)
	c.WaitConverged()
	for _, p := range pings {
		c.Answered(p, 10, "pings after the node is back")
		lostNothing(t, p)
	}
	c.sentNothing()
	c.Kept(entries)
}

// TestChangedWhileDown: what another replica writes while planckd is down, and later, arrives.
func TestChangedWhileDown(t *testing.T) {
	c := Start(t, Options{Database: PostgreSQL})
	nodes := c.AddNodes("compute1", "compute2")
	net := c.CreateNetwork("net", nil)
	c.CreateSubnet(net, "10.1.0.0/24", nil)
	a := c.Boot(nodes[0], c.CreatePort(net, "a", nil))
	gone := c.Boot(nodes[1], c.CreatePort(net, "gone", nil))
	a.MustReach(gone.IP)

	c.Planckd.Kill()
	other := c.AddReplica("other").Client("", "admin")
	b := other.CreatePort(net, "b", nil) // before the address of the other is free, which a knows as that one's
	other.DeletePort(gone.Port.ID)
	c.Planckd.Start()
	c.WaitReady(nodes...)
	c.WaitConverged()
	a.MustReach(c.Boot(nodes[1], b).IP)
	late := other.CreatePort(net, "late", nil)
	a.MustReach(c.Boot(nodes[1], late).IP)
	for node, entries := range c.Snapshot() {
		for _, e := range entries {
			if strings.Contains(e, gone.MAC) {
				t.Errorf("%s still has an entry of the deleted port: %s", node, e)
			}
		}
	}
}
