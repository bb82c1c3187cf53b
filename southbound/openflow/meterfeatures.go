package openflow

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/netrack/openflow/ofp"
)

// MeterFeatures says what meters a switch has (OpenFlow 1.3.5, 7.3.5.14).
type MeterFeatures struct {
	MaxMeters        uint32
	MaxBands         uint8 // of each meter
	Drop             bool  // there are bands that drop
	PacketsPerSecond bool  // as unit of rates
	Burst            bool  // a burst can be given
}

// Room is how many of our meters (flow.Meter) the switch can have.
func (f MeterFeatures) Room() uint32 {
	if f.MaxBands == 0 || !f.Drop || !f.PacketsPerSecond || !f.Burst {
		return 0
	}
	return f.MaxMeters
}

// MeterFeatures asks what meters the switch has. One that does not know the question has none.
func (s *Session) MeterFeatures(ctx context.Context) (f MeterFeatures, err error) {
	err = s.query(ctx, ofp.MultipartTypeMeterFeatures, nil, func(b []byte) (err error) {
		f, err = parseMeterFeatures(b)
		return err
	})
	if errors.Is(err, ErrUnsupported) {
		err = nil
	}
	return f, err
}

func parseMeterFeatures(b []byte) (MeterFeatures, error) {
	if len(b) != 16 {
		return MeterFeatures{}, fmt.Errorf("meter features of %d octets", len(b))
	}
	bands, flags := binary.BigEndian.Uint32(b[4:]), ofp.MeterFlag(binary.BigEndian.Uint32(b[8:]))
	return MeterFeatures{
		MaxMeters:        binary.BigEndian.Uint32(b),
		MaxBands:         b[12],
		Drop:             bands>>ofp.MeterBandTypeDrop&1 != 0,
		PacketsPerSecond: flags&ofp.MeterFlagPacketPerSec != 0,
		Burst:            flags&ofp.MeterFlagBurst != 0,
	}, nil
}
