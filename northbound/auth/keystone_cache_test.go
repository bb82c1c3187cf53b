package auth

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestCacheForgetsWhatWasNotAskedForTheLongest(t *testing.T) {
	now := time.Unix(1000, 0)
	c := newCache[string, int](2)
	c.put("a", 1, now.Add(time.Minute))
	c.put("b", 2, now.Add(time.Minute))
	c.get("a", now)
	c.put("c", 3, now.Add(time.Minute))
	for key, want := range map[string]int{"a": 1, "c": 3} {
		if got, ok := c.get(key, now); !ok || got != want {
			t.Errorf("%s: %d %v", key, got, ok)
		}
	}
	if _, ok := c.get("b", now); ok {
		t.Error("b is there still")
	}
}

// Whatever is put and asked, the cache is never larger than its limit, and answers only with what was last put under
// the key and still holds.
func TestCacheIsBoundedInSizeAndTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type put struct {
			value int
			until time.Time
		}
		limit := rapid.IntRange(1, 4).Draw(t, "limit")
		c, puts, now := newCache[int, int](limit), map[int]put{}, time.Unix(1000, 0)
		for i := range rapid.IntRange(1, 50).Draw(t, "steps") {
			key := rapid.IntRange(0, 6).Draw(t, "key")
			now = now.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "seconds")) * time.Second)
			if rapid.Bool().Draw(t, "put") {
				p := put{i, now.Add(time.Duration(rapid.IntRange(0, 4).Draw(t, "life")) * time.Second)}
				c.put(key, p.value, p.until)
				puts[key] = p
			}
			got, ok := c.get(key, now)
			if p := puts[key]; ok && (got != p.value || !now.Before(p.until)) {
				t.Fatalf("%d: %d at %v, put was %v", key, got, now, p)
			}
			if len(c.entries) > limit || len(c.entries) != c.recent.Len() {
				t.Fatalf("%d entries, %d in order, limit %d", len(c.entries), c.recent.Len(), limit)
			}
		}
	})
}
