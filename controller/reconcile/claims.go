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

// claims says who wants what under each key of a switch: flow entries by table, priority and match, groups and
// meters by id. Most keys have one owner, so only further ones cost more than a word: there is a claim for every flow entry of
// every switch.
type claims[K comparable, V any] map[K]claim[V]

type claim[V any] struct {
	owner packedUnit
	value V
	more  *[]claim[V] // sorted by owner, all higher than owner; nil: none
}

func (c claim[V]) unit() topology.Unit { return c.owner.unpack() }

// all lists the claims to one key, the lowest owner's first.
func (c claim[V]) all() []claim[V] {
	list := []claim[V]{{owner: c.owner, value: c.value}}
	if c.more != nil {
		list = append(list, *c.more...)
	}
	return list
}

// wanted returns the value of the lowest owner.
func (c claims[K, V]) wanted(key K) (V, bool) {
	first, ok := c[key]
	return first.value, ok
}

// owners lists a key's owners, the lowest first.
func (c claims[K, V]) owners(key K) []topology.Unit {
	first, ok := c[key]
	if !ok {
		return nil
	}
	var list []topology.Unit
	for _, o := range first.all() {
		list = append(list, o.unit())
	}
	return list
}

func (c claims[K, V]) add(key K, unit topology.Unit, value V) {
	mine := claim[V]{owner: pack(unit), value: value}
	first, taken := c[key]
	if !taken {
		c[key] = mine
		return
	}
	c.put(key, append(first.all(), mine))
}

func (c claims[K, V]) remove(key K, unit topology.Unit) {
	owner := pack(unit)
	first, ok := c[key]
	if !ok {
		return
	}
	if first.more == nil {
		if first.owner == owner {
			delete(c, key)
		}
		return
	}
	c.put(key, slices.DeleteFunc(first.all(), func(o claim[V]) bool { return o.owner == owner }))
}

func (c claims[K, V]) put(key K, all []claim[V]) {
	slices.SortStableFunc(all, func(a, b claim[V]) int { return cmp.Compare(a.owner, b.owner) })
	first := claim[V]{owner: all[0].owner, value: all[0].value}
	if len(all) > 1 {
		more := slices.Clone(all[1:])
		first.more = &more
	}
	c[key] = first
}
