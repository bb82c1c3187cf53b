package reconcile

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/southbound/openflow"
)

// hardwareSession is a session with a physical switch in memory: it refuses bundles and what is Nicira's, and shows entries some time after it
// has confirmed them.
type hardwareSession struct {
	*memorySession
	t    *testing.T
	lag  time.Duration
	hide func(flow.Encoded) bool // it never shows these

	mu      sync.Mutex
	changed map[flow.Key]time.Time
	reads   int
}

func newHardware(t *testing.T, sw *flow.Switch) *hardwareSession {
	return &hardwareSession{memorySession: newSession(sw), t: t, changed: map[flow.Key]time.Time{}}
}

func (s *hardwareSession) Apply(ctx context.Context, changes []flow.Change, atomic bool) ([]flow.Refusal, error) {
	if atomic {
		s.t.Error("a bundle for a physical switch")
	}
	s.mu.Lock()
	for _, c := range changes {
		if c.Flow != "" {
			s.changed[c.Flow.Key()] = time.Now()
		}
	}
	s.mu.Unlock()
	return s.memorySession.Apply(ctx, changes, atomic)
}

func (s *hardwareSession) ReadStatsOf(ctx context.Context, table uint8, cookie, mask flow.Cookie, emit func(openflow.FlowStats)) error {
	s.mu.Lock()
	s.reads++
	s.mu.Unlock()
	return s.memorySession.ReadStatsOf(ctx, table, cookie, mask, func(f openflow.FlowStats) {
		s.mu.Lock()
		shown := time.Since(s.changed[f.Flow.Key()]) >= s.lag && (s.hide == nil || !s.hide(f.Flow))
		s.mu.Unlock()
		if shown {
			emit(f)
		}
	})
}

// fabric is example.Fabric: its first switch, and a port that hangs there.
func fabric() (v *topology.View, tor *model.Node, metal *model.Port) {
	c := &example.Cloud{}
	example.Fabric(c)
	v = c.View()
	v.Version = 1
	v.Ports(func(p *model.Port) {
		if p.Name == "metal1" {
			metal = p
		}
	})
	return v, v.Switches()[0], metal
}

// onFabric runs a test in a bubble of time with the first switch of example.Fabric, which is not connected yet.
func onFabric(t *testing.T, test func(t *testing.T, b *bench, v *topology.View, metal *model.Port)) {
	synctest.Test(t, func(t *testing.T) {
		v, tor, metal := fabric()
		b := &bench{t: t, statuses: map[model.Number]PortStatus{}}
		b.Switch = New(Config{
			Node: tor.Number, Apps: apps.All(), Log: zap.NewNop(), Now: time.Now, Reconciles: make(chan struct{}, 1),
			Generation: func(context.Context) (uint64, error) { return 1, nil },
			Status: func(s PortStatus) {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.statuses[s.Port] = s
			},
		}, v)
		ctx, stop := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { b.Run(ctx) })
		test(t, b, v, metal)
		stop()
		running.Wait()
	})
}

func strict() *flow.Switch { return flow.NewSwitch(flow.SwitchConfig{Standard: true}) }

// TestHardware: a physical switch is programmed without a bundle, equal state is no message, and its port becomes active.
func TestHardware(t *testing.T) {
	onFabric(t, func(t *testing.T, b *bench, v *topology.View, metal *model.Port) {
		sw := strict()
		b.Connected(newHardware(t, sw))
		synctest.Wait()
		if b.Confirmed() != v || !b.status(metal.Number).Active {
			t.Fatalf("confirmed %v, status %+v", b.Confirmed(), b.status(metal.Number))
		}
		if by := b.Standing().ByTable; by[0] == 0 || len(sw.Tables().Flows) == 0 {
			t.Errorf("%d entries, %v by table", len(sw.Tables().Flows), by)
		}
		before := sw.Messages()
		b.Connected(newHardware(t, sw))
		synctest.Wait()
		if b.Confirmed() != v || sw.Messages() != before {
			t.Errorf("equal state, and %+v became %+v", before, sw.Messages())
		}
	})
}

