package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/southbound/openflow"
)

// Session is what a Switch needs of an OpenFlow session; southbound/openflow has it.
type Session interface {
	BecomeMaster(ctx context.Context, generation uint64) error
	Read(ctx context.Context) (*flow.Tables, error)
	Apply(ctx context.Context, changes []flow.Change, atomic bool) ([]flow.Refusal, error)
	ReadStatsOf(ctx context.Context, table uint8, cookie, mask flow.Cookie, emit func(openflow.FlowStats)) error
	PacketOut(flow.PacketOut) error
	Close(reason error)
	Done() <-chan struct{}
}

// Config is what a Switch is made with.
type Config struct {
	Node model.Number
	Apps []*pipeline.App
	Log  *zap.Logger
	Now  func() time.Time
	// Generation returns the generation of this replica's mastership of the switch, acquiring it if need be.
	Generation func(context.Context) (uint64, error)
	// Reconciles admits a few switches at a time to read and reconcile after they connected.
	Reconciles chan struct{}
	// KeepForeign tells whether entries without Planck's mark stay.
	KeepForeign func() bool
	// Status is told of every port that was confirmed, refused or unplugged; it must not block.
	Status func(PortStatus)
	// FollowUp is handed every answer of an app's to a packet, for what is left to be done; it must not block.
	FollowUp func(node model.Number, r pipeline.Reply)
	// Metered tells whether a meter of its port's own limits what comes up like a packet on a physical switch.
	Metered func(node *model.Node, in flow.PacketIn) bool
	// Hush builds the entry that drops packets like one that came up, for a while, where no such meter does.
	Hush func(node *model.Node, in flow.PacketIn) flow.Encoded
	// OnCollision is told when an entry lost its key to another object's.
	OnCollision func(key flow.Key, winner, loser topology.Unit)
}

// PortStatus is what a switch knows of one of its ports after a barrier.
type PortStatus struct {
	Port       model.Number
	Generation int64 // of the binding that was rendered
	Node       model.Number
	Active     bool   // its entries are confirmed where others reach it; false: it is plugged nowhere, or was refused
	Reason     string // why it is not active; empty if it is just not plugged
	Awaiting   bool   // instead: its entries are confirmed where it has an inactive binding, and it may be moved to
}

// Limits of what a switch may take, so that one that does not answer is noticed.
const (
	readTimeout  = 60 * time.Second
	applyTimeout = 30 * time.Second
)

// Switch is one switch: what it should hold, and what it has confirmed to hold. Its methods may be called from any
// goroutine; Run is the one that owns the tables.
type Switch struct {
	cfg  Config
	log  *zap.Logger
	wake chan struct{} // of capacity 1
	asks chan func(context.Context)

	// The mailbox: what came in since the owner last looked.
	mu         sync.Mutex
	latest     *topology.View
	pending    map[topology.Unit]struct{}
	newSession Session
	reread     bool
	removed    []flow.Key                // by whomever
	passing    []flow.Encoded            // entries that go by themselves, to be sent
	idle       bool                      // in step with the switch, nothing pending
	plugged    map[model.Number]struct{} // plugged in some version, and not told since to be unplugged

	confirmed  atomic.Pointer[topology.View] // everything up to this version is on the switch; nil: not connected
	view       atomic.Pointer[topology.View] // latest, for packet-ins
	session    atomic.Pointer[sessionBox]
	seen       observations
	rates      rates
	collisions atomic.Uint64
	standing   atomic.Pointer[Standing]

	// Owned by Run.
	rendered    *topology.View
	tables      *tables
	known       bool // what the switch holds has been read
	dirty       *dirty
	touched     map[topology.Unit]struct{} // rendered since the last confirmation
	told        bool                       // the status of every port was told once
	inPlace     map[model.Number]struct{}  // plugged here with confirmed entries, active or not
	quarantined map[topology.Unit]*quarantine
	effects     effects
	unproven    map[flow.Key]planned // entries that came or went, and that the switch has not shown since
	sent        uint64               // batches
	counted     uint64               // tables.sets when entries were last counted by table
	state       State
	problem     string
}

type sessionBox struct{ Session }

// State is a switch's condition in a word.
type State string

