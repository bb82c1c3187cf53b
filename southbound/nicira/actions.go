// Package nicira is the wire form of the few Open vSwitch actions that OpenFlow 1.3 has nothing like
// (Open vSwitch's lib/ofp-actions.c, "Nicira extension actions"). No byte of it is for other switches.
package nicira

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/openflow/oxm"
)

// vendor is Nicira's experimenter number.
const vendor = 0x00002320

const (
	typeExperimenter = 0xffff
	headerLen        = 10 // type, length, vendor, subtype
)

// Subtypes of actions.
const (
	subtypeMove          = 6
	subtypeLoad          = 7
	subtypeResubmitTable = 14
	subtypeLoad2         = 33
	subtypeConjunction   = 34
	subtypeConntrack     = 35
	subtypeNAT           = 36
	subtypeController2   = 37
	subtypeCheckLarger   = 49
)

// Properties of controller2.
const (
	propMaxLen  = 0
	propReason  = 2
	propMeterID = 5
)

const (
	portInPort   = 0xfff8 // OFPP_IN_PORT in 16 bits
	reasonAction = 1      // OFPR_ACTION
)

// ErrUnknown is wrapped by errors about well-formed actions that flow.Action has no type for.
var ErrUnknown = errors.New("unknown action")

var errMalformed = errors.New("malformed Nicira action")

func begin(b []byte, subtype uint16) []byte {
	b = append(b, 0xff, 0xff, 0, 0)
	b = binary.BigEndian.AppendUint32(b, vendor)
	return binary.BigEndian.AppendUint16(b, subtype)
}

// end pads the action that starts at start to a multiple of 8 octets and writes its length.
func end(b []byte, start int) []byte {
	for (len(b)-start)%8 != 0 {
		b = append(b, 0)
	}
	binary.BigEndian.PutUint16(b[start+2:], uint16(len(b)-start))
	return b
}

// AppendMove appends reg_move.
func AppendMove(b []byte, a flow.Move) []byte {
	start := len(b)
	b = begin(b, subtypeMove)
	b = binary.BigEndian.AppendUint16(b, uint16(a.Bits))
	b = append(b, 0, 0, 0, 0) // both from bit 0
	b = binary.BigEndian.AppendUint32(b, oxm.Header(a.From))
	b = binary.BigEndian.AppendUint32(b, oxm.Header(a.To))
	return end(b, start)
}

// AppendLoad appends reg_load2, which unlike reg_load carries any mask and comes back from Open vSwitch as one
// action.
func AppendLoad(b []byte, a flow.SetField) []byte {
	start := len(b)
	b = begin(b, subtypeLoad2)
	return end(oxm.Append(b, a.Field, a.Value, a.Mask), start)
}

// AppendResubmit appends resubmit(,table).
func AppendResubmit(b []byte, a flow.Resubmit) []byte {
	start := len(b)
	b = begin(b, subtypeResubmitTable)
	b = binary.BigEndian.AppendUint16(b, portInPort)
	b = append(b, a.Table)
	return end(b, start)
}

// AppendController appends controller(max_len,meter_id), with the reason OFPR_ACTION and controller id 0, which is
// every controller that did not choose another.
func AppendController(b []byte, a flow.Punt) []byte {
	start := len(b)
	b = begin(b, subtypeController2)
	b = append(b, 0, 0, 0, 0, 0, 0)
	if a.MaxLen != 0xffff {
		b = append(b, 0, propMaxLen, 0, 8, byte(a.MaxLen>>8), byte(a.MaxLen), 0, 0)
	}
	if a.Meter != 0 {
		b = append(b, 0, propMeterID, 0, 8)
		b = binary.BigEndian.AppendUint32(b, a.Meter)
	}
	return end(b, start)
}

// IsAction tells whether b starts with an action of Nicira's.
func IsAction(b []byte) bool {
	return len(b) >= headerLen && binary.BigEndian.Uint16(b) == typeExperimenter && binary.BigEndian.Uint32(b[4:]) == vendor
}

