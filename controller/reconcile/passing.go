package reconcile

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model/flow"
)

// maxPassing is how many passing entries may wait to be sent.
const maxPassing = 1024

// passes tells whether an entry of Planck's goes by itself: it is sent beside what is wanted, and is nobody's to compare or to remove.
func passes(f flow.Encoded) bool { return f.Cookie().IsPlanck() && f.HardTimeout() != 0 }

// Pass has an entry with a hard timeout sent to the switch if it is in step, unless another one has its place. It does not wait.
func (s *Switch) Pass(e flow.Encoded) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !passes(e) || len(s.passing) == maxPassing {
		return
	}
	s.passing = append(s.passing, e)
	s.signal()
}

// PassNow is Pass that waits until the switch has the entry.
func (s *Switch) PassNow(ctx context.Context, e flow.Encoded) error {
	var result error
	err := s.ask(ctx, func(owner context.Context) {
		switch {
		case s.frozen():
			result = ErrFrozen
		case s.state != Ready || !passes(e):
			result = errNotInStep
		default:
			result = s.pass(owner, []flow.Encoded{e})
		}
	})
	if err != nil {
		return err
	}
	return result
}

var errNotInStep = errors.New("the switch is not in step")

func (s *Switch) pass(ctx context.Context, list []flow.Encoded) error {
	session := s.Connection()
	var changes []flow.Change
	for _, e := range list {
		_, wanted := s.tables.flows.want(e.Key())
		_, held := s.tables.flows.have(e.Key())
		if !wanted && !held {
			changes = append(changes, flow.Change{Op: flow.OpAdd, Flow: e})
		}
	}
	if session == nil {
		return errNotConnected
	}
	if len(changes) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	refusals, err := session.Apply(ctx, changes, false)
	if err != nil {
		s.fail(session, err)
		return err
	}
	for _, r := range refusals {
		s.log.Error("switch refused a passing entry", zap.String("entry", planned{Change: changes[r.Index]}.text(s.names())), zap.String("reason", r.Reason))
		err = errors.New(r.Reason)
	}
	return err
}
