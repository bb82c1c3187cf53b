package flow

import "encoding/binary"

// sumsRight tells whether the checksums are right that conntrack looks at: IPv4's, and that of a whole TCP, UDP or ICMP packet. (Of a
// datagram in fragments Open vSwitch checks the latter too, once it has them all.)
func (p *packet) sumsRight() bool {
	start := p.starts[headerIPv4]
	length := int(p.frame[start]&0xf) * 4
	end := start + int(binary.BigEndian.Uint16(p.frame[start+2:]))
	if checksum(0, p.frame[start:start+length]) != 0 {
		return false
	}
	if p.values[IPFrag] != 0 {
		return true
	}
	transport := p.frame[start+length : end]
	if p.starts[headerICMP] != 0 {
		return checksum(0, transport) == 0
	}
	if p.sum == 0 || p.starts[headerUDP] != 0 && binary.BigEndian.Uint16(p.frame[p.sum:]) == 0 {
		return true
	}
	pseudo := uint32(p.values[IPProto]) + uint32(len(transport)) // RFC 9293, 3.1; RFC 768
	pseudo = sumWords(pseudo, p.frame[start+12:start+20])
	return checksum(pseudo, transport) == 0
}

// checksum is the internet checksum of b (RFC 1071), with what was summed up before.
func checksum(sum uint32, b []byte) uint16 {
	sum = sumWords(sum, b)
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// sumWords adds the 16-bit words of b, at most 64 KiB.
func sumWords(sum uint32, b []byte) uint32 {
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	return sum
}
