package openflow

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/model/flow"
)

func TestHandshakeWithOpenVSwitch(t *testing.T) {
	o, s, r := connectOVS(t)
	if s.DatapathID() != 0xa1 {
		t.Errorf("datapath id %x", s.DatapathID())
	}
	var names []string
	for _, p := range s.Ports() {
		names = append(names, p.Name)
	}
	if !slices.Equal(names, []string{"p1", "p2", "br0"}) {
		t.Errorf("ports %v", names)
	}
	if err := s.Ping(timeLimit(t)); err != nil {
		t.Error(err)
	}
	isPort7 := func(p Port) bool { return p.Number == 7 && p.Name == "p7" && len(p.HWAddr) == 6 }
	o.vsctl("add-port", "br0", "p7", "--", "set", "interface", "p7", "type=dummy", "ofport_request=7")
	eventually(t, "port 7 is known", func() bool { return slices.ContainsFunc(s.Ports(), isPort7) })
	o.vsctl("del-port", "p7")
	eventually(t, "port 7 is gone", func() bool { return !slices.ContainsFunc(s.Ports(), isPort7) })
	eventually(t, "both were told", func() bool {
		told := recorded(r, &r.ports)
		return len(told) >= 2 && told[0].Reason == PortAdded && told[len(told)-1].Reason == PortDeleted
	})
	if errs := recorded(r, &r.errors); len(errs) > 0 {
		t.Errorf("errors %v", errs)
	}
	o.vsctl("del-controller", "br0")
	if err := r.end(t, s); !errors.Is(err, ErrPeerClosed) {
		t.Errorf("session ended with %v", err)
	}
	if err := s.Ping(timeLimit(t)); !errors.Is(err, ErrPeerClosed) {
		t.Errorf("ping over a closed session: %v", err)
	}
}

func TestRoleWithGeneration(t *testing.T) {
	_, s, _ := connectOVS(t)
	for _, generation := range []uint64{5, 5, 6} {
		if err := s.BecomeMaster(timeLimit(t), generation); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.BecomeMaster(timeLimit(t), 4); !errors.Is(err, ErrStaleGeneration) {
		t.Errorf("generation 4 after 6: %v", err)
	}
}

// TestSlaveIsRefused: a higher generation on a second connection makes the first a slave, whose flow-mods are
// refused one by one.
func TestSlaveIsRefused(t *testing.T) {
	o, first, _ := connectOVS(t)
	if err := first.BecomeMaster(timeLimit(t), 1); err != nil {
		t.Fatal(err)
	}
	r := newRecorder()
	l, _ := serve(t, Config{}, r, nil)
	o.vsctl("--", "--id=@c", "create", "controller", `target="tcp:`+l.Addr().String()+`"`, "connection_mode=out-of-band",
		"--", "add", "bridge", "br0", "controller", "@c")
	second := r.session(t)
	if err := second.BecomeMaster(timeLimit(t), 2); err != nil {
		t.Fatal(err)
	}
	refusals, err := first.Apply(timeLimit(t), []flow.Change{addFlow(flow.Entry{Priority: 1})}, false)
	if err != nil || len(refusals) != 1 || !strings.Contains(refusals[0].Reason, "IsSlave (type 1, code 10)") {
		t.Errorf("%v %v", refusals, err)
	}
}

// TestEntriesComeBackEqual sends random entries, groups and meters of every kind to Open vSwitch: what it says that
// it holds is what was sent.
func TestEntriesComeBackEqual(t *testing.T) {
	_, s, _ := connectOVS(t)
	meters := []flow.Meter{{ID: 1, Rate: 100, Burst: 50}, {ID: 262144, Rate: 1, Burst: 1}, {ID: 1<<24 | 5, Rate: 20, Burst: 40}}
	groups := []flow.Group{
		{ID: 1},
		{ID: 2, Buckets: [][]flow.Action{
			{
				flow.SetField{Field: flow.Metadata, Value: 0x1234 << 32, Mask: 0xffff << 32},
				flow.SetField{Field: flow.TunnelID, Value: 77, Mask: flow.TunnelID.AllOnes()},
				flow.SetField{Field: flow.TunnelDst, Value: 0x0a000001, Mask: flow.TunnelDst.AllOnes()},
				flow.Output{Port: 1},
			},
			{flow.Resubmit{Table: 9}},
			{},
		}},
		{ID: 3, Buckets: [][]flow.Action{{flow.ToGroup{ID: 2}}, {flow.ToGroup{ID: 1}}}},
	}
	var prepare []flow.Change
	for i := range meters {
		prepare = append(prepare, flow.Change{Op: flow.OpAdd, Meter: &meters[i]})
	}
	for i := range groups {
		prepare = append(prepare, flow.Change{Op: flow.OpAdd, Group: &groups[i]})
	}
	mustApply(t, s, false, prepare...)
	tables := mustRead(t, s)
	slices.SortFunc(tables.Groups, func(a, b flow.Group) int { return int(a.ID) - int(b.ID) })
	if !slices.EqualFunc(tables.Groups, groups, sameGroup) {
		t.Errorf("groups came back as %+v", tables.Groups)
	}
	slices.SortFunc(tables.Meters, func(a, b flow.Meter) int { return int(a.ID) - int(b.ID) })
	if !slices.Equal(tables.Meters, meters) {
		t.Errorf("meters came back as %+v", tables.Meters)
	}

	rapid.Check(t, func(r *rapid.T) {
		deleteAllFlows(t, s)
		wanted := map[flow.Key]flow.Encoded{}
		var changes, undo []flow.Change
		for range rapid.IntRange(1, 40).Draw(r, "entries") {
			f := flow.Encode(entries.Draw(r, "entry"))
			if _, ok := wanted[f.Key()]; !ok {
				changes = append(changes, flow.Change{Op: flow.OpAdd, Flow: f})
				undo = append(undo, flow.Change{Op: flow.OpDelete, Flow: f})
				wanted[f.Key()] = f
			}
		}
		for _, atomic := range []bool{false, true} {
			refusals, err := s.Apply(timeLimit(t), changes, atomic)
			if err != nil {
				r.Fatal(err)
			}
			for _, f := range refusals {
				r.Fatalf("refused: %s\n%s", f.Reason, describe(changes[f.Index].Flow))
			}
			got := mustRead(t, s).Flows
			if len(got) != len(wanted) {
				r.Fatalf("%d entries where %d were sent", len(got), len(wanted))
			}
			for _, f := range got {
				if wanted[f.Key()] != f {
					r.Fatalf("came back as\n%s\nsent:\n%s", describe(f), describe(wanted[f.Key()]))
				}
			}
			if refusals, err := s.Apply(timeLimit(t), undo, atomic); err != nil || len(refusals) > 0 {
				r.Fatalf("delete: %v %v", refusals, err)
			}
			if left := mustRead(t, s).Flows; len(left) > 0 {
				r.Fatalf("not deleted: %s", describe(left[0]))
			}
		}
	})
}

func deleteAllFlows(t testing.TB, s *Session) {
	var changes []flow.Change
	for _, f := range mustRead(t, s).Flows {
		changes = append(changes, flow.Change{Op: flow.OpDelete, Flow: f})
	}
	mustApply(t, s, false, changes...)
}

func sameGroup(a, b flow.Group) bool {
	return a.ID == b.ID && slices.EqualFunc(a.Buckets, b.Buckets, slices.Equal[[]flow.Action])
}
