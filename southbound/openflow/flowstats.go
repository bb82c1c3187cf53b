package openflow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/openflow/oxm"
)

// FlowStats is a flow entry on a switch with its counters.
type FlowStats struct {
	Flow     flow.Encoded
	Packets  uint64
	Bytes    uint64
	Duration time.Duration // since the entry was added
}

// entryParser turns entries that a switch tells of into canonical form. It keeps its memory from one to the next.
type entryParser struct {
	entry  flow.Entry
	buffer []byte
}

// parseFlowStats calls emit for each entry in b, the body of a flow multipart reply (OpenFlow 1.3.5, 7.3.5.2).
func (p *entryParser) parseFlowStats(b []byte, emit func(FlowStats)) error {
	const fixed = 48
	for len(b) > 0 {
		if len(b) < fixed {
			return errors.New("flow statistics cut short")
		}
		n := int(binary.BigEndian.Uint16(b))
		if n < fixed || n > len(b) {
			return fmt.Errorf("flow statistics of %d octets in %d", n, len(b))
		}
		r := b[:n]
		b = b[n:]
		p.entry = flow.Entry{
			Table:       r[2],
			Priority:    binary.BigEndian.Uint16(r[12:]),
			IdleTimeout: binary.BigEndian.Uint16(r[14:]),
			HardTimeout: binary.BigEndian.Uint16(r[16:]),
			Flags:       binary.BigEndian.Uint16(r[18:]),
			Cookie:      flow.Cookie(binary.BigEndian.Uint64(r[24:])),
			Match:       p.entry.Match[:0],
			Apply:       p.entry.Apply[:0],
		}
		fields, rest, err := oxm.SplitMatch(r[fixed:])
		if err != nil {
			return err
		}
		encoded, err := p.encode(fields, rest)
		if err != nil {
			return err
		}
		emit(FlowStats{
			Flow:     encoded,
			Packets:  binary.BigEndian.Uint64(r[32:]),
			Bytes:    binary.BigEndian.Uint64(r[40:]),
			Duration: duration(r[4:]),
		})
	}
	return nil
}

// encode puts p.entry, with this match and these instructions, into canonical form.
func (p *entryParser) encode(fields, instructions []byte) (flow.Encoded, error) {
	match, err := oxm.ParseFields(p.entry.Match, fields)
	foreignMatch := errors.Is(err, oxm.ErrUnknown)
	if err != nil && !foreignMatch {
		return "", err
	}
	p.entry.Match = match
	err = parseInstructions(&p.entry, instructions)
	switch {
	case err != nil && !errors.Is(err, errForeign):
		return "", err
	case foreignMatch:
		return flow.EncodeForeign(p.entry, string(fields), string(instructions)), nil
	case err != nil:
		return flow.EncodeForeign(p.entry, "", string(instructions)), nil
	}
	p.buffer = flow.AppendEncode(p.buffer[:0], &p.entry)
	return flow.Encoded(p.buffer), nil
}

// duration reads the seconds and nanoseconds at the front of b.
func duration(b []byte) time.Duration {
	return time.Duration(binary.BigEndian.Uint32(b))*time.Second + time.Duration(binary.BigEndian.Uint32(b[4:]))
}
