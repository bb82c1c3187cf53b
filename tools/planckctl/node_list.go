package main

import (
	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/northbound/admin"
)

func newNodeList(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List all nodes: attached, away, or refused with the reason",
		Example: `  planckctl node list
  planckctl node list -o json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var answer struct{ Nodes []admin.Node }
			return t.show(c.Context(), request{path: adminPath("nodes")}, &answer, func() *table { return nodesTable(answer.Nodes) })
		},
	}
}

func nodesTable(nodes []admin.Node) *table {
	t := &table{}
	t.add("NAME", "STATE", "OVSDB", "OPENFLOW", "ENCAP IP", "CONFIRMED", "PORTS", "FLOWS", "GROUPS", "METERS", "PROBLEM")
	for _, n := range nodes {
		t.add(n.Name, n.State, yes(n.OVSDBConnected), yes(n.OpenFlowConnected), n.EncapIP, count(n.ConfirmedRevision),
			count(n.Ports), count(n.Flows), count(n.Groups), count(n.Meters), n.Problem)
	}
	return t
}
