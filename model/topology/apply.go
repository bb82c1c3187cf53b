package topology

import (
	"net/netip"
	"reflect"
	"slices"

	"github.com/planck-sdn/planck/model"
)

// Apply returns the view after some changes, and the units that have to be rendered anew. Its cost depends on what
// the changes touch. Objects in changes belong to the view afterwards and must not be modified.
func (v *View) Apply(changes []model.Change) (*View, []Touch) {
	s := &step{
		old: v, new: v.copy(), touched: map[Touch]struct{}{}, ports: map[model.Number]struct{}{},
		routers: map[string]aspect{}, floating: map[model.Number]struct{}{}, neighbours: map[model.Number]struct{}{},
		addresses: map[address]struct{}{}, reaches: map[model.Number]struct{}{},
		groups: map[model.Number]struct{}{}, regrouped: map[model.Number]struct{}{},
		services: map[model.Number]struct{}{}, spanning: map[model.Number]struct{}{}, served: map[model.Number]struct{}{},
	}
	changes = slices.Clone(changes)
	slices.SortStableFunc(changes, func(a, b model.Change) int { return applyOrder[a.Ref.Kind] - applyOrder[b.Ref.Kind] })
	for _, c := range changes {
		switch c.Ref.Kind {
		case model.KindNetwork:
			network, _ := c.Object.(*model.Network)
			s.network(c.Ref.Number, network)
		case model.KindSubnet:
			subnet, _ := c.Object.(*model.Subnet)
			s.subnet(c.Ref.Number, subnet)
		case model.KindPort:
			port, _ := c.Object.(*model.Port)
			s.port(c.Ref.Number, port)
		case model.KindNode:
			node, _ := c.Object.(*model.Node)
			s.node(c.Ref.Number, node)
		case model.KindRouter:
			router, _ := c.Object.(*model.Router)
			s.router(c.Ref.Number, router)
		case model.KindFloatingIP:
			floating, _ := c.Object.(*model.FloatingIP)
			s.floatingIP(c.Ref.Number, floating)
		case model.KindNeighbour:
			neighbour, _ := c.Object.(*model.Neighbour)
			s.neighbour(c.Ref.Number, neighbour)
		case model.KindHolder:
			holder, _ := c.Object.(*model.Holder)
			s.holder(c.Ref.Number, holder)
		case model.KindSecurityGroup:
			group, _ := c.Object.(*model.SecurityGroup)
			s.securityGroup(c.Ref.Number, group)
		case model.KindLink:
			link, _ := c.Object.(*model.Link)
			s.link(c.Ref.Number, link)
		case model.KindService:
			service, _ := c.Object.(*model.Service)
			s.service(c.Ref.Number, service)
		}
	}
	if s.rewired {
		s.new.findFabrics()
	}
	moves, spreads := s.attach()
	s.serve()
	s.route(moves)
	s.span(moves, spreads)
	s.touchMoves(moves)
	for _, p := range spreads {
		s.presence(p)
	}
	s.touchRouting()
	s.secure()
	list := make([]Touch, 0, len(s.touched))
	for t := range s.touched {
		list = append(list, t)
	}
	return s.new, list
}

// applyOrder puts what others refer to first.
var applyOrder = map[model.Kind]int{model.KindNetwork: 1, model.KindSubnet: 2, model.KindPort: 3, model.KindNode: 4,
	model.KindRouter: 5, model.KindFloatingIP: 6, model.KindNeighbour: 7, model.KindHolder: 8, model.KindSecurityGroup: 9,
	model.KindLink: 10, model.KindService: 11}

// step is one application of changes.
type step struct {
	old, new *View
	ports    map[model.Number]struct{} // whose attachments or claims may differ
	touched  map[Touch]struct{}

	routers    map[string]aspect         // what of them may differ
	floating   map[model.Number]struct{} // floating IPs that may differ
	neighbours map[model.Number]struct{} // whose rows differ
	addresses  map[address]struct{}      // whose holder or claims may differ
	reaches    map[model.Number]struct{} // nodes that may need other routers or know other networks

	groups    map[model.Number]struct{} // security groups whose rows differ
	regrouped map[model.Number]struct{} // ports of which nothing but the security groups differs

	rewired  bool                      // the fabrics may differ
	services map[model.Number]struct{} // router interfaces whose service may differ
	spanning map[model.Number]struct{} // networks that may need other switches
	served   map[model.Number]struct{} // networks whose bare metal another node may route for
}

func (s *step) touch(node model.Number, kind model.Kind, n model.Number, part uint8) {
	s.touched[Touch{node, Unit{model.Ref{Kind: kind, Number: n}, part}}] = struct{}{}
}

