// Package security holds what ports send and get against the rules of their security groups: the tables of egress and ingress, groups
// and rules.
//
// Each port has a conntrack zone of its own. A packet is tracked there when the port sends it, and again, in the other port's zone, when
// it is delivered. The rules are asked about the first packet of its connection, for every packet: so a rule or a member that is
// withdrawn cuts what it alone allowed, at once and in both directions, and nothing else.
package security

import (
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model/flow"
)

// App renders security groups.
var App = &pipeline.App{Name: "security", Node: node, Port: port, SecurityGroup: group}

var (
	ruleNotIP = pipeline.NewRule(600, "security", "ARP and RARP",
		"Security groups are about IP: ARP and RARP pass, as the guard has seen to their senders.")
	ruleOutside = pipeline.NewRule(601, "security", "from outside",
		"What comes from a mapped bridge has no port here that sends it.")
	ruleTrack = pipeline.NewRule(602, "security", "track",
		"IPv4 of a port is tracked in the port's conntrack zone.")
	ruleBegins = pipeline.NewRule(603, "security", "new connection",
		"The first packet of a connection: the port's groups are asked.")
	ruleSameWay = pipeline.NewRule(604, "security", "known connection",
		"A packet in the direction of its connection's first one: the rules that allowed that must still do so.")
	ruleReply = pipeline.NewRule(605, "security", "reply",
		"A packet in the other direction: the rules that allowed its connection's first packet must still do so.")
	ruleNew = pipeline.NewRule(606, "security", "allowed, new connection",
		"The connection is noted in the port's conntrack zone, so that replies are known.")
	ruleAllowed = pipeline.NewRule(607, "security", "allowed",
		"A rule of the port's groups lets the packet through.")
)

// Priorities within the stages of egress and ingress.
const (
	priorityTrack   = 50
	priorityPort    = 70
	priorityNotIP   = 80
	priorityOutside = 90
	priorityVerdict = 50
)

// stage is one of the two ways of a packet through the security groups of a port.
type stage struct {
	enter, tracked, verdict *pipeline.Table
	next                    *pipeline.Table
	ingress                 bool
}

var (
	egress  = stage{pipeline.Egress, pipeline.EgressTracked, pipeline.EgressVerdict, pipeline.ToRouter, false}
	ingress = stage{pipeline.Ingress, pipeline.IngressTracked, pipeline.IngressVerdict, pipeline.Output, true}
)

// node renders what is the same for all ports.
func node(c *pipeline.Context) {
	for _, s := range []stage{egress, ingress} {
		for _, t := range []uint16{pipeline.EthTypeARP, pipeline.EthTypeRARP} {
			c.Flow(ruleNotIP, s.enter, priorityNotIP, pipeline.Match(pipeline.EthType(t)), pipeline.Goto(s.next))
		}
		c.Flow(ruleTrack, s.enter, priorityTrack, pipeline.Match(pipeline.IP()), pipeline.Track(s.tracked))
		known := func(rule *pipeline.Rule, state uint64, ingress, begins bool) {
			mask := uint64(flow.CTNew | flow.CTReply | flow.CTInvalid | flow.CTTracked)
			c.Flow(rule, s.tracked, priorityTrack, pipeline.Match(pipeline.IP(), flow.Masked(flow.CTState, state|flow.CTTracked, mask)),
				pipeline.Ask(ingress, begins), pipeline.Goto(s.verdict))
		}
		known(ruleBegins, flow.CTNew, s.ingress, true)
		known(ruleSameWay, 0, s.ingress, false)
		known(ruleReply, flow.CTReply, !s.ingress, false)
	}
	c.Flow(ruleOutside, pipeline.Egress, priorityOutside, pipeline.Match(pipeline.CameFrom(pipeline.FromBridge)), pipeline.Goto(pipeline.ToRouter))

	allowed := func(s stage, more []flow.FieldMatch, last ...flow.Action) {
		for _, begins := range []bool{false, true} {
			rule, match, steps := ruleAllowed, append(more, pipeline.Allowed(begins)), []flow.Action{pipeline.Forget()}
			if begins {
				rule, match, steps = ruleNew, append(match, pipeline.IP()), append(steps, pipeline.Commit())
			}
			c.Flow(rule, s.verdict, priorityVerdict, match, append(steps, last...), pipeline.Goto(s.next))
		}
	}
	allowed(egress, nil)
	allowed(ingress, pipeline.Match(pipeline.Routed(false)))
	allowed(ingress, pipeline.Match(pipeline.Routed(true)), pipeline.AnyPort()) // back to the port that it came from, if need be
}