// States of a switch.
const (
	Away        State = "away"        // no OpenFlow session
	Reconciling State = "reconciling" // reading what it holds, and sending the difference
	Ready       State = "ready"
	Held        State = "held"   // a reconcile would remove too much, and waits for an operator
	Frozen      State = "frozen" // an operator wants nothing sent
)

// New returns a switch that has nothing rendered yet.
func New(cfg Config, v *topology.View) *Switch {
	s := &Switch{
		cfg:         cfg,
		log:         cfg.Log,
		wake:        make(chan struct{}, 1),
		asks:        make(chan func(context.Context)),
		latest:      v,
		pending:     map[topology.Unit]struct{}{},
		plugged:     map[model.Number]struct{}{},
		tables:      newTables(),
		dirty:       newDirty(),
		touched:     map[topology.Unit]struct{}{},
		inPlace:     map[model.Number]struct{}{},
		quarantined: map[topology.Unit]*quarantine{},
		effects:     effects{owed: map[flow.Key]debt{}},
		unproven:    map[flow.Key]planned{},
		state:       Away,
	}
	s.view.Store(v)
	s.touch(v.Units(cfg.Node))
	s.signal() // what is wanted is rendered by the time that the switch connects
	return s
}

// Update hands over a newer version of the topology and the units that it touches on this switch.
func (s *Switch) Update(v *topology.View, units []topology.Unit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	turned := s.frozenIn(v) != s.frozenIn(s.latest)
	s.latest = v
	s.view.Store(v)
	s.touch(units)
	if len(units) == 0 && !turned {
		if s.idle {
			s.confirmed.Store(v)
		}
		return
	}
	s.idle = false
	s.signal()
}

// touch notes units of the latest view to be rendered, and their ports that are plugged. s.mu is held, or s is not shared yet.
func (s *Switch) touch(units []topology.Unit) {
	for _, u := range units {
		s.pending[u] = struct{}{}
		if _, plugged := s.latest.Location(u.Number); plugged && u.Kind == model.KindPort {
			s.plugged[u.Number] = struct{}{}
		}
	}
}

// Connected hands over a session; an earlier one must have been closed.
func (s *Switch) Connected(session Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newSession, s.idle = session, false
	s.signal()
}

// Removed tells that the switch no longer has an entry. If it should, the switch is read back and mended.
func (s *Switch) Removed(key flow.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removed = append(s.removed, key)
	s.signal()
}

// Reread has the switch read back and mended: somebody else has changed it.
func (s *Switch) Reread() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reread, s.idle = true, false
	s.signal()
}

func (s *Switch) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Confirmed is the version of the topology up to which everything is on the switch; nil if it is not connected or
// was never in step.
func (s *Switch) Confirmed() *topology.View { return s.confirmed.Load() }

// View is the latest version of the topology that the switch knows of.
func (s *Switch) View() *topology.View { return s.view.Load() }

// Waiting is how many units wait to be rendered and sent.
func (s *Switch) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.pending)
}

// Collisions is how many entries have lost their place to another object's since the start.
func (s *Switch) Collisions() uint64 { return s.collisions.Load() }

// Connection returns the session in use, or nil.
func (s *Switch) Connection() Session {
	if b := s.session.Load(); b != nil {
		return b.Session
	}
	return nil
}

