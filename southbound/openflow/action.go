package openflow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/netrack/openflow/ofp"

	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/nicira"
	"github.com/planck-sdn/planck/southbound/openflow/oxm"
)

const ethTypeVLAN = 0x8100

// appendActions appends the actions as OpenFlow 1.3.5, 7.2.5 lays them out.
func appendActions(b []byte, actions []flow.Action) ([]byte, error) {
	for _, a := range actions {
		switch a := a.(type) {
		case flow.Output:
			b = appendActionHeader(b, ofp.ActionTypeOutput, 16)
			b = binary.BigEndian.AppendUint32(b, a.Port)
			b = binary.BigEndian.AppendUint16(b, a.MaxLen)
			b = append(b, 0, 0, 0, 0, 0, 0)
		case flow.ToGroup:
			b = appendActionHeader(b, ofp.ActionTypeGroup, 8)
			b = binary.BigEndian.AppendUint32(b, a.ID)
		case flow.SetField:
			if a.Mask&a.Field.AllOnes() != a.Field.AllOnes() {
				b = nicira.AppendLoad(b, a)
				continue
			}
			start := len(b)
			b = appendActionHeader(b, ofp.ActionTypeSetField, 0)
			if a.Field == flow.InPort {
				var err error
				if b, err = nicira.AppendInPort(b, uint32(a.Value)); err != nil {
					return nil, err
				}
			} else {
				b = oxm.Append(b, a.Field, a.Value, a.Mask)
			}
			for (len(b)-start)%8 != 0 {
				b = append(b, 0)
			}
			binary.BigEndian.PutUint16(b[start+2:], uint16(len(b)-start))
		case flow.PushVLAN:
			b = appendActionHeader(b, ofp.ActionTypePushVLAN, 8)
			b = append(b, ethTypeVLAN>>8, ethTypeVLAN&0xff, 0, 0)
		case flow.PopVLAN:
			b = append(appendActionHeader(b, ofp.ActionTypePopVLAN, 8), 0, 0, 0, 0)
		case flow.DecTTL:
			b = append(appendActionHeader(b, ofp.ActionTypeDecNwTTL, 8), 0, 0, 0, 0)
		case flow.Move:
			b = nicira.AppendMove(b, a)
		case flow.Resubmit:
			b = nicira.AppendResubmit(b, a)
		case flow.Punt:
			b = nicira.AppendController(b, a)
		case flow.CheckLarger:
			b = nicira.AppendCheckLarger(b, a)
		case flow.Conjunction:
			b = nicira.AppendConjunction(b, a)
		case flow.Conntrack:
			var err error
			if b, err = nicira.AppendConntrack(b, a); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("action %T cannot be sent", a)
		}
	}
	return b, nil
}

func appendActionHeader(b []byte, t ofp.ActionType, length uint16) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(t))
	return binary.BigEndian.AppendUint16(b, length)
}

// parseActions appends the actions that fill b to dst. An action that flow.Action has no type for comes back as
// flow.Opaque.
func parseActions(dst []flow.Action, b []byte) ([]flow.Action, error) {
	for len(b) > 0 {
		if len(b) < 8 {
			return nil, errors.New("action cut short")
		}
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 8 || n%8 != 0 || n > len(b) {
			return nil, fmt.Errorf("action of %d octets in a list of %d", n, len(b))
		}
		a, err := parseAction(b[:n])
		if err != nil {
			return nil, err
		}
		dst, b = append(dst, a), b[n:]
	}
	return dst, nil
}

// parseAction reads one action, exactly b, of at least 8 octets.
func parseAction(b []byte) (flow.Action, error) {
	switch t := ofp.ActionType(binary.BigEndian.Uint16(b)); {
	case t == ofp.ActionTypeOutput && len(b) == 16:
		a := flow.Output{Port: binary.BigEndian.Uint32(b[4:])}
		if a.Port == flow.PortController { // elsewhere it means nothing
			a.MaxLen = binary.BigEndian.Uint16(b[8:])
		}
		return a, nil
	case t == ofp.ActionTypeGroup && len(b) == 8:
		return flow.ToGroup{ID: binary.BigEndian.Uint32(b[4:])}, nil
	case t == ofp.ActionTypeSetField:
		if port, ok := nicira.ParseInPort(b[4:]); ok {
			return flow.SetField{Field: flow.InPort, Value: uint64(port), Mask: flow.InPort.AllOnes()}, nil
		}
		f, _, err := oxm.Parse(b[4:])
		if errors.Is(err, oxm.ErrUnknown) {
			break
		}
		if err == nil && f.Mask == 0 {
			err = fmt.Errorf("set-field of no bit of %v", f.Field)
		}
		return flow.SetField(f), err
	case t == ofp.ActionTypePushVLAN && len(b) == 8 && binary.BigEndian.Uint16(b[4:]) == ethTypeVLAN:
		return flow.PushVLAN{}, nil
	case t == ofp.ActionTypePopVLAN && len(b) == 8:
		return flow.PopVLAN{}, nil
	case t == ofp.ActionTypeDecNwTTL && len(b) == 8:
		return flow.DecTTL{}, nil
	case nicira.IsAction(b):
		a, err := nicira.DecodeAction(b)
		if errors.Is(err, nicira.ErrUnknown) {
			break
		}
		return a, err
	}
	return flow.Opaque{Wire: string(b)}, nil
}

// encodedActions lends a list from appendActions to netrack's messages as a single action.
type encodedActions []byte

func (e encodedActions) Type() ofp.ActionType { return ofp.ActionTypeExperimenter }

func (e encodedActions) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(e)
	return int64(n), err
}

func (e encodedActions) ReadFrom(io.Reader) (int64, error) { return 0, errors.ErrUnsupported }
