package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/northbound/admin"
)

// repairPatience is how long mending a node may take.
const repairPatience = 2 * time.Minute

func newCheck(t *tool) *cobra.Command {
	var node string
	var repair bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Check that every switch holds what it should",
		Long: `Compares, for every node, what the controller means its switch to hold with what the topology gives when all is rendered anew (what
differs is stale: a defect of Planck's), and with what the switch says that it holds. Each difference is shown with its owner. Changes
that are on their way are no differences. --repair mends what it finds and shows that. Frozen nodes are checked and not mended.
Exit code 0: no difference, or all are mended; 1: some are left, or a node could not be checked; 2: there is no answer.`,
		Example: `  planckctl check
  planckctl check --node compute1 --repair
  planckctl check -o json | jq -r '.nodes[].differences[].owners[]'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r := request{path: adminPath("check"), query: url.Values{}, patience: repairPatience}
			if node != "" {
				r.query.Set("node", node)
			}
			if repair {
				r.method = http.MethodPost
				r.query.Set("repair", "true")
			}
			progress := newProgress(c.ErrOrStderr())
			var list []admin.NodeCheck
			err := streamed(c.Context(), t, r, "nodes", func(n admin.NodeCheck) error {
				list = append(list, n)
				progress.show("%d nodes checked", len(list))
				return nil
			})
			progress.clear()
			if err == nil && t.format != formatJSON {
				err = writeChecks(t.out, list)
			}
			if err == nil && !allWell(list) {
				err = errBadNews
			}
			return err
		},
	}
	c.Flags().StringVar(&node, "node", "", "one node (name or system-id); all without it")
	c.Flags().BoolVar(&repair, "repair", false, "mend what differs")
	t.completeFlag(c, "node", "node")
	return c
}

// allWell tells whether everything was checked and nothing differs any more.
func allWell(list []admin.NodeCheck) bool {
	for i := range list {
		if n := &list[i]; n.Problem != "" || !n.Repaired && len(n.Differences)+len(n.Stale) > 0 {
			return false
		}
	}
	return true
}

func writeChecks(w io.Writer, list []admin.NodeCheck) error {
	t := &table{}
	t.add("NODE", "REVISION", "ENTRIES", "DIFFERENCES", "STALE", "TOOK", "RESULT")
	for i := range list {
		n := &list[i]
		t.add(n.Node, count(n.Revision), count(n.Entries), count(len(n.Differences)), count(len(n.Stale)), n.Took.Round(time.Millisecond).String(), resultOf(n))
	}
	if err := t.write(w); err != nil {
		return err
	}
	for i := range list {
		n := &list[i]
		if err := writeDifferences(w, n.Stale, "stale, "); err != nil {
			return err
		}
		if err := writeDifferences(w, n.Differences, ""); err != nil {
			return err
		}
	}
	return nil
}

func resultOf(n *admin.NodeCheck) string {
	switch {
	case n.Problem != "":
		return n.Problem
	case n.Repaired:
		return "mended"
	case len(n.Differences)+len(n.Stale) > 0:
		return "differs"
	}
	return "as it should be"
}

// writeDifferences writes each with what is wanted and what is present.
func writeDifferences(w io.Writer, list []admin.Difference, kind string) error {
	b := bufio.NewWriter(w) // keeps the first error
	for i := range list {
		d := &list[i]
		_, _ = fmt.Fprintf(b, "\n%s: %s%s %s", printable(d.Node), kind, d.What, d.State)
		writeOrigin(b, d)
		for _, side := range []struct{ name, text string }{{"wanted", d.Wanted}, {"present", d.Present}} {
			if side.text != "" {
				_, _ = fmt.Fprintf(b, "%s%-7s  %s\n", indent, side.name, printable(side.text))
			}
		}
	}
	return b.Flush()
}

// writeOrigin ends a line with where a difference is, of which rule, and whose.
func writeOrigin(b *bufio.Writer, d *admin.Difference) {
	if d.Table != "" {
		_, _ = fmt.Fprintf(b, " in table %s", d.Table)
	}
	if len(d.Owners) > 0 {
		_, _ = fmt.Fprintf(b, ", of %s", printable(strings.Join(d.Owners, ", ")))
	}
	if d.Rule != "" {
		_, _ = fmt.Fprintf(b, ": %s (%s)", d.Rule, d.Source)
	}
	_ = b.WriteByte('\n')
}
