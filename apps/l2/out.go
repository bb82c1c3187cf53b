package l2

import (
	"slices"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// Tunnel sends a copy through the tunnel to another node, under a tunnel key: a network's or a router's.
func Tunnel(from, to *model.Node, key model.NetworkKey) []flow.Action {
	return []flow.Action{
		flow.SetField{Field: flow.TunnelID, Value: uint64(key), Mask: flow.TunnelID.AllOnes()},
		flow.SetField{Field: flow.TunnelDst, Value: pipeline.IPv4(to.EncapIP), Mask: flow.TunnelDst.AllOnes()},
		flow.Output{Port: from.TunnelPort},
	}
}

// Handed is Tunnel for what a router sends on: it may have come by the tunnel.
func Handed(from, to *model.Node, key model.NetworkKey) []flow.Action {
	return append([]flow.Action{pipeline.AnyPort()}, Tunnel(from, to, key)...)
}

// Routed is the way to a port on another node for what a router here sends on; nil if there is none. On the wire of a vlan or flat
// network it has a MAC of this node, so that the router's is not seen at several places. A node without that wire uses the tunnel; to bare metal that to
// the node which routes for it.
func Routed(c *pipeline.Context, n *model.Network, node model.Number) []flow.Action {
	if out := ToWire(c.Node, n); out != nil {
		return slices.Concat(setNodeMAC(c.Node), []flow.Action{pipeline.AnyPort()}, out)
	}
	if at := c.View.Node(node); at != nil && at.Switch != nil {
		node = c.View.ServesBareMetal(n.Number) // which has the wire
	}
	if !Reachable(c, node) {
		return nil
	}
	return Handed(c.Node, c.View.Node(node), n.Key)
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
