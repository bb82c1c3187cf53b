package strict

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/openflow"
	"github.com/planck-sdn/planck/southbound/openflow/tablefeatures"
)

// TestSession: what the switch says of itself reaches Planck's session.
func TestSession(t *testing.T) {
	cfg := whole()
	s, session, c := connected(t, cfg)
	if session.DatapathID() != 0xabc || len(session.Ports()) != 4 || session.Ports()[0].Name != "eth1" || session.Ports()[0].Down {
		t.Errorf("%x %+v", session.DatapathID(), session.Ports())
	}
	if d, err := session.Description(timeLimit(t)); err != nil || d != cfg.Description {
		t.Errorf("%+v %v", d, err)
	}
	if m, err := session.MeterFeatures(timeLimit(t)); err != nil || m.Room() != 100 {
		t.Errorf("%+v %v", m, err)
	}
	tables, err := session.TableFeatures(timeLimit(t), nil, tablefeatures.Form{})
	if err != nil || len(tables) != 9 || !slices.Equal(tables[0].Match, cfg.Tables[0].Match) || tables[8].Entry.Can != cfg.Tables[8].Entry.Can {
		t.Errorf("%+v %v", tables, err)
	}
	s.SetLink(2, false)
	s.AddPort(Port{Number: 9, Name: "late"})
	s.RemovePort(3)
	eventually(t, "the ports' states come", func() bool { return len(noted(c, &c.ports)) == 3 })
	var now []string
	for _, p := range session.Ports() {
		now = append(now, p.Name)
		if p.Down != (p.Number == 2) {
			t.Errorf("%+v", p)
		}
	}
	if !slices.Equal(now, []string{"eth1", "eth2", "eth4", "late"}) {
		t.Errorf("ports %v", now)
	}
	if err := session.Ping(timeLimit(t)); err != nil {
		t.Error(err)
	}
	if errs := noted(c, &c.errors); len(errs) > 0 {
		t.Errorf("errors %v", errs)
	}
}

// TestNegotiation: a controller gets the tables that it asks for, and no others.
func TestNegotiation(t *testing.T) {
	cfg := whole()
	cfg.Negotiable = true
	_, session, _ := connected(t, cfg)
	wanted := Tables(2, 20)
	wanted[0].Name = "port"
	form := tablefeatures.Form{FieldIDs: true, Required: true}
	has, err := session.TableFeatures(timeLimit(t), wanted, form)
	if err != nil || len(has) != 2 || has[0].Name != "port" || has[1].MaxEntries != 20 {
		t.Fatalf("%+v %v", has, err)
	}
	refusals, err := session.Apply(timeLimit(t), []flow.Change{add(flow.Entry{Table: 1}), add(flow.Entry{Table: 2})}, false)
	if err != nil || len(refusals) != 1 || refusals[0].Index != 1 || !strings.Contains(refusals[0].Reason, "(type 5, code 2)") {
		t.Errorf("%v %v", refusals, err)
	}
	wanted[1].MaxEntries = 5000
	if _, err := session.TableFeatures(timeLimit(t), wanted, form); err == nil || !strings.Contains(err.Error(), "(type 13, code 4)") {
		t.Errorf("more than there is: %v", err)
	}
}

// TestRoles: a switch obeys the master with the highest generation.
func TestRoles(t *testing.T) {
	first, second := startController(t), startController(t)
	s := New(whole(), nil)
	t.Cleanup(s.Close)
	s.Connect(first.address, second.address)
	a, b := first.session(1), second.session(1)
	if err := a.BecomeMaster(timeLimit(t), 5); err != nil {
		t.Fatal(err)
	}
	if err := b.BecomeMaster(timeLimit(t), 4); !errors.Is(err, openflow.ErrStaleGeneration) {
		t.Errorf("generation 4 after 5: %v", err)
	}
	if err := b.BecomeMaster(timeLimit(t), 6); err != nil {
		t.Fatal(err)
	}
	refusals, err := a.Apply(timeLimit(t), []flow.Change{add(flow.Entry{})}, false)
	if err != nil || len(refusals) != 1 || !strings.Contains(refusals[0].Reason, "(type 1, code 10)") {
		t.Errorf("a slave: %v %v", refusals, err)
	}
	mustApply(t, b, add(flow.Entry{Apply: []flow.Action{flow.Output{Port: flow.PortController, MaxLen: 0xffff}}}))
	s.Receive(1, frame)
	s.SetLink(1, false)
	eventually(t, "both hear of the port", func() bool { return len(noted(first, &first.ports)) == 1 && len(noted(second, &second.ports)) == 1 })
	if len(noted(first, &first.packetIns)) != 0 || len(noted(second, &second.packetIns)) != 1 {
		t.Error("packets come up to the master alone")
	}
	if _, err := a.TableFeatures(timeLimit(t), Tables(1, 1), tablefeatures.Form{}); err == nil || !strings.Contains(err.Error(), "(type 1, code 10)") {
		t.Errorf("a slave that sets tables: %v", err)
	}
}

