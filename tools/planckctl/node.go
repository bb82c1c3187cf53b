package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/northbound/admin"
)

func (t *tool) nodes(ctx context.Context) ([]admin.Node, error) {
	var answer struct{ Nodes []admin.Node }
	err := t.client.get(ctx, request{path: adminPath("nodes")}, &answer)
	return answer.Nodes, err
}

// completeNodes offers the names of nodes to the shell.
func (t *tool) completeNodes(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 || c.Root().PersistentPreRunE(c, nil) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	nodes, err := t.nodes(c.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	names := make([]string, len(nodes))
	for i, n := range nodes {
		names[i] = n.Name
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// act calls for a change of a node, and says so.
func (t *tool) act(ctx context.Context, r request, node, done string) error {
	if r.method == "" {
		r.method = http.MethodPost
	}
	if err := t.client.send(ctx, r); err != nil || t.format == formatJSON {
		return err
	}
	_, err := fmt.Fprintf(t.out, "%s: %s\n", printable(node), done)
	return err
}
