package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/openflow"
)

// How long a switch may take to show what it has confirmed by a barrier, and how often it is asked.
const (
	proofPatience = 3 * time.Second
	firstLook     = 2 * time.Millisecond // doubles
	lastLook      = 200 * time.Millisecond
)

// errNotShown is why an entry counts as refused.
var errNotShown = errors.New("it has confirmed the message by a barrier reply, but its flow statistics do not show that it was done")

// prove waits until the switch shows the entries that have come and gone since the last proof: some answer barriers before they have done what
// came before (OpenFlow 1.3.5, 7.3.8, forbids it). What it does not show in time counts as refused.
func (s *Switch) prove(ctx context.Context, session Session) (refused bool, err error) {
	if len(s.unproven) == 0 {
		return false, nil
	}
	limit := time.NewTimer(proofPatience)
	defer limit.Stop()
	for wait := firstLook; ; wait = min(2*wait, lastLook) {
		if err := s.look(ctx, session); err != nil {
			return false, fmt.Errorf("reading flow statistics: %w", err)
		}
		if len(s.unproven) == 0 {
			return false, nil
		}
		select {
		case <-time.After(wait):
			continue
		case <-ctx.Done():
			return false, ctx.Err()
		case <-session.Done():
			return false, errors.New("session ended")
		case <-limit.C:
		}
		missing := s.unproven
		s.unproven = map[flow.Key]planned{}
		for key, p := range missing {
			s.tables.flows.lacks(key)
			if err := s.refuse(p, errNotShown.Error()); err != nil {
				return false, err
			}
		}
		return true, nil
	}
}

// look strikes out what the switch shows.
func (s *Switch) look(ctx context.Context, session Session) error {
	byTable := map[uint8][]planned{}
	for _, p := range s.unproven {
		byTable[p.Flow.Table()] = append(byTable[p.Flow.Table()], p)
	}
	for table, list := range byTable {
		shown := map[flow.Key]flow.Encoded{}
		cookie, mask := common(list)
		err := session.ReadStatsOf(ctx, table, cookie, mask, func(f openflow.FlowStats) { shown[f.Flow.Key()] = f.Flow })
		if err != nil {
			return err
		}
		for _, p := range list {
			key := p.Flow.Key()
			f, there := shown[key]
			if p.Op == flow.OpDelete && !there || p.Op != flow.OpDelete && there && f.Cookie() == p.Flow.Cookie() && f.Instructions() == p.Flow.Instructions() {
				delete(s.unproven, key)
			}
		}
	}
	return nil
}

// common are the bits in which the cookies of some entries agree: those of one object's agree in most.
func common(list []planned) (cookie, mask flow.Cookie) {
	cookie, mask = list[0].Flow.Cookie(), ^flow.Cookie(0)
	for _, p := range list {
		mask &^= p.Flow.Cookie() ^ cookie
	}
	return cookie & mask, mask
}
