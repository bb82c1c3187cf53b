package reconcile

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// planned is one message, and the unit that it is for; a deletion has none.
type planned struct {
	flow.Change
	unit topology.Unit
}

// text describes the message for people, with the names of the switch's tables.
func (p planned) text(names flow.TableNames) string {
	switch {
	case p.Group != nil:
		return flow.FormatGroup(*p.Group, names)
	case p.Meter != nil:
		return flow.FormatMeter(*p.Meter)
	case p.Zone != 0:
		return fmt.Sprintf("flush of conntrack zone %d", p.Zone)
	}
	e, err := p.Flow.Decode()
	if err != nil {
		return "an entry of somebody else's"
	}
	return flow.Format(e, names)
}

// batch is a list of messages that are sent at once and followed by a barrier; atomic ones in one bundle, but for meters and conntrack
// zones, which come before it.
type batch struct {
	changes []planned
	atomic  bool
	breaks  bool // takes away what the entries that were sent before replace
}

// How many messages a bundle holds before the next unit begins another: Open vSwitch drops a bundle that is idle for 10 s, and
// holds all of it in memory.
const (
	chunk     = 5000
	unlimited = 1 << 30
)

// plan lists the messages that make present what is wanted, for the dirty keys, in an order in which no packet
// crosses, after any batch, a boundary that both the old and the new topology forbid: meters come first, and conntrack zones are
// emptied for their new owners; what is no longer wanted goes, from the first table to the last; then groups and entries come, unit by
// unit, from the last table to the first;
// groups and meters that nothing uses any more go last.
//
// All of it but the meters and zones is one bundle if it has at most limit messages, and otherwise is cut at unit boundaries. Then an entry
// that is to do something else is removed first, and comes back with its unit: until then a port that has changed networks
// is in neither.
func plan(t *tables, d *dirty, limit int) []batch {
	c := difference(t, d, len(d.flows)+len(d.groups) > limit)
	slices.SortFunc(c.added, func(a, b planned) int {
		return cmp.Or(compareUnits(a.unit, b.unit), -cmp.Compare(a.Flow, b.Flow))
	})
	first := slices.Concat(c.meters, flushes(t, c.added))
	var list []batch
	if main := slices.Concat(c.removed, c.groups, c.added, c.groupsLast); len(main) > 0 {
		list = split(main, limit)
		list[0].changes = slices.Concat(first, list[0].changes)
	} else if len(first) > 0 {
		list = []batch{{changes: first}}
	}
	if len(c.metersLast) > 0 {
		list = append(list, batch{changes: c.metersLast})
	}
	return list
}

// changes are the messages of a plan. Added entries are in no order.
type changes struct {
	removed, added     []planned // entries; the removed by table
	groups, groupsLast []planned // in an order in which those that join others come after these, and go before them
	meters, metersLast []planned
}

// difference finds the messages for the dirty keys. cut: an entry that is to do something else is removed first.
func difference(t *tables, d *dirty, cut bool) changes {
	var c changes
	for key := range d.flows {
		want, wantIt := t.flows.want(key)
		have, haveIt := t.flows.have(key)
		switch {
		case wantIt && !haveIt:
			c.added = append(c.added, planned{flow.Change{Op: flow.OpAdd, Flow: want}, t.flows.owner(key)})
		case wantIt && want != have:
			op := flow.OpAdd
			if want.SameExceptInstructions(have) {
				op = flow.OpModify
			}
			if cut && want.Instructions() != have.Instructions() {
				c.removed = append(c.removed, planned{Change: flow.Change{Op: flow.OpDelete, Flow: have}})
				op = flow.OpAdd
			}
			c.added = append(c.added, planned{flow.Change{Op: op, Flow: want}, t.flows.owner(key)})
		case !wantIt && haveIt:
			c.removed = append(c.removed, planned{Change: flow.Change{Op: flow.OpDelete, Flow: have}})
		}
	}
	for id := range d.groups {
		want, wantIt := t.groups.want(id)
		have, haveIt := t.groups.have(id)
		switch {
		case wantIt && !haveIt:
			c.groups = append(c.groups, planned{flow.Change{Op: flow.OpAdd, Group: &want}, t.groups.owner(id)})
		case wantIt && !want.Equal(have):
			c.groups = append(c.groups, planned{flow.Change{Op: flow.OpModify, Group: &want}, t.groups.owner(id)})
		case !wantIt && haveIt:
			c.groupsLast = append(c.groupsLast, planned{Change: flow.Change{Op: flow.OpDelete, Group: &have}})
		}
	}
	for id := range d.meters {
		want, wantIt := t.meters.want(id)
		have, haveIt := t.meters.have(id)
		switch {
		case wantIt && !haveIt:
			c.meters = append(c.meters, planned{flow.Change{Op: flow.OpAdd, Meter: &want}, t.meters.owner(id)})
		case wantIt && want != have:
			c.meters = append(c.meters, planned{flow.Change{Op: flow.OpModify, Meter: &want}, t.meters.owner(id)})
		case !wantIt && haveIt:
			c.metersLast = append(c.metersLast, planned{Change: flow.Change{Op: flow.OpDelete, Meter: &have}})
		}
	}
	slices.SortFunc(c.removed, func(a, b planned) int { return cmp.Compare(a.Flow, b.Flow) }) // by table
	// The pieces of a group have higher ids than the groups that join them: pieces first, and last when removing.
	byID := func(a, b planned) int { return cmp.Compare(a.Group.ID, b.Group.ID) }
	slices.SortFunc(c.groups, func(a, b planned) int { return -byID(a, b) })
	slices.SortFunc(c.groupsLast, byID)
	return c
}

// split cuts a list that is too long for one bundle at unit boundaries; what has no unit, and a unit that is too long itself,
// anywhere.
func split(main []planned, limit int) []batch {
	var list []batch
	start := 0
	for i := range main {
		n := i - start
		if n >= limit && (n >= 2*limit || main[i].unit == topology.Unit{} || main[i].unit != main[i-1].unit) {
			list = append(list, batch{changes: main[start:i], atomic: true})
			start = i
		}
	}
	return append(list, batch{changes: main[start:], atomic: true})
}
