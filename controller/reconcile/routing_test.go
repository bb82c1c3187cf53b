package reconcile

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// These tests render a port's address as if it were a floating IP's, with an announcement, and a network as if it were a router with a
// conntrack zone, so that they test no app but this package.

var (
	ruleAnnounced = pipeline.NewRule(0xf01, "nat", "announced in a test", "")
	ruleTracked   = pipeline.NewRule(0xf02, "nat", "tracked in a test", "")
	ruleAsked     = pipeline.NewRule(0xf03, "nat", "asked in a test", "")
)

// announcement is the packet that leaves when the entry of an address has come.
func announcement(a netip.Addr) flow.PacketOut {
	return flow.PacketOut{InPort: flow.PortController, Data: a.AsSlice()}
}

// zoneOf a network, in these tests, is its segmentation id.
func testApp(reply pipeline.Reply, asked *[]pipeline.PacketIn) *pipeline.App {
	return &pipeline.App{
		Name: "nat",
		Network: func(c *pipeline.Context, n *model.Network) {
			c.Flow(ruleTracked, pipeline.External, 1, pipeline.Match(pipeline.InNetwork(n.Key), pipeline.EthType(pipeline.EthTypeIPv4)),
				flow.Conntrack{Zone: uint16(n.SegmentationID), Commit: true, NAT: flow.NATKnown, Next: pipeline.Neighbour.ID})
			c.Flow(ruleTracked, pipeline.External, 2, pipeline.Match(pipeline.InNetwork(n.Key), pipeline.EthType(pipeline.EthTypeIPv4)),
				flow.Conntrack{Zone: uint16(n.SegmentationID), Commit: true, NAT: flow.NATKnown, Next: pipeline.Neighbour.ID})
		},
		Port: func(c *pipeline.Context, n *model.Network, p *model.Port) {
			if _, here := c.View.AttachmentOn(p.Number, c.Node.Number); !here {
				return
			}
			for _, f := range p.FixedIPs {
				c.Flow(ruleAnnounced, pipeline.SourceNAT, 5,
					pipeline.Match(pipeline.EthType(pipeline.EthTypeIPv4), pipeline.Addr(flow.IPv4Src, f.IPAddress)),
					pipeline.Set(flow.EthSrc, p.MAC.Uint64()))
				c.Announce(announcement(f.IPAddress))
			}
		},
		PacketIn: func(in pipeline.PacketIn) pipeline.Reply {
			*asked = append(*asked, in)
			return reply
		},
	}
}

// recorder is a session that keeps what it is asked to send, and the changes.
type recorder struct {
	*memorySession
	sent    []netip.Addr
	changes []flow.Change
	full    bool  // takes no packets
	fail    error // ends Apply after the switch has done it
}

func (r *recorder) PacketOut(p flow.PacketOut) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full {
		return errors.New("full")
	}
	a, _ := netip.AddrFromSlice(p.Data)
	r.sent = append(r.sent, a)
	return nil
}

func (r *recorder) Apply(ctx context.Context, changes []flow.Change, atomic bool) ([]flow.Refusal, error) {
	refusals, err := r.memorySession.Apply(ctx, changes, atomic)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes = append(r.changes, changes...)
	return refusals, errors.Join(err, r.fail)
}

// announced gives what was sent since the last call, sorted.
func (r *recorder) announced() []netip.Addr {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.sent
	r.sent = nil
	slices.SortFunc(list, netip.Addr.Compare)
	return list
}

func (r *recorder) flushed() (zones []uint16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.changes {
		if c.Zone != 0 {
			zones = append(zones, c.Zone)
		}
	}
	r.changes = nil
	return zones
}

func startWith(t *testing.T, v *topology.View, change func(*Config), app *pipeline.App) *bench {
	b := &bench{t: t, statuses: map[model.Number]PortStatus{}}
	cfg := Config{Node: here, Apps: []*pipeline.App{app}, Log: zap.NewNop(), Now: time.Now, Reconciles: make(chan struct{}, 1),
		Generation: func(context.Context) (uint64, error) { return 1, nil }}
	if change != nil {
		change(&cfg)
	}
	b.Switch = New(cfg, v)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { b.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return b
}

func addressOf(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, 0, byte(n)}) }

