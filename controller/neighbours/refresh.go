package neighbours

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// A neighbour is asked again after refreshAfter, and some part of refreshSpread: one that does not answer is gone before it is 120 s old.
const (
	refreshAfter  = 90 * time.Second
	refreshSpread = 20 * time.Second
	refreshLook   = askInterval / 2 // how often all of them are looked through
)

// row is a neighbour that is known. After a start all are taken to have been seen just then.
type row struct {
	number model.Number
	mac    model.MAC
	asks   int // since it was last seen
	due    time.Time
}

func (r *Resolver) refreshAt(now time.Time) time.Time {
	return now.Add(refreshAfter + r.cfg.Jitter(refreshSpread))
}

// learn writes where a neighbour is.
func (r *Resolver) learn(at place, mac model.MAC) {
	router := r.cfg.View().Router(at.router)
	if router == nil || router.Gateway == nil {
		return
	}
	n := model.Neighbour{RouterID: router.ID, NetworkID: router.Gateway.NetworkID, Address: at.addr, MAC: mac}
	r.later(func(ctx context.Context) error {
		changed, err := r.cfg.Store.LearnNeighbour(ctx, n)
		if changed {
			r.metrics.learned.Inc()
			r.cfg.Log.Info("neighbour outside", zap.String("router", n.RouterID), zap.Stringer("address", n.Address), zap.Stringer("mac", n.MAC))
		}
		return err
	})
}

// refresh asks for neighbours that have not been seen for long, and forgets those that do not answer.
func (r *Resolver) refresh(now time.Time) {
	if now.Sub(r.looked) < refreshLook {
		return
	}
	r.looked = now
	view := r.cfg.View()
	r.sync(view, now)
	var gone []model.Number
	for at, row := range r.rows {
		switch {
		case now.Before(row.due):
		case row.asks == maxAsks:
			gone = append(gone, row.number)
			delete(r.rows, at)
			r.metrics.forgotten.Inc()
		case r.ask(view, at):
			row.asks, row.due = row.asks+1, now.Add(askInterval)
		default: // none of the nodes is ours: what another replica sees, or nobody, is not known here
			row.asks, row.due = 0, r.refreshAt(now)
		}
	}
	if len(gone) > 0 {
		r.cfg.Log.Info("neighbours outside no longer answer", zap.Int("neighbours", len(gone)))
		r.later(func(ctx context.Context) error { return r.cfg.Store.ForgetNeighbours(ctx, gone) })
	}
}

// sync takes over which neighbours there are.
func (r *Resolver) sync(v *topology.View, now time.Time) {
	if v.Version == r.synced {
		return
	}
	r.synced = v.Version
	was := r.rows
	r.rows = make(map[place]*row, len(was))
	v.Routers(func(router *model.Router) {
		for _, n := range v.NeighboursOf(router.Number) {
			at := place{router.Number, n.Address}
			known := was[at]
			if known == nil || known.number != n.Number {
				known = &row{number: n.Number, due: r.refreshAt(now)}
			}
			known.mac = n.MAC
			r.rows[at] = known
		}
	})
}

// ask sends one request by the gateway node, or by another that serves the router.
func (r *Resolver) ask(v *topology.View, at place) bool {
	router := v.Router(at.router)
	if router == nil || router.Gateway == nil {
		return false
	}
	if r.askFrom(v, router.Gateway.Node, router, at) {
		return true
	}
	for _, f := range v.FloatingIPsOf(at.router) {
		if node := v.ServesFloatingIP(f.Number); node != router.Gateway.Node && r.askFrom(v, node, router, at) {
			return true
		}
	}
	return false
}

func (r *Resolver) askFrom(v *topology.View, number model.Number, router *model.Router, at place) bool {
	node := v.Node(number)
	if node == nil {
		return false
	}
	var out flow.PacketOut
	out, ok := r.cfg.Ask(v, node, router, at.addr)
	if !ok || r.cfg.Send(number, out) != nil {
		return false
	}
	r.metrics.asks.Inc()
	return true
}
