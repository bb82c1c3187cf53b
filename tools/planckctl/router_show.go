package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/northbound/admin"
)

func newRouterShow(t *tool) *cobra.Command {
	return &cobra.Command{
		Use:   "show ID|NAME",
		Short: "Show a router: which nodes serve it and its floating IPs, its interfaces, routes, and neighbours outside",
		Example: `  planckctl router show edge
  planckctl router show 9e1d2d3e-0000-4000-8000-000000000001 -o json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: t.completeArgs("router"),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := t.idOf(c.Context(), "router", args[0])
			if err != nil {
				return err
			}
			var r admin.Router
			return t.show(c.Context(), request{path: adminPath("routers", id)}, &r, func() *table { return routerTable(&r) })
		},
	}
}

func routerTable(r *admin.Router) *table {
	t := &table{}
	t.add("ID", r.ID)
	t.add("Name", r.Name)
	t.add("Project", r.ProjectID)
	t.add("Admin state", upOrDown(r.AdminStateUp))
	t.add("Tunnel key", count(r.Key))
	t.add("Gateway node", gatewayNode(r.Gateway))
	if g := r.Gateway; g != nil {
		t.note(fmt.Sprintf("generation %d", g.Generation))
		t.add("External network", g.NetworkID)
		t.note(fmt.Sprintf("%s, %s, port %s", strings.Join(g.Addresses, ", "), g.MAC, g.PortID))
		if g.EnableSNAT {
			t.add("Source NAT", fmt.Sprintf("conntrack zone %d", g.Zone))
		} else {
			t.add("Source NAT", "off")
		}
	}
	for _, i := range r.Interfaces {
		t.add("Interface", strings.Join(i.Addresses, ", "))
		t.note(fmt.Sprintf("%s, network %s, port %s, %s", i.MAC, i.NetworkID, i.PortID, upOrDown(i.AdminStateUp)))
		if i.Node != "" {
			t.note("bare metal is routed on " + i.Node)
		}
	}
	for _, route := range r.Routes {
		t.add("Route", route.Destination+" via "+route.NextHop)
	}
	for _, f := range r.FloatingIPs {
		node := "served by no node"
		if f.Node != "" {
			node = "on " + f.Node
		}
		t.add("Floating IP", f.Address+" for "+f.FixedIP+", "+node)
		t.note("port " + f.PortID)
	}
	for _, n := range r.Neighbours {
		t.add("Neighbour", n.Address+" at "+n.MAC+" since "+n.Since.UTC().Format(time.RFC3339))
	}
	return t
}

func upOrDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}
