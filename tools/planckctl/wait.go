package main

import (
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/northbound/admin"
)

func newWait(t *tool) *cobra.Command {
	var timeout time.Duration
	c := &cobra.Command{
		Use:   "wait",
		Short: "Wait until every change made so far is on every connected switch",
		Long:  "Waits until everything committed before the call is confirmed by every connected switch. Exit code 1: not in time.",
		Example: `  planckctl wait
  openstack port create --network net1 web1 && planckctl wait --timeout 5s`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var w admin.Wait
			r := request{path: adminPath("wait"), query: url.Values{"timeout": {timeout.String()}}, patience: timeout + patience}
			err := t.show(c.Context(), r, &w, func() *table { return waitTable(&w) })
			if err == nil && !w.Done {
				err = errBadNews
			}
			return err
		},
	}
	c.Flags().DurationVar(&timeout, "timeout", admin.DefaultWait, "how long, at most "+admin.MaxWait.String())
	return c
}

func waitTable(w *admin.Wait) *table {
	t := &table{}
	t.add("Revision", count(w.Revision))
	if w.Done {
		t.add("Confirmed", "by every connected node")
	} else {
		t.add("Not confirmed", "by "+strings.Join(w.Left, ", "))
	}
	return t
}
