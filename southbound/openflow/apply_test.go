package openflow

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/planck-sdn/planck/model/flow"
)

// badEntry uses a meter that does not exist.
func badEntry(priority uint16) flow.Change {
	return addFlow(flow.Entry{Priority: priority, Meter: 99})
}

func goodEntry(priority uint16) flow.Change {
	return addFlow(flow.Entry{Priority: priority, Cookie: 5})
}

func TestAtomicRefusalNamesItsEntryAndAppliesNothing(t *testing.T) {
	_, s, r := connectOVS(t)
	before := goodEntry(1)
	mustApply(t, s, true, before)
	for what, bad := range map[string]flow.Change{
		"refused at commit":          badEntry(12),
		"refused on adding":          addFlow(flow.Entry{Priority: 12, Apply: []flow.Action{flow.DecTTL{}}}), // without IP
		"unknown group":              addFlow(flow.Entry{Priority: 12, Apply: []flow.Action{flow.ToGroup{ID: 8}}}),
		"too long for a message":     addFlow(flow.Entry{Priority: 12, Apply: make64KiB()}),
		"an action nobody can send":  {Op: flow.OpAdd, Group: &flow.Group{ID: 1, Buckets: [][]flow.Action{{flow.Opaque{}}}}},
		"bytes that are no entry":    {Op: flow.OpAdd, Flow: "nonsense"},
		"an operation without sense": {Op: 9, Flow: before.Flow},
		"nothing":                    {Op: flow.OpAdd},
	} {
		refusals, err := s.Apply(timeLimit(t), []flow.Change{goodEntry(10), goodEntry(11), bad, goodEntry(13)}, true)
		if err != nil || len(refusals) != 1 || refusals[0].Index != 2 || refusals[0].Reason == "" {
			t.Errorf("%s: refusals %v, error %v", what, refusals, err)
		}
		if left := mustRead(t, s); !slices.Equal(left.Flows, []flow.Encoded{before.Flow}) || len(left.Groups) > 0 {
			t.Fatalf("%s: tables are now %+v", what, left)
		}
	}
	if errs := recorded(r, &r.errors); len(errs) > 0 {
		t.Errorf("errors that nobody waited for: %v", errs)
	}
}

func make64KiB() []flow.Action {
	return slices.Repeat([]flow.Action{flow.Output{Port: 1}}, 64<<10/16)
}

func TestRefusalWithoutBundleAppliesTheRest(t *testing.T) {
	_, s, _ := connectOVS(t)
	refusals, err := s.Apply(timeLimit(t), []flow.Change{goodEntry(10), badEntry(11), goodEntry(12), badEntry(13), {}}, false)
	if err != nil {
		t.Fatal(err)
	}
	var indexes []int
	for _, f := range refusals {
		indexes = append(indexes, f.Index)
	}
	if !slices.Equal(indexes, []int{1, 3, 4}) || !strings.Contains(refusals[0].Reason, "InvalidMeter (type 12, code 2)") &&
		!strings.Contains(refusals[0].Reason, "type") {
		t.Errorf("refused %v", refusals)
	}
	if n := len(mustRead(t, s).Flows); n != 2 {
		t.Errorf("%d entries", n)
	}
}

// TestMetersComeBeforeTheBundle: meters at the beginning of an atomic list are there for the entries that use them; one that is refused
// keeps the bundle from being committed.
func TestMetersComeBeforeTheBundle(t *testing.T) {
	_, s, r := connectOVS(t)
	meter := func(id uint32) flow.Change {
		return flow.Change{Op: flow.OpAdd, Meter: &flow.Meter{ID: id, Rate: 10, Burst: 10}}
	}
	metered := func(id uint32) flow.Change { return addFlow(flow.Entry{Priority: uint16(id), Meter: id}) }
	mustApply(t, s, true, meter(1), meter(2), metered(1), metered(2))
	mustApply(t, s, true, meter(3))
	refusals, err := s.Apply(timeLimit(t), []flow.Change{meter(4), meter(1), meter(5), metered(4), metered(5)}, true)
	if err != nil || len(refusals) != 1 || refusals[0].Index != 1 || !strings.Contains(refusals[0].Reason, "MeterExists") {
		t.Errorf("refusals %v, error %v", refusals, err)
	}
	if got := mustRead(t, s); len(got.Flows) != 2 || len(got.Meters) != 5 {
		t.Errorf("%d entries, meters %+v", len(got.Flows), got.Meters)
	}
	refusals, err = s.Apply(timeLimit(t), []flow.Change{meter(6), metered(6), metered(99)}, true)
	if err != nil || len(refusals) != 1 || refusals[0].Index != 2 {
		t.Errorf("refusals %v, error %v", refusals, err)
	}
	if got := mustRead(t, s); len(got.Flows) != 2 || len(got.Meters) != 6 {
		t.Errorf("%d entries, meters %+v", len(got.Flows), got.Meters)
	}
	if errs := recorded(r, &r.errors); len(errs) > 0 {
		t.Errorf("errors that nobody waited for: %v", errs)
	}
}

