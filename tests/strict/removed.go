package strict

import (
	"time"

	"github.com/planck-sdn/planck/model/flow"
)

// tellRemoved sends a flow-removed (OpenFlow 1.3.5, 7.4.2) for entries that ask for it.
func (s *Switch) tellRemoved(gone []removed) {
	now := time.Now()
	for _, e := range gone {
		if e.Flags&flow.FlagSendFlowRemoved == 0 {
			continue
		}
		b := put64(nil, uint64(e.Cookie))
		b = append(put16(b, e.Priority), e.reason, e.Table)
		b = putDuration(b, now.Sub(e.added))
		b = put16(put16(b, e.IdleTimeout), e.HardTimeout)
		b = append(put64(put64(b, e.packets), e.bytes), e.match...)
		s.tell(asyncFlowRemoved, e.reason, message(typeFlowRemoved, 0, b))
	}
}

func putDuration(b []byte, d time.Duration) []byte {
	return put32(put32(b, uint32(d/time.Second)), uint32(d%time.Second))
}