// TestNoExtensions: what Planck has beyond the standard is refused.
func TestNoExtensions(t *testing.T) {
	_, session, _ := connected(t, whole())
	if _, err := session.Apply(timeLimit(t), []flow.Change{add(flow.Entry{})}, true); !errors.Is(err, openflow.ErrNoBundles) {
		t.Errorf("a bundle: %v", err)
	}
	refusals, err := session.Apply(timeLimit(t), []flow.Change{
		{Op: flow.OpDelete, Zone: 7},
		add(flow.Entry{Match: flow.Match{flow.Exact(flow.Reg0, 1)}}),
		add(flow.Entry{Apply: []flow.Action{flow.Resubmit{Table: 1}}}),
		add(flow.Entry{Apply: []flow.Action{flow.SetField{Field: flow.EthSrc, Value: 1, Mask: 0xff}}}),
		add(flow.Entry{Apply: []flow.Action{flow.SetField{Field: flow.InPort, Mask: flow.InPort.AllOnes()}}}),
		add(flow.Entry{Apply: []flow.Action{flow.Conntrack{Next: flow.NoTable}}}),
	}, false)
	var got []string
	for _, r := range refusals {
		got = append(got, r.Reason[strings.Index(r.Reason, "("):])
	}
	want := []string{"(type 1, code 3)", "(type 4, code 6)", "(type 2, code 2)", "(type 2, code 2)", "(type 2, code 13)", "(type 2, code 2)"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v %v", got, err)
	}
}

var standardEntries = rapid.Custom(func(r *rapid.T) flow.Entry {
	e := flow.Entry{
		Table:    rapid.Uint8Range(0, 7).Draw(r, "table"),
		Priority: rapid.Uint16().Draw(r, "priority"),
		Cookie:   flow.Cookie(rapid.Uint64().Draw(r, "cookie")),
		Flags:    rapid.SampledFrom([]uint16{0, flow.FlagSendFlowRemoved}).Draw(r, "flags"),
		Meter:    rapid.SampledFrom([]uint32{0, 0, 1, 2}).Draw(r, "meter"),
	}
	some := func(f flow.Field, maskable bool, values ...uint64) {
		if !rapid.Bool().Draw(r, "match "+f.String()) {
			return
		}
		mask := f.AllOnes()
		if maskable && rapid.Bool().Draw(r, "masked") {
			mask &= rapid.Uint64Range(1, f.AllOnes()).Draw(r, "mask")
		}
		e.Match = append(e.Match, flow.Masked(f, rapid.SampledFrom(values).Draw(r, "value"), mask))
	}
	some(flow.InPort, false, 1, 2, 9)
	some(flow.EthDst, true, 0x020000000001, 0xffffffffffff)
	some(flow.EthSrc, true, 0x020000000001, 0x020000000002)
	if rapid.Bool().Draw(r, "IPv4") {
		e.Match = append(e.Match, flow.Exact(flow.EthType, 0x0800))
		some(flow.VLANVID, false, 0x1001, 0)
		some(flow.IPv4Src, true, 0x0a000001)
		some(flow.IPv4Dst, true, 0x0a000001, 0x0a000002)
	} else {
		e.Match = append(e.Match, flow.Exact(flow.EthType, 0x0806))
		some(flow.VLANVID, false, 0x1001, 0)
		some(flow.ARPTPA, true, 0x0a000001)
	}
	for range rapid.IntRange(0, 4).Draw(r, "actions") {
		e.Apply = append(e.Apply, rapid.SampledFrom([]flow.Action{
			flow.Output{Port: 1}, flow.Output{Port: flow.PortController, MaxLen: 0xffff}, flow.Output{Port: flow.PortInPort}, flow.ToGroup{ID: 1}, flow.PushVLAN{},
			flow.SetField{Field: flow.EthDst, Value: 5, Mask: flow.EthDst.AllOnes()},
		}).Draw(r, "action"))
	}
	if rapid.Bool().Draw(r, "goto") {
		e.Goto, e.HasGoto = 8, true
	}
	return e
}).Filter(func(e flow.Entry) bool { // Open vSwitch, as which the switch in memory is made, keeps track of two tags
	tags := 0
	for _, a := range e.Apply {
		if _, ok := a.(flow.PushVLAN); ok {
			tags++
		}
	}
	return tags < 2
})

