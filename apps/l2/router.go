package l2

import (
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/apps/routing"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

var ruleRouterKey = pipeline.NewRule(117, "l2", "tunnel key to router",
	"What other nodes hand to the router on its gateway node comes under the router's tunnel key, and is routed here.")

// router renders how a router's packets come in on its gateway node.
func router(c *pipeline.Context, r *model.Router) {
	if g := routing.GatewayOf(c.View, r); g == nil || g.Node != c.Node.Number {
		return
	}
	c.Flow(ruleRouterKey, pipeline.FromTunnel, priorityEntry, pipeline.Match(flow.Exact(flow.TunnelID, uint64(r.Key))),
		pipeline.EnterRouter(r.Key), pipeline.Goto(pipeline.Route))
}
