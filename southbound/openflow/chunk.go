package openflow

import (
	"context"
	"errors"
	"io"
	"sync"

	of "github.com/netrack/openflow"
)

// A chunk is many messages that are written at once. Each ends with an echo request, and at most window chunks wait for
// its answer: so what lies between us and a slow switch is bounded, and with it the memory and what a packet-out or the echo
// request that watches the switch has to wait for.
const (
	chunkSize = 64 << 10
	window    = 4
)

var chunkPool = sync.Pool{New: func() any {
	b := make([]byte, 0, chunkSize+maxMessage)
	return &b
}}

// refusedHere is an error of a message that could not be built, and so was not sent.
type refusedHere struct{ error }

// chunkWriter collects messages into chunks and queues these.
type chunkWriter struct {
	s     *Session
	ctx   context.Context
	chunk *[]byte
	echos []*request // of chunks under way, oldest first
}

// append adds what encode appends. An error of encode comes back as refusedHere.
func (w *chunkWriter) append(encode func([]byte) ([]byte, error)) error {
	if w.chunk == nil {
		w.chunk = chunkPool.Get().(*[]byte)
	}
	b, err := encode(*w.chunk)
	*w.chunk = b
	if err != nil {
		return refusedHere{err}
	}
	if len(b) < chunkSize {
		return nil
	}
	if len(w.echos) == window {
		if err := w.wait(w.echos[0]); err != nil {
			return err
		}
		w.echos = w.echos[1:]
	}
	echo := w.s.newRequest(of.TypeEchoReply)
	w.echos = append(w.echos, echo)
	*w.chunk = append(*w.chunk, encodeEcho(of.TypeEchoRequest, echo.xid, nil)...)
	return w.queue()
}

// barrier ends the last chunk with a barrier and waits for its reply.
func (w *chunkWriter) barrier() error {
	if w.chunk == nil {
		w.chunk = chunkPool.Get().(*[]byte)
	}
	r := w.s.newRequest(of.TypeBarrierReply)
	defer w.s.forget(r)
	*w.chunk, _ = endMessage(appendHeader(*w.chunk, of.TypeBarrierRequest, r.xid), len(*w.chunk)) // 8 octets
	if err := w.queue(); err != nil {
		return err
	}
	return w.wait(r)
}

func (w *chunkWriter) wait(r *request) error {
	_, err := w.s.next(w.ctx, r)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (w *chunkWriter) queue() error {
	select {
	case w.s.bulk <- w.chunk:
		w.chunk = nil
		return nil
	case <-w.ctx.Done():
		return w.ctx.Err()
	case <-w.s.done:
		return w.s.Err()
	}
}

// release gives up what was not sent and not answered.
func (w *chunkWriter) release() {
	if w.chunk != nil {
		freeChunk(w.chunk)
	}
	for _, echo := range w.echos {
		w.s.forget(echo)
	}
}

func freeChunk(c *[]byte) {
	*c = (*c)[:0]
	chunkPool.Put(c)
}