// ask runs f in the goroutine that owns the tables. After an error f may still run: what it writes is not to be read.
func (s *Switch) ask(ctx context.Context, f func(context.Context)) error {
	done := make(chan struct{})
	wrapped := func(owner context.Context) { defer close(done); f(owner) }
	select {
	case s.asks <- wrapped:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Run owns the switch until ctx ends.
func (s *Switch) Run(ctx context.Context) {
	for {
		var gone <-chan struct{}
		if session := s.Connection(); session != nil {
			gone = session.Done()
		}
		timer := s.retryTimer()
		s.publish()
		select {
		case <-ctx.Done():
			return
		case <-gone:
			s.disconnected()
		case f := <-s.asks:
			f(ctx)
		case <-timer:
			s.retryQuarantined()
			s.update(ctx)
		case <-s.wake:
			s.update(ctx)
		}
	}
}

func (s *Switch) disconnected() {
	s.session.Store(nil)
	s.confirmed.Store(nil)
	s.known = false
	s.tables.forget()
	clear(s.unproven)
	s.effects.retry = time.Time{} // the next session's difference is their turn
	s.state = Away
	s.mu.Lock()
	s.idle = false
	s.mu.Unlock()
}

// update takes what is in the mailbox, renders it and sends the difference.
func (s *Switch) update(ctx context.Context) {
	s.mu.Lock()
	view, units, session, reread, removed, passing := s.latest, s.pending, s.newSession, s.reread, s.removed, s.passing
	s.pending = map[topology.Unit]struct{}{}
	s.newSession, s.reread, s.removed, s.passing = nil, false, nil, nil
	s.mu.Unlock()
	if !reread && s.known {
		// Own deletions were recorded when they were confirmed, so what is still present was removed by others.
		reread = slices.ContainsFunc(removed, func(key flow.Key) bool { _, mine := s.tables.flows.have(key); return mine })
	}

	s.rendered = view
	for u := range units {
		delete(s.quarantined, u) // it changed: try again at once
		s.render(u)
	}
	s.collide(units)
	if session != nil {
		s.disconnected()
		s.session.Store(&sessionBox{session})
		s.connect(ctx, session, reconciling{})
		return
	}
	current := s.Connection()
	switch {
	case current == nil:
	case s.frozen() && s.known && !reread:
		s.freeze(units)
	case reread && s.state != Held, s.frozen() != (s.state == Frozen):
		s.connect(ctx, current, reconciling{})
	case s.known && s.state == Ready:
		s.flush(ctx, current)
		_ = s.pass(ctx, passing) // it has logged why not
	}
}

func (s *Switch) render(u topology.Unit) {
	r := pipeline.Render(s.cfg.Apps, s.rendered, s.cfg.Node, u)
	if r.Err != nil {
		s.quarantine(u, "not rendered: "+r.Err.Error())
		return
	}
	s.tables.set(u, r, s.dirty)
	s.touched[u] = struct{}{}
}

// collide looks for entries of units that were rendered which lost their place, or took another's. It comes after all of them: while
// some are rendered by the old topology and some by the new, several that share an entry differ about it.
func (s *Switch) collide(units map[topology.Unit]struct{}) {
	type loss struct {
		key   flow.Key
		loser topology.Unit
	}
	seen := map[loss]bool{}
	for u := range units {
		for _, f := range s.tables.units[u].Flows {
			for _, loser := range s.tables.collisions(f.Key()) {
				if l := (loss{f.Key(), loser}); !seen[l] {
					seen[l] = true
					s.collided(l.key, l.loser)
				}
			}
		}
	}
}

func (s *Switch) collided(key flow.Key, loser topology.Unit) {
	s.collisions.Add(1)
	winner := s.tables.flows.owner(key)
	s.log.Error("two objects want different entries at one place; the lower wins",
		zap.Uint8("table", key.Table()), zap.Any("winner", winner), zap.Any("loser", loser))
	s.quarantined[loser] = &quarantine{reason: fmt.Sprintf("its entry in table %s lost against one of %s %d",
		s.names()[key.Table()], winner.Kind, winner.Number)}
	if s.cfg.OnCollision != nil {
		s.cfg.OnCollision(key, winner, loser)
	}
}

// errHeld: a reconcile was stopped by the guard against mass deletion.
var errHeld = errors.New("held")

// connect reads what the switch holds and sends the difference. It is also how a damaged switch is mended.
func (s *Switch) connect(ctx context.Context, session Session, how reconciling) {
	began := time.Now()
	s.state, s.problem = Reconciling, ""
	s.publish()
	if !s.frozen() { // what is on a frozen switch stays there
		s.confirmed.Store(nil)
	}
	s.effects.retry = time.Time{}
	err := s.reconcile(ctx, session, how)
	switch {
	case err == nil:
		s.state = Ready
		s.log.Info("switch in step", zap.Int("flows", len(s.tables.flows.wanted)), zap.Duration("took", time.Since(began)))
		s.flush(ctx, session) // what was refused meanwhile
	case errors.Is(err, ErrFrozen):
		s.freeze(s.touched)
	case errors.Is(err, errHeld):
		s.state = Held
		s.log.Error("reconcile held", zap.String("problem", s.problem))
	default:
		s.fail(session, err)
	}
}

func (s *Switch) fail(session Session, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	s.problem = err.Error()
	s.log.Warn("switch", zap.Error(err))
	session.Close(err)
	s.disconnected()
}

// reconciling says how a switch is reconciled.
type reconciling struct {
	force bool               // also if that removes more than half of a large table
	read  func(*flow.Tables) // told what the switch holds, before anything is sent; may be nil
}

func (s *Switch) reconcile(ctx context.Context, session Session, how reconciling) error {
	select {
	case s.cfg.Reconciles <- struct{}{}:
		defer func() { <-s.cfg.Reconciles }()
	case <-session.Done():
		return errors.New("session ended while waiting to be reconciled")
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, s.patience(readTimeout))
	defer cancel()
	generation, err := s.cfg.Generation(ctx)
	if err != nil {
		return fmt.Errorf("mastership: %w", err)
	}
	if err := session.BecomeMaster(ctx, generation); err != nil {
		return fmt.Errorf("mastership: %w", err)
	}
	held, err := session.Read(ctx)
	if err != nil {
		return fmt.Errorf("reading tables: %w", err)
	}
	held.Flows = slices.DeleteFunc(held.Flows, passes)
	s.tables.readBack(held)
	clear(s.unproven)
	s.known = true
	s.dirty = s.tables.differing(s.keepsForeign())
	if how.read != nil {
		how.read(held)
	}
	if s.frozen() {
		return ErrFrozen
	}
	version, marked := versionOf(held)
	whole := len(held.Flows) > 0 && (!marked || version != pipeline.Version)
	if !how.force {
		if reason := s.massDeletion(held, whole); reason != "" {
			s.problem = reason
			return errHeld
		}
	}
	s.problem = ""
	limit := chunk
	if whole { // tables of two versions must not meet
		limit = unlimited
	}
	return s.send(ctx, session, limit)
}

// flush sends what differs, and when the switch has confirmed all of it, says so.
func (s *Switch) flush(ctx context.Context, session Session) {
	ctx, cancel := context.WithTimeout(ctx, s.patience(applyTimeout))
	defer cancel()
	switch err := s.send(ctx, session, chunk); {
	case errors.Is(err, ErrFrozen):
		s.freeze(s.touched)
	case err != nil:
		s.fail(session, err)
	}
}

// send applies plans until nothing is left to send: a refused unit is quarantined, and the rest is sent again.
func (s *Switch) send(ctx context.Context, session Session, limit int) error {
	for {
		batches := s.plan(limit)
		if len(batches) == 0 {
			refused, err := s.prove(ctx, session)
			if err != nil {
				return err
			}
			if !refused {
				break
			}
		}
		for _, b := range batches {
			if s.frozen() {
				return ErrFrozen
			}
			refused, err := s.apply(ctx, session, b)
			if err != nil {
				return err
			}
			if refused {
				break // and plan anew, without what was refused
			}
		}
	}
	s.dirty = newDirty()
	s.effects.happen(s.tables, session, s.cfg.Now())
	s.confirm()
	return nil
}

// plan lists what is to be sent, in the way that suits the switch.
func (s *Switch) plan(limit int) []batch {
	if h := s.hardware(); h != nil {
		s.leaveOut(h)
		return planSteps(s.tables, s.dirty, *h)
	}
	return plan(s.tables, s.dirty, limit)
}

// apply sends one batch and records what the switch confirmed.
func (s *Switch) apply(ctx context.Context, session Session, b batch) (refused bool, err error) {
	if b.breaks {
		if refused, err := s.prove(ctx, session); refused || err != nil {
			return refused, err
		}
	}
	changes := make([]flow.Change, len(b.changes))
	for i := range b.changes {
		changes[i] = b.changes[i].Change
	}
	s.effects.owe(s.tables, b.changes)
	s.sent++
	refusals, err := session.Apply(ctx, changes, b.atomic)
	if err != nil {
		return false, err
	}
	refused = len(refusals) > 0
	bad := map[int]bool{}
	for _, r := range refusals {
		bad[r.Index] = true
	}
	toBeProved := s.driver() != nil
	for i, c := range changes {
		if !bad[i] && (c.Meter != nil || !b.atomic || !refused) { // of a refused bundle nothing was applied
			s.tables.record(c)
			if toBeProved && c.Flow != "" {
				s.unproven[c.Flow.Key()] = b.changes[i]
			}
		}
	}
	for _, r := range refusals {
		if err := s.refuse(b.changes[r.Index], r.Reason); err != nil {
			return refused, err
		}
	}
	return refused, nil
}

// confirm publishes that everything rendered so far is on the switch.
func (s *Switch) confirm() {
	s.released()
	for u := range s.touched {
		if u.Kind == model.KindPort {
			s.report(u)
		}
	}
	clear(s.touched)
	s.told = true
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pending) > 0 || s.reread || s.newSession != nil || s.frozenIn(s.latest) {
		s.confirmed.Store(s.rendered)
		return
	}
	s.idle = true
	s.confirmed.Store(s.latest)
}

// report tells the status of a port that this switch has just confirmed. That a port is unplugged is told by
// switches that have seen it plugged, as the node that had it may be gone, and after a start by all: what was told before is not known.
func (s *Switch) report(u topology.Unit) {
	was := s.wasPlugged(u.Number)
	p := s.rendered.Port(u.Number)
	if s.comesIntoPlace(u) && s.cfg.Status != nil {
		s.cfg.Status(PortStatus{Port: p.Number, Generation: p.BindingGeneration, Node: s.cfg.Node, Awaiting: true})
	}
	if p == nil || s.cfg.Status == nil {
		return
	}
	st := PortStatus{Port: p.Number, Generation: p.BindingGeneration, Node: s.cfg.Node}
	location, plugged := s.rendered.Location(p.Number)
	switch {
	case !plugged && s.told && !was:
		return
	case plugged && location.Node != s.cfg.Node:
		return
	case plugged:
		if q := s.quarantined[u]; q != nil {
			st.Reason = q.reason
		} else {
			st.Active = true
		}
	}
	s.cfg.Status(st)
}

// comesIntoPlace tells whether a port's entries are confirmed here for the first time since it was plugged, by an inactive binding.
func (s *Switch) comesIntoPlace(u topology.Unit) bool {
	here, plugged := s.rendered.AttachmentOn(u.Number, s.cfg.Node)
	_, before := s.inPlace[u.Number]
	switch {
	case !plugged:
		delete(s.inPlace, u.Number)
		return false
	case before || s.quarantined[u] != nil:
		return false
	}
	s.inPlace[u.Number] = struct{}{}
	return !here.Active
}

// wasPlugged tells whether a port has been seen plugged, and forgets it if it is so no longer.
func (s *Switch) wasPlugged(port model.Number) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, was := s.plugged[port]
	_, rendered := s.rendered.Location(port)
	_, latest := s.latest.Location(port)
	if was && !rendered && !latest {
		delete(s.plugged, port)
	}
	return was
}

