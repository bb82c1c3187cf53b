package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/planck-sdn/planck/northbound/admin"
)

func (t *tool) nodes(ctx context.Context) ([]admin.Node, error) {
	var answer struct{ Nodes []admin.Node }
	err := t.client.get(ctx, request{path: adminPath("nodes")}, &answer)
	return answer.Nodes, err
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
