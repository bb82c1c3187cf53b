package openflow

import "github.com/planck-sdn/planck/model/flow"

// PacketOut queues a packet to be sent by the switch. It never blocks: if the switch is too slow the error is
// ErrQueueFull. A refusal by the switch reaches Handler.Error.
func (s *Session) PacketOut(p flow.PacketOut) error {
	s.mu.Lock()
	xid := s.newXIDs(1)
	s.mu.Unlock()
	m, err := encodePacketOut(xid, p)
	if err != nil {
		return err
	}
	if err := s.trySend(m); err != nil {
		return err
	}
	s.counters.packetOuts.Add(1)
	return nil
}
