package example

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// Tables renders all that a node has: entries in the order of flow.Encoded, groups and meters by number. Entries that
// several units have in common are there once, with the cookie of the lowest. Different entries with the same match are an error.
func Tables(apps []*pipeline.App, v *topology.View, node model.Number) (flow.Tables, error) {
	flows, groups, meters := map[flow.Key]flow.Encoded{}, map[uint32]flow.Group{}, map[uint32]flow.Meter{}
	for _, u := range v.Units(node) {
		r := pipeline.Render(apps, v, node, u)
		if r.Err != nil {
			return flow.Tables{}, fmt.Errorf("%s %d, part %#x: %w", u.Kind, u.Number, u.Part, r.Err)
		}
		for _, f := range r.Flows {
			other, taken := flows[f.Key()]
			if taken && other.Instructions() != f.Instructions() {
				return flow.Tables{}, fmt.Errorf("%s and %s differ, for one match", Text(other), Text(f))
			}
			if !taken || owner(f) < owner(other) {
				flows[f.Key()] = f
			}
		}
		for _, g := range r.Groups {
			if other, taken := groups[g.ID]; taken && !other.Equal(g) {
				return flow.Tables{}, fmt.Errorf("group %#x is rendered in two ways", g.ID)
			}
			groups[g.ID] = g
		}
		for _, m := range r.Meters {
			if other, taken := meters[m.ID]; taken && other != m {
				return flow.Tables{}, fmt.Errorf("meter %#x is rendered in two ways", m.ID)
			}
			meters[m.ID] = m
		}
	}
	t := flow.Tables{}
	for _, f := range flows {
		t.Flows = append(t.Flows, f)
	}
	for _, g := range groups {
		t.Groups = append(t.Groups, g)
	}
	for _, m := range meters {
		t.Meters = append(t.Meters, m)
	}
	slices.Sort(t.Flows)
	slices.SortFunc(t.Groups, func(a, b flow.Group) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(t.Meters, func(a, b flow.Meter) int { return cmp.Compare(a.ID, b.ID) })
	return t, nil
}

// owner is the kind and number of the object in an entry's cookie.
func owner(f flow.Encoded) uint64 { return uint64(f.Cookie().Kind())<<36 | f.Cookie().Number() }

// Text is an entry in ovs-ofctl syntax, with names of tables of profile ovs.
func Text(f flow.Encoded) string { return TextWith(f, pipeline.Names) }

// TextWith is an entry in ovs-ofctl syntax, with the tables' names.
func TextWith(f flow.Encoded, names flow.TableNames) string {
	e, err := f.Decode()
	if err != nil {
		return fmt.Sprintf("%q: %v", string(f), err)
	}
	return flow.Format(e, names)
}

// Changes are the messages that install tables on an empty switch: meters and groups first, and pieces of groups before
// those that join them.
func Changes(t flow.Tables) []flow.Change {
	var list []flow.Change
	for i := range t.Meters {
		list = append(list, flow.Change{Op: flow.OpAdd, Meter: &t.Meters[i]})
	}
	for i := range t.Groups {
		g := &t.Groups[len(t.Groups)-1-i] // those that join have the lower numbers
		list = append(list, flow.Change{Op: flow.OpAdd, Group: g})
	}
	for _, f := range t.Flows {
		list = append(list, flow.Change{Op: flow.OpAdd, Flow: f})
	}
	return list
}
