// Package dhcp answers DHCP requests (RFC 2131) from the topology. There is no server on any node: entries of table
// service send the requests up, and the answer goes out by the port that asked. Addresses are static, so nothing is
// remembered between two messages. Version 4 only.
package dhcp

import (
	"net/netip"
	"slices"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// App renders the way of DHCP requests to the controller, and answers them.
var App = &pipeline.App{Name: "dhcp", OpenFlow13: true, Node: node, Port: port, PacketIn: packetIn}

var (
	ruleRest = pipeline.NewRule(300, "dhcp", "not for the controller",
		"Whatever is no DHCP request goes on.")
	ruleBroadcast = pipeline.NewRule(301, "dhcp", "DHCP request by broadcast",
		"The controller answers a port that looks for its address, as long as the port does not ask too often.")
	ruleUnicast = pipeline.NewRule(302, "dhcp", "DHCP request to the server's address",
		"The controller answers a port that renews or releases its address, as long as the port does not ask too often.")
)

// Priorities within service.
const (
	priorityRest    = 0
	priorityRequest = 50
)

// A client needs two packets for an address and repeats what was lost once in one to four seconds (RFC 2131, 4.1
// wants four and more); a machine that boots asks with its firmware, its loader and its system. Five packets a second after
// the first twenty never hurt one of these, and a thousand ports that flood leave the controller most of its time.
const (
	meterRate  = 5  // packets per second
	meterBurst = 20 // packets
	meterApp   = 1  // upper 16 bits of the ids of this app's meters
)

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

func meterID(ofport uint32) uint32 { return meterApp<<16 | ofport }

func node(c *pipeline.Context) {
	if c.Node.Switch != nil {
		switchNode(c)
		return
	}
	c.Flow(ruleRest, pipeline.Service, priorityRest, nil, pipeline.Goto(pipeline.Answer))
}

// port renders a port on its own nodes only, and only if there is something to answer: a network without DHCP may have a
// server of its tenant's.
func port(c *pipeline.Context, network *model.Network, p *model.Port) {
	if c.Node.Switch != nil {
		switchPort(c, network, p)
		return
	}
	at, here := c.View.AttachmentOn(p.Number, c.Node.Number)
	if !here {
		return
	}
	s := serviceOf(c.View, network, p)
	if len(s.leases) == 0 {
		return
	}
	c.Meter(flow.Meter{ID: meterID(at.Ofport), Rate: meterRate, Burst: meterBurst})
	request := func(rule *pipeline.Rule, to netip.Addr) {
		c.Flow(rule, pipeline.Service, priorityRequest,
			pipeline.Match(pipeline.PortKey(at.Ofport),
				pipeline.EthType(pipeline.EthTypeIPv4), flow.Exact(flow.IPProto, pipeline.ProtoUDP), pipeline.Addr(flow.IPv4Dst, to),
				flow.Exact(flow.UDPSrc, clientPort), flow.Exact(flow.UDPDst, serverPort)),
			pipeline.Metered(meterID(at.Ofport)), pipeline.ToController())
	}
	request(ruleBroadcast, broadcast)
	var servers []netip.Addr
	for _, l := range s.leases {
		if !slices.Contains(servers, l.server) {
			servers = append(servers, l.server)
			request(ruleUnicast, l.server)
		}
	}
}
