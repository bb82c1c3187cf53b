package trace

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/model"
)

// Kind is what a packet is.
type Kind uint8

// Kinds of packets.
const (
	IP   Kind = iota // IPv4, of some protocol
	ARP              // an ARP request
	DHCP             // a DHCPDISCOVER
)

// Packet is a packet as its sender sends it.
type Packet struct {
	From     *model.Port
	To       netip.Addr  // IPv4; not of DHCP
	Port     *model.Port // whom it is meant for; nil: whoever has the address
	Kind     Kind
	Protocol uint8 // of IP; of ICMP it is an echo request

	SourcePort, DestinationPort uint16 // of TCP, which begins a connection, and UDP

	Source    netip.Addr // the zero Addr: the port's first fixed IP
	SourceMAC model.MAC  // zero: the port's
	TTL       uint8      // 0: 64
	Size      int        // of the IP packet in bytes; 0: as small as it can be
	Mark      uint8      // DSCP
	Number    uint16     // identification of the IP packet, and of the echo request
}

const (
	defaultTTL = 64
	ipHeader   = 20
	maxSize    = 0xffff
)

var (
	broadcast   = model.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	broadcastIP = netip.AddrFrom4([4]byte{255, 255, 255, 255})
)

func isGroup(a netip.Addr) bool { return a == broadcastIP || a.IsMulticast() }

// Validate tells what makes a packet one that cannot be.
func (p *Packet) Validate() error {
	switch least := p.least(); {
	case p.Kind != DHCP && !p.To.Is4():
		return fmt.Errorf("a packet needs an IPv4 address that it is sent to")
	case p.Source.IsValid() && !p.Source.Is4():
		return fmt.Errorf("the source of a packet is an IPv4 address, not %s", p.Source)
	case p.Kind == IP && (p.Protocol == model.ProtocolTCP || p.Protocol == model.ProtocolUDP) && p.DestinationPort == 0:
		return fmt.Errorf("TCP and UDP need a destination port from 1 to 65535")
	case p.Size != 0 && p.Kind != IP:
		return fmt.Errorf("only IP packets have a size")
	case p.Size != 0 && (p.Size < least || p.Size > maxSize):
		return fmt.Errorf("such a packet has from %d to %d bytes, not %d", least, maxSize, p.Size)
	}
	return nil
}

func (p *Packet) mac() model.MAC {
	if p.SourceMAC != (model.MAC{}) {
		return p.SourceMAC
	}
	return p.From.MAC
}

// source is the zero Addr for a port without an IPv4 address.
func (p *Packet) source() netip.Addr {
	if p.Source.IsValid() {
		return p.Source
	}
	return AddressOf(p.From)
}

// AddressOf is a port's first IPv4 address, or the zero Addr.
func AddressOf(p *model.Port) netip.Addr {
	for _, f := range p.FixedIPs {
		if f.IPAddress.Is4() {
			return f.IPAddress
		}
	}
	return netip.Addr{}
}

// headers are the bytes of a transport header.
var headers = map[uint8]int{model.ProtocolICMP: 8, model.ProtocolTCP: 20, model.ProtocolUDP: 8}

// least is how many bytes the IP packet has at least.
func (p *Packet) least() int { return ipHeader + headers[p.Protocol] }

func (p *Packet) bytes() int { return max(p.Size, p.least()) }

// Ports that a client takes (RFC 6335, 6: dynamic ports), if none is said.
const dynamicPort = 49152

func (p *Packet) sourcePort() uint16 {
	if p.SourcePort != 0 {
		return p.SourcePort
	}
	return dynamicPort
}

// Frame is the packet on its way to a MAC address; not of ARP and DHCP.
func (p *Packet) Frame(dst model.MAC) []byte {
	ttl := p.TTL
	if ttl == 0 {
		ttl = defaultTTL
	}
	ip := &layers.IPv4{Version: 4, TOS: p.Mark << 2, Id: p.Number, TTL: ttl, Flags: layers.IPv4DontFragment, Protocol: layers.IPProtocol(p.Protocol),
		SrcIP: p.source().AsSlice(), DstIP: p.To.AsSlice()}
	list := []gopacket.SerializableLayer{ethernet(p.mac(), dst, layers.EthernetTypeIPv4), ip}
	switch p.Protocol {
	case model.ProtocolICMP:
		list = append(list, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeEchoRequest, 0), Id: p.Number, Seq: 1})
	case model.ProtocolTCP:
		list = append(list, tcp(ip, p.sourcePort(), p.DestinationPort, layers.TCP{SYN: true}))
	case model.ProtocolUDP:
		list = append(list, udp(ip, p.sourcePort(), p.DestinationPort))
	}
	return serialize(append(list, make(gopacket.Payload, p.bytes()-p.least()))...)
}