// TestLyingBarrier: a port is not active before the switch shows its entries.
func TestLyingBarrier(t *testing.T) {
	onFabric(t, func(t *testing.T, b *bench, v *topology.View, metal *model.Port) {
		session := newHardware(t, strict())
		session.lag = time.Second
		b.Connected(session)
		time.Sleep(900 * time.Millisecond)
		synctest.Wait()
		if b.Confirmed() != nil || b.status(metal.Number).Active {
			t.Fatal("confirmed before it was shown")
		}
		time.Sleep(400 * time.Millisecond)
		synctest.Wait()
		if b.Confirmed() != v || !b.status(metal.Number).Active {
			t.Fatalf("not confirmed after it was shown: %+v", b.status(metal.Number))
		}
		if session.reads > 100 {
			t.Errorf("read %d times", session.reads)
		}
	})
}

// TestNeverShown: an entry that the switch has confirmed and does not show is refused, with the reason in words; the rest is in service.
func TestNeverShown(t *testing.T) {
	onFabric(t, func(t *testing.T, b *bench, v *topology.View, metal *model.Port) {
		session := newHardware(t, strict())
		mine := func(f flow.Encoded) bool {
			return f.Table() == 1 && f.Cookie().Kind() == uint8(model.KindPort) && f.Cookie().Number() == uint64(metal.Number)
		}
		session.hide = mine
		b.Connected(session)
		time.Sleep(4 * time.Second)
		synctest.Wait()
		st := b.status(metal.Number)
		if b.Confirmed() != v || st.Active || !strings.Contains(st.Reason, "flow statistics do not show") {
			t.Fatalf("confirmed %v, status %+v", b.Confirmed() != nil, st)
		}
		held, _ := session.Read(t.Context())
		if len(held.Flows) == 0 {
			t.Error("the rest has gone too")
		}
		for _, f := range held.Flows {
			if f.Cookie().Kind() == uint8(model.KindPort) && f.Cookie().Number() == uint64(metal.Number) && !mine(f) {
				t.Error("half a port is left")
				break
			}
		}
		session.mu.Lock()
		session.hide = nil
		session.mu.Unlock()
		time.Sleep(2 * firstRetry)
		synctest.Wait()
		if !b.status(metal.Number).Active {
			t.Errorf("not tried again: %+v", b.status(metal.Number))
		}
	})
}

// undead is a session that goes on showing entries that it has confirmed to delete.
type undead struct {
	*hardwareSession
	dead []flow.Encoded
}

func (s *undead) ReadStatsOf(ctx context.Context, table uint8, cookie, mask flow.Cookie, emit func(openflow.FlowStats)) error {
	for _, f := range s.dead {
		if f.Table() == table {
			emit(openflow.FlowStats{Flow: f})
		}
	}
	return s.hardwareSession.ReadStatsOf(ctx, table, cookie, mask, emit)
}

// TestUndeadEntry: an entry that is confirmed to be deleted and still shown ends the session: the next one begins by reading.
func TestUndeadEntry(t *testing.T) {
	onFabric(t, func(t *testing.T, b *bench, v *topology.View, metal *model.Port) {
		session := &undead{hardwareSession: newHardware(t, strict())}
		b.Connected(session)
		synctest.Wait()
		held, _ := session.Read(t.Context())
		session.dead = held.Flows
		next, touches := v.Apply([]model.Change{{Ref: metal.Ref()}})
		next.Version = 2
		var units []topology.Unit
		for _, touch := range touches {
			if touch.Node == b.cfg.Node {
				units = append(units, touch.Unit)
			}
		}
		b.Update(next, units)
		time.Sleep(4 * time.Second)
		synctest.Wait()
		select {
		case <-session.Done():
		default:
			t.Fatal("the session goes on")
		}
		if b.Confirmed() != nil {
			t.Error("confirmed")
		}
	})
}
