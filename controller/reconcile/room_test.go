package reconcile

import (
	"testing"

	"github.com/planck-sdn/planck/model"
)

// TestTooMany: of what a table has no room for, the last unit that the switch does not hold is left out.
func TestTooMany(t *testing.T) {
	const wanted = `
		table=0,priority=1,in_port=1 actions=drop
		table=0,priority=1,in_port=2 actions=drop
		table=0,priority=1,in_port=3 actions=drop
		table=4,priority=1,in_port=4 actions=drop
		table=4,priority=1,in_port=5 actions=drop`
	for _, c := range []struct {
		name  string
		room  map[uint8]int
		held  string
		last  model.Number
		table uint8
		count int
	}{
		{name: "unlimited"},
		{name: "just enough", room: map[uint8]int{0: 3, 4: 2}},
		{name: "one too many", room: map[uint8]int{0: 2, 4: 2}, last: 3, table: 0, count: 3},
		{name: "what is held stays", room: map[uint8]int{0: 2}, held: "table=0,priority=1,in_port=3 actions=drop", last: 2, table: 0, count: 3},
		{name: "two tables", room: map[uint8]int{0: 1, 4: 1}, last: 5, table: 4, count: 2},
		{name: "what goes takes no room", room: map[uint8]int{0: 3}, held: "table=0,priority=1,in_port=9 actions=drop"},
	} {
		tb := tablesOf(t, c.held, wanted)
		if u, table, count := tb.tooMany(tb.differing(false), c.room); u.Number != c.last || table != c.table || count != c.count {
			t.Errorf("%s: unit %d in table %d, where %d are wanted; expected %d, %d, %d", c.name, u.Number, table, count, c.last, c.table, c.count)
		}
	}
}
