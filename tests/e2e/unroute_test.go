package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"

	"github.com/planck-sdn/planck/tests/lab"
)

// TestNothingIsLeftOfRouters: routers, gateways, routes, floating IPs and all they need, taken away in random orders, leave every
// node as it was.
func TestNothingIsLeftOfRouters(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{})
	nodes := []*lab.Node{c.AddNode("compute1", public), c.AddNode("compute2", public), c.AddNode("compute3")}
	w := c.World(nodes[0], "br-ex")
	bare := c.Snapshot()

	var nets []Network
	var subnets []Subnet
	var vms []*VM
	for i, attributes := range []Attrs{nil, nil, {"provider:network_type": "vlan", "provider:physical_network": "public", "provider:segmentation_id": 100}} {
		n, s := c.Routed("", fmt.Sprint("net", i), fmt.Sprintf("10.%d.0.0/24", i+1), attributes)
		nets, subnets = append(nets, n), append(subnets, s)
		for j, node := range nodes {
			if attributes == nil || j < 2 {
				vms = append(vms, c.Boot(node, c.CreatePort(n, fmt.Sprintf("vm%d%d", i, j), nil)))
			}
		}
	}
	c.WaitConverged()
	before := c.Snapshot()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	for round := range 4 {
		c.Run(fmt.Sprint("order ", round+1), func(t *testing.T) {
			steps := c.routed(w, nets, subnets, vms)
			last := round == 3
			if last { // and what was there before, too
				for _, v := range vms {
					steps = append(steps, step{http.MethodDelete, "/v2.0/ports/" + v.Port.ID, nil})
				}
				for _, n := range nets {
					steps = append(steps, step{http.MethodDelete, "/v2.0/networks/" + n.ID, nil})
				}
			}
			c.undo(random, steps)
			if !last {
				c.Unchanged(before, "routers")
				return
			}
			for _, v := range vms {
				v.Close()
			}
			c.Unchanged(bare, "everything")
		})
	}
}

// step is a request that takes something away.
type step struct {
	method, path string
	body         any
}

// routed joins the networks by two routers, gives them ways out, routes and floating IPs, has packets go everywhere, and
// returns what takes all of it away. Each step may be refused until others are done.
func (c *Cloud) routed(w *World, nets []Network, subnets []Subnet, vms []*VM) (steps []step) {
	c.t.Helper()
	one, two := c.CreateRouter("one", Via(w.Net, nil)), c.CreateRouter("two", nil)
	c.AddInterface(one.ID, subnets[0])
	c.AddInterface(one.ID, subnets[1])
	leg := c.CreatePort(nets[1], "leg", nil)
	c.AddInterfacePort(two.ID, leg)
	c.AddInterface(two.ID, subnets[2])
	c.SetRoutes(one.ID, [2]string{"10.3.0.0/24", leg.IP()})
	c.SetRoutes(two.ID, [2]string{"0.0.0.0/0", "10.2.0.1"})
	remove := func(router string, body Attrs) step {
		return step{http.MethodPut, "/v2.0/routers/" + router + "/remove_router_interface", body}
	}
	update := func(router string, attributes Attrs) step {
		return step{http.MethodPut, "/v2.0/routers/" + router, Attrs{"router": attributes}}
	}
	steps = []step{
		remove(one.ID, Attrs{"subnet_id": subnets[0].ID}), remove(one.ID, Attrs{"subnet_id": subnets[1].ID}),
		remove(two.ID, Attrs{"port_id": leg.ID}), remove(two.ID, Attrs{"subnet_id": subnets[2].ID}),
		update(one.ID, Attrs{"routes": []Attrs{}}), update(two.ID, Attrs{"routes": []Attrs{}}),
		update(one.ID, Attrs{"external_gateway_info": nil}),
		{http.MethodDelete, "/v2.0/routers/" + one.ID, nil}, {http.MethodDelete, "/v2.0/routers/" + two.ID, nil},
	}
	var floating []FloatingIP
	for _, v := range vms[:3] { // one on each node
		f := c.CreateFloatingIP(w.Net, Attrs{"port_id": v.Port.ID})
		floating = append(floating, f)
		steps = append(steps, step{http.MethodDelete, "/v2.0/floatingips/" + f.ID, nil})
	}
	c.WaitConverged()
	for i, v := range vms {
		v.MustReach(vms[(i+3)%len(vms)].IP)
		v.MustReach(hostIP)
	}
	for _, f := range floating {
		w.Host.MustReach(f.Address)
		vms[4].MustReach(f.Address)
	}
	return steps
}

// undo makes the requests in random order: those that are refused because of others again, until none is left.
func (c *Cloud) undo(random *rand.Rand, steps []step) {
	c.t.Helper()
	var done []string
	for len(steps) > 0 {
		random.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
		var refused []step
		for _, s := range steps {
			a, err := c.Try(s.method, s.path, s.body)
			switch {
			case err != nil:
				c.t.Fatal(err)
			case a.Status/100 == 2:
				done = append(done, fmt.Sprint(s.method, " ", s.path, " ", s.body))
			case a.Status == http.StatusNotFound: // with what it was part of
				done = append(done, fmt.Sprint("gone with others: ", s.path, " ", s.body))
			case a.Status == http.StatusConflict || a.Status == http.StatusBadRequest:
				refused = append(refused, s)
			default:
				c.t.Fatalf("%s %s: status %d: %s", s.method, s.path, a.Status, a.Body)
			}
		}
		if len(refused) == len(steps) {
			c.t.Fatalf("all of %+v are refused; done before:\n%v", steps, done)
		}
		steps = refused
	}
	c.t.Logf("order: %q", done)
}