// TestEntriesComeBackEqual: what is read is what was sent, whatever the standard allows.
func TestEntriesComeBackEqual(t *testing.T) {
	cfg := whole()
	cfg.Ports = Ports(1, 9)
	s, session, _ := connected(t, cfg)
	groups := []flow.Group{{ID: 1, Buckets: [][]flow.Action{{flow.PushVLAN{}, flow.Output{Port: 2}}, {flow.Output{Port: 3}}}}, {ID: 2, Buckets: [][]flow.Action{{flow.ToGroup{ID: 1}}}}}
	meters := []flow.Meter{{ID: 1, Rate: 10, Burst: 20}, {ID: 2, Rate: 1, Burst: 1}}
	for i := range groups {
		mustApply(t, session, flow.Change{Op: flow.OpAdd, Group: &groups[i]}, flow.Change{Op: flow.OpAdd, Meter: &meters[i]})
	}
	rapid.Check(t, func(r *rapid.T) {
		wanted := map[flow.Key]flow.Encoded{}
		var changes, undo []flow.Change
		for _, e := range rapid.SliceOfN(standardEntries, 1, 100).Draw(r, "entries") {
			c := add(e)
			changes = append(changes, c)
			undo = append(undo, flow.Change{Op: flow.OpDelete, Flow: c.Flow})
			wanted[c.Flow.Key()] = c.Flow
		}
		mustApply(t, session, changes...)
		tables, err := session.Read(timeLimit(t))
		if err != nil {
			r.Fatal(err)
		}
		if len(tables.Flows) != len(wanted) || !slices.EqualFunc(tables.Groups, groups, flow.Group.Equal) || !slices.Equal(tables.Meters, meters) {
			r.Fatalf("%d entries, groups %+v, meters %+v", len(tables.Flows), tables.Groups, tables.Meters)
		}
		for _, f := range tables.Flows {
			if wanted[f.Key()] != f {
				r.Fatalf("came back as %x, sent %x", f, wanted[f.Key()])
			}
		}
		mustApply(t, session, undo...)
		if n := len(s.Tables().Flows); n != 0 {
			r.Fatalf("%d entries are left", n)
		}
	})
}

// TestLag: a barrier's reply is no proof that an entry is in force.
func TestLag(t *testing.T) {
	cfg := whole()
	cfg.Lag = 100 * time.Millisecond
	s, session, _ := connected(t, cfg)
	start := time.Now()
	mustApply(t, session, flow.Change{Op: flow.OpAdd, Group: &flow.Group{ID: 1}}, add(flow.Entry{Apply: []flow.Action{flow.ToGroup{ID: 1}}}))
	tables, err := session.Read(timeLimit(t))
	if time.Since(start) < cfg.Lag && (err != nil || len(tables.Flows) != 0 || len(tables.Groups) != 0) {
		t.Errorf("in force at once: %+v %v", tables, err)
	}
	eventually(t, "it is in force", func() bool {
		tables, err := session.Read(timeLimit(t))
		return err == nil && len(tables.Flows) == 1 && len(tables.Groups) == 1
	})
	if d := time.Since(start); d < cfg.Lag {
		t.Errorf("in force after %v", d)
	}
	refusals, err := session.Apply(timeLimit(t), []flow.Change{add(flow.Entry{Table: 99})}, false)
	if err != nil || len(refusals) != 1 {
		t.Errorf("what is wrong is refused at once: %v %v", refusals, err)
	}
	mustApply(t, session, add(flow.Entry{Table: 1}))
	time.Sleep(cfg.Lag / 2) // each change has its own time
	start = time.Now()
	mustApply(t, session, add(flow.Entry{Table: 2}))
	eventually(t, "the first is in force", func() bool { return s.Entries(1) == 1 })
	if n := s.Entries(2); time.Since(start) < cfg.Lag && n != 0 {
		t.Error("the second came with the first")
	}
	mustApply(t, session, flow.Change{Op: flow.OpDelete, Flow: flow.Encode(flow.Entry{})})
	if s.Entries(0) != 1 {
		t.Error("deleted at once")
	}
	eventually(t, "it is gone", func() bool { return s.Entries(0) == 0 })
}

