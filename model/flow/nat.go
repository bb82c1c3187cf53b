package flow

import (
	"encoding/binary"
	"slices"
)

// minFreePort is where the search for a free port begins anew after the last: those below are for privileged programs.
const minFreePort = 1024

// freeReply is the tuple of the replies to t once its source is addr: with t's own source port if that is free, or else the next
// free one after it, as Open vSwitch 3.1 does. There is none for protocols without ports, nor for ICMP: Open vSwitch does not translate identifiers.
func (z connections) freeReply(t fiveTuple, addr uint32) (fiveTuple, bool) {
	reply := t.reversed()
	reply.dst = addr
	if z[reply] == nil {
		return reply, true
	}
	if t.proto != protoTCP && t.proto != protoUDP {
		return fiveTuple{}, false
	}
	for range 1 << 16 {
		if reply.dstPort++; reply.dstPort == 0 {
			reply.dstPort = minFreePort
		}
		if z[reply] == nil {
			return reply, true
		}
	}
	return fiveTuple{}, false
}

// translate makes p a packet whose replies have the tuple back.
func (p *packet) translate(back fiveTuple) {
	p.set(IPv4Src, uint64(back.dst), IPv4Src.AllOnes())
	p.set(IPv4Dst, uint64(back.src), IPv4Dst.AllOnes())
	switch back.proto {
	case protoTCP:
		p.set(TCPSrc, uint64(back.dstPort), TCPSrc.AllOnes())
		p.set(TCPDst, uint64(back.srcPort), TCPDst.AllOnes())
	case protoUDP:
		p.set(UDPSrc, uint64(back.dstPort), UDPSrc.AllOnes())
		p.set(UDPDst, uint64(back.srcPort), UDPDst.AllOnes())
	}
}

// icmpError tells whether p is an ICMP message about another packet.
func (p *packet) icmpError() bool {
	if p.starts[headerICMP] == 0 {
		return false
	}
	switch p.values[ICMPType] {
	case icmpUnreachable, icmpQuench, icmpRedirect, icmpTimeExceeded, icmpParameter:
		return true
	}
	return false
}

// trackError judges an ICMP error by the connection of the packet that it is about: related to it, in the other direction than that
// packet. With NAT the packet inside is translated back to what its sender had sent, and so is the side of the error that stands for a
// translated one.
func (s *Switch) trackError(p *packet, zone uint16, a Conntrack) judgement {
	in, ok := p.inner()
	if !ok {
		return invalid
	}
	// The one that the error is about has passed here, and is known by the tuple of its replies.
	t := in.tuple.reversed()
	c := s.zones[zone][t]
	if c == nil {
		return invalid
	}
	j := judgement{CTTracked | CTRelated, c.original}
	if t != c.original {
		j.state |= CTReply
	}
	if a.NAT == NATNone {
		return j
	}
	j.state |= c.translation(t)
	sent := c.other(t)
	// The error goes the way of a reply: what replies are translated in, it is translated in.
	if sent.src != t.dst {
		p.set(IPv4Dst, uint64(sent.src), IPv4Dst.AllOnes())
	}
	if sent.dst != t.src {
		p.set(IPv4Src, uint64(sent.dst), IPv4Src.AllOnes())
	}
	p.translateInner(in, sent)
	return j
}

// inner is the packet in an ICMP error.
type inner struct {
	start     int // of its IPv4 header in the frame
	transport int // of what follows
	end       int // of the frame's IPv4 packet
	tuple     fiveTuple
}

// inner reads the packet in an ICMP error to its receiver: its IPv4 header and 8 octets more (RFC 792), which Open vSwitch wants of
// protocols that have ports.
func (p *packet) inner() (inner, bool) {
	outer := p.starts[headerIPv4]
	in := inner{
		start: p.starts[headerICMP] + icmpLen,
		end:   outer + int(binary.BigEndian.Uint16(p.frame[outer+2:])),
	}
	b := p.frame[in.start:in.end]
	if len(b) < ipv4Len {
		return in, false
	}
	length := int(b[0]&0xf) * 4
	const offsetAndMore = 0x3fff
	if length < ipv4Len || len(b) < length || binary.BigEndian.Uint16(b[6:])&offsetAndMore != 0 {
		return in, false
	}
	in.transport = in.start + length
	in.tuple = fiveTuple{src: binary.BigEndian.Uint32(b[12:]), dst: binary.BigEndian.Uint32(b[16:]), proto: b[9]}
	return in, uint64(in.tuple.src) == p.values[IPv4Dst] && in.tuple.readPorts(b[length:])
}

// translateInner gives the packet inside the addresses and ports of sent, and keeps all checksums right.
func (p *packet) translateInner(in inner, sent fiveTuple) {
	p.own()
	b := p.frame[in.start : in.start+(in.end-in.start)&^1] // all that changes, in whole words
	old := slices.Clone(b)
	binary.BigEndian.PutUint32(b[12:], sent.src)
	binary.BigEndian.PutUint32(b[16:], sent.dst)
	fixSum(b[10:], old[12:20], b[12:20])
	l4 := in.transport - in.start
	sum := 0
	switch sent.proto {
	case protoTCP:
		sum = l4 + 16
	case protoUDP:
		sum = l4 + 6
	}
	if sum != 0 {
		binary.BigEndian.PutUint16(b[l4:], sent.srcPort)
		binary.BigEndian.PutUint16(b[l4+2:], sent.dstPort)
		if sum+2 <= len(b) { // routers may leave out all but 8 octets
			fixTransportSum(b[sum:], sent.proto, old[12:20], b[12:20])
			fixTransportSum(b[sum:], sent.proto, old[l4:l4+4], b[l4:l4+4])
		}
	}
	fixSum(p.frame[p.starts[headerICMP]+2:], old, b)
}
