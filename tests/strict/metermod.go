package strict

import (
	"time"

	"github.com/planck-sdn/planck/model/flow"
)

// Flags and bands of meters (OpenFlow 1.3.5, 7.3.4.4).
const (
	meterPackets = 1 << 1
	meterBurst   = 1 << 2
	meterStats   = 1 << 3
	bandDrop     = 1
	lastMeter    = 0xffff0000 // OFPM_MAX
	allMeters    = 0xffffffff // OFPM_ALL
)

// meterMod does a meter-mod.
func (s *Switch) meterMod(b []byte) error {
	if s.cfg.Meters == 0 {
		return badType
	}
	if len(b) < 8 {
		return badLength
	}
	command, flags, id, bands := be16(b), be16(b[2:]), be32(b[4:]), b[8:]
	switch {
	case command > 2:
		return meterCommand
	case command == 2:
		return s.change(func(p *plane) ([]removed, error) { return p.deleteMeter(id) })
	case id == 0 || id > lastMeter:
		return meterInvalid
	case flags&^(meterPackets|meterBurst|meterStats) != 0 || flags&meterPackets == 0:
		return meterFlags
	case len(bands) < 16 || be16(bands) != bandDrop || be16(bands[2:]) != 16:
		return meterBand
	case len(bands) > 16:
		return meterTooBands
	case be32(bands[4:]) == 0:
		return meterRate
	}
	m := meter{flags: flags, bandType: bandDrop, rate: be32(bands[4:])}
	if flags&meterBurst != 0 {
		m.burst = be32(bands[8:])
	}
	return s.change(func(p *plane) ([]removed, error) { return nil, p.putMeter(s, command == 0, id, m) })
}

func (p *plane) putMeter(s *Switch, add bool, id uint32, m meter) error {
	op := flow.OpModify
	if add {
		op = flow.OpAdd
		if p.meters[id] == nil && len(p.meters) >= int(s.cfg.Meters) {
			return meterTooMany
		}
	}
	if err := p.apply(flow.Change{Op: op, Meter: &flow.Meter{ID: id, Rate: m.rate, Burst: m.burst}}); err != nil {
		return err
	}
	m.added = time.Now()
	m.filled, m.tokens = m.added, max(float64(m.burst), 1)
	p.meters[id] = &m
	return nil
}

// deleteMeter deletes a meter, or all, with the entries that use it.
func (p *plane) deleteMeter(id uint32) ([]removed, error) {
	ids := []uint32{id}
	if id == allMeters {
		ids = ids[:0]
		for id := range p.meters {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		if err := p.apply(flow.Change{Op: flow.OpDelete, Meter: &flow.Meter{ID: id}}); err != nil {
			return nil, err
		}
		delete(p.meters, id)
	}
	return p.sweep(deleted), nil
}
