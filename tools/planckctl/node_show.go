package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/northbound/admin"
)

func newNodeShow(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:               "show NODE",
		Short:             "Show a node, by its name or system-id",
		Example:           `  planckctl node show compute1`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: t.completeArgs("node"),
		RunE: func(c *cobra.Command, args []string) error {
			var n admin.Node
			return t.show(c.Context(), request{path: adminPath("nodes", args[0])}, &n, func() *table { return nodeTable(&n) })
		},
	}
}

func nodeTable(n *admin.Node) *table {
	t := &table{}
	t.add("Name", n.Name)
	t.add("System id", n.SystemID)
	t.add("State", n.State)
	t.add("Problem", n.Problem)
	t.add("OVSDB", connected(n.OVSDBConnected))
	t.add("OpenFlow", connected(n.OpenFlowConnected))
	t.add("This replica is master", yes(n.Master))
	t.add("Datapath id", n.DatapathID)
	t.add("Encapsulation IP", n.EncapIP)
	var mappings []string
	for _, physnet := range slices.Sorted(maps.Keys(n.Mappings)) {
		mappings = append(mappings, physnet+":"+n.Mappings[physnet])
	}
	t.add("Bridge mappings", strings.Join(mappings, ", "))
	t.add("Open vSwitch", n.OVSVersion)
	t.add("Frozen", yes(n.Frozen))
	t.add("Confirmed revision", count(n.ConfirmedRevision))
	t.add("On the switch", fmt.Sprintf("%d ports, %d flows, %d groups, %d meters", n.Ports, n.Flows, n.Groups, n.Meters))
	if len(n.TablesFlows) > 0 {
		t.add("Flows by table", counts(n.TablesFlows))
		t.add("Flows by app", counts(n.AppsFlows))
	}
	s := &n.Counters
	t.add("Sent this session", fmt.Sprintf("%d flow-mods, %d group-mods, %d meter-mods, %d packet-outs",
		s.FlowMods, s.GroupMods, s.MeterMods, s.PacketOuts))
	t.add("Came up", fmt.Sprintf("%d packet-ins (%d dropped), %d errors", s.PacketIns, s.Dropped, s.Errors))
	t.add("Quarantined", count(len(n.Quarantined)))
	for _, q := range n.Quarantined {
		t.note(fmt.Sprintf("%s %s: %s", q.Kind, q.ID, q.Reason))
	}
	return t
}

func counts(list []admin.Count) string {
	words := make([]string, len(list))
	for i, c := range list {
		words[i] = fmt.Sprintf("%s %d", c.Name, c.Flows)
	}
	return strings.Join(words, ", ")
}

func connected(b bool) string {
	if b {
		return "connected"
	}
	return "not connected"
}
