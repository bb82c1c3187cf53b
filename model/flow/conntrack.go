package flow

import "encoding/binary"

// zone is a connection table: every connection by both of its tuples, as its packets look before they are tracked.
type zone map[fiveTuple]*connection

// fiveTuple is what packets of one direction of a connection have in common.
type fiveTuple struct {
	src, dst         uint32 // IPv4 addresses
	srcPort, dstPort uint16 // of TCP and UDP; both the identifier of an ICMP query
	proto, icmp      uint8  // icmp: type of the ICMP query
}

// connection holds the tuples of the two directions, both from the sender's point of view: reply is the reverse of original but for
// what is translated.
type connection struct {
	original, reply fiveTuple
}

// Types of ICMP messages (RFC 792).
const (
	icmpUnreachable  = 3
	icmpRedirect     = 5
	icmpEchoRequest  = 8
	icmpTimeExceeded = 11
	icmpParameter    = 12
)

// icmpAnswers pairs the ICMP queries with their answers (RFC 792).
var icmpAnswers = map[uint8]uint8{icmpEchoRequest: 0, 13: 14, 15: 16}

// icmpReverse is the type of the other direction: icmpAnswers both ways.
var icmpReverse = func() map[uint8]uint8 {
	m := map[uint8]uint8{}
	for query, answer := range icmpAnswers {
		m[query], m[answer] = answer, query
	}
	return m
}()

// reversed is the tuple of what an untranslated other side sends.
func (t fiveTuple) reversed() fiveTuple {
	t.src, t.dst = t.dst, t.src
	t.srcPort, t.dstPort = t.dstPort, t.srcPort
	if t.proto == protoICMP {
		t.icmp = icmpReverse[t.icmp]
	}
	return t
}

// track does a Conntrack to p: it finds or makes its connection, and translates. What conntrack takes for invalid stays as it
// is: fragments (Open vSwitch reassembles them), wrong checksums, and answers to nothing. Connections do not age.
func (s *Switch) track(p *packet, a Conntrack) {
	if p.icmpError() {
		s.trackError(p, a)
		return
	}
	t, ok := p.tuple()
	if !ok {
		return
	}
	c := s.zones[a.Zone][t]
	if c == nil {
		if !a.Commit || !p.startsConnection() {
			return
		}
		if c = s.connect(t, a); c == nil {
			return
		}
	}
	if a.NAT != NATNone {
		p.translate(c.other(t))
	}
}

// connect makes a connection of which t is the original tuple, or returns nil if there is no free tuple for its replies.
func (s *Switch) connect(t fiveTuple, a Conntrack) *connection {
	z := s.zones[a.Zone]
	reply := t.reversed()
	ok := z[reply] == nil
	if a.NAT == NATSource {
		reply, ok = z.freeReply(t, a.Addr)
	}
	if !ok {
		return nil
	}
	if z == nil {
		z = zone{}
		s.zones[a.Zone] = z
	}
	c := &connection{original: t, reply: reply}
	z[t], z[reply] = c, c
	return c
}

// other is the tuple of the direction that t is not of.
func (c *connection) other(t fiveTuple) fiveTuple {
	if t == c.original {
		return c.reply
	}
	return c.original
}

// tuple is the packet's, and false if it has none that can be tracked.
func (p *packet) tuple() (fiveTuple, bool) {
	if p.starts[headerIPv4] == 0 || p.fragment() || !p.sumsRight() {
		return fiveTuple{}, false
	}
	t := fiveTuple{src: uint32(p.values[IPv4Src]), dst: uint32(p.values[IPv4Dst]), proto: uint8(p.values[IPProto])}
	switch {
	case p.starts[headerTCP] != 0:
		t.srcPort, t.dstPort = uint16(p.values[TCPSrc]), uint16(p.values[TCPDst])
	case p.starts[headerUDP] != 0:
		t.srcPort, t.dstPort = uint16(p.values[UDPSrc]), uint16(p.values[UDPDst])
	case p.starts[headerICMP] != 0:
		t.icmp = uint8(p.values[ICMPType])
		if _, query := icmpReverse[t.icmp]; !query {
			return fiveTuple{}, false
		}
		t.srcPort = binary.BigEndian.Uint16(p.frame[p.starts[headerICMP]+4:])
		t.dstPort = t.srcPort
	case t.proto == protoTCP, t.proto == protoUDP, t.proto == protoICMP: // cut short
		return fiveTuple{}, false
	}
	return t, true
}

// startsConnection tells whether p may be the first packet of a connection: not an answer to an ICMP query, nor a SYN with
// ACK. Others in the middle of a TCP connection may, as it may be older than the zone.
func (p *packet) startsConnection() bool {
	switch {
	case p.starts[headerICMP] != 0:
		_, query := icmpAnswers[uint8(p.values[ICMPType])]
		return query
	case p.starts[headerTCP] != 0:
		const synAndACK = 0x12
		return p.frame[p.starts[headerTCP]+13]&synAndACK != synAndACK
	}
	return true
}

// fragment tells whether p is a part of a datagram.
func (p *packet) fragment() bool {
	const offsetAndMore = 0x3fff
	return binary.BigEndian.Uint16(p.frame[p.starts[headerIPv4]+6:])&offsetAndMore != 0
}
