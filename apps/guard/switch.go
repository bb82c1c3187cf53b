package guard

import (
	"net/netip"
	"slices"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

var (
	ruleHostIPv4 = pipeline.NewRule(210, "guard", "own IPv4 address of a host",
		"IPv4 from a MAC and IPv4 address of the port passes.")
	ruleHostClient = pipeline.NewRule(211, "guard", "DHCP client on a switch",
		"A host that has no address yet may ask everybody for one.")
	ruleHostARP = pipeline.NewRule(212, "guard", "ARP and RARP of a host",
		"ARP and RARP from a MAC of the port pass; the controller looks at the sender of ARP.")
	ruleHostOff = pipeline.NewRule(213, "guard", "port security off on a switch",
		"The host may send whatever it likes.")
	ruleHostMiss = pipeline.NewRule(214, "guard", "not the host's own source",
		"What a host sends from an address that is not its port's is dropped.")
)

func switchNode(c *pipeline.Context) { c.Flow(ruleHostMiss, pipeline.SwitchGuard, 0, nil) }

// switchPort renders what a host may send from.
func switchPort(c *pipeline.Context, n *model.Network, p *model.Port) {
	a, here := c.View.AttachmentOn(p.Number, c.Node.Number)
	if !here {
		return
	}
	add := func(rule *pipeline.Rule, priority uint16, match ...flow.FieldMatch) {
		c.Flow(rule, pipeline.SwitchGuard, priority, append(match, pipeline.FromSwitchPort(a.Ofport, n.SegmentationID)...), pipeline.Goto(pipeline.SwitchService))
	}
	if !p.PortSecurityEnabled {
		add(ruleHostOff, priorityOff)
		return
	}
	ip, arp, rarp := pipeline.EthType(pipeline.EthTypeIPv4), pipeline.EthType(pipeline.EthTypeARP), pipeline.EthType(pipeline.EthTypeRARP)
	var macs []model.MAC
	for _, s := range sources(p) {
		if !slices.Contains(macs, s.mac) {
			macs = append(macs, s.mac)
			add(ruleHostARP, priorityAllow, pipeline.EthSrc(s.mac), arp)
			add(ruleHostARP, priorityAllow, pipeline.EthSrc(s.mac), rarp)
		}
		if s.prefix.IsValid() {
			add(ruleHostIPv4, priorityAllow, pipeline.EthSrc(s.mac), ip, pipeline.Prefix(flow.IPv4Src, s.prefix))
		}
	}
	add(ruleHostClient, priorityAllow, pipeline.EthSrc(p.MAC), ip, flow.Exact(flow.IPv4Src, 0), flow.Exact(flow.IPv4Dst, 0xffffffff))
}

// MaySend tells whether a port's ARP may have a sender (RFC 826): its own, or 0.0.0.0, as a probe has (RFC 5227).
func MaySend(p *model.Port, mac model.MAC, ip netip.Addr) bool {
	if !p.PortSecurityEnabled {
		return true
	}
	return slices.ContainsFunc(sources(p), func(s source) bool {
		return s.mac == mac && (ip.IsUnspecified() || s.prefix.IsValid() && s.prefix.Contains(ip))
	})
}
