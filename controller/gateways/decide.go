package gateways

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
)

// move is a router, or a router's interface on a network with bare metal, that is to be served by another node.
type move struct {
	model.Ref
	id         string
	generation int64 // of what it moves away from
	from, to   model.Number
	reason     string
}

// Reasons for a move, as they stand in metrics.
const (
	reasonFirst   = "first"   // no node served it
	reasonDead    = "dead"    // its node is dead
	reasonGone    = "gone"    // its node is no longer in the topology
	reasonMapping = "mapping" // its node has lost the bridge to the external network
)

// decision is what was decided last for what a move moves: it is not decided again until the row is there, or could not be written.
type decision struct {
	generation int64
	at         time.Time
}

const (
	// decisionKept is for how long a decision is waited for.
	decisionKept = 10 * time.Second
	// lookInterval is how often the routers are looked through although nothing has changed in the topology.
	lookInterval = time.Second
)

// decide gives routers a node, and another one to those whose node is dead. Without a node that is alive and has the bridge a router
// stays where it is.
func (k *Keeper) decide(v *topology.View, now time.Time) {
	dead := map[model.Number]bool{}
	for number, w := range k.nodes {
		if w.dead(now) {
			dead[number] = true
		}
	}
	if v.Version == k.seen && len(dead) == 0 && now.Sub(k.looked) < lookInterval {
		return
	}
	if len(k.moves) > 0 {
		return // the last list is still being written
	}
	k.seen, k.looked = v.Version, now
	was, candidates := k.decided, map[string][]*model.Node{}
	k.decided, k.serving = map[model.Ref]decision{}, map[model.Number]bool{}
	var list []move
	v.Routers(func(r *model.Router) {
		network := externalNetwork(v, r)
		if network == nil {
			return
		}
		k.serving[r.Gateway.Node] = true
		reason := k.why(v, r, network, dead, now)
		if reason == "" {
			return
		}
		if d, ok := was[r.Ref()]; ok && d.generation == r.Gateway.Generation && now.Sub(d.at) < decisionKept {
			k.decided[r.Ref()] = d
			return
		}
		nodes, known := candidates[network.PhysicalNetwork]
		if !known {
			nodes = k.candidates(v, network.PhysicalNetwork, now)
			candidates[network.PhysicalNetwork] = nodes
		}
		if to := choose(r.ID, nodes); to != nil {
			k.decided[r.Ref()] = decision{r.Gateway.Generation, now}
			list = append(list, move{r.Ref(), r.ID, r.Gateway.Generation, r.Gateway.Node, to.Number, reason})
		}
	})
	list = append(list, k.serve(v, dead, was, now)...)
	if len(list) > 0 {
		k.moves <- list
	}
}

func externalNetwork(v *topology.View, r *model.Router) *model.Network {
	if r.Gateway == nil {
		return nil
	}
	return v.NetworkByID(r.Gateway.NetworkID)
}

// why says why a router needs a node, or another one; "" if it does not.
func (k *Keeper) why(v *topology.View, r *model.Router, network *model.Network, dead map[model.Number]bool, now time.Time) string {
	serving := v.Node(r.Gateway.Node)
	switch {
	case dead[r.Gateway.Node]:
		return reasonDead
	case r.Gateway.Node != 0 && serving != nil && hasWayOut(serving, network.PhysicalNetwork):
		return ""
	case k.settling(v, now):
		return ""
	case r.Gateway.Node == 0:
		return reasonFirst
	case serving == nil:
		return reasonGone
	}
	return reasonMapping
}

// settling tells whether nodes may still be on their way here after a start: what is chosen before all are there would go to the first.
func (k *Keeper) settling(v *topology.View, now time.Time) bool {
	if now.Sub(k.started) >= goneAfter {
		return false
	}
	for _, w := range k.nodes {
		if !w.alive(now) {
			return true
		}
	}
	return false
}

// choose is rendezvous hashing: the node with the highest hash of router and node, so that of two nodes' routers none moves when a third
// comes or goes.
func choose(routerID string, nodes []*model.Node) (best *model.Node) {
	var highest uint64
	for _, n := range nodes {
		sum := sha256.Sum256([]byte(routerID + "/" + n.SystemID))
		if weight := binary.BigEndian.Uint64(sum[:]); best == nil || weight > highest {
			best, highest = n, weight
		}
	}
	return best
}
