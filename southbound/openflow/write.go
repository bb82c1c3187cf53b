package openflow

import (
	"context"
	"time"

	of "github.com/netrack/openflow"
)

// coalesced is how many octets of single messages one write takes together.
const coalesced = 32 << 10

// send queues a message, and waits for room in the queue.
func (s *Session) send(ctx context.Context, m []byte) error {
	select {
	case s.control <- m:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-s.done:
		return s.Err()
	}
}

// trySend queues a message if there is room.
func (s *Session) trySend(m []byte) error {
	select {
	case <-s.done:
		return s.Err()
	default:
	}
	select {
	case s.control <- m:
		return nil
	default:
		return ErrQueueFull
	}
}

// write is the one goroutine that writes to the connection after the handshake. It also sends the echo requests that show
// whether the switch is alive.
func (s *Session) write() {
	var echo *request // the one that is not answered
	timer := time.NewTimer(s.cfg.EchoInterval)
	defer timer.Stop()
	answered := func() <-chan struct{} {
		if echo == nil {
			return nil
		}
		return echo.wake
	}
	var buffer []byte
	for {
		var m []byte
		select {
		case <-s.done:
			return
		case chunk := <-s.bulk:
			err := s.writeOut(*chunk)
			freeChunk(chunk)
			if err != nil {
				return
			}
			continue
		case m = <-s.control:
		case <-answered():
			echo = nil
			timer.Reset(s.cfg.EchoInterval)
			continue
		case <-timer.C:
			if echo != nil {
				s.Close(ErrEchoTimeout)
				return
			}
			echo = s.newRequest(of.TypeEchoReply)
			timer.Reset(s.cfg.EchoTimeout)
			m = encodeEcho(of.TypeEchoRequest, echo.xid, nil)
		}
		buffer = s.collect(append(buffer[:0], m...))
		if s.writeOut(buffer) != nil {
			return
		}
	}
}

// collect appends the single messages that wait, as far as they make a write of reasonable size.
func (s *Session) collect(b []byte) []byte {
	for len(b) < coalesced {
		select {
		case m := <-s.control:
			b = append(b, m...)
		default:
			return b
		}
	}
	return b
}

// writeOut writes b, or closes the session if the switch does not take it in time.
func (s *Session) writeOut(b []byte) error {
	if err := s.raw.SetWriteDeadline(time.Now().Add(s.cfg.EchoTimeout)); err != nil {
		s.Close(err)
		return err
	}
	if _, err := s.raw.Write(b); err != nil {
		s.Close(err)
		return err
	}
	return nil
}
