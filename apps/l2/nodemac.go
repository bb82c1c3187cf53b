package l2

import (
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// A router has one MAC address in a network, and is on every node. So that the physical switches between the nodes see no address at
// two places, what a router sends on by the wire carries one that names node and router. From the first octet: the upper four bits
// of the node's number (20 of them count), 0xe (locally administered, one receiver), 16 bits of node, 24 of the router's key.
const (
	nodeMACMark = 0x0e0000000000
	markMask    = 0x0f0000000000
	keyMask     = 0x000000ffffff
)

// setNodeMAC are the actions that put the address in place of a router's own, whichever router the packet is in.
func setNodeMAC(node *model.Node) []flow.Action {
	n := uint64(node.Number)
	return []flow.Action{
		flow.SetField{Field: flow.EthSrc, Value: nodeMACMark | n>>16&0xf<<44 | n&0xffff<<24, Mask: flow.EthSrc.AllOnes() &^ keyMask},
		flow.Move{From: pipeline.Router, To: flow.EthSrc, Bits: 24},
	}
}

// FromNodeMAC matches what another node has routed by a router.
func FromNodeMAC(router model.NetworkKey) flow.FieldMatch {
	return flow.Masked(flow.EthSrc, nodeMACMark|uint64(router), markMask|keyMask)
}