func TestMeterIsNotAllowedInBundle(t *testing.T) {
	_, s, _ := connectOVS(t)
	_, err := s.Apply(timeLimit(t), []flow.Change{goodEntry(1), {Op: flow.OpAdd, Meter: &flow.Meter{ID: 1, Rate: 1, Burst: 1}}}, true)
	if !errors.Is(err, ErrNotInBundle) {
		t.Error(err)
	}
	if c := s.Counters(); c.FlowMods != 0 || c.MeterMods != 0 {
		t.Errorf("sent %+v", c)
	}
}

// TestZoneIsEmptied: a conntrack zone forgets its connections, before the bundle that comes with it, and others keep theirs.
func TestZoneIsEmptied(t *testing.T) {
	o, s, r := connectOVS(t)
	track := func(in uint64, zone uint16) flow.Change {
		return addFlow(flow.Entry{
			Priority: 1, Match: flow.Match{flow.Exact(flow.InPort, in), flow.Exact(flow.EthType, 0x0800)},
			Apply: []flow.Action{flow.Conntrack{Zone: zone, Commit: true, NAT: flow.NATSource, Addr: 0x0a090909, Next: 1}},
		})
	}
	mustApply(t, s, true, track(1, 5), track(2, 6))
	for _, port := range []string{"p1", "p2"} {
		o.run("ovs-appctl", "-t", o.path("ovs-vswitchd.ctl"), "netdev-dummy/receive", port, "in_port(1),eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02),"+
			"eth_type(0x0800),ipv4(src=10.0.0.1,dst=192.0.2.1,proto=17,tos=0,ttl=64,frag=no),udp(src=4000,dst=53)")
	}
	zones := func(want ...string) func() bool {
		return func() bool {
			got := o.run("ovs-appctl", "-t", o.path("ovs-vswitchd.ctl"), "dpctl/dump-conntrack")
			ok := strings.Count(got, "zone=") == len(want)
			for _, w := range want {
				ok = ok && strings.Contains(got, w)
			}
			return ok
		}
	}
	eventually(t, "both connections are known", zones("zone=5", "zone=6"))
	mustApply(t, s, true, flow.Change{Op: flow.OpDelete, Zone: 5}, goodEntry(7))
	eventually(t, "zone 5 is empty", zones("zone=6"))
	mustApply(t, s, true, flow.Change{Op: flow.OpDelete, Zone: 6})
	eventually(t, "both are empty", zones())
	if _, err := s.Apply(timeLimit(t), []flow.Change{goodEntry(8), {Op: flow.OpDelete, Zone: 5}}, true); !errors.Is(err, ErrNotInBundle) {
		t.Error(err)
	}
	if refusals, err := s.Apply(timeLimit(t), []flow.Change{{Op: flow.OpAdd, Zone: 5}}, false); err != nil || len(refusals) != 1 {
		t.Errorf("refusals %v, error %v", refusals, err)
	}
	if c := s.Counters(); c.ZoneFlushes != 2 || len(recorded(r, &r.errors)) > 0 {
		t.Errorf("counters %+v, errors %v", c, recorded(r, &r.errors))
	}
}

