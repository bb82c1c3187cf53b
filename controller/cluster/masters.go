package cluster

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
)

// leaseTime is how long a mastership lasts without being renewed. A replica that cannot renew goes on speaking: if another
// has taken over, its higher generation makes the switch refuse this one (OpenFlow 1.3.5, 6.3.4).
const leaseTime = 15 * time.Second

// Masters holds this replica's masterships of switches.
type Masters struct {
	store   *store.Store
	replica string
	log     *zap.Logger

	mu          sync.Mutex
	generations map[model.Number]uint64
}

// NewMasters returns an empty holder for a replica, whose name stays the same across restarts and is no other's.
func NewMasters(s *store.Store, replica string, log *zap.Logger) *Masters {
	return &Masters{store: s, replica: replica, log: log, generations: map[model.Number]uint64{}}
}

// Generation returns the generation under which this replica is master of a node's switch, acquiring the mastership if
// need be. It fails while another replica has it.
func (m *Masters) Generation(ctx context.Context, node model.Number) (uint64, error) {
	m.mu.Lock()
	generation, ok := m.generations[node]
	m.mu.Unlock()
	if ok {
		return generation, nil
	}
	got, err := m.store.AcquireMasters(ctx, m.replica, []model.Number{node}, leaseTime)
	if err != nil {
		return 0, err
	}
	if generation, ok = got[node]; !ok {
		return 0, fmt.Errorf("another replica is master of node %d", node)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.generations[node] = generation
	return generation, nil
}

// IsMaster tells whether this replica holds a node's mastership, as far as it knows.
func (m *Masters) IsMaster(node model.Number) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.generations[node]
	return ok
}

// Lost drops a mastership that a switch or the database said is another's.
func (m *Masters) Lost(node model.Number) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.generations, node)
}

// Run renews the masterships until ctx ends. lost is told of those that another replica has taken.
func (m *Masters) Run(ctx context.Context, lost func(model.Number)) {
	tick := time.NewTicker(leaseTime / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		nodes := m.nodes()
		held, err := m.store.AcquireMasters(ctx, m.replica, nodes, leaseTime)
		if err != nil {
			m.log.Warn("masterships not renewed", zap.Error(err))
			continue
		}
		m.mu.Lock()
		var gone []model.Number
		for _, node := range nodes {
			if generation, still := m.generations[node]; still && held[node] != generation {
				gone = append(gone, node)
				delete(m.generations, node)
			}
		}
		m.mu.Unlock()
		for _, node := range gone {
			lost(node)
		}
	}
}

func (m *Masters) nodes() []model.Number {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.generations))
}
