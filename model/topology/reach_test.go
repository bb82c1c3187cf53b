package topology_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
)

// cloud is rows in the making: networks n1, n2... with subnet 10.N.0.0/24, and the external network n100.
type cloud struct {
	objects []model.Object
	serial  model.Number
}

func (c *cloud) add(o model.Object) { c.objects = append(c.objects, o) }
func (c *cloud) next() model.Number { c.serial++; return c.serial }

func (c *cloud) network(n int) *model.Network {
	net := &model.Network{Number: model.Number(n), ID: fmt.Sprint("n", n), AdminStateUp: true, NetworkType: model.NetworkVXLAN, Key: model.NetworkKey(n)}
	if n >= 100 {
		net.External, net.NetworkType, net.PhysicalNetwork = true, model.NetworkFlat, "public"
	}
	c.add(net)
	c.add(&model.Subnet{Number: net.Number, ID: fmt.Sprint("s", n), NetworkID: net.ID, CIDR: netip.MustParsePrefix(fmt.Sprintf("10.%d.0.0/24", n))})
	return net
}

func (c *cloud) port(network int, last int, owner, device string) *model.Port {
	n := c.next()
	p := &model.Port{Number: n, ID: fmt.Sprint("p", n), NetworkID: fmt.Sprint("n", network), AdminStateUp: true, PortSecurityEnabled: true, DeviceOwner: owner,
		DeviceID: device, MAC: model.MAC{2, 0, 0, 0, byte(n >> 8), byte(n)}, FixedIPs: []model.FixedIP{{SubnetID: fmt.Sprint("s", network), IPAddress: addr(network, last)}}}
	c.add(p)
	return p
}

func addr(network, last int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(network), byte(last >> 8), byte(last)})
}

func (c *cloud) router(n int, interfaces ...netip.Addr) *model.Router {
	r := &model.Router{Number: model.Number(n), ID: fmt.Sprint("r", n), AdminStateUp: true, Key: model.NetworkKey(1000 + n)}
	c.add(r)
	for _, a := range interfaces {
		b := a.As4()
		c.port(int(b[1]), int(b[3]), model.DeviceOwnerRouterInterface, r.ID)
	}
	return r
}

func (c *cloud) node(n int, mapped bool, plugged ...*model.Port) *model.Node {
	node := &model.Node{Number: model.Number(n), Hostname: fmt.Sprint("h", n), TunnelPort: 1, EncapIP: addr(0, n)}
	if mapped {
		node.Mappings = []model.Mapping{{PhysicalNetwork: "public", PatchPort: 2}}
	}
	for i, p := range plugged {
		node.Interfaces = append(node.Interfaces, model.Interface{PortID: p.ID, Ofport: uint32(10 + i), Sequence: int64(c.next())})
	}
	c.add(node)
	return node
}

func (c *cloud) view() *topology.View {
	v := topology.New()
	v, _ = v.Apply(v.Difference(c.objects))
	return v
}

func to(cidr string, hop netip.Addr) []model.HostRoute {
	return []model.HostRoute{{Destination: netip.MustParsePrefix(cidr), NextHop: hop}}
}

func numbers(n ...model.Number) []model.Number { return n }

