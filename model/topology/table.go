package topology

import "github.com/tidwall/btree"

// table is an ordered map whose copies share their nodes, so that the next version of a view costs what changed
// and not what there is.
type table[K, V any] struct {
	tree *btree.BTreeG[row[K, V]]
}

type row[K, V any] struct {
	key   K
	value V
}

func newTable[K, V any](less func(a, b K) bool) table[K, V] {
	return table[K, V]{btree.NewBTreeGOptions(
		func(a, b row[K, V]) bool { return less(a.key, b.key) },
		btree.Options{NoLocks: true})}
}

func (t table[K, V]) copy() table[K, V]  { return table[K, V]{t.tree.Copy()} }
func (t table[K, V]) set(key K, value V) { t.tree.Set(row[K, V]{key, value}) }
func (t table[K, V]) delete(key K)       { t.tree.Delete(row[K, V]{key: key}) }
func (t table[K, V]) len() int           { return t.tree.Len() }

func (t table[K, V]) get(key K) (V, bool) {
	r, ok := t.tree.Get(row[K, V]{key: key})
	return r.value, ok
}

// from visits rows in order, starting at the first that is not below key, until visit returns false.
func (t table[K, V]) from(key K, visit func(K, V) bool) {
	t.tree.Ascend(row[K, V]{key: key}, func(r row[K, V]) bool { return visit(r.key, r.value) })
}

func (t table[K, V]) all(visit func(K, V) bool) {
	t.tree.Scan(func(r row[K, V]) bool { return visit(r.key, r.value) })
}

// first gives the first key that is not below key; false: there is none.
func (t table[K, V]) first(key K) (first K, found bool) {
	t.from(key, func(k K, _ V) bool {
		first, found = k, true
		return false
	})
	return first, found
}

// distinct lists what keys have in common with others, each once and in their order, from key on: of tells it of a key, and false where the
// list ends; after gives the least key above all those that have it. It costs what it lists, and not what keys there are.
func distinct[K, V, T any](t table[K, V], key K, of func(K) (T, bool), after func(T) K) []T {
	var list []T
	for {
		k, found := t.first(key)
		if !found {
			return list
		}
		x, more := of(k)
		if !more {
			return list
		}
		list, key = append(list, x), after(x)
	}
}
