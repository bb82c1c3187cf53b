package flow

import (
	"math/bits"
	"strconv"
	"strings"
)

// fieldNames are a field's names in actions.
type fieldNames struct {
	set  string // of set_field
	load string // of load and move, as Open vSwitch prints it
}

var actionNames = [fieldEnd]fieldNames{
	InPort:   {"in_port", "OXM_OF_IN_PORT"},
	Metadata: {"metadata", "OXM_OF_METADATA"},
	Reg0:     {"reg0", "NXM_NX_REG0"},
	Reg1:     {"reg1", "NXM_NX_REG1"},
	Reg2:     {"reg2", "NXM_NX_REG2"},
	Reg3:     {"reg3", "NXM_NX_REG3"},

	ConjunctionID: {"conj_id", "NXM_NX_CONJ_ID"},
	CTState:       {"ct_state", "NXM_NX_CT_STATE"},
	CTProto:       {"ct_nw_proto", "NXM_NX_CT_NW_PROTO"},
	CTSrc:         {"ct_nw_src", "NXM_NX_CT_NW_SRC"},
	CTDst:         {"ct_nw_dst", "NXM_NX_CT_NW_DST"},
	CTSrcPort:     {"ct_tp_src", "NXM_NX_CT_TP_SRC"},
	CTDstPort:     {"ct_tp_dst", "NXM_NX_CT_TP_DST"},

	TunnelID:  {"tun_id", "NXM_NX_TUN_ID"},
	TunnelSrc: {"tun_src", "NXM_NX_TUN_IPV4_SRC"},
	TunnelDst: {"tun_dst", "NXM_NX_TUN_IPV4_DST"},
	EthDst:    {"eth_dst", "NXM_OF_ETH_DST"},
	EthSrc:    {"eth_src", "NXM_OF_ETH_SRC"},
	EthType:   {"eth_type", "NXM_OF_ETH_TYPE"},
	VLANVID:   {"vlan_vid", "OXM_OF_VLAN_VID"},
	VLANPCP:   {"vlan_pcp", "OXM_OF_VLAN_PCP"},
	IPProto:   {"nw_proto", "NXM_OF_IP_PROTO"},
	IPv4Src:   {"ip_src", "NXM_OF_IP_SRC"},
	IPv4Dst:   {"ip_dst", "NXM_OF_IP_DST"},
	IPDSCP:    {"ip_dscp", "OXM_OF_IP_DSCP"},
	IPTTL:     {"nw_ttl", "NXM_NX_IP_TTL"},
	IPFrag:    {"nw_frag", "NXM_NX_IP_FRAG"},
	TCPSrc:    {"tcp_src", "NXM_OF_TCP_SRC"},
	TCPDst:    {"tcp_dst", "NXM_OF_TCP_DST"},
	UDPSrc:    {"udp_src", "NXM_OF_UDP_SRC"},
	UDPDst:    {"udp_dst", "NXM_OF_UDP_DST"},
	ICMPType:  {"icmp_type", "NXM_OF_ICMP_TYPE"},
	ICMPCode:  {"icmp_code", "NXM_OF_ICMP_CODE"},
	ARPOp:     {"arp_op", "NXM_OF_ARP_OP"},
	ARPSPA:    {"arp_spa", "NXM_OF_ARP_SPA"},
	ARPTPA:    {"arp_tpa", "NXM_OF_ARP_TPA"},
	ARPSHA:    {"arp_sha", "NXM_NX_ARP_SHA"},
	ARPTHA:    {"arp_tha", "NXM_NX_ARP_THA"},
}

// actionNames is safe for numbers that are no field.
func (f Field) actionNames() fieldNames {
	if f == 0 || f >= fieldEnd {
		return fieldNames{f.String(), f.String()}
	}
	return actionNames[f]
}

// moveBits is how many bits of f load and move can reach. Open vSwitch leaves OFPVID_PRESENT out of theirs.
func (f Field) moveBits() int {
	if f == VLANVID {
		return 12
	}
	i, _ := f.Info()
	return i.Bits
}

