package neighbours

import (
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// question is a neighbour that packets wait for. Once it is answered it stays until its row is there.
type question struct {
	askers []asker
	asks   int
	due    time.Time
	held   []held
	drop   flow.Encoded
	answer model.MAC // the zero MAC: none yet
}

// asker is a node that has asked.
type asker struct {
	node model.Number
	ask  flow.PacketOut
}

// held is a packet that waits.
type held struct {
	node        model.Number
	release     func(model.MAC) flow.PacketOut
	unreachable []flow.PacketOut
	bytes       int
}

// question takes a packet for a neighbour.
func (r *Resolver) question(node model.Number, q *pipeline.Question, now time.Time) {
	at := place{q.Router, q.Address}
	asked := r.questions[at]
	if asked != nil && asked.answer != (model.MAC{}) {
		r.send(node, q.Release(asked.answer))
		return
	}
	view := r.cfg.View()
	if known := view.NeighbourAt(q.Router, q.Address); known != nil { // its entry is on the way
		r.send(node, q.Release(known.MAC))
		return
	}
	if asked == nil {
		if r.perRouter[q.Router]+len(view.NeighboursOf(q.Router)) >= model.MaxNeighbours {
			r.metrics.refused.Inc()
			r.unreachable(held{node: node, unreachable: q.Unreachable})
			r.cfg.Pass(node, q.Drop)
			return
		}
		r.metrics.questions.Inc()
		asked = &question{asks: 1, due: now.Add(askInterval)}
		r.questions[at] = asked
		r.perRouter[q.Router]++
	}
	asked.drop = q.Drop
	if !slices.ContainsFunc(asked.askers, func(a asker) bool { return a.node == node }) {
		asked.askers = append(asked.askers, asker{node, q.Ask})
		r.metrics.asks.Inc()
		r.send(node, q.Ask)
	}
	r.hold(asked, held{node: node, release: q.Release, unreachable: q.Unreachable})
}

// hold keeps a packet, if there is room.
func (r *Resolver) hold(q *question, h held) {
	h.bytes = len(h.release(model.MAC{}).Data)
	for _, u := range h.unreachable {
		h.bytes += len(u.Data)
	}
	if len(q.held) == maxHeld || r.heldBytes+h.bytes > maxHeldBytes {
		r.metrics.dropped.Inc()
		return
	}
	q.held = append(q.held, h)
	r.heldBytes += h.bytes
}

// sighting takes an ARP reply. Only who was asked is believed.
func (r *Resolver) sighting(s *pipeline.Sighting, now time.Time) {
	at := place{s.Router, s.Address}
	if s.MAC == (model.MAC{}) || s.MAC[0]&1 != 0 { // no host's
		r.metrics.unasked.Inc()
		return
	}
	q, row := r.questions[at], r.rows[at]
	switch {
	case q != nil && q.answer == (model.MAC{}):
		r.metrics.answered.Inc()
		q.answer, q.due = s.MAC, now.Add(answerKept)
		for _, h := range r.take(q) {
			r.send(h.node, h.release(s.MAC))
		}
		r.learn(at, s.MAC)
	case row != nil && row.asks > 0:
		row.asks, row.due = 0, r.refreshAt(now)
		if row.mac != s.MAC {
			r.learn(at, s.MAC)
		}
	default:
		r.metrics.unasked.Inc()
	}
}

// take empties what a question holds.
func (r *Resolver) take(q *question) []held {
	list := q.held
	q.held = nil
	for _, h := range list {
		r.heldBytes -= h.bytes
	}
	return list
}

// askAgain deals with questions that have waited long enough: senders are told, further packets are dropped where they come from, and
// the neighbour is asked again some times.
func (r *Resolver) askAgain(now time.Time) {
	for at, q := range r.questions {
		if now.Before(q.due) {
			continue
		}
		answered := q.answer != (model.MAC{})
		if !answered {
			for _, h := range r.take(q) {
				r.unreachable(h)
			}
			for _, a := range q.askers {
				r.cfg.Pass(a.node, q.drop)
			}
		}
		if answered || q.asks == maxAsks {
			if !answered {
				r.metrics.unanswered.Inc()
			}
			delete(r.questions, at)
			if r.perRouter[at.router]--; r.perRouter[at.router] == 0 {
				delete(r.perRouter, at.router)
			}
			continue
		}
		q.asks, q.due = q.asks+1, now.Add(askInterval)
		for _, a := range q.askers {
			r.metrics.asks.Inc()
			r.send(a.node, a.ask)
		}
	}
}

func (r *Resolver) unreachable(h held) {
	for _, u := range h.unreachable {
		r.send(h.node, u)
	}
}

func (r *Resolver) send(node model.Number, out flow.PacketOut) {
	if err := r.cfg.Send(node, out); err != nil {
		r.cfg.Log.Debug("packet not sent", zap.Uint64("node", uint64(node)), zap.Error(err))
	}
}
