package trace

import (
	"slices"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// Difference is where a packet leaves the way that it should take.
type Difference struct {
	Node *model.Node
	Kind DifferenceKind
	// Entry is the wanted one, or of an Extra one what the switch has.
	Entry flow.Encoded
	Group uint32 // instead of Entry
}

// DifferenceKind is how what a switch holds differs from what it should.
type DifferenceKind string

// Kinds of differences.
const (
	Missing DifferenceKind = "missing"
	Extra   DifferenceKind = "extra"
	Changed DifferenceKind = "changed"
)

// Compare finds what makes a packet leave the way through the wanted tables, or nil if it does not.
func Compare(wanted, present Way) *Difference {
	w, p := lookups(wanted.Stages), lookups(present.Stages)
	for i := range min(len(w), len(p)) {
		if w[i].Node != p[i].Node || w[i].Table != p[i].Table {
			return elsewhere(wanted, present, w[:i])
		}
		if !same(w[i].Entry, p[i].Entry) {
			c := comparison{w[i].Node, wanted.Tables[w[i].Node.Number], present.Tables[w[i].Node.Number]}
			return c.entries(w[i], p[i])
		}
	}
	if len(w) != len(p) {
		return elsewhere(wanted, present, w[:min(len(w), len(p))])
	}
	return nil
}

func lookups(list []Stage) []Stage {
	return slices.DeleteFunc(slices.Clone(list), func(s Stage) bool { return s.Note != "" })
}

// same tells whether two entries match and do the same, whoever owns them.
func same(a, b flow.Encoded) bool { return a.Key() == b.Key() && a.Instructions() == b.Instructions() }

// comparison is what one node should hold and what it holds.
type comparison struct {
	node            *model.Node
	wanted, present *flow.Tables
}

func holds(t *flow.Tables, k flow.Key) (flow.Encoded, bool) {
	if i := slices.IndexFunc(t.Flows, func(f flow.Encoded) bool { return f.Key() == k }); i >= 0 {
		return t.Flows[i], true
	}
	return "", false
}

// entries says why a lookup has found another entry than it should.
func (c comparison) entries(w, p Stage) *Difference {
	if p.Entry != "" {
		should, wanted := holds(c.wanted, p.Entry.Key())
		switch rule := pipeline.RuleByNumber(p.Entry.Cookie().Rule()); {
		case wanted && !same(should, p.Entry):
			return &Difference{Node: c.node, Kind: Changed, Entry: should}
		case !wanted && p.Entry.Cookie().IsPlanck() && rule != nil && rule.Passing != nil: // it is there for a moment, as it should
			return nil
		case !wanted:
			return &Difference{Node: c.node, Kind: Extra, Entry: p.Entry}
		}
	}
	if w.Entry != "" {
		has, present := holds(c.present, w.Entry.Key())
		switch {
		case !present:
			return &Difference{Node: c.node, Kind: Missing, Entry: w.Entry}
		case !same(has, w.Entry):
			return &Difference{Node: c.node, Kind: Changed, Entry: w.Entry}
		}
	}
	return c.table(w.Table) // an alternative of a conjunction
}

// table finds any difference in a table.
func (c comparison) table(id uint8) *Difference {
	has := map[flow.Key]flow.Encoded{}
	for _, f := range c.present.Flows {
		if f.Table() == id {
			has[f.Key()] = f
		}
	}
	for _, f := range c.wanted.Flows {
		if f.Table() != id {
			continue
		}
		switch there, ok := has[f.Key()]; {
		case !ok:
			return &Difference{Node: c.node, Kind: Missing, Entry: f}
		case !same(there, f):
			return &Difference{Node: c.node, Kind: Changed, Entry: f}
		}
		delete(has, f.Key())
	}
	for _, f := range c.present.Flows {
		if _, extra := has[f.Key()]; extra {
			return &Difference{Node: c.node, Kind: Extra, Entry: f}
		}
	}
	return nil
}

// elsewhere finds the reason why two ways part behind equal entries: a group. Or a node could not be asked.
func elsewhere(wanted, present Way, met []Stage) *Difference {
	for _, s := range slices.Backward(met) {
		c := comparison{s.Node, wanted.Tables[s.Node.Number], present.Tables[s.Node.Number]}
		if d := c.groups(); d != nil {
			return d
		}
	}
	return nil
}

// groups finds a group that differs.
func (c comparison) groups() *Difference {
	has := map[uint32]flow.Group{}
	for _, g := range c.present.Groups {
		has[g.ID] = g
	}
	for _, g := range c.wanted.Groups {
		switch there, ok := has[g.ID]; {
		case !ok:
			return &Difference{Node: c.node, Kind: Missing, Group: g.ID}
		case !there.Equal(g):
			return &Difference{Node: c.node, Kind: Changed, Group: g.ID}
		}
	}
	return nil
}
