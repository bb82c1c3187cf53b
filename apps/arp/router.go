package arp

import (
	"net/netip"

	"github.com/planck-sdn/planck/apps/l2"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/apps/routing"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

var (
	ruleRouter = pipeline.NewRule(407, "arp", "answer for a router",
		"An ARP request from a port here for an address of a router of the network is answered: the router is on every node. When the address comes to a node, the ports there are told.")
	ruleGateway = pipeline.NewRule(408, "arp", "answer for a router's external address",
		"An ARP request on the external network for the router's address is answered by the router's gateway node alone.")
	ruleFloating = pipeline.NewRule(409, "arp", "answer for a floating IP",
		"An ARP request on the external network for a floating IP is answered by the one node that serves it.")
	ruleSighting = pipeline.NewRule(410, "arp", "answer from outside",
		"An ARP reply from the external network to an address that is served here goes up: a neighbour that was asked for answers.")
)

// router renders the answers for a router's addresses.
func router(c *pipeline.Context, r *model.Router) {
	for _, i := range routing.Interfaces(c.View, r) {
		if c.View.IsPresent(i.Network.Number, c.Node.Number) {
			answer(c, ruleRouter, i.Network, i.Address, i.Port.MAC, pipeline.FromPort)
			// VMs may remember the MAC address of an earlier interface.
			c.Announce(flow.PacketOut{InPort: flow.PortController, Data: announcement(i.Port.MAC, i.Address),
				Actions: []flow.Action{pipeline.SendOn(i.Network.Key), flow.ToGroup{ID: l2.GroupID(i.Network.Key, l2.FloodHere)}}})
		}
	}
	if g := routing.GatewayOf(c.View, r); g != nil && g.Node == c.Node.Number {
		for _, ip := range g.Addresses {
			outside(c, ruleGateway, r, g.Network, ip, g.Port.MAC)
		}
	}
}

// floatingIP renders the answers for a floating IP on the node that serves it.
func floatingIP(c *pipeline.Context, f *model.FloatingIP) {
	if s := routing.ServiceOf(c.View, f); s != nil {
		outside(c, ruleFloating, s.Router, s.Network, f.Address, s.MAC)
	}
}

// outside renders an address that an external network finds on this node. As soon as the node answers for it, it says so.
func outside(c *pipeline.Context, rule *pipeline.Rule, r *model.Router, n *model.Network, ip netip.Addr, mac model.MAC) {
	c.Flow(ruleSighting, pipeline.Answer, priorityAnswer,
		pipeline.Match(pipeline.InNetwork(n.Key), pipeline.CameFrom(pipeline.FromBridge), pipeline.EthType(pipeline.EthTypeARP),
			flow.Exact(flow.ARPOp, 2), pipeline.Addr(flow.ARPTPA, ip)), c.Up(r.Key)...)
	answer(c, rule, n, ip, mac, pipeline.FromPort)
	answer(c, rule, n, ip, mac, pipeline.FromBridge)
	if wire := l2.ToWire(c.Node, n); wire != nil {
		c.Announce(flow.PacketOut{InPort: flow.PortController, Actions: wire, Data: announcement(mac, ip)})
	}
}

// announcement is an ARP announcement (RFC 5227, 3): a broadcast request by the address for itself.
func announcement(mac model.MAC, ip netip.Addr) []byte {
	const head = "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01" // ethertype, Ethernet, IPv4, lengths of addresses, request
	a := ip.As4()
	frame := append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, mac[:]...)
	frame = append(append(frame, head...), mac[:]...)
	frame = append(append(frame, a[:]...), 0, 0, 0, 0, 0, 0)
	return append(frame, a[:]...)
}
