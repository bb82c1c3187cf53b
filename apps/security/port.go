package security

import (
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
)

var (
	ruleOff = pipeline.NewRule(608, "security", "port security off",
		"The port sends and gets whatever there is.")
	ruleStateless = pipeline.NewRule(609, "security", "stateless groups",
		"The port's groups are stateless: each packet needs a rule, and none is tracked.")
	ruleGroups = pipeline.NewRule(610, "security", "groups of a port",
		"The rules of each of the port's groups are asked. The entry also says whose the port's conntrack zone is.")
)

// port renders a port where it is attached. One without groups has no entry: nothing passes.
func port(c *pipeline.Context, n *model.Network, p *model.Port) {
	a, here := c.View.AttachmentOn(p.Number, c.Node.Number)
	if !here {
		return
	}
	own := pipeline.Match(pipeline.InNetwork(n.Key), pipeline.PortKey(a.Ofport))
	sent := append(own, pipeline.CameFrom(pipeline.FromPort))
	if !p.PortSecurityEnabled {
		c.Flow(ruleOff, pipeline.Egress, priorityPort, sent, pipeline.Goto(pipeline.ToRouter))
		c.Flow(ruleOff, pipeline.Ingress, priorityPort, own, pipeline.AllowUnasked(), pipeline.Goto(pipeline.IngressVerdict))
		return
	}
	groups := c.View.SecurityGroupsOf(p)
	if len(groups) == 0 {
		return
	}
	var ask []pipeline.Step
	for _, g := range groups {
		ask = append(ask, pipeline.AskGroup(g.Number))
	}
	c.Flow(ruleGroups, pipeline.Groups, priorityPort, own, ask...)
	if !groups[0].Stateful { // then none is, as the store sees to
		c.Flow(ruleStateless, pipeline.Egress, priorityPort, append(sent, pipeline.IP()),
			pipeline.Ask(false, false), pipeline.Goto(pipeline.EgressVerdict))
		c.Flow(ruleStateless, pipeline.Ingress, priorityPort, append(own, pipeline.IP()),
			pipeline.Ask(true, false), pipeline.Goto(pipeline.IngressVerdict))
	}
}
