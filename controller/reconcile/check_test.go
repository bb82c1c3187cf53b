package reconcile

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

func (b *bench) check() *Checked {
	b.t.Helper()
	c, err := b.Check(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// said are differences in words: what, and of which key.
func said(list []Difference) []string {
	words := []string{}
	for _, d := range list {
		state := "changed"
		switch {
		case d.Wanted.IsZero():
			state = "extra"
		case d.Present.IsZero():
			state = "missing"
		}
		switch i := d.some(); {
		case i.Group != nil:
			words = append(words, fmt.Sprintf("%s group %d", state, i.Group.ID))
		case i.Meter != nil:
			words = append(words, fmt.Sprintf("%s meter %d", state, i.Meter.ID))
		default:
			words = append(words, fmt.Sprintf("%s entry %d.%d %x", state, i.Flow.Table(), i.Flow.Priority(), i.Flow.Cookie()))
		}
	}
	return words
}

// damaged is a switch whose tables somebody has been at, and what a check has to say of it.
func damaged(t *testing.T) (b *bench, session *memorySession, whole flow.Tables, want []string) {
	v := viewOf(smallCloud(3))
	sw := flow.NewSwitch(flow.SwitchConfig{})
	b, session = start(t, v, here), newSession(sw)
	b.Connected(session)
	b.confirmed(v)
	whole = sw.Tables()

	session.mu.Lock()
	defer session.mu.Unlock()
	gone, other := whole.Flows[0], whole.Flows[1]
	drops, err := other.Decode()
	if err != nil || len(drops.Apply)+len(drops.Match) == 0 {
		t.Fatalf("%+v, %v", drops, err)
	}
	drops.Apply, drops.HasGoto, drops.MetadataMask, drops.WriteMetadata, drops.Meter = nil, false, 0, 0, 0
	group, meter := whole.Groups[0], whole.Meters[0]
	changes := []flow.Change{
		{Op: flow.OpDelete, Flow: gone},
		{Op: flow.OpModify, Flow: flow.Encode(drops)},
		{Op: flow.OpAdd, Flow: flow.Encode(flow.Entry{Table: 200, Priority: 2, Cookie: flow.NewCookie(1, 5, 1)})},
		{Op: flow.OpAdd, Flow: flow.Encode(flow.Entry{Table: 200, Priority: 1, Cookie: 42})},
		{Op: flow.OpAdd, Flow: flow.Encode(flow.Entry{Table: 200, Priority: 3, Cookie: flow.NewCookie(1, 5, 1), HardTimeout: 9})}, // goes by itself
		{Op: flow.OpModify, Group: &flow.Group{ID: group.ID}},
		{Op: flow.OpAdd, Group: &flow.Group{ID: 4_000_000_000}},
		{Op: flow.OpDelete, Meter: &meter},
	}
	if refused := sw.Apply(changes); len(refused) > 0 {
		t.Fatal(refused)
	}
	text := func(state string, f flow.Encoded) string {
		return fmt.Sprintf("%s entry %d.%d %x", state, f.Table(), f.Priority(), f.Cookie())
	}
	want = []string{text("missing", gone), text("changed", other), text("extra", changes[2].Flow), text("extra", changes[3].Flow),
		fmt.Sprintf("changed group %d", group.ID), "extra group 4000000000", fmt.Sprintf("missing meter %d", meter.ID)}
	for _, f := range sw.Tables().Flows { // those that used the meter went with it
		whole.Flows = slices.DeleteFunc(whole.Flows, func(w flow.Encoded) bool { return w == f })
	}
	for _, f := range whole.Flows {
		if f != gone && f != other {
			want = append(want, text("missing", f))
		}
	}
	return b, session, whole, want
}

func sameWords(t *testing.T, what string, got []Difference, want []string) {
	t.Helper()
	words := slices.Sorted(slices.Values(said(got)))
	if want = slices.Sorted(slices.Values(want)); !slices.Equal(words, want) {
		t.Errorf("%s:\n%s\nwant:\n%s", what, join(words), join(want))
	}
}

// TestCheckFindsAndRepairMends exactly what was damaged, and nothing that goes by itself.
func TestCheckFindsAndRepairMends(t *testing.T) {
	b, session, _, want := damaged(t)
	before := session.messages()
	c := b.check()
	sameWords(t, "differences", c.Differences, want)
	if c.View != b.Confirmed() || c.Entries == 0 || len(c.Stale) > 0 || c.Frozen {
		t.Errorf("%+v", c)
	}
	for _, d := range c.Differences {
		if (len(d.Owners) == 0) != d.Wanted.IsZero() {
			t.Errorf("owners of %v: %v", said([]Difference{d}), d.Owners)
		}
	}
	if after := session.messages(); after != before {
		t.Errorf("a check sent %+v, after %+v", after, before)
	}
	mended, err := b.Repair(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sameWords(t, "mended", mended.Differences, want)
	sent := session.messages()
	if again := b.check(); len(again.Differences) > 0 {
		t.Errorf("left: %v", said(again.Differences))
	}
	if mended, err = b.Repair(t.Context()); err != nil || len(mended.Differences) > 0 || session.messages() != sent {
		t.Errorf("mended again: %v, %v, sent %+v", said(mended.Differences), err, session.messages())
	}
}

// TestCheckKeepsForeign: entries of others, and groups and meters that nobody wants, are none of Planck's business then.
func TestCheckKeepsForeign(t *testing.T) {
	b, _, _, want := damaged(t)
	b.cfg.KeepForeign = func() bool { return true }
	want = slices.DeleteFunc(want, func(w string) bool { return w == "extra entry 200.1 2a" || w == "extra group 4000000000" })
	sameWords(t, "differences", b.check().Differences, want)
}

func TestCheckOfFrozen(t *testing.T) {
	c := newFrozenCloud(t)
	c.freezeNode(true)
	c.damage()
	before := c.session.messages()
	if found := c.check(); len(found.Differences) != 1 || !found.Frozen {
		t.Errorf("found %v, frozen %v", said(found.Differences), found.Frozen)
	}
	if _, err := c.Repair(t.Context()); !errors.Is(err, ErrFrozen) {
		t.Errorf("repair: %v", err)
	}
	if after := c.session.messages(); after != before {
		t.Errorf("it was sent %+v, after %+v", after, before)
	}
}

func TestCheckOfNobody(t *testing.T) {
	b := start(t, viewOf(smallCloud(1)), here)
	if _, err := b.Check(t.Context()); !errors.Is(err, errNotConnected) {
		t.Errorf("check: %v", err)
	}
	if _, err := b.Repair(t.Context()); !errors.Is(err, errNotConnected) {
		t.Errorf("repair: %v", err)
	}
}

// TestCheckOfStale: what is meant to be on the switch is not what the topology says, which a defect would do.
func TestCheckOfStale(t *testing.T) {
	v := viewOf(smallCloud(3))
	sw := flow.NewSwitch(flow.SwitchConfig{})
	b := start(t, v, here)
	b.Connected(newSession(sw))
	b.confirmed(v)
	whole := sw.Tables()
	lost := topology.Unit{Ref: model.Ref{Kind: model.KindPort, Number: 1}}
	var want []string
	err := b.ask(t.Context(), func(context.Context) {
		r := b.tables.units[lost]
		for _, f := range r.Flows {
			if len(b.tables.flows.owners(f.Key())) == 1 {
				want = append(want, fmt.Sprintf("missing entry %d.%d %x", f.Table(), f.Priority(), f.Cookie()))
			}
		}
		for _, m := range r.Meters {
			want = append(want, fmt.Sprintf("missing meter %d", m.ID))
		}
		b.tables.set(lost, pipeline.Rendered{}, b.dirty)
		nobody := flow.Encode(flow.Entry{Table: 200, Priority: 2, Cookie: flow.NewCookie(1, 5, 77)})
		b.tables.set(topology.Unit{Ref: model.Ref{Kind: model.KindPort, Number: 77}}, pipeline.Rendered{Flows: []flow.Encoded{nobody}}, b.dirty)
		want = append(want, fmt.Sprintf("extra entry 200.2 %x", nobody.Cookie()))
	})
	if err != nil || len(want) < 3 {
		t.Fatal(want, err)
	}
	c := b.check()
	sameWords(t, "stale", c.Stale, want)
	if len(c.Differences) != len(want) {
		t.Errorf("differences: %v", said(c.Differences))
	}
	mended, err := b.Repair(t.Context())
	if err != nil || len(mended.Differences) > 0 { // the switch had not been told of the defect yet
		t.Errorf("mended %v, %v", said(mended.Differences), err)
	}
	sameWords(t, "mended", mended.Stale, want)
	if c := b.check(); len(c.Stale)+len(c.Differences) > 0 {
		t.Errorf("left: %v, %v", said(c.Stale), said(c.Differences))
	}
	now := sw.Tables().Flows
	if slices.Sort(now); !slices.Equal(now, slices.Sorted(slices.Values(whole.Flows))) {
		t.Errorf("%d entries, there were %d", len(now), len(whole.Flows))
	}
}

// busy is a session with a switch that is being sent something whenever it is read.
type busy struct {
	*memorySession
	reading func()
	reads   int
}

func (s *busy) Read(ctx context.Context) (*flow.Tables, error) {
	held, err := s.memorySession.Read(ctx)
	s.reads++
	if s.reading != nil {
		s.reading()
	}
	return held, err
}

// TestCheckOfBusy: what is on its way is no difference, and damage is.
func TestCheckOfBusy(t *testing.T) {
	v := viewOf(smallCloud(3))
	for _, c := range []struct{ changes, reads int }{{0, 1}, {1, 2}, {2, 3}, {1000, checkReads}} {
		sw := flow.NewSwitch(flow.SwitchConfig{})
		b, session := start(t, v, here), &busy{memorySession: newSession(sw)}
		b.Connected(session)
		b.confirmed(v)
		lost := sw.Tables().Flows[0]
		sw.Apply([]flow.Change{{Op: flow.OpDelete, Flow: lost}})
		now, pairs := v, 0
		session.reads = 0
		session.reading = func() {
			if pairs == c.changes {
				return
			}
			pairs++
			p := *now.Port(model.Number(pairs%3 + 1))
			p.AllowedAddressPairs = []model.AddressPair{{IP: prefix(pairs), MAC: p.MAC}}
			now = b.next(now, model.Change{Ref: p.Ref(), Object: &p})
			b.confirmed(now)
		}
		found := b.check()
		sameWords(t, fmt.Sprint(c.changes, " changes"), found.Differences, []string{fmt.Sprintf("missing entry %d.%d %x", lost.Table(), lost.Priority(), lost.Cookie())})
		if session.reads != c.reads || found.View != now {
			t.Errorf("%d changes: read %d times, want %d; checked against version %d of %d", c.changes, session.reads, c.reads, found.View.Version, now.Version)
		}
	}
}

func prefix(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 9, 0, byte(n)}), 32)
}

