package topology

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/planck-sdn/planck/model"
)

// Point is where something of a network hangs on its fabric.
type Point struct {
	Switch model.Number
	Port   uint32
	// Tag is the VLAN id of the network's frames at that port; 0: they have no tag.
	Tag uint32
	// Host is the bare-metal port that hangs there; 0: the port is an uplink.
	Host model.Number
	// Open: what hangs there gets what is addressed to nobody that is known.
	Open bool
}

// FabricOf returns the fabric that carries a network, or nil: it is a vlan network of the fabric's physical network, and up.
func (v *View) FabricOf(network *model.Network) *Fabric {
	if network == nil || network.NetworkType != model.NetworkVLAN || !network.AdminStateUp {
		return nil
	}
	return v.Fabric(network.PhysicalNetwork)
}

// PointsOf lists where a network hangs on its fabric, in order of switch and port: bare metal, the nodes that know it and have its wire,
// and if there is one of these, the world outside.
func (v *View) PointsOf(network model.Number) []Point {
	n := v.Network(network)
	f := v.FabricOf(n)
	if f == nil {
		return nil
	}
	var list []Point
	for _, node := range v.PresentOn(network) {
		if !v.isSwitch(node) {
			continue
		}
		v.AttachedOn(network, node, func(a Attachment) {
			list = append(list, Point{node, a.Ofport, a.Tag, a.Port, takesUnknown(v.Port(a.Port))})
		})
	}
	open := v.OpenOn(network)
	for _, node := range union(v.KnownOn(network), v.WiredOn(network)) {
		u, ok := f.UplinkOf(node)
		if ok && carries(v.Node(node), n) {
			_, takes := slices.BinarySearch(open, node)
			list = append(list, Point{u.Switch, u.Port, n.SegmentationID, 0, takes})
		}
	}
	if len(list) > 0 {
		for _, u := range f.outside {
			list = append(list, Point{u.Switch, u.Port, n.SegmentationID, 0, true})
		}
	}
	slices.SortFunc(list, func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.Switch, b.Switch), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Tag, b.Tag), cmp.Compare(a.Host, b.Host))
	})
	return slices.CompactFunc(list, func(a, b Point) bool { return a.Switch == b.Switch && a.Port == b.Port && a.Tag == b.Tag })
}

// Takers lists the points that take unknown destinations.
func Takers(points []Point) []Point {
	return slices.DeleteFunc(slices.Clone(points), func(p Point) bool { return !p.Open })
}

// Ways lists by which ports of a switch some points are reached, each port and tag once, in order. Those that are not reached are left out.
func (f *Fabric) Ways(from model.Number, vid uint32, points []Point) []Way {
	var list []Way
	for _, p := range points {
		w := Way{p.Port, p.Tag}
		if p.Switch != from {
			if w = (Way{f.Next(from, p.Switch), vid}); w.Port == 0 {
				continue
			}
		}
		if !slices.Contains(list, w) {
			list = append(list, w)
		}
	}
	slices.SortFunc(list, func(a, b Way) int { return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Tag, b.Tag)) })
	return list
}

// Way is a port of a switch, and the VLAN id that a network's frames leave it with; 0: without a tag.
type Way struct {
	Port uint32
	Tag  uint32
}

// span lists the switches that a network needs, in order: those with a point, and those between them.
func (v *View) span(network model.Number, points []Point) []model.Number {
	f := v.FabricOf(v.Network(network))
	if f == nil || len(points) == 0 {
		return nil
	}
	at := map[model.Number]bool{}
	for _, p := range points {
		at[p.Switch] = true
	}
	var list []model.Number
	for _, s := range f.Switches {
		if at[s] {
			list = append(list, s)
			continue
		}
		first := uint32(0)
		for to := range at {
			next := f.Next(s, to)
			if next != 0 && first != 0 && next != first {
				list = append(list, s)
				break
			}
			if next != 0 {
				first = next
			}
		}
	}
	return list
}

