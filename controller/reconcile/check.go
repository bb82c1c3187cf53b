package reconcile

import (
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// Item is a flow entry, a group or a meter, whichever is set; or nothing.
type Item struct {
	Flow  flow.Encoded
	Group *flow.Group
	Meter *flow.Meter
}

// IsZero tells whether it is nothing.
func (i Item) IsZero() bool { return i == Item{} }

// Difference is a key under which two sets of tables differ. Items of both are of one kind.
type Difference struct {
	Wanted  Item            // nothing: it should not be there
	Present Item            // nothing: it is not there
	Owners  []topology.Unit // of what is wanted, the lowest first
}

// some is what is there of it, rather what is wanted.
func (d Difference) some() Item {
	if d.Wanted.IsZero() {
		return d.Present
	}
	return d.Wanted
}

// itemKey is the key of an item of any kind.
type itemKey struct {
	kind uint8 // 0 flow entry, 1 group, 2 meter
	flow flow.Key
	id   uint32
}

func (d Difference) key() itemKey {
	switch i := d.some(); {
	case i.Group != nil:
		return itemKey{kind: 1, id: i.Group.ID}
	case i.Meter != nil:
		return itemKey{kind: 2, id: i.Meter.ID}
	default:
		return itemKey{flow: i.Flow.Key()}
	}
}

// compare orders flow entries as tables do, then groups, then meters.
func (d Difference) compare(other Difference) int {
	a, b := d.key(), other.key()
	if a.kind == 0 && b.kind == 0 {
		return compareEntries(d.some().Flow, other.some().Flow)
	}
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id))
}

// Checked is what a check has found.
type Checked struct {
	View    *topology.View // that asks for what is wanted
	Entries int            // flow entries, groups and meters that are wanted
	// Stale is where what is wanted, reached step by step, is not what the view gives when all is rendered anew: that is Wanted, and what
	// the switch is meant to hold is Present.
	Stale []Difference
	// Differences is where the switch holds something else than what is wanted.
	Differences []Difference
	Frozen      bool // then a repair is refused
}

// checkReads is how often a switch that is being sent messages is read until it holds still.
const checkReads = 4

// Check reads what the switch holds and compares it with what is wanted, and that with what the topology gives when it is rendered
// anew. The switch is programmed meanwhile: what is on its way is no difference. If something was sent during every reading, only what
// differed in the last two counts.
func (s *Switch) Check(ctx context.Context) (*Checked, error) {
	if s.Connection() == nil { // it may have rendered nothing yet
		return nil, errNotConnected
	}
	c := &Checked{}
	if err := s.findStale(ctx, c); err != nil {
		return nil, err
	}
	var before []Difference
	for range checkReads {
		before = c.Differences
		quiet, err := s.readFor(ctx, c)
		if err != nil {
			return nil, err
		}
		if quiet {
			return c, nil
		}
	}
	both := make(map[itemKey]bool, len(before))
	for _, d := range before {
		both[d.key()] = true
	}
	c.Differences = slices.DeleteFunc(c.Differences, func(d Difference) bool { return !both[d.key()] })
	return c, nil
}

// findStale renders everything beside the switch, which goes on. If that was rendering something every time, it has to wait.
func (s *Switch) findStale(ctx context.Context, c *Checked) error {
	for attempt := range checkReads {
		var v *topology.View
		var t *tables
		var sets uint64
		var leftOut map[topology.Unit]bool
		err := s.ask(ctx, func(context.Context) {
			v, t, sets, leftOut = s.rendered, s.tables, s.tables.sets, s.leftOut()
			if attempt == checkReads-1 {
				c.Stale = s.full(v, leftOut).differences(t.wanted(), false)
			}
		})
		if err != nil || attempt == checkReads-1 {
			return err
		}
		full, same := s.full(v, leftOut), false
		err = s.ask(ctx, func(context.Context) {
			if same = s.tables == t && t.sets == sets; same {
				c.Stale = full.differences(t.wanted(), false)
			}
		})
		if err != nil || same {
			return err
		}
	}
	return nil
}

// readFor reads the switch and compares. It tells whether nothing was sent meanwhile.
func (s *Switch) readFor(ctx context.Context, c *Checked) (quiet bool, err error) {
	return s.readOnce(ctx, func(held *flow.Tables) {
		c.View, c.Frozen = s.rendered, s.frozen()
		c.Entries = s.tables.size()
		c.Differences = s.tables.differences(whatIs(held), s.keepsForeign())
	})
}

