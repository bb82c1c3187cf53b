package main

import (
	"net/url"

	"github.com/spf13/cobra"
)

func newNodeReconcile(t *tool) *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:   "reconcile NODE",
		Short: "Read what a node's switch holds, and send the difference to what it should hold",
		Example: `  planckctl node reconcile compute1
  planckctl node reconcile compute1 --force   # after "would remove more than half", when that is right`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: t.completeNodes,
		RunE: func(c *cobra.Command, args []string) error {
			r := request{path: adminPath("nodes", args[0], "reconcile")}
			if force {
				r.query = url.Values{"force": {"true"}}
			}
			return t.act(c.Context(), r, args[0], "reconciled")
		},
	}
	c.Flags().BoolVar(&force, "force", false, "also if that removes more than half of a large table")
	return c
}
