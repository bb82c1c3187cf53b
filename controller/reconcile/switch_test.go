package reconcile

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/southbound/openflow"
)

// memorySession is a session with a switch in memory.
type memorySession struct {
	mu   sync.Mutex
	sw   *flow.Switch
	done chan struct{}
	once sync.Once
}

func newSession(sw *flow.Switch) *memorySession {
	return &memorySession{sw: sw, done: make(chan struct{})}
}

func (s *memorySession) BecomeMaster(context.Context, uint64) error { return nil }
func (s *memorySession) PacketOut(flow.PacketOut) error             { return nil }
func (s *memorySession) Close(error)                                { s.once.Do(func() { close(s.done) }) }
func (s *memorySession) Done() <-chan struct{}                      { return s.done }

func (s *memorySession) Read(context.Context) (*flow.Tables, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.sw.Tables()
	return &t, nil
}

func (s *memorySession) ReadStatsOf(_ context.Context, table uint8, cookie, mask flow.Cookie, emit func(openflow.FlowStats)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.sw.Tables().Flows {
		if f.Table() == table && f.Cookie()&mask == cookie {
			emit(openflow.FlowStats{Flow: f})
		}
	}
	return nil
}

func (s *memorySession) Apply(_ context.Context, changes []flow.Change, atomic bool) ([]flow.Refusal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return apply(s.sw, changes, atomic), nil
}

// apply is what Session.Apply of southbound/openflow does, on a switch in memory.
func apply(sw *flow.Switch, changes []flow.Change, atomic bool) []flow.Refusal {
	if !atomic {
		return sw.Apply(changes)
	}
	first := 0
	for first < len(changes) && (changes[first].Meter != nil || changes[first].Zone != 0) {
		first++
	}
	if refusals := sw.Apply(changes[:first]); len(refusals) > 0 {
		return refusals
	}
	refusals := sw.ApplyAtomic(changes[first:])
	for i := range refusals {
		refusals[i].Index += first
	}
	return refusals
}

func (s *memorySession) messages() flow.Messages {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sw.Messages()
}

// bench is a Switch under test, with the statuses that it reported.
type bench struct {
	*Switch
	t *testing.T

	mu       sync.Mutex
	statuses map[model.Number]PortStatus
}

func start(t *testing.T, v *topology.View, node model.Number) *bench {
	b := &bench{t: t, statuses: map[model.Number]PortStatus{}}
	b.Switch = New(Config{
		Node: node, Apps: apps.All(), Log: zap.NewNop(), Now: time.Now, Reconciles: make(chan struct{}, 1),
		Generation: func(context.Context) (uint64, error) { return 1, nil },
		Status: func(s PortStatus) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.statuses[s.Port] = s
		},
		OnCollision: func(key flow.Key, winner, loser topology.Unit) { t.Errorf("%v lost against %v", loser, winner) },
	}, v)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { b.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return b
}

func (b *bench) eventually(what string, condition func() bool) {
	b.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			sum, _ := b.Summary(context.Background())
			b.t.Fatalf("%s: not within 10 s; %+v", what, sum)
		}
	}
}

func (b *bench) confirmed(v *topology.View) {
	b.t.Helper()
	b.eventually("confirmed", func() bool { c := b.Confirmed(); return c != nil && c.Version >= v.Version })
}

func (b *bench) status(port model.Number) PortStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.statuses[port]
}

const (
	here  model.Number = 1
	there model.Number = 2
)

