package openflow

import (
	"encoding/binary"
	"errors"
	"fmt"

	of "github.com/netrack/openflow"
	"github.com/netrack/openflow/ofp"

	"github.com/planck-sdn/planck/model/flow"
)

const meterFlags = ofp.MeterFlagPacketPerSec | ofp.MeterFlagBurst

// appendMeterMod appends a meter-mod (OpenFlow 1.3.5, 7.3.4.4).
func appendMeterMod(b []byte, xid uint32, op flow.Op, m *flow.Meter) ([]byte, error) {
	mod := &ofp.MeterMod{Flags: meterFlags, Meter: ofp.Meter(m.ID)}
	switch op {
	case flow.OpAdd:
		mod.Command = ofp.MeterAdd
	case flow.OpModify:
		mod.Command = ofp.MeterModify
	case flow.OpDelete:
		mod.Command = ofp.MeterDelete
	default:
		return b, fmt.Errorf("unknown operation %d", op)
	}
	if op != flow.OpDelete {
		mod.Bands = ofp.MeterBands{&ofp.MeterBandDrop{Rate: m.Rate, BurstSize: m.Burst}}
	}
	encoded, err := message(of.TypeMeterMod, xid, mod)
	if err != nil {
		return b, err
	}
	return append(b, encoded...), nil
}

// parseMeters appends the meters in a body of a meter configuration reply (OpenFlow 1.3.5, 7.3.5.13). A meter that is
// not one band that drops packets above a rate in packets comes back with its ID alone.
func parseMeters(dst []flow.Meter, b []byte) ([]flow.Meter, error) {
	const fixed, bandLen = 8, 16
	for len(b) > 0 {
		if len(b) < fixed {
			return nil, errors.New("meter configuration cut short")
		}
		n := int(binary.BigEndian.Uint16(b))
		if n < fixed || n > len(b) {
			return nil, fmt.Errorf("meter configuration of %d octets in %d", n, len(b))
		}
		m := flow.Meter{ID: binary.BigEndian.Uint32(b[4:])}
		flags, band := ofp.MeterFlag(binary.BigEndian.Uint16(b[2:])), b[fixed:n]
		if flags&^ofp.MeterFlagStats == meterFlags && len(band) == bandLen &&
			ofp.MeterBandType(binary.BigEndian.Uint16(band)) == ofp.MeterBandTypeDrop {
			m.Rate, m.Burst = binary.BigEndian.Uint32(band[4:]), binary.BigEndian.Uint32(band[8:])
		}
		dst, b = append(dst, m), b[n:]
	}
	return dst, nil
}
