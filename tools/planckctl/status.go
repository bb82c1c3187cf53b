package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/northbound/admin"
)

func newStatus(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Whether all is well",
		Long: `Shows the state of the controller: its replicas, its database, how far the nodes are, and the ports that are up, have a host or are
plugged, and yet are not ACTIVE. One that waits for its VM to be started is none of the problems, which are what somebody has to do
something about. Exit code 0: there are no problems; 1: there are some; 2: the controller cannot be asked.`,
		Example: `  planckctl status
  planckctl status >/dev/null || echo "look at Planck"`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var s admin.Status
			err := t.show(c.Context(), request{path: adminPath("status")}, &s, func() *table { return statusTable(&s) })
			if err == nil && len(s.Problems) > 0 {
				err = errBadNews
			}
			return err
		},
	}
}

func statusTable(s *admin.Status) *table {
	t := &table{}
	t.add("Controller", fmt.Sprintf("%s, version %s, since %s", s.Replica, s.Version, s.StartedAt.Format(time.RFC3339)))
	t.add("Cloud", s.Cloud)
	t.add("Database", s.Database)
	t.add("Revision", count(s.Revision))
	t.add("Topology", fmt.Sprintf("%d networks, %d subnets, %d ports", s.Networks, s.Subnets, s.Ports))
	for _, r := range s.Replicas {
		t.add("Replica "+r.Name, fmt.Sprintf("master of %d nodes", r.Nodes))
	}
	t.add("Nodes", fmt.Sprintf("%d, of which %d connected, %d converged", s.NodesTotal, s.NodesConnected, s.NodesConverged))
	t.add("Ports not ACTIVE", count(s.PortsNotActive))
	for _, p := range s.NotActive {
		name := fmt.Sprintf("%s (%s)", p.ID, p.Name)
		if p.Node != "" {
			name += " on " + p.Node
		}
		t.note(fmt.Sprintf("%s: %s, %s", name, p.Status, p.Reason))
	}
	if more := s.PortsNotActive - len(s.NotActive); more > 0 {
		t.note(fmt.Sprintf("and %d more", more))
	}
	if len(s.Problems) == 0 {
		t.add("Problems", "none")
		return t
	}
	t.add("Problems", count(len(s.Problems)))
	for _, p := range s.Problems {
		t.note(p)
	}
	return t
}
