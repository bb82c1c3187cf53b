package flow

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
)

// run executes one packet that must not cause an error.
func run(t *testing.T, s *Switch, in Input) Result {
	t.Helper()
	r, err := s.Execute(in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wantPorts(t *testing.T, r Result, want ...string) {
	t.Helper()
	if got := r.ports(); !slices.Equal(got, want) {
		t.Errorf("left by %v, want %v", got, want)
	}
}

func TestExecutePicksByPriority(t *testing.T) {
	low := must(t, "table=0,priority=1 actions=output:9")
	high := must(t, "table=0,priority=100,metadata=0,in_port=1 actions=set_field:0x77->tun_id,goto_table:5")
	next := must(t, "table=5,priority=1,tun_id=0x70/0xf0 actions=output:2")
	s := NewSwitch(SwitchConfig{})
	s.Apply([]Change{{Op: OpAdd, Flow: low}, {Op: OpAdd, Flow: high}, {Op: OpAdd, Flow: next}})
	f := frame(t, someMACs, someARP)

	r := run(t, s, Input{Frame: f, InPort: 1})
	wantSteps := []Step{{Table: 0, Entry: high}, {Table: 5, Entry: next}}
	want := []Emission{{Port: 2, Frame: f, Tunnel: Tunnel{ID: 0x77}}}
	if !reflect.DeepEqual(r.Steps, wantSteps) || !reflect.DeepEqual(r.Emissions, want) {
		t.Errorf("%+v", r)
	}
	wantPorts(t, run(t, s, Input{Frame: f, InPort: 3}), "9")

	s.Apply([]Change{{Op: OpDelete, Flow: next}})
	r = run(t, s, Input{Frame: f, InPort: 1})
	if wantSteps[1].Entry = ""; !reflect.DeepEqual(r.Steps, wantSteps) || r.Emissions != nil {
		t.Errorf("after a miss: %+v", r)
	}
}

func TestExecuteInPort(t *testing.T) {
	s := switchWith(t, SwitchConfig{},
		"group_id=1,type=all,bucket=actions=output:1,bucket=actions=output:2,bucket=actions=IN_PORT",
		"priority=1 actions=output:1,IN_PORT,group:1,LOCAL")
	wantPorts(t, run(t, s, Input{Frame: frame(t, someMACs, someARP), InPort: 1}), "1", "2", "1", "LOCAL")
	wantPorts(t, run(t, s, Input{Frame: frame(t, someMACs, someARP), InPort: 2}), "1", "2", "1", "2", "LOCAL")
	wantPorts(t, run(t, s, Input{Frame: frame(t, someMACs, someARP), InPort: PortLocal}), "1", "LOCAL", "1", "2", "LOCAL")
}

// What the packet has at each lookup is told of, and the DSCP changes without the bits for congestion beside it.
func TestExecuteTellsOfLookups(t *testing.T) {
	var told []uint64
	s := switchWith(t, SwitchConfig{Looked: func(step Step, value func(Field) uint64) {
		told = append(told, uint64(step.Table), value(Metadata), value(IPDSCP))
	}},
		"priority=1,ip actions=set_field:7->metadata,set_field:46->ip_dscp,goto_table:3",
		"table=3,priority=1,ip,nw_tos=184 actions=output:2")
	r := run(t, s, Input{Frame: frame(t, someMACs, "0800", "4507 0014 0001 0000 40 11 0000 0a000001 0a000002"), InPort: 1})
	wantPorts(t, r, "2")
	if !slices.Equal(told, []uint64{0, 0, 1, 3, 7, 46}) || r.Emissions[0].Frame[15] != 46<<2|3 {
		t.Errorf("told %v, TOS %#x", told, r.Emissions[0].Frame[15])
	}
}

// With in_port 0 a packet may leave by the port that it came in by, and IN_PORT is none.
func TestExecuteSetInPort(t *testing.T) {
	s := switchWith(t, SwitchConfig{},
		"priority=1,in_port=1 actions=output:1,set_field:0->in_port,output:1,IN_PORT,goto_table:2",
		"table=2,priority=1,in_port=0 actions=set_field:2->in_port,output:2,IN_PORT,CONTROLLER:9")
	r := run(t, s, Input{Frame: frame(t, someMACs, someARP), InPort: 1})
	wantPorts(t, r, "1", "2", "CONTROLLER")
	if got := r.Emissions[2].PacketIn; got.InPort != 2 {
		t.Errorf("%+v", got)
	}
}

func TestExecuteCheckLarger(t *testing.T) {
	s := switchWith(t, SwitchConfig{},
		"priority=1 actions=set_field:1->reg2,check_pkt_larger(60)->NXM_NX_REG2[0],check_pkt_larger(60)->NXM_NX_REG2[4],goto_table:1",
		"table=1,priority=1,reg2=0 actions=output:1",
		"table=1,priority=1,reg2=0x11 actions=output:2")
	f := append(frame(t, someMACs, someARP), make([]byte, 60)...)
	wantPorts(t, run(t, s, Input{Frame: f[:60], InPort: 9}), "1")
	wantPorts(t, run(t, s, Input{Frame: f[:61], InPort: 9}), "2")
	// After a resubmit nothing of what followed the check there is left.
	s = switchWith(t, SwitchConfig{},
		"priority=1 actions=set_field:5->reg1,resubmit(,1),output:1,resubmit(,2)",
		"table=1,priority=1 actions=set_field:6->reg1,check_pkt_larger(60)->NXM_NX_REG2[0],set_field:7->reg1,resubmit(,2)",
		"table=2,priority=1,reg1=7,reg2=1 actions=output:2",
		"table=2,priority=1,reg1=6,reg2=0 actions=output:3")
	wantPorts(t, run(t, s, Input{Frame: f[:61], InPort: 9}), "2", "1", "3")
}

// A bucket's changes end with it, a resubmit's stay.
func TestExecuteGroupAndResubmit(t *testing.T) {
	s := switchWith(t, SwitchConfig{},
		"group_id=1,type=all,bucket=actions=set_field:fa:16:3e:00:00:99->eth_dst,set_field:5->metadata,resubmit(,7),bucket=actions=group:2",
		"group_id=2,type=all,bucket=actions=set_field:9->tun_id,output:3",
		"table=0,priority=1 actions=group:1,output:4,resubmit(,8),output:5",
		"table=7,priority=1,metadata=5 actions=output:2",
		"table=8,priority=1,metadata=0 actions=set_field:fa:16:3e:00:00:88->eth_dst")
	f := frame(t, someMACs, someARP)
	r := run(t, s, Input{Frame: f, InPort: 1})
	wantPorts(t, r, "2", "3", "4", "5")
	for i, want := range []string{"99", "02", "02", "88"} {
		if got := fmt.Sprintf("%02x", r.Emissions[i].Frame[5]); got != want {
			t.Errorf("copy %d is for :%s, want :%s", i, got, want)
		}
	}
	if r.Emissions[1].Tunnel.ID != 9 || r.Emissions[2].Tunnel.ID != 0 {
		t.Errorf("tunnels: %+v", r.Emissions)
	}
	var depths []int
	for _, step := range r.Steps {
		depths = append(depths, step.Depth)
	}
	if !slices.Equal(depths, []int{0, 2, 1}) {
		t.Errorf("depths %v", depths)
	}
}

// The same buckets as ofproto/trace of Open vSwitch 3.1 was seen to do.
func TestExecuteBucketIsActionSet(t *testing.T) {
	for bucket, want := range map[string][]string{
		"output:2,output:3":                             {"3"},
		"output:2,resubmit(,5)":                         {"2"},
		"resubmit(,5),resubmit(,6)":                     {"5"},
		"output:2,CONTROLLER:5":                         {"CONTROLLER"},
		"output:2,controller(max_len=5,meter_id=1)":     {"2"},
		"output:2,group:2":                              {"8"},
		"group:2,resubmit(,5)":                          {"8"},
		"output:2,set_field:fa:16:3e:00:00:99->eth_dst": {"2"},
		"pop_vlan": nil,
		"drop":     nil,
	} {
		s := NewSwitch(SwitchConfig{})
		s.Apply([]Change{{Op: OpAdd, Meter: &Meter{ID: 1, Rate: 1}}})
		if refused := s.Apply([]Change{
			group(t, OpAdd, "group_id=1,type=all,bucket=actions="+bucket),
			group(t, OpAdd, "group_id=2,type=all,bucket=actions=output:8"),
			add(t, "priority=1 actions=group:1"),
			add(t, "table=5,priority=1 actions=output:4"),
			add(t, "table=6,priority=1 actions=output:5"),
		}); refused != nil {
			t.Fatalf("%s: refused %v", bucket, refused)
		}
		r := run(t, s, Input{Frame: frame(t, someMACs, someARP), InPort: 1})
		if got := r.ports(); !slices.Equal(got, want) {
			t.Errorf("%s: left by %v, want %v", bucket, got, want)
		}
	}
	// Whatever the order written: pop, push, set, output.
	s := switchWith(t, SwitchConfig{}, "group_id=1,type=all,bucket=actions=output:2,set_field:4099->vlan_vid,push_vlan:0x8100,pop_vlan", "priority=1 actions=group:1")
	r := run(t, s, Input{Frame: frame(t, someMACs, "8100 0005", someARP), InPort: 1})
	if want := frame(t, someMACs, "8100 0003", someARP); len(r.Emissions) != 1 || !bytes.Equal(r.Emissions[0].Frame, want) {
		t.Errorf("%+v, want %x", r.Emissions, want)
	}
}

func TestExecutePacketIn(t *testing.T) {
	s := NewSwitch(SwitchConfig{})
	s.Apply([]Change{{Op: OpAdd, Meter: &Meter{ID: 4, Rate: 1}}})
	s.Apply([]Change{
		add(t, "cookie=7,table=0,priority=1 actions=set_field:0x123->metadata,set_field:5->tun_id,set_field:1->reg0,set_field:2->reg1,set_field:3->reg2,CONTROLLER:128,goto_table:3"),
		add(t, "cookie=8,table=3,priority=5,arp actions=controller(max_len=64,meter_id=4),output:2"),
		add(t, "cookie=9,table=3,priority=0 actions=CONTROLLER:65535"),
	})
	f := frame(t, someMACs, someARP)
	r := run(t, s, Input{Frame: f, InPort: 6})
	wantPorts(t, r, "CONTROLLER", "CONTROLLER", "2")
	want := PacketIn{Cookie: 7, Table: 0, Reason: ReasonAction, InPort: 6, Metadata: 0x123, TunnelID: 5, Reg: [3]uint32{1, 2, 3}, Data: f}
	if got := r.Emissions[0]; !reflect.DeepEqual(*got.PacketIn, want) || got.Meter != 0 {
		t.Errorf("%+v", got.PacketIn)
	}
	want.Cookie, want.Table = 8, 3
	if got := r.Emissions[1]; !reflect.DeepEqual(*got.PacketIn, want) || got.Meter != 4 {
		t.Errorf("%+v", got.PacketIn)
	}
	r = run(t, s, Input{Frame: frame(t, someMACs, "88cc 00"), InPort: 6})
	if got := r.Emissions[1].PacketIn; got == nil || got.Reason != ReasonNoMatch || got.Cookie != 9 {
		t.Errorf("of the table-miss entry: %+v", got)
	}
}

func TestExecuteMeters(t *testing.T) {
	over := map[uint32]bool{}
	s := NewSwitch(SwitchConfig{MeterDrops: func(id uint32) bool { return over[id] }})
	for id := range uint32(3) {
		s.Apply([]Change{{Op: OpAdd, Meter: &Meter{ID: id + 1, Rate: 1}}})
	}
	s.Apply([]Change{
		add(t, "priority=1 actions=output:1,resubmit(,5),output:3"),
		add(t, "table=5,priority=1 actions=meter:1,controller(meter_id=2),output:2"),
	})
	for _, tt := range []struct {
		over uint32
		want []string
	}{
		{3, []string{"1", "CONTROLLER", "2", "3"}},
		{2, []string{"1", "2", "3"}},
		{1, []string{"1"}},
	} {
		clear(over)
		over[tt.over] = true
		wantPorts(t, run(t, s, Input{Frame: frame(t, someMACs, someARP), InPort: 9}), tt.want...)
	}
}

func TestExecuteTTL(t *testing.T) {
	s := switchWith(t, SwitchConfig{},
		"table=0,priority=1,ip actions=resubmit(,3),output:1",
		"table=3,priority=1,ip actions=dec_ttl,output:2,goto_table:4",
		"table=4,priority=1 actions=output:3")
	ip := frame(t, someMACs, "0800", "4500 0014 0001 0000 02 2f a4b8 0a000001 0a000002")
	r := run(t, s, Input{Frame: ip, InPort: 9})
	wantPorts(t, r, "2", "3", "1")
	for _, e := range r.Emissions {
		if e.Frame[22] != 1 || !checksums(e.Frame) {
			t.Errorf("%x", e.Frame)
		}
	}
	// 1 is not decremented: the entry ends, but not the one that resubmitted to it.
	r = run(t, s, Input{Frame: r.Emissions[0].Frame, InPort: 9})
	wantPorts(t, r, "CONTROLLER", "1")
	if got := r.Emissions[0].PacketIn; got.Reason != ReasonInvalidTTL || got.Table != 3 {
		t.Errorf("%+v", got)
	}
}

// Loops end with an error, and nothing is emitted.
func TestExecuteLimits(t *testing.T) {
	f := frame(t, someMACs, someARP)
	many := "priority=1 actions=output:2"
	for range maxCopies {
		many += ",output:2"
	}
	for name, tt := range map[string]struct {
		lines []string
		want  error
	}{
		"entry that resubmits to itself": {[]string{"priority=1 actions=output:2,resubmit(,0)"}, ErrTooDeep},
		"table 255 is the same table":    {[]string{"table=0,priority=1 actions=goto_table:3", "table=3,priority=1 actions=resubmit(,255)"}, ErrTooDeep},
		"group that holds itself":        {[]string{"group_id=1,type=all,bucket=actions=group:1", "priority=1 actions=group:1"}, ErrTooDeep},
		"groups that double": {[]string{"group_id=1,type=all,bucket=actions=group:2,bucket=actions=group:2",
			"group_id=2,type=all,bucket=actions=group:3,bucket=actions=group:3", "group_id=3,type=all,bucket=actions=group:4,bucket=actions=group:4",
			"group_id=4,type=all" + string(bytes.Repeat([]byte(",bucket=actions=drop"), 1000)), "priority=1 actions=group:1"}, ErrTooMuch},
		"too many copies": {[]string{many}, ErrTooMuch},
	} {
		s := switchWith(t, SwitchConfig{}, tt.lines...)
		r, err := s.Execute(Input{Frame: f, InPort: 1})
		if !errors.Is(err, tt.want) || r.Emissions != nil || len(r.Steps) == 0 {
			t.Errorf("%s: error %v, %d emissions, %d steps", name, err, len(r.Emissions), len(r.Steps))
		}
	}
	// 2^13 lookups in a chain of tables, each of which resubmits twice to the next.
	var chain []string
	for i := range 13 {
		chain = append(chain, fmt.Sprintf("table=%d,priority=1 actions=resubmit(,%d),resubmit(,%d)", i, i+1, i+1))
	}
	if _, err := switchWith(t, SwitchConfig{}, chain...).Execute(Input{Frame: f}); !errors.Is(err, ErrTooMuch) {
		t.Errorf("many lookups: %v", err)
	}
	// A long way forward is no loop.
	chain = chain[:0]
	for i := range 200 {
		chain = append(chain, fmt.Sprintf("table=%d,priority=1 actions=resubmit(,%d)", i, i+1))
	}
	wantPorts(t, run(t, switchWith(t, SwitchConfig{}, append(chain, "table=200,priority=1 actions=output:1")...), Input{Frame: f}), "1")
	if _, err := NewSwitch(SwitchConfig{}).Execute(Input{Frame: f[:13]}); !errors.Is(err, ErrShortFrame) {
		t.Errorf("short frame: %v", err)
	}
}

func TestSend(t *testing.T) {
	s := switchWith(t, SwitchConfig{}, "cookie=3,priority=1,in_port=CONTROLLER,metadata=5 actions=output:4,CONTROLLER:10")
	r, err := s.Send(PacketOut{InPort: PortController, Data: frame(t, someMACs, someARP),
		Actions: []Action{Output{Port: 2}, SetField{Metadata, 5, Metadata.AllOnes()}, Resubmit{0}}})
	if err != nil {
		t.Fatal(err)
	}
	wantPorts(t, r, "2", "4", "CONTROLLER")
	if got := r.Emissions[2].PacketIn; got.Cookie != 3 {
		t.Errorf("%+v", got)
	}
	for _, a := range []Action{nil, Output{}, Move{EthSrc, EthDst, 60}, ToGroup{5}} {
		if _, err := s.Send(PacketOut{Data: frame(t, someMACs, someARP), Actions: []Action{a}}); err == nil {
			t.Errorf("%+v is sent", a)
		}
	}
}
