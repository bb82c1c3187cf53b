package main

import (
	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/northbound/admin"
)

func newSwitchLinks(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:   "links SWITCH",
		Short: "List the links of a physical switch, as LLDP has found them, and which of them are in the tree",
		Example: `  planckctl switch links leaf1
  planckctl switch links leaf1 -o json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: t.completeArgs("switch"),
		RunE: func(c *cobra.Command, args []string) error {
			var answer struct{ Links []admin.SwitchLink }
			return t.show(c.Context(), request{path: adminPath("switches", args[0], "links")}, &answer, func() *table { return linksTable(answer.Links) })
		},
	}
}

func linksTable(links []admin.SwitchLink) *table {
	t := &table{}
	t.add("NUMBER", "FROM", "TO", "STATE")
	for _, l := range links {
		t.add(count(int64(l.Number)), linkEnd(l.A), linkEnd(l.B), tree(l))
	}
	return t
}
