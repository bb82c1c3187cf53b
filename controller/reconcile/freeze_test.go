package reconcile

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// frozenCloud is a small cloud with one port that is not plugged yet, on a switch that is in step.
type frozenCloud struct {
	*bench
	view    *topology.View
	sw      *flow.Switch
	session *memorySession
	late    model.Port // not plugged
}

func newFrozenCloud(t *testing.T) *frozenCloud {
	objects := smallCloud(3)
	c := &frozenCloud{late: *objects[2].(*model.Port), sw: flow.NewSwitch(flow.SwitchConfig{})}
	c.late.Number, c.late.ID, c.late.MAC[5], c.late.FixedIPs = 9, "p9", 9, nil
	c.view = viewOf(append(objects, &c.late))
	c.bench, c.session = start(t, c.view, here), newSession(c.sw)
	c.Connected(c.session)
	c.confirmed(c.view)
	return c
}

func (c *frozenCloud) change(o model.Object) {
	c.view = c.next(c.view, model.Change{Ref: o.Ref(), Object: o})
	c.settled()
}

// settled returns when the switch has seen the latest version.
func (c *frozenCloud) settled() {
	c.t.Helper()
	c.eventually("seen", func() bool {
		seen := false
		err := c.ask(c.t.Context(), func(context.Context) {
			c.Switch.mu.Lock()
			defer c.Switch.mu.Unlock()
			seen = c.newSession == nil && !c.reread && len(c.removed)+len(c.pending)+len(c.passing) == 0 && c.frozen() == (c.state == Frozen)
		})
		return err == nil && seen
	})
}

func (c *frozenCloud) freezeNode(frozen bool) {
	n := *c.view.Node(here)
	n.Frozen = frozen
	c.change(&n)
}

func (c *frozenCloud) plugLate() {
	n := *c.view.Node(here)
	n.Interfaces = append(slices.Clone(n.Interfaces), model.Interface{Name: "tapp9", PortID: "p9", Ofport: 99, Sequence: 99})
	c.change(&n)
}

// damage deletes an entry, as the switch tells.
func (c *frozenCloud) damage() {
	c.session.mu.Lock()
	lost := c.sw.Tables().Flows[0]
	c.sw.Apply([]flow.Change{{Op: flow.OpDelete, Flow: lost}})
	c.session.mu.Unlock()
	c.Removed(lost.Key())
	c.settled()
}

