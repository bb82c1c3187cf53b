package auth

import (
	"container/list"
	"sync"
	"time"
)

// cache holds at most limit values, each until a time of its own. When it is full, the one that was not asked for the
// longest makes room.
type cache[K comparable, V any] struct {
	limit int

	mu      sync.Mutex
	entries map[K]*list.Element
	recent  list.List // of *cached[K, V], the latest first
}

type cached[K comparable, V any] struct {
	key   K
	value V
	until time.Time
}

func newCache[K comparable, V any](limit int) *cache[K, V] {
	return &cache[K, V]{limit: limit, entries: map[K]*list.Element{}}
}

// get finds what was put there and still holds at now.
func (c *cache[K, V]) get(key K, now time.Time) (value V, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[key]
	if e == nil {
		return value, false
	}
	entry := e.Value.(*cached[K, V])
	if !now.Before(entry.until) {
		c.remove(e)
		return value, false
	}
	c.recent.MoveToFront(e)
	return entry.value, true
}

func (c *cache[K, V]) put(key K, value V, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.entries[key]; e != nil {
		c.remove(e)
	}
	if len(c.entries) >= c.limit {
		c.remove(c.recent.Back())
	}
	c.entries[key] = c.recent.PushFront(&cached[K, V]{key, value, until})
}

func (c *cache[K, V]) remove(e *list.Element) {
	delete(c.entries, e.Value.(*cached[K, V]).key)
	c.recent.Remove(e)
}
