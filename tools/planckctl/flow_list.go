package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/northbound/admin"
)

func newFlowList(t *tool) *cobra.Command {
	var node, port string
	var explain bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List flow entries: what each is, which rule made it, and for which object",
		Long: `Lists the flow entries that switches should have, in ovs-ofctl syntax, each with the name of its table, the app and the
rule that made it, and the API objects that own it. PRESENT tells whether the switch has confirmed it.`,
		Example: `  planckctl flow list --node compute1
  planckctl flow list --port web1 --explain
  planckctl flow list -o json | jq -r '.flows[] | select(.table == "guard") | .entry'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r := request{path: adminPath("flows"), query: url.Values{}}
			if node != "" {
				r.query.Set("node", node)
			}
			if port != "" {
				id, err := t.idOf(c.Context(), "port", port)
				if err != nil {
					return err
				}
				r.query.Set("port", id)
			}
			if t.format == formatJSON {
				return t.pass(c.Context(), r)
			}
			var answer struct{ Flows []admin.Flow }
			if err := t.client.get(c.Context(), r, &answer); err != nil {
				return err
			}
			return flowsTable(answer.Flows, explain).write(t.out)
		},
	}
	c.Flags().StringVar(&node, "node", "", "of one node (name or system-id)")
	c.Flags().StringVar(&port, "port", "", "of one port (id or name)")
	c.Flags().BoolVar(&explain, "explain", false, "say in a sentence what each entry does, and where its rule is in the source")
	_ = c.RegisterFlagCompletionFunc("node", t.completeNodes)
	return c
}

// pass hands an answer on as it comes in: it may be large.
func (t *tool) pass(ctx context.Context, r request) error {
	body, err := t.client.do(ctx, r)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	if _, err := io.Copy(t.out, body); err != nil {
		return fmt.Errorf("the controller's answer: %w", err)
	}
	return nil
}

func flowsTable(flows []admin.Flow, explain bool) *table {
	t := &table{}
	t.add("NODE", "TABLE", "APP", "RULE", "OWNER", "PRESENT", "ENTRY")
	for i := range flows {
		f := &flows[i]
		t.add(f.Node, f.Table, f.App, f.Rule, strings.Join(f.Owners, ", "), yes(f.Present), f.Entry)
		if explain {
			t.note(f.Explain + " (" + f.Source + ")")
		}
	}
	return t
}
