package reconcile

import (
	"context"

	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// Settled reads what the switch holds, and says which version of the topology asked for it. If something was sent during every reading,
// settled is false: what was read may be of several versions.
func (s *Switch) Settled(ctx context.Context) (held *flow.Tables, v *topology.View, settled bool, err error) {
	if s.Connection() == nil { // it may have rendered nothing yet
		return nil, nil, false, errNotConnected
	}
	for range checkReads {
		settled, err = s.readOnce(ctx, func(read *flow.Tables) { held, v = read, s.rendered })
		if err != nil {
			return nil, nil, false, err
		}
		if settled {
			break
		}
	}
	return held, v, settled, nil
}

// readOnce reads what the switch holds, and hands it to what the owner of the tables does then. It tells whether nothing was sent meanwhile.
func (s *Switch) readOnce(ctx context.Context, then func(*flow.Tables)) (quiet bool, err error) {
	var before uint64
	if err := s.ask(ctx, func(context.Context) { before = s.sent }); err != nil {
		return false, err
	}
	held, err := s.Present(ctx)
	if err != nil {
		return false, err
	}
	err = s.ask(ctx, func(context.Context) {
		then(held)
		quiet = s.sent == before
	})
	if err != nil {
		return false, err
	}
	return quiet, nil
}
