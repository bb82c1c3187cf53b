package l2

import (
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

var (
	ruleTunnelKey = pipeline.NewRule(110, "l2", "tunnel key to network",
		"Packets from another node whose tunnel key is the network's segmentation id belong to the network.")
	ruleWire = pipeline.NewRule(111, "l2", "mapped bridge to network",
		"Frames from a mapped bridge with the network's VLAN id (or untagged, on a flat network) belong to the network.")
	ruleFlood = pipeline.NewRule(112, "l2", "flood from a port",
		"Broadcast and multicast from a port here go to every member of the network: ports here, and once to each other node or to the mapped bridge.")
	ruleFloodHere = pipeline.NewRule(113, "l2", "flood from outside",
		"Broadcast and multicast from a tunnel or a mapped bridge go to the ports here only.")
	ruleUnknown = pipeline.NewRule(114, "l2", "unknown destination from a port",
		"An unknown MAC address, or an ARP request that nobody here can answer, goes to the ports here that take unknown destinations (port security off, or an allowed prefix), to the nodes that have such ports, and to the mapped bridge.")
	ruleUnknownHere = pipeline.NewRule(115, "l2", "unknown destination from outside",
		"An unknown MAC address from a tunnel or a mapped bridge goes to the ports here that take unknown destinations: port security off, or an allowed prefix.")
	ruleTunnelRouted = pipeline.NewRule(116, "l2", "tunnel key to vlan or flat network",
		"What a node without the network's mapped bridge has routed to a port here comes through the tunnel, under the network's key.")
)

// network renders one part of a network: part 0 the entries, the others the pieces of its flood groups. A node that only serves
// routers on an external network needs no more than the way in.
func network(c *pipeline.Context, n *model.Network) {
	if c.Node.Switch != nil {
		switchNetwork(c, n)
		return
	}
	if !c.View.IsPresent(n.Number, c.Node.Number) {
		if c.Unit.Part != topology.PartMain || encapsulated(n) {
			return
		}
		if c.View.ServesBareMetal(n.Number) == c.Node.Number {
			wayIn(c, n)
		} else {
			fromWire(c, n)
		}
		return
	}
	if c.Unit.Part != topology.PartMain {
		part(c, n)
		return
	}
	wayIn(c, n)
	key := pipeline.InNetwork(n.Key)
	arpRequest := pipeline.Match(key, pipeline.CameFrom(pipeline.FromPort), pipeline.Multicast(),
		pipeline.EthType(pipeline.EthTypeARP), flow.Exact(flow.ARPOp, 1))

	c.Flow(ruleFlood, pipeline.Deliver, priorityMulticast,
		pipeline.Match(key, pipeline.CameFrom(pipeline.FromPort), pipeline.Multicast()), flow.ToGroup{ID: GroupID(n.Key, Flood)})
	for _, o := range []pipeline.Origin{pipeline.FromTunnelPeer, pipeline.FromBridge} {
		if o == pipeline.FromTunnelPeer != encapsulated(n) {
			continue
		}
		c.Flow(ruleFloodHere, pipeline.Deliver, priorityMulticast,
			pipeline.Match(key, pipeline.CameFrom(o), pipeline.Multicast()), flow.ToGroup{ID: GroupID(n.Key, FloodHere)})
		c.Flow(ruleUnknownHere, pipeline.Deliver, priorityUnknown,
			pipeline.Match(key, pipeline.CameFrom(o)), flow.ToGroup{ID: GroupID(n.Key, UnknownHere)})
	}
	toUnknown := flow.ToGroup{ID: GroupID(n.Key, Unknown)}
	c.Flow(ruleUnknown, pipeline.Deliver, priorityUnknown, pipeline.Match(key, pipeline.CameFrom(pipeline.FromPort)), toUnknown)
	c.Flow(ruleUnknown, pipeline.Deliver, priorityMulticast+1, arpRequest, toUnknown)
	mainGroups(c, n)
}

// wayIn renders how packets of the network come in from other nodes. Those of a vlan or flat network come by the wire, but for what a node
// without that wire has routed.
func wayIn(c *pipeline.Context, n *model.Network) {
	rule := ruleTunnelKey
	if !encapsulated(n) {
		rule = ruleTunnelRouted
		fromWire(c, n)
	}
	c.Flow(rule, pipeline.FromTunnel, priorityEntry, pipeline.Match(flow.Exact(flow.TunnelID, uint64(n.Key))),
		pipeline.SetSource(n.Key, 0, pipeline.FromTunnelPeer), pipeline.Goto(pipeline.Deliver))
}

func fromWire(c *pipeline.Context, n *model.Network) {
	m, ok := c.Node.Mapping(n.PhysicalNetwork)
	if !ok || m.PatchPort == 0 {
		return
	}
	in := flow.Exact(flow.InPort, uint64(m.PatchPort))
	source, next := pipeline.SetSource(n.Key, 0, pipeline.FromBridge), pipeline.Goto(pipeline.FromWire)
	if n.NetworkType == model.NetworkFlat {
		c.Flow(ruleWire, pipeline.Classify, priorityEntry, pipeline.Match(in, pipeline.Untagged()), source, next)
		return
	}
	c.Flow(ruleWire, pipeline.Classify, priorityEntry, pipeline.Match(in, pipeline.Tagged(n.SegmentationID)),
		flow.PopVLAN{}, source, next)
}
