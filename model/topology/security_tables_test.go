package topology

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology/history"
)

// contents is all that a view holds of security groups.
func contents(v *View) []string {
	return slices.Concat(rowsOf(v.groups, "group"), rowsOf(v.groupByID, "id"), rowsOf(v.namedBy, "named"), rowsOf(v.members, "member"),
		rowsOf(v.users, "user"))
}

func rowsOf[K, V any](t table[K, V], name string) []string {
	var list []string
	t.all(func(key K, value V) bool {
		list = append(list, fmt.Sprint(name, " ", key, " ", value))
		return true
	})
	return list
}

// TestSecurityTables: the tables hold what follows from the rows, in whatever order these came, and nothing when all are gone.
func TestSecurityTables(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, v := history.New(), New()
		for range 30 {
			var changes []model.Change
			for range 10 {
				changes = append(changes, h.Step(t)...)
			}
			v, _ = v.Apply(history.Last(changes))
			full := New()
			full, _ = full.Apply(full.Difference(slices.Collect(maps.Values(h.Rows))))
			if a, b := contents(v), contents(full); !slices.Equal(a, b) {
				t.Fatalf("step by step:\n%q\nat once:\n%q", a, b)
			}
		}
		gone := rapid.Permutation(v.Difference(nil)).Draw(t, "order")
		for _, change := range gone {
			v, _ = v.Apply([]model.Change{change})
		}
		if left := contents(v); len(left) > 0 {
			t.Fatalf("left: %q", left)
		}
	})
}
