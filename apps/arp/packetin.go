package arp

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/apps/routing"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
)

// packetIn hears what ARP messages say that the controller is interested in.
func packetIn(in pipeline.PacketIn) pipeline.Reply {
	if in.Cookie.Rule() == ruleHost.Number {
		return fromHost(in)
	}
	m, ok := parse(in.Data)
	if !ok {
		return pipeline.Reply{Observed: "ignored: not ARP for IPv4 on Ethernet"}
	}
	switch in.Cookie.Rule() {
	case ruleHolder.Number:
		return holder(in, m)
	case ruleSighting.Number:
		return sighting(in, m)
	}
	return pipeline.Reply{}
}

// message is an ARP message for IPv4 on Ethernet (RFC 826).
type message struct {
	operation      uint16
	mac            model.MAC // the sender's
	sender, target netip.Addr
}

// parse reads a message. It looks at the lengths first: gopacket adds them up in a byte.
func parse(frame []byte) (message, bool) {
	const header, length = 14, 28
	if len(frame) < header+length || binary.BigEndian.Uint16(frame[12:]) != pipeline.EthTypeARP || frame[header+4] != 6 || frame[header+5] != 4 {
		return message{}, false
	}
	var a layers.ARP
	if a.DecodeFromBytes(frame[header:], gopacket.NilDecodeFeedback) != nil || a.AddrType != layers.LinkTypeEthernet || a.Protocol != layers.EthernetTypeIPv4 {
		return message{}, false
	}
	return message{a.Operation, model.MAC(a.SourceHwAddress), netip.AddrFrom4([4]byte(a.SourceProtAddress)), netip.AddrFrom4([4]byte(a.DstProtAddress))}, true
}

// holder takes a port's announcement of an address that several ports may use.
func holder(in pipeline.PacketIn, m message) pipeline.Reply {
	if in.Port == nil || in.Node == nil || m.sender != m.target || m.operation != layers.ARPRequest {
		return pipeline.Reply{Observed: "ignored: no announcement"}
	}
	n := in.View.NetworkByID(in.Port.NetworkID)
	if at, here := in.View.AttachmentOn(in.Port.Number, in.Node.Number); n == nil || !here || at.Ofport != in.InPort {
		return pipeline.Reply{Observed: "ignored: the port is no longer there"}
	}
	claims := in.View.ClaimsOf(n.Number, m.sender)
	if len(claims) < 2 || !slices.ContainsFunc(claims, func(c topology.Claim) bool { return c.Port.Number == in.Port.Number }) {
		return pipeline.Reply{Observed: fmt.Sprintf("ignored: %s is not one of several ports'", m.sender)}
	}
	return pipeline.Reply{
		Holder:   &model.Holder{NetworkID: n.ID, Address: m.sender, PortID: in.Port.ID},
		Observed: fmt.Sprintf("announced %s", m.sender),
	}
}

// sighting takes an answer from a host outside: from an address of the external subnets, to one that is served here. Who has an
// address from us must have its MAC address too.
func sighting(in pipeline.PacketIn, m message) pipeline.Reply {
	r := in.Router()
	if r == nil || m.operation != layers.ARPReply || m.mac.IsMulticast() || m.mac == (model.MAC{}) {
		return pipeline.Reply{Observed: "ignored: no answer"}
	}
	g := routing.GatewayOf(in.View, r)
	if g == nil || !asked(in, g, m.target) {
		return pipeline.Reply{Observed: fmt.Sprintf("ignored: %s does not ask here", m.target)}
	}
	outside := slices.ContainsFunc(g.Subnets, func(s *model.Subnet) bool {
		return s.CIDR.Contains(m.sender) && !routing.IsBroadcast(s.CIDR, m.sender)
	})
	if !outside || m.sender == m.target || !mayHave(in.View, r, g, m.sender, m.mac) {
		return pipeline.Reply{Observed: fmt.Sprintf("ignored: %s cannot be at %s", m.sender, m.mac)}
	}
	return pipeline.Reply{
		Sighting: &pipeline.Sighting{Router: r.Number, Address: m.sender, MAC: m.mac},
		Observed: fmt.Sprintf("%s is at %s", m.sender, m.mac),
	}
}

// asked tells whether questions of the object whose entry sent a packet up have an address as their sender.
func asked(in pipeline.PacketIn, g *routing.Gateway, addr netip.Addr) bool {
	if in.Ref.Kind == model.KindFloatingIP {
		return in.View.FloatingIP(in.Ref.Number).Address == addr
	}
	return slices.Contains(g.Addresses, addr)
}

// mayHave tells whether a host outside may have an address: that of a port or of the router is with the MAC address that it has here.
func mayHave(v *topology.View, r *model.Router, g *routing.Gateway, addr netip.Addr, mac model.MAC) bool {
	if slices.Contains(g.Addresses, addr) {
		return mac == g.Port.MAC
	}
	for _, f := range v.FloatingIPsOf(r.Number) {
		if s := routing.ServiceOf(v, f); s != nil && f.Address == addr {
			return mac == s.MAC
		}
	}
	claims := v.ClaimsOf(g.Network.Number, addr)
	return len(claims) == 0 || slices.ContainsFunc(claims, func(c topology.Claim) bool { return c.MAC == mac || c.MAC == model.MAC{} })
}
