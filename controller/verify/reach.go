package verify

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/apps/routing"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// probe sends packets of those that have to reach each other through the tables.
type probe struct {
	*explorer
	*lookup
	walk walk
}

func newProbe(x *explorer) *probe {
	p := &probe{explorer: x, lookup: newLookup(x.tables)}
	p.walk.probe = p
	return p
}

// send has a packet go through the tables from one on.
func (p *probe) send(packet packet, table uint8) ([]copyOf, error) {
	p.walk.copies, p.walk.steps, p.walk.work = p.walk.copies[:0], p.walk.steps[:0], 0
	err := p.walk.table(&packet, table)
	return p.walk.copies, err
}

// missing notes that a packet does not get where it has to.
func (p *probe) missing(pkt packet, text string) {
	p.note(finding{ContractReach, none, text}, Violation{Contract: ContractReach, Text: text, Packet: matchText(pkt.match()),
		Way: slices.Clone(p.walk.steps), Confirmed: true})
}

// match is what a packet has, but for the tables' own notes.
func (p *packet) match() flow.Match {
	var m flow.Match
	for f := flow.InPort; int(f) < len(p); f++ {
		if _, known := f.Info(); known && p[f] != 0 && f != flow.CTState {
			m = append(m, flow.Exact(f, p[f]))
		}
	}
	return m
}

// reach holds the tables against what the model wants to reach each other.
func (p *probe) reach() {
	present := map[model.Number][]*local{} // the ports of each network here
	for _, ofport := range slices.Sorted(maps.Keys(p.site.ports)) {
		l := p.site.ports[ofport]
		present[l.network.Number] = append(present[l.network.Number], l)
		p.sends(l)
	}
	for _, network := range slices.Sorted(maps.Keys(present)) {
		p.unicast(present[network])
		p.flood(present[network])
		p.outside(present[network])
	}
	for _, key := range slices.Sorted(maps.Keys(p.site.routers)) {
		p.router(p.site.routers[key], present)
	}
}

// talks tells whether anything may come to a port or from it: with port security, and without a security group, nothing does.
func (l *local) talks() bool { return !l.PortSecurityEnabled || len(l.groups) > 0 }

// ip is an IPv4 packet of some protocol that nothing is known about.
func ip(src, dst uint64) packet {
	var p packet
	p[flow.EthType], p[flow.IPProto], p[flow.IPTTL] = pipeline.EthTypeIPv4, 253, 64 // RFC 3692: for experiments
	p[flow.EthSrc], p[flow.EthDst] = src, dst
	return p
}

// packet is one of a port's that its security groups have let through: it is in table to_router.
func (l *local) packet(dst uint64) packet {
	p := ip(l.MAC.Uint64(), dst)
	p[flow.InPort] = uint64(l.ofport)
	p[flow.Metadata] = uint64(l.network.Key)<<networkBit | uint64(l.ofport)
	return p
}

const broadcast = 0xffffffffffff

// nobody is a MAC address that no port has: of group address 0, locally administered.
const nobody = 0x020000000000

// sends holds the tables against what a port itself has to be let send.
func (p *probe) sends(l *local) {
	i := slices.IndexFunc(l.from, func(s source) bool { return s.prefix.IsValid() })
	if !l.talks() || i < 0 {
		return
	}
	pkt := ip(l.from[i].mac, nobody)
	pkt[flow.InPort], pkt[flow.IPv4Src] = uint64(l.ofport), address(l.from[i].prefix.Addr())
	_, err := p.send(pkt, pipeline.Classify.ID)
	p.result.Pairs++
	if err != nil || !slices.ContainsFunc(p.walk.steps, func(s Passed) bool { return s.Table == pipeline.Deliver.ID }) {
		p.missing(pkt, "What port "+nameOf(l.ID, l.Name)+" sends from its address does not get into its network.")
	}
}

// expect notes a violation unless a packet leaves by all these ways.
func (p *probe) expect(pkt packet, table uint8, want []copyOf, text func() string) {
	if len(want) == 0 {
		return
	}
	got, err := p.send(pkt, table)
	p.result.Pairs++
	for _, w := range want {
		if err != nil || !slices.Contains(got, w) {
			p.missing(pkt, text())
			return
		}
	}
}

