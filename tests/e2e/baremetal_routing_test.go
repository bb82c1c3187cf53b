package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/planck-sdn/planck/northbound/admin"
	"github.com/planck-sdn/planck/tests/lab"
)

// serviceNode waits until one of the nodes routes for the bare metal of a network by a router, and returns it.
func (c *Cloud) serviceNode(router string, n Network, nodes ...*lab.Node) (serving *lab.Node) {
	c.t.Helper()
	lab.Eventually(c.t, limit, "a node routes for the bare metal of "+n.Name, func() error {
		var r admin.Router
		if err := c.request(http.MethodGet, admin.Prefix+"/routers/"+router, nil, &r); err != nil {
			return err
		}
		for _, i := range r.Interfaces {
			at := slices.IndexFunc(nodes, func(n *lab.Node) bool { return n.Name == i.Node })
			if i.NetworkID == n.ID && at >= 0 {
				serving = nodes[at]
				return nil
			}
		}
		return fmt.Errorf("interfaces %+v", r.Interfaces)
	})
	return serving
}

// TestBareMetalRouting: a node that hangs on the fabric routes for servers, and another one if it ends.
func TestBareMetalRouting(t *testing.T) {
	c := Start(t, Options{})
	hanging := []*lab.Node{c.AddNode("compute1", onFabric), c.AddNode("compute2", onFabric)}
	island := c.AddNode("compute3") // without a mapping to the fabric
	ring := c.Ring(hanging...)
	red, subnet := c.VLAN(100, "10.1.0.0/24")
	blue, blueSubnet := c.VLAN(200, "10.2.0.0/24")
	router := c.CreateRouter("router", nil)
	for _, s := range []Subnet{subnet, blueSubnet} {
		c.AddInterface(router.ID, s)
	}
	green, _ := c.Routed(router.ID, "green", "10.3.0.0/24", nil)
	var servers, behind []*VM
	for i, s := range ring.Switches {
		servers = append(servers, s.Server(red, fmt.Sprint("red", i+1), hostPort, 0))
	}
	other := ring.Switches[2].Server(blue, "blue", hostPort+1, 300)
	for _, n := range append(hanging, island) {
		behind = append(behind, c.Boot(n, c.CreatePort(green, "green", nil)))
	}
	for _, v := range servers {
		v.Route("default", "10.1.0.1")
	}
	other.Route("default", "10.2.0.1")
	reach := func(from ...*VM) {
		t.Helper()
		for _, v := range from {
			for _, s := range append(servers, other) {
				v.MustReach(s.IP)
				s.MustReach(v.IP)
			}
		}
		for _, s := range servers {
			s.MustReach("10.1.0.1")
			s.MustReach(other.IP)
		}
	}
	serving := c.serviceNode(router.ID, red, hanging...)
	reach(behind...)

	c.Run("the node ends", func(t *testing.T) {
		left := slices.DeleteFunc(slices.Clone(hanging), func(n *lab.Node) bool { return n == serving })
		alive := slices.DeleteFunc(slices.Clone(behind), func(v *VM) bool { return v.Node() == serving })
		var pings []*lab.Pinger
		for _, s := range servers {
			for _, v := range alive {
				pings = append(pings, s.StartPing(v.IP, pingInterval))
			}
		}
		neighbours := servers[0].StartPing(servers[2].IP, pingInterval)
		for _, p := range append(pings, neighbours) {
			c.Answered(p, 20, "pings before")
		}
		began := time.Now()
		serving.KillVswitchd()
		serving.OVSDBServer().Kill()
		for _, p := range pings {
			c.Answered(p, 20, "pings after the end of "+serving.Name)
		}
		t.Logf("bare metal is routed again %v after the end of %s", time.Since(began).Round(time.Millisecond), serving.Name)
		for _, p := range pings {
			r := p.Stop()
			t.Log(r)
			if r.Outage > replaceLimit {
				t.Errorf("without service for %v", r.Outage)
			}
		}
		lostNothing(t, neighbours)
		if now := c.serviceNode(router.ID, red, left...); now != left[0] {
			t.Errorf("%s routes", now.Name)
		}
		reach(alive...)

		// It comes back, and what it served does not.
		after := servers[0].StartPing(alive[1].IP, pingInterval)
		if err := serving.StartOVSDB(); err != nil {
			t.Fatal(err)
		}
		if err := serving.StartVswitchd(); err != nil {
			t.Fatal(err)
		}
		c.WaitReady(serving)
		c.WaitConverged()
		c.Answered(after, 100, "pings after the return of "+serving.Name)
		if r := after.Stop(); r.Outage > returnLimit {
			t.Errorf("when %s returns: %v", serving.Name, r)
		}
		c.serviceNode(router.ID, red, left...)
		c.Lab.WarmTunnels()
		reach(behind...)
	})
}

// TestBareMetalOutside: servers reach the world outside by source NAT, and are reached from there by a floating IP.
func TestBareMetalOutside(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{})
	both := lab.NodeOptions{Mappings: map[string]string{fabric: "br-fabric", "public": "br-ex"}, Unwired: true}
	node := c.AddNode("compute1", both)
	ring := c.Ring(node)
	w := c.World(node, "br-ex")
	net, subnet := c.VLAN(100, "10.1.0.0/24")
	router := c.CreateRouter("router", Via(w.Net, nil))
	c.AddInterface(router.ID, subnet)
	plain := ring.Switches[0].Server(net, "plain", hostPort, 0)
	tagged := ring.Switches[1].Server(net, "tagged", hostPort, 300)
	vm := c.Boot(node, c.CreatePort(net, "vm", nil))
	members := []*VM{plain, tagged, vm}
	for _, v := range members {
		v.Serve(talkPort)
	}
	for _, v := range members[:2] {
		v.Route("default", "10.1.0.1")
	}
	c.WaitGatewayNode(router.ID, node)

	c.Run("source NAT", func(t *testing.T) {
		for _, v := range members {
			for _, o := range []*VM{w.Host, w.Far} {
				v.MustReach(o.IP)
				v.MustBeSeenAs(router.GatewayIP(), o, o.IP)
			}
		}
	})

	c.Run("floating IP", func(t *testing.T) {
		f := c.CreateFloatingIP(w.Net, nil)
		for _, v := range []*VM{plain, tagged, vm, plain} {
			c.Associate(f.ID, v.Port)
			c.WaitConverged()
			for _, o := range []*VM{w.Host, w.Far} {
				o.MustReach(f.Address)
				o.MustBeSeenAs(o.IP, v, f.Address)
				v.MustBeSeenAs(f.Address, o, o.IP)
			}
			for _, m := range members { // hairpins, from itself too
				as := router.GatewayIP()
				if m == v {
					as = f.Address
				}
				m.MustBeSeenAs(as, v, f.Address)
			}
			if node := c.FloatingNode(f.ID); node != "compute1" {
				t.Errorf("%s is served by %q", f.Address, node)
			}
			lab.Eventually(t, limit, f.Address+" is ACTIVE", func() error {
				if now := c.FloatingIP(f.ID); now.Status != "ACTIVE" {
					return fmt.Errorf("it is %s", now.Status)
				}
				return nil
			})
		}
		c.Disassociate(f.ID)
		c.WaitConverged()
		w.Host.MustNotReach(f.Address)
		plain.MustBeSeenAs(router.GatewayIP(), w.Host, hostIP)
	})
}
