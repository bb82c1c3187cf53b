// Package oxm is the wire form of match fields: OpenFlow's extensible match (OpenFlow 1.3.5, 7.2.3) and Nicira's
// NXM, which has the same layout.
package oxm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/planck-sdn/planck/model/flow"
)

// ErrUnknown is wrapped by errors about well-formed fields that flow.Field has no name for.
var ErrUnknown = errors.New("unknown match field")

// Errors about bytes that are not well-formed.
var (
	ErrShort     = errors.New("match field cut short")
	ErrDuplicate = errors.New("match field given twice")
)

const headerLen = 4

// codec is what encoding needs of a field; flow.FieldInfo in the shape that the hot path wants.
type codec struct {
	header uint32 // unmasked
	size   int    // octets of a value
	ones   uint64
}

var codecs = func() (t [256]codec) {
	for f := flow.Field(1); ; f++ {
		info, ok := f.Info()
		if !ok {
			return t
		}
		size := (info.Bits + 7) / 8
		t[f] = codec{uint32(info.Class)<<16 | uint32(info.Number)<<9 | uint32(size), size, f.AllOnes()}
	}
}()

// nxm lists the fields that Open vSwitch names by their old Nicira header where an action carries a header alone
// (reg_load, reg_move), whatever the OpenFlow version. Class<<8 | number.
var nxm = map[uint32]flow.Field{
	0x000001: flow.EthDst, 0x000002: flow.EthSrc, 0x000003: flow.EthType, 0x000006: flow.IPProto,
	0x000007: flow.IPv4Src, 0x000008: flow.IPv4Dst, 0x000009: flow.TCPSrc, 0x00000a: flow.TCPDst,
	0x00000b: flow.UDPSrc, 0x00000c: flow.UDPDst, 0x00000d: flow.ICMPType, 0x00000e: flow.ICMPCode,
	0x00000f: flow.ARPOp, 0x000010: flow.ARPSPA, 0x000011: flow.ARPTPA,
	0x000110: flow.TunnelID, 0x000111: flow.ARPSHA, 0x000112: flow.ARPTHA,
}

// byHeader finds the field of an OXM or NXM header, whose length field counts for nothing.
func byHeader(h uint32) (flow.Field, bool) {
	class, number := uint16(h>>16), uint8(h>>9)&0x7f
	if f, ok := flow.FieldByOXM(class, number); ok {
		return f, true
	}
	f, ok := nxm[uint32(class)<<8|uint32(number)]
	return f, ok
}

// Header is the four octets that name f, without a mask: what reg_move and reg_load carry.
func Header(f flow.Field) uint32 { return codecs[f].header }

// FieldByHeader is the reverse of Header. It also knows the Nicira headers of OpenFlow's fields.
func FieldByHeader(h uint32) (flow.Field, error) {
	f, ok := byHeader(h)
	if !ok || h>>8&1 != 0 || int(h&0xff) != codecs[f].size {
		return 0, fmt.Errorf("%w %#08x", ErrUnknown, h)
	}
	return f, nil
}

// Append appends one field. The mask is written only where it leaves bits out.
func Append(b []byte, f flow.Field, value, mask uint64) []byte {
	c := &codecs[f]
	if mask&c.ones == c.ones {
		b = binary.BigEndian.AppendUint32(b, c.header)
		return appendValue(b, value, c.size)
	}
	b = binary.BigEndian.AppendUint32(b, c.header|0x100+uint32(c.size))
	return appendValue(appendValue(b, value, c.size), mask, c.size)
}

func appendValue(b []byte, v uint64, size int) []byte {
	for shift := 8 * (size - 1); shift >= 0; shift -= 8 {
		b = append(b, byte(v>>shift))
	}
	return b
}

// Parse reads the field at the front of b and returns how many octets it takes. An unknown field is reported with
// its size and an error that wraps ErrUnknown. An absent mask is returned as all ones.
func Parse(b []byte) (m flow.FieldMatch, size int, err error) {
	if len(b) < headerLen {
		return m, 0, ErrShort
	}
	h := binary.BigEndian.Uint32(b)
	size = headerLen + int(h&0xff)
	if len(b) < size {
		return m, 0, ErrShort
	}
	f, ok := byHeader(h)
	if !ok {
		return m, size, fmt.Errorf("%w %#08x", ErrUnknown, h)
	}
	c, v := &codecs[f], b[headerLen:size]
	switch {
	case h&0x100 == 0 && len(v) == c.size:
		return flow.FieldMatch{Field: f, Value: value(v) & c.ones, Mask: c.ones}, size, nil
	case h&0x100 != 0 && len(v) == 2*c.size:
		mask := value(v[c.size:]) & c.ones
		return flow.FieldMatch{Field: f, Value: value(v[:c.size]) & mask, Mask: mask}, size, nil
	}
	return m, 0, fmt.Errorf("match field %v has %d octets", f, len(v))
}

func value(b []byte) (v uint64) {
	for _, o := range b {
		v = v<<8 | uint64(o)
	}
	return v
}

// AppendMatch appends an ofp_match (7.2.3.1) and its padding to a multiple of 8 octets.
func AppendMatch(b []byte, m flow.Match) []byte {
	start := len(b)
	b = append(b, 0, 1, 0, 0) // OFPMT_OXM
	for _, f := range m {
		b = Append(b, f.Field, f.Value, f.Mask)
	}
	return endMatch(b, start)
}

// AppendRawMatch is AppendMatch of fields that are already encoded.
func AppendRawMatch[T string | []byte](b []byte, fields T) []byte {
	start := len(b)
	b = append(b, 0, 1, 0, 0)
	return endMatch(append(b, fields...), start)
}

func endMatch(b []byte, start int) []byte {
	n := len(b) - start
	binary.BigEndian.PutUint16(b[start+2:], uint16(n))
	for ; n%8 != 0; n++ {
		b = append(b, 0)
	}
	return b
}

// SplitMatch finds the fields of the ofp_match at the front of b and what comes after its padding.
func SplitMatch(b []byte) (fields, rest []byte, err error) {
	if len(b) < headerLen {
		return nil, nil, ErrShort
	}
	if t := binary.BigEndian.Uint16(b); t != 1 {
		return nil, nil, fmt.Errorf("match of type %d", t)
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	padded := (n + 7) &^ 7
	if n < headerLen || len(b) < padded {
		return nil, nil, ErrShort
	}
	return b[headerLen:n], b[padded:], nil
}

// ParseFields appends the fields in b to m (whose array it may reuse) in canonical order. If some field is unknown, the others are
// returned all the same, with an error that wraps ErrUnknown.
func ParseFields(m flow.Match, b []byte) (flow.Match, error) {
	var unknown error
	for len(b) > 0 {
		f, n, err := Parse(b)
		b = b[n:]
		switch {
		case errors.Is(err, ErrUnknown):
			unknown = err
			continue
		case err != nil:
			return nil, err
		case f.Mask == 0: // matches anything
			continue
		}
		i := len(m)
		for i > 0 && m[i-1].Field > f.Field {
			i--
		}
		if i > 0 && m[i-1].Field == f.Field {
			return nil, fmt.Errorf("%w: %v", ErrDuplicate, f.Field)
		}
		m = slices.Insert(m, i, f)
	}
	return m, unknown
}
