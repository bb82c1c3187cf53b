package reconcile

import (
	"slices"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// tables is all that a switch should hold, by unit and by key, and all that it has confirmed to hold.
type tables struct {
	units  map[topology.Unit]pipeline.Rendered
	flows  table[flow.Key, flow.Encoded]
	groups table[uint32, flow.Group]
	meters table[uint32, flow.Meter]
	zones  map[tenure]int // how many entries that the switch holds give an object a conntrack zone
	sets   uint64         // how often what is wanted was set
}

func newTables() *tables {
	return &tables{
		units:  map[topology.Unit]pipeline.Rendered{},
		zones:  map[tenure]int{},
		flows:  newTable[flow.Key](equal[flow.Encoded]),
		groups: newTable[uint32](flow.Group.Equal),
		meters: newTable[uint32](equal[flow.Meter]),
	}
}

func equal[T comparable](a, b T) bool { return a == b }

// set replaces what a unit wants, and marks in d every key that may differ.
func (t *tables) set(u topology.Unit, r pipeline.Rendered, d *dirty) {
	t.sets++
	old := t.units[u]
	if r.Err == nil && same(old, r) {
		if len(old.Effects)+len(r.Effects) > 0 {
			old.Effects = r.Effects
			t.units[u] = old
		}
		return
	}
	for _, f := range old.Flows {
		t.flows.remove(f.Key(), u)
		d.flows[f.Key()] = struct{}{}
	}
	for _, g := range old.Groups {
		t.groups.remove(g.ID, u)
		d.groups[g.ID] = struct{}{}
	}
	for _, m := range old.Meters {
		t.meters.remove(m.ID, u)
		d.meters[m.ID] = struct{}{}
	}
	if r.Err != nil || len(r.Flows)+len(r.Groups)+len(r.Meters) == 0 {
		delete(t.units, u)
		return
	}
	r.Flows = slices.Clone(r.Flows) // without the room that building them left
	t.units[u] = r
	for _, f := range r.Flows {
		t.flows.add(f.Key(), u, f)
		d.flows[f.Key()] = struct{}{}
	}
	for _, g := range r.Groups {
		t.groups.add(g.ID, u, g)
		d.groups[g.ID] = struct{}{}
	}
	for _, m := range r.Meters {
		t.meters.add(m.ID, u, m)
		d.meters[m.ID] = struct{}{}
	}
}

// same tells whether a unit was rendered alike, in the same order.
func same(a, b pipeline.Rendered) bool {
	return slices.Equal(a.Flows, b.Flows) && slices.EqualFunc(a.Groups, b.Groups, flow.Group.Equal) && slices.Equal(a.Meters, b.Meters)
}

// collisions lists the owners of a key that lost it although they want something else there.
func (t *tables) collisions(key flow.Key) []topology.Unit {
	var losers []topology.Unit
	for _, c := range t.flows.rivals[key] {
		if c.value.Instructions() != t.flows.wanted[key].value.Instructions() {
			losers = append(losers, c.unit())
		}
	}
	return losers
}

// readBack takes what a switch said it holds.
func (t *tables) readBack(held *flow.Tables) {
	t.forget()
	for _, f := range held.Flows {
		t.flows.holds(f.Key(), f)
		t.countZones(f, +1)
	}
	for _, g := range held.Groups {
		t.groups.holds(g.ID, g)
	}
	for _, m := range held.Meters {
		t.meters.holds(m.ID, m)
	}
}

// forget leaves unknown what the switch holds.
func (t *tables) forget() {
	t.flows.forget()
	clear(t.zones)
	t.groups.forget()
	t.meters.forget()
}

// record notes a change that the switch has confirmed.
func (t *tables) record(c flow.Change) {
	switch {
	case c.Zone != 0: // the switch tells nobody what it tracks
	case c.Group != nil:
		recordIn(&t.groups, c.Op, c.Group.ID, *c.Group)
	case c.Meter != nil:
		recordIn(&t.meters, c.Op, c.Meter.ID, *c.Meter)
	default:
		if have, ok := t.flows.have(c.Flow.Key()); ok {
			t.countZones(have, -1)
		}
		recordIn(&t.flows, c.Op, c.Flow.Key(), c.Flow)
		if c.Op != flow.OpDelete {
			t.countZones(c.Flow, +1)
		}
	}
}

func recordIn[K comparable, V any](t *table[K, V], op flow.Op, key K, value V) {
	if op == flow.OpDelete {
		t.lacks(key)
	} else {
		t.holds(key, value)
	}
}

// dirty holds the keys under which what is wanted and what the switch holds may differ.
type dirty struct {
	flows  map[flow.Key]struct{}
	groups map[uint32]struct{}
	meters map[uint32]struct{}
}

func newDirty() *dirty {
	return &dirty{flows: map[flow.Key]struct{}{}, groups: map[uint32]struct{}{}, meters: map[uint32]struct{}{}}
}

// differing are the keys under which something is wanted that the switch does not hold, or it holds something else. With
// keepForeign, of what is not wanted only Planck's own counts.
func (t *tables) differing(keepForeign bool) *dirty {
	d := newDirty()
	mark(d.flows, &t.flows, func(f flow.Encoded) bool { return !keepForeign || f.Cookie().IsPlanck() })
	mark(d.groups, &t.groups, func(flow.Group) bool { return !keepForeign })
	mark(d.meters, &t.meters, func(flow.Meter) bool { return !keepForeign })
	return d
}

func mark[K comparable, V any](keys map[K]struct{}, t *table[K, V], ours func(V) bool) {
	for key, s := range t.wanted {
		if !s.held {
			keys[key] = struct{}{}
		}
	}
	for key, value := range t.other {
		if ours(value) {
			keys[key] = struct{}{}
		}
	}
}
