package arp

import (
	"fmt"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/apps/guard"
	"github.com/planck-sdn/planck/apps/l2"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

var (
	ruleHost = pipeline.NewRule(420, "arp", "ARP from a host",
		"The controller answers a host's requests for known addresses, and sends on what it cannot answer, as long as the port does not send too often.")
	ruleHostRest = pipeline.NewRule(421, "arp", "no ARP of a host",
		"What is no ARP goes on to its destination.")
)

// What a host may send up. It asks for each address again once in some minutes at least, and answers whoever asks for its own.
const (
	hostMeterApp   = 6   // of the ids of this app's meters
	hostMeterRate  = 50  // packets per second
	hostMeterBurst = 100 // packets
)

func switchNode(c *pipeline.Context) {
	c.Flow(ruleHostRest, pipeline.SwitchAnswer, priorityRest, nil, pipeline.Goto(pipeline.SwitchForward))
}

// switchPort renders the way up of a host's ARP.
func switchPort(c *pipeline.Context, n *model.Network, p *model.Port) {
	at, here := c.View.AttachmentOn(p.Number, c.Node.Number)
	if !here {
		return
	}
	c.Flow(ruleHost, pipeline.SwitchAnswer, priorityAnswer,
		append(pipeline.FromSwitchPort(at.Ofport, n.SegmentationID), pipeline.EthType(pipeline.EthTypeARP)),
		c.MeteredPort(hostMeterApp, at.Ofport, hostMeterRate, hostMeterBurst)...)
}

// fromHost answers a host's ARP as the entries of table answer do that of a VM, and sends on what these would.
func fromHost(in pipeline.PacketIn) pipeline.Reply {
	at, n, frame, ok := in.FromHost()
	if !ok {
		return pipeline.Reply{Observed: "ignored: the port is no longer there"}
	}
	m, ok := parse(frame)
	if !ok {
		return pipeline.Reply{Observed: "ignored: not ARP for IPv4 on Ethernet"}
	}
	if !guard.MaySend(in.Port, m.mac, m.sender) || in.Port.PortSecurityEnabled && model.MAC(frame[6:12]) != m.mac {
		return pipeline.Reply{Observed: fmt.Sprintf("dropped: %s is not the port's to send ARP from with %s", m.sender, m.mac)}
	}
	on := func(unknown bool) []flow.PacketOut { return l2.SendOn(in, n, frame, unknown) }
	if m.operation != layers.ARPRequest || !model.MAC(frame[:6]).IsMulticast() {
		return pipeline.Reply{Packets: on(false)}
	}
	if m.sender == m.target {
		reply := holder(in, m) // of one of several
		reply.Packets = on(false)
		return reply
	}
	if claims := in.View.ClaimsOf(n.Number, m.target); len(claims) > 0 {
		mac := claims[0].MAC
		switch {
		case len(claims) > 1 || mac == model.MAC{}:
			return pipeline.Reply{Packets: on(false), Observed: fmt.Sprintf("who has %s? Several may", m.target)}
		case claims[0].Port.Number == in.Port.Number:
			return pipeline.Reply{Observed: fmt.Sprintf("probe for its own address %s", m.target)}
		}
		return answered(in, at, m, mac)
	}
	if p := in.View.RoutersAddress(n.Number, m.target); p != nil {
		if _, ok := in.View.PlaceOf(n, p); !ok {
			return pipeline.Reply{Observed: fmt.Sprintf("who has %s? A router that no node serves here", m.target)}
		}
		return answered(in, at, m, p.MAC)
	}
	return pipeline.Reply{Packets: on(true), Observed: fmt.Sprintf("who has %s? Not known", m.target)}
}

// answered is the answer to a host's request, as if it came from the address that was asked for.
func answered(in pipeline.PacketIn, at topology.Attachment, m message, mac model.MAC) pipeline.Reply {
	const operation, target = 21, 32 // octets of the frame
	frame := announcement(mac, m.target)
	copy(frame, m.mac[:])
	frame[operation] = layers.ARPReply
	asker := m.sender.As4()
	copy(frame[target:], m.mac[:])
	copy(frame[target+6:], asker[:])
	return pipeline.Reply{Packets: []flow.PacketOut{pipeline.ToHost(at, frame)}, Observed: fmt.Sprintf("%s is at %s", m.target, mac)}
}
