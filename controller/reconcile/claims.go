package reconcile

import (
	"cmp"
	"slices"

	"github.com/planck-sdn/planck/model/topology"
)

// compareUnits orders owners: of several that want the same key, the lowest wins.
func compareUnits(a, b topology.Unit) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Number, b.Number), cmp.Compare(a.Part, b.Part))
}

// claims says who wants what under each key of a switch: flow entries by table, priority and match, groups and
// meters by id. Most keys have one owner, so only further ones cost a slice.
type claims[K comparable, V any] map[K]claim[V]

type claim[V any] struct {
	unit  topology.Unit
	value V
	more  []claim[V] // sorted by unit, all higher than unit
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
	list := []topology.Unit{first.unit}
	for _, o := range first.more {
		list = append(list, o.unit)
	}
	return list
}

func (c claims[K, V]) add(key K, unit topology.Unit, value V) {
	first, taken := c[key]
	if !taken {
		c[key] = claim[V]{unit: unit, value: value}
		return
	}
	all := append([]claim[V]{{unit: first.unit, value: first.value}}, first.more...)
	all = append(all, claim[V]{unit: unit, value: value})
	c.put(key, all)
}

func (c claims[K, V]) remove(key K, unit topology.Unit) {
	first, ok := c[key]
	if !ok {
		return
	}
	if len(first.more) == 0 {
		if first.unit == unit {
			delete(c, key)
		}
		return
	}
	all := append([]claim[V]{{unit: first.unit, value: first.value}}, first.more...)
	all = slices.DeleteFunc(all, func(o claim[V]) bool { return o.unit == unit })
	c.put(key, all)
}

func (c claims[K, V]) put(key K, all []claim[V]) {
	slices.SortStableFunc(all, func(a, b claim[V]) int { return compareUnits(a.unit, b.unit) })
	first := claim[V]{unit: all[0].unit, value: all[0].value}
	if len(all) > 1 {
		first.more = all[1:]
	}
	c[key] = first
}
