// Package example makes small topologies, and all the entries of their nodes: for the tests of the apps, for tests of
// those entries on real switches, and for docs/pipeline.md. Equal calls give equal topologies.
package example

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
)

// Cloud is a topology in the making. What its methods return may be changed until View is called.
type Cloud struct {
	nodes    []*model.Node
	networks []*model.Network
	subnets  []*model.Subnet
	ports    []*model.Port
	plugged  int64

	routers     []*model.Router
	floatingIPs []*model.FloatingIP
	neighbours  []*model.Neighbour
	holders     []*model.Holder
	groups      []*model.SecurityGroup

	links    []*model.Link
	services []*model.Service
}

// Numbers on br-int of every node.
const (
	TunnelPort = 1
	firstPatch = 2
	firstVIF   = 10
)

// Node adds a node with tunnels, and a patch port to a mapped bridge for each physical network.
func (c *Cloud) Node(hostname string, physnets ...string) *model.Node {
	n := &model.Node{
		Number: model.Number(len(c.nodes) + 1), SystemID: hostname, Hostname: hostname,
		EncapIP: netip.AddrFrom4([4]byte{192, 0, 2, byte(len(c.nodes) + 1)}), TunnelPort: TunnelPort,
	}
	for i, physnet := range physnets {
		n.Mappings = append(n.Mappings, model.Mapping{PhysicalNetwork: physnet, Bridge: "br-" + physnet, PatchPort: firstPatch + uint32(i)})
	}
	c.nodes = append(c.nodes, n)
	return n
}

// Network adds a network of type vxlan.
func (c *Cloud) Network(name string) *model.Network {
	number := model.Number(len(c.networks) + 1)
	n := &model.Network{
		Number: number, ID: name, Name: name, AdminStateUp: true, PortSecurityEnabled: true, MTU: 1450,
		NetworkType: model.NetworkVXLAN, SegmentationID: 5000 + uint32(number), Key: 5000 + model.NetworkKey(number),
	}
	c.networks = append(c.networks, n)
	return n
}

// VLAN adds a network of type vlan.
func (c *Cloud) VLAN(name, physnet string, vid uint32) *model.Network {
	n := c.Network(name)
	n.NetworkType, n.PhysicalNetwork, n.SegmentationID, n.MTU = model.NetworkVLAN, physnet, vid, 1500
	return n
}

// Flat adds a network of type flat.
func (c *Cloud) Flat(name, physnet string) *model.Network {
	n := c.VLAN(name, physnet, 0)
	n.NetworkType = model.NetworkFlat
	return n
}

// Subnet adds a subnet with DHCP, and with the network's DHCP port on the second address.
func (c *Cloud) Subnet(n *model.Network, cidr string) *model.Subnet {
	prefix := netip.MustParsePrefix(cidr)
	gateway := prefix.Addr().Next()
	s := &model.Subnet{
		Number: model.Number(len(c.subnets) + 1), ID: cidr + " of " + n.ID, NetworkID: n.ID, IPVersion: 4, CIDR: prefix,
		GatewayIP: gateway, EnableDHCP: true,
	}
	c.subnets = append(c.subnets, s)
	server := c.Port(n, n.Name+"-dhcp")
	server.DeviceOwner = model.DeviceOwnerDHCP
	server.FixedIPs = []model.FixedIP{{SubnetID: s.ID, IPAddress: gateway.Next()}}
	return s
}

// Port adds a port with addresses in subnets of its network. It is plugged nowhere.
func (c *Cloud) Port(n *model.Network, name string, addresses ...string) *model.Port {
	number := len(c.ports) + 1
	p := &model.Port{
		Number: model.Number(number), ID: name, Name: name, NetworkID: n.ID, AdminStateUp: true, PortSecurityEnabled: true,
		MAC: model.MAC{0xfa, 0x16, 0x3e, 0, byte(number >> 8), byte(number)},
	}
	for _, a := range addresses {
		p.FixedIPs = append(p.FixedIPs, c.fixed(n, netip.MustParseAddr(a)))
	}
	c.ports = append(c.ports, p)
	return p
}

func (c *Cloud) fixed(n *model.Network, a netip.Addr) model.FixedIP {
	for _, s := range c.subnets {
		if s.NetworkID == n.ID && s.CIDR.Contains(a) {
			return model.FixedIP{SubnetID: s.ID, IPAddress: a}
		}
	}
	panic(fmt.Sprintf("example: network %s has no subnet for %s", n.ID, a))
}

// Plug plugs a port into a node, where it gets the next ofport.
func (c *Cloud) Plug(p *model.Port, n *model.Node) {
	c.plugged++
	n.Interfaces = append(n.Interfaces, model.Interface{
		Name: fmt.Sprintf("tap%d", p.Number), PortID: p.ID, Ofport: firstVIF + uint32(len(n.Interfaces)), Sequence: c.plugged,
	})
}

// VM adds a port and plugs it.
func (c *Cloud) VM(n *model.Network, at *model.Node, name string, addresses ...string) *model.Port {
	p := c.Port(n, name, addresses...)
	c.Plug(p, at)
	return p
}

// Pair allows a port an address, with its own MAC.
func Pair(p *model.Port, prefix string) {
	p.AllowedAddressPairs = append(p.AllowedAddressPairs, model.AddressPair{IP: netip.MustParsePrefix(prefix), MAC: p.MAC})
}

// View is the topology of all that was added.
func (c *Cloud) View() *topology.View {
	c.secure()
	changes := slices.Concat(added(c.networks), added(c.subnets), added(c.ports), added(c.nodes),
		added(c.routers), added(c.floatingIPs), added(c.neighbours), added(c.holders), added(c.groups),
		added(c.links), added(c.services))
	v, _ := topology.New().Apply(changes)
	return v
}

func added[T model.Object](objects []T) []model.Change {
	list := make([]model.Change, len(objects))
	for i, o := range objects {
		list[i] = model.Change{Ref: o.Ref(), Object: o}
	}
	return list
}