// DecodeAction reads one action for which IsAction is true and which is exactly b. What is well-formed but means more
// than a flow.Action can say gives an error that wraps ErrUnknown.
func DecodeAction(b []byte) (flow.Action, error) {
	subtype, body := binary.BigEndian.Uint16(b[8:]), b[headerLen:]
	switch subtype {
	case subtypeMove:
		return decodeMove(body)
	case subtypeLoad:
		return decodeLoad(body)
	case subtypeLoad2:
		return decodeLoad2(body)
	case subtypeResubmitTable:
		if len(body) < 6 {
			return nil, errMalformed
		}
		if port := binary.BigEndian.Uint16(body); port != portInPort {
			return nil, fmt.Errorf("%w: resubmit with in_port %d", ErrUnknown, port)
		}
		return flow.Resubmit{Table: body[2]}, nil
	case subtypeController2:
		return decodeController(body)
	case subtypeConjunction:
		return decodeConjunction(body)
	case subtypeConntrack:
		return decodeConntrack(body)
	case subtypeCheckLarger:
		return decodeCheckLarger(body)
	}
	return nil, fmt.Errorf("%w: Nicira subtype %d", ErrUnknown, subtype)
}

func decodeMove(b []byte) (flow.Action, error) {
	if len(b) < 14 {
		return nil, errMalformed
	}
	if binary.BigEndian.Uint32(b[2:]) != 0 {
		return nil, fmt.Errorf("%w: reg_move not from bit 0", ErrUnknown)
	}
	from, err := oxm.FieldByHeader(binary.BigEndian.Uint32(b[6:]))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	to, err := oxm.FieldByHeader(binary.BigEndian.Uint32(b[10:]))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	a := flow.Move{From: from, To: to, Bits: int(binary.BigEndian.Uint16(b))}
	fromInfo, _ := from.Info()
	if toInfo, _ := to.Info(); a.Bits == 0 || a.Bits > min(fromInfo.Bits, toInfo.Bits) {
		return nil, fmt.Errorf("%w: %d bits from %v to %v", errMalformed, a.Bits, from, to)
	}
	return a, nil
}

func decodeLoad(b []byte) (flow.Action, error) {
	if len(b) < 14 {
		return nil, errMalformed
	}
	offset, bits := binary.BigEndian.Uint16(b)>>6, binary.BigEndian.Uint16(b)&0x3f+1
	f, err := oxm.FieldByHeader(binary.BigEndian.Uint32(b[2:]))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	mask := ^uint64(0) >> (64 - bits) << offset
	if info, _ := f.Info(); int(offset+bits) > info.Bits {
		return nil, fmt.Errorf("%w: bits %d..%d of %v", errMalformed, offset, offset+bits-1, f)
	}
	return flow.SetField{Field: f, Value: binary.BigEndian.Uint64(b[6:]) << offset & mask, Mask: mask}, nil
}

func decodeLoad2(b []byte) (flow.Action, error) {
	m, _, err := oxm.Parse(b)
	if errors.Is(err, oxm.ErrUnknown) {
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if m.Mask == 0 {
		return nil, fmt.Errorf("%w: reg_load2 of no bit of %v", errMalformed, m.Field)
	}
	return flow.SetField(m), nil
}

func decodeController(b []byte) (flow.Action, error) {
	if len(b) < 6 {
		return nil, errMalformed
	}
	a := flow.Punt{MaxLen: 0xffff}
	for b = b[6:]; len(b) > 0; {
		if len(b) < 4 {
			return nil, errMalformed
		}
		prop, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		padded := (n + 7) &^ 7
		if n < 4 || len(b) < padded {
			return nil, errMalformed
		}
		v := b[4:n]
		switch {
		case prop == propMaxLen && len(v) >= 2: // Open vSwitch counts the padding in the length
			a.MaxLen = binary.BigEndian.Uint16(v)
		case prop == propMeterID && len(v) == 4:
			a.Meter = binary.BigEndian.Uint32(v)
		case prop == propReason && len(v) >= 1 && v[0] == reasonAction: // spelled out, but the default
		default:
			return nil, fmt.Errorf("%w: controller property %d", ErrUnknown, prop)
		}
		b = b[padded:]
	}
	return a, nil
}
