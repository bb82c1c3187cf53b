package verify

import (
	"net/netip"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/apps/routing"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
)

// site is what the model says of one node, by the numbers that entries have.
type site struct {
	*Intent
	node     *model.Node
	ports    map[uint32]*local // by ofport
	patches  map[uint32]string // physical network, by patch port
	networks map[uint32]*model.Network
	routers  map[uint32]*router
}

// local is a port that is attached here.
type local struct {
	*model.Port
	network *model.Network
	ofport  uint32
	from    []source
	groups  map[uint64]bool // numbers of its security groups
}

// source is a MAC address that a port may send from, with a prefix of IPv4 addresses that go with it; the zero Prefix: none.
type source struct {
	mac    uint64
	prefix netip.Prefix
}

// router is a router that the node has.
type router struct {
	*model.Router
	networks map[uint32]bool // that it is on
}

func (i *Intent) site(node *model.Node) *site {
	s := &site{Intent: i, node: node, ports: map[uint32]*local{}, patches: map[uint32]string{},
		networks: map[uint32]*model.Network{}, routers: map[uint32]*router{}}
	for _, m := range node.Mappings {
		if m.PatchPort != 0 {
			s.patches[m.PatchPort] = m.PhysicalNetwork
		}
	}
	for _, x := range node.Interfaces {
		p := i.view.PortByID(x.PortID)
		if p == nil {
			continue
		}
		if at, here := i.view.AttachmentOn(p.Number, node.Number); here && at.Ofport == x.Ofport {
			n := i.view.Network(at.Network)
			s.networks[uint32(n.Key)] = n
			s.ports[x.Ofport] = newLocal(i.view, p, n, x.Ofport)
		}
	}
	for _, number := range i.view.RoutersFor(node.Number) {
		r := &router{Router: i.view.Router(number), networks: map[uint32]bool{}}
		on := func(n *model.Network) {
			r.networks[uint32(n.Key)] = true
			s.networks[uint32(n.Key)] = n
		}
		for _, x := range routing.Interfaces(i.view, r.Router) {
			on(x.Network)
		}
		if g := routing.GatewayOf(i.view, r.Router); g != nil {
			on(g.Network)
		}
		s.routers[uint32(r.Key)] = r
	}
	return s
}

func newLocal(v *topology.View, p *model.Port, n *model.Network, ofport uint32) *local {
	l := &local{Port: p, network: n, ofport: ofport, groups: map[uint64]bool{}}
	l.from = append(l.from, source{mac: p.MAC.Uint64()})
	for _, f := range p.FixedIPs {
		if f.IPAddress.Is4() {
			l.from = append(l.from, source{p.MAC.Uint64(), netip.PrefixFrom(f.IPAddress, f.IPAddress.BitLen())})
		}
	}
	for _, pair := range p.AllowedAddressPairs {
		if pair.IP.Addr().Is4() {
			l.from = append(l.from, source{pair.MAC.Uint64(), pair.IP.Masked()})
		}
	}
	for _, g := range v.SecurityGroupsOf(p) {
		l.groups[uint64(g.Number)] = true
	}
	return l
}

// tag is what frames of a network have on a wire, as vlan_vid has it.
func tag(n *model.Network) uint32 {
	if n.NetworkType == model.NetworkFlat {
		return 0
	}
	return 0x1000 | n.SegmentationID
}

// onWire tells whether a network is on the bridge behind a patch port.
func (s *site) onWire(n *model.Network, patch uint32) bool {
	return n.NetworkType != model.NetworkVXLAN && s.patches[patch] == n.PhysicalNetwork
}

// isPeer tells whether an address is another node's encapsulation address.
func (s *site) isPeer(address uint64) bool {
	n, known := s.peers[uint32(address)]
	return known && n != s.node.Number && address == uint64(uint32(address))
}

func encapsulated(n *model.Network) bool { return n.NetworkType == model.NetworkVXLAN }

func address(a netip.Addr) uint64 { return pipeline.IPv4(a) }
