package flow

import "encoding/binary"

// packet is a frame on its way through a switch, with the values that matches see. Fields of headers that it does
// not have are 0, as in Open vSwitch; prerequisites keep matches away from them.
type packet struct {
	values [fieldEnd]uint64
	frame  []byte
	shared bool           // frame belongs to somebody else too: copy before writing
	tags   int            // VLAN tags that the switch knows of: what parse saw, and what was pushed
	starts [headerEnd]int // offsets of headers; 0: not there, or not complete (the Ethernet header always is)
	sum    int            // offset of the TCP or UDP checksum; 0: none
}

// header is a part of a packet that fields stand in.
type header uint8

const (
	pipeline header = iota // not in the frame
	headerEthernet
	headerVLAN
	headerIPv4
	headerARP
	headerTCP
	headerUDP
	headerICMP
	headerEnd
)

// places says where fields stand in their headers, in bytes.
var places = [fieldEnd]struct {
	header header
	offset int
}{
	EthDst: {headerEthernet, 0}, EthSrc: {headerEthernet, 6}, EthType: {headerEthernet, 12},
	VLANVID: {headerVLAN, 0}, VLANPCP: {headerVLAN, 0},
	IPDSCP: {headerIPv4, 1}, IPTTL: {headerIPv4, 8}, IPProto: {headerIPv4, 9}, IPv4Src: {headerIPv4, 12}, IPv4Dst: {headerIPv4, 16},
	TCPSrc: {headerTCP, 0}, TCPDst: {headerTCP, 2}, UDPSrc: {headerUDP, 0}, UDPDst: {headerUDP, 2},
	ICMPType: {headerICMP, 0}, ICMPCode: {headerICMP, 1},
	ARPOp: {headerARP, 6}, ARPSHA: {headerARP, 8}, ARPSPA: {headerARP, 14}, ARPTHA: {headerARP, 18}, ARPTPA: {headerARP, 24},
}

// has tells whether the packet has f, so that an action may read or write it.
func (p *packet) has(f Field) bool {
	if f >= CTProto && f <= CTDstPort { // to be matched they are there in any case, says Open vSwitch
		return p.values[CTState]&(CTNew|CTEstablished|CTReply) != 0
	}
	h := places[f].header
	return h <= headerEthernet || p.starts[h] != 0
}

// Lengths of headers in bytes.
const (
	etherLen = 14
	tagLen   = 4
	ipv4Len  = 20
	arpLen   = 28
	tcpLen   = 20
	udpLen   = 8
	icmpLen  = 8
	snapLen  = 8
)

// maxTags is how many VLAN tags Open vSwitch keeps track of.
const maxTags = 2

// etherNone stands for the ethertype of a frame that has none (802.3 without SNAP), as in OpenFlow 1.0, 3.4.
const etherNone = 0x05ff

// parse reads the headers of an Ethernet frame as Open vSwitch does, with its default of one VLAN tag. A frame that
// is cut short has the fields up to where it is complete; one without a whole Ethernet header is false.
func parse(frame []byte) (packet, bool) {
	p := packet{frame: frame, shared: true}
	if len(frame) < etherLen {
		return p, false
	}
	p.values[EthDst] = be48(frame)
	p.values[EthSrc] = be48(frame[6:])
	network := etherLen
	ether := binary.BigEndian.Uint16(frame[12:])
	if (ether == etherVLAN || ether == etherQinQ) && len(frame) >= etherLen+tagLen {
		p.tags = 1
		p.readTag()
		ether = binary.BigEndian.Uint16(frame[16:])
		network += tagLen
	}
	if ether < 0x0600 { // a length (IEEE 802.3)
		ether = snapType(frame[network:])
		network += snapLen // beyond the end only without SNAP, when there is nothing more to read
	}
	p.values[EthType] = uint64(ether)
	switch ether {
	case etherIPv4:
		p.parseIPv4(network)
	case etherARP, etherRARP:
		p.parseARP(network)
	}
	return p, true
}

// snapType is the ethertype in an LLC and SNAP header of organisation 0 (RFC 1042).
func snapType(b []byte) uint16 {
	const llcSNAP = "\xaa\xaa\x03\x00\x00\x00"
	if len(b) >= snapLen && string(b[:6]) == llcSNAP {
		if t := binary.BigEndian.Uint16(b[6:]); t >= 0x0600 {
			return t
		}
	}
	return etherNone
}