// way is how packets of a network get to a member; nil: there is no way, or its security groups let nothing pass.
func (p *probe) way(n *model.Network, m *member) []copyOf {
	if m.at.Node == p.site.node.Number {
		if l := p.site.ports[m.at.Ofport]; l != nil && l.Number == m.Number && l.talks() {
			return []copyOf{{port: l.ofport}}
		}
		return nil
	}
	if !encapsulated(n) {
		return p.wire(n)
	}
	return p.tunnel(uint64(n.Key), m.at.Node)
}

func (p *probe) wire(n *model.Network) []copyOf {
	if m, ok := p.site.node.Mapping(n.PhysicalNetwork); ok && m.PatchPort != 0 {
		return []copyOf{{port: m.PatchPort, vlan: uint64(tag(n))}}
	}
	return nil
}

func (p *probe) tunnel(key uint64, node model.Number) []copyOf {
	to := p.site.view.Node(node)
	if p.site.node.TunnelPort == 0 || node == p.site.node.Number || to == nil || !to.EncapIP.Is4() {
		return nil
	}
	return []copyOf{{port: p.site.node.TunnelPort, tunnel: key, to: address(to.EncapIP)}}
}

// unicast sends from a port of a network here to each address of the network.
func (p *probe) unicast(here []*local) {
	n := here[0].network
	m := p.site.membersOf(n)
	for _, mac := range m.addresses {
		owners := m.macs[mac]
		var want []copyOf
		for _, o := range owners {
			for _, w := range p.way(n, &m.members[o]) {
				if !slices.Contains(want, w) {
					want = append(want, w)
				}
			}
		}
		other := slices.IndexFunc(here, func(l *local) bool {
			return !slices.ContainsFunc(owners, func(o int) bool { return m.members[o].Number == l.Number })
		})
		if other < 0 {
			continue
		}
		p.expect(here[other].packet(mac), pipeline.ToRouter.ID, want, func() string {
			to := m.members[owners[0]]
			return "Port " + nameOf(here[other].ID, here[other].Name) + " does not reach port " + nameOf(to.ID, to.Name) + " in their network."
		})
	}
}

// flood sends to all of a network: from a port here, and as it comes from outside.
func (p *probe) flood(here []*local) {
	n := here[0].network
	var all []copyOf
	for _, l := range here {
		if l.talks() {
			all = append(all, copyOf{port: l.ofport})
		}
	}
	everywhere := slices.Clone(all)
	if !encapsulated(n) {
		everywhere = append(everywhere, p.wire(n)...)
	} else {
		for _, node := range p.site.membersOf(n).nodes {
			everywhere = append(everywhere, p.tunnel(uint64(n.Key), node)...)
		}
	}
	exactly := func(pkt packet, table uint8, want []copyOf, text string) {
		got, err := p.send(pkt, table)
		p.result.Pairs += len(want)
		if err != nil || len(got) != len(want) || slices.ContainsFunc(want, func(w copyOf) bool { return !slices.Contains(got, w) }) {
			p.missing(pkt, text)
		}
	}
	network := "network " + nameOf(n.ID, n.Name)
	pkt := here[0].packet(broadcast)
	pkt[flow.InPort] = 0 // so that the sender gets it too
	exactly(pkt, pipeline.ToRouter.ID, everywhere, "What a port here sends to all of "+network+" does not reach each of them once.")
	if pkt, ok := p.arriving(n, broadcast); ok {
		exactly(pkt, pipeline.Classify.ID, all, "What comes from outside to all of "+network+" does not reach each port here once.")
	}
}

// arriving is a packet of a network as it comes from another node; false: none does.
func (p *probe) arriving(n *model.Network, dst uint64) (packet, bool) {
	pkt := ip(nobody, dst)
	if !encapsulated(n) {
		w := p.wire(n)
		if w != nil {
			pkt[flow.InPort], pkt[flow.VLANVID] = uint64(w[0].port), w[0].vlan
		}
		return pkt, w != nil
	}
	for _, node := range p.site.membersOf(n).nodes {
		if w := p.tunnel(uint64(n.Key), node); w != nil {
			return p.arrivingFrom(pkt, w[0]), true
		}
	}
	return pkt, false
}

// arrivingFrom is a packet that the node sends to which this one would send back.
func (p *probe) arrivingFrom(pkt packet, back copyOf) packet {
	pkt[flow.InPort], pkt[flow.TunnelID], pkt[flow.TunnelSrc] = uint64(back.port), back.tunnel, back.to
	return pkt
}

