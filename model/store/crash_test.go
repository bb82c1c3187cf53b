package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/tests/postgres"
)

// The server dies in the middle of a transaction: that request fails in a way that can be told, and when the server
// is back everything goes on, with nothing half done.
func TestPostgresCrash(t *testing.T) {
	ctx := context.Background()
	server := postgres.StartForTest(t)
	url, err := server.NewDatabase(ctx)
	check(t, err)
	s := open(t, url, Options{})
	<-s.Wake() // the listener is connected
	n := newNetwork(t, s)
	<-s.Wake()
	f := newFollower(t, s)

	attempts := 0
	_, err = s.UpdateNetwork(admin, n.ID, func(n *model.Network) error {
		attempts++
		n.Name = "half"
		return server.Kill()
	})
	if !errors.Is(err, ErrUnavailable) || attempts != 1 {
		t.Fatalf("the server died: %v, after %d attempts", err, attempts)
	}
	if err := s.Ping(ctx); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("ping without a server: %v", err)
	}
	refusedByAbsence := func(err error) {
		t.Helper()
		if !errors.Is(err, ErrUnavailable) {
			t.Fatalf("without a server: %v", err)
		}
	}
	refusedByAbsence(createPort(admin, s, portRequest(n)))
	_, err = s.ListPorts(admin, Query{})
	refusedByAbsence(err)
	_, _, err = s.Follow(ctx, f.position)
	refusedByAbsence(err)

	check(t, server.Restart())
	within(t, 10*time.Second, "the store finds the server again", func() bool { return s.Ping(ctx) == nil })
	if got := must(s.Network(admin, n.ID))(t); got.Name != "net" {
		t.Fatalf("half a transaction was kept: %+v", got)
	}
	if _, _, err := s.Follow(ctx, f.position); !errors.Is(err, ErrTooOld) {
		t.Fatalf("a follower goes on as if nothing had been lost: %v", err)
	}
	awaitWake := func(what string) {
		t.Helper()
		select {
		case <-s.Wake():
		case <-time.After(10 * time.Second):
			t.Fatal(what)
		}
	}
	awaitWake("the listener does not connect again")
	newPort(t, open(t, url, Options{}), n)
	awaitWake("no wake-up over the new connection")
}
