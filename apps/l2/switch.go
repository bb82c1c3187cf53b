package l2

import (
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

var (
	ruleSwitchMiss = pipeline.NewVersion(1, pipeline.NewRule(130, "l2", "nothing that belongs here, version 1",
		"A frame from a port without a binding, or with a tag that has no business there, is dropped. The entry says which version of the pipeline the switch has."))
	ruleSwitchNext = pipeline.NewRule(131, "l2", "to the next table",
		"What no entry of this table is for goes on.")
	ruleSwitchLinkLocal = pipeline.NewRule(132, "l2", "no link-local multicast on a switch",
		"Spanning tree, LLDP of others and other link-local frames go no further than the switch.")
	ruleLLDP = pipeline.NewRule(133, "l2", "LLDP from a port without a binding",
		"The controller finds by its own LLDP which ports face each other.")
	ruleHostLLDP = pipeline.NewRule(134, "l2", "no LLDP from a host",
		"A host cannot say that it is a switch.")
	ruleTree = pipeline.NewRule(135, "l2", "from another switch or an uplink",
		"Frames that another switch, a node or the world outside has tagged are forwarded in the network that the tag says. Links that are not in the tree bring nothing.")
	ruleHost = pipeline.NewRule(136, "l2", "from a host",
		"Frames from the port that the host hangs on belong to its port's network.")
	ruleSwitchForward = pipeline.NewRule(137, "l2", "to a MAC address",
		"The MAC address is behind this port of the switch: a host's, another switch, or the uplink to a node.")
	ruleSwitchFlood = pipeline.NewRule(138, "l2", "flood along the tree",
		"Broadcast and multicast leave by each port that leads to members of the network, but for the one that they came from.")
	ruleSwitchUnknown = pipeline.NewRule(139, "l2", "unknown destination on the tree",
		"An unknown MAC address goes to those that take unknown destinations: ports with port security off or an allowed prefix, their nodes, and the world outside.")
)

// LLDP comes up from each port once a second or so, by one meter for all.
const (
	lldpMeter   = 5   // of the ids of this app's meters
	lldpRate    = 100 // packets per second, at least
	lldpPerPort = 3   // packets per second
)

const priorityHostLLDP, priorityLLDP = 120, 110

// EthTypeLLDP is IEEE Std 802.1AB's.
const EthTypeLLDP = 0x88cc

// switchNode renders what a physical switch needs before it has any network: the ways in from the rest of the fabric, and what becomes of
// packets that no entry is for.
func switchNode(c *pipeline.Context) {
	up := []pipeline.Step{pipeline.ToController()}
	if c.HasMeters() {
		id := pipeline.PortMeter(lldpMeter, 0)
		rate := max(lldpRate, uint32(lldpPerPort*len(c.Node.Switch.Ports)))
		c.Meter(flow.Meter{ID: id, Rate: rate, Burst: 2 * rate})
		up = []pipeline.Step{pipeline.Metered(id), pipeline.ToController()}
	}
	c.Flow(ruleLLDP, pipeline.SwitchPort, priorityLLDP, pipeline.Match(pipeline.EthType(EthTypeLLDP)), up...)
	c.Flow(ruleSwitchLinkLocal, pipeline.SwitchPort, priorityDrop, pipeline.Match(pipeline.LinkLocalMulticast()))
	if f := c.View.Fabric(c.Node.Switch.PhysicalNetwork); f != nil {
		for _, port := range f.TreePorts(c.Node.Number) {
			c.Flow(ruleTree, pipeline.SwitchPort, priorityEntry, pipeline.Match(flow.Exact(flow.InPort, uint64(port))), pipeline.Goto(pipeline.SwitchForward))
		}
	}
	c.Flow(ruleSwitchMiss, pipeline.SwitchPort, priorityRest, nil)
	c.Flow(ruleSwitchNext, pipeline.SwitchForward, priorityRest, nil, pipeline.Goto(pipeline.SwitchFlood))
	c.Flow(ruleSwitchLast, pipeline.SwitchFlood, priorityRest, nil)
}

var ruleSwitchLast = pipeline.NewRule(140, "l2", "a network that has nothing here",
	"A frame of a network that the switch does not know is dropped.")

// switchNetwork renders how a network is flooded.
func switchNetwork(c *pipeline.Context, n *model.Network) {
	if c.Unit.Part != topology.PartMain {
		return
	}
	points := c.View.PointsOf(n.Number)
	vid := pipeline.VID(n.SegmentationID)
	flood := func(rule *pipeline.Rule, piece uint8, priority uint16, points []topology.Point, match ...flow.FieldMatch) {
		ways := c.View.FabricOf(n).Ways(c.Node.Number, n.SegmentationID, points)
		if len(ways) == 0 {
			return
		}
		to := Leave(n.SegmentationID, ways)
		if c.Driver().GroupAll && len(ways) > 1 {
			g := flow.Group{ID: GroupID(n.Key, piece)}
			for _, w := range ways {
				g.Buckets = append(g.Buckets, Leave(n.SegmentationID, []topology.Way{w}))
			}
			c.Group(g)
			to = []flow.Action{flow.ToGroup{ID: g.ID}}
		}
		c.Flow(rule, pipeline.SwitchFlood, priority, append(match, vid), to)
	}
	flood(ruleSwitchFlood, Flood, priorityMulticast, points, pipeline.Multicast())
	flood(ruleSwitchUnknown, Unknown, priorityUnknown, topology.Takers(points))
}

// Leave are the actions by which a frame with a network's tag leaves a switch by some ports, with the tag that it has to have there. Those that
// it leaves without a tag come last.
func Leave(vid uint32, ways []topology.Way) []flow.Action {
	var list []flow.Action
	tag := vid
	leave := func(wanted func(uint32) bool) {
		for _, w := range ways {
			if wanted(w.Tag) {
				list = append(append(list, pipeline.Tag(tag, w.Tag)...), flow.Output{Port: w.Port})
				tag = w.Tag
			}
		}
	}
	leave(func(t uint32) bool { return t == vid })
	leave(func(t uint32) bool { return t != vid && t != 0 })
	leave(func(t uint32) bool { return t == 0 })
	return list
}

// switchPort renders a port for a switch that its network needs: the way in if it hangs there, and the way to its MAC addresses.
func switchPort(c *pipeline.Context, n *model.Network, p *model.Port) {
	if a, here := c.View.AttachmentOn(p.Number, c.Node.Number); here {
		c.Flow(ruleHostLLDP, pipeline.SwitchPort, priorityHostLLDP,
			pipeline.Match(flow.Exact(flow.InPort, uint64(a.Ofport)), pipeline.EthType(EthTypeLLDP)))
		c.Flow(ruleHost, pipeline.SwitchPort, priorityEntry, pipeline.FromSwitchPort(a.Ofport, a.Tag),
			pipeline.Tag(a.Tag, n.SegmentationID), pipeline.Goto(pipeline.SwitchGuard))
	}
	if _, ok := c.View.PlaceOf(n, p); !ok {
		return
	}
	for _, mac := range macsOf(p) {
		// Without a way there the entry drops: the address is known, and nobody else's.
		c.Flow(ruleSwitchForward, pipeline.SwitchForward, priorityEntry, pipeline.Match(pipeline.VID(n.SegmentationID), pipeline.EthDst(mac)),
			Leave(n.SegmentationID, WaysTo(c.View, c.Node, n, mac, p)))
	}
}

// WaysTo lists by which ports of a switch a MAC address of a network is reached: one, unless several ports may use the address. p is a port
// that may.
func WaysTo(v *topology.View, node *model.Node, n *model.Network, mac model.MAC, p *model.Port) []topology.Way {
	owners := v.OwnersOf(n.Number, mac)
	if len(owners) == 0 {
		owners = []*model.Port{p} // a router's, which is nobody's among ports
	}
	var points []topology.Point
	for _, owner := range owners {
		if place, ok := v.PlaceOf(n, owner); ok {
			points = append(points, place)
		}
	}
	return v.FabricOf(n).Ways(node.Number, n.SegmentationID, points)
}
