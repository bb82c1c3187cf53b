package dhcp

import (
	"net/netip"
	"slices"

	"github.com/planck-sdn/planck/apps/l2"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

var (
	ruleHostBroadcast = pipeline.NewRule(310, "dhcp", "IPv4 to everybody from a host",
		"The controller answers a host that looks for its address, and sends on what is no DHCP request, as long as the port does not send too often.")
	ruleHostUnicast = pipeline.NewRule(311, "dhcp", "IPv4 to the DHCP server from a host",
		"The controller answers a host that renews or releases its address, as long as the port does not send too often.")
	ruleHostRest = pipeline.NewRule(312, "dhcp", "no DHCP request of a host",
		"Whatever is no DHCP request goes on.")
)

func switchNode(c *pipeline.Context) {
	c.Flow(ruleHostRest, pipeline.SwitchService, priorityRest, nil, pipeline.Goto(pipeline.SwitchAnswer))
}

// switchPort renders the way up of a host's requests, if there is something to answer.
func switchPort(c *pipeline.Context, n *model.Network, p *model.Port) {
	at, here := c.View.AttachmentOn(p.Number, c.Node.Number)
	if !here {
		return
	}
	s := serviceOf(c.View, n, p)
	if len(s.leases) == 0 {
		return
	}
	up := c.MeteredPort(meterApp, at.Ofport, meterRate, meterBurst)
	request := func(rule *pipeline.Rule, to netip.Addr) {
		c.Flow(rule, pipeline.SwitchService, priorityRequest, append(pipeline.FromSwitchPort(at.Ofport, n.SegmentationID),
			pipeline.EthType(pipeline.EthTypeIPv4), pipeline.Addr(flow.IPv4Dst, to)), up...)
	}
	request(ruleHostBroadcast, broadcast)
	var servers []netip.Addr
	for _, l := range s.leases {
		if !slices.Contains(servers, l.server) {
			servers = append(servers, l.server)
			request(ruleHostUnicast, l.server)
		}
	}
}

// fromHost answers a host's request. What is none, and for everybody, is sent on: it came up because a physical switch cannot tell.
func fromHost(in pipeline.PacketIn) pipeline.Reply {
	at, n, frame, ok := in.FromHost()
	if !ok {
		return pipeline.Reply{Observed: "ignored: the port is no longer there"}
	}
	if _, err := decode(frame); err != nil {
		if posesAsServer(frame) && in.Port.PortSecurityEnabled {
			return pipeline.Reply{Observed: "ignored: a DHCP server's answer"}
		}
		return pipeline.Reply{Packets: l2.SendOn(in, n, frame, false)}
	}
	in.Data = frame
	reply := answerPort(in, at)
	for i, out := range reply.Packets {
		reply.Packets[i] = pipeline.ToHost(at, out.Data)
	}
	return reply
}

// posesAsServer tells whether an IPv4 frame is for a DHCP client's port, as guard drops it from VMs.
func posesAsServer(frame []byte) bool {
	const ethernet, protocol = 14, 9
	if len(frame) < ethernet+20 || frame[ethernet+protocol] != pipeline.ProtoUDP {
		return false
	}
	udp := ethernet + int(frame[ethernet]&0xf)*4
	return len(frame) >= udp+4 && int(frame[udp+2])<<8|int(frame[udp+3]) == clientPort
}