// smallCloud is a network with some ports on one node and one on another.
func smallCloud(ports int) []model.Object {
	objects := []model.Object{
		&model.Network{Number: 1, ID: "net", AdminStateUp: true, NetworkType: model.NetworkVXLAN, SegmentationID: 7, Key: 7, MTU: 1450},
		&model.Subnet{Number: 1, ID: "sub", NetworkID: "net", IPVersion: 4, CIDR: netip.MustParsePrefix("10.1.0.0/16"), EnableDHCP: true},
	}
	node := &model.Node{Number: here, Hostname: "here", SystemID: "here", EncapIP: netip.MustParseAddr("10.0.0.1"), TunnelPort: 1}
	away := &model.Node{Number: there, Hostname: "there", SystemID: "there", EncapIP: netip.MustParseAddr("10.0.0.2"), TunnelPort: 1}
	for i := range ports + 1 {
		n := model.Number(i + 1)
		p := &model.Port{Number: n, ID: fmt.Sprint("p", n), NetworkID: "net", AdminStateUp: true, PortSecurityEnabled: true,
			MAC: model.MAC{2, 0, 0, 0, byte(n >> 8), byte(n)}, BindingGeneration: 5,
			FixedIPs: []model.FixedIP{{SubnetID: "sub", IPAddress: netip.AddrFrom4([4]byte{10, 1, byte(n >> 8), byte(n)})}}}
		objects = append(objects, p)
		on := node
		if i == ports {
			on = away
		}
		on.Interfaces = append(on.Interfaces, model.Interface{Name: "tap" + p.ID, PortID: p.ID, Ofport: uint32(n) + 9, Sequence: int64(n)})
	}
	return append(objects, node, away)
}

func viewOf(objects []model.Object) *topology.View {
	empty := topology.New()
	v, _ := empty.Apply(empty.Difference(objects))
	return v
}

// next applies changes, as the follower does, and hands them to the switch.
func (b *bench) next(v *topology.View, changes ...model.Change) *topology.View {
	after, touches := v.Apply(changes)
	after.Version++
	var units []topology.Unit
	for _, t := range touches {
		if t.Node == here {
			units = append(units, t.Unit)
		}
	}
	b.Update(after, units)
	return after
}

func TestEqualStateIsSentNothing(t *testing.T) {
	v := viewOf(smallCloud(20))
	sw := flow.NewSwitch(flow.SwitchConfig{})
	first := start(t, v, here)
	first.Connected(newSession(sw))
	first.confirmed(v)
	if s := first.status(1); !s.Active || s.Generation != 5 || s.Node != here {
		t.Errorf("port 1: %+v", s)
	}
	if s, told := first.statuses[21]; told {
		t.Errorf("the port on the other node was reported: %+v", s)
	}
	sent := sw.Messages()
	if sent.Flow == 0 {
		t.Fatal("nothing was sent to an empty switch")
	}

	second := start(t, v, here)
	session := newSession(sw)
	second.Connected(session)
	second.confirmed(v)
	if again := session.messages(); again != sent {
		t.Errorf("an equal switch was sent %+v, after %+v", again, sent)
	}
}

// TestUnpluggedIsToldByWhoSawItPlugged: a switch says of a port that it is unplugged when the port was plugged, even in a version
// that the switch has skipped, and after a start; not of one that is only about to be plugged.
func TestUnpluggedIsToldByWhoSawItPlugged(t *testing.T) {
	objects := smallCloud(2)
	fresh := *objects[2].(*model.Port)
	fresh.Number, fresh.ID, fresh.MAC[5], fresh.FixedIPs = 9, "p9", 9, nil
	v := viewOf(append(objects, &fresh))
	b := start(t, v, here)
	b.Connected(newSession(flow.NewSwitch(flow.SwitchConfig{})))
	b.confirmed(v)
	told := func(port model.Number) (s PortStatus, told bool) {
		b.mu.Lock()
		defer b.mu.Unlock()
		s, told = b.statuses[port]
		delete(b.statuses, port)
		return s, told
	}
	if s, ok := told(9); !ok || s.Active {
		t.Errorf("after a start: %+v, told %v", s, ok)
	}
	fresh.Number, fresh.ID, fresh.MAC[5] = 10, "p10", 10
	v = b.next(v, model.Change{Ref: fresh.Ref(), Object: &fresh})
	b.confirmed(v)
	if s, ok := told(10); ok {
		t.Errorf("a port that was never plugged: %+v", s)
	}

	node := *v.Node(here)
	without, with := node, node
	without.Interfaces = node.Interfaces[1:]
	with.Interfaces = append(slices.Clone(without.Interfaces), model.Interface{Name: "tapp10", PortID: "p10", Ofport: 99, Sequence: 99})
	if s, ok := told(1); !ok || !s.Active {
		t.Errorf("a plugged port: %+v, told %v", s, ok)
	}
	v = b.next(v, model.Change{Ref: node.Ref(), Object: &without})
	b.confirmed(v)
	if s, ok := told(1); !ok || s.Active {
		t.Errorf("an unplugged port: %+v, told %v", s, ok)
	}
	err := b.ask(t.Context(), func(context.Context) { // the owner is busy while both versions come
		v = b.next(v, model.Change{Ref: node.Ref(), Object: &with})
		v = b.next(v, model.Change{Ref: node.Ref(), Object: &without})
	})
	if err != nil {
		t.Fatal(err)
	}
	b.confirmed(v)
	if s, ok := told(10); !ok || s.Active {
		t.Errorf("a port that was plugged for a moment: %+v, told %v", s, ok)
	}
	b.Switch.mu.Lock()
	defer b.Switch.mu.Unlock()
	if len(b.plugged) != 2 { // the one that is left here, and the one on the other node
		t.Errorf("still taken to be plugged: %v", b.plugged)
	}
}

