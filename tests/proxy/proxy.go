// Package proxy stands between a controller and its switches and reads every OpenFlow 1.3 message that passes, in both directions. It says what in them is not of the
// standard: experimenter messages and errors, fields of other classes than OFPXMC_OPENFLOW_BASIC, actions, instructions, bands, properties and
// multipart messages of experimenters. It reads the messages by itself, and so is no witness that depends on the accused.
package proxy

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net"
	"sync"
	"testing"
)

// Proxy passes messages on.
type Proxy struct {
	dial     func() (net.Conn, error) // to the controller
	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex
	open   map[net.Conn]bool
	closed bool
	counts map[Kind]int
	alien  []string
}

// Kind is a type of message in one direction.
type Kind struct {
	ToSwitch bool
	Type     uint8 // OpenFlow 1.3.5, 7.1
}

// New listens on a free port of loopback until the end of the test, for switches that are meant to connect to target.
func New(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return Listen(t, l, func() (net.Conn, error) { return net.Dial("tcp", target) })
}

// Listen is New with a listener of the caller's, and a way of its own to the controller.
func Listen(t testing.TB, l net.Listener, dial func() (net.Conn, error)) *Proxy {
	p := &Proxy{dial: dial, listener: l, open: map[net.Conn]bool{}, counts: map[Kind]int{}}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		p.mu.Lock()
		p.closed = true
		p.mu.Unlock()
		_ = l.Close()
		p.Cut()
		p.running.Wait()
	})
	return p
}

// Addr is where switches connect to.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Cut ends all connections. New ones are taken.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		_ = c.Close()
	}
}

// Alien lists what was not of the standard, or could not be read, with the direction.
func (p *Proxy) Alien() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.alien...)
}

// Counts is how many messages have passed, by type.
func (p *Proxy) Counts() map[Kind]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.counts)
}

func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(c) })
	}
}

// serve joins a switch to the target until one of them closes.
func (p *Proxy) serve(c net.Conn) {
	defer p.forget(c)
	if !p.remember(c) {
		return
	}
	to, err := p.dial()
	if err != nil {
		return
	}
	defer p.forget(to)
	if !p.remember(to) {
		return
	}
	var both sync.WaitGroup
	for _, way := range []struct {
		from, to net.Conn
		toSwitch bool
	}{{c, to, false}, {to, c, true}} {
		both.Go(func() {
			p.pass(way.to, way.from, way.toSwitch)
			_, _ = way.from.Close(), way.to.Close()
		})
	}
	both.Wait()
}

func (p *Proxy) remember(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[c] = true
	return !p.closed
}

func (p *Proxy) forget(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
}

// pass copies messages one by one, and notes what they are before they go on.
func (p *Proxy) pass(to io.Writer, from io.Reader, toSwitch bool) {
	const headerLen, most = 8, 1 << 16
	r := bufio.NewReaderSize(from, most)
	for {
		header, err := r.Peek(headerLen)
		if err != nil {
			return
		}
		m := make([]byte, max(headerLen, int(binary.BigEndian.Uint16(header[2:]))))
		if _, err := io.ReadFull(r, m); err != nil {
			return
		}
		p.note(m, toSwitch)
		if _, err := to.Write(m); err != nil {
			return
		}
	}
}

func (p *Proxy) note(m []byte, toSwitch bool) {
	found := Examine(m)
	from := "switch"
	if toSwitch {
		from = "controller"
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts[Kind{toSwitch, m[1]}]++
	for _, what := range found {
		p.alien = append(p.alien, fmt.Sprintf("from the %s, message of type %d: %s", from, m[1], what))
	}
}
