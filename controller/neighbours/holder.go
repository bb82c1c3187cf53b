package neighbours

import (
	"context"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model"
)

// holderInterval is how often the holder of one address may be written, and maxClaims how many addresses' are looked at within that
// time: ports that fight for an address must not keep the database busy.
const (
	holderInterval = time.Second
	maxClaims      = 4096
)

// claimed is an address that several ports may use.
type claimed struct {
	networkID string
	addr      netip.Addr
}

// claim is the last announcement of an address.
type claim struct {
	waiting *model.Holder // to be written; nil: none
	next    time.Time     // when it may be
}

// holder takes a port's announcement of an address.
func (r *Resolver) holder(h model.Holder, now time.Time) {
	key := claimed{h.NetworkID, h.Address}
	c := r.claims[key]
	if view := r.cfg.View(); c == nil {
		network := view.NetworkByID(h.NetworkID)
		if network == nil || len(r.claims) == maxClaims {
			return
		}
		if p := view.HolderOf(network.Number, h.Address); p != nil && p.ID == h.PortID {
			return
		}
		c = &claim{next: now}
		r.claims[key] = c
	}
	c.waiting = &h
	r.settle(c, now)
}

// settle writes an announcement, if it may be written by now. That it says nothing new is for the store to see: the view may not show
// yet what was written before.
func (r *Resolver) settle(c *claim, now time.Time) {
	if c.waiting == nil || now.Before(c.next) {
		return
	}
	h := *c.waiting
	c.waiting, c.next = nil, now.Add(holderInterval)
	r.later(func(ctx context.Context) error {
		changed, err := r.cfg.Store.SetHolder(ctx, h)
		if changed {
			r.metrics.holders.Inc()
			r.cfg.Log.Info("address has moved", zap.Stringer("address", h.Address), zap.String("port", h.PortID))
		}
		return err
	})
}

func (r *Resolver) settleClaims(now time.Time) {
	for key, c := range r.claims {
		r.settle(c, now)
		if c.waiting == nil && !now.Before(c.next) {
			delete(r.claims, key)
		}
	}
}
