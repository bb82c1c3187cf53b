// Package fabric finds the links between physical switches, and those to nodes' mapped bridges, by frames that the controller sends from
// one port and sees come in by another. What it finds is a row, and stays until a port goes down or nothing comes over it any more.
package fabric

import (
	"context"
	"maps"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// Store is what a Keeper writes; model/store has it.
type Store interface {
	// AddLink enters a link, if it is not there yet.
	AddLink(ctx context.Context, a, b model.LinkEnd) (link *model.Link, added bool, err error)
	// RemoveLinks deletes links, if they are there.
	RemoveLinks(ctx context.Context, links []model.Number) error
}

// Config is what a Keeper is made with.
type Config struct {
	Store Store
	// Key is what frames are authenticated with.
	Key  []byte
	View func() *topology.View
	// InStep tells whether a node's switch has a session here and has confirmed its entries; it must not block.
	InStep func(node model.Number) bool
	// Ping waits until a node's switch answers.
	Ping func(ctx context.Context, node model.Number) error
	// Send sends a packet by a node's switch; it must not block.
	Send func(node model.Number, out flow.PacketOut) error
	// Nonce gives a random number.
	Nonce func() uint64
	Now   func() time.Time
	Log   *zap.Logger
}

// Times and numbers of frames.
const (
	interval   = time.Second // between two frames of a port
	lostAfter  = 3           // frames in a row that were sent and not seen
	timeToLive = 4           // seconds; what others may make of a frame

	tickInterval = 100 * time.Millisecond
	lookInterval = tickInterval / 2 // at least, between two looks at versions of the topology
	writeTimeout = 5 * time.Second
	pingTimeout  = 2 * time.Second // of a switch by which a link seems to be lost
	retryAfter   = time.Second     // for a link that the database did not take: mostly one whose port has just gone down
)

// eager are the waits between the first frames of a port that came up: the other end may come up a little later.
var eager = [...]time.Duration{100 * time.Millisecond, 300 * time.Millisecond}

// Keeper watches the ports by which switches may reach each other.
type Keeper struct {
	cfg     Config
	wake    chan struct{} // of capacity 1
	writes  chan writes   // one at a time
	metrics metrics

	mu     sync.Mutex
	seen   *topology.View // that ends, links and linked are of
	looked time.Time
	ends   map[model.LinkEnd]*end
	nodeOf map[uint64]model.Number // of the ends, by datapath id
	links  []*model.Link           // all that have a row, in order
	linked map[model.LinkEnd][]model.LinkEnd
	sights map[direction]*sight

	writing  bool
	refused  map[[2]model.LinkEnd]time.Time // links that the database did not take, and when to try again
	removing map[model.Number]bool          // links that it has been told are lost
}

// end is a port that sends frames, and by which they may come in.
type end struct {
	physicalNetwork string
	isSwitch        bool // and not a node's patch port, at which nothing comes in
	datapathID      uint64
	nonces          [2]uint64 // of the last frames, the newest first; 0: none
	sent            int
	due             time.Time
}

// direction is one way over a link.
type direction struct{ from, to model.LinkEnd }

// sight is that frames come over a link in one direction.
type sight struct {
	heard  bool // by this keeper; false: a row says so
	first  time.Time
	missed int // frames sent since the last that was seen
}

// fresh tells whether frames are coming now.
func (s *sight) fresh() bool { return s != nil && s.heard && s.missed <= 1 }

// writes is what the database is to be told.
type writes struct {
	add    [][2]model.LinkEnd
	remove []model.Number // they cannot be: an end is down, or a host is bound there
	silent []*model.Link  // nothing comes over them any more
}

// New returns a keeper for Run.
func New(cfg Config) *Keeper {
	return &Keeper{
		cfg:      cfg,
		wake:     make(chan struct{}, 1),
		writes:   make(chan writes, 1),
		metrics:  newMetrics(),
		ends:     map[model.LinkEnd]*end{},
		sights:   map[direction]*sight{},
		refused:  map[[2]model.LinkEnd]time.Time{},
		removing: map[model.Number]bool{},
	}
}

// Changed tells that there is a new version of the topology.
func (k *Keeper) Changed() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Run looks for links until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	var writing sync.WaitGroup
	defer writing.Wait()
	writing.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case w := <-k.writes:
				k.write(ctx, w)
			}
		}
	})
	tick := time.NewTicker(tickInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-k.wake:
		}
		k.step()
	}
}

// step sends what is due, and has links written that have been found or lost.
func (k *Keeper) step() {
	k.mu.Lock()
	defer k.mu.Unlock()
	view, now := k.cfg.View(), k.cfg.Now()
	if view != k.seen && now.Sub(k.looked) >= lookInterval {
		k.look(view, now)
	}
	if len(k.ends)+len(k.links) == 0 {
		return
	}
	inStep := map[model.Number]bool{}
	for e := range k.ends {
		if _, asked := inStep[e.Node]; !asked {
			inStep[e.Node] = k.cfg.InStep(e.Node)
		}
	}
	k.send(now, inStep)
	if k.writing {
		return
	}
	var w writes
	w.remove, w.silent = k.lost(now, inStep)
	w.add = k.found(now, inStep)
	if len(w.add)+len(w.remove)+len(w.silent) > 0 {
		k.writing = true
		k.writes <- w
	}
}

