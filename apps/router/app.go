// Package router routes packets on the node where they are: tables to_router, route and neighbour.
package router

import (
	"net/netip"

	"github.com/planck-sdn/planck/apps/l2"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/apps/routing"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// App renders routers.
var App = &pipeline.App{Name: "router", Node: node, Router: router, Port: port, FloatingIP: floatingIP, Neighbour: neighbour, PacketIn: packetIn}

var (
	ruleRest = pipeline.NewRule(500, "router", "not for a router",
		"What is not addressed to a router's MAC goes on to its destination.")
	ruleToRouter = pipeline.NewRule(501, "router", "to a router",
		"IPv4 from a port here to the MAC address of a router's interface is routed here.")
	ruleNotIP = pipeline.NewRule(502, "router", "to a router, but not IPv4",
		"What a router cannot route, it drops.")
	ruleFromNode = pipeline.NewRule(503, "router", "routed by another node",
		"What another node has routed onto a vlan or flat network came with a MAC of that node, and gets the router's back.")
	ruleToGateway = pipeline.NewRule(504, "router", "to a router's gateway",
		"IPv4 from an external network to the MAC address of the router's gateway comes to the router where its gateway node is.")
	ruleToFloating = pipeline.NewRule(505, "router", "to a floating IP",
		"IPv4 from an external network to the MAC address of a floating IP comes to its router where the floating IP is served.")

	ruleFromBareMetal = pipeline.NewRule(530, "router", "to a router, from bare metal",
		"IPv4 from bare metal to the MAC address of a router's interface is routed by the node that serves the router to the network's bare metal.")

	ruleUnroutable = pipeline.NewRule(506, "router", "not to be routed",
		"Multicast, broadcast, loopback and link-local destinations are not routed (RFC 1812, 5.3.7).")
	rulePing = pipeline.NewRule(507, "router", "ping",
		"A ping to an address of the router is answered on the spot; the answer is routed like any packet.")
	ruleOwn = pipeline.NewRule(508, "router", "to the router itself",
		"Whatever else is for an address of the router goes up: the sender learns that nobody listens.")
	ruleExpired = pipeline.NewRule(509, "router", "TTL expired",
		"A packet that may go no further goes up: its sender is told (traceroute lives on it).")
	ruleConnected = pipeline.NewRule(510, "router", "connected subnet",
		"A subnet of one of the router's networks: the packet is for the next hop itself.")
	ruleStatic = pipeline.NewRule(511, "router", "static route",
		"A route of the router's, to a next hop in one of its subnets.")
	ruleOutside = pipeline.NewRule(512, "router", "to the outside",
		"The external subnets, static routes to next hops there, and everything else if the external subnet has a gateway.")
	ruleNoRoute = pipeline.NewRule(513, "router", "no route",
		"A packet for a destination without a route goes up: its sender is told.")

	rulePort = pipeline.NewRule(514, "router", "next hop is a port",
		"The address of a port of the network, here or on another node.")
	ruleRouter = pipeline.NewRule(515, "router", "next hop is a router",
		"The address of another router's interface: that router routes the packet, here.")
	ruleLongChain = pipeline.NewRule(516, "router", "too many routers",
		"Three routers have had the packet, and no fourth gets it.")
	ruleTooBig = pipeline.NewRule(517, "router", "too big",
		"A packet larger than the MTU of the network that it is to go to goes up: fragmentation is needed.")
	ruleNeighbour = pipeline.NewRule(518, "router", "next hop is outside",
		"A host on the external network that the router has found.")
	ruleQuestion = pipeline.NewRule(519, "router", "unknown neighbour outside",
		"A packet for an unknown host on the external network goes up: the controller asks for the host by ARP.")
	ruleNobody = pipeline.NewRule(520, "router", "nobody there",
		"No port has the address: the packet goes up, and its sender is told that the host is unreachable.")
)

// Priorities within to_router.
const (
	priorityRest     = 0
	priorityNotIP    = 40
	priorityFromNode = 45
	priorityToRouter = 50
)

func node(c *pipeline.Context) {
	c.Flow(ruleRest, pipeline.ToRouter, priorityRest, nil, pipeline.Goto(pipeline.Deliver))
	for _, p := range unroutable {
		c.Flow(ruleUnroutable, pipeline.Route, priorityUnroutable, pipeline.Match(pipeline.IP(), pipeline.Prefix(flow.IPv4Dst, p)))
	}
}

func router(c *pipeline.Context, r *model.Router) {
	interfaces, gateway := routing.Interfaces(c.View, r), routing.GatewayOf(c.View, r)
	seen := map[model.Number]bool{}
	for _, i := range interfaces {
		if c.View.IsPresent(i.Network.Number, c.Node.Number) {
			wayIn(c, r, i, !seen[i.Network.Number])
			seen[i.Network.Number] = true
		}
		chained(c, r, i)
		if c.View.ServiceNode(i.Port.Number) == c.Node.Number {
			fromBareMetal(c, r, i)
		}
	}
	if gateway != nil && gateway.Node == c.Node.Number {
		fromOutside(c, ruleToGateway, r, gateway.Network, gateway.Port.MAC)
	}
	route(c, r, interfaces, gateway)
	unknown(c, r, gateway)
}

// fromBareMetal brings packets of a network's bare metal to a router, on the node that routes for it.
func fromBareMetal(c *pipeline.Context, r *model.Router, i routing.Interface) {
	to := pipeline.Match(pipeline.InNetwork(i.Network.Key), pipeline.CameFrom(pipeline.FromBridge), pipeline.EthDst(i.Port.MAC))
	c.Flow(ruleFromBareMetal, pipeline.ToRouter, priorityToRouter, append(to, pipeline.IP()),
		pipeline.EnterRouter(r.Key), pipeline.Goto(pipeline.Route))
	c.Flow(ruleNotIP, pipeline.ToRouter, priorityNotIP, to)
}

// wayIn renders how packets of a network that has ports here come to the router. first: of the router's interfaces in that network.
func wayIn(c *pipeline.Context, r *model.Router, i routing.Interface, first bool) {
	to := pipeline.Match(pipeline.InNetwork(i.Network.Key), pipeline.CameFrom(pipeline.FromPort), pipeline.EthDst(i.Port.MAC))
	c.Flow(ruleToRouter, pipeline.ToRouter, priorityToRouter, append(to, pipeline.IP()),
		pipeline.EnterRouter(r.Key), pipeline.Goto(pipeline.Route))
	c.Flow(ruleNotIP, pipeline.ToRouter, priorityNotIP, to)

	if i.Network.NetworkType == model.NetworkVXLAN {
		return
	}
	from := pipeline.Match(pipeline.InNetwork(i.Network.Key), pipeline.CameFrom(pipeline.FromBridge), l2.FromNodeMAC(r.Key))
	back := []pipeline.Step{pipeline.Set(flow.EthSrc, i.Port.MAC.Uint64()), pipeline.Goto(pipeline.Deliver)}
	if first {
		c.Flow(ruleFromNode, pipeline.ToRouter, priorityFromNode, from, back...)
		return
	}
	// A router with several interfaces in a network sent the packet from the one in the destination's subnet.
	c.Flow(ruleFromNode, pipeline.ToRouter, priorityToRouter,
		append(from, pipeline.IP(), pipeline.Prefix(flow.IPv4Dst, i.Subnet.CIDR)), back...)
}

// floatingIP renders the way of packets for a floating IP's MAC on the node that serves it.
func floatingIP(c *pipeline.Context, f *model.FloatingIP) {
	if s := routing.ServiceOf(c.View, f); s != nil {
		fromOutside(c, ruleToFloating, s.Router, s.Network, s.MAC)
	}
}

// fromOutside brings packets for a MAC on an external network to a router, from the wire and from ports here.
func fromOutside(c *pipeline.Context, rule *pipeline.Rule, r *model.Router, n *model.Network, mac model.MAC) {
	to := pipeline.Match(pipeline.InNetwork(n.Key), pipeline.EthDst(mac))
	c.Flow(rule, pipeline.ToRouter, priorityToRouter, append(to, pipeline.IP()),
		pipeline.EnterRouter(r.Key), pipeline.Goto(pipeline.External))
	c.Flow(ruleNotIP, pipeline.ToRouter, priorityNotIP, to)
}

// unroutable are the destinations that no router sends on (RFC 1812, 4.2.2.11 and 5.3.7; RFC 3927, 2.7).
var unroutable = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("224.0.0.0/3"),
}