// addressed is port n of smallCloud with other addresses.
func addressed(v *topology.View, n model.Number, addrs ...netip.Addr) model.Change {
	p := *v.Port(n)
	p.FixedIPs = nil
	for _, a := range addrs {
		p.FixedIPs = append(p.FixedIPs, model.FixedIP{SubnetID: "sub", IPAddress: a})
	}
	return model.Change{Ref: p.Ref(), Object: &p}
}

func TestEffectsFollowNewEntries(t *testing.T) {
	v := viewOf(smallCloud(3))
	sw := flow.NewSwitch(flow.SwitchConfig{})
	b := startWith(t, v, nil, testApp(pipeline.Reply{}, nil))
	first := &recorder{memorySession: newSession(sw)}
	b.Connected(first)
	b.confirmed(v)
	want := func(session *recorder, what string, addrs ...netip.Addr) {
		t.Helper()
		if got := session.announced(); !slices.Equal(got, addrs) {
			t.Errorf("%s: announced %v, want %v", what, got, addrs)
		}
	}
	want(first, "an empty switch", addressOf(1), addressOf(2), addressOf(3))

	v = b.next(v, addressed(v, 1, addressOf(1), addressOf(101)))
	b.confirmed(v)
	want(first, "a new address", addressOf(101))

	p := *v.Port(2)
	p.MAC[5]++
	v = b.next(v, model.Change{Ref: p.Ref(), Object: &p})
	b.confirmed(v)
	want(first, "an entry that does something else", addressOf(2))

	// The address goes from port 1 to port 3, which has another MAC.
	v = b.next(v, addressed(v, 1, addressOf(1)), addressed(v, 3, addressOf(3), addressOf(101)))
	b.confirmed(v)
	want(first, "another owner", addressOf(101))

	first.Close(nil)
	second := &recorder{memorySession: newSession(sw)}
	b.Connected(second)
	b.confirmed(v)
	want(second, "a reconnection")

	again := startWith(t, v, nil, testApp(pipeline.Reply{}, nil))
	third := &recorder{memorySession: newSession(sw)}
	again.Connected(third)
	again.confirmed(v)
	want(third, "a restart")
}

// TestEffectSurvivesItsSession: the session ends before the switch has confirmed the entry. The switch has it, but the announcement
// is owed.
func TestEffectSurvivesItsSession(t *testing.T) {
	v := viewOf(smallCloud(1))
	sw := flow.NewSwitch(flow.SwitchConfig{})
	b := startWith(t, v, nil, testApp(pipeline.Reply{}, nil))
	dying := &recorder{memorySession: newSession(sw), fail: errors.New("connection reset")}
	b.Connected(dying)
	<-dying.Done()
	if sent := dying.announced(); sent != nil {
		t.Fatalf("announced without a confirmation: %v", sent)
	}
	next := &recorder{memorySession: newSession(sw)}
	b.Connected(next)
	b.confirmed(v)
	if sent := next.announced(); !slices.Equal(sent, []netip.Addr{addressOf(1)}) {
		t.Errorf("announced %v", sent)
	}
	if n := len(next.changes); n != 0 {
		t.Errorf("%d changes to a switch that has all", n)
	}
}

// TestEffectWaitsForRoom: a switch that takes no packets gets them later.
func TestEffectWaitsForRoom(t *testing.T) {
	v := viewOf(smallCloud(1))
	b := startWith(t, v, nil, testApp(pipeline.Reply{}, nil))
	session := &recorder{memorySession: newSession(flow.NewSwitch(flow.SwitchConfig{})), full: true}
	b.Connected(session)
	b.confirmed(v)
	session.mu.Lock()
	session.full = false
	session.mu.Unlock()
	b.eventually("announced", func() bool { return slices.Equal(session.announced(), []netip.Addr{addressOf(1)}) })
}

func withZone(v *topology.View, zone uint32) model.Change {
	n := *v.Network(1)
	n.SegmentationID = zone
	return model.Change{Ref: n.Ref(), Object: &n}
}

