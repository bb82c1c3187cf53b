package example

import (
	"net/netip"

	"github.com/planck-sdn/planck/model"
)

// firstRouterKey is above all keys of networks.
const firstRouterKey = 9001

// External adds a flat network that routers may have gateways on, with a subnet without DHCP whose first address is the gateway.
func (c *Cloud) External(name, physnet, cidr string) *model.Network {
	n := c.Flat(name, physnet)
	n.External = true
	c.BareSubnet(n, cidr)
	return n
}

// BareSubnet adds a subnet without DHCP.
func (c *Cloud) BareSubnet(n *model.Network, cidr string) *model.Subnet {
	prefix := netip.MustParsePrefix(cidr)
	s := &model.Subnet{
		Number: model.Number(len(c.subnets) + 1), ID: cidr + " of " + n.ID, NetworkID: n.ID, IPVersion: 4, CIDR: prefix,
		GatewayIP: prefix.Addr().Next(),
	}
	c.subnets = append(c.subnets, s)
	return s
}

// Router adds a router.
func (c *Cloud) Router(name string) *model.Router {
	number := model.Number(len(c.routers) + 1)
	r := &model.Router{Number: number, ID: name, Name: name, AdminStateUp: true, Key: firstRouterKey - 1 + model.NetworkKey(number)}
	c.routers = append(c.routers, r)
	return r
}

// Interface puts a router into a network, with one address.
func (c *Cloud) Interface(r *model.Router, n *model.Network, address string) *model.Port {
	p := c.Port(n, r.Name+" in "+n.Name, address)
	p.DeviceOwner, p.DeviceID = model.DeviceOwnerRouterInterface, r.ID
	return p
}

// Gateway gives a router an address on an external network, with source NAT. node serves it; nil: none does.
func (c *Cloud) Gateway(r *model.Router, external *model.Network, address string, node *model.Node) *model.Port {
	p := c.Port(external, r.Name+" in "+external.Name, address)
	p.DeviceOwner, p.DeviceID = model.DeviceOwnerRouterGateway, r.ID
	r.Gateway = &model.Gateway{
		NetworkID: external.ID, PortID: p.ID, EnableSNAT: true, Zone: model.FirstRouterZone - 1 + uint16(r.Number), Generation: 1,
	}
	if node != nil {
		r.Gateway.Node = node.Number
	}
	return p
}

// Route gives a router a static route.
func (c *Cloud) Route(r *model.Router, destination, nextHop string) {
	r.Routes = append(r.Routes, model.HostRoute{Destination: netip.MustParsePrefix(destination), NextHop: netip.MustParseAddr(nextHop)})
}

// FloatingIP adds a floating IP that stands for the first address of a port, through a router.
func (c *Cloud) FloatingIP(external *model.Network, address string, p *model.Port, r *model.Router) *model.FloatingIP {
	f := &model.FloatingIP{
		Number: model.Number(len(c.floatingIPs) + 1), ID: address, FloatingNetworkID: external.ID, Address: netip.MustParseAddr(address),
		PortID: p.ID, FixedIP: p.FixedIPs[0].IPAddress, RouterID: r.ID,
	}
	own := c.Port(external, "floating "+address, address)
	own.DeviceOwner, own.DeviceID = model.DeviceOwnerFloatingIP, f.ID
	f.FloatingPortID = own.ID
	c.floatingIPs = append(c.floatingIPs, f)
	return f
}

// Neighbour adds a host outside that a router has found.
func (c *Cloud) Neighbour(r *model.Router, address string, mac model.MAC) {
	c.neighbours = append(c.neighbours, &model.Neighbour{
		Number: model.Number(len(c.neighbours) + 1), RouterID: r.ID, NetworkID: r.Gateway.NetworkID, Address: netip.MustParseAddr(address), MAC: mac,
	})
}

// Holder says which port has an address that several may use.
func (c *Cloud) Holder(p *model.Port, address string) {
	c.holders = append(c.holders, &model.Holder{
		Number: model.Number(len(c.holders) + 1), NetworkID: p.NetworkID, Address: netip.MustParseAddr(address), PortID: p.ID,
	})
}
