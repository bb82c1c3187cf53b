package l2

import (
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// ToNode sends a copy through the tunnel to another node, as a packet of the network.
func ToNode(from, to *model.Node, n *model.Network) []flow.Action {
	return []flow.Action{
		flow.SetField{Field: flow.TunnelID, Value: uint64(n.SegmentationID), Mask: flow.TunnelID.AllOnes()},
		flow.SetField{Field: flow.TunnelDst, Value: pipeline.IPv4(to.EncapIP), Mask: flow.TunnelDst.AllOnes()},
		flow.Output{Port: from.TunnelPort},
	}
}

// ToWire sends a copy to the mapped bridge of a vlan or flat network, with the network's tag; nil if the node has no such
// bridge. In a list of receivers it comes last: the packet keeps the tag.
func ToWire(node *model.Node, n *model.Network) []flow.Action {
	m, ok := node.Mapping(n.PhysicalNetwork)
	if !ok || m.PatchPort == 0 {
		return nil
	}
	out := flow.Output{Port: m.PatchPort}
	if n.NetworkType == model.NetworkFlat {
		return []flow.Action{out}
	}
	return []flow.Action{
		flow.PushVLAN{},
		flow.SetField{Field: flow.VLANVID, Value: 0x1000 | uint64(n.SegmentationID), Mask: flow.VLANVID.AllOnes()},
		out,
	}
}
