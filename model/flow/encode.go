package flow

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"
)

// Tags of instructions and actions in the canonical form. Instructions stand in the order of execution; the
// actions of apply-actions stand in it without a wrapper.
const (
	tagMeter byte = iota + 1
	tagOutput
	tagController
	tagGroup
	tagSetField
	tagMove
	tagPushVLAN
	tagPopVLAN
	tagDecTTL
	tagResubmit
	tagPunt
	tagWriteMetadata
	tagGoto
	tagConntrack
	tagCheckLarger
	tagConjunction
	tagInvalid byte = 0xff // an action of no known type: Decode refuses it
)

// masked is set in a field's byte when a mask follows the value.
const masked = 0x80

// vidPresent is OFPVID_PRESENT, and vidBits the VLAN id itself (OpenFlow 1.3.5, 7.2.3.7).
const (
	vidPresent = 0x1000
	vidBits    = 0x0fff
)

// commandFlags are OFPFF_CHECK_OVERLAP and OFPFF_RESET_COUNTS: they are about the message that carries an entry,
// and a switch does not tell them when it is asked for its entries.
const commandFlags uint16 = 1<<1 | 1<<2

// Encode gives the canonical form of e. What a switch does not distinguish is equal in it: the order of the match,
// set-field of some bits and as many reg_loads as its mask has runs of ones, a Punt without a meter and an Output
// to the controller. A field number that is no field, a field matched twice and an action of unknown type are
// kept, so that Decode and a switch refuse them.
func Encode(e Entry) Encoded {
	var buf [256]byte
	return Encoded(AppendEncode(buf[:0], &e))
}

// AppendEncode appends the canonical form of e to dst, for callers that keep a buffer.
func AppendEncode(dst []byte, e *Entry) []byte {
	dst = append(dst, e.Table)
	dst = binary.BigEndian.AppendUint16(dst, e.Priority)
	dst = append(dst, 0, 0)
	match := len(dst)
	dst = appendMatch(dst, e.Match)
	binary.BigEndian.PutUint16(dst[match-2:], uint16(len(dst)-match))

	dst = binary.BigEndian.AppendUint64(dst, uint64(e.Cookie))
	dst = binary.BigEndian.AppendUint16(dst, e.Flags&^commandFlags)
	dst = binary.BigEndian.AppendUint16(dst, e.IdleTimeout)
	dst = binary.BigEndian.AppendUint16(dst, e.HardTimeout)

	if e.Meter != 0 {
		dst = binary.BigEndian.AppendUint32(append(dst, tagMeter), e.Meter)
	}
	dst = appendActions(dst, e.Apply)
	if e.MetadataMask != 0 {
		dst = binary.BigEndian.AppendUint64(append(dst, tagWriteMetadata), e.WriteMetadata&e.MetadataMask)
		dst = binary.BigEndian.AppendUint64(dst, e.MetadataMask)
	}
	if e.HasGoto {
		dst = append(dst, tagGoto, e.Goto)
	}
	return dst
}

func appendMatch(dst []byte, m Match) []byte {
	if !slices.IsSortedFunc(m, compareFieldMatch) {
		var buf [32]FieldMatch
		sorted := append(Match(buf[:0]), m...)
		slices.SortFunc(sorted, compareFieldMatch)
		m = sorted
	}
	for _, f := range m {
		if f.Mask != 0 {
			dst = appendField(dst, f.Field, f.Value, f.Mask)
		}
	}
	return dst
}

func compareFieldMatch(a, b FieldMatch) int {
	return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Mask, b.Mask), cmp.Compare(a.Value, b.Value))
}

// appendField appends a field with its value, and its mask unless that is all ones.
func appendField(dst []byte, f Field, value, mask uint64) []byte {
	width := f.bytes()
	if all := f.AllOnes(); width != 0 && mask&all == all {
		return appendNumber(append(dst, byte(f)), value&all, width)
	} else if width != 0 {
		mask &= all
	} else {
		width = 8 // no field: kept as it is
	}
	dst = appendNumber(append(dst, byte(f)|masked), value&mask, width)
	return appendNumber(dst, mask, width)
}

