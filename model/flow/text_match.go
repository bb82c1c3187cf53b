package flow

// Ethertypes and IP protocols that matches and packets are told apart by.
const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
	etherRARP = 0x8035
	etherVLAN = 0x8100
	etherQinQ = 0x88a8
	etherIPv6 = 0x86dd

	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58
	protoSCTP   = 132
)

// shorthand is a word of ovs-ofctl for an ethertype, or for an ethertype and an IP protocol.
type shorthand struct {
	word  string
	ether uint64
	proto uint64
	exact bool // proto counts
}

// Those with a protocol come first, as they say more.
var shorthands = []shorthand{
	{"icmp", etherIPv4, protoICMP, true},
	{"tcp", etherIPv4, protoTCP, true},
	{"udp", etherIPv4, protoUDP, true},
	{"sctp", etherIPv4, protoSCTP, true},
	{"icmp6", etherIPv6, protoICMPv6, true},
	{"tcp6", etherIPv6, protoTCP, true},
	{"udp6", etherIPv6, protoUDP, true},
	{"sctp6", etherIPv6, protoSCTP, true},
	{"ip", etherIPv4, 0, false},
	{"ipv6", etherIPv6, 0, false},
	{"arp", etherARP, 0, false},
	{"rarp", etherRARP, 0, false},
	{"mpls", 0x8847, 0, false},
	{"mplsm", 0x8848, 0, false},
}

// textFirst is what Open vSwitch prints before the shorthand, and textOrder what after it, in its order.
var textFirst = []Field{ConjunctionID, CTState, CTSrc, CTDst, CTProto, CTSrcPort, CTDstPort}

var textOrder = []Field{
	Reg0, Reg1, Reg2, Reg3, TunnelID, TunnelSrc, TunnelDst, Metadata, InPort, VLANVID, VLANPCP, EthSrc, EthDst, EthType,
	IPv4Src, IPv4Dst, ARPSPA, ARPTPA, IPProto, ARPOp, ARPSHA, ARPTHA, IPDSCP, IPTTL, IPFrag,
	TCPSrc, TCPDst, UDPSrc, UDPDst, ICMPType, ICMPCode,
}

// find returns the match of f.
func (m Match) find(f Field) (FieldMatch, bool) {
	for _, x := range m {
		if x.Field == f {
			return x, true
		}
	}
	return FieldMatch{}, false
}

// exactly tells whether m matches the one value v of f.
func (m Match) exactly(f Field, v uint64) bool {
	x, ok := m.find(f)
	return ok && x == Exact(f, v)
}

func (t *text) match(m Match) {
	for _, f := range textFirst {
		if x, ok := m.find(f); ok {
			t.str("," + f.String() + "=" + maskedText(x))
		}
	}
	var done [fieldEnd]bool
	for _, s := range shorthands {
		if !m.exactly(EthType, s.ether) || s.exact && !m.exactly(IPProto, s.proto) {
			continue
		}
		t.str("," + s.word)
		done[EthType], done[IPProto] = true, s.exact
		break
	}
	for _, f := range textOrder {
		x, ok := m.find(f)
		if !ok || done[f] {
			continue
		}
		switch f {
		case VLANVID, VLANPCP:
			t.vlan(m)
			done[VLANPCP] = true
		case EthType:
			t.printf(",dl_type=0x%04x", x.Value)
		case IPDSCP:
			t.printf(",nw_tos=%d", x.Value<<ecnBits)
		case TCPSrc, TCPDst, UDPSrc, UDPDst:
			t.str("," + portMatchName(m, f) + "=" + maskedText(x))
		default:
			t.str("," + f.String() + "=" + maskedText(x))
		}
	}
}

// vlan writes the tag as Open vSwitch does: whole parts by name, parts of parts as the tag control information.
func (t *text) vlan(m Match) {
	vid, _ := m.find(VLANVID)
	pcp, hasPCP := m.find(VLANPCP)
	id := vid.Mask & vidBits
	if vid.Mask&vid.Value&vidPresent != 0 && (id == vidBits || id == 0 && hasPCP) {
		if id != 0 {
			t.printf(",dl_vlan=%d", vid.Value&vidBits)
		}
		if hasPCP {
			t.printf(",dl_vlan_pcp=%d", pcp.Value)
		}
		return
	}
	t.printf(",vlan_tci=0x%04x/0x%04x", pcp.Value<<13|vid.Value, pcp.Mask<<13|vid.Mask)
}

// portMatchName is tp_src or tp_dst, which ovs-ofctl prints for any transport protocol that the match names, and the
// field's own name if it names another or none.
func portMatchName(m Match, f Field) string {
	switch {
	case f == TCPSrc && m.exactly(IPProto, protoTCP), f == UDPSrc && m.exactly(IPProto, protoUDP):
		return "tp_src"
	case f == TCPDst && m.exactly(IPProto, protoTCP), f == UDPDst && m.exactly(IPProto, protoUDP):
		return "tp_dst"
	}
	return f.String()
}
