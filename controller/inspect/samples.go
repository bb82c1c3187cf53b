package inspect

import (
	"sync"
	"time"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/northbound/admin"
)

// samplesKept is how long it is remembered what an entry's counter was, after somebody asked for it.
const samplesKept = 10 * time.Minute

// samples are what counters were when they were last asked for: OpenFlow 1.3 does not say when an entry last met a packet.
type samples struct {
	mu    sync.Mutex
	nodes map[model.Number]map[flow.Encoded]sample
	swept time.Time
}

type sample struct {
	packets uint64
	since   time.Time // when the counter was first seen to be that
	asked   time.Time
}

// idle says of entries for how long at least they have met no packet, where that is known, and remembers their counters. nil entries are
// not on the switch.
func (s *samples) idle(node model.Number, stats map[flow.Encoded]*admin.FlowCounters, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(now)
	if s.nodes == nil {
		s.nodes = map[model.Number]map[flow.Encoded]sample{}
	}
	known := s.nodes[node]
	if known == nil {
		known = map[flow.Encoded]sample{}
		s.nodes[node] = known
	}
	for entry, c := range stats {
		if c == nil {
			continue
		}
		added := now.Add(-time.Duration(c.Age * float64(time.Second)))
		last, seen := known[entry]
		switch {
		case c.Packets == 0:
			last.since = added
		case !seen || last.packets != c.Packets || last.since.Before(added): // or it is not the same entry any more
			last, seen = sample{since: now}, false
		}
		if c.Packets == 0 || seen {
			idle := now.Sub(last.since).Seconds()
			c.Idle = &idle
		}
		last.packets, last.asked = c.Packets, now
		known[entry] = last
	}
}

// sweep forgets what nobody has asked for lately.
func (s *samples) sweep(now time.Time) {
	if now.Sub(s.swept) < samplesKept/10 {
		return
	}
	s.swept = now
	for node, known := range s.nodes {
		for entry, last := range known {
			if now.Sub(last.asked) > samplesKept {
				delete(known, entry)
			}
		}
		if len(known) == 0 {
			delete(s.nodes, node)
		}
	}
}
