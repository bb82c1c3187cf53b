package icmp

import (
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/model"
)

// What a router says about a packet.
const (
	NetUnreachable      layers.ICMPv4TypeCode = layers.ICMPv4TypeDestinationUnreachable<<8 | layers.ICMPv4CodeNet
	HostUnreachable     layers.ICMPv4TypeCode = layers.ICMPv4TypeDestinationUnreachable<<8 | layers.ICMPv4CodeHost
	ProtocolUnreachable layers.ICMPv4TypeCode = layers.ICMPv4TypeDestinationUnreachable<<8 | layers.ICMPv4CodeProtocol
	PortUnreachable     layers.ICMPv4TypeCode = layers.ICMPv4TypeDestinationUnreachable<<8 | layers.ICMPv4CodePort
	FragmentationNeeded layers.ICMPv4TypeCode = layers.ICMPv4TypeDestinationUnreachable<<8 | layers.ICMPv4CodeFragmentationNeeded
	TimeExceeded        layers.ICMPv4TypeCode = layers.ICMPv4TypeTimeExceeded<<8 | layers.ICMPv4CodeTTLExceeded
)

const (
	maxError = 576  // bytes of an error's IP packet (RFC 1812, 4.3.2.3)
	tos      = 0xc0 // precedence 6, internetwork control (RFC 1812, 4.3.2.5)
	ttl      = 64   // what an error has when it leaves the router
)

// mayReport tells whether a packet is one of those that errors may be about, as far as the packet alone tells (RFC 1812, 4.3.2.7).
func (p *Packet) mayReport() bool {
	return !p.isError() && p.IP.FragOffset == 0 && p.frame[0]&1 == 0 && isHost(p.Src) && !p.Dst.IsMulticast() && !isReserved(p.Dst)
}

// isHost tells whether an address may be one host's.
func isHost(a netip.Addr) bool {
	return a.As4()[0] != 0 && !a.IsLoopback() && !a.IsMulticast() && !isReserved(a)
}

// isReserved tells whether an address is in 240.0.0.0/4, the limited broadcast included.
func isReserved(a netip.Addr) bool { return a.As4()[0] >= 240 }

// report builds the error about p that a router sends from one of its addresses to the source of p, with a TTL of hops; mtu is for FragmentationNeeded, the
// next network's in bytes (RFC 1191, 4).
func (p *Packet) report(mac model.MAC, from netip.Addr, hops uint8, what layers.ICMPv4TypeCode, mtu int) ([]byte, error) {
	eth := layers.Ethernet{SrcMAC: mac[:], DstMAC: p.frame[6:12], EthernetType: layers.EthernetTypeIPv4}
	ip := layers.IPv4{Version: 4, TOS: tos, Id: p.IP.Id, TTL: hops, Protocol: layers.IPProtocolICMPv4, SrcIP: from.AsSlice(), DstIP: p.Src.AsSlice()}
	message := layers.ICMPv4{TypeCode: what, Seq: uint16(mtu)}
	quoted := gopacket.Payload(p.packet()[:min(int(p.IP.Length), maxError-ipHeader-icmpHeader)])
	b := gopacket.NewSerializeBufferExpectedSize(ethernetHeader+ipHeader+icmpHeader, len(quoted))
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, &eth, &ip, &message, quoted)
	return b.Bytes(), err
}