func TestZoneIsEmptiedForItsNewOwner(t *testing.T) {
	v := viewOf(smallCloud(1))
	sw := flow.NewSwitch(flow.SwitchConfig{})
	app := testApp(pipeline.Reply{}, nil)
	b := startWith(t, v, nil, app)
	session := &recorder{memorySession: newSession(sw)}
	b.Connected(session)
	b.confirmed(v)
	want := func(what string, s *recorder, zones ...uint16) {
		t.Helper()
		if got := s.flushed(); !slices.Equal(got, zones) {
			t.Errorf("%s: flushed %v, want %v", what, got, zones)
		}
	}
	session.mu.Lock()
	if len(session.changes) == 0 || session.changes[0].Zone != 7 {
		t.Error("the zone is not emptied before the first entry that names it")
	}
	session.mu.Unlock()
	want("first", session, 7)

	v = b.next(v, addressed(v, 1, addressOf(1), addressOf(9)))
	b.confirmed(v)
	want("something else", session)
	v = b.next(v, withZone(v, 0x9000))
	b.confirmed(v)
	want("another zone", session, 0x9000)
	session.Close(nil)

	// While the switch was away, the zone went to another owner.
	after, _ := v.Apply([]model.Change{withZone(v, 0x9001)})
	other := startWith(t, after, nil, app)
	second := &recorder{memorySession: newSession(sw)}
	other.Connected(second)
	other.confirmed(after)
	want("after a reconnection", second, 0x9001)

	equal := startWith(t, after, nil, app)
	third := &recorder{memorySession: newSession(sw)}
	equal.Connected(third)
	equal.confirmed(after)
	if len(third.changes) != 0 {
		t.Errorf("an equal switch was sent %v", third.changes)
	}
}

// TestZoneOfAnotherOwnerIsEmptied: a switch that has been away for long still has the entry of a zone's last owner.
func TestZoneOfAnotherOwnerIsEmptied(t *testing.T) {
	sw := flow.NewSwitch(flow.SwitchConfig{})
	sw.Apply([]flow.Change{{Op: flow.OpAdd, Flow: flow.Encode(flow.Entry{Table: pipeline.External.ID, Priority: 9,
		Cookie: flow.NewCookie(ruleTracked.Number, uint8(model.KindNetwork), 77),
		Match:  flow.Match{pipeline.EthType(pipeline.EthTypeIPv4)},
		Apply:  []flow.Action{flow.Conntrack{Zone: 7, Next: pipeline.Neighbour.ID}}})}})
	v := viewOf(smallCloud(1))
	b := startWith(t, v, nil, testApp(pipeline.Reply{}, nil))
	session := &recorder{memorySession: newSession(sw)}
	b.Connected(session)
	b.confirmed(v)
	if got := session.flushed(); !slices.Equal(got, []uint16{7}) {
		t.Errorf("flushed %v", got)
	}
}

func TestRefusedFlushLeavesItsObjectOut(t *testing.T) {
	v := viewOf(smallCloud(1))
	sw := flow.NewSwitch(flow.SwitchConfig{Refuse: func(c flow.Change) error {
		if c.Zone != 0 {
			return errors.New("OFPBRC_BAD_SUBTYPE")
		}
		return nil
	}})
	b := startWith(t, v, nil, testApp(pipeline.Reply{}, nil))
	session := &recorder{memorySession: newSession(sw)}
	b.Connected(session)
	b.confirmed(v)
	for _, f := range sw.Tables().Flows {
		if f.Cookie().Rule() == ruleTracked.Number {
			t.Error("an entry is there whose zone was not emptied")
		}
	}
	if sent := session.announced(); len(sent) != 1 {
		t.Errorf("the port next to it: announced %v", sent)
	}
}

