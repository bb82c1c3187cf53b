package router

import (
	"net/netip"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/apps/routing"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// Priorities within route. That of a route rises with the length of its prefix, up to priorityRoutes+32.
const (
	priorityNoRoute    = 50
	priorityRoutes     = 100
	priorityExpired    = 300
	priorityOwn        = 400
	priorityPing       = 410
	priorityUnroutable = 500
)

// replyTTL becomes the usual 64 when the answer is routed.
const replyTTL = 65

// route renders what a router does with a packet.
func route(c *pipeline.Context, r *model.Router, interfaces []routing.Interface, gateway *routing.Gateway) {
	up, in := c.Up(r.Key), pipeline.Match(pipeline.InRouter(r.Key), pipeline.IP())
	for _, i := range interfaces {
		own(c, r, i.Address)
	}
	if gateway != nil {
		ownOutside(c, r, gateway)
	}
	for ttl := range uint64(2) {
		c.Flow(ruleExpired, pipeline.Route, priorityExpired, append(in, flow.Exact(flow.IPTTL, ttl)), up...)
	}
	largest := routing.LargestMTU(c.View, r)
	for _, to := range routing.Routes(c.View, r) {
		match := append(in, pipeline.Prefix(flow.IPv4Dst, to.Destination))
		priority := priorityRoutes + uint16(to.Destination.Bits())
		if to.Via == nil {
			steps := sendOn(gateway.Network, to.NextHop, largest)
			c.Flow(ruleOutside, pipeline.Route, priority, match, steps, pipeline.Goto(pipeline.SourceNAT))
			continue
		}
		rule := ruleConnected
		if to.Origin == routing.Static {
			rule = ruleStatic
		}
		c.Flow(rule, pipeline.Route, priority, match, flow.DecTTL{}, sendOn(to.Via.Network, to.NextHop, largest),
			pipeline.Set(flow.EthSrc, to.Via.Port.MAC.Uint64()), pipeline.Goto(pipeline.Neighbour))
	}
	c.Flow(ruleNoRoute, pipeline.Route, priorityNoRoute, in, up...)
}

// sendOn puts a packet into a network, on its way to a next hop. Its size is looked at where it may be too large.
func sendOn(n *model.Network, hop netip.Addr, largest int) []flow.Action {
	var list []flow.Action
	if n.MTU > 0 && n.MTU < largest {
		list = append(list, pipeline.CheckMTU(n.MTU))
	}
	if hop.IsValid() {
		list = append(list, flow.SetField{Field: pipeline.NextHop, Value: pipeline.IPv4(hop), Mask: pipeline.NextHop.AllOnes()})
	} else {
		list = append(list, flow.Move{From: flow.IPv4Dst, To: pipeline.NextHop, Bits: 32})
	}
	return append(list, pipeline.SendOn(n.Key))
}

// own renders what becomes of packets for one of the router's addresses.
func own(c *pipeline.Context, r *model.Router, ip netip.Addr) {
	ping(c, r, ip)
	c.Flow(ruleOwn, pipeline.Route, priorityOwn,
		pipeline.Match(pipeline.InRouter(r.Key), pipeline.IP(), pipeline.Addr(flow.IPv4Dst, ip)), c.Up(r.Key)...)
}

// ownOutside is the same for the addresses of the gateway. With source NAT a packet from inside for one of them may be the answer of
// a floating IP to somebody behind the same router: it has to go the whole way through external, and is the router's only
// if it comes from there. (Who has no floating IP reaches external untranslated, by an entry of source_nat.)
func ownOutside(c *pipeline.Context, r *model.Router, gateway *routing.Gateway) {
	for _, ip := range gateway.Addresses {
		if !gateway.EnableSNAT {
			own(c, r, ip)
			continue
		}
		ping(c, r, ip)
		if gateway.Node == c.Node.Number {
			c.Flow(ruleOwn, pipeline.Route, priorityOwn,
				pipeline.Match(pipeline.InNetwork(gateway.Network.Key), pipeline.InRouter(r.Key), pipeline.IP(), pipeline.Addr(flow.IPv4Dst, ip)),
				c.Up(r.Key)...)
		}
	}
}

func ping(c *pipeline.Context, r *model.Router, ip netip.Addr) {
	c.Flow(rulePing, pipeline.Route, priorityPing,
		pipeline.Match(pipeline.InRouter(r.Key), pipeline.IP(), pipeline.Addr(flow.IPv4Dst, ip),
			flow.Exact(flow.IPProto, pipeline.ProtoICMP), flow.Exact(flow.ICMPType, pipeline.ICMPEchoRequest)),
		flow.Move{From: flow.IPv4Src, To: flow.IPv4Dst, Bits: 32}, pipeline.Set(flow.IPv4Src, pipeline.IPv4(ip)),
		pipeline.Set(flow.ICMPType, pipeline.ICMPEchoReply), pipeline.Set(flow.IPTTL, replyTTL),
		pipeline.SetHops(0), pipeline.ClearReturned(), flow.Resubmit{Table: pipeline.Route.ID})
}
