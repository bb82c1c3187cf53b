package router

import (
	"fmt"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/apps/icmp"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
)

// packetIn answers a packet that a router cannot send on by itself.
func packetIn(in pipeline.PacketIn) pipeline.Reply {
	return icmp.Answer(in, func(r *model.Router, p icmp.Packet) pipeline.Reply {
		switch in.Cookie.Rule() {
		case ruleOwn.Number:
			return toRouter(in, r, p)
		case ruleExpired.Number:
			return icmp.Refuse(in, r, p, icmp.TimeExceeded)
		case ruleNoRoute.Number:
			return icmp.Refuse(in, r, p, icmp.NetUnreachable)
		case ruleTooBig.Number:
			return icmp.TooBig(in, r, p, pipeline.Neighbour)
		case ruleQuestion.Number:
			return question(in, r, p)
		case ruleNobody.Number:
			return icmp.Refuse(in, r, p, icmp.HostUnreachable)
		}
		return pipeline.Reply{}
	})
}

// toRouter refuses what is for the router itself: no port of its is open, and it speaks nothing but ICMP (RFC 1122, 3.2.2.1).
func toRouter(in pipeline.PacketIn, r *model.Router, p icmp.Packet) pipeline.Reply {
	switch p.IP.Protocol {
	case layers.IPProtocolUDP:
		return icmp.Refuse(in, r, p, icmp.PortUnreachable)
	case layers.IPProtocolICMPv4: // pings have been answered, and who does not know a message is silent (RFC 1122, 3.2.2)
		return pipeline.Reply{Observed: fmt.Sprintf("ignored: %s", &p)}
	}
	return icmp.Refuse(in, r, p, icmp.ProtocolUnreachable)
}
