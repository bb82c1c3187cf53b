package topology

import (
	"slices"

	"github.com/planck-sdn/planck/model"
)

// Units lists everything that a node has to have rendered, in no particular order: itself, the networks that come in there, the ports of
// all networks that it knows, the routers that it needs, the floating IPs that it serves, the neighbours of the routers whose traffic
// leaves there, and the security groups of the ports there.
func (v *View) Units(node model.Number) []Unit {
	if v.Node(node) == nil {
		return nil
	}
	list := []Unit{{Ref: model.Ref{Kind: model.KindNode, Number: node}}}
	add := func(u Unit) { list = append(list, u) }
	for _, network := range union(v.networksServedBy(node), seconds(v.knows, node)) {
		v.networkUnits(network, node, add)
	}
	for _, n := range v.RoutersFor(node) {
		add(Unit{Ref: model.Ref{Kind: model.KindRouter, Number: n}})
	}
	for _, n := range seconds(v.floatingOn, node) {
		add(Unit{Ref: model.Ref{Kind: model.KindFloatingIP, Number: n}})
	}
	for _, router := range v.routersServedBy(node) {
		for _, n := range v.NeighboursOf(router) {
			add(Unit{Ref: n.Ref()})
		}
	}
	for _, id := range v.groupsOn(node) {
		v.groupUnits(id, add)
	}
	return list
}

// networksServedBy lists the external networks on which a node serves a router or a floating IP, and those for whose bare metal it routes.
func (v *View) networksServedBy(node model.Number) []model.Number {
	var list []model.Number
	for _, p := range v.servicesBy(node) {
		if n, ok := v.networkByID.get(p.NetworkID); ok {
			list = append(list, n)
		}
	}
	for _, router := range v.routersServedBy(node) {
		if n, ok := v.networkByID.get(v.Router(router).Gateway.NetworkID); ok {
			list = append(list, n)
		}
	}
	return list
}

// networksOn finds a node's networks by way of what is plugged there.
func (v *View) networksOn(node model.Number) []model.Number {
	n := v.Node(node)
	if n == nil {
		return nil
	}
	var list []model.Number
	for _, i := range n.Interfaces {
		port, ok := v.portByID.get(i.PortID)
		if !ok {
			continue
		}
		if a, ok := v.AttachmentOn(port, node); ok {
			list = append(list, a.Network)
		}
	}
	return union(list, nil)
}

// networkUnits visits the units of a network on a node where it comes in, and those of its ports if the node knows it.
func (v *View) networkUnits(network, node model.Number, visit func(Unit)) {
	ref := model.Ref{Kind: model.KindNetwork, Number: network}
	if v.IsWired(network, node) {
		visit(Unit{Ref: ref, Part: PartMain})
	}
	if v.IsPresent(network, node) && !v.isSwitch(node) {
		v.floodUnits(ref, node, visit)
	}
	if v.Knows(network, node) {
		v.PortsOf(network, func(port model.Number) {
			visit(Unit{Ref: model.Ref{Kind: model.KindPort, Number: port}})
		})
	}
}

// floodUnits visits the parts of a network's unit that flood.
func (v *View) floodUnits(network model.Ref, node model.Number, visit func(Unit)) {
	seen := map[uint8]bool{}
	once := func(part uint8) {
		if !seen[part] {
			seen[part] = true
			visit(Unit{Ref: network, Part: part})
		}
	}
	v.AttachedOn(network.Number, node, func(a Attachment) {
		once(LocalPartOf(a.Ofport))
		if p := v.Port(a.Port); p != nil && takesUnknown(p) {
			once(LocalOpenPartOf(a.Ofport))
		}
	})
	for _, peer := range v.PresentOn(network.Number) {
		if peer != node {
			once(RemotePartOf(peer))
		}
	}
	for _, peer := range v.OpenOn(network.Number) {
		if peer != node {
			once(RemoteOpenPartOf(peer))
		}
	}
}

// groupsOn finds the security groups that a node uses by way of what is plugged there, in order of UUID.
func (v *View) groupsOn(node model.Number) []string {
	var list []string
	for _, i := range v.Node(node).Interfaces {
		port, ok := v.portByID.get(i.PortID)
		if !ok {
			continue
		}
		if _, ok := v.AttachmentOn(port, node); ok {
			list = append(list, groupsOf(v.Port(port))...)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// groupUnits visits the units of a security group on a node that uses it: its rules, and the parts that have members of the groups
// that these name.
func (v *View) groupUnits(id string, visit func(Unit)) {
	g := v.SecurityGroupByID(id)
	if g == nil {
		return
	}
	visit(Unit{Ref: g.Ref(), Part: PartRules})
	var parts []uint8
	for remote := range remotesOf(g) {
		if v.SecurityGroupByID(remote.group) != nil {
			parts = append(parts, v.memberParts(remote.group)...)
		}
	}
	slices.Sort(parts)
	for _, part := range slices.Compact(parts) {
		visit(Unit{Ref: g.Ref(), Part: part})
	}
}
