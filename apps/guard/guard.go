// Package guard lets a port send only from what belongs to it: table guard.
package guard

import (
	"net/netip"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// App renders the guard.
var App = &pipeline.App{Name: "guard", OpenFlow13: true, Node: node, Port: port, PacketIn: packetIn}

var (
	ruleLinkLocal = pipeline.NewRule(200, "guard", "no link-local multicast",
		"Spanning tree and other link-local frames from a port are dropped.")
	ruleOff = pipeline.NewRule(201, "guard", "port security off",
		"The port may send whatever it likes.")
	ruleServer = pipeline.NewRule(202, "guard", "no DHCP server",
		"DHCP answers from the port are dropped: a VM must not pose as the network's DHCP server.")
	ruleIPv4 = pipeline.NewRule(203, "guard", "own IPv4 address",
		"IPv4 from a MAC and IPv4 address of the port passes.")
	ruleClient = pipeline.NewRule(204, "guard", "DHCP client",
		"A DHCP client that has no address yet may ask for one.")
	ruleARP = pipeline.NewRule(205, "guard", "own ARP sender",
		"ARP whose sender is a MAC and IPv4 address of the port passes.")
	ruleProbe = pipeline.NewRule(206, "guard", "ARP probe",
		"An ARP probe (RFC 5227: sender address 0.0.0.0) from a MAC of the port passes.")
	ruleRARP = pipeline.NewRule(207, "guard", "RARP",
		"RARP from a MAC of the port passes: hypervisors announce a migrated VM with it.")
)

const (
	priorityOff   = 10
	priorityAllow = 50
	priorityDrop  = 100
)

func node(c *pipeline.Context) {
	if c.Node.Switch != nil {
		switchNode(c)
		return
	}
	c.Flow(ruleLinkLocal, pipeline.Guard, priorityDrop, pipeline.Match(pipeline.LinkLocalMulticast()))
	c.Meter(sampled)
}

// source is what a port may send from.
type source struct {
	mac    model.MAC
	prefix netip.Prefix
}

func port(c *pipeline.Context, n *model.Network, p *model.Port) {
	if c.Node.Switch != nil {
		switchPort(c, n, p)
		return
	}
	a, here := c.View.AttachmentOn(p.Number, c.Node.Number)
	if !here {
		return
	}
	from := []flow.FieldMatch{pipeline.InNetwork(n.Key), pipeline.PortKey(a.Ofport)}
	add := func(rule *pipeline.Rule, priority uint16, match []flow.FieldMatch, steps ...pipeline.Step) {
		c.Flow(rule, pipeline.Guard, priority, append(match, from...), steps...)
	}
	pass := pipeline.Goto(pipeline.Guard.Next[0])
	if !p.PortSecurityEnabled {
		add(ruleOff, priorityOff, nil, pass)
		return
	}
	ip, arp := pipeline.EthType(pipeline.EthTypeIPv4), pipeline.EthType(pipeline.EthTypeARP)
	udp := flow.Exact(flow.IPProto, pipeline.ProtoUDP)
	add(ruleServer, priorityDrop,
		pipeline.Match(ip, udp, flow.Exact(flow.UDPDst, 68))) // whatever the source port: clients do not look at it

	macs := map[model.MAC]bool{}
	for _, s := range sources(p) {
		if !macs[s.mac] {
			macs[s.mac] = true
			add(ruleProbe, priorityAllow, pipeline.Match(pipeline.EthSrc(s.mac), arp, pipeline.ARPSHA(s.mac),
				flow.Exact(flow.ARPOp, 1), flow.Exact(flow.ARPSPA, 0)), pass)
			add(ruleRARP, priorityAllow, pipeline.Match(pipeline.EthSrc(s.mac), pipeline.EthType(pipeline.EthTypeRARP),
				pipeline.ARPSHA(s.mac)), pass)
		}
		if s.prefix.IsValid() {
			add(ruleIPv4, priorityAllow, pipeline.Match(pipeline.EthSrc(s.mac), ip, pipeline.Prefix(flow.IPv4Src, s.prefix)), pass)
			add(ruleARP, priorityAllow, pipeline.Match(pipeline.EthSrc(s.mac), arp, pipeline.ARPSHA(s.mac),
				pipeline.Prefix(flow.ARPSPA, s.prefix)), pass)
		}
	}
	add(ruleClient, priorityAllow, pipeline.Match(pipeline.EthSrc(p.MAC), ip, udp, flow.Exact(flow.IPv4Src, 0),
		flow.Exact(flow.UDPSrc, 68), flow.Exact(flow.UDPDst, 67)), pass)
}

// sources lists the port's own MAC with each of its addresses (without any, the MAC alone), and its allowed
// address pairs, each once. IPv6 has its own issue.
func sources(p *model.Port) []source {
	list := []source{{mac: p.MAC}}
	seen := map[source]bool{}
	add := func(s source) {
		if s.prefix.Addr().Is4() && !seen[s] {
			seen[s] = true
			list = append(list, s)
		}
	}
	for _, f := range p.FixedIPs {
		add(source{p.MAC, netip.PrefixFrom(f.IPAddress, f.IPAddress.BitLen())})
	}
	for _, pair := range p.AllowedAddressPairs {
		add(source{pair.MAC, pair.IP.Masked()})
	}
	return list
}