// arp asks for the MAC address of a host.
func (p *Packet) arp(who netip.Addr) []byte {
	mac, none := p.mac(), model.MAC{}
	return serialize(ethernet(mac, broadcast, layers.EthernetTypeARP), &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4, Operation: layers.ARPRequest,
		SourceHwAddress: mac[:], SourceProtAddress: p.source().AsSlice(), DstHwAddress: none[:], DstProtAddress: who.AsSlice(),
	})
}

// discover is what a DHCP client begins with (RFC 2131, 4.4.1).
func (p *Packet) discover() []byte {
	mac, unspecified := p.mac(), netip.IPv4Unspecified()
	ip := &layers.IPv4{Version: 4, TTL: defaultTTL, Protocol: layers.IPProtocolUDP, SrcIP: unspecified.AsSlice(), DstIP: broadcastIP.AsSlice()}
	id := sha256.Sum256(mac[:]) // any number does
	return serialize(ethernet(mac, broadcast, layers.EthernetTypeIPv4), ip, udp(ip, 68, 67), &layers.DHCPv4{
		Operation: layers.DHCPOpRequest, HardwareType: layers.LinkTypeEthernet, HardwareLen: 6, Xid: binary.BigEndian.Uint32(id[:]), ClientHWAddr: mac[:],
		Options: layers.DHCPOptions{layers.NewDHCPOption(layers.DHCPOptMessageType, []byte{byte(layers.DHCPMsgTypeDiscover)})},
	})
}

// reply is what the receiver of a packet that begins a connection says first; nil: none is known for it.
func reply(to []byte) []byte {
	p := gopacket.NewPacket(to, layers.LayerTypeEthernet, gopacket.Default)
	eth, _ := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
	ip, _ := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	if eth == nil || ip == nil || eth.DstMAC[0]&1 != 0 {
		return nil
	}
	back := &layers.IPv4{Version: 4, TTL: defaultTTL, Protocol: ip.Protocol, SrcIP: ip.DstIP, DstIP: ip.SrcIP}
	list := []gopacket.SerializableLayer{&layers.Ethernet{SrcMAC: eth.DstMAC, DstMAC: eth.SrcMAC, EthernetType: layers.EthernetTypeIPv4}, back}
	switch ip.Protocol {
	case layers.IPProtocolICMPv4:
		echo, ok := p.Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
		if !ok || echo.TypeCode.Type() != layers.ICMPv4TypeEchoRequest {
			return nil
		}
		list = append(list, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeEchoReply, 0), Id: echo.Id, Seq: echo.Seq})
	case layers.IPProtocolTCP:
		l, ok := p.Layer(layers.LayerTypeTCP).(*layers.TCP)
		if !ok {
			return nil
		}
		list = append(list, tcp(back, uint16(l.DstPort), uint16(l.SrcPort), layers.TCP{SYN: true, ACK: true, Ack: l.Seq + 1}))
	case layers.IPProtocolUDP:
		l, ok := p.Layer(layers.LayerTypeUDP).(*layers.UDP)
		if !ok {
			return nil
		}
		list = append(list, udp(back, uint16(l.DstPort), uint16(l.SrcPort)))
	}
	return serialize(list...)
}

// arpQuestion is the address that an ARP request asks for; the zero Addr: the frame is none.
func arpQuestion(frame []byte) netip.Addr {
	a, ok := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default).Layer(layers.LayerTypeARP).(*layers.ARP)
	if !ok || a.Operation != layers.ARPRequest {
		return netip.Addr{}
	}
	asked, _ := netip.AddrFromSlice(a.DstProtAddress)
	return asked
}

// arpAnswer is the MAC address that an ARP reply says an address is at.
func arpAnswer(frame []byte, of netip.Addr) (model.MAC, bool) {
	a, ok := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default).Layer(layers.LayerTypeARP).(*layers.ARP)
	if !ok || a.Operation != layers.ARPReply || string(a.SourceProtAddress) != string(of.AsSlice()) || len(a.SourceHwAddress) != len(model.MAC{}) {
		return model.MAC{}, false
	}
	return model.MAC(a.SourceHwAddress), true
}

func ethernet(src, dst model.MAC, t layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: net.HardwareAddr(src[:]), DstMAC: net.HardwareAddr(dst[:]), EthernetType: t}
}

func tcp(ip *layers.IPv4, from, to uint16, l layers.TCP) *layers.TCP {
	l.SrcPort, l.DstPort, l.Window = layers.TCPPort(from), layers.TCPPort(to), 1024
	_ = l.SetNetworkLayerForChecksum(ip) // fails for other layers than IP
	return &l
}

func udp(ip *layers.IPv4, from, to uint16) *layers.UDP {
	l := &layers.UDP{SrcPort: layers.UDPPort(from), DstPort: layers.UDPPort(to)}
	_ = l.SetNetworkLayerForChecksum(ip)
	return l
}

// serialize writes layers that this package has made, of which each is well-formed.
func serialize(list ...gopacket.SerializableLayer) []byte {
	b := gopacket.NewSerializeBuffer()
	_ = gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, list...)
	return b.Bytes()
}
