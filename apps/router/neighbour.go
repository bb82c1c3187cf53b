package router

import (
	"net/netip"

	"github.com/planck-sdn/planck/apps/l2"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/apps/routing"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// Priorities within neighbour. A host outside comes after the ports of its network that are known.
const (
	priorityNobody   = 10
	priorityQuestion = 20
	priorityOutside  = 40
	priorityInside   = 50
	priorityTooBig   = 100
)

// port renders a port as a next hop: by its addresses, for all nodes that know its network.
func port(c *pipeline.Context, n *model.Network, p *model.Port) {
	location, ok := c.View.Location(p.Number)
	if !ok {
		return
	}
	for _, f := range p.FixedIPs {
		nextHop(c, n, p, location, f.IPAddress)
	}
	for _, pair := range p.AllowedAddressPairs {
		if pair.IP.IsSingleIP() {
			nextHop(c, n, p, location, pair.IP.Addr())
		}
	}
}

func nextHop(c *pipeline.Context, n *model.Network, p *model.Port, at topology.Attachment, ip netip.Addr) {
	mac, ok := macOf(c.View, n, p, ip)
	if !ok || !ip.Is4() {
		return
	}
	match := pipeline.Match(pipeline.InNetwork(n.Key), pipeline.IP(), toward(ip))
	dst := pipeline.Set(flow.EthDst, mac.Uint64())
	if at.Node == c.Node.Number {
		c.Flow(rulePort, pipeline.Neighbour, priorityInside, match, dst, pipeline.Goto(pipeline.Deliver))
		return
	}
	// Without a way there the entry drops.
	c.Flow(rulePort, pipeline.Neighbour, priorityInside, match, dst, l2.Routed(c, n, at.Node))
}

// macOf finds the MAC address at which a port has an address, if the address is the port's: it alone may use it, or it is the one of
// several that has announced it.
func macOf(v *topology.View, n *model.Network, p *model.Port, ip netip.Addr) (model.MAC, bool) {
	claims := v.ClaimsOf(n.Number, ip)
	if len(claims) == 1 && claims[0].Port.Number == p.Number && claims[0].MAC != (model.MAC{}) {
		return claims[0].MAC, true
	}
	if holder := v.HolderOf(n.Number, ip); holder == nil || holder.Number != p.Number {
		return model.MAC{}, false
	}
	for _, claim := range claims {
		if claim.Port.Number == p.Number && claim.MAC != (model.MAC{}) {
			return claim.MAC, true
		}
	}
	return p.MAC, true
}

// chained renders a router's interface as the next hop of other routers, and of packets that come back to it.
func chained(c *pipeline.Context, r *model.Router, i routing.Interface) {
	match := pipeline.Match(pipeline.InNetwork(i.Network.Key), pipeline.IP(), toward(i.Address))
	for hops := range pipeline.MaxHops {
		c.Flow(ruleRouter, pipeline.Neighbour, priorityInside, append(match, pipeline.Hops(hops)),
			pipeline.SetHops(hops+1), pipeline.EnterRouter(r.Key), flow.Resubmit{Table: pipeline.Route.ID})
	}
	c.Flow(ruleLongChain, pipeline.Neighbour, priorityInside, append(match, pipeline.Hops(pipeline.MaxHops)))
}

// unknown renders what comes up when a router's packet finds no next hop, or does not fit.
func unknown(c *pipeline.Context, r *model.Router, gateway *routing.Gateway) {
	up, in := c.Up(r.Key), pipeline.Match(pipeline.InRouter(r.Key), pipeline.IP())
	c.Flow(ruleTooBig, pipeline.Neighbour, priorityTooBig, append(in, pipeline.TooBig()), up...)
	if gateway != nil && c.View.Serves(r.Number, c.Node.Number) {
		c.Flow(ruleQuestion, pipeline.Neighbour, priorityQuestion, append(in, pipeline.InNetwork(gateway.Network.Key)), up...)
	}
	c.Flow(ruleNobody, pipeline.Neighbour, priorityNobody, in, up...)
}

// neighbour renders a host outside as a next hop.
func neighbour(c *pipeline.Context, r *model.Router, h *model.Neighbour) {
	n := c.View.NetworkByID(h.NetworkID)
	if n == nil {
		return
	}
	out := l2.ToWire(c.Node, n)
	if out == nil {
		return
	}
	c.Flow(ruleNeighbour, pipeline.Neighbour, priorityOutside,
		pipeline.Match(pipeline.InNetwork(n.Key), pipeline.InRouter(r.Key), pipeline.IP(), toward(h.Address)),
		pipeline.Set(flow.EthDst, h.MAC.Uint64()), pipeline.AnyPort(), out)
}

// toward matches a next hop.
func toward(ip netip.Addr) flow.FieldMatch { return pipeline.Addr(pipeline.NextHop, ip) }
