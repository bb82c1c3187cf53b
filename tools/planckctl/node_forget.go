package main

import "github.com/spf13/cobra"

func newNodeForget(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:   "forget NODE",
		Short: "Let another machine take a node's name",
		Long: `Unpins a node's hostname from its system-id, so that another system-id may attach under it: after the machine was
installed anew, or replaced.`,
		Example:           `  planckctl node forget compute1`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: t.completeArgs("node"),
		RunE: func(c *cobra.Command, args []string) error {
			return t.act(c.Context(), request{path: adminPath("nodes", args[0], "forget")}, args[0], "forgotten")
		},
	}
}
