package nodes

import (
	"testing"
	"time"

	"github.com/planck-sdn/planck/southbound/ovsdb"
)

func state(since time.Time, interfaces ...ovsdb.Interface) ovsdb.State {
	return ovsdb.State{Hostname: "compute1", Interfaces: interfaces, Since: since}
}

// TestWiring: a port's time runs from the update that shows its ofport, once, and not on when it is unplugged.
func TestWiring(t *testing.T) {
	w := newWiring()
	start := time.Now().Add(-time.Minute)
	web, db := ovsdb.Interface{IfaceID: "web", Ofport: 3}, ovsdb.Interface{IfaceID: "db", Ofport: 4}
	making := ovsdb.Interface{IfaceID: "db"} // Open vSwitch has not made it yet

	w.updated(state(start, web), state(start.Add(time.Second), web, making))
	for _, port := range []string{"web", "db"} {
		if _, waited := w.confirmed("compute1", port); waited {
			t.Errorf("%s was not waited for", port)
		}
	}
	w.updated(state(start, web, making), state(start.Add(10*time.Second), web, db))
	w.updated(state(start, web, db), state(start.Add(20*time.Second), web, db))
	if took, waited := w.confirmed("compute1", "db"); !waited || took < 50*time.Second || took > 55*time.Second {
		t.Errorf("db took %v (%t), expected 50 s", took, waited)
	}
	if _, waited := w.confirmed("compute1", "db"); waited {
		t.Error("db was counted twice")
	}

	w.updated(state(start, db), state(start, db, web))
	w.updated(state(start, db, web), state(start, db))
	if _, waited := w.confirmed("compute1", "web"); waited {
		t.Error("web was unplugged before it was in service")
	}
	w.updated(state(start), state(start, db))
	w.gone(state(start, db))
	if _, waited := w.confirmed("compute1", "db"); waited {
		t.Error("the node's session has ended")
	}
	if len(w.since) != 0 {
		t.Errorf("%v is still waited for", w.since)
	}
}
