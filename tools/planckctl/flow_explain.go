package main

import (
	"bufio"
	"io"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/northbound/admin"
)

func newFlowExplain(t *tool) *cobra.Command {
	var node string
	c := &cobra.Command{
		Use:   "explain COOKIE|ENTRY",
		Short: "Say in plain English what flow entries do, for which object of which tenant, since when, and why",
		Long: `Says in plain English what flow entries do: all with a cookie, or one as ovs-ofctl dump-flows or planckctl flow list prints it. Of an
entry its table, priority and match are enough. Each node is asked what it has; a node that does not answer is said so.`,
		Example: `  planckctl flow explain 0x66207a4000000002
  planckctl flow explain --node compute1 'table=76, priority=30,metadata=0x13890000/0xffffff0000,dl_dst=fa:16:3e:00:00:02 actions=write_metadata:0xa/0xffff,goto_table:80'
  planckctl flow explain 0x66207a4000000002 -o json | jq -r '.explanations[].text'`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			r := request{path: adminPath("flows", "explain"), query: url.Values{}}
			what := strings.Join(args, " ") // an entry has spaces
			if _, err := strconv.ParseUint(what, 0, 64); err == nil {
				r.query.Set("cookie", what)
			} else {
				r.query.Set("entry", what)
			}
			if node != "" {
				r.query.Set("node", node)
			}
			if t.format == formatJSON {
				return t.pass(c.Context(), r)
			}
			var answer struct{ Explanations []admin.Explanation }
			if err := t.client.get(c.Context(), r, &answer); err != nil {
				return err
			}
			return writeExplanations(t.out, answer.Explanations)
		},
	}
	c.Flags().StringVar(&node, "node", "", "on one node (name or system-id)")
	t.completeFlag(c, "node", "node")
	return c
}

// writeExplanations writes each entry, and under it what there is to say.
func writeExplanations(w io.Writer, list []admin.Explanation) error {
	b := bufio.NewWriter(w) // keeps the first error
	for i, e := range list {
		if i > 0 {
			_ = b.WriteByte('\n')
		}
		if e.Flow.Entry != "" {
			_, _ = b.WriteString(printable(e.Flow.Entry) + "\n")
		}
		for _, line := range wrap(printable(e.Text), textWidth-len(indent)) {
			_, _ = b.WriteString(indent + line + "\n")
		}
	}
	return b.Flush()
}

// textWidth is how many columns paragraphs have.
const textWidth = 100

// wrap breaks a paragraph into lines of at most width columns, but for words that are longer.
func wrap(text string, width int) []string {
	var lines []string
	line, used := "", 0
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case line == "":
			line, used = word, n
		case used+1+n > width:
			lines = append(lines, line)
			line, used = word, n
		default:
			line, used = line+" "+word, used+1+n
		}
	}
	return append(lines, line)
}
