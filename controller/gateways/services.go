package gateways

import (
	"time"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
)

// reasonUplink: its node no longer hangs on the fabric.
const reasonUplink = "uplink"

// serve gives a node to each router interface on a network that has bare metal: one that hangs on the network's fabric, and routes for what
// cannot route for itself. It returns the moves.
func (k *Keeper) serve(v *topology.View, dead map[model.Number]bool, was map[model.Ref]decision, now time.Time) []move {
	var list []move
	for _, port := range v.ServicePorts() {
		network := v.NetworkByID(v.Port(port).NetworkID)
		fabric := v.FabricOf(network)
		if fabric == nil {
			continue
		}
		var at model.Service // of no node, unless there is a row
		if row := v.ServiceOf(port); row != nil {
			at = *row
		}
		k.serving[at.Node] = true
		reason := k.whyServe(v, at, network, fabric, dead, now)
		if reason == "" {
			continue
		}
		ref := model.Ref{Kind: model.KindPort, Number: port}
		if d, ok := was[ref]; ok && d.generation == at.Generation && now.Sub(d.at) < decisionKept {
			k.decided[ref] = d
			continue
		}
		var nodes []*model.Node
		for _, n := range k.candidates(v, network.PhysicalNetwork, now) {
			if _, hangs := fabric.UplinkOf(n.Number); hangs {
				nodes = append(nodes, n)
			}
		}
		if to := choose(v.Port(port).ID, nodes); to != nil && to.Number != at.Node {
			k.decided[ref] = decision{at.Generation, now}
			list = append(list, move{ref, v.Port(port).ID, at.Generation, at.Node, to.Number, reason})
		}
	}
	return list
}

// whyServe says why a service needs a node, or another one; "" if it does not.
func (k *Keeper) whyServe(v *topology.View, at model.Service, network *model.Network, fabric *topology.Fabric, dead map[model.Number]bool, now time.Time) string {
	n := v.Node(at.Node)
	hangs := false
	if n != nil {
		_, hangs = fabric.UplinkOf(n.Number)
	}
	switch {
	case dead[at.Node]:
		return reasonDead
	case n != nil && hasWayOut(n, network.PhysicalNetwork) && hangs:
		return ""
	case k.settling(v, now):
		return ""
	case at.Node == 0:
		return reasonFirst
	case n == nil:
		return reasonGone
	case !hangs:
		return reasonUplink
	}
	return reasonMapping
}
