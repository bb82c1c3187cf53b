package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/northbound/admin"
)

func newSwitchShow(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:   "show SWITCH",
		Short: "Show a physical switch: what it is, how full its tables are, and what hangs on it",
		Example: `  planckctl switch show leaf1
  planckctl switch show 00004e5f6a7b8c9d -o json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: t.completeArgs("switch"),
		RunE: func(c *cobra.Command, args []string) error {
			var s admin.Switch
			return t.show(c.Context(), request{path: adminPath("switches", args[0])}, &s, func() *table { return switchTable(&s) })
		},
	}
}

func switchTable(s *admin.Switch) *table {
	t := &table{}
	t.add("Name", s.Name)
	t.add("Datapath id", s.DatapathID)
	t.add("State", s.State)
	if !s.Declared {
		t.note(called(s))
		return t
	}
	t.add("Problem", s.Problem)
	t.add("Physical network", s.PhysicalNetwork)
	t.add("Description", strings.Join(notEmpty(s.Manufacturer, s.Hardware, s.Software, s.SerialNumber), ", "))
	t.add("Driver", s.Driver)
	if s.DriverOverride != "" {
		t.note("chosen by the operator: " + s.DriverOverride)
	}
	t.add("OpenFlow", word(s.OpenFlowConnected, "connected from "+s.Address))
	t.add("Master", yes(s.Master))
	t.add("Frozen", yes(s.Frozen))
	t.add("Confirmed revision", count(s.ConfirmedRevision))
	t.add("Ports", fmt.Sprintf("%d of %d up", s.PortsUp, s.PortsTotal))
	t.add("Flows", count(s.Flows))
	for _, table := range s.Tables {
		t.note(fmt.Sprintf("%d %s: %s", table.ID, table.Name, use(table.Flows, table.MaxEntries)) +
			word(len(table.Lacks) > 0, "; cannot match "+strings.Join(table.Lacks, ", ")))
	}
	t.add("Groups", count(s.Groups))
	t.add("Meters", use(s.Meters, s.MaxMeters))
	for _, u := range s.Uplinks {
		t.add("Uplink", "port "+u.Port+" to "+outsideOr(u.Hostname))
	}
	for _, l := range s.Links {
		t.add("Link", linkEnd(l.A)+" to "+linkEnd(l.B)+", "+tree(l))
	}
	for _, p := range s.Ports {
		for _, h := range p.Hosts {
			t.add("Bare metal", portName(p.Number, p.Name)+": "+hosts([]admin.SwitchHost{h})+", "+h.MAC+", "+h.Status)
		}
	}
	for _, q := range s.Quarantined {
		t.add("Quarantined", q.Kind+" "+q.ID)
		t.note(q.Reason)
	}
	return t
}

func notEmpty(words ...string) []string {
	var list []string
	for _, w := range words {
		if w != "" {
			list = append(list, w)
		}
	}
	return list
}
