package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/model/topology/history"
)

// cloud follows a history incrementally, as the controller does: the touched units of each node are rendered anew.
type cloud struct {
	view  *topology.View
	nodes map[model.Number]*tables
}

func newCloud() *cloud { return &cloud{view: topology.New(), nodes: map[model.Number]*tables{}} }

func (c *cloud) apply(changes []model.Change) error {
	view, touches := c.view.Apply(changes)
	c.view = view
	for _, touch := range touches {
		w := c.nodes[touch.Node]
		if w == nil {
			w = newTables()
			c.nodes[touch.Node] = w
		}
		r := pipeline.Render(apps.All(), view, touch.Node, touch.Unit)
		if r.Err != nil {
			return r.Err
		}
		w.set(touch.Unit, r, newDirty())
	}
	for n, w := range c.nodes {
		if view.Node(n) == nil {
			delete(c.nodes, n)
			if err := empty(w); err != nil {
				return fmt.Errorf("node %d is gone, but %w", n, err)
			}
		}
	}
	return nil
}

func empty(w *tables) error {
	if len(w.units)+len(w.flows.wanted)+len(w.groups.wanted)+len(w.meters.wanted) > 0 {
		return fmt.Errorf("it still wants %v", slices.Collect(maps.Keys(w.units)))
	}
	return nil
}

// render renders everything of one node afresh, from a view that is made from the rows alone.
func render(v *topology.View, node model.Number) (*tables, error) {
	w := newTables()
	for _, u := range v.Units(node) {
		r := pipeline.Render(apps.All(), v, node, u)
		if r.Err != nil {
			return nil, r.Err
		}
		w.set(u, r, newDirty())
	}
	return w, nil
}

func afresh(h *history.History) *topology.View {
	empty := topology.New()
	v, _ := empty.Apply(empty.Difference(slices.Collect(maps.Values(h.Rows))))
	return v
}

// listing is what a switch would hold, in words.
func listing(w *tables) []string {
	var lines []string
	for _, first := range w.flows.wanted {
		e, err := first.value.Decode()
		if err != nil {
			panic(err)
		}
		lines = append(lines, flow.Format(e, pipeline.Names))
	}
	for _, first := range w.groups.wanted {
		lines = append(lines, flow.FormatGroup(first.value, pipeline.Names))
	}
	for _, first := range w.meters.wanted {
		lines = append(lines, flow.FormatMeter(first.value))
	}
	slices.Sort(lines)
	return lines
}

func differences(a, b []string) []string {
	var list []string
	for _, l := range a {
		if _, ok := slices.BinarySearch(b, l); !ok {
			list = append(list, "- "+l)
		}
	}
	for _, l := range b {
		if _, ok := slices.BinarySearch(a, l); !ok {
			list = append(list, "+ "+l)
		}
	}
	return list
}

// sameAsFull compares what was reached step by step with what the rows alone give.
func sameAsFull(c *cloud, h *history.History) error {
	full := afresh(h)
	for _, n := range history.RowsOf[*model.Node](h) {
		want, err := render(full, n.Number)
		if err != nil {
			return err
		}
		have := c.nodes[n.Number]
		if have == nil {
			have = newTables()
		}
		if d := differences(listing(have), listing(want)); len(d) > 0 {
			return fmt.Errorf("node %d (-incremental +full):\n%s", n.Number, join(d))
		}
		for key := range have.flows.wanted {
			if losers := have.collisions(key); len(losers) > 0 {
				e, _ := have.flows.wanted[key].value.Decode()
				return fmt.Errorf("node %d: %v lost against %v: %s", n.Number, losers, have.flows.owner(key), flow.Format(e, pipeline.Names))
			}
		}
	}
	return nil
}

func join(lines []string) string {
	s := ""
	for _, l := range lines {
		s += l + "\n"
	}
	return s
}

// TestIncrementalEqualsFull is the invariant that everything else rests on: for equal rows the entries are equal,
// however one got there.
func TestIncrementalEqualsFull(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, c := history.WithSwitches(), newCloud()
		for i := range 200 {
			var changes []model.Change
			for range rapid.IntRange(1, 3).Draw(t, "changes at once") {
				changes = append(changes, h.Step(t)...)
			}
			if err := c.apply(history.Last(changes)); err != nil {
				t.Fatal(err)
			}
			if i%20 == 19 {
				if err := sameAsFull(c, h); err != nil {
					t.Fatalf("after step %d: %v", i, err)
				}
			}
		}
	})
}

// undoOrder deletes what refers to others first, and creates it last.
func undoOrder(c model.Change) int {
	order := map[model.Kind]int{model.KindNode: 0, model.KindNetwork: 1, model.KindSubnet: 2, model.KindRouter: 3, model.KindSecurityGroup: 4,
		model.KindPort: 5, model.KindFloatingIP: 6, model.KindNeighbour: 7, model.KindHolder: 8}[c.Ref.Kind]
	if c.Object == nil {
		return -order
	}
	return order
}

// TestCreateThenDelete: taking everything away again restores every table exactly.
func TestCreateThenDelete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, c := history.WithSwitches(), newCloud()
		run := func(steps int) {
			for range steps {
				if err := c.apply(history.Last(h.Step(t))); err != nil {
					t.Fatal(err)
				}
			}
		}
		run(60)
		tables := map[model.Number][]string{}
		for n, w := range c.nodes {
			tables[n] = listing(w)
		}
		before := maps.Clone(h.Rows)
		run(100)
		// All rows go back to what they were, one by one, in an order that a database allows.
		undo := afresh(h).Difference(slices.Collect(maps.Values(before)))
		slices.SortStableFunc(undo, func(a, b model.Change) int { return undoOrder(a) - undoOrder(b) })
		for _, change := range undo {
			if err := c.apply([]model.Change{change}); err != nil {
				t.Fatal(err)
			}
		}
		h.Rows = before
		if err := sameAsFull(c, h); err != nil {
			t.Fatal(err)
		}
		for n, lines := range tables {
			if d := differences(lines, listing(c.nodes[n])); len(d) > 0 {
				t.Fatalf("node %d is not as before:\n%s", n, join(d))
			}
		}
	})
}
