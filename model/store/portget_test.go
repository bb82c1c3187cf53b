package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/planck-sdn/planck/model"
)

// Whoever reads a port after a change sees the change, whoever else reads ports at the same time; and nobody sees what is not his.
func TestPortReadsShareStatements(t *testing.T) {
	const readers, rounds = 12, 25
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		foreign := newNetwork(t, s, func(n *model.Network) { n.ProjectID = "beta" })
		shared, theirs := newPort(t, s, n), newPort(t, s, foreign)
		var group sync.WaitGroup
		for r := range readers {
			own := newPort(t, s, n)
			group.Go(func() {
				for i := range rounds {
					name := fmt.Sprint(r, " ", i)
					if _, err := s.UpdatePort(admin, own.ID, func(p *model.Port) error { p.Name = name; return nil }); err != nil {
						t.Error(err)
						return
					}
					ctx := []context.Context{admin, tenant("alpha")}[i%2]
					if got, err := s.Port(ctx, own.ID); err != nil || got.ID != own.ID || got.Name != name {
						t.Errorf("read %+v, %v after the name became %q", got, err, name)
					}
					got, err := s.Port(ctx, shared.ID)
					if err != nil || got.Name != "" || got.Profile["mine"] != nil {
						t.Errorf("read %+v, %v", got, err)
						return
					}
					got.Name, got.Profile["mine"] = "mine", true // is the reader's own
					var refusal *model.Error
					if _, err := s.Port(tenant("alpha"), theirs.ID); !errors.As(err, &refusal) || refusal.Type != "PortNotFound" {
						t.Errorf("another project's port: %v", err)
					}
					if _, err := s.Port(ctx, "\x00"); !errors.As(err, &refusal) || refusal.Type != "PortNotFound" {
						t.Errorf("a port that cannot be: %v", err)
					}
					cancelled, cancel := context.WithCancel(ctx)
					cancel()
					if _, err := s.Port(cancelled, own.ID); err != nil && !errors.Is(err, context.Canceled) {
						t.Errorf("a request that was cancelled: %v", err)
					}
				}
			})
		}
		group.Wait()
	})
}
