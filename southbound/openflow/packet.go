package openflow

import (
	"encoding/binary"
	"errors"

	of "github.com/netrack/openflow"
	"github.com/netrack/openflow/ofp"

	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/openflow/oxm"
)

// errTruncated: a switch kept part of a frame to itself.
var errTruncated = errors.New("packet-in without the whole frame")

// parsePacketIn reads a packet-in (OpenFlow 1.3.5, 7.4.1). Data points into b.
func parsePacketIn(b []byte) (flow.PacketIn, error) {
	const fixed, pad = 16, 2
	if len(b) < fixed {
		return flow.PacketIn{}, errors.New("packet-in cut short")
	}
	p := flow.PacketIn{Reason: b[6], Table: b[7], Cookie: flow.Cookie(binary.BigEndian.Uint64(b[8:]))}
	fields, rest, err := oxm.SplitMatch(b[fixed:])
	if err != nil {
		return p, err
	}
	if len(rest) < pad {
		return p, errors.New("packet-in cut short")
	}
	p.Data = rest[pad:]
	for len(fields) > 0 {
		f, n, err := oxm.Parse(fields)
		if err != nil && !errors.Is(err, oxm.ErrUnknown) {
			return p, err
		}
		switch f.Field {
		case flow.InPort:
			p.InPort = uint32(f.Value)
		case flow.Metadata:
			p.Metadata = f.Value
		case flow.TunnelID:
			p.TunnelID = f.Value
		case flow.Reg0, flow.Reg1, flow.Reg2:
			p.Reg[f.Field-flow.Reg0] = uint32(f.Value)
		}
		fields = fields[n:]
	}
	if len(p.Data) < int(binary.BigEndian.Uint16(b[4:])) {
		return p, errTruncated
	}
	return p, nil
}

// encodePacketOut encodes a packet-out (OpenFlow 1.3.5, 7.3.7).
func encodePacketOut(xid uint32, p flow.PacketOut) ([]byte, error) {
	actions, err := appendActions(nil, p.Actions)
	if err != nil {
		return nil, err
	}
	return message(of.TypePacketOut, xid, &ofp.PacketOut{
		Buffer:  ofp.NoBuffer,
		InPort:  ofp.PortNo(p.InPort),
		Actions: ofp.Actions{encodedActions(actions)},
		Data:    p.Data,
	})
}
