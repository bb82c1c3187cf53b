package nicira

import (
	"encoding/binary"
	"fmt"

	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/openflow/oxm"
)

const (
	conntrackCommit = 1 << 0 // flag of ct
	conntrackLen    = 14     // body of ct before the actions in it
	natSource       = 1 << 0 // flag of nat
	natMinIPv4      = 1 << 0 // of what nat carries
	natLen          = 6      // body of nat before what it carries
	zoneBits        = 0x000f // bits 0 to 15 of the zone's field: offset<<6 | (number of bits - 1)
)

// AppendConntrack appends ct(commit,zone,table) with the nat in it. Open vSwitch's number for no table is flow.NoTable.
func AppendConntrack(b []byte, a flow.Conntrack) ([]byte, error) {
	start := len(b)
	flags := uint16(0)
	if a.Commit {
		flags |= conntrackCommit
	}
	b = begin(b, subtypeConntrack)
	b = binary.BigEndian.AppendUint16(b, flags)
	if a.ZoneFrom != 0 {
		b = binary.BigEndian.AppendUint32(b, oxm.Header(a.ZoneFrom))
		b = binary.BigEndian.AppendUint16(b, zoneBits)
	} else {
		b = append(b, 0, 0, 0, 0) // no field: the zone is a number
		b = binary.BigEndian.AppendUint16(b, a.Zone)
	}
	b = append(b, a.Next, 0, 0, 0, 0, 0)
	nat := len(b)
	switch a.NAT {
	case flow.NATNone:
	case flow.NATKnown:
		b = end(append(begin(b, subtypeNAT), 0, 0, 0, 0, 0, 0), nat)
	case flow.NATSource:
		b = append(begin(b, subtypeNAT), 0, 0, 0, natSource, 0, natMinIPv4)
		b = end(binary.BigEndian.AppendUint32(b, a.Addr), nat)
	default:
		return b[:start], fmt.Errorf("address translation %d", a.NAT)
	}
	return end(b, start), nil
}

func decodeConntrack(b []byte) (flow.Action, error) {
	if len(b) < conntrackLen {
		return nil, errMalformed
	}
	flags, zoneField, alg := binary.BigEndian.Uint16(b), binary.BigEndian.Uint32(b[2:]), binary.BigEndian.Uint16(b[12:])
	a := flow.Conntrack{Zone: binary.BigEndian.Uint16(b[6:]), Commit: flags&conntrackCommit != 0, Next: b[8]}
	if flags&^conntrackCommit != 0 || alg != 0 {
		return nil, fmt.Errorf("%w: ct with more than commit, zone and table", ErrUnknown)
	}
	if zoneField != 0 {
		f, err := oxm.FieldByHeader(zoneField)
		if err != nil || a.Zone != zoneBits {
			return nil, fmt.Errorf("%w: zone from bits %#x of field %#x", ErrUnknown, a.Zone, zoneField)
		}
		if info, _ := f.Info(); info.Bits < 16 {
			return nil, fmt.Errorf("%w: zone from %v", errMalformed, f)
		}
		a.Zone, a.ZoneFrom = 0, f
	}
	if b = b[conntrackLen:]; len(b) == 0 {
		return a, nil
	}
	if !IsAction(b) || binary.BigEndian.Uint16(b[8:]) != subtypeNAT || int(binary.BigEndian.Uint16(b[2:])) != len(b) {
		return nil, fmt.Errorf("%w: ct with other actions than nat", ErrUnknown)
	}
	err := decodeNAT(&a, b[headerLen:])
	return a, err
}

func decodeNAT(a *flow.Conntrack, b []byte) error {
	if len(b) < natLen {
		return errMalformed
	}
	switch flags, carried := binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint16(b[4:]); {
	case flags == 0 && carried == 0:
		a.NAT = flow.NATKnown
	case flags == natSource && carried == natMinIPv4:
		if len(b) < natLen+4 {
			return errMalformed
		}
		a.NAT, a.Addr = flow.NATSource, binary.BigEndian.Uint32(b[natLen:])
	default:
		return fmt.Errorf("%w: nat with flags %#x and ranges %#x", ErrUnknown, flags, carried)
	}
	return nil
}

// AppendCheckLarger appends check_pkt_larger.
func AppendCheckLarger(b []byte, a flow.CheckLarger) []byte {
	start := len(b)
	b = begin(b, subtypeCheckLarger)
	b = binary.BigEndian.AppendUint16(b, a.Bytes)
	b = binary.BigEndian.AppendUint16(b, uint16(a.Bit))
	return end(binary.BigEndian.AppendUint32(b, oxm.Header(a.To)), start)
}

func decodeCheckLarger(b []byte) (flow.Action, error) {
	if len(b) < 8 {
		return nil, errMalformed
	}
	to, err := oxm.FieldByHeader(binary.BigEndian.Uint32(b[4:]))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	bit := binary.BigEndian.Uint16(b[2:])
	if info, _ := to.Info(); int(bit) >= info.Bits {
		return nil, fmt.Errorf("%w: bit %d of %v", errMalformed, bit, to)
	}
	return flow.CheckLarger{Bytes: binary.BigEndian.Uint16(b), To: to, Bit: uint8(bit)}, nil
}
