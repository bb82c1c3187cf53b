package e2e

import "testing"

// TestBareMetalThroughput: TCP between servers at two switches, and between a server and a VM, with and without tags.
func TestBareMetalThroughput(t *testing.T) {
	c := Start(t, Options{})
	node := c.AddNode("compute1", onFabric)
	ring := c.Ring(node)
	net, _ := c.VLAN(100, "10.1.0.0/24")
	one := ring.Switches[0].Server(net, "one", hostPort, 0)
	far := ring.Switches[1].Server(net, "far", hostPort, 0)
	tagged := ring.Switches[2].Server(net, "tagged", hostPort, 300)
	vm := c.Boot(node, c.CreatePort(net, "vm", nil))
	for _, to := range []*VM{far, tagged, vm} {
		server, err := to.Start("iperf3", "-s")
		if err != nil {
			t.Fatal(err)
		}
		for _, reverse := range []bool{false, true} {
			rate := iperf(t, one, to.IP, reverse)
			t.Logf("iperf3 between %s and %s, reverse %t: %.0f Mbit/s", one.Name, to.Name, reverse, rate)
			if rate < 10 {
				t.Errorf("%.0f Mbit/s", rate)
			}
		}
		server.Kill()
	}
}
