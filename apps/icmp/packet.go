// Package icmp says what a router tells the sender of a packet that it does not send on (RFC 792; RFC 1812, 4.3), and puts packets that
// came up back on their way.
package icmp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/apps/pipeline"
)

const (
	ethernetHeader = 14 // bytes: a tag never comes this far
	ipHeader       = 20 // bytes, without options
	icmpHeader     = 8  // bytes, of errors too
)

// Packet is an IPv4 packet that came up. Nothing writes to its bytes.
type Packet struct {
	IP       layers.IPv4 // its slices are part of the frame
	Src, Dst netip.Addr
	frame    []byte // Ethernet header first, without padding behind the packet
}

var errCut = errors.New("cut off")

// Parse reads an untagged Ethernet frame with a whole IPv4 packet.
func Parse(frame []byte) (Packet, error) {
	if len(frame) < ethernetHeader+ipHeader {
		return Packet{}, errCut
	}
	if t := binary.BigEndian.Uint16(frame[12:]); t != pipeline.EthTypeIPv4 {
		return Packet{}, fmt.Errorf("ethertype %#04x is not IPv4", t)
	}
	p := Packet{}
	if err := parseIP(&p.IP, frame[ethernetHeader:]); err != nil {
		return Packet{}, err
	}
	if int(p.IP.Length) > len(frame)-ethernetHeader {
		return Packet{}, errCut
	}
	p.frame = frame[: ethernetHeader+int(p.IP.Length) : ethernetHeader+int(p.IP.Length)]
	p.Src, p.Dst = address(p.IP.SrcIP), address(p.IP.DstIP)
	return p, nil
}

// parseIP reads an IPv4 header, behind which the packet may be cut off. gopacket takes a length of 0 for one that a network card fills in.
func parseIP(ip *layers.IPv4, data []byte) error {
	if len(data) < ipHeader {
		return errCut
	}
	if data[0]>>4 != 4 || binary.BigEndian.Uint16(data[2:]) == 0 {
		return errors.New("not IPv4")
	}
	return ip.DecodeFromBytes(data, gopacket.NilDecodeFeedback)
}

func address(b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	return a
}

// String tells operators which packet it is.
func (p *Packet) String() string { return fmt.Sprintf("%s from %s to %s", p.IP.Protocol, p.Src, p.Dst) }

// packet is all of it behind the Ethernet header.
func (p *Packet) packet() []byte { return p.frame[ethernetHeader:] }

// isError tells whether it is an ICMP error, or may be one: for want of bytes, or because its type is unknown (RFC 1122, 3.2.2, knows
// no answer to either).
func (p *Packet) isError() bool {
	if p.IP.Protocol != layers.IPProtocolICMPv4 {
		return false
	}
	if len(p.IP.Payload) < icmpHeader {
		return true
	}
	switch p.IP.Payload[0] {
	case layers.ICMPv4TypeEchoRequest, layers.ICMPv4TypeEchoReply, layers.ICMPv4TypeTimestampRequest, layers.ICMPv4TypeTimestampReply,
		layers.ICMPv4TypeAddressMaskRequest, layers.ICMPv4TypeAddressMaskReply, layers.ICMPv4TypeInfoRequest, layers.ICMPv4TypeInfoReply:
		return false
	}
	return true
}
