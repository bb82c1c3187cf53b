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
	ruleProbed = pipeline.NewRule(104, "l2", "probe from another node",
		"A probe goes back to the node that sent it, so that the controller knows that this node forwards even when it cannot talk to it.")
	ruleBounced = pipeline.NewRule(105, "l2", "probe that has come back",
		"The controller learns that another node forwards.")
)

// Probes come back in bursts, as when a controller has lost several nodes at once; answers beyond the rate are asked for again. Packets that
// are traced share their meter.
const (
	meterApp   = 2   // of the ids of this app's meters
	meterRate  = 100 // packets per second
	meterBurst = 100 // packets
)

// node renders what a node needs before it has any network: its tunnel peers, and what never comes in from a wire.
func node(c *pipeline.Context) {
	if c.Node.Switch != nil {
		switchNode(c)
		return
	}
	c.Meter(flow.Meter{ID: pipeline.PortMeter(meterApp, 0), Rate: meterRate, Burst: meterBurst})
	if c.Node.TunnelPort != 0 {
		c.View.Nodes(func(peer *model.Node) {
			if peer.Number == c.Node.Number || !peer.EncapIP.Is4() {
				return
			}
			c.Flow(rulePeer, pipeline.Classify, priorityEntry,
				pipeline.Match(flow.Exact(flow.InPort, uint64(c.Node.TunnelPort)), pipeline.Addr(flow.TunnelSrc, peer.EncapIP)),
				pipeline.Goto(pipeline.FromTunnel))
		})
		probes(c)
	}
	for _, t := range []uint16{pipeline.EthTypeVLAN, pipeline.EthTypeQinQ} {
		c.Flow(ruleWireTag, pipeline.FromWire, priorityDrop, pipeline.Match(pipeline.EthType(t)))
	}
	c.Flow(ruleWireLinkLocal, pipeline.FromWire, priorityDrop, pipeline.Match(pipeline.LinkLocalMulticast()))
	c.Flow(ruleWireRest, pipeline.FromWire, priorityRest, nil, pipeline.Goto(pipeline.Answer))
}

// probes renders both ends of a probe. Its tunnel key is no network's and no router's.
func probes(c *pipeline.Context) {
	probe := flow.Exact(flow.TunnelID, 0)
	c.Flow(ruleProbed, pipeline.FromTunnel, priorityEntry, pipeline.Match(probe, pipeline.EthDst(ProbeQuestion)),
		pipeline.Set(flow.EthDst, ProbeAnswer.Uint64()), flow.Move{From: flow.TunnelSrc, To: flow.TunnelDst, Bits: 32},
		pipeline.Set(flow.TunnelID, 0), flow.Output{Port: flow.PortInPort})
	c.Flow(ruleBounced, pipeline.FromTunnel, priorityEntry, pipeline.Match(probe, pipeline.EthDst(ProbeAnswer)),
		pipeline.Metered(pipeline.PortMeter(meterApp, 0)), pipeline.ToController())
}
