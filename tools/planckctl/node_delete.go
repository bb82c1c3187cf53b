package main

import (
	"net/http"

	"github.com/spf13/cobra"
)

func newNodeDelete(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:   "delete NODE",
		Short: "Declare a node gone for good",
		Long: `Declares a node gone: the bindings of its ports fail, the other nodes drop its tunnels, and identifiers that waited for
it (segmentation ids, addresses) can be given again. For machines that are dead; one that lives is detached by
clearing its external_ids:planck-encap-ip.`,
		Example:           `  planckctl node delete compute1`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: t.completeArgs("node"),
		RunE: func(c *cobra.Command, args []string) error {
			return t.act(c.Context(), request{method: http.MethodDelete, path: adminPath("nodes", args[0])}, args[0], "deleted")
		},
	}
}
