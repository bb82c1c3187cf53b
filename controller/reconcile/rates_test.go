package reconcile

import (
	"testing"
	"time"

	"github.com/planck-sdn/planck/model/flow"
)

// TestRates: a port that floods gets its rate and no more, is hushed once a second at most by each entry, and harms no other.
func TestRates(t *testing.T) {
	var r rates
	now := time.Unix(1e9, 0)
	arp := flow.Encode(flow.Entry{Match: flow.Match{flow.Exact(flow.EthType, 0x806)}}).Key()
	ipv4 := flow.Encode(flow.Entry{Match: flow.Match{flow.Exact(flow.EthType, 0x800)}}).Key()
	passed, hushed := 0, 0
	for i := range 100_000 { // ten seconds of 10,000 a second
		now = now.Add(100 * time.Microsecond)
		switch {
		case !r.exceeds(1, now):
			passed++
		case r.hush(1, ipv4, now):
			hushed++
		}
		if i == 50_000 && !r.hush(1, arp, now) {
			t.Error("what else the port sends too much of waits for its turn")
		}
	}
	if want := portBurst + 10*portRate; passed < want-1 || passed > want+1 {
		t.Errorf("%d passed, expected %d", passed, want)
	}
	if hushed < 9 || hushed > 10 {
		t.Errorf("hushed %d times", hushed)
	}
	if r.exceeds(2, now) {
		t.Error("another port is held to account")
	}
	if r.exceeds(1, now.Add(time.Second)) {
		t.Error("a port that is quiet again is still dropped")
	}
}
