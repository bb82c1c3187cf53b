package icmp

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"github.com/google/gopacket/layers"
)

// Offsets in an IPv4 header.
const (
	headerChecksum = 10
	source         = 12
	destination    = 16
)

// ToFixed translates an ICMP error that came for a floating IP, with what it quotes: the quoted packet left with the floating IP
// as its source. The result is a frame; false if it quotes no such packet.
func (p *Packet) ToFixed(floating, fixed netip.Addr) ([]byte, bool) {
	if p.Dst != floating {
		return nil, false
	}
	frame, quoted, ok := p.quoting(source, floating, fixed)
	if !ok || !quoted {
		return nil, false
	}
	readdress(frame[ethernetHeader:], destination, fixed)
	return frame, true
}

// ToFloating translates an ICMP error that a fixed IP sends out. What it quotes came for the floating IP, unless the sender
// is a router itself. False if it quotes nothing.
func (p *Packet) ToFloating(fixed, floating netip.Addr) ([]byte, bool) {
	if p.Src != fixed {
		return nil, false
	}
	frame, _, ok := p.quoting(destination, fixed, floating)
	if !ok {
		return nil, false
	}
	readdress(frame[ethernetHeader:], source, floating)
	return frame, true
}

// quoting gives the error's frame with one address of the quoted packet exchanged, if it is there. ok is false if p quotes no packet.
func (p *Packet) quoting(field int, from, to netip.Addr) (frame []byte, exchanged, ok bool) {
	frame = bytes.Clone(p.frame)
	if p.IP.FragOffset != 0 || len(p.IP.Payload) < icmpHeader+ipHeader {
		return nil, false, false
	}
	message := frame[ethernetHeader+len(p.IP.Contents):]
	quoted := message[icmpHeader:]
	var ip layers.IPv4
	if parseIP(&ip, quoted) != nil {
		return nil, false, false
	}
	quoted = quoted[:min(len(quoted), int(ip.Length))] // extensions may come behind it (RFC 4884)
	if address(quoted[field:field+4]) != from {
		return frame, false, true
	}
	before := sum(quoted)
	readdress(quoted, field, to)
	adjust(message[2:], before, sum(quoted))
	return frame, true, true
}

// translated returns the packet with another source or destination.
func (p *Packet) translated(field int, to netip.Addr) Packet {
	frame := bytes.Clone(p.frame)
	readdress(frame[ethernetHeader:], field, to)
	t, _ := Parse(frame) // it was well-formed
	return t
}

// readdress writes an address into an IPv4 packet whose header is whole and well-formed, and adjusts the checksums that cover it as far
// as the packet is not cut off. Wrong ones stay wrong.
func readdress(packet []byte, field int, to netip.Addr) {
	a := to.As4()
	before, after := sum(packet[field:field+4]), sum(a[:])
	copy(packet[field:], a[:])
	adjust(packet[headerChecksum:], before, after)

	payload := packet[int(packet[0]&0xf)*4:]
	if binary.BigEndian.Uint16(packet[6:])&0x1fff != 0 { // a later fragment
		return
	}
	switch layers.IPProtocol(packet[9]) { // those whose checksum covers a pseudo header
	case layers.IPProtocolTCP:
		if len(payload) >= 18 {
			adjust(payload[16:], before, after)
		}
	case layers.IPProtocolUDP:
		if len(payload) >= 8 && binary.BigEndian.Uint16(payload[6:]) != 0 { // 0: none (RFC 768)
			adjust(payload[6:], before, after)
			if binary.BigEndian.Uint16(payload[6:]) == 0 {
				binary.BigEndian.PutUint16(payload[6:], 0xffff)
			}
		}
	}
}

// adjust corrects the checksum at the start of b for a change of the sum that it covers (RFC 1624, equation 3).
func adjust(b []byte, before, after uint16) {
	n := uint32(^binary.BigEndian.Uint16(b)) + uint32(^before) + uint32(after)
	n = n>>16 + n&0xffff
	binary.BigEndian.PutUint16(b, ^uint16(n>>16+n))
}

// sum is the one's complement sum of b (RFC 1071).
func sum(b []byte) uint16 {
	var n uint32 // a packet's 65,535 bytes do not overflow it
	for ; len(b) > 1; b = b[2:] {
		n += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		n += uint32(b[0]) << 8
	}
	n = n>>16 + n&0xffff
	return uint16(n>>16 + n)
}
