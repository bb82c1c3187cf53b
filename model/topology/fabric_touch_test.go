package topology_test

import (
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
)

// readSwitch is what an app may read to render a unit on a physical switch.
func readSwitch(say func(...any), v *topology.View, node *model.Node, u topology.Unit) {
	s := node.Switch
	switch u.Kind {
	case model.KindNode:
		if u.Number != node.Number {
			return
		}
		if f := v.Fabric(s.PhysicalNetwork); f != nil {
			say("tree", f.TreePorts(node.Number))
		}
	case model.KindNetwork:
		n := v.Network(u.Number)
		if n == nil || u.Part != topology.PartMain || !v.IsWired(n.Number, node.Number) {
			return
		}
		points := v.PointsOf(n.Number)
		var takers []topology.Point
		for _, p := range points {
			if p.Open {
				takers = append(takers, p)
			}
		}
		f := v.FabricOf(n)
		say(network(v, n.ID), f.Ways(node.Number, n.SegmentationID, points), f.Ways(node.Number, n.SegmentationID, takers))
	case model.KindPort:
		p := v.Port(u.Number)
		if p == nil {
			return
		}
		n := v.NetworkByID(p.NetworkID)
		if n == nil || !v.Knows(n.Number, node.Number) {
			return
		}
		say(network(v, n.ID), p.MAC, p.FixedIPs, p.AllowedAddressPairs, p.PortSecurityEnabled)
		for _, owner := range append(v.OwnersOf(n.Number, p.MAC), p) {
			if place, ok := v.PlaceOf(n, owner); ok {
				say("at", v.FabricOf(n).Ways(node.Number, n.SegmentationID, []topology.Point{place}))
			}
		}
		a, here := v.AttachmentOn(p.Number, node.Number)
		say(a.Ofport, a.Tag, here)
		if server := v.DHCPPort(n.Number); here && server != nil {
			say(server.FixedIPs)
			for _, subnet := range v.SubnetsOf(n.Number) {
				say(subnet.ID, subnet.EnableDHCP)
			}
		}
	default:
		return
	}
	say("on", s.Driver, s.Meters, s.PhysicalNetwork)
}
