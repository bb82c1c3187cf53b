package topology

import "github.com/planck-sdn/planck/model"

// Units lists everything that a node has to have rendered, in no particular order: itself, the networks that it has
// ports of, and all ports of those networks.
func (v *View) Units(node model.Number) []Unit {
	if v.Node(node) == nil {
		return nil
	}
	list := []Unit{{Ref: model.Ref{Kind: model.KindNode, Number: node}}}
	for _, network := range v.networksOn(node) {
		v.networkUnits(network, node, func(u Unit) { list = append(list, u) })
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

// networkUnits visits the units of a network and its ports on a node that has it.
func (v *View) networkUnits(network, node model.Number, visit func(Unit)) {
	ref := model.Ref{Kind: model.KindNetwork, Number: network}
	if !v.IsPresent(network, node) {
		return
	}
	visit(Unit{Ref: ref, Part: PartMain})
	seen := map[uint8]bool{}
	once := func(part uint8) {
		if !seen[part] {
			seen[part] = true
			visit(Unit{Ref: ref, Part: part})
		}
	}
	v.AttachedOn(network, node, func(a Attachment) {
		once(LocalPartOf(a.Ofport))
		if p := v.Port(a.Port); p != nil && takesUnknown(p) {
			once(LocalOpenPartOf(a.Ofport))
		}
	})
	for _, peer := range v.PresentOn(network) {
		if peer != node {
			once(RemotePartOf(peer))
		}
	}
	for _, peer := range v.OpenOn(network) {
		if peer != node {
			once(RemoteOpenPartOf(peer))
		}
	}
	v.PortsOf(network, func(port model.Number) {
		visit(Unit{Ref: model.Ref{Kind: model.KindPort, Number: port}})
	})
}