// TestReach: four routers in a row, r1 between n1 and n2, r2 between n2 and n3...
func TestReach(t *testing.T) {
	for _, test := range []struct {
		name              string
		change            func(c *cloud, routers []*model.Router)
		routers, networks []model.Number
	}{
		{"a shared network without routes joins no tenants", func(*cloud, []*model.Router) {}, numbers(1), numbers(1, 2)},
		{"a route to the next router", func(_ *cloud, r []*model.Router) { r[0].Routes = to("10.3.0.0/24", addr(2, 1)) },
			numbers(1, 2), numbers(1, 2, 3)},
		{"a route to nobody", func(_ *cloud, r []*model.Router) { r[0].Routes = to("10.3.0.0/24", addr(2, 77)) }, numbers(1), numbers(1, 2)},
		{"three routers, and no more", func(_ *cloud, r []*model.Router) {
			for i := range r[:3] {
				r[i].Routes = to("0.0.0.0/0", addr(i+2, 1))
			}
		}, numbers(1, 2, 3), numbers(1, 2, 3, 4)},
		{"a router that is down leads nowhere", func(_ *cloud, r []*model.Router) {
			r[0].Routes, r[1].AdminStateUp = to("0.0.0.0/0", addr(2, 1)), false
		}, numbers(1), numbers(1, 2)},
		{"a gateway network is not known by it", func(_ *cloud, r []*model.Router) {
			r[0].Gateway = &model.Gateway{NetworkID: "n100", Node: 2}
		}, numbers(1), numbers(1, 2)},
		{"a gateway node has the routers that it serves, and where they lead", func(_ *cloud, r []*model.Router) {
			r[2].Gateway, r[2].Routes = &model.Gateway{NetworkID: "n100", Node: 1}, to("0.0.0.0/0", addr(4, 1))
		}, numbers(1, 3, 4), numbers(1, 2, 3, 4, 5)},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &cloud{}
			for n := 1; n <= 5; n++ {
				c.network(n)
			}
			c.network(100)
			var routers []*model.Router
			for n := 1; n <= 4; n++ {
				routers = append(routers, c.router(n, addr(n, 1), addr(n+1, 2)))
			}
			vm := c.port(1, 10, "", "")
			c.node(1, true, vm)
			c.node(2, true)
			test.change(c, routers)
			v := c.view()
			var known []model.Number
			for n := model.Number(1); n <= 100; n++ {
				if v.Knows(n, 1) {
					known = append(known, n)
				}
			}
			if got := v.RoutersFor(1); !slices.Equal(got, test.routers) || !slices.Equal(known, test.networks) {
				t.Errorf("routers %d, networks %d; want %d, %d", got, known, test.routers, test.networks)
			}
			if wired := v.IsWired(100, 1); wired != (len(test.routers) > 1 && test.routers[1] == 3) {
				t.Errorf("external network comes in: %t", wired)
			}
		})
	}
}

// TestServesFloatingIP: nodes 1 and 2 have the external bridge, 3 has not; 2 is the gateway node.
func TestServesFloatingIP(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(c *cloud, r *model.Router, f *model.FloatingIP, vm *model.Port)
		node   model.Number
	}{
		{"where the port is", func(c *cloud, _ *model.Router, _ *model.FloatingIP, vm *model.Port) { c.node(1, true, vm) }, 1},
		{"without the bridge there, the gateway node", func(c *cloud, _ *model.Router, _ *model.FloatingIP, vm *model.Port) { c.node(3, false, vm) }, 2},
		{"a port that is not plugged", func(*cloud, *model.Router, *model.FloatingIP, *model.Port) {}, 2},
		{"no gateway node", func(c *cloud, r *model.Router, _ *model.FloatingIP, vm *model.Port) {
			r.Gateway.Node = 0
			c.node(3, false, vm)
		}, 0},
		{"a gateway node that is gone", func(_ *cloud, r *model.Router, _ *model.FloatingIP, _ *model.Port) { r.Gateway.Node = 9 }, 0},
		{"no port", func(_ *cloud, _ *model.Router, f *model.FloatingIP, _ *model.Port) { f.PortID, f.RouterID = "", "" }, 0},
		{"a router that is down", func(c *cloud, r *model.Router, _ *model.FloatingIP, vm *model.Port) {
			r.AdminStateUp = false
			c.node(1, true, vm)
		}, 0},
		{"a gateway on another network", func(_ *cloud, r *model.Router, _ *model.FloatingIP, _ *model.Port) { r.Gateway.NetworkID = "n1" }, 0},
		{"who else may use the address, with nobody announcing it", func(c *cloud, _ *model.Router, _ *model.FloatingIP, vm *model.Port) {
			c.node(1, true, vm, pair(c, vm))
		}, 0},
		{"who announced it", func(c *cloud, _ *model.Router, _ *model.FloatingIP, vm *model.Port) {
			other := pair(c, vm)
			c.node(1, true, other)
			c.node(3, false, vm)
			c.add(&model.Holder{Number: 1, NetworkID: "n1", Address: addr(1, 10), PortID: other.ID})
		}, 1},
		{"who announced it and is gone", func(c *cloud, _ *model.Router, _ *model.FloatingIP, vm *model.Port) {
			other := pair(c, vm)
			c.node(1, true, vm)
			c.add(&model.Holder{Number: 1, NetworkID: "n1", Address: addr(1, 10), PortID: other.ID})
		}, 1},
		{"the only one that may use it", func(c *cloud, _ *model.Router, _ *model.FloatingIP, vm *model.Port) {
			c.node(1, true, pair(c, vm))
		}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &cloud{}
			c.network(1)
			c.network(100)
			r := c.router(1, addr(1, 1))
			r.Gateway = &model.Gateway{NetworkID: "n100", Node: 2}
			c.node(2, true)
			vm := c.port(1, 10, "", "")
			f := &model.FloatingIP{Number: 1, ID: "f1", FloatingNetworkID: "n100", PortID: vm.ID, FixedIP: addr(1, 10), RouterID: r.ID}
			c.add(f)
			test.change(c, r, f, vm)
			v := c.view()
			if got := v.ServesFloatingIP(1); got != test.node {
				t.Errorf("node %d, want %d", got, test.node)
			}
			if test.node != 0 && (!v.Serves(1, test.node) || !v.IsWired(100, test.node)) {
				t.Error("the node serves neither router nor network")
			}
		})
	}
}

