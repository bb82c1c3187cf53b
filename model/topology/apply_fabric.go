package topology

import (
	"reflect"
	"slices"

	"github.com/planck-sdn/planck/model"
)

// link takes in a link's new row (nil: it is gone).
func (s *step) link(n model.Number, now *model.Link) {
	if now == nil {
		s.new.links.delete(n)
	} else {
		s.new.links.set(n, now)
	}
	s.rewired = true
}

// service takes in which node routes for bare metal by a router's interface.
func (s *step) service(n model.Number, now *model.Service) {
	before, _ := s.new.services.get(n)
	if before != nil {
		s.new.serviceOf.delete(before.Port)
		s.new.servicesAt.delete(pair{before.Node, n})
	}
	if now == nil {
		s.new.services.delete(n)
	} else {
		s.new.services.set(n, now)
		s.new.serviceOf.set(now.Port, n)
		s.new.servicesAt.set(pair{now.Node, n}, struct{}{})
	}
	for _, x := range []*model.Service{before, now} {
		if x != nil {
			s.services[x.Port] = struct{}{}
		}
	}
}

// physical takes in what a node's rows say of a physical switch, and of where nodes hang on one.
func (s *step) physical(before, now *model.Node) {
	sw := func(n *model.Node) *model.Switch {
		if n == nil {
			return nil
		}
		return n.Switch
	}
	was, is := sw(before), sw(now)
	if was == nil && is == nil {
		// A node that comes, goes, or has another name or other bridges.
		s.rewired = s.rewired || before == nil || now == nil || before.Hostname != now.Hostname || !slices.Equal(before.Mappings, now.Mappings)
		return
	}
	if reflect.DeepEqual(was, is) && before.Hostname == now.Hostname && before.DatapathID == now.DatapathID {
		return
	}
	s.rewired = true
	for _, n := range []*model.Node{before, now} {
		if n != nil {
			s.touch(n.Number, model.KindNode, n.Number, 0)
		}
	}
	samePorts := was != nil && is != nil && before.DatapathID == now.DatapathID && was.PhysicalNetwork == is.PhysicalNetwork &&
		slices.EqualFunc(was.Ports, is.Ports, func(a, b model.SwitchPort) bool { a.Up, b.Up = false, false; return a == b })
	if !samePorts {
		s.new.bareMetal.all(func(port model.Number, _ struct{}) bool {
			s.ports[port] = struct{}{}
			return true
		})
	}
	if was != nil && (is == nil || was.Driver != is.Driver || was.Meters != is.Meters || was.PhysicalNetwork != is.PhysicalNetwork ||
		!reflect.DeepEqual(was.Tables, is.Tables)) {
		for _, u := range s.old.Units(before.Number) { // what the driver says may be in every entry
			s.touched[Touch{before.Number, u}] = struct{}{}
		}
	}
}

// serve derives where routers' services for bare metal are.
func (s *step) serve() {
	for id := range s.routers {
		for _, v := range []*View{s.old, s.new} {
			if r := v.RouterByID(id); r != nil {
				for _, p := range v.InterfacesOf(r.Number) {
					if v.ServiceOf(p.Number) != nil {
						s.services[p.Number] = struct{}{}
					}
				}
			}
		}
	}
	for port := range s.services {
		for _, v := range []*View{s.old, s.new} {
			p := v.Port(port)
			if p == nil {
				continue
			}
			ref := model.Ref{Kind: model.KindService, Number: port}
			if node := v.ServiceNode(port); node != 0 {
				if v == s.old {
					s.unwire(p.NetworkID, node, ref)
				} else {
					s.wire(p.NetworkID, node, ref)
				}
				s.reaches[node] = struct{}{}
				if n, ok := v.networkByID.get(p.NetworkID); ok {
					s.spanning[n] = struct{}{}
					s.served[n] = struct{}{}
					s.touch(node, model.KindNetwork, n, PartMain)
				}
			}
			s.routers[p.DeviceID] |= ofEntries
		}
	}
}

