package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/northbound/admin"
)

func newSwitchTrees(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:   "trees",
		Short: "Show how the switches of each physical network are joined: the tree that frames take, and the links that wait",
		Example: `  planckctl switch trees
  planckctl switch trees -o json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var answer struct{ Fabrics []admin.Fabric }
			return t.show(c.Context(), request{path: adminPath("fabrics")}, &answer, func() *table { return fabricsTable(answer.Fabrics) })
		},
	}
}

func fabricsTable(fabrics []admin.Fabric) *table {
	t := &table{}
	t.add("PHYSICAL NETWORK", "SWITCHES")
	for i := range fabrics {
		f := &fabrics[i]
		t.add(f.PhysicalNetwork, strings.Join(f.Switches, ", "))
		if len(f.Parts) > 1 {
			for _, part := range f.Parts {
				t.note("cut off from the others: " + strings.Join(part, ", "))
			}
		}
		for _, l := range f.Links {
			t.note(linkEnd(l.A) + " to " + linkEnd(l.B) + ": " + tree(l))
		}
		for _, u := range f.Uplinks {
			t.note(u.Switch + " " + portName(u.Port, u.Name) + " to " + outsideOr(u.Node) + ": uplink")
		}
	}
	return t
}