// Repair renders anew what is stale, reads the switch back, and sends the difference, unless that removes more than half of a large table.
// It returns what differed before.
func (s *Switch) Repair(ctx context.Context) (*Checked, error) {
	c := &Checked{}
	var result error
	err := s.ask(ctx, func(owner context.Context) {
		session := s.Connection()
		if session == nil {
			result = errNotConnected
			return
		}
		if s.frozen() {
			result = ErrFrozen
			return
		}
		full := s.full(s.rendered, s.leftOut())
		if c.Stale = full.differences(s.tables.wanted(), false); len(c.Stale) > 0 {
			s.tables = full
		}
		s.connect(owner, session, reconciling{read: func(held *flow.Tables) {
			c.View, c.Entries = s.rendered, s.tables.size()
			c.Differences = s.tables.differences(whatIs(held), s.keepsForeign())
		}})
		result = s.outcome()
	})
	if err != nil {
		return nil, err
	}
	return c, result
}

// full renders every unit of a version anew, but for those that are left out.
func (s *Switch) full(v *topology.View, leftOut map[topology.Unit]bool) *tables {
	full, d := newTables(), newDirty()
	for _, u := range v.Units(s.cfg.Node) {
		if !leftOut[u] {
			full.set(u, pipeline.Render(s.cfg.Apps, v, s.cfg.Node, u), d)
		}
	}
	return full
}

// leftOut are the units whose entries are not wanted as long as they are quarantined.
func (s *Switch) leftOut() map[topology.Unit]bool {
	units := map[topology.Unit]bool{}
	for u, q := range s.quarantined {
		if !q.retry.IsZero() {
			units[u] = true
		}
	}
	return units
}

func (s *Switch) keepsForeign() bool { return s.cfg.KeepForeign != nil && s.cfg.KeepForeign() }

// contents are flow entries, groups and meters by their keys, from wherever.
type contents struct {
	flows  iter.Seq2[flow.Key, flow.Encoded]
	groups iter.Seq2[uint32, flow.Group]
	meters iter.Seq2[uint32, flow.Meter]
}

// whatIs are those that a switch holds, without what goes by itself.
func whatIs(held *flow.Tables) contents {
	return contents{
		func(yield func(flow.Key, flow.Encoded) bool) {
			for _, f := range held.Flows {
				if !passes(f) && !yield(f.Key(), f) {
					return
				}
			}
		},
		func(yield func(uint32, flow.Group) bool) {
			for _, g := range held.Groups {
				if !yield(g.ID, g) {
					return
				}
			}
		},
		func(yield func(uint32, flow.Meter) bool) {
			for _, m := range held.Meters {
				if !yield(m.ID, m) {
					return
				}
			}
		},
	}
}

// wanted are those that a switch should hold.
func (t *tables) wanted() contents {
	return contents{t.flows.all(), t.groups.all(), t.meters.all()}
}

func (t *table[K, V]) all() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		for key, s := range t.wanted {
			if !yield(key, s.value) {
				return
			}
		}
	}
}

func (t *tables) size() int { return len(t.flows.wanted) + len(t.groups.wanted) + len(t.meters.wanted) }

// differences lists where have is not what t wants, in order. With keepForeign, of what is not wanted only Planck's own counts.
func (t *tables) differences(have contents, keepForeign bool) []Difference {
	list := differencesIn(nil, &t.flows, have.flows, func(f flow.Encoded) Item { return Item{Flow: f} },
		func(f flow.Encoded) bool { return !keepForeign || f.Cookie().IsPlanck() })
	list = differencesIn(list, &t.groups, have.groups, func(g flow.Group) Item { return Item{Group: &g} }, func(flow.Group) bool { return !keepForeign })
	list = differencesIn(list, &t.meters, have.meters, func(m flow.Meter) Item { return Item{Meter: &m} }, func(flow.Meter) bool { return !keepForeign })
	slices.SortFunc(list, Difference.compare)
	return list
}

func differencesIn[K comparable, V any](list []Difference, t *table[K, V], have iter.Seq2[K, V], item func(V) Item, counts func(V) bool) []Difference {
	seen := make(map[K]struct{}, len(t.wanted))
	for key, value := range have {
		seen[key] = struct{}{}
		want, wanted := t.want(key)
		switch {
		case wanted && !t.equal(want, value):
			list = append(list, Difference{Wanted: item(want), Present: item(value), Owners: t.owners(key)})
		case !wanted && counts(value):
			list = append(list, Difference{Present: item(value)})
		}
	}
	for key, s := range t.wanted {
		if _, there := seen[key]; !there {
			list = append(list, Difference{Wanted: item(s.value), Owners: t.owners(key)})
		}
	}
	return list
}
