package fabric

import (
	"errors"
	"testing"
	"time"

	"github.com/planck-sdn/planck/model"
)

// ring plugs the switches 1 to n into a ring, port 1 of each into port 2 of the next.
func (w *world) ring(n int) {
	for i := range n {
		w.plug(at(model.Number(i+1), 1), at(model.Number((i+1)%n+1), 2))
	}
}

func TestRingIsFound(t *testing.T) {
	w := newWorld(t, 3)
	w.ring(3)
	took := w.after(time.Second, "the ring", func() bool { return len(w.known()) == 3 })
	if took > 300*time.Millisecond {
		t.Errorf("found after %v", took)
	}
	for i := range model.Number(3) {
		if !w.has(at(i+1, 1), at((i+1)%3+1, 2)) {
			t.Errorf("no link from %d to the next: %v", i+1, w.known())
		}
	}
	w.still(10*time.Second, "nothing changes", func() bool { return len(w.known()) == 3 })
}

// TestCutLink: a cable that carries nothing any more, without a port that says so, is a lost link.
func TestCutLink(t *testing.T) {
	w := newWorld(t, 3)
	w.ring(3)
	w.after(time.Second, "the ring", func() bool { return len(w.known()) == 3 })
	w.still(3*time.Second, "it stays", func() bool { return len(w.known()) == 3 })
	w.unplug(at(1, 1))
	took := w.after(5*time.Second, "the cut link goes", func() bool { return !w.has(at(1, 1), at(2, 2)) })
	if took < 2500*time.Millisecond || took > 4500*time.Millisecond {
		t.Errorf("gone after %v", took)
	}
	w.still(10*time.Second, "the others stay", func() bool { return len(w.known()) == 2 })
	w.plug(at(1, 1), at(2, 2))
	w.after(2*time.Second, "it comes back", func() bool { return len(w.known()) == 3 })
}

// TestOneWay: what comes through in one direction only is no link.
func TestOneWay(t *testing.T) {
	w := newWorld(t, 2)
	w.cables[at(1, 1)] = []model.LinkEnd{at(2, 1)}
	w.still(10*time.Second, "no link", func() bool { return len(w.known()) == 0 })
	w.cables[at(2, 1)] = []model.LinkEnd{at(1, 1)}
	w.after(2*time.Second, "both directions", func() bool { return w.has(at(1, 1), at(2, 1)) })
	delete(w.cables, at(1, 1))
	w.after(5*time.Second, "one direction is lost", func() bool { return len(w.known()) == 0 })
}

// TestPortComesUp: a link is looked for at once, and is a new one each time.
func TestPortComesUp(t *testing.T) {
	w := newWorld(t, 2)
	w.plug(at(1, 1), at(2, 1))
	w.after(time.Second, "the link", func() bool { return len(w.known()) == 1 })
	first := w.number
	w.port(at(1, 1), false)
	w.still(3*time.Second, "none while a port is down", func() bool { return len(w.known()) == 0 })
	w.port(at(1, 1), true)
	w.after(1200*time.Millisecond, "the link again", func() bool { return len(w.known()) == 1 })
	if w.number == first {
		t.Error("the link that came back is the old one")
	}
}

// TestAway: a switch that is not in step, and a keeper that has just started, have not missed anything.
func TestAway(t *testing.T) {
	w := newWorld(t, 3)
	w.ring(3)
	w.after(time.Second, "the ring", func() bool { return len(w.known()) == 3 })
	w.away[2] = true
	w.still(20*time.Second, "links of a switch that is away stay", func() bool { return len(w.known()) == 3 })
	w.unplug(at(1, 1))
	delete(w.away, 2)
	w.after(6*time.Second, "and go when it is back without them", func() bool { return !w.has(at(1, 1), at(2, 2)) })

	w.restart()
	w.still(10*time.Second, "links stay over a restart", func() bool { return len(w.known()) == 2 })
	w.unplug(at(2, 1))
	w.restart()
	w.after(6*time.Second, "one that was cut meanwhile goes", func() bool { return len(w.known()) == 1 })
}

