package main

import (
	"context"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func newFreeze(t *tool) *cobra.Command {
	return t.programming("freeze", "frozen", &cobra.Command{
		Short: "Stop programming a node, or all of them",
		Long: `Sends nothing more to the switch of a node, or of all nodes that there are now: no flow entries, groups or meters, not after a
reconnection or a restart of the controller either, and what others damage is not mended. The API takes changes as ever, DHCP is
answered, and what the switches hold goes on forwarding. Ports that are plugged meanwhile stay DOWN.`,
		Example: `  planckctl freeze --node compute1
  planckctl freeze   # every node`,
	})
}

func newThaw(t *tool) *cobra.Command {
	return t.programming("thaw", "thawed", &cobra.Command{
		Short: "Let the programming of a node, or of all, go on",
		Long:  "Reads what the switch of a frozen node holds, or of every one, and sends the difference to what it should hold.",
		Example: `  planckctl node reconcile compute1 --dry-run   # what would be sent
  planckctl thaw --node compute1
  planckctl thaw   # every node`,
	})
}

func (t *tool) programming(verb, done string, c *cobra.Command) *cobra.Command {
	var node string
	c.Use, c.Args = verb, cobra.NoArgs
	c.RunE = func(c *cobra.Command, _ []string) error {
		if node != "" {
			return t.act(c.Context(), request{path: adminPath(verb), query: url.Values{"node": {node}}}, node, done)
		}
		return t.actOnAll(c.Context(), verb, done)
	}
	c.Flags().StringVar(&node, "node", "", "one node (name or system-id); all without it")
	t.completeFlag(c, "node", "node")
	return c
}

// actOnAll calls for a change of all nodes, and says which they are.
func (t *tool) actOnAll(ctx context.Context, verb, done string) error {
	if err := t.client.send(ctx, request{method: http.MethodPost, path: adminPath(verb)}); err != nil || t.format == formatJSON {
		return err
	}
	nodes, err := t.nodes(ctx)
	if err != nil {
		return err
	}
	table := &table{}
	for _, n := range nodes {
		if n.Number != 0 { // else it was refused, and is none
			table.add(n.Name + ": " + done)
		}
	}
	return table.write(t.out)
}