// pair is another port that may use the first's address.
func pair(c *cloud, vm *model.Port) *model.Port {
	p := c.port(1, 20, "", "")
	prefix, _ := vm.FixedIPs[0].IPAddress.Prefix(32)
	p.AllowedAddressPairs = []model.AddressPair{{IP: prefix, MAC: p.MAC}}
	return p
}

// TestRouterAddressIsNobodysElse: an allowed address pair does not take over a router's address.
func TestRouterAddressIsNobodysElse(t *testing.T) {
	c := &cloud{}
	c.network(1)
	vm := c.port(1, 10, "", "")
	vm.AllowedAddressPairs = []model.AddressPair{{IP: netip.PrefixFrom(addr(1, 1), 32), MAC: vm.MAC}}
	c.node(1, true, vm)
	if got := c.view().ClaimsOf(1, addr(1, 1)); len(got) != 1 {
		t.Errorf("without a router: %v", got)
	}
	c.router(1, addr(1, 1))
	c.add(&model.Holder{Number: 1, NetworkID: "n1", Address: addr(1, 1), PortID: vm.ID})
	if v := c.view(); len(v.ClaimsOf(1, addr(1, 1))) != 0 || v.HolderOf(1, addr(1, 1)) != nil {
		t.Error("the port may take the router's address")
	}
}

// BenchmarkApply is one change in clouds of several sizes: 10 ports on each router's network, 10 such networks on a node.
func BenchmarkApply(b *testing.B) {
	for _, routers := range []int{10, 100, 1000} {
		c := &cloud{}
		var plugged []*model.Port
		for n := 1; n <= routers; n++ {
			c.add(&model.Network{Number: model.Number(n), ID: fmt.Sprint("n", n), AdminStateUp: true, NetworkType: model.NetworkVXLAN, Key: model.NetworkKey(n)})
			c.router(n)
			c.port(n%200, 1, model.DeviceOwnerRouterInterface, fmt.Sprint("r", n)).NetworkID = fmt.Sprint("n", n)
			for last := 10; last < 20; last++ {
				p := c.port(n%200, last, "", "")
				p.NetworkID = fmt.Sprint("n", n)
				plugged = append(plugged, p)
			}
			if n%10 == 0 {
				c.node(n/10, true, plugged...)
				plugged = nil
			}
		}
		extra := c.port(1, 30, "", "")
		v := c.view()
		node := *v.Node(1)
		node.Interfaces = append(slices.Clone(node.Interfaces), model.Interface{PortID: extra.ID, Ofport: 500, Sequence: 1 << 40})
		joined := c.port(2, 5, model.DeviceOwnerRouterInterface, "r1")
		for name, o := range map[string]model.Object{"plug": &node, "interface": joined} {
			b.Run(fmt.Sprintf("%s/routers=%d", name, routers), func(b *testing.B) {
				for b.Loop() {
					v.Apply([]model.Change{{Ref: o.Ref(), Object: o}})
				}
			})
		}
	}
}
