package strict

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"sync"
)

// conn is a connection with a controller.
type conn struct {
	s      *Switch
	raw    net.Conn
	agreed bool // on the version

	// Under Switch.mu.
	role      uint32
	async     [6]uint32 // OpenFlow 1.3.5, 7.3.10: packet-in, port status, flow removed; of each as master or equal, and as slave
	missSend  uint16
	held      [][]byte          // to be reordered
	multipart map[uint32][]byte // table features that came so far, by xid

	sending sync.Mutex
	queue   [][]byte
	wake    chan struct{}
	closed  bool
}

// mostQueued is how many messages nobody asked for may wait; others are dropped.
const mostQueued = 10000

var errIncompatible = errors.New("no common version")

// Serve speaks with a controller over c until the connection or ctx ends.
func (s *Switch) Serve(ctx context.Context, c net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	k := &conn{s: s, raw: c, role: roleEqual, async: asyncDefault, missSend: 128, multipart: map[uint32][]byte{}, wake: make(chan struct{}, 1)}
	var writing sync.WaitGroup
	writing.Go(k.write)
	k.push(message(typeHello, 0, nil), false)
	k.read()
	s.mu.Lock()
	delete(s.conns, k)
	s.mu.Unlock()
	k.end()
	writing.Wait()
	_ = c.Close()
}

// read handles messages until one cannot be read.
func (k *conn) read() {
	r := bufio.NewReaderSize(k.raw, maxMessage)
	for {
		var header [headerLen]byte
		if _, err := io.ReadFull(r, header[:]); err != nil {
			return
		}
		n := int(be16(header[2:]))
		if n < headerLen {
			return
		}
		m := make([]byte, n)
		copy(m, header[:])
		if _, err := io.ReadFull(r, m[headerLen:]); err != nil {
			return
		}
		if err := k.take(m); err != nil {
			return
		}
	}
}

// push queues a message. One that nobody asked for may be dropped.
func (k *conn) push(m []byte, droppable bool) {
	k.sending.Lock()
	defer k.sending.Unlock()
	if k.closed || droppable && len(k.queue) >= mostQueued {
		return
	}
	k.queue = append(k.queue, m)
	k.signal()
}

func (k *conn) signal() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// end lets write send what is queued, and return.
func (k *conn) end() {
	k.sending.Lock()
	defer k.sending.Unlock()
	k.closed = true
	k.signal()
}

func (k *conn) write() {
	for range k.wake {
		k.sending.Lock()
		queue, closed := k.queue, k.closed
		k.queue = nil
		k.sending.Unlock()
		buffers := net.Buffers(queue)
		if _, err := buffers.WriteTo(k.raw); err != nil || closed {
			_ = k.raw.Close() // which ends read
			return
		}
	}
}
