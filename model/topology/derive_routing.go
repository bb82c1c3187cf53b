package topology

import (
	"github.com/planck-sdn/planck/model"
)

// route derives which nodes serve routers and floating IPs, which routers nodes need, and which networks they know.
func (s *step) route(moves []move) {
	for id := range s.routers {
		s.gateway(id)
	}
	for _, m := range moves {
		for _, addr := range m.addrs {
			s.addresses[address{m.networkID, addr}] = struct{}{}
		}
	}
	s.gatherFloating()
	for n := range s.floating {
		s.place(n)
	}
	for id, what := range s.routers {
		if what&ofReach != 0 {
			s.links(id)
		}
	}
	for node := range s.reaches {
		s.reach(node)
	}
}

// gateway derives the gateway node of a router.
func (s *step) gateway(id string) {
	was, is := s.old.RouterByID(id), s.new.RouterByID(id)
	var before, now model.Number
	if was != nil {
		if before = s.old.GatewayNode(was.Number); before != 0 {
			s.new.serving.delete(serveKey{id, before, was.Ref()})
			s.unwire(was.Gateway.NetworkID, before, was.Ref())
		}
	}
	if is != nil {
		if now = s.new.GatewayNode(is.Number); now != 0 {
			s.new.serving.set(serveKey{id, now, is.Ref()}, struct{}{})
			s.wire(is.Gateway.NetworkID, now, is.Ref())
		}
	}
	if before != now {
		s.reaches[before] = struct{}{}
		s.reaches[now] = struct{}{}
	}
}

// wire notes that a network comes in on a node because of what that serves, by which the network may need other switches.
func (s *step) wire(networkID string, node model.Number, because model.Ref) {
	s.new.wired.set(serveKey{networkID, node, because}, struct{}{})
	s.spanned(networkID)
}

func (s *step) unwire(networkID string, node model.Number, because model.Ref) {
	s.new.wired.delete(serveKey{networkID, node, because})
	s.spanned(networkID)
}

func (s *step) spanned(networkID string) {
	if n := s.new.NetworkByID(networkID); n != nil {
		s.spanning[n.Number] = struct{}{}
	}
}

// gatherFloating finds the floating IPs whose unit or node may differ: by their router, their ports, and the claims to their fixed IP.
func (s *step) gatherFloating() {
	add := func(list []model.Number) {
		for _, n := range list {
			s.floating[n] = struct{}{}
		}
	}
	for id := range s.routers {
		add(membersOf(s.new.floatingOf, id))
	}
	for port := range s.ports {
		for _, v := range []*View{s.old, s.new} {
			if p := v.Port(port); p != nil {
				add(membersOf(s.new.floatingToPort, p.ID))
				add(membersOf(s.new.floatingByPort, p.ID))
			}
		}
	}
	for a := range s.addresses {
		add(membersAt(s.new.fixedAt, a.networkID, a.addr))
	}
}

// place derives the node that serves a floating IP.
func (s *step) place(n model.Number) {
	was, is := s.old.FloatingIP(n), s.new.FloatingIP(n)
	var before, now model.Number
	ref := model.Ref{Kind: model.KindFloatingIP, Number: n}
	if was != nil {
		if p := s.old.PortByID(was.PortID); p != nil {
			s.new.fixedAt.delete(atKey{p.NetworkID, was.FixedIP, n})
		}
		if before = s.old.ServesFloatingIP(n); before != 0 {
			s.new.floatingAt.delete(n)
			s.new.floatingOn.delete(pair{before, n})
			s.new.serving.delete(serveKey{was.RouterID, before, ref})
			s.unwire(was.FloatingNetworkID, before, ref)
		}
		s.routers[was.RouterID] |= 0 // who serves it may differ
	}
	if is != nil {
		if p := s.new.PortByID(is.PortID); p != nil {
			s.new.fixedAt.set(atKey{p.NetworkID, is.FixedIP, n}, struct{}{})
		}
		if now = s.new.placeFloating(is); now != 0 {
			s.new.floatingAt.set(n, now)
			s.new.floatingOn.set(pair{now, n}, struct{}{})
			s.new.serving.set(serveKey{is.RouterID, now, ref}, struct{}{})
			s.wire(is.FloatingNetworkID, now, ref)
		}
		s.routers[is.RouterID] |= 0
	}
	s.reaches[before] = struct{}{}
	s.reaches[now] = struct{}{}
}

