package inspect

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/planck-sdn/planck/apps/routing"
	"github.com/planck-sdn/planck/model"
)

// maxProbed is how many other nodes are asked through tunnels.
const maxProbed = 32

// tunnels asks the nodes that have the port's network, and the gateway nodes of its routers, through the tunnel.
func (x *examination) tunnels() (string, string) {
	if x.s == nil || x.node.TunnelPort == 0 {
		return none, "no tunnel from its node"
	}
	var numbers []model.Number
	if x.network.NetworkType == model.NetworkVXLAN {
		numbers = x.view.PresentOn(x.network.Number)
	}
	for _, r := range x.view.RoutersOn(x.network.Number) {
		numbers = append(numbers, x.view.GatewayNode(r))
	}
	slices.Sort(numbers)
	var peers []*model.Node
	for _, n := range slices.Compact(numbers) {
		if p := x.view.Node(n); p != nil && n != x.node.Number && p.EncapIP.Is4() && len(peers) < maxProbed {
			peers = append(peers, p)
		}
	}
	if len(peers) == 0 {
		return none, "no other node has the network"
	}
	silent := x.Prober.silent(x.ctx, x.s, x.node, peers)
	if len(silent) == 0 {
		return fine, fmt.Sprintf("%d other nodes answer through the tunnel", len(peers))
	}
	var names []string
	for _, p := range silent {
		names = append(names, fmt.Sprintf("%s (%s)", p.Hostname, p.EncapIP))
	}
	return wrong, fmt.Sprintf("Through the tunnel of node %s (%s) no answer comes from %s: look at the network between the encapsulation addresses, and at UDP port 4789 there",
		x.node.Hostname, x.node.EncapIP, list(names, ""))
}

// router looks at the gateway that the server is told.
func (x *examination) router() (string, string) {
	routers := x.view.RoutersOn(x.network.Number)
	var texts []string
	for _, s := range x.view.SubnetsOf(x.network.Number) {
		if !s.GatewayIP.IsValid() || !slices.ContainsFunc(x.port.FixedIPs, func(f model.FixedIP) bool { return f.SubnetID == s.ID }) {
			continue
		}
		r, up := x.routerAt(routers, s.GatewayIP)
		switch {
		case r != nil && !up:
			return wrong, fmt.Sprintf("Its gateway %s is %s, which is down", s.GatewayIP, named("router", r.ID, r.Name))
		case r != nil && x.port.IsBareMetal() && x.served(r) != "":
			return wrong, x.served(r)
		case r != nil:
			texts = append(texts, fmt.Sprintf("its gateway %s is %s", s.GatewayIP, named("router", r.ID, r.Name)))
		case len(x.view.ClaimsOf(x.network.Number, s.GatewayIP)) > 0:
			texts = append(texts, fmt.Sprintf("its gateway %s is a port", s.GatewayIP))
		case x.network.External || x.network.NetworkType != model.NetworkVXLAN:
			texts = append(texts, fmt.Sprintf("its gateway %s is outside, if it is anywhere", s.GatewayIP))
		case len(routers) > 0:
			return wrong, fmt.Sprintf("Its gateway %s is nobody's, although the network has a router: that is there with another address", s.GatewayIP)
		default:
			texts = append(texts, fmt.Sprintf("its gateway %s is nobody's: the network has no router, and leads nowhere", s.GatewayIP))
		}
	}
	if len(routers) == 0 {
		return none, list(texts, "no router")
	}
	return fine, list(texts, "its subnets have no gateway")
}

// routerAt finds the router that has an address on the port's network, and tells whether it and that interface are up.
func (x *examination) routerAt(routers []model.Number, addr netip.Addr) (*model.Router, bool) {
	for _, n := range routers {
		r := x.view.Router(n)
		for _, p := range x.view.InterfacesOf(n) {
			if p.NetworkID == x.network.ID && slices.ContainsFunc(p.FixedIPs, func(f model.FixedIP) bool { return f.IPAddress == addr }) {
				return r, r.AdminStateUp && p.AdminStateUp
			}
		}
	}
	return nil, false
}

// gateway looks at the way outside of the network's routers.
func (x *examination) gateway() (string, string) {
	var texts []string
	for _, n := range x.view.RoutersOn(x.network.Number) {
		r := x.view.Router(n)
		g := routing.GatewayOf(x.view, r)
		switch {
		case r.Gateway == nil:
			texts = append(texts, fmt.Sprintf("router %s has no external gateway", called(r.ID, r.Name)))
			continue
		case g == nil:
			return wrong, fmt.Sprintf("The external gateway of router %s is down, or has no IPv4 address", called(r.ID, r.Name))
		}
		node := x.view.Node(g.Node)
		switch {
		case node == nil:
			return wrong, fmt.Sprintf("No node serves router %s: none that is up has a bridge for the physical network %s", called(r.ID, r.Name), g.Network.PhysicalNetwork)
		case !x.Alive(node.Number):
			return wrong, fmt.Sprintf("Node %s, which serves router %s, is not connected", node.Hostname, called(r.ID, r.Name))
		}
		text := fmt.Sprintf("router %s leads outside by node %s as %s", called(r.ID, r.Name), node.Hostname, g.Addresses[0])
		switch {
		case !g.EnableSNAT:
			text += ", without source NAT"
		case g.NextHop.IsValid() && x.view.NeighbourAt(n, g.NextHop) == nil:
			text += fmt.Sprintf("; the next hop %s has not been found yet: nothing was sent there, or it does not answer ARP", g.NextHop)
		case g.NextHop.IsValid():
			text += fmt.Sprintf("; the next hop %s is at %s", g.NextHop, x.view.NeighbourAt(n, g.NextHop).MAC)
		}
		texts = append(texts, text)
	}
	if len(texts) == 0 {
		return none, "no router"
	}
	return fine, list(texts, "")
}

func (x *examination) floatingIP() (string, string) {
	var texts []string
	for _, n := range x.view.RoutersOn(x.network.Number) {
		for _, f := range x.view.FloatingIPsOf(n) {
			if f.PortID != x.port.ID {
				continue
			}
			node := x.view.Node(x.view.ServesFloatingIP(f.Number))
			switch {
			case node == nil:
				return wrong, fmt.Sprintf("No node serves floating IP %s: %s", f.Address, x.unserved(f))
			case !x.Alive(node.Number):
				return wrong, fmt.Sprintf("Node %s, which serves floating IP %s, is not connected", node.Hostname, f.Address)
			}
			texts = append(texts, fmt.Sprintf("%s for %s, on node %s", f.Address, f.FixedIP, node.Hostname))
		}
	}
	if len(texts) == 0 {
		return none, "it has none"
	}
	return fine, list(texts, "")
}

// unserved says why no node serves a floating IP.
func (x *examination) unserved(f *model.FloatingIP) string {
	switch s := routing.ServiceOf(x.view, f); {
	case s == nil:
		return "its router has no gateway to its network, or is down"
	case len(x.view.ClaimsOf(x.network.Number, f.FixedIP)) > 1:
		return fmt.Sprintf("several ports may use %s, and none of them has announced it by ARP", f.FixedIP)
	}
	return "neither the port's node nor a gateway node has a bridge for the external network"
}