// TestCheckOfQuarantined: what a switch has refused is not meant to be there; what has lost its place to another's is.
func TestCheckOfQuarantined(t *testing.T) {
	v := viewOf(smallCloud(3))
	sw := flow.NewSwitch(flow.SwitchConfig{Refuse: func(c flow.Change) error {
		if c.Flow != "" && c.Op != flow.OpDelete && c.Flow.Cookie().Kind() == uint8(model.KindPort) && c.Flow.Cookie().Number() == 2 {
			return errors.New("OFPFMFC_TABLE_FULL")
		}
		return nil
	}})
	b := start(t, v, here)
	b.Connected(newSession(sw))
	b.confirmed(v)
	err := b.ask(t.Context(), func(context.Context) {
		b.quarantined[topology.Unit{Ref: model.Ref{Kind: model.KindPort, Number: 1}}] = &quarantine{reason: "its entry lost"}
	})
	if c := b.check(); err != nil || b.status(2).Active || len(c.Stale)+len(c.Differences) > 0 {
		t.Errorf("%v, %v, port %+v, %v", said(c.Stale), said(c.Differences), b.status(2), err)
	}
}

// TestCheckWhileRendering: what is rendered anew beside a switch is not compared with what that has rendered since.
func TestCheckWhileRendering(t *testing.T) {
	v := viewOf(smallCloud(3))
	for changes := range checkReads { // after which all is rendered by the switch itself
		left := 0
		var change func()
		hook := &pipeline.App{Name: "test", Node: func(*pipeline.Context) {
			if left > 0 {
				left--
				change()
			}
		}}
		b := startWith(t, v, func(c *Config) { c.Apps = append(apps.All(), hook) }, nil)
		b.Connected(newSession(flow.NewSwitch(flow.SwitchConfig{})))
		b.confirmed(v)
		now := v
		change = func() {
			p := *now.Port(1)
			p.AllowedAddressPairs = []model.AddressPair{{IP: prefix(left), MAC: p.MAC}}
			now = b.next(now, model.Change{Ref: p.Ref(), Object: &p})
			b.confirmed(now)
		}
		left = changes
		if c := b.check(); len(c.Stale)+len(c.Differences) > 0 || c.View != now || left > 0 {
			t.Errorf("%d changes: %v, %v, of version %d", changes, said(c.Stale), said(c.Differences), c.View.Version)
		}
	}
}