func TestDamageIsMended(t *testing.T) {
	v := viewOf(smallCloud(3))
	sw := flow.NewSwitch(flow.SwitchConfig{})
	b := start(t, v, here)
	session := newSession(sw)
	b.Connected(session)
	b.confirmed(v)
	whole := sw.Tables()

	session.mu.Lock()
	sw.Apply([]flow.Change{
		{Op: flow.OpDelete, Flow: whole.Flows[0]},
		{Op: flow.OpDelete, Group: &whole.Groups[0]}, // and the entries that use it
		{Op: flow.OpAdd, Flow: flow.Encode(flow.Entry{Table: 200, Priority: 1})},
	})
	session.mu.Unlock()
	b.Removed(whole.Flows[0].Key())
	b.eventually("mended", func() bool {
		session.mu.Lock()
		defer session.mu.Unlock()
		return slices.Equal(sw.Tables().Flows, whole.Flows) && len(sw.Tables().Groups) == len(whole.Groups)
	})
}

func TestRefusedEntryHurtsItsPortOnly(t *testing.T) {
	v := viewOf(smallCloud(3))
	var mu sync.Mutex
	refuse := true
	sw := flow.NewSwitch(flow.SwitchConfig{Refuse: func(c flow.Change) error {
		mu.Lock()
		defer mu.Unlock()
		if refuse && c.Flow != "" && c.Op != flow.OpDelete && c.Flow.Cookie().Kind() == uint8(model.KindPort) && c.Flow.Cookie().Number() == 2 {
			return errors.New("OFPFMFC_TABLE_FULL")
		}
		return nil
	}})
	b := start(t, v, here)
	b.Connected(newSession(sw))
	b.confirmed(v)
	if s := b.status(2); s.Active || !strings.Contains(s.Reason, "OFPFMFC_TABLE_FULL") {
		t.Errorf("the refused port: %+v", s)
	}
	if s := b.status(1); !s.Active {
		t.Errorf("its neighbour: %+v", s)
	}
	mu.Lock()
	refuse = false
	mu.Unlock()
	p := *v.Port(2)
	p.AllowedAddressPairs = []model.AddressPair{{IP: netip.MustParsePrefix("10.9.0.0/24"), MAC: p.MAC}}
	v = b.next(v, model.Change{Ref: p.Ref(), Object: &p})
	b.confirmed(v)
	b.eventually("active after it changed", func() bool { return b.status(2).Active })
}

