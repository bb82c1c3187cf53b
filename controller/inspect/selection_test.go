package inspect

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/northbound/admin"
)

// TestSelection: of the entries of a node those are listed of which an owner, the app and the table are asked for.
func TestSelection(t *testing.T) {
	v := twoProjects().View()
	node := v.NodeByHostname("node1")
	held, err := example.Tables(apps.All(), v, node.Number)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		q    admin.FlowQuery
		want string // owners
	}{
		{admin.FlowQuery{}, "203.0.113.20 edge node1 open public red red-dhcp web1"},
		{admin.FlowQuery{Port: "web1"}, "203.0.113.20 web1"},
		{admin.FlowQuery{Network: "red"}, "red red-dhcp web1"},
		{admin.FlowQuery{Network: "public"}, "203.0.113.20 public"},
		{admin.FlowQuery{Router: "edge"}, "203.0.113.20 edge"},
		{admin.FlowQuery{Project: "acme"}, "edge red web1"},
		{admin.FlowQuery{Project: "corp"}, "public"},
		{admin.FlowQuery{Project: "acme", Network: "shared"}, ""},
		{admin.FlowQuery{Port: "web1", Router: "edge"}, "203.0.113.20"},
		{admin.FlowQuery{App: "dhcp"}, "node1 web1"},
		{admin.FlowQuery{App: "nobody"}, ""},
		{admin.FlowQuery{Table: "answer", Port: "web1"}, "203.0.113.20 web1"},
		{admin.FlowQuery{Table: "28", Port: "web1"}, "203.0.113.20 web1"},
		{admin.FlowQuery{Table: "1"}, ""},
	} {
		keep, err := selection(v, test.q)
		if err != nil {
			t.Fatal(err)
		}
		owners := map[string]bool{}
		for _, f := range held.Flows {
			if l := (reconcile.Listed{Entry: f}); keep(l) {
				owners[strings.ReplaceAll(idOf(v, refsOf(l)[0]), " ", "_")] = true
			}
		}
		if got := slices.Sorted(maps.Keys(owners)); !slices.Equal(got, slices.Sorted(slices.Values(strings.Fields(test.want)))) {
			t.Errorf("%+v: entries of %v, want %s", test.q, got, test.want)
		}
	}
}

func TestSelectionOfNothing(t *testing.T) {
	v := twoProjects().View()
	for _, q := range []admin.FlowQuery{{Port: "lose"}, {Network: "edge"}, {Router: "red"}, {Table: "lost"}, {Table: "256"}} {
		if _, err := selection(v, q); err == nil {
			t.Errorf("%+v selects something", q)
		}
	}
}