// links derives the next hops of a router's static routes, and finds the nodes that may need other routers because of what has
// become of it: those that need it, those that have a network of its, and those that need a router with a route by it.
func (s *step) links(id string) {
	for _, v := range []*View{s.old, s.new} {
		r := v.RouterByID(id)
		if r == nil {
			continue
		}
		s.recompute(s.old.NeededOn(r.Number))
		for _, p := range v.InterfacesOf(r.Number) {
			for _, route := range r.Routes {
				key := atKey{p.NetworkID, route.NextHop, r.Number}
				if v == s.old {
					s.new.via.delete(key)
				} else {
					s.new.via.set(key, struct{}{})
				}
			}
			if n, ok := v.networkByID.get(p.NetworkID); ok {
				s.recompute(s.new.PresentOn(n))
			}
			for _, fixed := range p.FixedIPs {
				for _, from := range membersAt(s.old.via, p.NetworkID, fixed.IPAddress) {
					s.recompute(s.old.NeededOn(from))
				}
			}
		}
	}
}

func (s *step) recompute(nodes []model.Number) {
	for _, n := range nodes {
		s.reaches[n] = struct{}{}
	}
}

// reach derives which routers a node needs and which networks it knows. A physical switch needs no routers; which networks it knows follows
// from where they hang on the fabric, see span.
func (s *step) reach(node model.Number) {
	if s.old.isSwitch(node) || s.new.isSwitch(node) {
		return
	}
	routers, networks := s.new.reach(node)
	for _, r := range difference(s.old.RoutersFor(node), routers) {
		swap(s.new.needs, s.new.neededOn, node, r)
		s.touch(node, model.KindRouter, r, 0)
	}
	for _, n := range difference(seconds(s.old.knows, node), networks) {
		swap(s.new.knows, s.new.knownOn, node, n)
		s.spanning[n] = struct{}{}
		for _, v := range []*View{s.old, s.new} {
			v.PortsOf(n, func(port model.Number) { s.touch(node, model.KindPort, port, 0) })
		}
	}
}

// swap removes a pair from a table and its reverse if it is there, and adds it if not.
func swap(t, reverse table[pair, struct{}], a, b model.Number) {
	if _, there := t.get(pair{a, b}); there {
		t.delete(pair{a, b})
		reverse.delete(pair{b, a})
	} else {
		t.set(pair{a, b}, struct{}{})
		reverse.set(pair{b, a}, struct{}{})
	}
}

// touchRouting touches the units of routers, floating IPs and neighbours that may differ.
func (s *step) touchRouting() {
	external := map[string]struct{}{}
	for id, what := range s.routers {
		s.touchRouter(id, what)
		for _, v := range []*View{s.old, s.new} {
			if r := v.RouterByID(id); r != nil && r.Gateway != nil {
				external[r.Gateway.NetworkID] = struct{}{}
			}
		}
	}
	for id := range external {
		for _, node := range difference(servers(s.old.wired, id), servers(s.new.wired, id)) {
			for _, v := range []*View{s.old, s.new} {
				if n, ok := v.networkByID.get(id); ok {
					s.touch(node, model.KindNetwork, n, PartMain)
				}
			}
		}
	}
	for n := range s.floating {
		for _, v := range []*View{s.old, s.new} {
			if node := v.ServesFloatingIP(n); node != 0 {
				s.touch(node, model.KindFloatingIP, n, 0)
			}
		}
	}
	for n := range s.neighbours {
		for _, v := range []*View{s.old, s.new} {
			if x := v.Neighbour(n); x != nil {
				s.touchNeighbours([]model.Number{n}, union(servers(s.old.serving, x.RouterID), servers(s.new.serving, x.RouterID)))
			}
		}
	}
}

func (s *step) touchRouter(id string, what aspect) {
	before, now := servers(s.old.serving, id), servers(s.new.serving, id)
	changed := difference(before, now)
	neighbours := union(membersOf(s.old.neighboursOf, id), membersOf(s.new.neighboursOf, id))
	for _, v := range []*View{s.old, s.new} {
		r := v.RouterByID(id)
		if r == nil {
			continue
		}
		for _, node := range changed {
			s.touch(node, model.KindRouter, r.Number, 0)
		}
		if what&ofEntries != 0 {
			for _, node := range union(s.old.NeededOn(r.Number), s.new.NeededOn(r.Number)) {
				s.touch(node, model.KindRouter, r.Number, 0)
			}
		}
	}
	if what&ofOutside != 0 {
		s.touchNeighbours(neighbours, union(before, now))
	} else {
		s.touchNeighbours(neighbours, changed)
	}
}

func (s *step) touchNeighbours(neighbours, nodes []model.Number) {
	for _, n := range neighbours {
		for _, node := range nodes {
			s.touch(node, model.KindNeighbour, n, 0)
		}
	}
}