// PlaceOf tells where on the fabric a port's MAC addresses are found: bare metal itself, a VM at its node's uplink, a router's interface at that of
// the node that routes for bare metal, its gateway and floating IPs at that of the node that serves them. false: nowhere.
func (v *View) PlaceOf(network *model.Network, p *model.Port) (Point, bool) {
	f := v.FabricOf(network)
	if f == nil {
		return Point{}, false
	}
	node := v.stationOf(p)
	if node == 0 {
		return Point{}, false
	}
	if v.isSwitch(node) {
		a, ok := v.AttachmentOn(p.Number, node)
		return Point{node, a.Ofport, a.Tag, p.Number, takesUnknown(p)}, ok
	}
	u, ok := f.UplinkOf(node)
	return Point{Switch: u.Switch, Port: u.Port, Tag: network.SegmentationID}, ok && carries(v.Node(node), network)
}

// stationOf is the node at which a port's MAC address is; 0: nowhere.
func (v *View) stationOf(p *model.Port) model.Number {
	switch p.DeviceOwner {
	case model.DeviceOwnerRouterInterface:
		return v.ServiceNode(p.Number)
	case model.DeviceOwnerRouterGateway:
		if r, ok := v.routerByID.get(p.DeviceID); ok && v.GatewayPort(r) == p {
			return v.GatewayNode(r)
		}
		return 0
	case model.DeviceOwnerFloatingIP:
		for _, f := range membersOf(v.floatingByPort, p.ID) {
			if node := v.ServesFloatingIP(f); node != 0 {
				return node
			}
		}
		return 0
	}
	at, _ := v.Location(p.Number)
	return at.Node
}

// ServiceNode is the node that routes for the bare metal of a network by a router's interface there; 0: none.
func (v *View) ServiceNode(port model.Number) model.Number {
	s := v.ServiceOf(port)
	p := v.Port(port)
	if s == nil || p == nil || v.Node(s.Node) == nil {
		return 0
	}
	if r := v.RouterByID(p.DeviceID); r == nil || !r.AdminStateUp {
		return 0
	}
	if n := v.NetworkByID(p.NetworkID); n == nil || n.NetworkType != model.NetworkVLAN {
		return 0
	}
	return s.Node
}

// ServiceOf returns the row that says which node routes by a router's interface, or nil.
func (v *View) ServiceOf(port model.Number) *model.Service {
	n, ok := v.serviceOf.get(port)
	if !ok {
		return nil
	}
	s, _ := v.services.get(n)
	return s
}

// RoutersAddress returns the port of a router or floating IP that has an address on a network, or nil.
func (v *View) RoutersAddress(network model.Number, addr netip.Addr) *model.Port {
	for _, n := range v.claimants(network, addr) {
		if p := v.Port(n); isRouters(p) {
			return p
		}
	}
	return nil
}

// RoutersPort returns the port of a router or floating IP that has a MAC address on a network, or nil.
func (v *View) RoutersPort(network model.Number, mac model.MAC) *model.Port {
	n := v.Network(network)
	if n == nil {
		return nil
	}
	for _, p := range v.portsIn(v.interfacesOn, n.ID) {
		if p.MAC == mac {
			return p
		}
	}
	if !n.External {
		return nil
	}
	var found *model.Port
	v.PortsOf(network, func(port model.Number) {
		if p := v.Port(port); p.MAC == mac && isRouters(p) {
			found = p
		}
	})
	return found
}

// ServesBareMetal is the node that routes for a network's bare metal, by the lowest of the interfaces of routers there that a node serves;
// 0: none.
func (v *View) ServesBareMetal(network model.Number) model.Number {
	n := v.Network(network)
	if n == nil {
		return 0
	}
	for _, port := range membersOf(v.interfacesOn, n.ID) {
		if node := v.ServiceNode(port); node != 0 {
			return node
		}
	}
	return 0
}
