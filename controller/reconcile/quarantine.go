package reconcile

import (
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// quarantine is a unit whose entries are left out because the switch refused one of them, or because they lost
// their place. retry is zero for one that waits for a change.
type quarantine struct {
	reason string
	wait   time.Duration
	retry  time.Time
}

// Refused units are tried again after a wait that doubles.
const (
	firstRetry = 2 * time.Second
	lastRetry  = 5 * time.Minute
)

// quarantine takes all of a unit's entries out of what is wanted.
func (s *Switch) quarantine(u topology.Unit, reason string) {
	q := &quarantine{reason: reason, wait: firstRetry}
	if old := s.quarantined[u]; old != nil {
		if !old.retry.IsZero() {
			return // it is left out already, for another of its entries
		}
		q.wait = min(2*old.wait, lastRetry)
	}
	q.retry = s.cfg.Now().Add(q.wait)
	s.quarantined[u] = q
	s.tables.set(u, pipeline.Rendered{}, s.dirty)
	s.touched[u] = struct{}{}
}

// refuse deals with a message that the switch refused. The deletion of an entry that fails says that the switch does not hold
// what it said it does: that ends the session, and the next one begins by reading.
func (s *Switch) refuse(c planned, reason string) error {
	if c.Op == flow.OpDelete && c.Zone == 0 {
		return fmt.Errorf("switch refused a deletion: %s", reason)
	}
	s.log.Error("switch refused an entry; its object is left out", zap.Stringer("kind", c.unit.Kind),
		zap.Uint64("number", uint64(c.unit.Number)), zap.String("entry", c.text(s.names())), zap.String("reason", reason))
	s.quarantine(c.unit, "refused by the switch: "+reason)
	return nil
}

// retryTimer fires when the next quarantined unit or an effect is due; nil if none waits.
func (s *Switch) retryTimer() <-chan time.Time {
	next := s.effects.retry
	for _, q := range s.quarantined {
		if !q.retry.IsZero() && (next.IsZero() || q.retry.Before(next)) {
			next = q.retry
		}
	}
	if next.IsZero() {
		return nil
	}
	return time.After(max(0, next.Sub(s.cfg.Now())))
}

// retryQuarantined renders the units that are due. They keep their doubled wait until they change.
func (s *Switch) retryQuarantined() {
	now := s.cfg.Now()
	for u, q := range s.quarantined {
		if q.retry.IsZero() || q.retry.After(now) {
			continue
		}
		q.retry = time.Time{}
		r := pipeline.Render(s.cfg.Apps, s.rendered, s.cfg.Node, u)
		if r.Err != nil {
			s.quarantine(u, "not rendered: "+r.Err.Error())
			continue
		}
		s.tables.set(u, r, s.dirty)
		s.touched[u] = struct{}{}
	}
}

// released drops the quarantines that have ended: those tried again and not refused, and those of entries that have got their
// place after all.
func (s *Switch) released() {
	for u, q := range s.quarantined {
		switch {
		case !q.retry.IsZero():
		case q.wait > 0:
			delete(s.quarantined, u)
			s.touched[u] = struct{}{}
		case !s.lost(u):
			delete(s.quarantined, u)
			s.touched[u] = struct{}{}
		}
	}
}

// lost tells whether any entry of a unit has lost its place to another's.
func (s *Switch) lost(u topology.Unit) bool {
	for _, f := range s.tables.units[u].Flows {
		if first, _ := s.tables.flows.want(f.Key()); first.Instructions() != f.Instructions() {
			return true
		}
	}
	return false
}
