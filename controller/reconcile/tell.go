package reconcile

import (
	"context"

	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// Wanted is all that the switch should hold, in no particular order, and the version of the topology that asks for it.
func (s *Switch) Wanted(ctx context.Context) (*flow.Tables, *topology.View, error) {
	var t flow.Tables
	var v *topology.View
	err := s.ask(ctx, func(context.Context) {
		v = s.rendered
		for _, f := range s.tables.flows.wanted {
			t.Flows = append(t.Flows, f.value)
		}
		for _, g := range s.tables.groups.wanted {
			t.Groups = append(t.Groups, g.value)
		}
		for _, m := range s.tables.meters.wanted {
			t.Meters = append(t.Meters, m.value)
		}
	})
	if err != nil {
		return nil, nil, err
	}
	return &t, v, nil
}

// WantedGroups is what the switch should hold besides flow entries.
func (s *Switch) WantedGroups(ctx context.Context) (groups []flow.Group, meters []flow.Meter, err error) {
	err = s.ask(ctx, func(context.Context) {
		for _, g := range s.tables.groups.wanted {
			groups = append(groups, g.value)
		}
		for _, m := range s.tables.meters.wanted {
			meters = append(meters, m.value)
		}
	})
	if err != nil {
		return nil, nil, err
	}
	return groups, meters, nil
}

// Present reads from the switch what it holds.
func (s *Switch) Present(ctx context.Context) (*flow.Tables, error) {
	session := s.Connection()
	if session == nil {
		return nil, errNotConnected
	}
	return session.Read(ctx)
}
