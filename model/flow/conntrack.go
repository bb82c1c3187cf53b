package flow

import "encoding/binary"

// connections is the table of a zone: every connection by both of its tuples, as its packets look before they are tracked.
type connections map[fiveTuple]*connection

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
	translated      bool // a NATSource made it
	answered        bool // a packet came back; not used for TCP
	peers           [2]tcpState
}

// judgement is what conntrack says of a packet.
type judgement struct {
	state    uint64    // bits of CTState
	original fiveTuple // of its connection's first packet
}

var invalid = judgement{state: CTTracked | CTInvalid}

// Types of ICMP messages (RFC 792).
const (
	icmpUnreachable  = 3
	icmpQuench       = 4
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

// track does a Conntrack to p: it finds or makes its connection, says what it is to it, and translates. What conntrack takes for
// invalid is not translated. Connections do not age, and sequence numbers of TCP are taken as right. It returns false if p ends here.
func (s *Switch) track(p *packet, a Conntrack) bool {
	zone := a.Zone
	if a.ZoneFrom != 0 {
		zone = uint16(p.values[a.ZoneFrom])
	}
	var j judgement
	goesOn := true
	switch {
	case p.starts[headerIPv4] == 0 || !p.sumsRight():
		j = invalid
	case p.values[IPFrag] != 0:
		j, goesOn = s.trackFragment(p, zone, a)
	case p.icmpError():
		j = s.trackError(p, zone, a)
	default:
		j = s.trackPacket(p, zone, a)
	}
	p.setTracked(j)
	return goesOn
}

// setTracked gives p the fields of ct_state and of the original tuple. Open vSwitch has its ports only where p has room for ports.
func (p *packet) setTracked(j judgement) {
	t := j.original
	p.values[CTState], p.values[CTProto] = j.state, uint64(t.proto)
	p.values[CTSrc], p.values[CTDst] = uint64(t.src), uint64(t.dst)
	p.values[CTSrcPort], p.values[CTDstPort] = uint64(t.srcPort), uint64(t.dstPort)
	if t.proto == protoICMP {
		p.values[CTSrcPort], p.values[CTDstPort] = uint64(t.icmp), 0 // the code of all queries
	}
	if p.values[IPFrag]&FragLater != 0 {
		p.values[CTSrcPort], p.values[CTDstPort] = 0, 0
	}
}

func (s *Switch) trackPacket(p *packet, zone uint16, a Conntrack) judgement {
	t, ok := p.tuple()
	if !ok {
		return invalid
	}
	j := judgement{state: CTTracked}
	c := s.zones[zone][t]
	if c != nil {
		var over bool
		if j.state, over = c.update(p, t != c.original); over {
			delete(s.zones[zone], c.original)
			delete(s.zones[zone], c.reply)
			c = nil
		}
	}
	if c == nil {
		if !p.startsConnection() {
			return invalid
		}
		j = judgement{CTTracked | CTNew, t}
		if !a.Commit {
			return j
		}
		if c = s.connect(zone, t, a); c == nil {
			return j
		}
	}
	j.original = c.original
	if a.NAT != NATNone {
		p.translate(c.other(t))
		j.state |= c.translation(t)
	}
	return j
}

// translation are the bits of ct_state that tell of the translation of packets with the tuple t.
func (c *connection) translation(t fiveTuple) uint64 {
	switch {
	case !c.translated:
		return 0
	case t == c.original:
		return ctSourceNAT
	}
	return ctDestinationNAT
}

// connect makes a connection of which t is the original tuple, or returns nil if there is no free tuple for its replies.
func (s *Switch) connect(zone uint16, t fiveTuple, a Conntrack) *connection {
	z := s.zones[zone]
	reply := t.reversed()
	ok := z[reply] == nil
	if a.NAT == NATSource {
		reply, ok = z.freeReply(t, a.Addr)
	}
	if !ok {
		return nil
	}
	if z == nil {
		z = connections{}
		s.zones[zone] = z
	}
	c := &connection{original: t, reply: reply, translated: a.NAT == NATSource, peers: [2]tcpState{tcpOpening, tcpClosed}}
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

// tuple is that of an IPv4 packet, or of a datagram's first fragment, and false if conntrack has none for it.
func (p *packet) tuple() (fiveTuple, bool) {
	t := fiveTuple{src: uint32(p.values[IPv4Src]), dst: uint32(p.values[IPv4Dst]), proto: uint8(p.values[IPProto])}
	b := p.transport()
	switch t.proto {
	case protoTCP:
		if len(b) < tcpLen || !within(int(b[12]>>4)*4, tcpLen, len(b)) {
			return t, false
		}
	case protoUDP:
		if len(b) < udpLen {
			return t, false
		}
		if length := int(binary.BigEndian.Uint16(b[4:])); length < udpLen || length > len(b) && p.values[IPFrag] == 0 {
			return t, false
		}
	case protoICMP:
		if len(b) < icmpLen {
			return t, false
		}
	}
	return t, t.readPorts(b)
}

func within(n, low, high int) bool { return n >= low && n <= high }

// readPorts takes what tells connections apart from the beginning of a transport packet: 8 octets, of protocols that have ports. It
// returns false for what none begins with.
func (t *fiveTuple) readPorts(b []byte) bool {
	switch t.proto {
	case protoTCP, protoUDP:
		if len(b) < 8 {
			return false
		}
		t.srcPort, t.dstPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
		return t.srcPort != 0 && t.dstPort != 0
	case protoICMP:
		if len(b) < 8 {
			return false
		}
		t.icmp = b[0]
		t.srcPort = binary.BigEndian.Uint16(b[4:])
		t.dstPort = t.srcPort
		_, query := icmpReverse[t.icmp]
		return query && b[1] == 0
	}
	return true
}

// startsConnection tells whether p, which has a tuple, may be the first packet of a connection: not an answer to an ICMP query, nor a
// SYN with ACK. Others in the middle of a TCP connection may, as it may be older than the zone.
func (p *packet) startsConnection() bool {
	switch b := p.transport(); p.values[IPProto] {
	case protoICMP:
		_, query := icmpAnswers[b[0]]
		return query
	case protoICMPv6: // Open vSwitch looks at the number alone, also in IPv4
		const echoRequest = 128
		return len(b) > 0 && b[0] == echoRequest
	case protoTCP:
		return tcpFlagsMakeSense(b[13]) && b[13]&(tcpSYN|tcpACK) != tcpSYN|tcpACK
	}
	return true
}