// TestPassingEntries: an entry with a hard timeout goes to the switch beside what is wanted, and nobody minds it there, nor that it goes.
func TestPassingEntries(t *testing.T) {
	v := viewOf(smallCloud(1))
	sw := flow.NewSwitch(flow.SwitchConfig{})
	app := testApp(pipeline.Reply{}, nil)
	b := startWith(t, v, nil, app)
	session := &recorder{memorySession: newSession(sw)}
	b.Connected(session)
	b.confirmed(v)
	wanted := sw.Tables().Flows
	passing := flow.Entry{Table: pipeline.Neighbour.ID, Priority: 30, HardTimeout: 1, Cookie: flow.NewCookie(ruleAsked.Number, 5, 1),
		Flags: flow.FlagSendFlowRemoved}
	inTheWay, err := wanted[0].Decode()
	if err != nil {
		t.Fatal(err)
	}
	inTheWay.HardTimeout = 1
	b.Pass(flow.Encode(inTheWay))
	b.Pass(flow.Encode(passing))
	there := func() []flow.Encoded {
		session.mu.Lock()
		defer session.mu.Unlock()
		return sw.Tables().Flows
	}
	b.eventually("sent", func() bool { return slices.Contains(there(), flow.Encode(passing)) })
	if got := there(); len(got) != len(wanted)+1 || got[0] != wanted[0] {
		t.Errorf("the switch holds %d entries", len(got))
	}
	if err := b.Reconcile(t.Context(), false); err != nil { // reads it
		t.Fatal(err)
	}
	if !slices.Contains(there(), flow.Encode(passing)) {
		t.Error("a reconcile has removed it")
	}
	before := session.messages()
	session.mu.Lock()
	sw.Apply([]flow.Change{{Op: flow.OpDelete, Flow: flow.Encode(passing)}})
	session.mu.Unlock()
	b.Removed(flow.Encode(passing).Key())
	reads := b.Confirmed()
	if err := b.ask(t.Context(), func(context.Context) {}); err != nil {
		t.Fatal(err)
	}
	if after := session.messages(); after.Flow != before.Flow+1 || b.Confirmed() != reads {
		t.Errorf("its end was mended: %+v, then %+v", before, after)
	}
}

func TestPacketInByAnyObject(t *testing.T) {
	v := viewOf(smallCloud(1))
	var asked []pipeline.PacketIn
	var followed []pipeline.Reply
	reply := pipeline.Reply{Packets: []flow.PacketOut{announcement(addressOf(200))}, Observed: "seen", Bounced: 7}
	b := startWith(t, v, func(c *Config) {
		c.FollowUp = func(node model.Number, r pipeline.Reply) {
			if node != here {
				t.Errorf("from node %d", node)
			}
			followed = append(followed, r)
		}
	}, testApp(reply, &asked))
	session := &recorder{memorySession: newSession(flow.NewSwitch(flow.SwitchConfig{}))}
	b.Connected(session)
	b.confirmed(v)
	session.announced()
	for _, test := range []struct {
		name   string
		cookie flow.Cookie
		taken  bool
		port   bool
	}{
		{"port", flow.NewCookie(ruleAsked.Number, uint8(model.KindPort), 1), true, true},
		{"router", flow.NewCookie(ruleAsked.Number, uint8(model.KindRouter), 5), true, false},
		{"node", flow.NewCookie(ruleAsked.Number, uint8(model.KindNode), 1), true, false},
		{"port that is gone", flow.NewCookie(ruleAsked.Number, uint8(model.KindPort), 99), false, false},
		{"no rule", flow.NewCookie(0xfff, uint8(model.KindPort), 1), false, false},
		{"somebody else's", flow.Cookie(42), false, false},
	} {
		asked, followed = nil, nil
		b.PacketIn(session, flow.PacketIn{Cookie: test.cookie, Reg: [3]uint32{1, 2, 3}})
		sent := session.announced()
		if taken := len(asked) == 1 && len(followed) == 1 && len(sent) == 1; taken != test.taken || len(asked) > 1 {
			t.Errorf("%s: asked %d times, followed up %d times, sent %v", test.name, len(asked), len(followed), sent)
			continue
		}
		if !test.taken {
			continue
		}
		in := asked[0]
		if want := (model.Ref{Kind: model.Kind(test.cookie.Kind()), Number: model.Number(test.cookie.Number())}); in.Ref != want {
			t.Errorf("%s: of %v, want %v", test.name, in.Ref, want)
		}
		if (in.Port != nil) != test.port || in.Node.Number != here || in.View != v || in.Reg != [3]uint32{1, 2, 3} || followed[0].Bounced != 7 {
			t.Errorf("%s: %+v, followed up %+v", test.name, in, followed[0])
		}
	}
	if seen := b.Observed(1, "nat"); seen.Text != "seen" || seen.At.IsZero() {
		t.Errorf("observed of port 1: %+v", seen)
	}
}
