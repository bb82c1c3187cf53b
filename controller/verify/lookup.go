package verify

import (
	"slices"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model/flow"
)

// packet is the values of a packet's fields.
type packet [fields]uint64

// fields is how many numbers fields have.
const fields = flow.ARPTHA + 1

// tuple is the entries of a table that match the same bits.
type tuple struct {
	masks   flow.Match
	highest uint16
}

type slot struct {
	tuple int32
	hash  uint64
}

// lookup finds the entry that a packet meets, by tuple space search.
type lookup struct {
	entries []entry
	tuples  []tuple
	of      [256][]int32 // tuples of a table, that with the highest priority first
	slots   map[slot]int32
	next    []int32 // another entry in the same slot; none
}

// newLookup indexes all entries but those that are not looked up.
func newLookup(t *tables) *lookup {
	x := &lookup{entries: t.entries, slots: make(map[slot]int32, len(t.entries)), next: make([]int32, len(t.entries))}
	for i := range t.entries {
		e := &t.entries[i]
		if _, foreign := e.encoded.Key().ForeignMatch(); e.Table == pipeline.GroupRules.ID || foreign {
			continue
		}
		k := x.tupleOf(e)
		h := uint64(0)
		for _, m := range e.Match {
			h = mix(h, m.Value)
		}
		x.next[i] = none
		if head, ok := x.slots[slot{k, h}]; ok {
			x.next[i] = head
		}
		x.slots[slot{k, h}] = int32(i)
	}
	for _, list := range x.of {
		slices.SortFunc(list, func(a, b int32) int { return int(x.tuples[b].highest) - int(x.tuples[a].highest) })
	}
	return x
}

func (x *lookup) tupleOf(e *entry) int32 {
	for i := len(x.of[e.Table]) - 1; i >= 0; i-- {
		k := x.of[e.Table][i]
		if slices.EqualFunc(x.tuples[k].masks, e.Match, func(a, b flow.FieldMatch) bool { return a.Field == b.Field && a.Mask == b.Mask }) {
			x.tuples[k].highest = max(x.tuples[k].highest, e.Priority)
			return k
		}
	}
	k := int32(len(x.tuples))
	x.tuples = append(x.tuples, tuple{e.Match, e.Priority})
	x.of[e.Table] = append(x.of[e.Table], k)
	return k
}

func mix(h, v uint64) uint64 {
	h = (h ^ v) * 0x9e3779b97f4a7c15
	return h ^ h>>29
}

// find returns the entry of a table that a packet meets; none: it meets none.
func (x *lookup) find(table uint8, p *packet) int32 {
	best := none
	for _, k := range x.of[table] {
		t := &x.tuples[k]
		if best != none && t.highest <= x.entries[best].Priority {
			break
		}
		h := uint64(0)
		for _, m := range t.masks {
			h = mix(h, p[m.Field]&m.Mask)
		}
		i, ok := x.slots[slot{k, h}]
		for ; ok && i != none; i = x.next[i] {
			e := &x.entries[i]
			if (best == none || e.Priority > x.entries[best].Priority) && p.matches(e.Match) {
				best = i
			}
		}
	}
	return best
}

func (p *packet) matches(list flow.Match) bool {
	for _, m := range list {
		if p[m.Field]&m.Mask != m.Value {
			return false
		}
	}
	return true
}