// Summary is what operators see of a switch.
type Summary struct {
	State       State
	Problem     string
	Flows       int // wanted
	Groups      int
	Meters      int
	Quarantined map[topology.Unit]string
}

// Summary asks the owner; it waits while a reconcile is under way.
func (s *Switch) Summary(ctx context.Context) (Summary, error) {
	var sum Summary
	err := s.ask(ctx, func(context.Context) {
		sum = Summary{State: s.state, Problem: s.problem,
			Flows: len(s.tables.flows.wanted), Groups: len(s.tables.groups.wanted), Meters: len(s.tables.meters.wanted),
			Quarantined: map[topology.Unit]string{}}
		for u, q := range s.quarantined {
			sum.Quarantined[u] = q.reason
		}
	})
	if err != nil {
		return Summary{}, err
	}
	return sum, nil
}

// Reconcile reads the switch back and sends the difference, as after a reconnection.
func (s *Switch) Reconcile(ctx context.Context, force bool) error {
	var result error
	err := s.ask(ctx, func(owner context.Context) {
		session := s.Connection()
		if session == nil {
			result = errNotConnected
			return
		}
		if s.frozen() {
			result = ErrFrozen
			return
		}
		s.connect(owner, session, reconciling{force: force})
		result = s.outcome()
	})
	if err != nil {
		return err
	}
	return result
}

// outcome is why a reconcile has not brought the switch into step, or nil.
func (s *Switch) outcome() error {
	switch s.state {
	case Ready:
		return nil
	case Frozen:
		return ErrFrozen
	}
	return errors.New(s.problem)
}