func (t *text) instructions(e *Entry) {
	start := len(t.buf)
	if e.Meter != 0 {
		t.printf(",meter:%d", e.Meter)
	}
	if len(e.Apply) > 0 {
		t.str(",")
		t.actions(e.Apply)
	}
	if e.MetadataMask != 0 {
		t.str(",write_metadata:" + maskedText(FieldMatch{Metadata, e.WriteMetadata, e.MetadataMask}))
	}
	if e.HasGoto {
		t.str(",goto_table:" + t.names.name(e.Goto))
	}
	if len(t.buf) == start {
		t.str("drop")
		return
	}
	t.buf = append(t.buf[:start], t.buf[start+1:]...) // the first comma
}

func (t *text) actions(list []Action) {
	if len(list) == 0 {
		t.str("drop")
	}
	for i, a := range list {
		if i > 0 {
			t.str(",")
		}
		t.action(a)
	}
}

func (t *text) action(a Action) {
	switch a := a.(type) {
	case Output:
		switch name, reserved := portNames[a.Port]; {
		case a.Port == PortController:
			t.printf("CONTROLLER:%d", a.MaxLen)
		case reserved:
			t.str(name)
		default:
			t.printf("output:%d", a.Port)
		}
	case ToGroup:
		t.printf("group:%d", a.ID)
	case SetField:
		t.setField(a)
	case Move:
		t.str("move:" + subfield(a.From, 0, a.Bits) + "->" + subfield(a.To, 0, a.Bits))
	case PushVLAN:
		t.str("push_vlan:0x8100")
	case PopVLAN:
		t.str("pop_vlan")
	case DecTTL:
		t.str("dec_ttl")
	case Resubmit:
		t.str("resubmit(," + t.names.name(a.Table) + ")")
	case Punt:
		t.printf("controller(max_len=%d,meter_id=%d)", a.MaxLen, a.Meter)
	case Conntrack:
		t.conntrack(a)
	case Conjunction:
		t.printf("conjunction(%d,%d/%d)", a.ID, a.Clause, a.Clauses)
	case CheckLarger:
		t.printf("check_pkt_larger(%d)->%s[%d]", a.Bytes, a.To.actionNames().load, a.Bit)
	default:
		t.str("invalid")
	}
}

// conntrack writes the arguments in Open vSwitch's order, without those that have their default.
func (t *text) conntrack(a Conntrack) {
	var arguments []string
	if a.Commit {
		arguments = append(arguments, "commit")
	}
	if a.Next != NoTable {
		arguments = append(arguments, "table="+t.names.name(a.Next))
	}
	switch {
	case a.ZoneFrom != 0:
		arguments = append(arguments, "zone="+subfield(a.ZoneFrom, 0, zoneBits))
	case a.Zone != 0:
		arguments = append(arguments, "zone="+strconv.Itoa(int(a.Zone)))
	}
	switch a.NAT {
	case NATKnown:
		arguments = append(arguments, "nat")
	case NATSource:
		arguments = append(arguments, "nat(src="+ipv4Text(uint64(a.Addr))+")")
	}
	t.str("ct(" + strings.Join(arguments, ",") + ")")
}

// setField writes set_field for all bits, and load for some.
func (t *text) setField(s SetField) {
	if s.Mask == s.Field.AllOnes() {
		t.str("set_field:" + valueText(s.Field, s.Value) + "->" + s.Field.actionNames().set)
		return
	}
	low := bits.TrailingZeros64(s.Mask)
	t.str("load:" + hexText(s.Value>>low) + "->" + subfield(s.Field, low, bits.OnesCount64(s.Mask)))
}

// subfield writes bits low to low+n-1 of a field.
func subfield(f Field, low, n int) string {
	name := f.actionNames().load
	switch {
	case low == 0 && n == f.moveBits():
		return name + "[]"
	case n == 1:
		return name + "[" + strconv.Itoa(low) + "]"
	default:
		return name + "[" + strconv.Itoa(low) + ".." + strconv.Itoa(low+n-1) + "]"
	}
}
