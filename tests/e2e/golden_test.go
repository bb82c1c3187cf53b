package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/tests/lab"
)

// TestGoldenEntriesOnOpenVSwitch installs every golden entry, group and meter in a real switch. What it reads back is equal
// in canonical form.
func TestGoldenEntriesOnOpenVSwitch(t *testing.T) {
	l := lab.ForTest(t)
	n := l.AddNode("switch", lab.NodeOptions{Dummy: true})
	bridges := 0
	for _, c := range example.Cases() {
		view := c.Cloud.View()
		view.Nodes(func(node *model.Node) {
			t.Run(c.Name+"/"+node.Hostname, func(t *testing.T) {
				want, err := example.Tables(apps.All(), view, node.Number)
				if err != nil {
					t.Fatal(err)
				}
				bridges++
				bridge := fmt.Sprint("br", bridges)
				if _, err := n.Vsctl("add-br", bridge, "--",
					"set", "bridge", bridge, "protocols=OpenFlow13", "fail_mode=secure", "datapath_type=dummy"); err != nil {
					t.Fatal(err)
				}
				install(t, n, bridge, want)
				compare(t, n, bridge, want)
			})
		})
	}
}

func install(t *testing.T, n *lab.Node, bridge string, tables flow.Tables) {
	t.Helper()
	ofctl := func(args ...string) {
		t.Helper()
		if out, err := n.Ofctl(args...); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	for _, m := range tables.Meters {
		ofctl("add-meter", bridge, flow.FormatMeter(m))
	}
	groups := slices.Clone(tables.Groups)
	slices.SortFunc(groups, func(a, b flow.Group) int { return int(b.ID>>24) - int(a.ID>>24) }) // pieces first
	for _, g := range groups {
		ofctl("add-group", bridge, flow.FormatGroup(g, nil))
	}
	var lines []string
	for _, f := range tables.Flows {
		lines = append(lines, text(t, f))
	}
	if err := n.AddFlows(bridge, lines...); err != nil {
		t.Fatal(err)
	}
}

func text(t *testing.T, f flow.Encoded) string {
	t.Helper()
	e, err := f.Decode()
	if err != nil {
		t.Fatal(err)
	}
	return flow.Format(e, nil)
}

// compare reads the bridge and holds it against what was installed.
func compare(t *testing.T, n *lab.Node, bridge string, want flow.Tables) {
	t.Helper()
	entries, err := n.Entries(bridge)
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, line := range entries {
		switch {
		case strings.HasPrefix(line, "group_id="):
			g, err := flow.ParseGroup(line, nil)
			if err != nil {
				t.Fatal(err)
			}
			have = append(have, g.Canonical())
		case strings.HasPrefix(line, "meter="):
			m, err := flow.ParseMeter(line)
			if err != nil {
				t.Fatal(err)
			}
			have = append(have, fmt.Sprint(m))
		default:
			e, err := flow.Parse(line, nil)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			have = append(have, string(flow.Encode(e)))
		}
	}
	var expected []string
	for _, f := range want.Flows {
		expected = append(expected, string(f))
	}
	for _, g := range want.Groups {
		expected = append(expected, g.Canonical())
	}
	for _, m := range want.Meters {
		expected = append(expected, fmt.Sprint(m))
	}
	slices.Sort(have)
	slices.Sort(expected)
	if !slices.Equal(have, expected) {
		t.Errorf("the switch holds %d, %d were installed, or they differ:\n%s", len(have), len(expected), strings.Join(entries, "\n"))
	}
}
