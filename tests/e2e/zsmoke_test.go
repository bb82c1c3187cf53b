package e2e

import ("testing";"time";"github.com/planck-sdn/planck/tests/lab")

func TestSmoke(t *testing.T) {
	for _, db := range Databases { t.Run(string(db), func(t *testing.T) {
	began := time.Now()
	c := Start(t, Options{Database: db})
	t.Log("planckd up", time.Since(began))
	nodes := c.AddNodes("compute1", "compute2")
	t.Log("nodes ready", time.Since(began))
	red := c.Project("red")
	net := red.CreateNetwork("net", nil)
	red.CreateSubnet(net, "10.1.0.0/24", nil)
	a := c.Boot(nodes[0], red.CreatePort(net, "a", nil))
	b := c.Boot(nodes[1], red.CreatePort(net, "b", nil), lab.Dhclient)
	t.Log("VMs booted", time.Since(began))
	c.WaitConverged()
	a.MustReach(b.IP)
	red.Refused(404, "NetworkNotFound", "GET", "/v2.0/networks/6f1cf8d4-0000-0000-0000-000000000000", nil)
	ping := a.StartPing(b.IP, 20*time.Millisecond)
	c.Planckd.Kill()
	c.Planckd.Start()
	c.WaitReady(nodes...)
	t.Log("flow mods after restart", c.FlowMods(), ping.Stop(), a.Lease)
	c.Quiet("nothing", func(){})
	t.Log(len(c.Snapshot()["compute1"]), len(c.Flows("", a.Port.ID)))
	t.Log("end", time.Since(began))
	})}
}