// TestModify: MODIFY_STRICT keeps counters and duration, for groups and meters it replaces the contents.
func TestModify(t *testing.T) {
	o, s, _ := connectOVS(t)
	group := flow.Group{ID: 1, Buckets: [][]flow.Action{{flow.Output{Port: 1}}}}
	meter := flow.Meter{ID: 1, Rate: 10, Burst: 10}
	entry := flow.Entry{Priority: 7, Cookie: 3, Apply: []flow.Action{flow.Output{Port: 2}}}
	mustApply(t, s, false, flow.Change{Op: flow.OpAdd, Meter: &meter}, flow.Change{Op: flow.OpAdd, Group: &group}, addFlow(entry))
	o.ofctl("packet-out", "in_port=1 packet="+strings.Repeat("0a", 64)+" actions=table")

	group.Buckets = append(group.Buckets, []flow.Action{flow.Output{Port: 2}})
	meter.Rate = 20
	entry.Apply = nil
	modified := flow.Encode(entry)
	mustApply(t, s, false, flow.Change{Op: flow.OpModify, Meter: &meter}, flow.Change{Op: flow.OpModify, Group: &group},
		flow.Change{Op: flow.OpModify, Flow: modified})
	tables := mustRead(t, s)
	if len(tables.Groups) != 1 || !sameGroup(tables.Groups[0], group) || !slices.Equal(tables.Meters, []flow.Meter{meter}) {
		t.Errorf("tables are %+v", tables)
	}
	eventually(t, "the entry keeps its counters", func() bool {
		var stats []FlowStats
		if err := s.ReadStats(timeLimit(t), func(f FlowStats) { stats = append(stats, f) }); err != nil {
			t.Fatal(err)
		}
		return len(stats) == 1 && stats[0].Flow == modified && stats[0].Packets == 1 && stats[0].Bytes == 64 && stats[0].Duration > 0
	})
	for _, of := range []struct {
		table  uint8
		cookie flow.Cookie
		want   int
	}{{modified.Table(), modified.Cookie(), 1}, {AllTables, modified.Cookie(), 1}, {modified.Table() + 1, modified.Cookie(), 0}, {AllTables, modified.Cookie() + 1, 0}} {
		n := 0
		if err := s.ReadStatsOf(timeLimit(t), of.table, of.cookie, ^flow.Cookie(0), func(FlowStats) { n++ }); err != nil || n != of.want {
			t.Errorf("of table %d and cookie %#x: %d entries, %v", of.table, uint64(of.cookie), n, err)
		}
	}
	mustApply(t, s, false, flow.Change{Op: flow.OpDelete, Flow: modified}, flow.Change{Op: flow.OpDelete, Group: &group},
		flow.Change{Op: flow.OpDelete, Meter: &meter})
	if left := mustRead(t, s); len(left.Flows)+len(left.Groups)+len(left.Meters) > 0 {
		t.Errorf("left: %+v", left)
	}
	if c := s.Counters(); c.FlowMods != 3 || c.GroupMods != 3 || c.MeterMods != 3 {
		t.Errorf("counters %+v", c)
	}
}

// TestForeign: what others put on a switch is seen, whatever it is made of, and can be deleted.
func TestForeign(t *testing.T) {
	o, s, _ := connectOVS(t)
	ours := flow.Encode(flow.Entry{Table: 1, Priority: 5, Cookie: flow.NewCookie(1, 1, 1), Match: flow.Match{flow.Exact(flow.InPort, 1)}})
	mustApply(t, s, false, flow.Change{Op: flow.OpAdd, Flow: ours})
	for _, f := range []string{
		"table=0,priority=1,reg4=7,actions=drop",
		"table=0,priority=2,ct_state=+trk+new,ct_zone=5,ip,actions=output:1",
		"table=0,priority=3,ip,actions=ct(commit,zone=5,table=9,nat(dst=10.0.0.1))",
		"table=0,priority=4,actions=learn(table=2,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[])",
		"table=0,priority=5,actions=write_actions(output:1),goto_table:3",
		"table=0,priority=6,actions=clear_actions",
		"table=0,priority=7,ipv6,ipv6_src=fe80::/64,actions=dec_ttl,output:1",
		"table=0,priority=8,actions=move:NXM_OF_ETH_SRC[0..7]->NXM_OF_ETH_DST[8..15],load:5->NXM_NX_REG4[]",
		"table=0,priority=9,ip,pkt_mark=1,actions=output:1",
		"table=0,priority=10,tcp,actions=conjunction(7,1/2),note:00",
		"table=0,priority=11,actions=set_queue:3,resubmit(2,),controller(userdata=01.02)",
	} {
		o.ofctl("add-flow", f)
	}
	// Someone changed what our own entry does, to something that we have no words for.
	o.run("ovs-ofctl", "-OOpenFlow13", "mod-flows", "--strict", "unix:"+o.path("br0.mgmt"), "table=1,priority=5,in_port=1,actions=set_queue:1")
	o.ofctl("add-group", "group_id=4,type=select,bucket=weight:1,output:1")
	o.ofctl("add-group", "group_id=5,type=all,bucket=actions=set_queue:1")
	o.ofctl("add-meter", "meter=6,kbps,burst,band=type=drop,rate=100,burst_size=10")

	tables := mustRead(t, s)
	if len(tables.Flows) != 12 || len(tables.Groups) != 2 || !slices.Equal(tables.Meters, []flow.Meter{{ID: 6}}) {
		t.Fatalf("read %d entries, groups %+v, meters %+v", len(tables.Flows), tables.Groups, tables.Meters)
	}
	seen := map[uint16]bool{}
	var changes []flow.Change
	for _, f := range tables.Flows {
		if f.Table() == 1 {
			if f == ours || f.Key() != ours.Key() || f.Cookie() != ours.Cookie() {
				t.Errorf("ours has become %x", string(f))
			}
		} else {
			seen[f.Priority()] = true
		}
		if !f.IsForeign() {
			t.Errorf("not foreign: %s", describe(f))
		}
		changes = append(changes, flow.Change{Op: flow.OpDelete, Flow: f})
	}
	if len(seen) != 11 {
		t.Errorf("priorities seen: %v", seen)
	}
	for _, g := range tables.Groups {
		if len(g.Buckets) != 1 || !slices.ContainsFunc(g.Buckets[0], isOpaque) {
			t.Errorf("group %+v", g)
		}
		changes = append(changes, flow.Change{Op: flow.OpDelete, Group: &g})
	}
	changes = append(changes, flow.Change{Op: flow.OpDelete, Meter: &tables.Meters[0]})
	mustApply(t, s, false, changes...)
	if left := mustRead(t, s); len(left.Flows)+len(left.Groups)+len(left.Meters) > 0 {
		t.Errorf("left: %+v", left)
	}
}

