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

// flowFilter selects flow entries: ids or names of what they belong to.
type flowFilter struct {
	node, port, network, router, project, app, table string
}

func newFlowList(t *tool) *cobra.Command {
	var filter flowFilter
	var explain, counters bool
	var watch watching
	c := &cobra.Command{
		Use:   "list",
		Short: "List flow entries: what each is, which rule made it, and for which object",
		Long: `Lists the flow entries that switches should have and those that they have, in ovs-ofctl syntax, each with the name of its table, the
app and the rule that made it, and the API objects that own it. All filters that are given have to hold. STATE: present, as the switch
has confirmed it; missing; or unwanted, which is on the switch and should not be.

--counters asks the switches what they count, and lists what they say that they have. IDLE is for how long at least an entry has met no
packet; that is known from the second time on that one asks. --watch asks again and again, and shows what has come since; it ends with
Ctrl-C. A node that cannot be asked is said so.`,
		Example: `  planckctl flow list --node compute1
  planckctl flow list --port web1 --explain
  planckctl flow list --router edge --table route --watch
  planckctl flow list -o json | jq -r '.flows[] | select(.table == "guard") | .entry'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r := request{path: adminPath("flows")}
			var err error
			if r.query, err = filter.query(c.Context(), t); err != nil {
				return err
			}
			if counters || watch.on {
				r.query.Set("counters", "true")
			}
			if watch.on {
				return watch.run(c.Context(), t, r)
			}
			if t.format == formatJSON {
				return t.pass(c.Context(), r)
			}
			flows, err := t.flows(c.Context(), r)
			if err != nil {
				return err
			}
			return flowsTable(flows, counters, explain).write(t.out)
		},
	}
	f := c.Flags()
	f.StringVar(&filter.node, "node", "", "of one node (name or system-id)")
	f.StringVar(&filter.port, "port", "", "of one port (id or name), its floating IPs included")
	f.StringVar(&filter.network, "network", "", "of one network (id or name), its ports included")
	f.StringVar(&filter.router, "router", "", "of one router (id or name), its ports and floating IPs included")
	f.StringVar(&filter.project, "project", "", "of what belongs to one project (id)")
	f.StringVar(&filter.project, "tenant", "", "the same as --project")
	f.StringVar(&filter.app, "app", "", "that one app has made")
	f.StringVar(&filter.table, "table", "", "of one table (name or number)")
	f.BoolVar(&explain, "explain", false, "say in a sentence what each entry does, and where its rule is in the source")
	f.BoolVar(&counters, "counters", false, "show packets, bytes, age and idle time, as the switches say just now")
	watch.flags(f)
	for _, kind := range []string{"node", "port", "network", "router"} {
		t.completeFlag(c, kind, kind)
	}
	c.MarkFlagsMutuallyExclusive("project", "tenant")
	c.MarkFlagsMutuallyExclusive("watch", "explain")
	return c
}

// query is the filter with ids in place of names.
func (f *flowFilter) query(ctx context.Context, t *tool) (url.Values, error) {
	query := url.Values{}
	for name, value := range map[string]string{"node": f.node, "project": f.project, "app": f.app, "table": f.table} {
		if value != "" {
			query.Set(name, value)
		}
	}
	for kind, name := range map[string]string{"port": f.port, "network": f.network, "router": f.router} {
		if name == "" {
			continue
		}
		id, err := t.idOf(ctx, kind, name)
		if err != nil {
			return nil, err
		}
		query.Set(kind, id)
	}
	return query, nil
}

func (t *tool) flows(ctx context.Context, r request) (list []admin.Flow, err error) {
	err = streamed(ctx, t, r, "flows", func(f admin.Flow) error {
		list = append(list, f)
		return nil
	})
	return list, err
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

func flowsTable(flows []admin.Flow, counters, explain bool) *table {
	t := &table{}
	head := []string{"NODE", "TABLE", "APP", "RULE", "OWNER", "STATE"}
	if counters {
		head = append(head, "PACKETS", "BYTES", "AGE", "IDLE")
	}
	t.add(append(head, "ENTRY")...)
	for i := range flows {
		f := &flows[i]
		if f.Problem != "" {
			continue
		}
		cells := []string{f.Node, f.Table, f.App, f.Rule, strings.Join(f.Owners, ", "), flowState(f)}
		if counters {
			cells = append(cells, counted(f.Counters)...)
		}
		t.add(append(cells, f.Entry)...)
		if explain && f.Explain != "" {
			t.note(f.Explain + " (" + f.Source + ")")
		}
	}
	addProblems(t, flows)
	return t
}

// addProblems says at the end which nodes could not be asked.
func addProblems(t *table, flows []admin.Flow) {
	for i := range flows {
		if f := &flows[i]; f.Problem != "" {
			t.add(f.Node + ": " + f.Problem)
		}
	}
}

func flowState(f *admin.Flow) string {
	switch {
	case !f.Wanted:
		return "unwanted"
	case !f.Present:
		return "missing"
	}
	return "present"
}

// counted are the cells of an entry's counters; dashes, of one that the switch does not have.
func counted(c *admin.FlowCounters) []string {
	if c == nil {
		return make([]string, 4)
	}
	return []string{fmt.Sprint(c.Packets), fmt.Sprint(c.Bytes), seconds(&c.Age), seconds(c.Idle)}
}
