package topology

import "github.com/planck-sdn/planck/model"

// maxChain is how many routers a packet may pass on its way.
const maxChain = 3

// reach derives which routers a node needs and which networks it knows, each in order of number: from the networks of the ports there,
// from the routers and floating IPs that it serves, and from the routers by which it routes for bare metal.
func (v *View) reach(node model.Number) (routers, networks []model.Number) {
	if v.Node(node) == nil {
		return nil, nil
	}
	networks = v.networksOn(node)
	seen := map[model.Number]bool{}
	add := func(list []model.Number, routers ...model.Number) []model.Number {
		for _, n := range routers {
			if r := v.Router(n); r != nil && r.AdminStateUp && !seen[n] {
				seen[n] = true
				list = append(list, n)
			}
		}
		return list
	}
	var next []model.Number
	for _, network := range networks {
		next = add(next, v.RoutersOn(network)...)
	}
	for _, router := range v.routersServedBy(node) {
		next = add(next, router)
	}
	for _, p := range v.servicesBy(node) {
		if r, ok := v.routerByID.get(p.DeviceID); ok {
			next = add(next, r)
		}
	}
	for range maxChain {
		var beyond []model.Number
		for _, router := range next {
			routers = append(routers, router)
			for _, p := range v.InterfacesOf(router) {
				if n, ok := v.networkByID.get(p.NetworkID); ok {
					networks = append(networks, n)
					beyond = add(beyond, v.nextRouters(router, n)...)
				}
			}
		}
		next = beyond
	}
	return union(routers, nil), union(networks, nil)
}

// nextRouters lists the routers that are next hops of a router's static routes on a network of its interfaces.
func (v *View) nextRouters(router, network model.Number) []model.Number {
	var list []model.Number
	for _, route := range v.Router(router).Routes {
		for _, n := range v.claimants(network, route.NextHop) {
			if p := v.Port(n); p.DeviceOwner == model.DeviceOwnerRouterInterface {
				if r, ok := v.routerByID.get(p.DeviceID); ok {
					list = append(list, r)
				}
			}
		}
	}
	return list
}

// routersServedBy lists the routers whose traffic leaves by a node.
func (v *View) routersServedBy(node model.Number) []model.Number {
	var list []model.Number
	for _, r := range seconds(v.gatewaysAt, node) {
		if v.GatewayNode(r) == node {
			list = append(list, r)
		}
	}
	for _, f := range seconds(v.floatingOn, node) {
		if r, ok := v.routerByID.get(v.FloatingIP(f).RouterID); ok {
			list = append(list, r)
		}
	}
	return union(list, nil)
}

// servicesBy lists the routers' interfaces by which a node routes for bare metal.
func (v *View) servicesBy(node model.Number) []*model.Port {
	var list []*model.Port
	for _, n := range seconds(v.servicesAt, node) {
		if service, _ := v.services.get(n); v.ServiceNode(service.Port) == node {
			list = append(list, v.Port(service.Port))
		}
	}
	return list
}

// placeFloating derives the node that serves a floating IP; 0: none.
func (v *View) placeFloating(f *model.FloatingIP) model.Number {
	r, external, p := v.RouterByID(f.RouterID), v.NetworkByID(f.FloatingNetworkID), v.PortByID(f.PortID)
	if r == nil || !r.AdminStateUp || r.Gateway == nil || r.Gateway.NetworkID != f.FloatingNetworkID ||
		external == nil || !external.AdminStateUp || p == nil {
		return 0
	}
	if network, ok := v.networkByID.get(p.NetworkID); ok {
		switch claims := v.ClaimsOf(network, f.FixedIP); len(claims) {
		case 0: // the port is not plugged
		case 1:
			p = claims[0].Port
		default:
			if p = v.HolderOf(network, f.FixedIP); p == nil {
				return 0
			}
		}
	}
	if at, ok := v.Location(p.Number); ok && carries(v.Node(at.Node), external) {
		return at.Node
	}
	return v.GatewayNode(r.Number)
}