// TestSpellings: entries that others spell with older actions and names equal ours.
func TestSpellings(t *testing.T) {
	o, s, _ := connectOVS(t)
	ones := func(f flow.Field) uint64 { return f.AllOnes() }
	for text, e := range map[string]flow.Entry{
		"priority=1,actions=load:5->NXM_NX_TUN_ID[],load:3->NXM_OF_ETH_DST[8..15]": {Priority: 1, Apply: []flow.Action{
			flow.SetField{Field: flow.TunnelID, Value: 5, Mask: ones(flow.TunnelID)},
			flow.SetField{Field: flow.EthDst, Value: 3 << 8, Mask: 0xff00},
		}},
		"priority=2,tcp,nw_ttl=1,tp_dst=80,actions=dec_ttl,resubmit(,7)": {Priority: 2, Match: flow.Match{
			flow.Exact(flow.EthType, 0x800), flow.Exact(flow.IPProto, 6), flow.Exact(flow.IPTTL, 1), flow.Exact(flow.TCPDst, 80),
		}, Apply: []flow.Action{flow.DecTTL{}, flow.Resubmit{Table: 7}}},
		"priority=3,dl_vlan=5,dl_vlan_pcp=2,actions=strip_vlan,mod_dl_src:02:00:00:00:00:01": {Priority: 3, Match: flow.Match{
			flow.Exact(flow.VLANVID, 0x1005), flow.Exact(flow.VLANPCP, 2),
		}, Apply: []flow.Action{flow.PopVLAN{}, flow.SetField{Field: flow.EthSrc, Value: 0x020000000001, Mask: ones(flow.EthSrc)}}},
		"priority=5,icmp,reg0=0xa000001,reg1=0x2/0x6 actions=load:0->OXM_OF_IN_PORT[],set_field:0->icmp_type,check_pkt_larger(1514)->NXM_NX_REG2[0],ct(commit,table=7,zone=5,nat(src=10.0.0.1)),ct(table=8,nat)": {
			Priority: 5, Match: flow.Match{
				flow.Exact(flow.Reg0, 0x0a000001), flow.Masked(flow.Reg1, 2, 6), flow.Exact(flow.EthType, 0x800), flow.Exact(flow.IPProto, 1),
			}, Apply: []flow.Action{
				flow.SetField{Field: flow.InPort, Mask: flow.InPort.AllOnes()}, flow.SetField{Field: flow.ICMPType, Mask: 0xff},
				flow.CheckLarger{Bytes: 1514, To: flow.Reg2}, flow.Conntrack{Zone: 5, Commit: true, NAT: flow.NATSource, Addr: 0x0a000001, Next: 7},
				flow.Conntrack{NAT: flow.NATKnown, Next: 8},
			},
		},
		"priority=4,arp,arp_tpa=10.0.0.0/8,actions=move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[],in_port": {Priority: 4, Match: flow.Match{
			flow.Exact(flow.EthType, 0x806), flow.Masked(flow.ARPTPA, 10<<24, 0xff000000),
		}, Apply: []flow.Action{flow.Move{From: flow.ARPSPA, To: flow.ARPTPA, Bits: 32}, flow.Output{Port: flow.PortInPort}}},
	} {
		o.ofctl("add-flow", text)
		got := mustRead(t, s).Flows
		if len(got) != 1 || got[0] != flow.Encode(e) {
			t.Errorf("%s is read as %s", text, describe(got[0]))
		}
		deleteAllFlows(t, s)
	}
}

