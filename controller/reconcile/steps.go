package reconcile

import (
	"cmp"
	"slices"

	"github.com/planck-sdn/planck/model/flow"
)

// hardware is how a physical switch differs from Open vSwitch for a plan.
type hardware struct {
	room        map[uint8]int // how many entries a table holds; all that are not in it have room enough
	groupsFirst bool          // groups that nothing refers to take room that entries need
}

// planSteps is plan for a switch without bundles: each batch is followed by a barrier, and within one the switch may do things in any order. New is
// made before old is broken: meters and groups come first; entries come, from the last table to the first; then what is no longer wanted goes,
// from the first table to the last, and then its groups and meters. In a table that cannot hold both for a while the old goes first.
func planSteps(t *tables, d *dirty, h hardware) []batch {
	c := difference(t, d, false)
	slices.SortFunc(c.meters, func(a, b planned) int { return cmp.Compare(a.Meter.ID, b.Meter.ID) })
	slices.SortFunc(c.metersLast, func(a, b planned) int { return cmp.Compare(a.Meter.ID, b.Meter.ID) })
	slices.SortFunc(c.added, func(a, b planned) int {
		return cmp.Or(-cmp.Compare(a.Flow.Table(), b.Flow.Table()), compareUnits(a.unit, b.unit), -cmp.Compare(a.Flow, b.Flow))
	})
	var unused []planned
	if h.groupsFirst && len(c.groupsLast) > 0 {
		used := t.groupsInUse()
		c.groupsLast, unused = separate(c.groupsLast, func(p planned) bool { return used[p.Group.ID] })
	}
	crowded := t.crowded(c.added, h.room)
	later, sooner := separate(c.removed, func(p planned) bool { return !crowded[p.Flow.Table()] })

	list := appendStep(nil, unused)
	list = appendStep(list, slices.Concat(c.meters, c.groups))
	list = appendByTable(list, sooner)
	list = appendByTable(list, c.added)
	made := len(list)
	list = appendByTable(list, later)
	list = appendStep(list, slices.Concat(c.groupsLast, c.metersLast))
	if made < len(list) {
		list[made].breaks = true
	}
	return list
}

func appendStep(list []batch, changes []planned) []batch {
	if len(changes) == 0 {
		return list
	}
	return append(list, batch{changes: changes})
}

// appendByTable appends a step for each table, in the order in which they come.
func appendByTable(list []batch, entries []planned) []batch {
	for len(entries) > 0 {
		n := slices.IndexFunc(entries, func(p planned) bool { return p.Flow.Table() != entries[0].Flow.Table() })
		if n < 0 {
			n = len(entries)
		}
		list, entries = appendStep(list, entries[:n]), entries[n:]
	}
	return list
}

// separate divides a list in two, and keeps the order.
func separate(list []planned, first func(planned) bool) (yes, no []planned) {
	for _, p := range list {
		if first(p) {
			yes = append(yes, p)
		} else {
			no = append(no, p)
		}
	}
	return yes, no
}

// crowded are the tables that cannot hold what they hold and what is to be added.
func (t *tables) crowded(added []planned, room map[uint8]int) map[uint8]bool {
	if len(room) == 0 || len(added) == 0 {
		return nil
	}
	count := map[uint8]int{}
	t.eachHeld(func(f flow.Encoded) { count[f.Table()]++ })
	for _, p := range added {
		if _, there := t.flows.have(p.Flow.Key()); !there {
			count[p.Flow.Table()]++
		}
	}
	crowded := map[uint8]bool{}
	for table, n := range count {
		limit, limited := room[table]
		crowded[table] = limited && n > limit
	}
	return crowded
}

// groupsInUse are the groups that an entry or a group refers to that the switch holds.
func (t *tables) groupsInUse() map[uint32]bool {
	used := map[uint32]bool{}
	use := func(actions []flow.Action) {
		for _, a := range actions {
			if g, ok := a.(flow.ToGroup); ok {
				used[g.ID] = true
			}
		}
	}
	t.eachHeld(func(f flow.Encoded) {
		if e, err := f.Decode(); err == nil {
			use(e.Apply)
		}
	})
	eachHeld(&t.groups, func(g flow.Group) {
		for _, b := range g.Buckets {
			use(b)
		}
	})
	return used
}

// eachHeld visits the entries that the switch holds.
func (t *tables) eachHeld(visit func(flow.Encoded)) { eachHeld(&t.flows, visit) }

func eachHeld[K comparable, V any](t *table[K, V], visit func(V)) {
	for _, s := range t.wanted {
		if s.held {
			visit(s.value)
		}
	}
	for _, value := range t.other {
		visit(value)
	}
}
