package main

import (
	"net/http"

	"github.com/spf13/cobra"
)

func newSwitchDelete(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:   "delete SWITCH",
		Short: "Take the declaration of a physical switch back",
		Long: `Takes the declaration of a physical switch back: the bindings of the bare metal on it fail, its links go, identifiers that waited for
it can be given again, and it is refused when it calls. What it was programmed with stays on it.`,
		Example:           `  planckctl switch delete leaf1`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: t.completeArgs("switch"),
		RunE: func(c *cobra.Command, args []string) error {
			return t.act(c.Context(), request{method: http.MethodDelete, path: adminPath("switches", args[0])}, args[0], "deleted")
		},
	}
}
