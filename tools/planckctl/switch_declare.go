package main

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/planck-sdn/planck/northbound/admin"
)

func newSwitchDeclare(t *tool) *cobra.Command {
	var d admin.SwitchDeclaration
	var uplinks []string
	c := &cobra.Command{
		Use:   "declare DATAPATH-ID",
		Short: "Declare a physical switch, or declare it anew",
		Long: `Declares the physical switch with a datapath id, which is refused before, or declares it anew: what is said now replaces all that was
said before. An uplink is a port behind which is a node's mapped bridge (PORT=HOSTNAME), or the world outside (PORT). Links between
switches, and uplinks to nodes, are found by LLDP too. Bare metal is bound by its ports' binding:profile, and not here.`,
		Example: `  planckctl switch declare 00004e5f6a7b8c9d --name leaf1 --physical-network dc
  planckctl switch declare 4e:5f:6a:7b:8c:9d --name leaf1 --physical-network dc --uplink eth49=compute1 --uplink eth50`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: t.completeArgs("undeclared"),
		RunE: func(c *cobra.Command, args []string) error {
			d.Uplinks = []admin.SwitchUplink{}
			for _, u := range uplinks {
				port, hostname, named := strings.Cut(u, "=")
				if port == "" || named && hostname == "" {
					return fmt.Errorf("--uplink is PORT or PORT=HOSTNAME, not %q", u)
				}
				d.Uplinks = append(d.Uplinks, admin.SwitchUplink{Port: port, Hostname: hostname})
			}
			var s admin.Switch
			r := request{method: http.MethodPut, path: adminPath("switches", args[0]), body: d}
			return t.show(c.Context(), r, &s, func() *table { return switchTable(&s) })
		},
	}
	flags := c.Flags()
	flags.StringVar(&d.Name, "name", "", "what it is called")
	flags.StringVar(&d.PhysicalNetwork, "physical-network", "", "physical network that it belongs to (provider:physical_network)")
	flags.StringVar(&d.Driver, "driver", "", "driver to be used, whatever the switch says it is (planckctl switch drivers)")
	flags.StringArrayVar(&uplinks, "uplink", nil, "PORT=HOSTNAME, or PORT for the world outside; may be given several times")
	_ = c.MarkFlagRequired("name")
	_ = c.MarkFlagRequired("physical-network")
	t.completeFlag(c, "driver", "driver")
	for _, flag := range []string{"name", "physical-network", "uplink"} {
		_ = c.RegisterFlagCompletionFunc(flag, cobra.NoFileCompletions)
	}
	return c
}