// network takes in a network's new row (nil: deleted).
func (s *step) network(n model.Number, now *model.Network) {
	before := s.new.Network(n)
	if before != nil {
		s.new.networkByID.delete(before.ID)
	}
	if now == nil {
		s.new.networks.delete(n)
	} else {
		s.new.networks.set(n, now)
		s.new.networkByID.set(now.ID, n)
	}
	same := sameForwarding(before, now)
	if same && before.MTU == now.MTU {
		return
	}
	for _, network := range []*model.Network{before, now} {
		if network != nil {
			s.routersAround(network.ID, before == nil || now == nil)
		}
	}
	if same {
		return
	}
	s.spanning[n] = struct{}{}
	s.new.PortsOf(n, func(port model.Number) { s.ports[port] = struct{}{} })
	// Its key, type or id may be in every entry of every one of its ports.
	for _, node := range union(s.old.KnownOn(n), s.old.WiredOn(n)) {
		s.wholeNetwork(n, node)
	}
}

// sameForwarding tells whether two versions of a network are rendered alike.
func sameForwarding(a, b *model.Network) bool {
	return a != nil && b != nil && a.AdminStateUp == b.AdminStateUp && a.NetworkType == b.NetworkType &&
		a.PhysicalNetwork == b.PhysicalNetwork && a.SegmentationID == b.SegmentationID && a.Key == b.Key
}

func (s *step) subnet(n model.Number, now *model.Subnet) {
	before := s.new.Subnet(n)
	for _, subnet := range []*model.Subnet{before, now} {
		if subnet == nil {
			continue
		}
		network, ok := s.new.networkByID.get(subnet.NetworkID)
		if !ok {
			if network, ok = s.old.networkByID.get(subnet.NetworkID); !ok {
				continue
			}
		}
		if subnet == before {
			s.new.subnetsOf.delete(pair{network, n})
		} else {
			s.new.subnetsOf.set(pair{network, n}, struct{}{})
		}
		if before == nil || now == nil || before.ID != now.ID || before.CIDR != now.CIDR || before.GatewayIP != now.GatewayIP {
			s.routersAround(subnet.NetworkID, false)
		}
		if before != nil && now != nil && before.EnableDHCP == now.EnableDHCP {
			continue // the rest is read when a DHCP request comes up
		}
		s.new.PortsOf(network, func(port model.Number) {
			for _, a := range s.new.Attachments(port) {
				s.touch(a.Node, model.KindPort, port, 0)
			}
		})
	}
	if now == nil {
		s.new.subnets.delete(n)
	} else {
		s.new.subnets.set(n, now)
	}
}

func (s *step) port(n model.Number, now *model.Port) {
	before := s.new.Port(n)
	s.routerPort(before, now)
	if now != nil && now.IsBareMetal() {
		s.new.bareMetal.set(n, struct{}{})
	} else if before != nil && before.IsBareMetal() {
		s.new.bareMetal.delete(n)
	}
	if before != nil {
		s.new.portByID.delete(before.ID)
		if network, ok := s.networkOf(before); ok {
			s.new.portsOf.delete(pair{network, n})
			if dhcp, ok := s.new.dhcpPort.get(network); ok && dhcp == n {
				s.new.dhcpPort.delete(network)
			}
		}
	}
	if now == nil {
		s.new.ports.delete(n)
	} else {
		s.new.ports.set(n, now)
		s.new.portByID.set(now.ID, n)
		if network, ok := s.networkOf(now); ok {
			s.new.portsOf.set(pair{network, n}, struct{}{})
			if now.DeviceOwner == model.DeviceOwnerDHCP {
				s.new.dhcpPort.set(network, n)
			}
		}
	}
	if samePort(before, now) {
		if !slices.Equal(groupsOf(before), groupsOf(now)) {
			s.regrouped[n] = struct{}{} // which concerns nobody else's way to it
		}
		return
	}
	s.ports[n] = struct{}{}
	for _, p := range []*model.Port{before, now} {
		if p != nil && p.DeviceOwner == model.DeviceOwnerDHCP { // its address is in the entries of the network's ports
			if network, ok := s.networkOf(p); ok {
				s.new.PortsOf(network, func(port model.Number) {
					for _, a := range s.new.Attachments(port) {
						s.touch(a.Node, model.KindPort, port, 0)
					}
				})
			}
		}
	}
}

// samePort tells whether two versions of a port are rendered alike: names, descriptions and status are not
// rendered, and what DHCP says is read when a request comes up. Nor is the binding's generation, but a new one has to be confirmed anew.
func samePort(a, b *model.Port) bool {
	return a != nil && b != nil && a.ID == b.ID && a.AdminStateUp == b.AdminStateUp && a.MAC == b.MAC &&
		a.DeviceOwner == b.DeviceOwner && (a.DeviceID == b.DeviceID || !isRouters(a)) && a.PortSecurityEnabled == b.PortSecurityEnabled && a.HostID == b.HostID && a.BindingGeneration == b.BindingGeneration &&
		slices.Equal(a.FixedIPs, b.FixedIPs) && slices.Equal(a.AllowedAddressPairs, b.AllowedAddressPairs) &&
		slices.EqualFunc(a.InactiveBindings, b.InactiveBindings, func(x, y model.Binding) bool { return x.HostID == y.HostID }) &&
		a.IsBareMetal() == b.IsBareMetal() && (!a.IsBareMetal() || a.VIFType == b.VIFType && reflect.DeepEqual(a.Profile, b.Profile))
}

