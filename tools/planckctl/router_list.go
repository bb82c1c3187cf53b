package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/northbound/admin"
)

func newRouterList(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List all routers: by which node the outside reaches each",
		Example: `  planckctl router list
  planckctl router list -o json | jq -r '.routers[] | select(.gateway.node == "compute1") | .id'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var answer struct{ Routers []admin.Router }
			return t.show(c.Context(), request{path: adminPath("routers")}, &answer, func() *table { return routersTable(answer.Routers) })
		},
	}
}

func routersTable(routers []admin.Router) *table {
	t := &table{}
	t.add("ID", "NAME", "PROJECT", "KEY", "GATEWAY NODE", "EXTERNAL ADDRESSES")
	for i := range routers {
		r := &routers[i]
		var addresses string
		if r.Gateway != nil {
			addresses = strings.Join(r.Gateway.Addresses, ", ")
		}
		t.add(r.ID, r.Name, r.ProjectID, count(r.Key), gatewayNode(r.Gateway), addresses)
	}
	return t
}
