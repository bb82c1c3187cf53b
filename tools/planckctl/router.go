package main

import "github.com/planck-sdn/planck/northbound/admin"

// gatewayNode is how a router's gateway node is shown.
func gatewayNode(g *admin.RouterGateway) string {
	switch {
	case g == nil:
		return ""
	case g.Node == "":
		return "none can serve it"
	}
	return g.Node
}
