package cluster

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
)

// reclaimInterval is how often identifiers that were freed are looked at, while there are any.
const reclaimInterval = 2 * time.Second

// Reclaimer gives freed identifiers back once every node has confirmed the change that freed them.
type Reclaimer struct {
	store    *store.Store
	log      *zap.Logger
	horizons func() map[model.Number]uint64
}

// NewReclaimer returns a reclaimer; horizons tells, for each switch that this replica is master of and in step with,
// below which every transaction is on it.
func NewReclaimer(s *store.Store, log *zap.Logger, horizons func() map[model.Number]uint64) *Reclaimer {
	return &Reclaimer{store: s, log: log, horizons: horizons}
}

// Run reclaims until ctx ends.
func (r *Reclaimer) Run(ctx context.Context) {
	tick := time.NewTicker(reclaimInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := r.reclaim(ctx); err != nil && ctx.Err() == nil {
			r.log.Warn("freed identifiers not reclaimed", zap.Error(err))
		}
	}
}

func (r *Reclaimer) reclaim(ctx context.Context) error {
	pending, err := r.store.PendingReclaims(ctx)
	if err != nil || !pending {
		return err
	}
	if err := r.store.Confirm(ctx, r.horizons()); err != nil {
		return err
	}
	freed, err := r.store.Reclaim(ctx)
	if freed > 0 {
		r.log.Info("identifiers are free again", zap.Int("count", freed))
	}
	return err
}
