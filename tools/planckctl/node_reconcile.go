package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/northbound/admin"
)

func newNodeReconcile(t *tool) *cobra.Command {
	var force, dryRun bool
	c := &cobra.Command{
		Use:   "reconcile NODE",
		Short: "Read what a node's switch holds, and send the difference to what it should hold",
		Example: `  planckctl node reconcile compute1 --dry-run   # what would be sent, and for whom
  planckctl node reconcile compute1
  planckctl node reconcile compute1 --force   # after "would remove more than half", when that is right`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: t.completeArgs("node"),
		RunE: func(c *cobra.Command, args []string) error {
			r := request{path: adminPath("nodes", args[0], "reconcile")}
			switch {
			case dryRun && force:
				return errors.New("--dry-run sends nothing, with or without --force")
			case dryRun:
				return t.dryRun(c.Context(), r, args[0])
			case force:
				r.query = url.Values{"force": {"true"}}
			}
			return t.act(c.Context(), r, args[0], "reconciled")
		},
	}
	c.Flags().BoolVar(&force, "force", false, "also if that removes more than half of a large table")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "send nothing, and show what would be sent")
	return c
}

// dryRun shows what a reconcile would send.
func (t *tool) dryRun(ctx context.Context, r request, node string) error {
	if t.format == formatJSON {
		return t.pass(ctx, r)
	}
	var answer struct{ Differences []admin.Difference }
	if err := t.client.get(ctx, r, &answer); err != nil {
		return err
	}
	b := bufio.NewWriter(t.out) // keeps the first error
	if len(answer.Differences) == 0 {
		_, _ = fmt.Fprintf(b, "%s: nothing would be sent\n", printable(node))
	}
	for i := range answer.Differences {
		d := &answer.Differences[i]
		_, _ = fmt.Fprintf(b, "%s %s", sending[d.State], d.What)
		writeOrigin(b, d)
		text := d.Wanted
		if text == "" {
			text = d.Present
		}
		_, _ = fmt.Fprintf(b, "%s%s\n", indent, printable(text))
	}
	return b.Flush()
}

// sending is what a message does, by the state of the difference that it mends.
var sending = map[string]string{"missing": "add", "changed": "modify", "extra": "delete", "foreign": "delete"}
