package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/northbound/admin"
)

func newSwitchList(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the physical switches: declared ones, and those that have called and wait to be declared",
		Example: `  planckctl switch list
  planckctl switch list -o json | jq -r '.switches[] | select(.declared | not) | .datapath_id'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var answer struct{ Switches []admin.Switch }
			return t.show(c.Context(), request{path: adminPath("switches")}, &answer, func() *table { return switchesTable(answer.Switches) })
		},
	}
}

func switchesTable(switches []admin.Switch) *table {
	t := &table{}
	t.add("NAME", "DATAPATH ID", "STATE", "PHYSICAL NETWORK", "DRIVER", "PORTS UP", "CONFIRMED", "FLOWS", "GROUPS", "METERS", "PROBLEM")
	for i := range switches {
		s := &switches[i]
		t.add(s.Name, s.DatapathID, s.State, s.PhysicalNetwork, s.Driver, fmt.Sprintf("%d of %d", s.PortsUp, s.PortsTotal), count(s.ConfirmedRevision),
			count(s.Flows), count(s.Groups), use(s.Meters, s.MaxMeters), s.Problem)
		if !s.Declared {
			t.note(called(s))
		}
	}
	return t
}

// called tells from where a switch that is not declared has called, and what to do about it.
func called(s *admin.Switch) string {
	text := "called from " + s.Address
	if s.LastSeen != nil {
		text += ", last at " + s.LastSeen.UTC().Format(time.RFC3339)
	}
	return text + ": planckctl switch declare " + s.DatapathID + " --name NAME --physical-network NETWORK"
}
