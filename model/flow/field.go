package flow

// Field is a header or pipeline field that can be matched, set or moved. The number is Planck's own, part of
// the canonical form in memory only, never on a wire.
type Field uint8

// Fields in canonical order: a match is sorted by it.
const (
	InPort Field = iota + 1
	Metadata
	Reg0 // Nicira's registers: what a packet carries through the tables, 0 when it comes in
	Reg1
	Reg2
	Reg3
	ConjunctionID // Nicira's conj_id, see Conjunction
	CTState       // Nicira's ct_state: bits CTNew to CTTracked; 0 before a Conntrack
	CTProto       // Nicira's ct_nw_proto, and so on: of the first packet of the packet's connection, unless CTInvalid
	CTSrc
	CTDst
	CTSrcPort // of ICMP queries the type; ports are matched together with CTProto, or Open vSwitch does not tell of them
	CTDstPort // of ICMP queries the code
	TunnelID
	TunnelSrc // Nicira's tun_src
	TunnelDst // Nicira's tun_dst
	EthDst
	EthSrc
	EthType
	VLANVID // OpenFlow's vlan_vid: 0 is "no tag", 0x1000 set is "tagged"
	VLANPCP
	IPProto
	IPv4Src
	IPv4Dst
	IPDSCP // OpenFlow's ip_dscp (RFC 2474)
	IPTTL  // Nicira's nw_ttl
	IPFrag // Nicira's nw_frag: bits FragAny and FragLater
	TCPSrc
	TCPDst
	UDPSrc
	UDPDst
	ICMPType
	ICMPCode
	ARPOp
	ARPSPA
	ARPTPA
	ARPSHA
	ARPTHA
	fieldEnd
)

// FieldInfo is what is known of a field.
type FieldInfo struct {
	Name     string // in ovs-ofctl syntax
	Bits     int
	Maskable bool   // by OpenFlow 1.3.5, 7.2.3.7, or by Open vSwitch for Nicira's fields
	Class    uint16 // OXM class: 0x8000 OpenFlow basic, 0x0001 Nicira
	Number   uint8  // OXM field number within Class
}

// Bits of CTState.
const (
	CTNew         = 1 << 0 // of a connection that is not known
	CTEstablished = 1 << 1
	CTRelated     = 1 << 2 // about a known connection, as ICMP errors are
	CTReply       = 1 << 3 // in the direction that the connection's first packet did not have
	CTInvalid     = 1 << 4
	CTTracked     = 1 << 5

	ctSourceNAT      = 1 << 6
	ctDestinationNAT = 1 << 7
)

// Bits of IPFrag.
const (
	FragAny   = 1 << 0 // any fragment
	FragLater = 1 << 1 // one without the datagram's beginning
)

// OXM classes.
const (
	ClassBasic  uint16 = 0x8000
	ClassNicira uint16 = 0x0001
)

var fieldInfos = [fieldEnd]FieldInfo{
	InPort:   {"in_port", 32, false, ClassBasic, 0},
	Metadata: {"metadata", 64, true, ClassBasic, 2},
	Reg0:     {"reg0", 32, true, ClassNicira, 0},
	Reg1:     {"reg1", 32, true, ClassNicira, 1},
	Reg2:     {"reg2", 32, true, ClassNicira, 2},
	Reg3:     {"reg3", 32, true, ClassNicira, 3},

	ConjunctionID: {"conj_id", 32, false, ClassNicira, 37},
	CTState:       {"ct_state", 32, true, ClassNicira, 105},
	CTProto:       {"ct_nw_proto", 8, false, ClassNicira, 119},
	CTSrc:         {"ct_nw_src", 32, true, ClassNicira, 120},
	CTDst:         {"ct_nw_dst", 32, true, ClassNicira, 121},
	CTSrcPort:     {"ct_tp_src", 16, true, ClassNicira, 124},
	CTDstPort:     {"ct_tp_dst", 16, true, ClassNicira, 125},

	TunnelID:  {"tun_id", 64, true, ClassBasic, 38},
	TunnelSrc: {"tun_src", 32, true, ClassNicira, 31},
	TunnelDst: {"tun_dst", 32, true, ClassNicira, 32},
	EthDst:    {"dl_dst", 48, true, ClassBasic, 3},
	EthSrc:    {"dl_src", 48, true, ClassBasic, 4},
	EthType:   {"dl_type", 16, false, ClassBasic, 5},
	VLANVID:   {"vlan_vid", 13, true, ClassBasic, 6},
	VLANPCP:   {"dl_vlan_pcp", 3, false, ClassBasic, 7},
	IPProto:   {"nw_proto", 8, false, ClassBasic, 10},
	IPv4Src:   {"nw_src", 32, true, ClassBasic, 11},
	IPv4Dst:   {"nw_dst", 32, true, ClassBasic, 12},
	IPDSCP:    {"ip_dscp", 6, false, ClassBasic, 8},
	IPTTL:     {"nw_ttl", 8, false, ClassNicira, 29},
	IPFrag:    {"nw_frag", 2, true, ClassNicira, 26},
	TCPSrc:    {"tcp_src", 16, true, ClassBasic, 13},
	TCPDst:    {"tcp_dst", 16, true, ClassBasic, 14},
	UDPSrc:    {"udp_src", 16, true, ClassBasic, 15},
	UDPDst:    {"udp_dst", 16, true, ClassBasic, 16},
	ICMPType:  {"icmp_type", 8, false, ClassBasic, 19},
	ICMPCode:  {"icmp_code", 8, false, ClassBasic, 20},
	ARPOp:     {"arp_op", 16, false, ClassBasic, 21},
	ARPSPA:    {"arp_spa", 32, true, ClassBasic, 22},
	ARPTPA:    {"arp_tpa", 32, true, ClassBasic, 23},
	ARPSHA:    {"arp_sha", 48, true, ClassBasic, 24},
	ARPTHA:    {"arp_tha", 48, true, ClassBasic, 25},
}

// Info returns what is known of f, and false for a number that is no field.
func (f Field) Info() (FieldInfo, bool) {
	if f == 0 || f >= fieldEnd {
		return FieldInfo{}, false
	}
	return fieldInfos[f], true
}

// String is the field's name in ovs-ofctl syntax.
func (f Field) String() string {
	if i, ok := f.Info(); ok {
		return i.Name
	}
	return "field?"
}

// FieldByOXM finds a field by its OXM class and number.
func FieldByOXM(class uint16, number uint8) (Field, bool) {
	f, ok := byOXM[uint32(class)<<8|uint32(number)]
	return f, ok
}

var byOXM = func() map[uint32]Field {
	m := make(map[uint32]Field, fieldEnd)
	for f := InPort; f < fieldEnd; f++ {
		m[uint32(fieldInfos[f].Class)<<8|uint32(fieldInfos[f].Number)] = f
	}
	return m
}()

// ctStateBits are all that Open vSwitch keeps of the 32 bits of ct_state.
const ctStateBits = 0xff

// AllOnes is the mask that matches every bit of f.
func (f Field) AllOnes() uint64 {
	if f == CTState {
		return ctStateBits
	}
	i, _ := f.Info()
	return ^uint64(0) >> (64 - i.Bits)
}