// networkOf finds a port's network, also when the network goes away in the same step.
func (s *step) networkOf(p *model.Port) (model.Number, bool) {
	if n, ok := s.new.networkByID.get(p.NetworkID); ok {
		return n, true
	}
	return s.old.networkByID.get(p.NetworkID)
}

func (s *step) node(n model.Number, now *model.Node) {
	before := s.new.Node(n)
	if before != nil {
		if at, ok := s.new.nodeByHost.get(before.Hostname); ok && at == n {
			s.new.nodeByHost.delete(before.Hostname)
		}
	}
	if now == nil {
		s.new.nodes.delete(n)
	} else {
		s.new.nodes.set(n, now)
		s.new.nodeByHost.set(now.Hostname, n)
	}
	s.physical(before, now)

	moved := before == nil || now == nil || before.Hostname != now.Hostname || before.EncapIP != now.EncapIP ||
		before.TunnelPort != now.TunnelPort || !reflect.DeepEqual(before.Mappings, now.Mappings)
	var same map[model.Interface]bool // in both rows, which is most of them
	if !moved {
		same = make(map[model.Interface]bool, len(before.Interfaces))
		for _, i := range before.Interfaces {
			same[i] = false
		}
		for _, i := range now.Interfaces {
			if _, had := same[i]; had {
				same[i] = true
			}
		}
	}
	for _, node := range []*model.Node{before, now} {
		if node == nil {
			continue
		}
		for _, i := range node.Interfaces {
			if same[i] {
				continue
			}
			key := plugKey{i.PortID, i.Sequence, n}
			if node == before {
				s.new.plugs.delete(key)
			} else {
				s.new.plugs.set(key, plug{i.Ofport})
			}
			if port, ok := s.new.portByID.get(i.PortID); ok {
				s.ports[port] = struct{}{}
			}
		}
	}
	if !moved {
		return
	}
	// The node's tunnel or patch ports may be in every one of its entries; its address is in its peers'.
	s.touch(n, model.KindNode, n, 0)
	for _, u := range s.old.Units(n) {
		s.touched[Touch{n, u}] = struct{}{}
	}
	if before == nil || now == nil {
		s.reaches[n] = struct{}{}
	}
	for _, service := range seconds(s.new.servicesAt, n) {
		if x, ok := s.new.services.get(service); ok {
			s.services[x.Port] = struct{}{}
		}
	}
	if before == nil || now == nil || before.EncapIP != now.EncapIP {
		for _, router := range seconds(s.new.gatewaysAt, n) { // the others send it what it is to translate
			s.routers[s.new.Router(router).ID] |= ofEntries
		}
		for _, v := range []*View{s.old, s.new} {
			v.Nodes(func(peer *model.Node) { s.touch(peer.Number, model.KindNode, peer.Number, 0) })
		}
		for _, network := range s.networksOn(n) {
			for _, peer := range s.old.PresentOn(network) {
				s.touch(peer, model.KindNetwork, network, PartMain) // which joins the pieces that are not empty
				s.touch(peer, model.KindNetwork, network, RemotePartOf(n))
				s.touch(peer, model.KindNetwork, network, RemoteOpenPartOf(n))
			}
		}
	}
}

// networksOn lists the networks that a node has ports of, before the step.
func (s *step) networksOn(node model.Number) []model.Number {
	var list []model.Number
	seen := map[model.Number]bool{}
	for _, u := range s.old.Units(node) {
		if u.Kind == model.KindNetwork && !seen[u.Number] {
			seen[u.Number] = true
			list = append(list, u.Number)
		}
	}
	return list
}

// move is a port whose attachments or claims may differ, before the step and after.
type move struct {
	port        model.Number
	network     model.Number
	networkID   string
	before, now []Attachment
	open        bool         // it took unknown destinations, or does now
	addrs       []netip.Addr // what it claimed, and what it claims now
	macs        []model.MAC
}

// spread is where a network was before the step: the nodes that had ports of it, and those that had open ones.
type spread struct {
	network       model.Number
	present, open []model.Number
}

