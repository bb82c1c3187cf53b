package strict

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/openflow"
	"github.com/planck-sdn/planck/tests/lab"
)

// controller is southbound/openflow's server, and what switches have told it.
type controller struct {
	t       testing.TB
	address string
	cancel  context.CancelFunc

	mu        sync.Mutex
	sessions  []*openflow.Session
	packetIns []flow.PacketIn
	ports     []openflow.PortStatus
	removed   []openflow.FlowRemoved
	errors    []openflow.Error
	ended     int
}

func startController(t testing.TB) *controller {
	t.Helper()
	l := listen(t)
	ctx, cancel := context.WithCancel(context.Background())
	c := &controller{t: t, address: l.Addr().String(), cancel: cancel}
	server := openflow.NewServer(openflow.Config{}, c)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(ctx, l) })
	t.Cleanup(func() { cancel(); serving.Wait() })
	return c
}

func (c *controller) Connected(s *openflow.Session) { note(c, &c.sessions, s) }
func (c *controller) PacketIn(_ *openflow.Session, p flow.PacketIn) {
	note(c, &c.packetIns, p)
}
func (c *controller) PortStatus(_ *openflow.Session, p openflow.PortStatus)   { note(c, &c.ports, p) }
func (c *controller) FlowRemoved(_ *openflow.Session, r openflow.FlowRemoved) { note(c, &c.removed, r) }
func (c *controller) Error(_ *openflow.Session, e openflow.Error)             { note(c, &c.errors, e) }
func (c *controller) Disconnected(*openflow.Session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended++
}

func note[T any](c *controller, list *[]T, v T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*list = append(*list, v)
}

func noted[T any](c *controller, list *[]T) []T {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]T(nil), *list...)
}

// session waits for the nth session, from 1.
func (c *controller) session(n int) *openflow.Session {
	c.t.Helper()
	eventually(c.t, "a session", func() bool { return len(noted(c, &c.sessions)) >= n })
	return noted(c, &c.sessions)[n-1]
}

func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	lab.Eventually(t, limit, what, func() error {
		if !condition() {
			return errors.New("not so yet")
		}
		return nil
	})
}

func timeLimit(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

// connected is a switch with a session.
func connected(t testing.TB, cfg Config) (*Switch, *openflow.Session, *controller) {
	t.Helper()
	c := startController(t)
	s := New(cfg, nil)
	t.Cleanup(s.Close)
	s.Connect(c.address)
	return s, c.session(1), c
}

func add(e flow.Entry) flow.Change { return flow.Change{Op: flow.OpAdd, Flow: flow.Encode(e)} }

func mustApply(t testing.TB, s *openflow.Session, changes ...flow.Change) {
	t.Helper()
	if refusals, err := s.Apply(timeLimit(t), changes, false); err != nil || len(refusals) > 0 {
		t.Fatalf("%v %v", refusals, err)
	}
}

// whole is a switch that can do all that the standard has.
func whole() Config {
	return Config{
		DatapathID: 0xabc, Ports: Ports(0xabc, 4), Tables: Tables(9, 1000), Meters: 100, Groups: GroupLimits{All: 100, Indirect: 100, Chaining: true},
		Description: openflow.Description{Manufacturer: "Planck", Hardware: "strict", Software: "1", SerialNumber: "none", Datapath: "in memory"},
	}
}

var frame = []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x99, 0x99, 1, 2, 3, 4}

// pause is long enough for what must not happen to have happened.
const pause = 50 * time.Millisecond
