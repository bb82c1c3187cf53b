package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"syscall"
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

// writersEnvironment makes the test binary a process of writers on the database that it names.
const writersEnvironment = "PLANCK_TEST_WRITERS"

const writersAtOnce = 200

// writeUntilKilled changes everything at random, and never returns.
func writeUntilKilled(url string) {
	s, err := Open(context.Background(), url, Options{Source: model.SystemSource(), Quotas: map[string]int{"port": 400}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var writers sync.WaitGroup
	for range writersAtOnce {
		writers.Go(func() {
			for r := rand.New(rand.NewPCG(rand.Uint64(), 0)); ; {
				operate(s, r)
			}
		})
	}
	writers.Wait()
}

// A process is killed in the midst of 200 writers, again and again: nothing is half done.
func TestKillAmongWriters(t *testing.T) {
	for name, url := range map[string]string{"sqlite": sqliteURL(t), "postgres": postgresURL(t)} {
		t.Run(name, func(t *testing.T) {
			s := must(Open(context.Background(), url, Options{Source: model.SystemSource()}))(t) // it makes the schema
			check(t, s.Close())
			for range 3 {
				reader := must(OpenReadOnly(context.Background(), url))(t)
				lines := func() (n int64) {
					check(t, reader.reader.Raw("SELECT COALESCE(MAX(seq), 0) FROM journal").Scan(&n).Error)
					return n
				}
				before := lines()
				process := exec.Command(os.Args[0])
				process.Env = append(os.Environ(), writersEnvironment+"="+url)
				process.Stderr = os.Stderr
				process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // it never ends by itself
				check(t, process.Start())
				within(t, time.Minute, "the writers have written", func() bool { return lines() > before+500 })
				check(t, process.Process.Kill())
				_ = process.Wait() // it says that the process was killed
				healthy(t, reader)
				check(t, reader.Close())
			}
			s = open(t, url, Options{})
			healthy(t, s)
			newPort(t, s, newNetwork(t, s)) // and it goes on
		})
	}
}

// The server dies among the writers.
func TestServerKillAmongWriters(t *testing.T) {
	ctx := context.Background()
	server := postgres.StartForTest(t)
	url, err := server.NewDatabase(ctx)
	check(t, err)
	s := open(t, url, Options{})
	running, stop := context.WithCancel(ctx)
	var writers sync.WaitGroup
	for w := range 24 {
		writers.Go(func() {
			for r := rand.New(rand.NewPCG(uint64(w), 3)); running.Err() == nil; {
				operate(s, r)
			}
		})
	}
	ports := func() int {
		list, _ := s.ListPorts(admin, Query{})
		return len(list)
	}
	within(t, time.Minute, "the writers have written", func() bool { return ports() > 50 })
	check(t, server.Kill())
	check(t, server.Restart())
	within(t, 10*time.Second, "the store finds the server again", func() bool { return s.Ping(ctx) == nil })
	stop()
	writers.Wait()
	healthy(t, s)
}
