package strict

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
)

// More switches in a row, or copies in all, mean that a frame goes round: no fabric here has so long a path, or so many places to be.
const (
	maxHops   = 64
	maxCopies = 10000
)

// Fabric is switches whose ports are joined to each other and to hosts.
type Fabric struct {
	mu       sync.Mutex
	switches []*Switch
	peers    map[end]far
	loops    []string
	wires    uint64 // frames that passed from one switch to another
}

// end is a port of a switch.
type end struct {
	s    *Switch
	port uint32
}

// far is what a port is joined to: another, or who takes frames.
type far struct {
	end
	host func(frame []byte)
}

// NewFabric makes an empty fabric. Its switches are closed at the end of the test, which fails if a frame went round.
func NewFabric(t testing.TB) *Fabric {
	f := MakeFabric()
	t.Cleanup(func() {
		f.Close()
		for _, loop := range f.Loops() {
			t.Error(loop)
		}
	})
	return f
}

// MakeFabric is NewFabric outside of tests.
func MakeFabric() *Fabric { return &Fabric{peers: map[end]far{}} }

// Close ends all that the switches do.
func (f *Fabric) Close() {
	for _, s := range f.switches {
		s.Close()
	}
}

// Add makes a switch.
func (f *Fabric) Add(cfg Config) *Switch {
	var s *Switch
	s = New(cfg, func(port uint32, frame []byte) { f.carry(end{s, port}, frame) })
	f.mu.Lock()
	defer f.mu.Unlock()
	f.switches = append(f.switches, s)
	return s
}

// Wire joins two ports.
type Wire struct{ a, b end }

// Wire joins a port of a to a port of b.
func (f *Fabric) Wire(a *Switch, portA uint32, b *Switch, portB uint32) Wire {
	w := Wire{end{a, portA}, end{b, portB}}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.peers[w.a], f.peers[w.b] = far{end: w.b}, far{end: w.a}
	return w
}

// Cut takes the link of both ends away.
func (w Wire) Cut() { w.set(false) }

// Mend gives it back.
func (w Wire) Mend() { w.set(true) }

func (w Wire) set(up bool) {
	w.a.s.SetLink(w.a.port, up)
	w.b.s.SetLink(w.b.port, up)
}

// Host is what hangs on a port. Received keeps what it gets; on, if not nil, is called with each frame too, and may send.
type Host struct {
	fabric *Fabric
	at     end
	on     func(*Host, []byte)

	mu       sync.Mutex
	received [][]byte
}

// Host joins a host to a port.
func (f *Fabric) Host(s *Switch, port uint32, on func(h *Host, frame []byte)) *Host {
	h := &Host{fabric: f, at: end{s, port}, on: on}
	f.Attach(s, port, h.take)
	return h
}

// Attach has all that leaves by a port taken by a function, which must not write to the frame. What comes in by the port goes to Inject.
func (f *Fabric) Attach(s *Switch, port uint32, take func(frame []byte)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.peers[end{s, port}] = far{host: take}
}

// Inject sends a frame into a port.
func (f *Fabric) Inject(s *Switch, port uint32, frame []byte) { f.run(hop{end{s, port}, frame, 1}) }

// Loops lists frames that went round.
func (f *Fabric) Loops() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.loops
}

// Passed is how many frames have passed from one switch to another.
func (f *Fabric) Passed() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wires
}

// hop is a frame that comes in by a port.
type hop struct {
	at    end
	frame []byte
	hops  int
}

// carry takes a frame that a controller's packet-out has sent out of a port.
func (f *Fabric) carry(from end, frame []byte) {
	if next, there := f.pass(from, frame, 0); there {
		f.run(next)
	}
}

// run follows a frame and its copies to the end.
func (f *Fabric) run(first hop) {
	queue := []hop{first}
	for i := 0; i < len(queue); i++ {
		h := queue[i]
		if h.hops > maxHops || i > maxCopies {
			f.mu.Lock()
			f.loops = append(f.loops, fmt.Sprintf("a frame went round, to port %d of %016x: % x", h.at.port, h.at.s.DatapathID(), h.frame[:min(len(h.frame), 64)]))
			f.mu.Unlock()
			return
		}
		for _, out := range h.at.s.input(h.at.port, h.frame) {
			if next, there := f.pass(end{h.at.s, out.port}, out.frame, h.hops); there {
				queue = append(queue, next)
			}
		}
	}
}

// pass brings a frame to the other end of a port's wire: to a switch, or to a host, where it ends.
func (f *Fabric) pass(from end, frame []byte, hops int) (next hop, there bool) {
	f.mu.Lock()
	to, joined := f.peers[from]
	if joined && to.host == nil {
		f.wires++
	}
	f.mu.Unlock()
	switch {
	case !joined:
		return hop{}, false
	case to.host != nil:
		to.host(frame)
		return hop{}, false
	}
	return hop{to.end, frame, hops + 1}, true
}

func (h *Host) take(frame []byte) {
	h.mu.Lock()
	h.received = append(h.received, bytes.Clone(frame))
	h.mu.Unlock()
	if h.on != nil {
		h.on(h, frame)
	}
}

// Send sends a frame into the fabric. It returns when the frame has got wherever it goes without the controller.
func (h *Host) Send(frame []byte) { h.fabric.Inject(h.at.s, h.at.port, frame) }

// Received returns what has come since the last call.
func (h *Host) Received() [][]byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	frames := h.received
	h.received = nil
	return frames
}
