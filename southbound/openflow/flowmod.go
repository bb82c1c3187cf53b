package openflow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	of "github.com/netrack/openflow"
	"github.com/netrack/openflow/ofp"

	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/openflow/oxm"
)

// appendFlowMod appends a flow-mod (OpenFlow 1.3.5, 7.3.4.1). Modify and delete are strict.
func appendFlowMod(b []byte, xid uint32, op flow.Op, encoded flow.Encoded) ([]byte, error) {
	e, foreign, err := decodeFor(op, encoded)
	if err != nil {
		return b, err
	}
	var command ofp.FlowModCommand
	switch op {
	case flow.OpAdd:
		command = ofp.FlowAdd
	case flow.OpModify:
		command = ofp.FlowModifyStrict
	case flow.OpDelete:
		command = ofp.FlowDeleteStrict
	default:
		return b, fmt.Errorf("unknown operation %d", op)
	}
	start := len(b)
	b = appendHeader(b, of.TypeFlowMod, xid)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Cookie))
	b = binary.BigEndian.AppendUint64(b, 0) // cookie mask: the strict match is enough
	b = append(b, e.Table, byte(command))
	b = binary.BigEndian.AppendUint16(b, e.IdleTimeout)
	b = binary.BigEndian.AppendUint16(b, e.HardTimeout)
	b = binary.BigEndian.AppendUint16(b, e.Priority)
	b = binary.BigEndian.AppendUint32(b, ofp.NoBuffer)
	b = binary.BigEndian.AppendUint32(b, uint32(ofp.PortAny))
	b = binary.BigEndian.AppendUint32(b, uint32(ofp.GroupAny))
	b = binary.BigEndian.AppendUint16(b, e.Flags)
	b = append(b, 0, 0)
	if foreign != "" {
		b = oxm.AppendRawMatch(b, foreign)
	} else {
		b = oxm.AppendMatch(b, e.Match)
	}
	if op != flow.OpDelete {
		if b, err = appendInstructions(b, &e); err != nil {
			return b[:start], err
		}
	}
	return endMessage(b, start)
}

// appendInstructions appends the instructions in the order in which they are executed (OpenFlow 1.3.5, 5.9).
func appendInstructions(b []byte, e *flow.Entry) ([]byte, error) {
	if e.Meter != 0 {
		b = append(b, 0, byte(ofp.InstructionTypeMeter), 0, 8)
		b = binary.BigEndian.AppendUint32(b, e.Meter)
	}
	if len(e.Apply) > 0 {
		start := len(b)
		b = append(b, 0, byte(ofp.InstructionTypeApplyActions), 0, 0, 0, 0, 0, 0)
		with, err := appendActions(b, e.Apply)
		if err != nil {
			return b, err
		}
		if b = with; len(b)-start > maxMessage {
			return b, fmt.Errorf("actions of %d octets", len(b)-start)
		}
		binary.BigEndian.PutUint16(b[start+2:], uint16(len(b)-start))
	}
	if e.MetadataMask != 0 {
		b = append(b, 0, byte(ofp.InstructionTypeWriteMetadata), 0, 24, 0, 0, 0, 0)
		b = binary.BigEndian.AppendUint64(b, e.WriteMetadata)
		b = binary.BigEndian.AppendUint64(b, e.MetadataMask)
	}
	if e.HasGoto {
		b = append(b, 0, byte(ofp.InstructionTypeGotoTable), 0, 8, e.Goto, 0, 0, 0)
	}
	return b, nil
}

// decodeFor gives what a message with op needs of an entry. A delete needs no instructions, so that an entry of somebody else's
// can be deleted; foreign is its match if Entry cannot express that.
func decodeFor(op flow.Op, encoded flow.Encoded) (e flow.Entry, foreign string, err error) {
	if op != flow.OpDelete || !encoded.IsForeign() {
		e, err = encoded.Decode()
		return e, "", err
	}
	key := encoded.Key()
	if match, ok := key.ForeignMatch(); ok {
		return flow.Entry{Table: key.Table(), Priority: key.Priority()}, match, nil
	}
	e, err = key.Decode()
	return e, "", err
}

// parseInstructions reads instructions into e. What Entry has no place for gives an error that wraps errForeign.
func parseInstructions(e *flow.Entry, b []byte) error {
	var foreign error
	for len(b) > 0 {
		if len(b) < 8 {
			return fmt.Errorf("instruction of %d octets", len(b))
		}
		t, n := ofp.InstructionType(binary.BigEndian.Uint16(b)), int(binary.BigEndian.Uint16(b[2:]))
		if n < 8 || n%8 != 0 || n > len(b) {
			return fmt.Errorf("instruction of %d octets in a list of %d", n, len(b))
		}
		switch {
		case t == ofp.InstructionTypeMeter && n == 8:
			e.Meter = binary.BigEndian.Uint32(b[4:])
		case t == ofp.InstructionTypeApplyActions:
			actions, err := parseActions(e.Apply, b[8:n])
			if err != nil {
				return err
			}
			e.Apply = actions
			if slices.ContainsFunc(actions, isOpaque) {
				foreign = errForeign
			}
		case t == ofp.InstructionTypeWriteMetadata && n == 24:
			e.MetadataMask = binary.BigEndian.Uint64(b[16:])
			e.WriteMetadata = binary.BigEndian.Uint64(b[8:]) & e.MetadataMask
		case t == ofp.InstructionTypeGotoTable && n == 8:
			e.Goto, e.HasGoto = b[4], true
		default:
			foreign = errForeign
		}
		b = b[n:]
	}
	return foreign
}

// errForeign: an entry that flow.Entry cannot express.
var errForeign = errors.New("foreign instruction")

func isOpaque(a flow.Action) bool {
	_, ok := a.(flow.Opaque)
	return ok
}
