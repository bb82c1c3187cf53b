package routing

import (
	"net/netip"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
)

// RouteTo finds the route that a router takes to an address: the longest prefix.
func RouteTo(v *topology.View, r *model.Router, to netip.Addr) (Route, bool) {
	best, found := Route{}, false
	for _, route := range Routes(v, r) {
		if route.Destination.Contains(to) && (!found || route.Destination.Bits() > best.Destination.Bits()) {
			best, found = route, true
		}
	}
	return best, found
}

// NetworkWith finds the network with a key among a router's, its external network included; nil if there is none.
func NetworkWith(v *topology.View, r *model.Router, key model.NetworkKey) *model.Network {
	if g := GatewayOf(v, r); g != nil && g.Network.Key == key {
		return g.Network
	}
	for _, i := range Interfaces(v, r) {
		if i.Network.Key == key {
			return i.Network
		}
	}
	return nil
}

// Toward is the address that the router has on the external network for a host there: one of the same subnet, if it has one.
func (g *Gateway) Toward(to netip.Addr) netip.Addr {
	for _, s := range g.Subnets {
		if !s.CIDR.Contains(to) {
			continue
		}
		for _, own := range g.Addresses {
			if s.CIDR.Contains(own) {
				return own
			}
		}
	}
	return g.Addresses[0]
}

// Sender is by which MAC and address a node speaks for a router on the external network: the gateway's on the gateway node, so that no
// MAC shows up behind two ports of the switches outside; elsewhere those of a floating IP that the node serves. False if it
// serves none.
func Sender(v *topology.View, r *model.Router, g *Gateway, node model.Number, to netip.Addr) (model.MAC, netip.Addr, bool) {
	if g.Node == node {
		return g.Port.MAC, g.Toward(to), true
	}
	for _, f := range v.FloatingIPsOf(r.Number) {
		if s := ServiceOf(v, f); s != nil && v.ServesFloatingIP(f.Number) == node {
			return s.MAC, f.Address, true
		}
	}
	return model.MAC{}, netip.Addr{}, false
}

// IsBroadcast tells whether an address is that of all hosts of a subnet; one of two addresses or less has none (RFC 3021).
func IsBroadcast(subnet netip.Prefix, a netip.Addr) bool {
	return subnet.Bits() < 31 && subnet.Contains(a) && !subnet.Contains(a.Next())
}
