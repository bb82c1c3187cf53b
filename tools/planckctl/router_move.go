package main

import (
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func newRouterMove(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:   "move ROUTER NODE",
		Short: "Make a node the one by which the outside reaches a router",
		Long: `Makes a node the one by which the outside reaches a router: its source NAT and those of its floating IPs that their own nodes cannot
serve. Connections through source NAT begin anew. A router moves by itself only when its node is gone, and never back.`,
		Example:           `  planckctl router move edge compute2`,
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: t.completeArgs("router", "node"),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := t.idOf(c.Context(), "router", args[0])
			if err != nil {
				return err
			}
			r := request{method: http.MethodPost, path: adminPath("routers", id, "move"), query: url.Values{"node": {args[1]}}}
			return t.act(c.Context(), r, args[0], "served by "+printable(args[1]))
		},
	}
}
