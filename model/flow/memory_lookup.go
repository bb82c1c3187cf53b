package flow

import (
	"cmp"
	"maps"
	"slices"
)

// classifier finds the entry of highest priority that matches a packet, by tuple space search: entries with the same
// masks share a hash table, and a lookup costs one probe per set of masks, whatever the number of entries.
type classifier struct {
	tuples  []*tuple // highest priority first
	clauses int      // how many entries hold conjunctions
}

// tuple holds the entries of one table with the same set of masks.
type tuple struct {
	masks      Match          // fields and masks; values are not used
	priorities map[uint16]int // how many entries have each
	highest    uint16
	entries    map[string][]*installed // by the packet's bits under masks; highest priority first
}

// sameMasks tells whether m belongs into the tuple.
func (t *tuple) sameMasks(m Match) bool {
	return slices.EqualFunc(t.masks, m, func(a, b FieldMatch) bool { return a.Field == b.Field && a.Mask == b.Mask })
}

// appendKey appends the values of the tuple's fields under their masks.
func (t *tuple) appendKey(dst []byte, values *[fieldEnd]uint64) []byte {
	for _, m := range t.masks {
		dst = appendNumber(dst, values[m.Field]&m.Mask, m.Field.bytes())
	}
	return dst
}

func (t *tuple) entryKey(e *Entry) string {
	var values [fieldEnd]uint64
	for _, m := range e.Match {
		values[m.Field] = m.Value
	}
	return string(t.appendKey(nil, &values))
}

func (c *classifier) find(m Match) *tuple {
	for _, t := range c.tuples {
		if t.sameMasks(m) {
			return t
		}
	}
	return nil
}

func (c *classifier) insert(f *installed) {
	t := c.find(f.entry.Match)
	if t == nil {
		t = &tuple{masks: f.entry.Match, priorities: map[uint16]int{}, entries: map[string][]*installed{}}
		c.tuples = append(c.tuples, t)
	}
	key := t.entryKey(&f.entry)
	list := t.entries[key]
	at, _ := slices.BinarySearchFunc(list, f.entry.Priority, func(x *installed, p uint16) int { return cmp.Compare(p, x.entry.Priority) })
	t.entries[key] = slices.Insert(list, at, f)
	t.priorities[f.entry.Priority]++
	if f.clause = holdsConjunctions(&f.entry); f.clause {
		c.clauses++
	}
	if len(t.priorities) == 1 || f.entry.Priority > t.highest {
		t.highest = f.entry.Priority
		c.reorder()
	}
}

func (c *classifier) remove(f *installed) {
	if f.clause {
		c.clauses--
	}
	t := c.find(f.entry.Match)
	key := t.entryKey(&f.entry)
	list := slices.DeleteFunc(t.entries[key], func(x *installed) bool { return x == f })
	if t.entries[key] = list; len(list) == 0 {
		delete(t.entries, key)
	}
	if t.priorities[f.entry.Priority]--; t.priorities[f.entry.Priority] == 0 {
		delete(t.priorities, f.entry.Priority)
	}
	if len(t.entries) == 0 {
		c.tuples = slices.DeleteFunc(c.tuples, func(x *tuple) bool { return x == t })
		return
	}
	if t.priorities[t.highest] == 0 {
		t.highest = slices.Max(slices.Collect(maps.Keys(t.priorities)))
		c.reorder()
	}
}

func (c *classifier) reorder() {
	slices.SortStableFunc(c.tuples, func(a, b *tuple) int { return cmp.Compare(b.highest, a.highest) })
}

// lookup returns the entry that the packet with these values meets, or nil.
func (c *classifier) lookup(values *[fieldEnd]uint64) *installed {
	if c.clauses > 0 {
		return c.lookupConjunction(values)
	}
	return c.search(values, nil)
}

// search returns the best entry without conjunctions. Where one that has them is on top of those with the same match, it hides them, and
// the list of them is appended to clauses, if that is not nil.
func (c *classifier) search(values *[fieldEnd]uint64, clauses *[][]*installed) *installed {
	var best *installed
	var buf [8 * int(fieldEnd)]byte
	for _, t := range c.tuples {
		if best != nil && t.highest <= best.entry.Priority {
			break
		}
		list := t.entries[string(t.appendKey(buf[:0], values))]
		if len(list) == 0 || best != nil && list[0].entry.Priority <= best.entry.Priority {
			continue
		}
		if !list[0].clause {
			best = list[0]
		} else if clauses != nil {
			*clauses = append(*clauses, list)
		}
	}
	return best
}