// readTag takes the values of the outermost known tag.
func (p *packet) readTag() {
	p.values[VLANVID], p.values[VLANPCP], p.starts[headerVLAN] = 0, 0, 0
	if p.tags > 0 {
		p.starts[headerVLAN] = etherLen
		tci := uint64(binary.BigEndian.Uint16(p.frame[etherLen:]))
		p.values[VLANVID], p.values[VLANPCP] = tci&vidBits|vidPresent, tci>>13
	}
}

// ecnBits are the bits after the DSCP in its octet (RFC 3168, 5).
const ecnBits = 2

func (p *packet) parseIPv4(start int) {
	b := p.frame[start:]
	if len(b) < ipv4Len {
		return
	}
	length, total := int(b[0]&0xf)*4, int(binary.BigEndian.Uint16(b[2:]))
	if length < ipv4Len || length > total || total > len(b) {
		return // no fields of IP, as in Open vSwitch
	}
	p.starts[headerIPv4] = start
	p.values[IPDSCP] = uint64(b[1]) >> ecnBits
	p.values[IPTTL] = uint64(b[8])
	p.values[IPProto] = uint64(b[9])
	p.values[IPv4Src] = uint64(binary.BigEndian.Uint32(b[12:]))
	p.values[IPv4Dst] = uint64(binary.BigEndian.Uint32(b[16:]))
	const offsetBits, moreFragments = 0x1fff, 0x2000
	switch fragment := binary.BigEndian.Uint16(b[6:]); {
	case fragment&offsetBits != 0:
		p.values[IPFrag] = FragAny | FragLater
	case fragment&moreFragments != 0:
		p.values[IPFrag] = FragAny
	}
	if p.values[IPFrag]&FragLater == 0 {
		p.parseTransport(start+length, b[length:total])
	}
}

// transport is what follows the header of an IPv4 packet.
func (p *packet) transport() []byte {
	b := p.frame[p.starts[headerIPv4]:]
	return b[int(b[0]&0xf)*4 : binary.BigEndian.Uint16(b[2:])]
}

// parseTransport reads what follows the IPv4 header. The first of several fragments has a checksum to keep right,
// but Open vSwitch does not show its ports ("set-frags normal").
func (p *packet) parseTransport(start int, b []byte) {
	var h header
	var first, second Field
	switch proto := p.values[IPProto]; {
	case proto == protoTCP && len(b) >= tcpLen:
		h, first, second, p.sum = headerTCP, TCPSrc, TCPDst, start+16
	case proto == protoUDP && len(b) >= udpLen:
		h, first, second, p.sum = headerUDP, UDPSrc, UDPDst, start+6
	case proto == protoICMP && len(b) >= icmpLen:
		h, first, second = headerICMP, ICMPType, ICMPCode
	default:
		return
	}
	if p.values[IPFrag] != 0 {
		return
	}
	p.starts[h] = start
	width := first.bytes()
	p.values[first] = number(b[:width])
	p.values[second] = number(b[width : 2*width])
}

func (p *packet) parseARP(start int) {
	b := p.frame[start:]
	const ethernetIPv4 = "\x00\x01\x08\x00\x06\x04" // hardware type, protocol, lengths of addresses
	if len(b) < arpLen || string(b[:6]) != ethernetIPv4 {
		return
	}
	p.starts[headerARP] = start
	if op := binary.BigEndian.Uint16(b[6:]); op <= 0xff { // Open vSwitch keeps 8 bits
		p.values[ARPOp] = uint64(op)
	}
	p.values[ARPSHA] = be48(b[8:])
	p.values[ARPSPA] = uint64(binary.BigEndian.Uint32(b[14:]))
	p.values[ARPTHA] = be48(b[18:])
	p.values[ARPTPA] = uint64(binary.BigEndian.Uint32(b[24:]))
}

func be48(b []byte) uint64 { return number(b[:6]) }

// number is the number in b, first octet most significant.
func number(b []byte) (v uint64) {
	for _, x := range b {
		v = v<<8 | uint64(x)
	}
	return v
}
