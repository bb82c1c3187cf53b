package e2e

import (
	"testing"

	"github.com/planck-sdn/planck/tests/lab"
)

// TestOneMachine: the controller, the VMs, the way out and floating IPs on one machine with one NIC; then a second one.
func TestOneMachine(t *testing.T) {
	c := Start(t, Options{})
	oneNIC := map[string]string{"public": "br-phy"}
	all := c.AddNode("allinone", lab.NodeOptions{Mappings: oneNIC, InController: true})
	w := c.World(c.Lab.AddNode("outside", lab.NodeOptions{Mappings: oneNIC}), "br-phy")
	router := c.CreateRouter("router", Via(w.Net, nil))
	north, _ := c.Routed(router.ID, "north", "10.1.0.0/24", nil)
	south, _ := c.Routed(router.ID, "south", "10.2.0.0/24", nil)
	a := c.Boot(all, c.CreatePort(north, "a", nil))
	b := c.Boot(all, c.CreatePort(south, "b", nil))
	f := c.CreateFloatingIP(w.Net, Attrs{"port_id": b.Port.ID})
	a.Serve(talkPort)
	b.Serve(talkPort)

	everything := func(plain *VM, as string) {
		t.Helper()
		plain.MustBeSeenAs(plain.IP, b, b.IP)
		plain.MustTrace(b.IP, nil, plain.IP[:len("10.1.0.")]+"1", b.IP)
		for _, o := range []*VM{w.Host, w.Far} {
			plain.MustBeSeenAs(as, o, o.IP)
			b.MustBeSeenAs(f.Address, o, o.IP)
			o.MustBeSeenAs(o.IP, b, f.Address)
		}
		plain.MustBeSeenAs(as, b, f.Address)
		b.MustBeSeenAs(f.Address, b, f.Address)
	}
	c.Run("one machine", func(t *testing.T) { everything(a, router.GatewayIP()) })
	c.Run("two machines", func(t *testing.T) {
		second := c.AddNode("compute2", lab.NodeOptions{Mappings: oneNIC})
		v := c.Boot(second, c.CreatePort(north, "v", nil))
		v.Serve(talkPort)
		c.WaitConverged()
		everything(v, router.GatewayIP())
		g := c.CreateFloatingIP(w.Net, Attrs{"port_id": v.Port.ID})
		c.WaitConverged()
		everything(v, g.Address)
		w.Host.MustBeSeenAs(hostIP, v, g.Address)
		b.MustBeSeenAs(f.Address, v, g.Address)
		if gateway := c.WaitGatewayNode(router.ID, all, second); gateway != all {
			t.Errorf("the way out moved to %s", gateway.Name)
		}
	})
}