// attach derives the attachments and claims of the ports that may have changed.
func (s *step) attach() ([]move, []spread) {
	var moves []move
	var spreads []spread
	seen := map[model.Number]bool{}
	for port := range s.ports {
		m := move{port: port, before: s.old.Attachments(port)}
		was, is := s.old.Port(port), s.new.Port(port)
		for _, p := range []*model.Port{was, is} {
			if p != nil {
				m.network, _ = s.networkOf(p)
				m.networkID = p.NetworkID
			}
		}
		if m.network == 0 {
			continue // its network is not known yet
		}
		if !seen[m.network] {
			seen[m.network] = true
			spreads = append(spreads, spread{m.network, s.old.PresentOn(m.network), s.old.OpenOn(m.network)})
		}
		if was != nil {
			m.open = takesUnknown(was)
			m.addrs, m.macs = s.removeClaims(m.network, was)
		}
		for _, a := range m.before {
			key := attachKey{a.Network, a.Node, a.Ofport, port}
			s.new.attached.delete(key)
			s.new.open.delete(key)
		}
		s.new.places.delete(port)
		if is != nil {
			open := takesUnknown(is)
			m.open = m.open || open
			m.now = s.new.place(m.network, is)
			if len(m.now) > 0 {
				s.new.places.set(port, m.now)
			}
			for _, a := range m.now {
				key := attachKey{a.Network, a.Node, a.Ofport, port}
				s.new.attached.set(key, a)
				if open {
					s.new.open.set(key, struct{}{})
				}
			}
			addrs, macs := s.addClaims(m.network, is)
			m.addrs, m.macs = append(m.addrs, addrs...), append(m.macs, macs...)
		}
		moves = append(moves, m)
	}
	for _, p := range spreads {
		for _, node := range difference(p.present, s.new.PresentOn(p.network)) {
			s.reaches[node] = struct{}{}
		}
	}
	return moves, spreads
}

// touchMoves touches what depends on where ports are and what they claim.
func (s *step) touchMoves(moves []move) {
	for _, m := range moves {
		nodes := union(s.old.KnownOn(m.network), s.new.KnownOn(m.network))
		s.touchPort(m.port, nodes)
		for _, mac := range m.macs {
			for _, v := range []*View{s.old, s.new} {
				for _, p := range v.OwnersOf(m.network, mac) {
					s.touchPort(p.Number, nodes)
				}
			}
		}
		for _, list := range [][]Attachment{m.before, m.now} {
			for _, a := range list {
				s.touch(a.Node, model.KindPort, m.port, 0)
				s.touch(a.Node, model.KindNetwork, m.network, PartMain)
				s.touch(a.Node, model.KindNetwork, m.network, LocalPartOf(a.Ofport))
				if m.open {
					s.touch(a.Node, model.KindNetwork, m.network, LocalOpenPartOf(a.Ofport))
				}
			}
		}
	}
	for a := range s.addresses {
		for _, v := range []*View{s.old, s.new} {
			if network, ok := v.networkByID.get(a.networkID); ok {
				nodes := union(s.old.KnownOn(network), s.new.KnownOn(network))
				for _, port := range v.claimants(network, a.addr) {
					s.touchPort(port, nodes)
				}
			}
		}
	}
}

// presence touches what depends on which nodes have a network's ports, and which have open ones.
func (s *step) presence(before spread) {
	network, present, open := before.network, s.new.PresentOn(before.network), s.new.OpenOn(before.network)
	everywhere := union(before.present, present)
	for _, node := range difference(before.present, present) {
		s.wholeNetwork(network, node)
		for _, v := range []*View{s.old, s.new} {
			for _, router := range v.RoutersOn(network) {
				s.touch(node, model.KindRouter, router, 0)
			}
		}
		for _, peer := range everywhere {
			s.touch(peer, model.KindNetwork, network, PartMain)
			s.touch(peer, model.KindNetwork, network, RemotePartOf(node))
		}
	}
	for _, node := range difference(before.open, open) {
		for _, peer := range everywhere {
			s.touch(peer, model.KindNetwork, network, PartMain)
			s.touch(peer, model.KindNetwork, network, RemoteOpenPartOf(node))
		}
	}
}

// wholeNetwork touches all that a node may have of a network, before or after the step.
func (s *step) wholeNetwork(network, node model.Number) {
	for _, v := range []*View{s.old, s.new} {
		v.networkUnits(network, node, func(u Unit) { s.touched[Touch{node, u}] = struct{}{} })
	}
}

func (s *step) touchPort(port model.Number, nodes []model.Number) {
	for _, node := range nodes {
		s.touch(node, model.KindPort, port, 0)
	}
}

func union(a, b []model.Number) []model.Number {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// difference lists what is in exactly one of two sorted lists.
func difference(a, b []model.Number) []model.Number {
	var list []model.Number
	for _, x := range union(a, b) {
		_, inA := slices.BinarySearch(a, x)
		_, inB := slices.BinarySearch(b, x)
		if inA != inB {
			list = append(list, x)
		}
	}
	return list
}
