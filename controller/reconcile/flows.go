package reconcile

import (
	"context"
	"slices"

	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// Listed is a flow entry that is wanted, or present, or both. Where another is present than the one that is wanted, each is listed.
type Listed struct {
	Entry   flow.Encoded
	Owners  []topology.Unit
	Present bool
	Wanted  bool
}

// Flows lists the entries that are wanted or present, of those units if any are given, in the order of tables.
func (s *Switch) Flows(ctx context.Context, units ...topology.Unit) ([]Listed, error) {
	return s.list(ctx, func(each func(flow.Key)) {
		if len(units) == 0 {
			s.tables.eachFlow(each)
			return
		}
		keys := map[flow.Key]struct{}{}
		for _, u := range units {
			for _, f := range s.tables.units[u].Flows {
				keys[f.Key()] = struct{}{}
			}
		}
		for key := range keys {
			each(key)
		}
	}, func(Listed) bool { return true })
}

// FlowsWhere lists those of all entries that keep wants. It holds up the switch.
func (s *Switch) FlowsWhere(ctx context.Context, keep func(Listed) bool) ([]Listed, error) {
	return s.list(ctx, func(each func(flow.Key)) { s.tables.eachFlow(each) }, keep)
}

func (s *Switch) list(ctx context.Context, keys func(each func(flow.Key)), keep func(Listed) bool) ([]Listed, error) {
	var list []Listed
	err := s.ask(ctx, func(context.Context) {
		add := func(l Listed) {
			if keep(l) {
				list = append(list, l)
			}
		}
		keys(func(key flow.Key) {
			want, wanted := s.tables.flows.want(key)
			have, there := s.tables.flows.have(key)
			if wanted {
				add(Listed{Entry: want, Owners: s.tables.flows.owners(key), Wanted: true, Present: there && have == want})
			}
			if there && have != want {
				add(Listed{Entry: have, Present: true})
			}
		})
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, Listed.Compare)
	return list, nil
}

// eachFlow visits the keys under which an entry is wanted or present.
func (t *tables) eachFlow(each func(flow.Key)) {
	for key := range t.flows.wanted {
		each(key)
	}
	for key := range t.flows.other {
		if _, wanted := t.flows.wanted[key]; !wanted {
			each(key)
		}
	}
}

// Compare orders by table, then from the highest priority down, then by match.
func (l Listed) Compare(other Listed) int { return compareEntries(l.Entry, other.Entry) }

// compareEntries orders by table, then from the highest priority down, then by match.
func compareEntries(a, b flow.Encoded) int {
	if a.Table() != b.Table() {
		return int(a.Table()) - int(b.Table())
	}
	if a.Priority() != b.Priority() {
		return int(b.Priority()) - int(a.Priority())
	}
	return slices.Compare([]byte(a), []byte(b))
}
