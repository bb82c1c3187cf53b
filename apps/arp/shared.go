package arp

import (
	"net/netip"

	"github.com/planck-sdn/planck/apps/l2"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
)

// shared renders an address that several ports may use, as with VRRP: it is nobody's, so the request goes to all of
// them. Each of the ports renders the same entries.
func shared(c *pipeline.Context, n *model.Network, ip netip.Addr, claims []topology.Claim) {
	ports := make([]*model.Port, len(claims))
	for i, claim := range claims {
		ports[i] = claim.Port
	}
	here, everywhere := l2.Receivers(c, n, ports)
	if len(everywhere) > 0 {
		c.Flow(ruleShared, pipeline.Answer, priorityAnswer, request(n, ip, pipeline.FromPort), everywhere)
	}
	if len(here) > 0 && n.NetworkType != model.NetworkVXLAN {
		c.Flow(ruleShared, pipeline.Answer, priorityAnswer, request(n, ip, pipeline.FromBridge), here)
	}
}
