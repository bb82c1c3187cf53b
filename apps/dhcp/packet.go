package dhcp

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

const (
	flagBroadcast = 0x8000 // RFC 2131, section 2
	minMessage    = 300    // bytes, BOOTP's message: some clients and relays drop less (RFC 1542, 2.1)
	ttl           = 64
)

var broadcastMAC = model.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// packetIn answers a port's client. Whoever asks with another hardware address than the port's is not the port.
func packetIn(in pipeline.PacketIn) pipeline.Reply {
	if in.Node == nil || in.Port == nil {
		return pipeline.Reply{}
	}
	if in.Node.Switch != nil {
		return fromHost(in)
	}
	at, here := in.View.AttachmentOn(in.Port.Number, in.Node.Number)
	if !here || at.Ofport != in.InPort {
		return pipeline.Reply{Observed: "ignored: the port is no longer there"}
	}
	return answerPort(in, at)
}

// answerPort answers what came from where a port is.
func answerPort(in pipeline.PacketIn, at topology.Attachment) pipeline.Reply {
	r, err := decode(in.Data)
	if err != nil {
		return pipeline.Reply{Observed: "ignored: " + err.Error()}
	}
	if r.client != in.Port.MAC {
		return pipeline.Reply{Observed: fmt.Sprintf("ignored: %s is not the port's MAC address", r.client)}
	}
	s := serviceOf(in.View, in.View.Network(at.Network), in.Port)
	if len(s.leases) == 0 {
		return pipeline.Reply{Observed: "ignored: the port has no address in a subnet with DHCP"}
	}
	if _, ours := s.leaseFrom(r.to); !ours && r.to != broadcast {
		return pipeline.Reply{Observed: fmt.Sprintf("ignored: sent to %s", r.to)}
	}
	a, observed := s.answerTo(r)
	if a.kind == layers.DHCPMsgTypeUnspecified {
		return pipeline.Reply{Observed: observed}
	}
	o := s.optionsFor(r, a)
	if len(o.leftOut) > 0 {
		observed += fmt.Sprintf("; no room for options %d", o.leftOut)
	}
	data, err := s.frame(r, a, o.list)
	if err != nil {
		return pipeline.Reply{Observed: observed + "; not sent: " + err.Error()}
	}
	return pipeline.Reply{
		Packets:  []flow.PacketOut{{InPort: flow.PortController, Actions: []flow.Action{flow.Output{Port: at.Ofport}}, Data: data}},
		Observed: observed,
	}
}

// destination is where an answer goes (RFC 2131, 4.1): to an address that the client already uses, to all if it says that
// it cannot take anything else yet or if it is refused, and otherwise to the address that it is going to have.
func destination(r *request, a answer) (model.MAC, netip.Addr) {
	switch {
	case a.kind == layers.DHCPMsgTypeNak:
		return broadcastMAC, broadcast
	case !r.ciaddr.IsUnspecified():
		return r.client, r.ciaddr
	case r.flags&flagBroadcast != 0:
		return broadcastMAC, broadcast
	}
	return r.client, a.lease.address
}

// frame encodes an answer (RFC 2131, table 3).
func (s *service) frame(r *request, a answer, o layers.DHCPOptions) ([]byte, error) {
	mac, to := destination(r, a)
	msg := layers.DHCPv4{
		Operation: layers.DHCPOpReply, HardwareType: layers.LinkTypeEthernet, ClientHWAddr: r.client[:],
		Xid: r.xid, Flags: r.flags, Options: o,
	}
	if a.kind == layers.DHCPMsgTypeAck {
		msg.ClientIP = r.ciaddr.AsSlice()
	}
	if a.kind != layers.DHCPMsgTypeNak {
		s.boot(r, &msg)
	}
	if a.kind != layers.DHCPMsgTypeNak && r.kind != layers.DHCPMsgTypeInform {
		msg.YourClientIP = a.lease.address.AsSlice()
	}
	eth := layers.Ethernet{SrcMAC: s.server.MAC[:], DstMAC: mac[:], EthernetType: layers.EthernetTypeIPv4}
	ip := layers.IPv4{Version: 4, TTL: ttl, Protocol: layers.IPProtocolUDP, SrcIP: net.IP(a.lease.server.AsSlice()), DstIP: net.IP(to.AsSlice())}
	udp := layers.UDP{SrcPort: serverPort, DstPort: clientPort}
	if err := udp.SetNetworkLayerForChecksum(&ip); err != nil {
		return nil, err
	}
	padding := gopacket.Payload(make([]byte, max(0, minMessage-int(msg.Len()))))
	b := gopacket.NewSerializeBufferExpectedSize(14+udpIPHeaders+int(msg.Len()), len(padding))
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, &eth, &ip, &udp, &msg, padding)
	if err != nil {
		return nil, err
	}
	data := b.Bytes()
	if udp.Checksum == 0 { // would mean "none" (RFC 768); gopacket leaves it
		data[14+20+6], data[14+20+7] = 0xff, 0xff
	}
	return data, nil
}