// span derives which switches each network needs, and touches what depends on it: where the network hangs on its fabric, and how its ports
// are reached there.
func (s *step) span(moves []move, spreads []spread) {
	for _, m := range moves {
		for _, list := range [][]Attachment{m.before, m.now} {
			for _, a := range list {
				if s.old.isSwitch(a.Node) || s.new.isSwitch(a.Node) {
					s.spanning[m.network] = struct{}{}
				}
			}
		}
	}
	for _, p := range spreads {
		if len(difference(p.open, s.new.OpenOn(p.network))) > 0 {
			s.spanning[p.network] = struct{}{}
		}
	}
	if s.rewired {
		for _, n := range s.new.switches {
			if !slices.Equal(s.old.treePorts(n.Number), s.new.treePorts(n.Number)) {
				s.touch(n.Number, model.KindNode, n.Number, 0)
			}
		}
		for _, v := range []*View{s.old, s.new} {
			v.Networks(func(n *model.Network) {
				if s.old.FabricOf(n) != nil || s.new.FabricOf(n) != nil {
					s.spanning[n.Number] = struct{}{}
				}
			})
		}
	}
	s.restation()
	for network := range s.served { // nodes without the wire route to bare metal by the node that serves it
		for _, v := range []*View{s.old, s.new} {
			for _, node := range v.PresentOn(network) {
				if !v.isSwitch(node) {
					continue
				}
				v.AttachedOn(network, node, func(a Attachment) {
					s.touchPort(a.Port, union(s.old.KnownOn(network), s.new.KnownOn(network)))
				})
			}
			if node := v.ServesBareMetal(network); node != 0 {
				s.touch(node, model.KindNetwork, network, PartMain)
			}
		}
	}
	if len(s.old.switches)+len(s.new.switches) > 0 {
		for network := range s.spanning {
			s.spanNetwork(network)
		}
	}
}

func (s *step) spanNetwork(network model.Number) {
	before, now := s.old.PointsOf(network), s.new.PointsOf(network)
	spanned := s.new.span(network, now)
	known := s.old.switchesOf(network)
	for _, node := range difference(known, spanned) {
		swap(s.new.knows, s.new.knownOn, node, network)
		s.touch(node, model.KindNetwork, network, PartMain)
		for _, v := range []*View{s.old, s.new} {
			v.PortsOf(network, func(port model.Number) { s.touch(node, model.KindPort, port, 0) })
		}
	}
	was, is := s.old.Network(network), s.new.Network(network)
	f, g := s.old.FabricOf(was), s.new.FabricOf(is)
	if f == nil || g == nil {
		return // all of it has come or gone
	}
	both := intersection(known, spanned)
	for _, node := range both {
		if !slices.Equal(f.Ways(node, was.SegmentationID, before), g.Ways(node, is.SegmentationID, now)) ||
			!slices.Equal(f.Ways(node, was.SegmentationID, Takers(before)), g.Ways(node, is.SegmentationID, Takers(now))) {
			s.touch(node, model.KindNetwork, network, PartMain)
		}
	}
	if f == g {
		return
	}
	s.new.PortsOf(network, func(port model.Number) {
		p := s.new.Port(port)
		here, found := s.new.PlaceOf(is, p)
		there, foundBefore := Point{}, false
		if q := s.old.Port(port); q != nil {
			there, foundBefore = s.old.PlaceOf(was, q)
		}
		for _, node := range both {
			if found != foundBefore || here.Switch != there.Switch || here.Port != there.Port || f.Next(node, there.Switch) != g.Next(node, here.Switch) {
				s.touch(node, model.KindPort, port, 0)
			}
		}
	})
}

// restation touches the ports of routers and floating IPs whose MAC address may be at another node.
func (s *step) restation() {
	if len(s.new.switches)+len(s.old.switches) == 0 {
		return
	}
	moved := map[model.Number]struct{}{}
	for port := range s.services {
		moved[port] = struct{}{}
	}
	for id := range s.routers {
		for _, v := range []*View{s.old, s.new} {
			if r := v.RouterByID(id); r != nil {
				if p := v.GatewayPort(r.Number); p != nil {
					moved[p.Number] = struct{}{}
				}
				for _, p := range v.InterfacesOf(r.Number) {
					moved[p.Number] = struct{}{}
				}
			}
		}
	}
	for floating := range s.floating {
		for _, v := range []*View{s.old, s.new} {
			if f := v.FloatingIP(floating); f != nil {
				if p := v.PortByID(f.FloatingPortID); p != nil {
					moved[p.Number] = struct{}{}
				}
			}
		}
	}
	for port := range moved {
		was, is := s.old.Port(port), s.new.Port(port)
		if was == nil || is == nil || s.old.stationOf(was) == s.new.stationOf(is) {
			continue // one that comes or goes is touched as it does
		}
		if network, ok := s.networkOf(is); ok {
			for _, node := range s.old.switchesOf(network) {
				s.touch(node, model.KindPort, port, 0)
			}
		}
	}
}

func (v *View) treePorts(number model.Number) []uint32 {
	n := v.Node(number)
	if n == nil || n.Switch == nil {
		return nil
	}
	return v.Fabric(n.Switch.PhysicalNetwork).TreePorts(number)
}

// switchesOf lists the switches that a network needs, in order.
func (v *View) switchesOf(network model.Number) []model.Number {
	return slices.DeleteFunc(v.KnownOn(network), func(n model.Number) bool { return !v.isSwitch(n) })
}

// intersection lists what is in both of two sorted lists.
func intersection(a, b []model.Number) []model.Number {
	return slices.DeleteFunc(slices.Clone(a), func(n model.Number) bool {
		_, found := slices.BinarySearch(b, n)
		return !found
	})
}