// TestDeadSessions: switches whose connections carry nothing, and nobody has noticed yet, lose no links; of one that answers again, what was cut is
// lost.
func TestDeadSessions(t *testing.T) {
	for _, dead := range [][]model.Number{{2}, {1, 2, 3}} {
		w := newWorld(t, 3)
		w.ring(3)
		w.after(time.Second, "the ring", func() bool { return len(w.known()) == 3 })
		for _, n := range dead {
			w.deaf[n] = true
		}
		w.still(15*time.Second, "links stay", func() bool { return len(w.known()) == 3 })
		clear(w.deaf)
		w.still(10*time.Second, "and afterwards", func() bool { return len(w.known()) == 3 })
		for _, n := range dead {
			w.deaf[n] = true
		}
		w.still(15*time.Second, "links stay", func() bool { return len(w.known()) == 3 })
		w.unplug(at(1, 1))
		clear(w.deaf)
		w.after(6*time.Second, "what was cut meanwhile goes", func() bool { return !w.has(at(1, 1), at(2, 2)) })
		w.still(10*time.Second, "and nothing else", func() bool { return len(w.known()) == 2 })
	}
}

// TestHub: a cable has two ends. Where three switches meet there is no link.
func TestHub(t *testing.T) {
	w := newWorld(t, 3)
	for i := range model.Number(3) {
		w.plug(at(i+1, 1), at((i+1)%3+1, 1))
	}
	w.still(5*time.Second, "no link through a hub", func() bool { return len(w.known()) == 0 })
	w.unplug(at(3, 1))
	w.after(6*time.Second, "two remain", func() bool { return w.has(at(1, 1), at(2, 1)) })
}

// TestMoved: a cable that is plugged into another port without a word of it is another link.
func TestMoved(t *testing.T) {
	w := newWorld(t, 3)
	w.plug(at(1, 1), at(2, 1))
	w.after(time.Second, "the link", func() bool { return len(w.known()) == 1 })
	w.unplug(at(1, 1))
	w.plug(at(1, 1), at(3, 1))
	w.after(6*time.Second, "the other link", func() bool { return w.has(at(1, 1), at(3, 1)) && len(w.known()) == 1 })
}

// TestNode: a node is found by what its bridge brings, although nothing comes back that way.
func TestNode(t *testing.T) {
	w := newWorld(t, 2)
	w.plug(at(1, 1), at(2, 1))
	w.cables[at(100, 7)] = []model.LinkEnd{at(1, 3)}
	w.after(3*time.Second, "the node", func() bool { return w.has(at(1, 3), at(100, 7)) })
	w.still(10*time.Second, "it stays", func() bool { return len(w.known()) == 2 })
	delete(w.cables, at(100, 7))
	w.after(6*time.Second, "and goes", func() bool { return !w.has(at(1, 3), at(100, 7)) })
}

// TestNodesBehindOneBridge: nodes whose frames come in by several ports, because some other bridge lies between, all hang on one of them.
func TestNodesBehindOneBridge(t *testing.T) {
	w := newWorld(t, 2)
	w.put(machine(101), machine(102))
	for n := model.Number(100); n <= 102; n++ {
		w.cables[at(n, 7)] = []model.LinkEnd{at(2, 4), at(1, 3)}
	}
	w.after(3*time.Second, "the nodes", func() bool { return len(w.known()) == 3 })
	for n := model.Number(100); n <= 102; n++ {
		if !w.has(at(1, 3), at(n, 7)) {
			t.Errorf("node %d hangs elsewhere: %v", n, w.known())
		}
	}
	w.still(10*time.Second, "they stay", func() bool { return len(w.known()) == 3 })
}

