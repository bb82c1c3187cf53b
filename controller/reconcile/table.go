package reconcile

import (
	"cmp"
	"slices"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
)

// compareUnits orders owners: of several that want the same key, the lowest wins.
func compareUnits(a, b topology.Unit) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Number, b.Number), cmp.Compare(a.Part, b.Part))
}

// packedUnit is a unit in 48 bits, in the order of compareUnits: kind, number, part.
type packedUnit uint64

func pack(u topology.Unit) packedUnit {
	return packedUnit(u.Kind)<<44 | packedUnit(u.Number&model.MaxNumber)<<8 | packedUnit(u.Part)
}

func (p packedUnit) unpack() topology.Unit {
	return topology.Unit{Ref: model.Ref{Kind: model.Kind(p >> 44), Number: model.Number(p>>8) & model.MaxNumber}, Part: uint8(p)}
}

// table says who wants what under each key of a switch, and what the switch has confirmed to hold there: flow entries by table,
// priority and match, groups and meters by id. Nearly every key has one owner, and the switch holds what is wanted. That is one slot, as
// there is one for every flow entry of every switch; all else is beside it.
type table[K comparable, V any] struct {
	equal  func(a, b V) bool
	wanted map[K]slot[V]
	rivals map[K][]claim[V] // the claims to a key after the lowest owner's, sorted by owner
	other  map[K]V          // what the switch holds and is not wanted, or not like that
}

// slot is what is wanted under a key.
type slot[V any] struct {
	claim[V]
	held bool // and the switch holds it
}

type claim[V any] struct {
	value V
	owner packedUnit
}

func (c claim[V]) unit() topology.Unit { return c.owner.unpack() }

func newTable[K comparable, V any](equal func(a, b V) bool) table[K, V] {
	return table[K, V]{equal: equal, wanted: map[K]slot[V]{}, rivals: map[K][]claim[V]{}, other: map[K]V{}}
}

// want returns the value of the lowest owner.
func (t *table[K, V]) want(key K) (V, bool) {
	s, ok := t.wanted[key]
	return s.value, ok
}

// have returns what the switch holds.
func (t *table[K, V]) have(key K) (V, bool) {
	if s := t.wanted[key]; s.held {
		return s.value, true
	}
	value, ok := t.other[key]
	return value, ok
}

// owner is the lowest of a wanted key.
func (t *table[K, V]) owner(key K) topology.Unit { return t.wanted[key].unit() }

// owners lists a key's owners, the lowest first.
func (t *table[K, V]) owners(key K) []topology.Unit {
	var list []topology.Unit
	for _, c := range t.claims(key) {
		list = append(list, c.unit())
	}
	return list
}

func (t *table[K, V]) claims(key K) []claim[V] {
	s, ok := t.wanted[key]
	if !ok {
		return nil
	}
	return append([]claim[V]{s.claim}, t.rivals[key]...)
}

// add enters that a unit wants value.
func (t *table[K, V]) add(key K, unit topology.Unit, value V) {
	mine := claim[V]{value, pack(unit)}
	if _, taken := t.wanted[key]; !taken {
		t.put(key, []claim[V]{mine})
		return
	}
	all := append(t.claims(key), mine)
	slices.SortStableFunc(all, func(a, b claim[V]) int { return cmp.Compare(a.owner, b.owner) })
	t.put(key, all)
}

// remove takes back what a unit wants.
func (t *table[K, V]) remove(key K, unit topology.Unit) {
	owner := pack(unit)
	t.put(key, slices.DeleteFunc(t.claims(key), func(c claim[V]) bool { return c.owner == owner }))
}

// put replaces all claims to a key, and keeps what the switch holds.
func (t *table[K, V]) put(key K, all []claim[V]) {
	have, held := t.have(key)
	if len(all) > 1 {
		t.rivals[key] = slices.Clone(all[1:])
	} else {
		delete(t.rivals, key)
	}
	if len(all) > 0 {
		t.wanted[key] = slot[V]{claim: all[0]}
	} else {
		delete(t.wanted, key)
	}
	if held {
		t.holds(key, have)
	}
}

// holds records that the switch holds value. One that equals what is wanted shares its memory from then on.
func (t *table[K, V]) holds(key K, value V) {
	s, wanted := t.wanted[key]
	same := wanted && t.equal(s.value, value)
	if same != s.held {
		s.held = same
		t.wanted[key] = s
	}
	if same {
		delete(t.other, key)
	} else {
		t.other[key] = value
	}
}

// lacks records that the switch holds nothing under the key.
func (t *table[K, V]) lacks(key K) {
	delete(t.other, key)
	if s := t.wanted[key]; s.held {
		s.held = false
		t.wanted[key] = s
	}
}

// forget leaves unknown what the switch holds.
func (t *table[K, V]) forget() {
	clear(t.other)
	for key, s := range t.wanted {
		if s.held {
			s.held = false
			t.wanted[key] = s
		}
	}
}