// appendNumber appends the low width bytes of v, most significant first.
func appendNumber(dst []byte, v uint64, width int) []byte {
	for i := width - 1; i >= 0; i-- {
		dst = append(dst, byte(v>>(8*i)))
	}
	return dst
}

// bytes is the number of bytes that hold f's bits, and 0 for a number that is no field.
func (f Field) bytes() int {
	i, _ := f.Info()
	return (i.Bits + 7) / 8
}

func appendActions(dst []byte, actions []Action) []byte {
	for _, a := range actions {
		dst = appendAction(dst, a)
	}
	return dst
}

func appendAction(dst []byte, a Action) []byte {
	switch a := a.(type) {
	case Output:
		if a.Port == PortController {
			return binary.BigEndian.AppendUint16(append(dst, tagController), a.MaxLen)
		}
		return binary.BigEndian.AppendUint32(append(dst, tagOutput), a.Port)
	case ToGroup:
		return binary.BigEndian.AppendUint32(append(dst, tagGroup), a.ID)
	case SetField:
		return appendSetField(dst, a)
	case Move:
		return append(dst, tagMove, byte(a.From), byte(a.To), byte(max(0, min(a.Bits, 255))))
	case PushVLAN:
		return append(dst, tagPushVLAN)
	case PopVLAN:
		return append(dst, tagPopVLAN)
	case DecTTL:
		return append(dst, tagDecTTL)
	case Resubmit:
		return append(dst, tagResubmit, a.Table)
	case Punt:
		if a.Meter == 0 {
			return binary.BigEndian.AppendUint16(append(dst, tagController), a.MaxLen)
		}
		dst = binary.BigEndian.AppendUint16(append(dst, tagPunt), a.MaxLen)
		return binary.BigEndian.AppendUint32(dst, a.Meter)
	case Conntrack:
		return appendConntrack(dst, a)
	case CheckLarger:
		dst = binary.BigEndian.AppendUint16(append(dst, tagCheckLarger), a.Bytes)
		return append(dst, byte(a.To), a.Bit)
	case Conjunction:
		return append(binary.BigEndian.AppendUint32(append(dst, tagConjunction), a.ID), a.Clause, a.Clauses)
	default:
		return append(dst, tagInvalid)
	}
}

// Bits beside the NAT in the canonical form of a Conntrack.
const (
	conntrackCommit = 0x80
	conntrackField  = 0x40 // the zone's field follows, not the zone
)

func appendConntrack(dst []byte, a Conntrack) []byte {
	if a.NAT > NATSource || a.ZoneFrom != 0 && a.Zone != 0 {
		return append(dst, tagInvalid)
	}
	how := byte(a.NAT)
	if a.Commit {
		how |= conntrackCommit
	}
	if a.ZoneFrom != 0 {
		dst = append(dst, tagConntrack, how|conntrackField, byte(a.ZoneFrom))
	} else {
		dst = binary.BigEndian.AppendUint16(append(dst, tagConntrack, how), a.Zone)
	}
	dst = append(dst, a.Next)
	if a.NAT == NATSource {
		dst = binary.BigEndian.AppendUint32(dst, a.Addr)
	}
	return dst
}

// appendSetField writes one element per run of ones in the mask, lowest first: that is how Open vSwitch reports a
// masked set-field on OpenFlow 1.3.
func appendSetField(dst []byte, s SetField) []byte {
	all := s.Field.AllOnes()
	if s.Field == VLANVID {
		// Open vSwitch loads only the 12 bits of the id, and the tag is there in any case: the field's prerequisite.
		if s.Mask&vidBits == vidBits {
			s.Value, s.Mask = s.Value|vidPresent, all
		} else {
			s.Mask &= vidBits
		}
	}
	if s.Field.bytes() == 0 || s.Mask&all == all {
		return appendField(append(dst, tagSetField), s.Field, s.Value, s.Mask)
	}
	for rest := s.Mask & all; rest != 0; {
		low := bits.TrailingZeros64(rest)
		run := bits.TrailingZeros64(^(rest >> low))
		mask := (uint64(1)<<run - 1) << low // run is below 64, as the mask is not all ones
		dst = appendField(append(dst, tagSetField), s.Field, s.Value, mask)
		rest &^= mask
	}
	return dst
}
