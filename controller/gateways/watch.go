package gateways

import (
	"slices"
	"time"

	"github.com/planck-sdn/planck/apps/l2"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
)

// Times and numbers after which a node is dead.
const (
	goneAfter     = 3 * time.Second // without a session that answers
	probeRounds   = 3               // without an answer
	probeInterval = 300 * time.Millisecond
	probePeers    = 3 // that each round goes through

	probeAfter   = goneAfter - probeRounds*probeInterval
	pingInterval = time.Second
	pingPatience = time.Second // a switch that has not answered by then does not answer
)

// watched is a node that serves routers, or could. It is alive while its session answers, or probes through other nodes do.
type watched struct {
	pinging  bool
	pingedAt time.Time // when the last ping was sent
	gone     time.Time // since when no session answers; zero: one does

	rounds   int // of probes since the node last answered
	probedAt time.Time
	bounced  time.Time // when a probe last came back
}

// probe is one that is under way.
type probe struct {
	node model.Number // in question
	sent time.Time
}

// dead tells whether neither a session nor a probe gives any sign of the node.
func (w *watched) dead(now time.Time) bool {
	unanswered := w.rounds > probeRounds || w.rounds == probeRounds && now.Sub(w.probedAt) >= probeInterval
	return !w.gone.IsZero() && now.Sub(w.gone) >= goneAfter && unanswered
}

// alive tells whether there has been a sign of the node within goneAfter.
func (w *watched) alive(now time.Time) bool {
	return w.gone.IsZero() || !w.bounced.IsZero() && now.Sub(w.bounced) < goneAfter
}

// pinged takes the outcome of a ping. One that fails says nothing by itself: its session may have been replaced.
func (w *watched) pinged(answered bool, now time.Time) {
	w.pinging = false
	if answered {
		w.gone, w.rounds = time.Time{}, 0
	} else if w.gone.IsZero() {
		w.gone = w.pingedAt
	}
	w.pingedAt = now
}

// pinged takes the outcome of a ping.
func (k *Keeper) pinged(node model.Number, answered bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	w := k.nodes[node]
	if w == nil {
		return
	}
	if answered && !w.gone.IsZero() {
		k.looked = time.Time{} // a router may have waited for this node
	}
	w.pinged(answered, k.cfg.Now())
}

// watch notes which sessions are there, sends what probes are due, and returns the nodes to be pinged.
func (k *Keeper) watch(v *topology.View, now time.Time) (pings []model.Number) {
	present := map[model.Number]bool{}
	v.Nodes(func(n *model.Node) {
		if len(n.Mappings) == 0 && k.nodes[n.Number] == nil {
			return // no way out, and never had one
		}
		present[n.Number] = true
		w := k.nodes[n.Number]
		if w == nil {
			w = &watched{gone: now} // until its switch answers
			k.nodes[n.Number] = w
		}
		switch connected := k.cfg.Connected(n.Number); {
		case !connected && w.gone.IsZero():
			w.gone = now
		case connected && w.pinging && w.gone.IsZero() && now.Sub(w.pingedAt) >= pingPatience:
			w.gone = w.pingedAt
		case connected && !w.pinging && (now.Sub(w.pingedAt) >= pingInterval || !w.gone.IsZero() && now.Sub(w.pingedAt) >= tickInterval):
			w.pinging, w.pingedAt = true, now
			pings = append(pings, n.Number)
		}
	})
	for number := range k.nodes {
		if !present[number] {
			delete(k.nodes, number)
		}
	}
	k.probe(v, now)
	return pings
}

// probe asks for the nodes that serve routers and have no session that answers.
func (k *Keeper) probe(v *topology.View, now time.Time) {
	for nonce, p := range k.probes {
		if now.Sub(p.sent) >= goneAfter {
			delete(k.probes, nonce)
		}
	}
	for number, w := range k.nodes {
		if !k.serving[number] || w.gone.IsZero() || now.Sub(w.gone) < probeAfter || now.Sub(w.probedAt) < probeInterval ||
			!w.bounced.IsZero() && now.Sub(w.bounced) < probeAfter {
			continue
		}
		if k.probeNode(v, v.Node(number), w, now) {
			w.rounds, w.probedAt = w.rounds+1, now
			k.metrics.probes.Inc()
		}
	}
}

// probeNode sends one round of probes, and tells whether any peer could.
func (k *Keeper) probeNode(v *topology.View, suspect *model.Node, w *watched, now time.Time) bool {
	if !suspect.EncapIP.Is4() {
		return false
	}
	var peers []*model.Node
	v.Nodes(func(n *model.Node) {
		if n.Number != suspect.Number && n.TunnelPort != 0 && n.EncapIP.Is4() && k.cfg.Connected(n.Number) {
			if p := k.nodes[n.Number]; p == nil || p.gone.IsZero() {
				peers = append(peers, n)
			}
		}
	})
	sent := 0
	for i := range peers { // other peers each round, as far as there are others
		peer := peers[(w.rounds*probePeers+i)%len(peers)]
		nonce := k.cfg.Nonce()
		if nonce == 0 || k.cfg.Send(peer.Number, l2.Probe(peer, suspect, nonce)) != nil {
			continue
		}
		k.probes[nonce] = probe{suspect.Number, now}
		if sent++; sent == probePeers {
			break
		}
	}
	return sent > 0
}

// Bounced takes a probe that has come back.
func (k *Keeper) Bounced(nonce uint64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	p, ours := k.probes[nonce]
	if !ours {
		return
	}
	delete(k.probes, nonce)
	if w := k.nodes[p.node]; w != nil {
		w.bounced, w.rounds = k.cfg.Now(), 0
		k.metrics.answers.Inc()
	}
}

// candidates lists the nodes that are alive and have a physical network's bridge. A frozen node keeps the routers that it serves, and gets
// no others, as it would not be told of them.
func (k *Keeper) candidates(v *topology.View, physnet string, now time.Time) []*model.Node {
	var list []*model.Node
	for number, w := range k.nodes {
		if n := v.Node(number); n != nil && !n.Frozen && w.alive(now) && hasWayOut(n, physnet) {
			list = append(list, n)
		}
	}
	slices.SortFunc(list, func(a, b *model.Node) int { return int(a.Number) - int(b.Number) })
	return list
}

func hasWayOut(n *model.Node, physnet string) bool {
	m, ok := n.Mapping(physnet)
	return ok && m.PatchPort != 0
}