// TestReorder: what has no barrier before it may be done before what was sent first; each Apply ends with one.
func TestReorder(t *testing.T) {
	cfg := whole()
	cfg.Reorder = true
	s, session, _ := connected(t, cfg)
	group := flow.Change{Op: flow.OpAdd, Group: &flow.Group{ID: 1}}
	entry := add(flow.Entry{Apply: []flow.Action{flow.ToGroup{ID: 1}}})
	refusals, err := session.Apply(timeLimit(t), []flow.Change{group, entry}, false)
	if err != nil || len(refusals) != 1 || refusals[0].Index != 1 {
		t.Errorf("in one Apply: %v %v", refusals, err)
	}
	mustApply(t, session, flow.Change{Op: flow.OpDelete, Group: group.Group})
	mustApply(t, session, group)
	mustApply(t, session, entry)
	if s.Entries(0) != 1 {
		t.Error("the entry is not there")
	}
}

// TestTimeouts: entries go when their time is over, and not before, and the controller is told why.
func TestTimeouts(t *testing.T) {
	for _, lag := range []time.Duration{0, 20 * time.Millisecond} {
		cfg := whole()
		cfg.Lag = lag
		s, session, c := connected(t, cfg)
		const flags = flow.FlagSendFlowRemoved
		start := time.Now()
		mustApply(t, session,
			add(flow.Entry{Table: 0, HardTimeout: 1, Flags: flags}),
			add(flow.Entry{Table: 1, IdleTimeout: 1, Flags: flags, Cookie: 7}),
			add(flow.Entry{Table: 2, HardTimeout: 100, IdleTimeout: 100, Flags: flags}),
			add(flow.Entry{Table: 3, Flags: flags}))
		eventually(t, "two are gone", func() bool { return len(noted(c, &c.removed)) == 2 })
		if d := time.Since(start); d < time.Second {
			t.Errorf("after %v", d)
		}
		told := noted(c, &c.removed)
		slices.SortFunc(told, func(a, b openflow.FlowRemoved) int { return int(a.Key.Table()) - int(b.Key.Table()) })
		if told[0].Reason != hardTimeout || told[1].Reason != idleTimeout || told[1].Cookie != 7 || told[1].Duration < time.Second {
			t.Errorf("%+v", told)
		}
		if n := len(s.Tables().Flows); n != 2 {
			t.Errorf("%d entries are left", n)
		}
		mustApply(t, session, flow.Change{Op: flow.OpDelete, Flow: flow.Encode(flow.Entry{Table: 3})})
		eventually(t, "the deletion is told", func() bool { told := noted(c, &c.removed); return len(told) == 3 && told[2].Reason == deleted })
	}
}

// TestIdleTimeoutIsPutOff: what meets packets stays.
func TestIdleTimeoutIsPutOff(t *testing.T) {
	s, session, _ := connected(t, whole())
	mustApply(t, session, add(flow.Entry{IdleTimeout: 1}))
	for start := time.Now(); time.Since(start) < 1500*time.Millisecond; time.Sleep(pause) {
		s.Receive(1, frame)
	}
	if s.Entries(0) != 1 {
		t.Error("an entry went although packets met it")
	}
	eventually(t, "it goes when there are none", func() bool { return s.Entries(0) == 0 })
}

// TestMeterLimits: a meter lets through its burst and its rate.
func TestMeterLimits(t *testing.T) {
	s, session, c := connected(t, whole())
	mustApply(t, session, flow.Change{Op: flow.OpAdd, Meter: &flow.Meter{ID: 1, Rate: 100, Burst: 20}})
	mustApply(t, session, add(flow.Entry{Meter: 1, Apply: []flow.Action{flow.Output{Port: flow.PortController, MaxLen: 0xffff}}}))
	start := time.Now()
	const sent = 5000
	for range sent {
		s.Receive(1, frame)
	}
	most := 20 + int(100*time.Since(start).Seconds()) + 1
	if err := session.Ping(timeLimit(t)); err != nil { // its answer comes after them
		t.Fatal(err)
	}
	if n := len(noted(c, &c.packetIns)); n < 20 || n > most {
		t.Errorf("%d of %d came up, where %d may", n, sent, most)
	}
}

