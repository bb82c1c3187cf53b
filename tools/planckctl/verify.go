package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/northbound/admin"
)

// verifyPatience is how long the first node's proof may take.
const verifyPatience = 2 * time.Minute

func newVerify(t *tool) *cobra.Command {
	var node string
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify",
		Short: "Prove from the switches' tables that networks are apart, and that what belongs together is not",
		Long: `Reads the tables of every switch as they are, and proves from them, for all packets at once, that nothing gets from a port into a
network that the model does not let it into (by a router, a shared network or a floating IP), and that what the model wants to reach each
other does. A violation is shown as a packet, the entries that let it pass, and whose they are. "confirmed" means that the packet
was seen to take that way in a switch in memory; otherwise nothing that Planck considers stops it.
Exit code 0: all is proved; 1: there are violations, or a node could not be looked at; 2: there is no answer.`,
		Example: `  planckctl verify
  planckctl verify --node compute1
  planckctl verify --json | jq -r '.nodes[].violations[].text'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if asJSON {
				t.format = formatJSON
			}
			r := request{path: adminPath("verify"), query: url.Values{}, patience: verifyPatience}
			if node != "" {
				r.query.Set("node", node)
			}
			progress := newProgress(c.ErrOrStderr())
			var list []admin.NodeProof
			err := streamed(c.Context(), t, r, "nodes", func(n admin.NodeProof) error {
				list = append(list, n)
				progress.show("%d nodes proved", len(list))
				return nil
			})
			progress.clear()
			if err == nil && t.format != formatJSON {
				err = writeProofs(t.out, list)
			}
			if err == nil && !allProved(list) {
				err = errBadNews
			}
			return err
		},
	}
	c.Flags().StringVar(&node, "node", "", "one node (name or system-id); all without it")
	c.Flags().BoolVar(&asJSON, "json", false, "the same as -o json, for cron")
	t.completeFlag(c, "node", "node")
	return c
}

func allProved(list []admin.NodeProof) bool {
	for i := range list {
		if list[i].Problem != "" || len(list[i].Violations) > 0 {
			return false
		}
	}
	return true
}

func writeProofs(w io.Writer, list []admin.NodeProof) error {
	t := &table{}
	t.add("NODE", "REVISION", "ENTRIES", "PORTS", "PAIRS", "VIOLATIONS", "TOOK", "RESULT")
	for i := range list {
		n := &list[i]
		t.add(n.Node, count(n.Revision), count(n.Entries), count(n.Ports), count(n.Pairs), count(len(n.Violations)+n.More),
			n.Took.Round(time.Millisecond).String(), proofResult(n))
	}
	if err := t.write(w); err != nil {
		return err
	}
	b := bufio.NewWriter(w) // keeps the first error
	for i := range list {
		for k := range list[i].Violations {
			writeViolation(b, list[i].Node, &list[i].Violations[k])
		}
		if list[i].More > 0 {
			_, _ = fmt.Fprintf(b, "\n%s: %d more violations\n", printable(list[i].Node), list[i].More)
		}
	}
	return b.Flush()
}

func proofResult(n *admin.NodeProof) string {
	switch {
	case n.Problem != "":
		return n.Problem
	case len(n.Violations) > 0:
		return "violated"
	}
	return "proved"
}

func writeViolation(b *bufio.Writer, node string, v *admin.Violation) {
	_, _ = fmt.Fprintf(b, "\n%s: %s: %s\n", printable(node), v.Contract, printable(v.Text))
	packet := "packet"
	if v.Confirmed {
		packet += " (confirmed)"
	}
	_, _ = fmt.Fprintf(b, "%s%s: %s\n", indent, packet, cell(v.Packet))
	for i := range v.Way {
		p := &v.Way[i]
		what := cmp.Or(p.Rule, p.Doc, "an entry of somebody else's")
		if len(p.Owners) > 0 {
			what += ", of " + strings.Join(p.Owners, ", ")
		}
		_, _ = fmt.Fprintf(b, "%s%s: %s\n", indent, p.Table, printable(what))
		if p.Entry != "" {
			_, _ = fmt.Fprintf(b, "%s%s%s\n", indent, indent, printable(p.Entry))
		}
	}
}
