package inspect

import (
	"testing"
	"time"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/northbound/admin"
)

// TestIdle: for how long an entry has met no packet is known of one that never met any, and from the second time on that it is asked.
func TestIdle(t *testing.T) {
	const unknown = -1
	var s samples
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i, c := range []struct {
		after   time.Duration // since the first
		node    int
		entry   flow.Encoded
		packets uint64
		age     float64
		want    float64
	}{
		{0, 1, "a", 0, 50, 50},
		{0, 1, "b", 7, 50, unknown},
		{10 * time.Second, 1, "b", 7, 60, 10},
		{10 * time.Second, 2, "b", 7, 60, unknown}, // on another node
		{15 * time.Second, 1, "b", 7, 65, 15},
		{16 * time.Second, 1, "b", 8, 66, unknown},
		{18 * time.Second, 1, "b", 8, 68, 2},
		{19 * time.Second, 1, "a", 1, 69, unknown},
		{20 * time.Second, 1, "a", 1, 70, 1},
		{22 * time.Second, 1, "a", 1, 1, unknown}, // added anew
		{23 * time.Second, 1, "a", 1, 2, 1},
		{24 * time.Second, 1, "a", 0, 0.5, 0.5}, // and again
		{20 * time.Minute, 1, "b", 8, 9999, unknown},
	} {
		counters := &admin.FlowCounters{Packets: c.packets, Age: c.age}
		s.idle(1, map[flow.Encoded]*admin.FlowCounters{}, began) // which changes nothing
		s.idle(model.Number(c.node), map[flow.Encoded]*admin.FlowCounters{c.entry: counters, "gone": nil}, began.Add(c.after))
		switch {
		case c.want == unknown && counters.Idle != nil:
			t.Errorf("%d: idle for %v, which cannot be known", i, *counters.Idle)
		case c.want != unknown && counters.Idle == nil:
			t.Errorf("%d: nothing is known", i)
		case c.want != unknown && *counters.Idle != c.want:
			t.Errorf("%d: idle for %v, want %v", i, *counters.Idle, c.want)
		}
	}
	if s.idle(2, nil, began.Add(time.Hour)); s.nodes[1] != nil {
		t.Errorf("an hour later it still knows of %v", s.nodes)
	}
}
