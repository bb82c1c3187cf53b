// Package arp answers ARP requests for known addresses on the node where they are asked: table answer.
package arp

import (
	"net/netip"
	"slices"

	"github.com/planck-sdn/planck/apps/l2"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// App renders the answers.
var App = &pipeline.App{Name: "arp", OpenFlow13: true, Node: node, Port: port, Router: router, FloatingIP: floatingIP, PacketIn: packetIn}

var (
	ruleRest = pipeline.NewRule(400, "arp", "not for us",
		"What is no ARP request for a known address goes on to its destination.")
	ruleProbe = pipeline.NewRule(401, "arp", "probe for the asker's own address",
		"A port that probes for its own address (RFC 5227) gets no answer: an answer would be a false duplicate.")
	ruleAnnounce = pipeline.NewRule(402, "arp", "announcement of the asker's own address",
		"A port that announces its own address is heard by the whole network.")
	ruleAnswer = pipeline.NewRule(403, "arp", "answer",
		"An ARP request for the port's address is answered on the node where it is asked.")
	ruleShared = pipeline.NewRule(404, "arp", "address of several ports",
		"Several ports may use this address, or one port with several MACs: each port gets the request, and whoever holds the address answers.")
	rulePrefix = pipeline.NewRule(405, "arp", "request from an allowed prefix",
		"An ARP request from a prefix that the port may use is heard by the whole network: the port may be announcing an address of its own.")
	ruleHolder = pipeline.NewRule(406, "arp", "announcement of an address of several ports",
		"Of several ports that may use an address, the one that announces it has it: the network hears it, and so does the controller.")
)

// What comes up for a port. A port that takes over addresses announces each of them a few times.
const (
	meterApp   = 3  // of the ids of this app's meters
	meterRate  = 5  // packets per second
	meterBurst = 50 // packets
)

const (
	priorityRest     = 0
	priorityPrefix   = 40
	priorityAnswer   = 50
	priorityAnnounce = 60
	priorityProbe    = 70
)

func node(c *pipeline.Context) {
	if c.Node.Switch != nil {
		switchNode(c)
		return
	}
	c.Flow(ruleRest, pipeline.Answer, priorityRest, nil, pipeline.Goto(pipeline.Egress))
}

func port(c *pipeline.Context, n *model.Network, p *model.Port) {
	if c.Node.Switch != nil {
		switchPort(c, n, p)
		return
	}
	if !c.View.IsPresent(n.Number, c.Node.Number) {
		return // nobody asks here
	}
	addrs := addresses(p)
	if a, here := c.View.AttachmentOn(p.Number, c.Node.Number); here {
		for _, ip := range addrs {
			own(c, n, a.Ofport, ip, len(c.View.ClaimsOf(n.Number, ip)) > 1)
		}
		for _, pair := range p.AllowedAddressPairs {
			if !pair.IP.IsSingleIP() && pair.IP.Addr().Is4() {
				fromPrefix(c, n, a.Ofport, pair.IP.Masked())
			}
		}
	}
	for _, ip := range addrs {
		claims := c.View.ClaimsOf(n.Number, ip)
		server := slices.IndexFunc(claims, func(c topology.Claim) bool { return c.Port.DeviceOwner == model.DeviceOwnerDHCP })
		if server >= 0 { // the network's DHCP server is not to be taken over by a VM that may use its address
			claims = claims[server : server+1]
		}
		switch {
		case len(claims) > 1 || len(claims) == 1 && claims[0].MAC == model.MAC{}:
			shared(c, n, ip, claims)
		case len(claims) == 1 && claims[0].Port.Number == p.Number:
			answers(c, n, p, ip, claims[0].MAC)
		}
	}
}

// addresses lists the port's fixed IPs and the single addresses among its allowed address pairs, each once.
func addresses(p *model.Port) []netip.Addr {
	var list []netip.Addr
	seen := map[netip.Addr]bool{}
	add := func(ip netip.Addr) {
		if ip.Is4() && !seen[ip] {
			seen[ip] = true
			list = append(list, ip)
		}
	}
	for _, f := range p.FixedIPs {
		add(f.IPAddress)
	}
	for _, pair := range p.AllowedAddressPairs {
		if pair.IP.IsSingleIP() {
			add(pair.IP.Addr())
		}
	}
	return list
}

// request matches an ARP request for an address, from packets of the network that entered at origin.
func request(n *model.Network, ip netip.Addr, origin pipeline.Origin) []flow.FieldMatch {
	return pipeline.Match(pipeline.InNetwork(n.Key), pipeline.CameFrom(origin), pipeline.EthType(pipeline.EthTypeARP),
		flow.Exact(flow.ARPOp, 1), pipeline.Addr(flow.ARPTPA, ip))
}

// own renders what becomes of a port's requests for an address that it may use itself, alone or as one of several.
func own(c *pipeline.Context, n *model.Network, ofport uint32, ip netip.Addr, several bool) {
	mine := append(request(n, ip, pipeline.FromPort), pipeline.PortKey(ofport))
	flood := flow.ToGroup{ID: l2.GroupID(n.Key, l2.Flood)}
	if several {
		meter := pipeline.PortMeter(meterApp, ofport)
		c.Meter(flow.Meter{ID: meter, Rate: meterRate, Burst: meterBurst})
		c.Flow(ruleHolder, pipeline.Answer, priorityAnnounce, mine, flow.Punt{MaxLen: 0xffff, Meter: meter}, flood)
	} else {
		c.Flow(ruleAnnounce, pipeline.Answer, priorityAnnounce, mine, flood)
	}
	c.Flow(ruleProbe, pipeline.Answer, priorityProbe, append(mine, flow.Exact(flow.ARPSPA, 0)))
}

// fromPrefix floods a port's requests from a prefix that it may use: the announcements of its addresses are among them.
func fromPrefix(c *pipeline.Context, n *model.Network, ofport uint32, prefix netip.Prefix) {
	c.Flow(rulePrefix, pipeline.Answer, priorityPrefix,
		pipeline.Match(pipeline.InNetwork(n.Key), pipeline.CameFrom(pipeline.FromPort), pipeline.PortKey(ofport),
			pipeline.EthType(pipeline.EthTypeARP), flow.Exact(flow.ARPOp, 1), pipeline.Prefix(flow.ARPSPA, prefix)),
		flow.ToGroup{ID: l2.GroupID(n.Key, l2.Flood)})
}

// answers renders the answers for an address that is one port's alone: to ports of this node always, to a mapped
// bridge only where the port is, so that outside exactly one node answers.
func answers(c *pipeline.Context, n *model.Network, p *model.Port, ip netip.Addr, mac model.MAC) {
	answer(c, ruleAnswer, n, ip, mac, pipeline.FromPort)
	if location, plugged := c.View.Location(p.Number); plugged && location.Node == c.Node.Number && n.NetworkType != model.NetworkVXLAN {
		answer(c, ruleAnswer, n, ip, mac, pipeline.FromBridge)
	}
}

// answer turns a request from ports here or from the mapped bridge into its answer, and sends it back.
func answer(c *pipeline.Context, rule *pipeline.Rule, n *model.Network, ip netip.Addr, mac model.MAC, origin pipeline.Origin) {
	steps := []pipeline.Step{
		flow.Move{From: flow.EthSrc, To: flow.EthDst, Bits: 48},
		pipeline.Set(flow.EthSrc, mac.Uint64()),
		pipeline.Set(flow.ARPOp, 2),
		flow.Move{From: flow.ARPSHA, To: flow.ARPTHA, Bits: 48},
		pipeline.Set(flow.ARPSHA, mac.Uint64()),
		flow.Move{From: flow.ARPSPA, To: flow.ARPTPA, Bits: 32},
		pipeline.Set(flow.ARPSPA, pipeline.IPv4(ip)),
	}
	if origin == pipeline.FromBridge && n.NetworkType == model.NetworkVLAN {
		steps = append(steps, flow.PushVLAN{}, pipeline.Set(flow.VLANVID, 0x1000|uint64(n.SegmentationID)))
	}
	c.Flow(rule, pipeline.Answer, priorityAnswer, request(n, ip, origin), append(steps, flow.Output{Port: flow.PortInPort})...)
}
