package strict

import (
	"slices"

	"github.com/planck-sdn/planck/model/flow"
)

// readActions reads the actions that fill b (OpenFlow 1.3.5, 7.2.5).
func (s *Switch) readActions(b []byte, packetOut bool) ([]flow.Action, error) {
	var list []flow.Action
	for len(b) > 0 {
		if len(b) < 8 {
			return nil, actionLength
		}
		n := int(be16(b[2:]))
		if n < 8 || n%8 != 0 || n > len(b) {
			return nil, actionLength
		}
		a, err := s.readAction(b[:n], packetOut)
		if err != nil {
			return nil, err
		}
		list, b = append(list, a), b[n:]
	}
	if s.cfg.OrderedActions && changesAfterOutput(list) {
		return nil, actionOrder
	}
	return list, nil
}

func (s *Switch) readAction(b []byte, packetOut bool) (flow.Action, error) {
	length := 8
	var a flow.Action
	switch be16(b) {
	case 0:
		if length = 16; len(b) != length {
			break
		}
		return s.readOutput(b, packetOut)
	case 17:
		if be16(b[4:]) != 0x8100 {
			return nil, actionArgument
		}
		a = flow.PushVLAN{}
	case 18:
		a = flow.PopVLAN{}
	case 22:
		a = flow.ToGroup{ID: be32(b[4:])}
	case 24:
		a = flow.DecTTL{}
	case 25:
		return readSetField(b[4:])
	case 0xffff:
		return nil, actionExperimenter
	default:
		return nil, actionType
	}
	if len(b) != length {
		return nil, actionLength
	}
	return a, nil
}

func (s *Switch) readOutput(b []byte, packetOut bool) (flow.Action, error) {
	a := flow.Output{Port: be32(b[4:])}
	switch a.Port {
	case flow.PortController:
		a.MaxLen = be16(b[8:])
		if a.MaxLen > 0xffe5 && a.MaxLen != 0xffff { // OFPCML_MAX, OFPCML_NO_BUFFER
			return nil, actionArgument
		}
		return a, nil
	case flow.PortInPort:
		return a, nil
	case flow.PortTable:
		if packetOut {
			return a, nil
		}
	}
	if s.ports[a.Port] == nil {
		return nil, actionPort
	}
	return a, nil
}

func readSetField(b []byte) (flow.Action, error) {
	f, ok := basicField(be32(b))
	if !ok || b[2]&1 != 0 || !settable(f) {
		return nil, actionSetType
	}
	info, _ := f.Info()
	width := (info.Bits + 7) / 8
	if int(b[3]) != width || len(b)+4 != (4+4+width+7)&^7 {
		return nil, actionSetLength
	}
	value := number(b[4 : 4+width])
	if value&^f.AllOnes() != 0 || f == flow.VLANVID && value&vlanPresent == 0 {
		return nil, actionSetArgument
	}
	return flow.SetField{Field: f, Value: value, Mask: f.AllOnes()}, nil
}

func changesAfterOutput(list []flow.Action) bool {
	sent := slices.IndexFunc(list, isOutput)
	return sent >= 0 && slices.ContainsFunc(list[sent:], func(a flow.Action) bool { return !isOutput(a) })
}

func isOutput(a flow.Action) bool {
	switch a.(type) {
	case flow.Output, flow.ToGroup:
		return true
	}
	return false
}

// capability is what a table must be able to do for an action.
func capability(a flow.Action) flow.Capability {
	switch a.(type) {
	case flow.Output:
		return flow.CanOutput
	case flow.ToGroup:
		return flow.CanGroup
	case flow.SetField:
		return flow.CanSetField
	case flow.PushVLAN:
		return flow.CanPushVLAN
	case flow.PopVLAN:
		return flow.CanPopVLAN
	case flow.DecTTL:
		return flow.CanDecTTL
	}
	panic("an action that readAction does not read")
}

// actionsDeclared checks a list against what a table, or a group, is said to be able to do.
func actionsDeclared(f *flow.EntryFeatures, list []flow.Action) error {
	for _, a := range list {
		if f.Can&capability(a) == 0 {
			return actionType
		}
		if set, ok := a.(flow.SetField); ok && !slices.Contains(f.Set, set.Field) {
			return actionSetType
		}
	}
	return nil
}