// outside sends to each port of a network here as from another node, and from each node that has the network to one of them.
func (p *probe) outside(here []*local) {
	n := here[0].network
	m := p.site.membersOf(n)
	last := -1
	for i := range m.members {
		to := &m.members[i]
		if to.at.Node != p.site.node.Number || len(m.macs[to.MAC.Uint64()]) > 1 {
			continue
		}
		if pkt, ok := p.arriving(n, to.MAC.Uint64()); ok {
			last = i
			p.expect(pkt, pipeline.Classify.ID, p.way(n, to), func() string {
				return "What comes from outside does not reach port " + nameOf(to.ID, to.Name) + "."
			})
		}
	}
	if last < 0 || !encapsulated(n) {
		return
	}
	to := &m.members[last]
	for _, node := range m.nodes {
		for _, w := range p.tunnel(uint64(n.Key), node) {
			p.expect(p.arrivingFrom(ip(nobody, to.MAC.Uint64()), w), pipeline.Classify.ID, p.way(n, to), func() string {
				return "What comes from node " + p.site.view.Node(node).Hostname + " does not reach port " + nameOf(to.ID, to.Name) + "."
			})
		}
	}
}

// router sends by a router to all that is in its networks, and to the outside.
func (p *probe) router(r *router, present map[model.Number][]*local) {
	var enter []packet
	interfaces := routing.Interfaces(p.site.view, r.Router)
	for _, i := range interfaces {
		if here := present[i.Network.Number]; len(here) > 0 {
			enter = append(enter, here[0].packet(i.Port.MAC.Uint64()))
		}
	}
	if len(enter) == 0 {
		return
	}
	name := "router " + nameOf(r.ID, r.Name)
	routes := routing.Routes(p.site.view, r.Router)
	send := func(dst netip.Addr, want []copyOf, text func() string) {
		// All the doors for the first destination, one for the others.
		for _, pkt := range enter {
			pkt[flow.IPv4Dst] = address(dst)
			p.expect(pkt, pipeline.ToRouter.ID, want, text)
		}
		enter = enter[:1]
	}
	seen := map[model.Number]bool{}
	for _, i := range interfaces {
		if seen[i.Network.Number] {
			continue
		}
		seen[i.Network.Number] = true
		m := p.site.membersOf(i.Network)
		for k := range m.members {
			to := &m.members[k]
			for _, a := range to.addresses {
				if route := longest(routes, a); route == nil || route.Via == nil || route.NextHop.IsValid() || route.Via.Network.Number != i.Network.Number || !routable(a) {
					continue
				}
				send(a, p.routed(i.Network, to), func() string {
					return "What is for " + a.String() + " of port " + nameOf(to.ID, to.Name) + " does not get there by " + name + "."
				})
			}
		}
	}
	g := routing.GatewayOf(p.site.view, r.Router)
	outside := netip.AddrFrom4([4]byte{198, 51, 100, 255}) // RFC 5737
	if route := longest(routes, outside); g == nil || route == nil || route.Via != nil || g.Node == p.site.node.Number || p.site.view.Node(g.Node) == nil {
		return
	}
	send(outside, p.tunnel(uint64(r.Key), g.Node), func() string {
		return "What is for the outside does not get to the gateway node of " + name + "."
	})
}

// routed is how a router's packets get to a member of a network: by its wire if the node has that.
func (p *probe) routed(n *model.Network, m *member) []copyOf {
	if m.at.Node != p.site.node.Number && !encapsulated(n) && p.wire(n) == nil {
		at := m.at.Node
		if to := p.site.view.Node(at); to != nil && to.Switch != nil {
			at = p.site.view.ServesBareMetal(n.Number) // which has the wire
		}
		return p.tunnel(uint64(n.Key), at)
	}
	return p.way(n, m)
}

func longest(routes []routing.Route, a netip.Addr) *routing.Route {
	var best *routing.Route
	for i := range routes {
		if routes[i].Destination.Contains(a) && (best == nil || routes[i].Destination.Bits() > best.Destination.Bits()) {
			best = &routes[i]
		}
	}
	return best
}

// routable tells whether a router sends on what is for an address (RFC 1812, 5.3.7).
func routable(a netip.Addr) bool {
	first := a.As4()[0]
	return first != 0 && first != 127 && first < 224 && !a.IsLinkLocalUnicast()
}
