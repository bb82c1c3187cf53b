package reconcile

import (
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// wanted is all that a switch should hold, by unit and by key.
type wanted struct {
	units  map[topology.Unit]pipeline.Rendered
	flows  claims[flow.Key, flow.Encoded]
	groups claims[uint32, flow.Group]
	meters claims[uint32, flow.Meter]
}

func newWanted() *wanted {
	return &wanted{
		units:  map[topology.Unit]pipeline.Rendered{},
		flows:  claims[flow.Key, flow.Encoded]{},
		groups: claims[uint32, flow.Group]{},
		meters: claims[uint32, flow.Meter]{},
	}
}

// set replaces what a unit wants, and marks in d every key that may differ.
func (w *wanted) set(u topology.Unit, r pipeline.Rendered, d *dirty) {
	old := w.units[u]
	if r.Err == nil && same(old, r) {
		return
	}
	for _, f := range old.Flows {
		w.flows.remove(f.Key(), u)
		d.flows[f.Key()] = struct{}{}
	}
	for _, g := range old.Groups {
		w.groups.remove(g.ID, u)
		d.groups[g.ID] = struct{}{}
	}
	for _, m := range old.Meters {
		w.meters.remove(m.ID, u)
		d.meters[m.ID] = struct{}{}
	}
	if r.Err != nil || len(r.Flows)+len(r.Groups)+len(r.Meters) == 0 {
		delete(w.units, u)
		return
	}
	w.units[u] = r
	for _, f := range r.Flows {
		w.flows.add(f.Key(), u, f)
		d.flows[f.Key()] = struct{}{}
	}
	for _, g := range r.Groups {
		w.groups.add(g.ID, u, g)
		d.groups[g.ID] = struct{}{}
	}
	for _, m := range r.Meters {
		w.meters.add(m.ID, u, m)
		d.meters[m.ID] = struct{}{}
	}
}

// same tells whether a unit was rendered alike, in the same order.
func same(a, b pipeline.Rendered) bool {
	if len(a.Flows) != len(b.Flows) || len(a.Groups) != len(b.Groups) || len(a.Meters) != len(b.Meters) {
		return false
	}
	for i := range a.Flows {
		if a.Flows[i] != b.Flows[i] {
			return false
		}
	}
	for i := range a.Groups {
		if !a.Groups[i].Equal(b.Groups[i]) {
			return false
		}
	}
	for i := range a.Meters {
		if a.Meters[i] != b.Meters[i] {
			return false
		}
	}
	return true
}

// collisions lists the owners of a key that lost it although they want something else there.
func (w *wanted) collisions(key flow.Key) []topology.Unit {
	first := w.flows[key]
	if first.more == nil {
		return nil
	}
	var losers []topology.Unit
	for _, o := range *first.more {
		if o.value.Instructions() != first.value.Instructions() {
			losers = append(losers, o.unit())
		}
	}
	return losers
}

// dirty holds the keys whose wanted and confirmed values may differ.
type dirty struct {
	flows  map[flow.Key]struct{}
	groups map[uint32]struct{}
	meters map[uint32]struct{}
}

func newDirty() *dirty {
	return &dirty{flows: map[flow.Key]struct{}{}, groups: map[uint32]struct{}{}, meters: map[uint32]struct{}{}}
}
