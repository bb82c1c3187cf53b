// Package nat translates between tenants' networks and external ones: tables source_nat and external.
package nat

import (
	"github.com/planck-sdn/planck/apps/l2"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/apps/routing"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// App renders source NAT and floating IPs.
var App = &pipeline.App{Name: "nat", Node: node, Router: router, FloatingIP: floatingIP, PacketIn: packetIn}

var (
	ruleTooBig = pipeline.NewRule(550, "nat", "too big for the outside",
		"A packet larger than the external network's MTU goes up: fragmentation is needed.")
	ruleErrorOut = pipeline.NewRule(551, "nat", "ICMP error from behind a floating IP",
		"The packet inside an ICMP error still has the fixed IP: the error goes up to be rewritten.")
	ruleFloatingOut = pipeline.NewRule(552, "nat", "floating IP of the source",
		"What is sent from the fixed IP leaves as from the floating IP.")
	ruleOwn = pipeline.NewRule(553, "nat", "from or to the router itself",
		"What the router sends from its external address, and what is sent to that from inside, is not translated.")
	ruleSourceNAT = pipeline.NewRule(554, "nat", "source NAT",
		"What has no floating IP leaves as from the router's external address; conntrack remembers the connection in the router's zone.")
	ruleUntranslated = pipeline.NewRule(555, "nat", "no source NAT",
		"Without enable_snat packets leave as they are.")
	ruleToGateway = pipeline.NewRule(556, "nat", "to the gateway node",
		"Packets to the outside go through the tunnel to the router's gateway node, under the router's tunnel key.")

	ruleExpired = pipeline.NewRule(557, "nat", "TTL expired before a floating IP",
		"A packet that may not go on to the fixed IP goes up: its sender is told.")
	ruleErrorIn = pipeline.NewRule(558, "nat", "ICMP error to a floating IP",
		"The packet inside an ICMP error still has the floating IP: the error goes up to be rewritten.")
	ruleFloatingIn = pipeline.NewRule(559, "nat", "to a floating IP",
		"What is sent to the floating IP goes to the fixed IP, routed by the router.")
	ruleReply = pipeline.NewRule(560, "nat", "to the router's external address",
		"A packet of a connection that source NAT knows goes back to who opened it; any other is for the router itself.")
	ruleInside = pipeline.NewRule(561, "nat", "from outside, without source NAT",
		"Without enable_snat the router routes packets from outside to its networks.")
	ruleOut = pipeline.NewRule(562, "nat", "to the external network",
		"What a router here has sent on, and is for nobody here, goes on to its next hop outside.")
)

// Priorities within source_nat and external.
const (
	priorityRest     = 10
	priorityOwn      = 20
	priorityFloating = 30
	priorityError    = 40
	priorityExpired  = 50
	priorityTooBig   = 100
)

// node renders what leaves, whatever the network: an external table holds nothing else that a router has sent on.
func node(c *pipeline.Context) {
	c.Flow(ruleOut, pipeline.External, priorityRest, pipeline.Match(pipeline.Routed(true)), pipeline.Goto(pipeline.Neighbour))
}

func router(c *pipeline.Context, r *model.Router) {
	g := routing.GatewayOf(c.View, r)
	if g == nil {
		return
	}
	leaving := pipeline.Match(pipeline.InNetwork(g.Network.Key), pipeline.InRouter(r.Key))
	c.Flow(ruleTooBig, pipeline.SourceNAT, priorityTooBig, append(leaving, pipeline.TooBig()), c.Up(r.Key)...)
	if g.Node != c.Node.Number {
		if to := c.View.Node(g.Node); to != nil && l2.Reachable(c, g.Node) {
			c.Flow(ruleToGateway, pipeline.SourceNAT, priorityRest, leaving, l2.Handed(c.Node, to, r.Key))
		}
		return
	}
	out := []flow.Action{flow.DecTTL{}, setMAC(g.Port.MAC)}
	next := pipeline.Goto(pipeline.External)
	for _, ip := range g.Addresses {
		c.Flow(ruleOwn, pipeline.SourceNAT, priorityOwn, append(leaving, pipeline.IP(), pipeline.Addr(flow.IPv4Src, ip)), out, next)
	}
	in := pipeline.Match(pipeline.InNetwork(g.Network.Key), pipeline.IP())
	if !g.EnableSNAT {
		c.Flow(ruleUntranslated, pipeline.SourceNAT, priorityRest, append(leaving, pipeline.IP()), out, next)
		c.Flow(ruleInside, pipeline.External, priorityRest,
			append(in, pipeline.InRouter(r.Key), pipeline.Routed(false)), flow.Resubmit{Table: pipeline.Route.ID})
		return
	}
	// What conntrack has translated comes back to be sent from the router's address, above. What it cannot translate comes back too, and
	// nothing matches: a fixed IP never leaves.
	c.Flow(ruleSourceNAT, pipeline.SourceNAT, priorityRest, append(leaving, pipeline.IP(), pipeline.NotTracked()),
		pipeline.SetTracked(), flow.Conntrack{
			Zone: g.Zone, Commit: true, NAT: flow.NATSource, Addr: uint32(pipeline.IPv4(g.Addresses[0])), Next: pipeline.SourceNAT.ID,
		})
	for _, ip := range g.Addresses {
		c.Flow(ruleOwn, pipeline.SourceNAT, priorityOwn-1, append(leaving, pipeline.IP(), pipeline.Addr(flow.IPv4Dst, ip)), next)
		// Once: between two bundles the route may be missing by which an answer to nothing ends at the router itself.
		c.Flow(ruleReply, pipeline.External, priorityFloating, append(in, pipeline.Addr(flow.IPv4Dst, ip), pipeline.NotReturned()),
			pipeline.EnterRouter(r.Key), pipeline.SetReturned(), flow.Conntrack{Zone: g.Zone, NAT: flow.NATKnown, Next: pipeline.Route.ID})
	}
}

// floatingIP renders both directions of a floating IP, on the node that serves it.
func floatingIP(c *pipeline.Context, f *model.FloatingIP) {
	s := routing.ServiceOf(c.View, f)
	if s == nil {
		return
	}
	r, n := s.Router, s.Network
	up := c.Up(r.Key)
	from := pipeline.Match(pipeline.InNetwork(n.Key), pipeline.InRouter(r.Key), pipeline.IP(), pipeline.Addr(flow.IPv4Src, f.FixedIP))
	to := pipeline.Match(pipeline.InNetwork(n.Key), pipeline.IP(), pipeline.Addr(flow.IPv4Dst, f.Address))
	for _, t := range pipeline.ICMPErrors {
		icmp := pipeline.Match(flow.Exact(flow.IPProto, pipeline.ProtoICMP), flow.Exact(flow.ICMPType, t))
		c.Flow(ruleErrorOut, pipeline.SourceNAT, priorityError, append(icmp, from...), up...)
		c.Flow(ruleErrorIn, pipeline.External, priorityError, append(icmp, to...), up...)
	}
	for ttl := range uint64(2) {
		c.Flow(ruleExpired, pipeline.External, priorityExpired, append(to, flow.Exact(flow.IPTTL, ttl)), up...)
	}
	c.Flow(ruleFloatingOut, pipeline.SourceNAT, priorityFloating, from,
		pipeline.Set(flow.IPv4Src, pipeline.IPv4(f.Address)), flow.DecTTL{}, setMAC(s.MAC), pipeline.Goto(pipeline.External))
	c.Flow(ruleFloatingIn, pipeline.External, priorityFloating, to,
		pipeline.Set(flow.IPv4Dst, pipeline.IPv4(f.FixedIP)), pipeline.EnterRouter(r.Key), pipeline.SetHops(0), flow.Resubmit{Table: pipeline.Route.ID})
}

func setMAC(m model.MAC) flow.Action {
	return flow.SetField{Field: flow.EthSrc, Value: m.Uint64(), Mask: flow.EthSrc.AllOnes()}
}