func TestFrozenIsSentNothing(t *testing.T) {
	c := newFrozenCloud(t)
	before, confirmed := c.session.messages(), c.Confirmed()
	c.freezeNode(true)
	c.plugLate()
	one := *c.view.Port(1)
	one.AllowedAddressPairs = []model.AddressPair{{IP: netip.MustParsePrefix("10.9.0.0/24"), MAC: one.MAC}}
	c.change(&one)
	c.damage()
	before.Flow++ // that deletion
	c.Pass(flow.Encode(flow.Entry{Table: 3, Priority: 9, HardTimeout: 3, Cookie: flow.NewCookie(1, 5, 1)}))
	c.Reread()
	c.settled()
	if err := c.Reconcile(t.Context(), true); !errors.Is(err, ErrFrozen) {
		t.Errorf("asked to reconcile: %v", err)
	}
	if after := c.session.messages(); after != before {
		t.Errorf("a frozen switch was sent %+v, after %+v", after, before)
	}
	if c.Confirmed() != confirmed {
		t.Errorf("confirmed is version %d, was %d", c.Confirmed().Version, confirmed.Version)
	}
	if s := c.status(9); s.Active || s.Reason != "node here is frozen" {
		t.Errorf("the port that was plugged: %+v", s)
	}
	if s := c.status(1); !s.Active {
		t.Errorf("the port that has entries: %+v", s)
	}
	if sum, err := c.Summary(t.Context()); err != nil || sum.State != Frozen {
		t.Errorf("%+v, %v", sum, err)
	}

	c.freezeNode(false)
	c.confirmed(c.view)
	c.eventually("active", func() bool { return c.status(9).Active })
	wanted, _, err := c.Wanted(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(wanted.Flows)
	present := c.sw.Tables().Flows
	slices.Sort(present)
	if !slices.Equal(wanted.Flows, present) {
		t.Errorf("thawed, it holds %d entries and should %d", len(present), len(wanted.Flows))
	}
}

// TestFrozenConnects: a controller that starts reads what a frozen switch holds, is its master, and sends nothing.
func TestFrozenConnects(t *testing.T) {
	c := newFrozenCloud(t)
	c.freezeNode(true)
	c.plugLate()
	c.damage()
	before := c.session.messages()
	again := start(t, c.view, here)
	session := newSession(c.sw)
	again.Connected(session)
	again.eventually("frozen", func() bool { s, err := again.Summary(t.Context()); return err == nil && s.State == Frozen })
	if after := session.messages(); after != before {
		t.Errorf("it was sent %+v, after %+v", after, before)
	}
	if again.Confirmed() != nil {
		t.Error("it is taken to be in step")
	}
	if s := again.status(9); s.Active || s.Reason == "" {
		t.Errorf("the port without entries: %+v", s)
	}
	if s, told := again.statuses[1]; told {
		t.Errorf("of the port with entries is told %+v", s)
	}
	present := 0
	list, err := again.Flows(t.Context())
	for _, l := range list {
		if l.Present {
			present++
		}
	}
	if held := len(c.sw.Tables().Flows); err != nil || present != held {
		t.Errorf("of %d entries that it holds %d are known, %v", held, present, err)
	}
	frozen := c.view
	n := *frozen.Node(here)
	n.Frozen = false
	again.confirmed(again.next(frozen, model.Change{Ref: n.Ref(), Object: &n}))
}

// meanwhile is a session during whose next message something happens.
type meanwhile struct {
	*memorySession
	do func()
}

func (s *meanwhile) Apply(ctx context.Context, changes []flow.Change, atomic bool) ([]flow.Refusal, error) {
	if do := s.do; do != nil {
		s.do = nil
		do()
	}
	return s.memorySession.Apply(ctx, changes, atomic)
}

// TestFrozenMeanwhile: what is under way when a switch is frozen ends with a message, and does not count as more than was asked then.
func TestFrozenMeanwhile(t *testing.T) {
	v := viewOf(smallCloud(3))
	b := start(t, v, here)
	n := *v.Node(here)
	n.Frozen = true
	frozen, _ := v.Apply([]model.Change{{Ref: n.Ref(), Object: &n}})
	frozen.Version = v.Version + 1
	b.Connected(&meanwhile{newSession(flow.NewSwitch(flow.SwitchConfig{})), func() { b.Update(frozen, nil) }})
	b.eventually("frozen", func() bool { s, err := b.Summary(t.Context()); return err == nil && s.State == Frozen })
	if b.Confirmed() != v {
		t.Errorf("confirmed is %v", b.Confirmed())
	}
}

// TestFrozenBeforeHeld: that a reconcile would remove too much is said when it is to be sent.
func TestFrozenBeforeHeld(t *testing.T) {
	sw := flow.NewSwitch(flow.SwitchConfig{})
	whole := viewOf(smallCloud(100))
	b := start(t, whole, here)
	b.Connected(newSession(sw))
	b.confirmed(whole)
	few := viewOf(smallCloud(10))
	n := *few.Node(here)
	n.Frozen = true
	frozen, _ := few.Apply([]model.Change{{Ref: n.Ref(), Object: &n}})
	b = start(t, frozen, here)
	b.Connected(newSession(sw))
	b.eventually("frozen", func() bool { s, err := b.Summary(t.Context()); return err == nil && s.State == Frozen })
	b.Update(few, nil)
	b.eventually("held", func() bool { s, err := b.Summary(t.Context()); return err == nil && s.State == Held })
}
