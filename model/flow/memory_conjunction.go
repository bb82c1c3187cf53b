package flow

import "slices"

func holdsConjunctions(e *Entry) bool { return slices.ContainsFunc(e.Apply, isConjunction) }

func isConjunction(a Action) bool {
	_, ok := a.(Conjunction)
	return ok
}

// lookupConjunction is lookup in a table with conjunctions, step by step what Open vSwitch's classifier_lookup does
// (lib/classifier.c): from the highest priority down, either all clauses of a conjunction are met by entries of that
// priority, and the packet is looked up again with its conj_id among the entries without conjunctions, of any priority; or else
// the entries below count.
func (c *classifier) lookupConjunction(values *[fieldEnd]uint64) *installed {
	var clauses [][]*installed // entries with the same match, highest priority first, of which the first holds conjunctions
	plain := c.search(values, &clauses)
	for {
		clauses = slices.DeleteFunc(clauses, func(list []*installed) bool {
			return len(list) == 0 || plain != nil && list[0].entry.Priority <= plain.entry.Priority
		})
		if len(clauses) == 0 {
			return plain
		}
		var top uint16
		for _, list := range clauses {
			top = max(top, list[0].entry.Priority)
		}
		var level []*installed
		for i, list := range clauses {
			if list[0].entry.Priority == top {
				level = append(level, list[0])
				clauses[i] = list[1:]
			}
		}
		if f := c.complete(level, values); f != nil {
			return f
		}
		for i, list := range clauses {
			if len(list) > 0 && !list[0].clause {
				if plain == nil || list[0].entry.Priority > plain.entry.Priority {
					plain = list[0]
				}
				clauses[i] = nil
			}
		}
	}
}

// complete returns what a packet meets for whose conjunctions the entries of level, all of one priority, are enough, and nil if there
// are none, or nothing to be met.
func (c *classifier) complete(level []*installed, values *[fieldEnd]uint64) *installed {
	met := map[uint32]uint64{} // by conjunction: a bit for each clause, and those beyond the clauses
	for _, f := range level {
		for _, a := range f.entry.Apply {
			k := a.(Conjunction)
			if int(k.Clauses) > len(level) {
				continue
			}
			bits, begun := met[k.ID]
			if !begun {
				bits = ^uint64(0) << (k.Clauses & 63)
			}
			bits |= 1 << (k.Clause - 1)
			if met[k.ID] = bits; bits != ^uint64(0) {
				continue
			}
			values[ConjunctionID] = uint64(k.ID)
			found := c.search(values, nil)
			values[ConjunctionID] = 0
			if found != nil {
				return found
			}
			break
		}
	}
	return nil
}