func TestFlowRemovedByOthers(t *testing.T) {
	o, s, r := connectOVS(t)
	match := flow.Match{flow.Exact(flow.InPort, 1), flow.Exact(flow.EthType, 0x800), flow.Masked(flow.IPv4Dst, 10<<24, 0xff000000)}
	watched := flow.Encode(flow.Entry{Table: 3, Priority: 9, Cookie: 77, Match: match, Flags: flow.FlagSendFlowRemoved})
	mustApply(t, s, true, flow.Change{Op: flow.OpAdd, Flow: watched}, goodEntry(1))
	o.ofctl("del-flows")
	eventually(t, "the deletion is told", func() bool { return len(recorded(r, &r.removed)) == 1 })
	got := recorded(r, &r.removed)[0]
	if got.Key != watched.Key() || got.Cookie != 77 || got.Reason != 2 || got.Duration <= 0 {
		t.Errorf("told %+v", got)
	}
}

// TestPackets sends a packet out into the pipeline of the switch, which sends it up again.
func TestPackets(t *testing.T) {
	_, s, r := connectOVS(t)
	mustApply(t, s, true,
		addFlow(flow.Entry{Priority: 1, WriteMetadata: 0xabcd << 40, MetadataMask: ^uint64(0), Goto: 4, HasGoto: true}),
		addFlow(flow.Entry{Table: 4, Priority: 1, Cookie: 0x662 << 52, Apply: []flow.Action{
			flow.SetField{Field: flow.TunnelID, Value: 1 << 60, Mask: flow.TunnelID.AllOnes()},
			flow.SetField{Field: flow.Reg0, Value: 0x0a000001, Mask: flow.Reg0.AllOnes()},
			flow.SetField{Field: flow.Reg1, Value: 1<<32 - 1, Mask: flow.Reg1.AllOnes()},
			flow.Output{Port: flow.PortController, MaxLen: 0xffff},
			flow.SetField{Field: flow.InPort, Mask: flow.InPort.AllOnes()},
			flow.SetField{Field: flow.Reg0, Mask: flow.Reg0.AllOnes()},
			flow.CheckLarger{Bytes: 1513, To: flow.Reg2, Bit: 4},
			flow.Output{Port: flow.PortController, MaxLen: 0xffff},
		}}))
	data := slices.Repeat([]byte{0xaa, 0xbb}, 1514/2)
	for range 2 {
		if err := s.PacketOut(flow.PacketOut{InPort: 2, Actions: []flow.Action{flow.Output{Port: flow.PortTable}}, Data: data}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the packets came up", func() bool { return len(recorded(r, &r.packets)) == 4 })
	for i, p := range recorded(r, &r.packets) {
		inPort, reg := uint32(2), [3]uint32{0x0a000001, 1<<32 - 1, 0}
		if i%2 == 1 {
			inPort, reg = 0, [3]uint32{0, 1<<32 - 1, 1 << 4}
		}
		if p.Cookie != 0x662<<52 || p.Table != 4 || p.Reason != 1 || p.InPort != inPort || p.Reg != reg || p.Metadata != 0xabcd<<40 || p.TunnelID != 1<<60 ||
			!slices.Equal(p.Data, data) {
			t.Errorf("came up as %+v", p)
		}
	}
	// A refused packet-out is reported, with what the switch thought of it.
	if err := s.PacketOut(flow.PacketOut{InPort: 0xfffffff0, Data: data}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the refusal came", func() bool { return len(recorded(r, &r.errors)) == 1 })
	if c := s.Counters(); c.PacketOuts != 3 || c.PacketIns != 4 || c.Errors != 1 || c.FlowMods != 2 {
		t.Errorf("counters %+v", c)
	}
}

// TestApplyGivenUp: a caller that does not wait any more leaves a session that works.
func TestApplyGivenUp(t *testing.T) {
	_, s, _ := connectOVS(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if _, err := s.Apply(ctx, manyEntries(50000), true); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	mustApply(t, s, true, goodEntry(1))
	if n := len(mustRead(t, s).Flows); n != 1 {
		t.Errorf("%d entries", n)
	}
}