// TestUntrustedPorts: neither a host's port nor a declared uplink is an end of a link, whatever comes in there.
func TestUntrustedPorts(t *testing.T) {
	w := newWorld(t, 2)
	w.put(&model.Network{Number: 1, ID: "net", AdminStateUp: true, NetworkType: model.NetworkVLAN, PhysicalNetwork: fabricName, SegmentationID: 7, Key: 7})
	host := &model.Port{Number: 1, ID: "host", NetworkID: "net", AdminStateUp: true}
	host.VNICType, host.VIFType = model.VNICTypeBareMetal, model.VIFTypeOther
	host.Profile = map[string]any{"local_link_information": []any{map[string]any{"switch_id": "0000000000000001", "port_id": "eth1"}}}
	w.put(host)
	n := *w.view.Node(2)
	s := *n.Switch
	s.Uplinks = []model.Uplink{{Port: "eth2", Hostname: ""}}
	n.Switch = &s
	w.put(&n)

	w.plug(at(1, 1), at(2, 1))
	w.plug(at(1, 2), at(2, 2))
	w.still(5*time.Second, "no link", func() bool { return len(w.known()) == 0 })
	if w.results(resultUntrusted) == 0 {
		t.Error("nothing came in by an untrusted port")
	}
	down := *host
	down.AdminStateUp = false
	w.put(&down)
	w.still(5*time.Second, "nor at the port of a host that is down", func() bool { return len(w.known()) == 0 })
}

// TestBadFrames: what a host makes up, repeats or sends back changes nothing.
func TestBadFrames(t *testing.T) {
	var old []byte
	for name, meddle := range map[string]func(w *world, at model.LinkEnd, f []byte) []byte{
		resultForged: func(_ *world, _ model.LinkEnd, f []byte) []byte {
			f = append([]byte(nil), f...)
			f[len(f)-3] ^= 1 // in the HMAC
			return f
		},
		resultReplayed: func(_ *world, _ model.LinkEnd, f []byte) []byte {
			if old == nil {
				old = f
			}
			return old
		},
		resultReflected: func(w *world, at model.LinkEnd, f []byte) []byte {
			for from, list := range w.cables {
				if list[0] == at {
					w.Heard(from.Node, from.Port, f)
				}
			}
			return nil
		},
		resultForeign: func(_ *world, _ model.LinkEnd, f []byte) []byte { return f[:40] },
	} {
		w := newWorld(t, 2)
		w.plug(at(1, 1), at(2, 1))
		old = nil
		w.meddle = func(at model.LinkEnd, f []byte) []byte { return meddle(w, at, f) }
		if name == resultReplayed { // while it is new it is true
			w.unplug(at(2, 1))
			w.cables[at(1, 1)] = []model.LinkEnd{at(2, 1)}
		}
		w.still(10*time.Second, name, func() bool { return len(w.known()) == 0 })
		if w.results(name) < 10 {
			t.Errorf("%d frames were %s", w.results(name), name)
		}
	}
}

// TestReplayKeepsNothing: a link that was cut is not kept by the frames that came over it before.
func TestReplayKeepsNothing(t *testing.T) {
	w := newWorld(t, 2)
	w.plug(at(1, 1), at(2, 1))
	caught := map[model.LinkEnd][]byte{}
	w.meddle = func(at model.LinkEnd, f []byte) []byte { caught[at] = f; return f }
	w.after(time.Second, "the link", func() bool { return len(w.known()) == 1 })
	w.meddle = func(at model.LinkEnd, _ []byte) []byte { return caught[at] }
	w.after(6*time.Second, "the link goes", func() bool { return len(w.known()) == 0 })
}

// TestRefusedLink: what the database does not take is not asked for all the time.
func TestRefusedLink(t *testing.T) {
	w := newWorld(t, 2)
	w.plug(at(1, 1), at(2, 1))
	w.refuse = errors.New("no")
	w.after(time.Second, "it is refused", func() bool { return len(w.refused) == 1 })
	w.refuse = nil
	w.still(retryAfter-200*time.Millisecond, "it waits", func() bool { return len(w.known()) == 0 })
	w.after(2*time.Second, "and is tried again", func() bool { return len(w.known()) == 1 })
}
