// Package neighbours finds the MAC addresses of hosts outside by ARP, keeps them as rows that are fresh, and writes down which of
// several ports has an address. Packets wait here for an answer, and the database is written to away from their path.
package neighbours

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// Store is what a Resolver writes; model/store has it.
type Store interface {
	LearnNeighbour(context.Context, model.Neighbour) (changed bool, err error)
	ForgetNeighbours(context.Context, []model.Number) error
	SetHolder(context.Context, model.Holder) (changed bool, err error)
}

// Config is what a Resolver is made with. Its functions must not block.
type Config struct {
	Store Store
	View  func() *topology.View
	// Send sends a packet by a node's switch; an error if this replica is not its master.
	Send func(node model.Number, out flow.PacketOut) error
	// Pass sends an entry that goes by itself to a node's switch.
	Pass func(node model.Number, e flow.Encoded)
	// Ask builds the ARP request by which a node asks for a router's neighbour; false if it serves nothing of the router.
	Ask func(v *topology.View, node *model.Node, r *model.Router, addr netip.Addr) (flow.PacketOut, bool)
	// Jitter gives a part of d, at random, so that what came at once is not asked for at once.
	Jitter func(d time.Duration) time.Duration
	Now    func() time.Time
	Log    *zap.Logger
}

// Limits and times.
const (
	maxHeld      = 3               // packets that wait for one neighbour
	maxHeldBytes = 1 << 20         // of all packets that wait
	maxAsks      = 3               // ARP requests without an answer
	askInterval  = time.Second     // from one to the next
	answerKept   = 5 * time.Second // until its row and its entries are there
	tickInterval = 100 * time.Millisecond
)

// place is where a neighbour is: its router and its address.
type place struct {
	router model.Number
	addr   netip.Addr
}

// Resolver holds what is asked and not answered yet, and when each neighbour was last seen. Its methods may be called from any
// goroutine.
type Resolver struct {
	cfg     Config
	writes  chan func(context.Context) error
	metrics metrics

	mu        sync.Mutex
	questions map[place]*question
	perRouter map[model.Number]int // questions
	heldBytes int
	rows      map[place]*row
	synced    uint64    // the view's version that rows are of
	looked    time.Time // when rows were last looked through
	claims    map[claimed]*claim
}

// New returns a resolver for Run.
func New(cfg Config) *Resolver {
	return &Resolver{
		cfg:       cfg,
		writes:    make(chan func(context.Context) error, maxWrites),
		metrics:   newMetrics(),
		questions: map[place]*question{},
		perRouter: map[model.Number]int{},
		rows:      map[place]*row{},
		claims:    map[claimed]*claim{},
	}
}

// Handle takes what an app has left to be done after a packet from a node. It does not block.
func (r *Resolver) Handle(node model.Number, reply pipeline.Reply) {
	if reply.Question == nil && reply.Sighting == nil && reply.Holder == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.cfg.Now()
	if reply.Question != nil {
		r.question(node, reply.Question, now)
	}
	if reply.Sighting != nil {
		r.sighting(reply.Sighting, now)
	}
	if reply.Holder != nil {
		r.holder(*reply.Holder, now)
	}
}

// Run asks, refreshes and writes until ctx ends.
func (r *Resolver) Run(ctx context.Context) {
	var writing sync.WaitGroup
	writing.Go(func() { r.write(ctx) })
	defer writing.Wait()
	tick := time.NewTicker(tickInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r.tick()
		}
	}
}

// tick does what is due.
func (r *Resolver) tick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.cfg.Now()
	r.askAgain(now)
	r.refresh(now)
	r.settleClaims(now)
}

// maxWrites is how many writes may wait for the database; more are lost, and their packets make them again.
const maxWrites = 1024

// later has something written by and by.
func (r *Resolver) later(f func(context.Context) error) {
	select {
	case r.writes <- f:
	default:
		r.metrics.lost.Inc()
	}
}

const writeTimeout = 10 * time.Second

func (r *Resolver) write(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case f := <-r.writes:
			limited, cancel := context.WithTimeout(ctx, writeTimeout)
			if err := f(limited); err != nil && ctx.Err() == nil {
				r.metrics.lost.Inc()
				r.cfg.Log.Warn("what was seen outside is not written", zap.Error(err))
			}
			cancel()
		}
	}
}
