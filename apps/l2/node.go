package l2

import (
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

var (
	rulePeer = pipeline.NewRule(100, "l2", "tunnel from a node",
		"Packets from the encapsulation address of an attached node are tunnel packets; from any other address they are dropped.")
	ruleWireTag = pipeline.NewRule(101, "l2", "no second tag",
		"Frames from a mapped bridge that still carry a VLAN tag after the network's own are dropped.")
	ruleWireLinkLocal = pipeline.NewRule(102, "l2", "no link-local multicast from outside",
		"Spanning tree and other link-local frames from a mapped bridge are dropped.")
	ruleWireRest = pipeline.NewRule(103, "l2", "from a mapped bridge",
		"Everything else from a mapped bridge goes on.")
)

// node renders what a node needs before it has any network: its tunnel peers, and what never comes in from a wire.
func node(c *pipeline.Context) {
	if c.Node.TunnelPort != 0 {
		c.View.Nodes(func(peer *model.Node) {
			if peer.Number == c.Node.Number || !peer.EncapIP.Is4() {
				return
			}
			c.Flow(rulePeer, pipeline.Classify, priorityEntry,
				pipeline.Match(flow.Exact(flow.InPort, uint64(c.Node.TunnelPort)), pipeline.Addr(flow.TunnelSrc, peer.EncapIP)),
				pipeline.Goto(pipeline.FromTunnel))
		})
	}
	for _, t := range []uint16{pipeline.EthTypeVLAN, pipeline.EthTypeQinQ} {
		c.Flow(ruleWireTag, pipeline.FromWire, priorityDrop, pipeline.Match(pipeline.EthType(t)))
	}
	c.Flow(ruleWireLinkLocal, pipeline.FromWire, priorityDrop, pipeline.Match(pipeline.LinkLocalMulticast()))
	c.Flow(ruleWireRest, pipeline.FromWire, priorityRest, nil, pipeline.Goto(pipeline.Answer))
}
