package cluster

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model/store"
	"github.com/planck-sdn/planck/model/topology"
)

// pollInterval is how long a change waits whose wake-up was lost.
const pollInterval = time.Second

// Follower keeps the view of the topology up to date with the database.
type Follower struct {
	store *store.Store
	log   *zap.Logger
	// apply is told of each new version and of what it touches, in order, from one goroutine.
	apply func(*topology.View, []topology.Touch)

	view     atomic.Pointer[topology.View]
	position store.Position
	asks     chan chan error

	mu  sync.Mutex
	err error // of the last attempt
}

// NewFollower loads the topology. Its first view has been loaded but not applied when it returns.
func NewFollower(ctx context.Context, s *store.Store, log *zap.Logger) (*Follower, error) {
	f := &Follower{store: s, log: log, asks: make(chan chan error)}
	objects, position, err := s.Load(ctx)
	if err != nil {
		return nil, err
	}
	empty := topology.New()
	view, _ := empty.Apply(empty.Difference(objects))
	f.publish(view, position)
	return f, nil
}

// View is the present version.
func (f *Follower) View() *topology.View { return f.view.Load() }

// Err is why the database could not be followed at the last attempt, or nil.
func (f *Follower) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Sync returns a version that includes everything committed before the call.
func (f *Follower) Sync(ctx context.Context) (*topology.View, error) {
	done := make(chan error, 1)
	select {
	case f.asks <- done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case err := <-done:
		return f.View(), err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Run follows the journal until ctx ends, and hands each version to apply.
func (f *Follower) Run(ctx context.Context, apply func(*topology.View, []topology.Touch)) {
	f.apply = apply
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		var asked chan error
		select {
		case <-ctx.Done():
			return
		case <-f.store.Wake():
		case <-poll.C:
		case asked = <-f.asks:
		}
		err := f.follow(ctx)
		f.note(err)
		if asked != nil {
			asked <- err
		}
	}
}

func (f *Follower) note(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil && f.err == nil {
		f.log.Error("the database cannot be followed; switches keep what they have", zap.Error(err))
	}
	if err == nil && f.err != nil {
		f.log.Info("the database is followed again")
	}
	f.err = err
}

func (f *Follower) follow(ctx context.Context) error {
	changes, position, err := f.store.Follow(ctx, f.position)
	if errors.Is(err, store.ErrTooOld) {
		f.log.Warn("the journal no longer reaches back to where this replica stopped; loading everything")
		objects, loaded, err := f.store.Load(ctx)
		if err != nil {
			return err
		}
		changes, position = f.View().Difference(objects), loaded
	} else if err != nil {
		return err
	}
	if len(changes) == 0 && position == f.position {
		return nil
	}
	view, touches := f.View().Apply(changes)
	f.publish(view, position)
	f.apply(view, touches)
	return nil
}

func (f *Follower) publish(v *topology.View, p store.Position) {
	v.Version++
	v.Revision, v.Horizon = p.Revision, p.Horizon
	f.position = p
	f.view.Store(v)
}
