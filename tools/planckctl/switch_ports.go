package main

import (
	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/northbound/admin"
)

func newSwitchPorts(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:   "ports SWITCH",
		Short: "List the ports of a physical switch, and what hangs on each",
		Example: `  planckctl switch ports leaf1
  planckctl switch ports leaf1 -o json | jq -r '.ports[] | select(.up | not) | .name'`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: t.completeArgs("switch"),
		RunE: func(c *cobra.Command, args []string) error {
			var answer struct{ Ports []admin.SwitchPort }
			return t.show(c.Context(), request{path: adminPath("switches", args[0], "ports")}, &answer, func() *table { return switchPortsTable(answer.Ports) })
		},
	}
}

func switchPortsTable(ports []admin.SwitchPort) *table {
	t := &table{}
	t.add("NUMBER", "NAME", "STATE", "MAC", "ROLE", "WHAT HANGS THERE")
	for _, p := range ports {
		what := p.Peer
		if len(p.Hosts) > 0 {
			what = hosts(p.Hosts)
		}
		t.add(count(p.Number), p.Name, upOrDown(p.Up), p.MAC, p.Role, what)
	}
	return t
}
