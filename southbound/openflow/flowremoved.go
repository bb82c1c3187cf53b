package openflow

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/openflow/oxm"
)

// FlowRemoved tells that a flow entry with flow.FlagSendFlowRemoved is gone (OpenFlow 1.3.5, 7.4.2), also if we
// deleted it.
type FlowRemoved struct {
	Key      flow.Key
	Cookie   flow.Cookie
	Reason   uint8 // 0 idle timeout, 1 hard timeout, 2 deleted, 3 its group was deleted
	Packets  uint64
	Bytes    uint64
	Duration time.Duration // since the entry was added
}

func parseFlowRemoved(b []byte) (FlowRemoved, error) {
	const fixed = 40
	if len(b) < fixed {
		return FlowRemoved{}, errors.New("flow-removed cut short")
	}
	fields, _, err := oxm.SplitMatch(b[fixed:])
	if err != nil {
		return FlowRemoved{}, err
	}
	p := entryParser{entry: flow.Entry{Table: b[11], Priority: binary.BigEndian.Uint16(b[8:])}}
	encoded, err := p.encode(fields, nil)
	if err != nil {
		return FlowRemoved{}, err
	}
	return FlowRemoved{
		Key:      encoded.Key(),
		Cookie:   flow.Cookie(binary.BigEndian.Uint64(b)),
		Reason:   b[10],
		Packets:  binary.BigEndian.Uint64(b[24:]),
		Bytes:    binary.BigEndian.Uint64(b[32:]),
		Duration: duration(b[12:]),
	}, nil
}
