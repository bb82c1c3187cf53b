package e2e

import (
	"testing"
	"time"
)

const pingInterval = 10 * time.Millisecond

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
			result := ping.Stop()
			t.Log(result)
			if result.Lost() != 0 {
				t.Errorf("lost %d packets", result.Lost())
			}
			if n := c.FlowMods(); n != 0 {
				t.Errorf("%d flow-mods were sent although nothing had changed", n)
			}
			c.Kept(entries)
		})
	}
}
