package reconcile

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model/flow"
)

// What may come up by one port of a switch where no meter of its own limits it: more is dropped there for a while.
const (
	portRate  = 50  // packets per second
	portBurst = 100 // packets
)

// rates counts what comes up, by port of the switch.
type rates struct {
	mu    sync.Mutex
	ports map[uint32]*bucket
}

type bucket struct {
	tokens float64 // packets that may still come up
	at     time.Time
	hushed map[flow.Key]time.Time // by the entry that drops
}

// hushAgain is for how long a port is not hushed again by the same entry, while the switch is told.
const hushAgain = time.Second

// exceeds takes a packet into account, and tells whether it is one too many.
func (r *rates) exceeds(port uint32, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.ports[port]
	if b == nil {
		if r.ports == nil {
			r.ports = map[uint32]*bucket{}
		}
		b = &bucket{tokens: portBurst, at: now, hushed: map[flow.Key]time.Time{}}
		r.ports[port] = b
	}
	b.tokens = min(portBurst, b.tokens+portRate*now.Sub(b.at).Seconds())
	b.at = now
	if b.tokens >= 1 {
		b.tokens--
		return false
	}
	return true
}

// hush tells whether a port that has exceeded its rate is to be given an entry that drops, which may differ with what it sends.
func (r *rates) hush(port uint32, by flow.Key, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	hushed := r.ports[port].hushed
	if last, ok := hushed[by]; ok && now.Sub(last) < hushAgain {
		return false
	}
	hushed[by] = now
	return true
}

// flooded tells whether a packet is to be left alone because too many come up by its port, and has the switch drop the next ones for a while
// if it has no meter of the port's that would.
func (s *Switch) flooded(in flow.PacketIn) bool {
	n := s.view.Load().Node(s.cfg.Node)
	if n == nil || n.Switch == nil || s.cfg.Metered == nil || s.cfg.Metered(n, in) {
		return false
	}
	now := s.cfg.Now()
	if !s.rates.exceeds(in.InPort, now) {
		return false
	}
	if s.cfg.Hush != nil {
		if e := s.cfg.Hush(n, in); s.rates.hush(in.InPort, e.Key(), now) {
			s.log.Warn("too many packets come up by a port; they are dropped for a while", zap.Uint32("port", in.InPort))
			s.Pass(e)
		}
	}
	return true
}
