package strict

import (
	"strings"
	"testing"

	"github.com/planck-sdn/planck/model/flow"
)

// put puts an entry into a switch without a controller.
func put(t *testing.T, s *Switch, e flow.Entry) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.inForce.add(entry{Entry: e}, true); err != nil {
		t.Fatal(err)
	}
}

// ring is n switches in a ring, by their ports 1 and 2.
func ring(f *Fabric, n int) (switches []*Switch, wires []Wire) {
	for i := range n {
		cfg := whole()
		cfg.DatapathID = uint64(i + 1)
		switches = append(switches, f.Add(cfg))
	}
	for i, s := range switches {
		wires = append(wires, f.Wire(s, 1, switches[(i+1)%n], 2))
	}
	return switches, wires
}

// TestFabricCarries: a frame goes along the wires to a host, with what the switches do to it, and not over a wire that is cut.
func TestFabricCarries(t *testing.T) {
	f := NewFabric(t)
	switches, wires := ring(f, 3)
	a := f.Host(switches[0], 3, nil)
	b := f.Host(switches[2], 3, func(h *Host, frame []byte) { h.Send(frame) }) // sends back what it gets
	put(t, switches[0], flow.Entry{Priority: 1, Match: flow.Match{flow.Exact(flow.InPort, 3)}, Apply: []flow.Action{
		flow.PushVLAN{}, flow.SetField{Field: flow.VLANVID, Value: vlanPresent | 10, Mask: flow.VLANVID.AllOnes()}, flow.Output{Port: 1},
	}})
	put(t, switches[1], flow.Entry{Match: flow.Match{flow.Exact(flow.InPort, 2), flow.Exact(flow.VLANVID, vlanPresent|10)}, Apply: []flow.Action{flow.Output{Port: 1}}})
	put(t, switches[2], flow.Entry{Match: flow.Match{flow.Exact(flow.InPort, 2), flow.Exact(flow.VLANVID, vlanPresent|10)}, Apply: []flow.Action{flow.PopVLAN{}, flow.Output{Port: 3}}})
	put(t, switches[2], flow.Entry{Match: flow.Match{flow.Exact(flow.InPort, 3)}, Apply: []flow.Action{flow.Output{Port: 1}}})
	put(t, switches[0], flow.Entry{Match: flow.Match{flow.Exact(flow.InPort, 2)}, Apply: []flow.Action{flow.Output{Port: 3}}})
	a.Send(frame)
	if got := b.Received(); len(got) != 1 || string(got[0]) != string(frame) {
		t.Errorf("b got % x", got)
	}
	if got := a.Received(); len(got) != 1 || string(got[0]) != string(frame) {
		t.Errorf("a got % x", got)
	}
	if n := f.Passed(); n != 3 {
		t.Errorf("%d frames between switches", n)
	}
	wires[1].Cut()
	if a.Send(frame); len(b.Received()) != 0 {
		t.Error("a frame passed a wire that is cut")
	}
	wires[1].Mend()
	if a.Send(frame); len(b.Received()) != 1 {
		t.Error("a frame did not pass a wire that was mended")
	}
}

// TestLoopsAreSeen: a frame that goes round is reported, whether it is one or doubles each time.
func TestLoopsAreSeen(t *testing.T) {
	for n := 3; n <= 4; n++ { // with three a frame has one way to go on, with four two
		f := MakeFabric()
		t.Cleanup(f.Close)
		mesh := make([]*Switch, n)
		for i := range mesh {
			cfg := whole()
			cfg.DatapathID = uint64(i)
			mesh[i] = f.Add(cfg)
			put(t, mesh[i], flow.Entry{Apply: []flow.Action{flow.Output{Port: 1}, flow.Output{Port: 2}, flow.Output{Port: 3}, flow.Output{Port: 4}}})
			for j := range i {
				f.Wire(mesh[i], uint32(j+1), mesh[j], uint32(i+1))
			}
		}
		f.Inject(mesh[0], 1, frame)
		if loops := f.Loops(); len(loops) != 1 || !strings.Contains(loops[0], "went round") {
			t.Errorf("%d switches: %v", n, loops)
		}
	}
}