func TestMassDeletionIsHeld(t *testing.T) {
	v := viewOf(smallCloud(100))
	sw := flow.NewSwitch(flow.SwitchConfig{})
	b := start(t, v, here)
	session := newSession(sw)
	b.Connected(session)
	b.confirmed(v)
	whole := len(sw.Tables().Flows)

	few := start(t, viewOf(smallCloud(10)), here)
	few.Connected(session)
	few.eventually("held", func() bool { s, _ := few.Summary(t.Context()); return s.State == Held })
	if n := len(sw.Tables().Flows); n != whole {
		t.Errorf("%d of %d entries are left", n, whole)
	}
	if sum, _ := few.Summary(t.Context()); !strings.Contains(sum.Problem, "removed") {
		t.Errorf("problem: %q", sum.Problem)
	}
	if err := few.Reconcile(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if n := len(sw.Tables().Flows); n >= whole/2 {
		t.Errorf("--force left %d of %d entries", n, whole)
	}
}

func TestForeignEntries(t *testing.T) {
	for _, keep := range []bool{false, true} {
		foreign := flow.Encode(flow.Entry{Table: 3, Priority: 9, Cookie: 42})
		sw := flow.NewSwitch(flow.SwitchConfig{})
		sw.Apply([]flow.Change{{Op: flow.OpAdd, Flow: foreign}})
		v := viewOf(smallCloud(1))
		b := start(t, v, here)
		b.cfg.KeepForeign = func() bool { return keep }
		b.Connected(newSession(sw))
		b.confirmed(v)
		if kept := slices.Contains(sw.Tables().Flows, foreign); kept != keep {
			t.Errorf("planck-keep-foreign=%v: kept %v", keep, kept)
		}
	}
}

// TestOtherVersionIsOneBundle: entries of another version of the pipeline are replaced all at once.
func TestOtherVersionIsOneBundle(t *testing.T) {
	v := viewOf(smallCloud(3))
	sw := flow.NewSwitch(flow.SwitchConfig{})
	marker := flow.Entry{Table: pipeline.Marker.ID, Cookie: flow.NewCookie(1, 1, 1), WriteMetadata: pipeline.Version + 1, MetadataMask: ^uint64(0)}
	sw.Apply([]flow.Change{{Op: flow.OpAdd, Flow: flow.Encode(marker)}})
	b := start(t, v, here)
	b.Connected(newSession(sw))
	b.confirmed(v)
	for _, f := range sw.Tables().Flows {
		if e, err := f.Decode(); err == nil && e.Table == pipeline.Marker.ID {
			if version, _ := pipeline.VersionOf(&e); version != pipeline.Version {
				t.Errorf("marker says version %d", version)
			}
		}
	}
}

// TestAwaitedPort: a switch tells once that a port is in place by an inactive binding, and nothing of one that it had when the binding
// became so.
func TestAwaitedPort(t *testing.T) {
	objects := smallCloud(2)
	var names [2]string
	for _, o := range objects {
		if n, ok := o.(*model.Node); ok {
			names[map[bool]int{true: 0, false: 1}[n.Number == here]] = n.Hostname
		}
	}
	port := *objects[2].(*model.Port)
	port.HostID = names[1]
	v := viewOf(append(objects, &port))
	b := start(t, v, here)
	b.Connected(newSession(flow.NewSwitch(flow.SwitchConfig{})))
	b.confirmed(v)
	told := func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		s, told := b.statuses[port.Number]
		delete(b.statuses, port.Number)
		return told && s.Awaiting
	}
	change := func(host, inactive string, generation int64) {
		t.Helper()
		next := port
		next.HostID, next.BindingGeneration = host, generation
		if inactive != "" {
			next.InactiveBindings = []model.Binding{{HostID: inactive}}
		}
		v = b.next(v, model.Change{Ref: next.Ref(), Object: &next})
		b.confirmed(v)
	}
	for i, step := range []struct {
		host, inactive string
		want           bool
	}{
		{names[1], names[0], true},  // bound here too
		{names[1], names[0], false}, // something else has changed
		{names[0], names[1], false}, // moved here
		{names[1], names[0], false}, // and back
		{names[1], "", false},
		{names[1], names[0], true}, // once more
	} {
		change(step.host, step.inactive, int64(i+10))
		if got := told(); got != step.want {
			t.Errorf("step %d, %+v: told %v", i, step, got)
		}
	}
}