// TestPackets: a packet that comes up says where it came from, one that is sent goes where it shall, and what passed is counted.
func TestPackets(t *testing.T) {
	fabric := NewFabric(t)
	s := fabric.Add(whole())
	c := startController(t)
	s.Connect(c.address)
	session := c.session(1)
	one, two := fabric.Host(s, 1, nil), fabric.Host(s, 2, nil)
	up := flow.Entry{Table: 1, Priority: 5, Cookie: 77, Match: flow.Match{flow.Exact(flow.InPort, 1)}, Apply: []flow.Action{flow.Output{Port: flow.PortController, MaxLen: 0xffff}}}
	mustApply(t, session,
		add(flow.Entry{Goto: 1, HasGoto: true}), add(up),
		add(flow.Entry{Table: 1, Priority: 5, Match: flow.Match{flow.Exact(flow.InPort, 2)}, Apply: []flow.Action{flow.Output{Port: 1}}}))
	one.Send(frame)
	eventually(t, "it comes up", func() bool { return len(noted(c, &c.packetIns)) == 1 })
	if p := noted(c, &c.packetIns)[0]; p.InPort != 1 || p.Cookie != 77 || p.Table != 1 || p.Reason != flow.ReasonAction || string(p.Data) != string(frame) {
		t.Errorf("%+v", p)
	}
	for _, out := range []flow.PacketOut{
		{InPort: flow.PortController, Actions: []flow.Action{flow.Output{Port: 2}}, Data: frame},
		{InPort: 2, Actions: []flow.Action{flow.Output{Port: flow.PortTable}}, Data: frame},
		{InPort: 1, Actions: []flow.Action{flow.Output{Port: flow.PortInPort}}, Data: frame},
		{InPort: 1, Actions: []flow.Action{flow.Output{Port: 1}}, Data: frame}, // not back to where it came from
	} {
		if err := session.PacketOut(out); err != nil {
			t.Fatal(err)
		}
	}
	if err := session.Ping(timeLimit(t)); err != nil {
		t.Fatal(err)
	}
	if a, b := len(one.Received()), len(two.Received()); a != 2 || b != 1 {
		t.Errorf("%d and %d frames", a, b)
	}
	var packets, bytes uint64
	if err := session.ReadStatsOf(timeLimit(t), 1, 77, ^flow.Cookie(0), func(f openflow.FlowStats) { packets, bytes = f.Packets, f.Bytes }); err != nil {
		t.Fatal(err)
	}
	if packets != 1 || bytes != uint64(len(frame)) {
		t.Errorf("%d packets, %d octets", packets, bytes)
	}
	s.SetLink(2, false)
	two.Send(frame)
	if n := len(one.Received()); n != 0 {
		t.Errorf("%d frames came in by a port that is down", n)
	}
	if errs := noted(c, &c.errors); len(errs) > 0 {
		t.Errorf("errors %v", errs)
	}
}

// TestCutAndRestart: a switch without its controller goes on, and one that was restarted is empty.
func TestCutAndRestart(t *testing.T) {
	s, session, c := connected(t, whole())
	mustApply(t, session, add(flow.Entry{}))
	s.Cut()
	eventually(t, "the session ends", func() bool { return session.Err() != nil })
	if s.Connected() != 0 || s.Entries(0) != 1 {
		t.Errorf("%d connections, %d entries", s.Connected(), s.Entries(0))
	}
	s.Connect(c.address)
	if tables, err := c.session(2).Read(timeLimit(t)); err != nil || len(tables.Flows) != 1 {
		t.Errorf("%+v %v", tables, err)
	}
	c.session(2).Close(errors.New("the controller goes"))
	if err := c.session(3).Ping(timeLimit(t)); err != nil { // it comes again by itself
		t.Error(err)
	}
	s.Restart()
	if tables, err := c.session(4).Read(timeLimit(t)); err != nil || len(tables.Flows) != 0 {
		t.Errorf("%+v %v", tables, err)
	}
}
