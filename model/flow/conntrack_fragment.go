package flow

import "encoding/binary"

// datagram is what the fragments of one have in common (RFC 791, 3.2), where they are tracked.
type datagram struct {
	src, dst uint32
	id, zone uint16
	proto    uint8
	commit   bool
}

const (
	maxDatagrams = 1000 // in fragments, that are remembered
	minFragment  = 1200 // octets that Open vSwitch wants of a fragment that is not the last
)

// trackFragment judges a fragment like its datagram, as Open vSwitch does, and returns false for one that is not heard of again.
//
// Open vSwitch holds fragments back in each ct until it has all of a datagram, and tracks the whole. One packet at a time that cannot be
// done: here a datagram is judged by its first fragment, which goes on at once, and later fragments that come without it wait for ever.
// What Open vSwitch does otherwise: it holds the first too, for ever if a later one is dropped on the way; it looks at the checksum of the
// whole; it relates ICMP errors and translates addresses in fragments, which are invalid here.
func (s *Switch) trackFragment(p *packet, zone uint16, a Conntrack) (judgement, bool) {
	ip := p.frame[p.starts[headerIPv4]:]
	const moreFragments = 0x20 // in the octet of flags
	if a.NAT != NATNone || ip[6]&moreFragments != 0 && binary.BigEndian.Uint16(ip[2:]) < minFragment {
		return invalid, true
	}
	d := datagram{
		src: uint32(p.values[IPv4Src]), dst: uint32(p.values[IPv4Dst]), proto: uint8(p.values[IPProto]),
		id: binary.BigEndian.Uint16(ip[4:]), zone: zone, commit: a.Commit,
	}
	if p.values[IPFrag]&FragLater != 0 {
		j, known := s.datagrams[d]
		return j, known
	}
	if len(s.datagrams) >= maxDatagrams {
		clear(s.datagrams)
	}
	j := s.trackPacket(p, zone, a)
	s.datagrams[d] = j
	return j, true
}
