// Package routing says what a router is made of, for the apps that render it and those that answer for it.
package routing

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
)

// Interface is an IPv4 address of a router in a subnet of a tenant's network. A port with several addresses is several interfaces.
type Interface struct {
	Port    *model.Port
	Network *model.Network
	Subnet  *model.Subnet
	Address netip.Addr
}

// Interfaces lists the interfaces of a router that are up, in order of port.
func Interfaces(v *topology.View, r *model.Router) []Interface {
	var list []Interface
	for _, p := range v.InterfacesOf(r.Number) {
		n := v.NetworkByID(p.NetworkID)
		if !p.AdminStateUp || n == nil || !n.AdminStateUp {
			continue
		}
		for _, f := range p.FixedIPs {
			if s := subnet(v, n, f.SubnetID); s != nil && f.IPAddress.Is4() {
				list = append(list, Interface{p, n, s, f.IPAddress})
			}
		}
	}
	return list
}

// Gateway is a router's way to its external network.
type Gateway struct {
	*model.Gateway
	Port      *model.Port
	Network   *model.Network
	Addresses []netip.Addr // IPv4, at least one; the first is what source NAT translates to
	Subnets   []*model.Subnet
	NextHop   netip.Addr // the default router outside; the zero Addr: none
}

// GatewayOf returns a router's gateway if it is up and has an IPv4 address, or nil.
func GatewayOf(v *topology.View, r *model.Router) *Gateway {
	p := v.GatewayPort(r.Number)
	if r.Gateway == nil || p == nil || !p.AdminStateUp {
		return nil
	}
	n := v.NetworkByID(p.NetworkID)
	if n == nil || !n.AdminStateUp {
		return nil
	}
	g := &Gateway{Gateway: r.Gateway, Port: p, Network: n}
	for _, f := range p.FixedIPs {
		if !f.IPAddress.Is4() {
			continue
		}
		g.Addresses = append(g.Addresses, f.IPAddress)
		if s := subnet(v, n, f.SubnetID); s != nil && s.GatewayIP.Is4() && !g.NextHop.IsValid() {
			g.NextHop = s.GatewayIP
		}
	}
	if len(g.Addresses) == 0 {
		return nil
	}
	for _, s := range v.SubnetsOf(n.Number) {
		if s.CIDR.Addr().Is4() {
			g.Subnets = append(g.Subnets, s)
		}
	}
	return g
}

func subnet(v *topology.View, n *model.Network, id string) *model.Subnet {
	for _, s := range v.SubnetsOf(n.Number) {
		if s.ID == id {
			return s
		}
	}
	return nil
}

// Origin is where a route comes from. Of several to one destination the first in this order counts.
type Origin int

// Origins of routes.
const (
	Connected Origin = iota // a subnet that the router is in
	Static                  // one of the router's routes
	Default                 // by the gateway of the external subnet
)

// Route is where a router sends what is for a destination.
type Route struct {
	Destination netip.Prefix
	Origin      Origin
	Via         *Interface // nil: the gateway
	NextHop     netip.Addr // the zero Addr: whom the packet is for
}

// Routes lists a router's routes, one for each destination. A static route whose next hop is in no subnet of the router's, or is the
// router itself, is none.
func Routes(v *topology.View, r *model.Router) []Route {
	interfaces, gateway := Interfaces(v, r), GatewayOf(v, r)
	var all []Route
	for i := range interfaces {
		all = append(all, Route{Destination: interfaces[i].Subnet.CIDR, Origin: Connected, Via: &interfaces[i]})
	}
	if gateway != nil {
		for _, s := range gateway.Subnets {
			all = append(all, Route{Destination: s.CIDR, Origin: Connected})
		}
		if gateway.NextHop.IsValid() {
			all = append(all, Route{Destination: netip.PrefixFrom(netip.IPv4Unspecified(), 0), Origin: Default, NextHop: gateway.NextHop})
		}
	}
	for _, route := range r.Routes {
		if !route.NextHop.Is4() || !route.Destination.Addr().Is4() {
			continue
		}
		if via, ok := reaches(interfaces, gateway, route.NextHop); ok {
			all = append(all, Route{Destination: route.Destination.Masked(), Origin: Static, Via: via, NextHop: route.NextHop})
		}
	}
	// Of several next hops for one destination the lowest is taken: any will do, as long as it is always the same.
	slices.SortStableFunc(all, func(a, b Route) int {
		return cmp.Or(a.Destination.Compare(b.Destination), cmp.Compare(a.Origin, b.Origin), a.NextHop.Compare(b.NextHop))
	})
	return slices.CompactFunc(all, func(a, b Route) bool { return a.Destination == b.Destination })
}

// reaches finds the interface in whose subnet a next hop is; nil and true: the gateway.
func reaches(interfaces []Interface, gateway *Gateway, hop netip.Addr) (*Interface, bool) {
	for i := range interfaces {
		if interfaces[i].Address == hop {
			return nil, false
		}
	}
	for i := range interfaces {
		if interfaces[i].Subnet.CIDR.Contains(hop) {
			return &interfaces[i], true
		}
	}
	if gateway == nil || slices.Contains(gateway.Addresses, hop) {
		return nil, false
	}
	return nil, slices.ContainsFunc(gateway.Subnets, func(s *model.Subnet) bool { return s.CIDR.Contains(hop) })
}

// LargestMTU is the largest MTU among a router's networks: what a packet in it may have, in bytes of IP.
func LargestMTU(v *topology.View, r *model.Router) int {
	largest := 0
	for _, i := range Interfaces(v, r) {
		largest = max(largest, i.Network.MTU)
	}
	if g := GatewayOf(v, r); g != nil {
		largest = max(largest, g.Network.MTU)
	}
	return largest
}

// Service is what it takes to serve a floating IP.
type Service struct {
	Router  *model.Router
	Network *model.Network // the external one
	MAC     model.MAC      // the floating IP's, wherever it is served
}

// ServiceOf says how a floating IP is served, or nil if it is not: it stands for no port, or its router or external network is down.
func ServiceOf(v *topology.View, f *model.FloatingIP) *Service {
	r, p := v.RouterByID(f.RouterID), v.PortByID(f.FloatingPortID)
	if r == nil || p == nil || !r.AdminStateUp || !f.FixedIP.Is4() || !f.Address.Is4() {
		return nil
	}
	g := GatewayOf(v, r)
	if g == nil || g.Network.ID != f.FloatingNetworkID {
		return nil
	}
	return &Service{r, g.Network, p.MAC}
}
