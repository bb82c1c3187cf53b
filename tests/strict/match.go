package strict

import (
	"slices"

	"github.com/planck-sdn/planck/model/flow"
)

// readMatch reads the ofp_match at the front of b (OpenFlow 1.3.5, 7.2.3). wire is all of it with its padding.
func readMatch(b []byte) (m flow.Match, wire, rest []byte, err error) {
	if len(b) < 8 {
		return nil, nil, nil, matchLength
	}
	if be16(b) != 1 {
		return nil, nil, nil, matchType
	}
	n := int(be16(b[2:]))
	padded := (n + 7) &^ 7
	if n < 4 || padded > len(b) {
		return nil, nil, nil, matchLength
	}
	for fields := b[4:n]; len(fields) > 0; {
		f, size, err := readField(fields)
		if err != nil {
			return nil, nil, nil, err
		}
		if slices.ContainsFunc(m, func(o flow.FieldMatch) bool { return o.Field == f.Field }) {
			return nil, nil, nil, matchDuplicate
		}
		if !prerequisites(m, f.Field) {
			return nil, nil, nil, matchPrerequisite
		}
		m, fields = append(m, f), fields[size:]
	}
	// From here on the order is that of flow.Match.
	m = slices.DeleteFunc(m, func(f flow.FieldMatch) bool { return f.Mask == 0 })
	slices.SortFunc(m, func(a, b flow.FieldMatch) int { return int(a.Field) - int(b.Field) })
	return m, b[:padded], b[padded:], nil
}

// readField reads the OXM at the front of b.
func readField(b []byte) (m flow.FieldMatch, size int, err error) {
	if len(b) < 4 {
		return m, 0, matchLength
	}
	size = 4 + int(b[3])
	if size > len(b) {
		return m, 0, matchLength
	}
	f, ok := basicField(be32(b))
	if !ok {
		return m, 0, matchField
	}
	info, _ := f.Info()
	width, masked := (info.Bits+7)/8, b[2]&1 != 0
	value, mask := b[4:size], []byte(nil)
	if masked {
		if size != 4+2*width {
			return m, 0, matchLength
		}
		value, mask = b[4:4+width], b[4+width:size]
	} else if size != 4+width {
		return m, 0, matchLength
	}
	m = flow.FieldMatch{Field: f, Value: number(value), Mask: f.AllOnes()}
	if masked {
		m.Mask = number(mask)
	}
	switch {
	case masked && !maskable(f):
		return m, 0, matchMask
	case m.Value&^m.Mask != 0 && masked: // OpenFlow 1.3.5, 7.2.3.5
		return m, 0, matchWildcards
	case m.Value&^f.AllOnes() != 0 || m.Mask&^f.AllOnes() != 0:
		return m, 0, matchValue
	case f == flow.VLANVID && !masked && m.Value&vlanPresent == 0 && m.Value != 0:
		return m, 0, matchValue // an id, but no tag
	}
	return m, size, nil
}

// vlanPresent is OFPVID_PRESENT.
const vlanPresent = 0x1000

// basicField is the field of OFPXMC_OPENFLOW_BASIC that an OXM header names, if the switch knows it.
func basicField(header uint32) (flow.Field, bool) {
	if header>>16 != uint32(flow.ClassBasic) {
		return 0, false
	}
	return flow.FieldByOXM(flow.ClassBasic, uint8(header>>9)&0x7f)
}

func number(b []byte) (v uint64) {
	for _, o := range b {
		v = v<<8 | uint64(o)
	}
	return v
}

// prerequisites tells whether what f needs stands before it (OpenFlow 1.3.5, 7.2.3.6).
func prerequisites(before flow.Match, f flow.Field) bool {
	has := func(f flow.Field, values ...uint64) bool {
		return slices.ContainsFunc(before, func(m flow.FieldMatch) bool {
			return m.Field == f && m.Mask == f.AllOnes() && slices.Contains(values, m.Value)
		})
	}
	switch f {
	case flow.VLANPCP:
		return slices.ContainsFunc(before, func(m flow.FieldMatch) bool { return m.Field == flow.VLANVID && m.Value&vlanPresent != 0 })
	case flow.IPProto, flow.IPDSCP:
		return has(flow.EthType, 0x0800, 0x86dd)
	case flow.IPv4Src, flow.IPv4Dst:
		return has(flow.EthType, 0x0800)
	case flow.TCPSrc, flow.TCPDst:
		return has(flow.IPProto, 6)
	case flow.UDPSrc, flow.UDPDst:
		return has(flow.IPProto, 17)
	case flow.ICMPType, flow.ICMPCode:
		return has(flow.IPProto, 1)
	case flow.ARPOp, flow.ARPSPA, flow.ARPTPA, flow.ARPSHA, flow.ARPTHA:
		return has(flow.EthType, 0x0806)
	}
	return true
}

// covers tells whether all packets that b meets also meet a (the rule of non-strict modify and delete, OpenFlow 1.3.5, 6.4).
func covers(a, b flow.Match) bool {
	return !slices.ContainsFunc(a, func(f flow.FieldMatch) bool {
		return !slices.ContainsFunc(b, func(g flow.FieldMatch) bool {
			return g.Field == f.Field && f.Mask&^g.Mask == 0 && g.Value&f.Mask == f.Value
		})
	})
}

// overlap tells whether some packet may meet both.
func overlap(a, b flow.Match) bool {
	return !slices.ContainsFunc(a, func(f flow.FieldMatch) bool {
		return slices.ContainsFunc(b, func(g flow.FieldMatch) bool {
			return g.Field == f.Field && (f.Value^g.Value)&f.Mask&g.Mask != 0
		})
	})
}
