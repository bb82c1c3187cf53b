// Package gateways decides which node serves each router towards the outside, and which routes for bare metal. What it decides is a
// row; it stays until that node is dead, or has lost its way there.
package gateways

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// Store is what a Keeper writes; model/store has it.
type Store interface {
	// SetGatewayNode moves a router if nobody has moved it since the generation.
	SetGatewayNode(ctx context.Context, router model.Number, generation int64, node model.Number) (moved bool, err error)
	// SetService moves what routes for the bare metal of a router's interface, if nobody has moved it since the generation; 0: nothing does.
	SetService(ctx context.Context, port model.Number, generation int64, node model.Number) (moved bool, err error)
}

// Config is what a Keeper is made with.
type Config struct {
	Store Store
	View  func() *topology.View
	// Connected tells whether a node's switch has a session here; it must not block.
	Connected func(node model.Number) bool
	// Ping waits until a node's switch answers.
	Ping func(ctx context.Context, node model.Number) error
	// Send sends a packet by a node's switch; it must not block.
	Send func(node model.Number, out flow.PacketOut) error
	// Nonce gives a random number for a probe.
	Nonce func() uint64
	Now   func() time.Time
	Log   *zap.Logger
}

// Keeper watches the nodes that serve routers, or could.
type Keeper struct {
	cfg     Config
	wake    chan struct{} // of capacity 1
	moves   chan []move   // one list at a time
	metrics metrics

	mu      sync.Mutex
	started time.Time
	nodes   map[model.Number]*watched
	probes  map[uint64]probe // by nonce
	serving map[model.Number]bool
	decided map[model.Ref]decision
	looked  time.Time // when routers were last looked through
	seen    uint64    // the view's version that they were of
}

// tickInterval is how often nodes are looked at.
const tickInterval = 100 * time.Millisecond

// New returns a keeper for Run.
func New(cfg Config) *Keeper {
	return &Keeper{
		cfg:     cfg,
		wake:    make(chan struct{}, 1),
		moves:   make(chan []move, 1),
		metrics: newMetrics(),
		started: cfg.Now(),
		nodes:   map[model.Number]*watched{},
		probes:  map[uint64]probe{},
		decided: map[model.Ref]decision{},
	}
}

// Changed tells that there is a new version of the topology, or a new session.
func (k *Keeper) Changed() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Run watches and decides until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	var others sync.WaitGroup
	others.Go(func() { k.write(ctx) })
	defer others.Wait()
	tick := time.NewTicker(tickInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-k.wake:
		}
		for _, node := range k.step() {
			others.Go(func() { k.ping(ctx, node) })
		}
	}
}

// step looks at every node, decides what is to be decided, and returns the nodes to be pinged.
func (k *Keeper) step() []model.Number {
	k.mu.Lock()
	defer k.mu.Unlock()
	now, view := k.cfg.Now(), k.cfg.View()
	pings := k.watch(view, now)
	k.decide(view, now)
	return pings
}

func (k *Keeper) ping(ctx context.Context, node model.Number) {
	limited, cancel := context.WithTimeout(ctx, goneAfter)
	err := k.cfg.Ping(limited, node)
	cancel()
	k.pinged(node, err == nil)
}

func (k *Keeper) write(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case list := <-k.moves:
			var writing sync.WaitGroup
			for part := range slices.Chunk(list, (len(list)+writers-1)/writers) {
				writing.Go(func() {
					for _, m := range part {
						k.move(ctx, m)
					}
				})
			}
			writing.Wait()
		}
	}
}

const (
	writeTimeout = 5 * time.Second
	writers      = 8 // a dead node may have served a thousand routers
)

func (k *Keeper) move(ctx context.Context, m move) {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	set, what, moves := k.cfg.Store.SetGatewayNode, "gateway node", k.metrics.moves
	if m.Kind == model.KindPort {
		set, what, moves = k.cfg.Store.SetService, "node that routes for bare metal", k.metrics.services
	}
	moved, err := set(ctx, m.Number, m.generation, m.to)
	switch {
	case err != nil:
		k.mu.Lock()
		delete(k.decided, m.Ref)
		k.mu.Unlock()
		k.cfg.Log.Warn(what+" not written", zap.String(m.Kind.String(), m.id), zap.Error(err))
	case moved:
		moves.WithLabelValues(m.reason).Inc()
		k.cfg.Log.Info(what, zap.String(m.Kind.String(), m.id), zap.String("reason", m.reason),
			zap.Uint64("from", uint64(m.from)), zap.Uint64("to", uint64(m.to)))
	}
}
