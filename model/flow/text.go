package flow

import (
	"fmt"
	"math/bits"
	"strconv"
)

// TableNames gives tables names in text. Tables without a name, and all in a nil map, are numbers.
type TableNames map[uint8]string

func (t TableNames) name(id uint8) string {
	if n, ok := t[id]; ok {
		return n
	}
	return strconv.Itoa(int(id))
}

// Format writes an entry in ovs-ofctl syntax, as `ovs-ofctl -OOpenFlow13 dump-flows` of Open vSwitch 3.1 does without
// statistics, but always with cookie, table and priority. Entries of equal Encoded give equal text. Without
// names ovs-ofctl can add it to a switch; with names only to a switch that has tables of these names.
func Format(e Entry, names TableNames) string {
	if canonical, err := Encode(e).Decode(); err == nil {
		e = canonical // else it is no entry that a switch can have, and is shown as it is
	}
	t := text{names: names, buf: make([]byte, 0, 256)}
	t.printf("cookie=%#x, table=%s, ", uint64(e.Cookie), names.name(e.Table))
	if e.IdleTimeout != 0 {
		t.printf("idle_timeout=%d, ", e.IdleTimeout)
	}
	if e.HardTimeout != 0 {
		t.printf("hard_timeout=%d, ", e.HardTimeout)
	}
	for i, name := range flagNames {
		if e.Flags>>i&1 != 0 {
			t.str(name + " ")
		}
	}
	t.printf("priority=%d", e.Priority)
	t.match(e.Match)
	t.str(" actions=")
	t.instructions(&e)
	return string(t.buf)
}

// FormatGroup writes a group in ovs-ofctl syntax.
func FormatGroup(g Group, names TableNames) string {
	t := text{names: names}
	t.printf("group_id=%d,type=all", g.ID)
	for _, bucket := range g.Buckets {
		t.str(",bucket=actions=")
		t.actions(canonicalActions(bucket))
	}
	return string(t.buf)
}

// FormatMeter writes a meter in ovs-ofctl syntax.
func FormatMeter(m Meter) string {
	if m.Burst == 0 {
		return fmt.Sprintf("meter=%d pktps bands=type=drop rate=%d", m.ID, m.Rate)
	}
	return fmt.Sprintf("meter=%d pktps burst bands=type=drop rate=%d burst_size=%d", m.ID, m.Rate, m.Burst)
}

// flagNames are the words for the bits of Entry.Flags.
var flagNames = []string{"send_flow_rem", "check_overlap", "reset_counts", "no_packet_counts", "no_byte_counts"}

// canonicalActions is the list as a switch would report it, or the list itself if it is not well-formed.
func canonicalActions(list []Action) []Action {
	r := reader{rest: string(appendActions(nil, list))}
	var e Entry
	if r.instructions(&e); r.err != nil {
		return list
	}
	return e.Apply
}

// text is text in the making.
type text struct {
	names TableNames
	buf   []byte
}

func (t *text) str(s string)                   { t.buf = append(t.buf, s...) }
func (t *text) printf(format string, a ...any) { t.buf = fmt.Appendf(t.buf, format, a...) }

// portNames are the reserved ports by their names in ovs-ofctl (OpenFlow 1.3.5, 4.5).
var portNames = map[uint32]string{
	PortInPort:     "IN_PORT",
	0xfffffff9:     "TABLE",
	0xfffffffa:     "NORMAL",
	0xfffffffb:     "FLOOD",
	0xfffffffc:     "ALL",
	PortController: "CONTROLLER",
	PortLocal:      "LOCAL",
	PortAny:        "ANY",
}

func portName(port uint32) string {
	if n, ok := portNames[port]; ok {
		return n
	}
	return strconv.FormatUint(uint64(port), 10)
}

// hexText writes as C's %#x does: no prefix on zero.
func hexText(v uint64) string {
	if v == 0 {
		return "0"
	}
	return "0x" + strconv.FormatUint(v, 16)
}

func macText(v uint64) string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", byte(v>>40), byte(v>>32), byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
}

func ipv4Text(v uint64) string {
	return fmt.Sprintf("%d.%d.%d.%d", byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
}

// notation is how the values of a field are written.
type notation uint8

const (
	decimal notation = iota // masked: hexadecimal
	hexadecimal
	macAddress
	ipv4Address
	portNumber
	flagWords // Open vSwitch's ct_state: +est-new; exact: est|trk
	fragWord  // Open vSwitch's nw_frag
)

var notations = [fieldEnd]notation{
	InPort: portNumber, Metadata: hexadecimal, Reg0: hexadecimal, Reg1: hexadecimal, Reg2: hexadecimal, Reg3: hexadecimal, TunnelID: hexadecimal,
	CTState: flagWords, CTSrc: ipv4Address, CTDst: ipv4Address, IPFrag: fragWord,
	TunnelSrc: ipv4Address, TunnelDst: ipv4Address, IPv4Src: ipv4Address, IPv4Dst: ipv4Address, ARPSPA: ipv4Address, ARPTPA: ipv4Address,
	EthSrc: macAddress, EthDst: macAddress, ARPSHA: macAddress, ARPTHA: macAddress,
}

// notation is safe for numbers that are no field.
func (f Field) notation() notation {
	if f >= fieldEnd {
		return decimal
	}
	return notations[f]
}

// valueText writes a value of f.
func valueText(f Field, v uint64) string {
	switch f.notation() {
	case hexadecimal:
		return hexText(v)
	case macAddress:
		return macText(v)
	case ipv4Address:
		return ipv4Text(v)
	case portNumber:
		return portName(uint32(v))
	default:
		return strconv.FormatUint(v, 10)
	}
}

// maskedText writes value and mask of a match.
func maskedText(m FieldMatch) string {
	if words, ok := wordsText(m); ok {
		return words
	}
	if m.Mask == m.Field.AllOnes() {
		return valueText(m.Field, m.Value)
	}
	switch m.Field.notation() {
	case macAddress:
		return macText(m.Value) + "/" + macText(m.Mask)
	case ipv4Address:
		if ones := bits.OnesCount32(uint32(m.Mask)); bits.TrailingZeros32(uint32(m.Mask)) == 32-ones {
			return ipv4Text(m.Value) + "/" + strconv.Itoa(ones)
		}
		return ipv4Text(m.Value) + "/" + ipv4Text(m.Mask)
	default:
		return hexText(m.Value) + "/" + hexText(m.Mask)
	}
}
