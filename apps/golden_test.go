package apps_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

// TestEntries holds the entries of every case against testdata.
func TestEntries(t *testing.T) {
	for _, c := range append(example.Cases(), example.SwitchCases()...) {
		t.Run(c.Name, func(t *testing.T) {
			v := c.Cloud.View()
			var b strings.Builder
			v.Nodes(func(n *model.Node) {
				tables, err := example.Tables(apps.All(), v, n.Number)
				if err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&b, "%s\n\n", n.Hostname)
				write(&b, tables, pipeline.NamesOf(n))
			})
			path := filepath.Join("testdata", c.Name+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if b.String() != string(want) {
				t.Errorf("differs from %s (go test ./apps -update writes it anew):\n%s", path, b.String())
			}
		})
	}
}

// write lists tables as text, each entry under its rule's name.
func write(b *strings.Builder, t flow.Tables, names flow.TableNames) {
	for _, f := range t.Flows {
		rule := pipeline.RuleByNumber(f.Cookie().Rule())
		fmt.Fprintf(b, "%s: %s, for %s %d\n  %s\n", rule.App, rule.Name, model.Kind(f.Cookie().Kind()), f.Cookie().Number(), example.TextWith(f, names))
	}
	b.WriteString("\n")
	for _, g := range t.Groups {
		fmt.Fprintf(b, "%s\n", flow.FormatGroup(g, names))
	}
	b.WriteString("\n")
	for _, m := range t.Meters {
		fmt.Fprintf(b, "%s\n", flow.FormatMeter(m))
	}
	b.WriteString("\n")
}