// look takes in a version of the topology.
func (k *Keeper) look(view *topology.View, now time.Time) {
	k.seen, k.looked = view, now
	was := k.ends
	k.ends, k.nodeOf = map[model.LinkEnd]*end{}, map[uint64]model.Number{}
	for at, e := range eligible(view) {
		if old := was[at]; old != nil && old.datapathID == e.datapathID {
			e.nonces, e.sent, e.due = old.nonces, old.sent, old.due
		} else {
			e.due = now
		}
		k.ends[at] = e
		k.nodeOf[e.datapathID] = at.Node
	}
	maps.DeleteFunc(k.refused, func(l [2]model.LinkEnd, _ time.Time) bool { return was[l[0]] == nil || was[l[1]] == nil })
	for d := range k.sights {
		if k.ends[d.from] == nil || k.ends[d.to] == nil {
			delete(k.sights, d)
		}
	}
	wasRemoving := k.removing
	k.links, k.linked, k.removing = nil, map[model.LinkEnd][]model.LinkEnd{}, map[model.Number]bool{}
	view.Links(func(l *model.Link) {
		k.links = append(k.links, l)
		k.linked[l.A] = append(k.linked[l.A], l.B)
		k.linked[l.B] = append(k.linked[l.B], l.A)
		if wasRemoving[l.Number] {
			k.removing[l.Number] = true
		}
	})
}

// send sends the frames that are due.
func (k *Keeper) send(now time.Time, inStep map[model.Number]bool) {
	sent := map[model.LinkEnd]bool{}
	for at, e := range k.ends {
		if e.due.After(now) || !inStep[at.Node] {
			continue
		}
		a := announcement{e.datapathID, at.Port, k.cfg.Nonce()}
		to := nearest
		if !e.isSwitch {
			to = forwarded
		}
		frame, err := a.frame(k.cfg.Key, to)
		if err == nil {
			err = k.cfg.Send(at.Node, flow.PacketOut{InPort: flow.PortController, Actions: []flow.Action{flow.Output{Port: at.Port}}, Data: frame})
		}
		if err != nil {
			continue // it stays due
		}
		e.nonces = [2]uint64{a.nonce, e.nonces[0]}
		e.due = now.Add(interval)
		if e.sent < len(eager) {
			e.due = now.Add(eager[e.sent])
		}
		e.sent++
		sent[at] = true
	}
	k.metrics.sent.Add(float64(len(sent)))
	for d, s := range k.sights {
		if sent[d.from] {
			s.missed++
		}
	}
}

// write has the database told.
func (k *Keeper) write(ctx context.Context, w writes) {
	w.remove = append(w.remove, k.confirmed(ctx, w.silent)...)
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	refused := map[[2]model.LinkEnd]error{}
	for _, l := range w.add {
		link, added, err := k.cfg.Store.AddLink(ctx, l[0], l[1])
		if err != nil {
			refused[l] = err
		} else if added {
			k.metrics.changes.WithLabelValues("found").Inc()
			k.cfg.Log.Info("link found", linkFields(link)...)
		}
	}
	var failed error
	if len(w.remove) > 0 {
		if failed = k.cfg.Store.RemoveLinks(ctx, w.remove); failed == nil {
			k.metrics.changes.WithLabelValues("lost").Add(float64(len(w.remove)))
			k.cfg.Log.Info("links lost", zap.Any("links", w.remove))
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.writing = false
	if failed != nil {
		clear(k.removing)
		k.cfg.Log.Warn("lost links not removed", zap.Error(failed))
	}
	now := k.cfg.Now()
	maps.DeleteFunc(k.refused, func(_ [2]model.LinkEnd, until time.Time) bool { return !until.After(now) })
	for l, err := range refused {
		k.refused[l] = now.Add(retryAfter)
		k.cfg.Log.Warn("link not taken", append(linkFields(&model.Link{A: l[0], B: l[1]}), zap.Error(err))...)
	}
}

func linkFields(l *model.Link) []zap.Field {
	return []zap.Field{zap.Uint64("link", uint64(l.Number)), zap.Uint64("node a", uint64(l.A.Node)), zap.Uint32("port a", l.A.Port),
		zap.Uint64("node b", uint64(l.B.Node)), zap.Uint32("port b", l.B.Port)}
}

// sorted are a link's ends in the order of its row.
func sorted(a, b model.LinkEnd) [2]model.LinkEnd {
	if compareEnds(a, b) > 0 {
		a, b = b, a
	}
	return [2]model.LinkEnd{a, b}
}
