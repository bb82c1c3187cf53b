package apps_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/model"
)

// Frames of the tests. Addresses are text, so that a test reads like a trace.

var broadcast = model.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

func serialize(list ...gopacket.SerializableLayer) []byte {
	b := gopacket.NewSerializeBuffer()
	if err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, list...); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func ethernet(src, dst model.MAC, t layers.EthernetType) *layers.Ethernet {
	return &layers.Ethernet{SrcMAC: src[:], DstMAC: dst[:], EthernetType: t}
}

// udp is a datagram.
func udp(src, dst model.MAC, from, to string, sport, dport uint16) []byte {
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: net.IP(addr(from).AsSlice()), DstIP: net.IP(addr(to).AsSlice())}
	u := &layers.UDP{SrcPort: layers.UDPPort(sport), DstPort: layers.UDPPort(dport)}
	if err := u.SetNetworkLayerForChecksum(ip); err != nil {
		panic(err)
	}
	return serialize(ethernet(src, dst, layers.EthernetTypeIPv4), ip, u, gopacket.Payload("hello"))
}

// ipv4 is a datagram of no special meaning.
func ipv4(src, dst model.MAC, from, to string) []byte { return udp(src, dst, from, to, 1000, 2000) }

// ARP operations.
const (
	request = layers.ARPRequest
	reply   = layers.ARPReply
)

// arp is an ARP packet whose Ethernet source is the sender.
func arp(op uint16, sha, dst model.MAC, spa string, tha model.MAC, tpa string) []byte {
	return arpFrom(sha, op, sha, dst, spa, tha, tpa)
}

func arpFrom(src model.MAC, op uint16, sha, dst model.MAC, spa string, tha model.MAC, tpa string) []byte {
	return serialize(ethernet(src, dst, layers.EthernetTypeARP), &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4, Operation: op,
		SourceHwAddress: sha[:], SourceProtAddress: addr(spa).AsSlice(), DstHwAddress: tha[:], DstProtAddress: addr(tpa).AsSlice(),
	})
}

// who asks for an address.
func who(sha model.MAC, spa, tpa string) []byte {
	return arp(request, sha, broadcast, spa, model.MAC{}, tpa)
}

// rarp is what a hypervisor announces a VM with.
func rarp(src, sha model.MAC) []byte {
	frame := arpFrom(src, 3, sha, broadcast, "0.0.0.0", sha, "0.0.0.0")
	binary.BigEndian.PutUint16(frame[12:], 0x8035)
	return frame
}

// of is a frame of some ethertype, with a payload that means nothing.
func of(src, dst model.MAC, t uint16) []byte {
	return serialize(ethernet(src, dst, layers.EthernetType(t)), gopacket.Payload(strings.Repeat("x", 46)))
}

// bpdu is a frame of spanning tree: 802.3 with LLC.
func bpdu(src model.MAC) []byte {
	frame := of(src, model.MAC{1, 0x80, 0xc2, 0, 0, 0}, 0x2626)
	binary.BigEndian.PutUint16(frame[12:], uint16(len(frame)-14))
	copy(frame[14:], "\x42\x42\x03")
	return frame
}

// tagged puts a VLAN tag on a frame.
func tagged(vid uint16, frame []byte) []byte { return tag(0x8100, vid, frame) }

func tag(tpid, vid uint16, frame []byte) []byte {
	b := append([]byte{}, frame[:12]...)
	b = binary.BigEndian.AppendUint16(b, tpid)
	b = binary.BigEndian.AppendUint16(b, vid)
	return append(b, frame[12:]...)
}

// describe says in one line what a frame is.
func describe(frame []byte) string {
	var parts []string
	for _, l := range gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default).Layers() {
		switch l := l.(type) {
		case *layers.Ethernet:
			parts = append(parts, fmt.Sprintf("%s > %s %v", l.SrcMAC, l.DstMAC, l.EthernetType))
		case *layers.Dot1Q:
			parts = append(parts, fmt.Sprintf("vlan %d", l.VLANIdentifier))
		case *layers.ARP:
			parts = append(parts, fmt.Sprintf("op %d %s at %s, to %s at %s", l.Operation, net.IP(l.SourceProtAddress),
				net.HardwareAddr(l.SourceHwAddress), net.IP(l.DstProtAddress), net.HardwareAddr(l.DstHwAddress)))
		case *layers.IPv4:
			parts = append(parts, fmt.Sprintf("%s > %s", l.SrcIP, l.DstIP))
		case *layers.UDP:
			parts = append(parts, fmt.Sprintf("udp %d > %d", l.SrcPort, l.DstPort))
		}
	}
	return strings.Join(parts, ", ")
}

// ping is an echo request.
func ping(src, dst model.MAC, from, to string) []byte {
	return icmp(src, dst, from, to, layers.ICMPv4TypeEchoRequest)
}

func icmp(src, dst model.MAC, from, to string, kind uint8) []byte {
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolICMPv4, SrcIP: addr(from).AsSlice(), DstIP: addr(to).AsSlice()}
	return serialize(ethernet(src, dst, layers.EthernetTypeIPv4), ip,
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(kind, 0), Id: 7, Seq: 1}, gopacket.Payload("hello"))
}

// routed is a frame after some routers: with other MAC addresses, a smaller TTL, and whatever else change says.
func routed(frame []byte, src, dst model.MAC, routers uint8, changes ...func(*layers.IPv4)) []byte {
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	ip := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	ip.TTL -= routers
	for _, change := range changes {
		change(ip)
	}
	list := []gopacket.SerializableLayer{ethernet(src, dst, layers.EthernetTypeIPv4), ip}
	if u, ok := p.Layer(layers.LayerTypeUDP).(*layers.UDP); ok {
		if err := u.SetNetworkLayerForChecksum(ip); err != nil {
			panic(err)
		}
		list = append(list, u, gopacket.Payload(u.Payload))
	} else {
		list = append(list, gopacket.Payload(ip.Payload))
	}
	return serialize(list...)
}

// from and to change an address.
func from(a string) func(*layers.IPv4) { return func(ip *layers.IPv4) { ip.SrcIP = addr(a).AsSlice() } }
func to(a string) func(*layers.IPv4)   { return func(ip *layers.IPv4) { ip.DstIP = addr(a).AsSlice() } }

// withTTL is the frame with another TTL.
func withTTL(frame []byte, ttl uint8) []byte {
	return routed(frame, model.MAC(frame[6:12]), model.MAC(frame[:6]), 0, func(ip *layers.IPv4) { ip.TTL = ttl })
}

func payload(n int) gopacket.Payload { return make(gopacket.Payload, n) }
