package openflow

import (
	"context"
	"fmt"
	"io"

	of "github.com/netrack/openflow"
)

// maxReply is how many octets one multipart reply may have in all. A million flow entries are about 200 MB.
const maxReply = 512 << 20

var errReplyTooLong = fmt.Errorf("multipart reply of more than %d octets", maxReply)

// request is something sent that a reply is awaited for.
type request struct {
	xid   uint32
	reply of.Type
	wake  chan struct{} // holds one token when parts, done or err changed

	// Under Session.mu.
	parts [][]byte // bodies that came and were not taken yet
	size  int      // octets that came in all
	done  bool     // no part will follow
	err   error
}

// batch is a range of xids of which only the errors come back.
type batch struct {
	first, count uint32
	refused      map[uint32]error // by offset from first
}

func (b *batch) has(xid uint32) bool { return xid-b.first < b.count }

// newXIDs reserves n transaction ids in a row, and returns the first. 0 is none of them. s.mu is held.
func (s *Session) newXIDs(n uint32) uint32 {
	first := s.nextXID
	if first == 0 || first+n < first {
		first = 1
	}
	s.nextXID = first + n
	return first
}

// newRequest registers a request that reply answers.
func (s *Session) newRequest(reply of.Type) *request {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &request{xid: s.newXIDs(1), reply: reply, wake: make(chan struct{}, 1)}
	s.requests[r.xid] = r
	return r
}

// forget gives up on a request. A reply that comes all the same counts as unknown.
func (s *Session) forget(r *request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.requests, r.xid)
}

// next waits for the next part of the reply to r. After the last it returns io.EOF.
func (s *Session) next(ctx context.Context, r *request) ([]byte, error) {
	for {
		s.mu.Lock()
		switch {
		case len(r.parts) > 0:
			p := r.parts[0]
			r.parts = r.parts[1:]
			s.mu.Unlock()
			return p, nil
		case r.err != nil || r.done:
			err := r.err
			s.mu.Unlock()
			if err == nil {
				err = io.EOF
			}
			return nil, err
		}
		s.mu.Unlock()
		select {
		case <-r.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.done:
			return nil, s.Err()
		}
	}
}

// call sends what encode makes of an xid, and waits for the one message that replies to it.
func (s *Session) call(ctx context.Context, reply of.Type, encode func(xid uint32) ([]byte, error)) ([]byte, error) {
	r := s.newRequest(reply)
	defer s.forget(r)
	m, err := encode(r.xid)
	if err != nil {
		return nil, err
	}
	if err := s.send(ctx, m); err != nil {
		return nil, err
	}
	return s.next(ctx, r)
}

// replied hands a reply to who waits for it, and tells whether someone did.
func (s *Session) replied(xid uint32, t of.Type, body []byte, more bool) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.requests[xid]
	if r == nil {
		return false, nil
	}
	if r.reply != t {
		return true, fmt.Errorf("reply of %v where %v was due", t, r.reply)
	}
	if r.size += len(body); r.size > maxReply {
		return true, errReplyTooLong
	}
	r.parts = append(r.parts, body)
	if r.done = !more; r.done {
		delete(s.requests, xid)
	}
	r.signal()
	return true, nil
}

// refused hands an error to whose message caused it, and tells whether someone waits for that.
func (s *Session) refused(e Error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.requests[e.XID]; r != nil {
		r.err = e
		delete(s.requests, e.XID)
		r.signal()
		return true
	}
	if b := s.batch; b != nil && b.has(e.XID) {
		if _, ok := b.refused[e.XID-b.first]; !ok { // the first error says most
			b.refused[e.XID-b.first] = e
		}
		return true
	}
	return false
}

func (r *request) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}
