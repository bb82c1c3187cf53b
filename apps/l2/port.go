package l2

import (
	"slices"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

var (
	ruleClassify = pipeline.NewRule(120, "l2", "from a port",
		"Untagged frames from the port's interface belong to its network.")
	ruleOutput = pipeline.NewRule(121, "l2", "to the port's interface",
		"What was addressed to the port on this node leaves by its interface.")
	ruleDeliver = pipeline.NewRule(122, "l2", "to a port here",
		"The port's MAC address is on this node.")
	ruleRemote = pipeline.NewRule(123, "l2", "to a port on another node",
		"The port's MAC address is on another node, reached by tunnel or by the mapped bridge.")
	ruleBareMetal = pipeline.NewRule(126, "l2", "to bare metal, routed elsewhere",
		"What a node without the network's wire has routed to bare metal comes by the tunnel to the node that routes for that, and goes on by the wire.")
	ruleShared = pipeline.NewRule(124, "l2", "to all ports that share a MAC address",
		"Several ports may use this MAC address: each gets a copy.")
)

// port renders a port for a node of its network. (A node that has no port of it may still route packets there: see Routed.)
func port(c *pipeline.Context, n *model.Network, p *model.Port) {
	if c.Node.Switch != nil {
		switchPort(c, n, p)
		return
	}
	if p.IsBareMetal() && c.View.ServesBareMetal(n.Number) == c.Node.Number {
		routedElsewhere(c, n, p)
	}
	if !c.View.IsPresent(n.Number, c.Node.Number) {
		return
	}
	if a, here := c.View.AttachmentOn(p.Number, c.Node.Number); here {
		c.Flow(ruleClassify, pipeline.Classify, priorityEntry,
			pipeline.Match(flow.Exact(flow.InPort, uint64(a.Ofport)), pipeline.Untagged()),
			pipeline.SetSource(n.Key, a.Ofport, pipeline.FromPort), pipeline.Goto(pipeline.Guard))
		c.Flow(ruleOutput, pipeline.Output, priorityEntry,
			pipeline.Match(pipeline.InNetwork(n.Key), pipeline.PortKey(a.Ofport)), flow.Output{Port: a.Ofport})
	}
	location, ok := c.View.Location(p.Number)
	if !ok {
		return
	}
	for _, mac := range macsOf(p) {
		if owners := c.View.OwnersOf(n.Number, mac); len(owners) > 1 {
			shared(c, n, mac, owners)
			continue
		}
		if location.Node == c.Node.Number {
			c.Flow(ruleDeliver, pipeline.Deliver, priorityUnicast,
				pipeline.Match(pipeline.InNetwork(n.Key), pipeline.EthDst(mac)),
				pipeline.SetPort(location.Ofport), pipeline.Goto(pipeline.Ingress))
			continue
		}
		// Without a way there the entry drops: the address is known, and nobody else's.
		c.Flow(ruleRemote, pipeline.Deliver, priorityUnicast,
			pipeline.Match(pipeline.InNetwork(n.Key), pipeline.CameFrom(pipeline.FromPort), pipeline.EthDst(mac)), toNode(c, n, location.Node))
	}
}

// routedElsewhere renders the way on of what another node has routed to bare metal.
func routedElsewhere(c *pipeline.Context, n *model.Network, p *model.Port) {
	out := ToWire(c.Node, n)
	if _, ok := c.View.Location(p.Number); !ok || out == nil {
		return
	}
	for _, mac := range macsOf(p) {
		c.Flow(ruleBareMetal, pipeline.Deliver, priorityUnicast,
			pipeline.Match(pipeline.InNetwork(n.Key), pipeline.CameFrom(pipeline.FromTunnelPeer), pipeline.EthDst(mac)), out)
	}
}

// macsOf lists the MAC addresses that a port may use, its own first.
func macsOf(p *model.Port) []model.MAC {
	macs := []model.MAC{p.MAC}
	for _, pair := range p.AllowedAddressPairs {
		if !slices.Contains(macs, pair.MAC) {
			macs = append(macs, pair.MAC)
		}
	}
	return macs
}

// shared renders a MAC address that several ports may use. Each of them renders the same two entries: one for packets
// from a port here, one for those from outside, which go to ports here only.
func shared(c *pipeline.Context, n *model.Network, mac model.MAC, owners []*model.Port) {
	here, everywhere := Receivers(c, n, owners)
	outside := pipeline.FromTunnelPeer
	if !encapsulated(n) {
		outside = pipeline.FromBridge
	}
	if len(everywhere) > 0 {
		c.Flow(ruleShared, pipeline.Deliver, priorityUnicast,
			pipeline.Match(pipeline.InNetwork(n.Key), pipeline.CameFrom(pipeline.FromPort), pipeline.EthDst(mac)), everywhere)
	}
	if len(here) > 0 {
		c.Flow(ruleShared, pipeline.Deliver, priorityUnicast,
			pipeline.Match(pipeline.InNetwork(n.Key), pipeline.CameFrom(outside), pipeline.EthDst(mac)), here)
	}
}

// Receivers lists the actions that give each of several ports a copy: those on this node, and all. Each other node
// gets one copy, whatever the number of its ports.
func Receivers(c *pipeline.Context, n *model.Network, ports []*model.Port) (here, everywhere []flow.Action) {
	var away []flow.Action
	var nodes []model.Number
	for _, p := range ports {
		location, ok := c.View.Location(p.Number)
		if !ok {
			continue
		}
		if location.Node == c.Node.Number {
			here = append(here, pipeline.ToPort(location.Ofport)...)
		} else if !slices.Contains(nodes, location.Node) {
			nodes = append(nodes, location.Node)
			if encapsulated(n) {
				away = append(away, toNode(c, n, location.Node)...)
			}
		}
	}
	if !encapsulated(n) && len(nodes) > 0 {
		away = ToWire(c.Node, n)
	}
	return here, slices.Concat(here, away)
}

// toNode is the way to a port on another node; nil if there is none.
func toNode(c *pipeline.Context, n *model.Network, node model.Number) []flow.Action {
	if !encapsulated(n) {
		return ToWire(c.Node, n)
	}
	if !Reachable(c, node) {
		return nil
	}
	return Tunnel(c.Node, c.View.Node(node), n.Key)
}
