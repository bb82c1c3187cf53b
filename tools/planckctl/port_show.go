package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/northbound/admin"
)

func newPortShow(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:   "show ID|NAME",
		Short: "Show a port: where it is plugged, what the switches have confirmed, what DHCP last said",
		Example: `  planckctl port show web1
  planckctl port show 6f1c2d3e-0000-4000-8000-000000000001 -o json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: t.completeArgs("port"),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := t.idOf(c.Context(), "port", args[0])
			if err != nil {
				return err
			}
			var p admin.Port
			return t.show(c.Context(), request{path: adminPath("ports", id)}, &p, func() *table { return portTable(&p) })
		},
	}
}

func portTable(p *admin.Port) *table {
	t := &table{}
	t.add("ID", p.ID)
	t.add("Name", p.Name)
	t.add("Project", p.ProjectID)
	t.add("Network", p.NetworkID)
	t.add("MAC address", p.MAC)
	t.add("Fixed IPs", strings.Join(p.FixedIPs, ", "))
	t.add("Device owner", p.DeviceOwner)
	t.add("Admin state", upOrDown(p.AdminStateUp))
	t.add("Status", p.Status)
	t.add("Reason", p.StatusReason)
	t.add("Binding", strings.TrimSpace(p.VIFType+" "+p.HostID))
	t.add("Last DHCP", p.LastDHCP)
	if len(p.Plugged) == 0 {
		t.add("Plugged", "nowhere")
	}
	for _, at := range p.Plugged {
		t.add("Plugged", at.Node+", "+at.Interface+", ofport "+count(at.Ofport))
		t.note("active " + yes(at.Active) + ", attached " + yes(at.Attached) + ", confirmed " + yes(at.Confirmed))
	}
	return t
}
