package topology

import (
	"net/netip"

	"github.com/planck-sdn/planck/model"
)

// Router returns a router by number, or nil.
func (v *View) Router(n model.Number) *model.Router { x, _ := v.routers.get(n); return x }

// RouterByID returns a router by its UUID, or nil.
func (v *View) RouterByID(id string) *model.Router {
	n, _ := v.routerByID.get(id)
	return v.Router(n)
}

// Routers visits all routers in order of number.
func (v *View) Routers(visit func(*model.Router)) {
	v.routers.all(func(_ model.Number, r *model.Router) bool { visit(r); return true })
}

// InterfacesOf returns a router's interface ports (device_owner network:router_interface) in order of number.
func (v *View) InterfacesOf(router model.Number) []*model.Port {
	r := v.Router(router)
	if r == nil {
		return nil
	}
	return v.portsIn(v.interfacesOf, r.ID)
}

func (v *View) portsIn(t table[named, struct{}], id string) []*model.Port {
	numbers := membersOf(t, id)
	list := make([]*model.Port, len(numbers))
	for i, n := range numbers {
		list[i] = v.Port(n)
	}
	return list
}

// GatewayPort returns the port by which a router is on its external network, or nil.
func (v *View) GatewayPort(router model.Number) *model.Port {
	r := v.Router(router)
	if r == nil || r.Gateway == nil {
		return nil
	}
	if p := v.PortByID(r.Gateway.PortID); p != nil && p.DeviceOwner == model.DeviceOwnerRouterGateway && p.DeviceID == r.ID {
		return p
	}
	return nil
}

// GatewayNode returns the node that serves a router: the one in its row, if that exists, and the router and its external network are
// up. 0: none.
func (v *View) GatewayNode(router model.Number) model.Number {
	r := v.Router(router)
	if r == nil || !r.AdminStateUp || r.Gateway == nil || v.Node(r.Gateway.Node) == nil {
		return 0
	}
	if n := v.NetworkByID(r.Gateway.NetworkID); n == nil || !n.AdminStateUp {
		return 0
	}
	return r.Gateway.Node
}

// RoutersOn returns the routers that have an interface on a network, in order of number. Gateways do not count.
func (v *View) RoutersOn(network model.Number) []model.Number {
	n := v.Network(network)
	if n == nil {
		return nil
	}
	var list []model.Number
	for _, p := range v.portsIn(v.interfacesOn, n.ID) {
		if r, ok := v.routerByID.get(p.DeviceID); ok {
			list = append(list, r)
		}
	}
	return union(list, nil)
}

// NeedsRouter tells whether a node has to have a router: a port there can reach it (directly, or through static routes of at most two
// other routers), or the node serves it. No node needs a router that is down.
func (v *View) NeedsRouter(router, node model.Number) bool {
	_, ok := v.needs.get(pair{node, router})
	return ok
}

// RoutersFor returns the routers that a node has to have, in order of number.
func (v *View) RoutersFor(node model.Number) []model.Number { return seconds(v.needs, node) }

// NeededOn returns the nodes that have to have a router, in order of number.
func (v *View) NeededOn(router model.Number) []model.Number { return seconds(v.neededOn, router) }

// Knows tells whether a node has to know where a network's ports are: it has ports of it, or a router that it needs has an
// interface there.
func (v *View) Knows(network, node model.Number) bool {
	_, ok := v.knows.get(pair{node, network})
	return ok
}

// KnownOn returns the nodes that know a network, in order of number.
func (v *View) KnownOn(network model.Number) []model.Number { return seconds(v.knownOn, network) }

// IsWired tells whether a network comes in on a node: it has ports of it, or serves a router or a floating IP on it, or it is a physical
// switch that the network needs.
func (v *View) IsWired(network, node model.Number) bool {
	if v.isSwitch(node) {
		return v.Knows(network, node)
	}
	if v.IsPresent(network, node) {
		return true
	}
	n := v.Network(network)
	return n != nil && served(v.wired, n.ID, node)
}

// WiredOn returns the nodes on which a network comes in, in order of number.
func (v *View) WiredOn(network model.Number) []model.Number {
	n := v.Network(network)
	if n == nil {
		return nil
	}
	return union(v.PresentOn(network), servers(v.wired, n.ID))
}

// FloatingIP returns a floating IP by number, or nil.
func (v *View) FloatingIP(n model.Number) *model.FloatingIP { x, _ := v.floatingIPs.get(n); return x }

// FloatingIPsOf returns the floating IPs that go through a router, in order of number.
func (v *View) FloatingIPsOf(router model.Number) []*model.FloatingIP {
	r := v.Router(router)
	if r == nil {
		return nil
	}
	numbers := membersOf(v.floatingOf, r.ID)
	list := make([]*model.FloatingIP, len(numbers))
	for i, n := range numbers {
		list[i] = v.FloatingIP(n)
	}
	return list
}

// ServesFloatingIP returns the node on which a floating IP is: the one where its fixed IP is if that has the external network's
// bridge, and otherwise the router's gateway node. An address that several ports may use is where its holder is. 0: none.
func (v *View) ServesFloatingIP(floating model.Number) model.Number {
	node, _ := v.floatingAt.get(floating)
	return node
}

// Serves tells whether a router's traffic to the outside leaves by a node: its gateway node, or one that serves a floating IP of its.
func (v *View) Serves(router, node model.Number) bool {
	r := v.Router(router)
	return r != nil && served(v.serving, r.ID, node)
}

// ServersOf returns the nodes by which a router's traffic to the outside leaves, in order of number.
func (v *View) ServersOf(router model.Number) []model.Number {
	r := v.Router(router)
	if r == nil {
		return nil
	}
	return servers(v.serving, r.ID)
}

// Neighbour returns a neighbour outside by number, or nil.
func (v *View) Neighbour(n model.Number) *model.Neighbour { x, _ := v.neighbours.get(n); return x }

// NeighboursOf returns the hosts outside that a router has found, in order of number.
func (v *View) NeighboursOf(router model.Number) []*model.Neighbour {
	r := v.Router(router)
	if r == nil {
		return nil
	}
	numbers := membersOf(v.neighboursOf, r.ID)
	list := make([]*model.Neighbour, len(numbers))
	for i, n := range numbers {
		list[i] = v.Neighbour(n)
	}
	return list
}

// NeighbourAt returns the neighbour that has an address on a router's external network, or nil.
func (v *View) NeighbourAt(router model.Number, addr netip.Addr) *model.Neighbour {
	r := v.Router(router)
	if r == nil || r.Gateway == nil {
		return nil
	}
	for _, n := range membersAt(v.neighbourAt, r.ID, addr) {
		if x := v.Neighbour(n); x.NetworkID == r.Gateway.NetworkID {
			return x
		}
	}
	return nil
}

// HolderOf returns the port that holds an address which several ports may use, if one has announced it and may still have it; or nil.
func (v *View) HolderOf(network model.Number, addr netip.Addr) *model.Port {
	n := v.Network(network)
	if n == nil {
		return nil
	}
	for _, h := range membersAt(v.holderAt, n.ID, addr) {
		row, _ := v.holders.get(h)
		for _, c := range v.ClaimsOf(network, addr) {
			if c.Port.ID == row.PortID {
				return c.Port
			}
		}
	}
	return nil
}
