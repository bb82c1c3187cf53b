package flow

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// through sends a frame that leaves once, and returns it as it left, or nil.
func through(t rapid.TB, s *Switch, port uint32, frame []byte) []byte {
	t.Helper()
	before := slices.Clone(frame)
	r, err := s.Execute(Input{Frame: frame, InPort: port})
	if err != nil || len(r.Emissions) > 1 {
		t.Fatalf("%d copies, error %v", len(r.Emissions), err)
	}
	if !bytes.Equal(frame, before) {
		t.Fatalf("the frame that came in was changed")
	}
	if len(r.Emissions) == 0 {
		return nil
	}
	if f := r.Emissions[0].Frame; checksums(f) {
		return f
	}
	t.Fatalf("wrong checksums in %x, was %x", r.Emissions[0].Frame, frame)
	return nil
}

func wantFrame(t rapid.TB, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\n%x, want\n%x", what, got, want)
	}
}

func TestNATTranslatesBothWays(t *testing.T) {
	s := switchWith(t, SwitchConfig{}, natWorld...)
	wantFrame(t, "unasked", through(t, s, 2, udpFrame(world, 53, gateway, 4000)), udpFrame(world, 53, gateway, 4000))
	for what, f := range map[string]func(src uint32, sport uint16, dst uint32, dport uint16) []byte{
		"UDP": udpFrame,
		"TCP": func(src uint32, sport uint16, dst uint32, dport uint16) []byte {
			return tcpFrame(src, sport, dst, dport, flagACK)
		},
	} {
		for range 2 {
			wantFrame(t, what+" out", through(t, s, 1, f(vm1, 4000, world, 53)), f(gateway, 4000, world, 53))
			wantFrame(t, what+" back", through(t, s, 2, f(world, 53, gateway, 4000)), f(world, 53, vm1, 4000))
			wantFrame(t, what+" out, port taken", through(t, s, 1, f(vm2, 4000, world, 53)), f(gateway, 4001, world, 53))
			wantFrame(t, what+" back, port taken", through(t, s, 2, f(world, 53, gateway, 4001)), f(world, 53, vm2, 4000))
			wantFrame(t, what+" to another host", through(t, s, 1, f(vm2, 4000, world2, 53)), f(gateway, 4000, world2, 53))
		}
		wantFrame(t, what+" out, last port", through(t, s, 1, f(vm1, 65535, world, 9)), f(gateway, 65535, world, 9))
		wantFrame(t, what+" out, last port taken", through(t, s, 1, f(vm2, 65535, world, 9)), f(gateway, 1024, world, 9))
	}
	wantFrame(t, "ping", through(t, s, 1, echoFrame(vm1, world, 8, 7)), echoFrame(gateway, world, 8, 7))
	wantFrame(t, "pong", through(t, s, 2, echoFrame(world, gateway, 0, 7)), echoFrame(world, vm1, 0, 7))
	wantFrame(t, "ping with the same id", through(t, s, 1, echoFrame(vm2, world, 8, 7)), echoFrame(vm2, world, 8, 7))
}

// Routers may send back no more than 8 octets of what follows the inner IP header (RFC 792).
func TestNATTranslatesErrors(t *testing.T) {
	s := switchWith(t, SwitchConfig{}, natWorld...)
	for what, f := range map[string]struct{ inside, outside []byte }{
		"UDP":  {udpFrame(vm1, 4000, world, 53), udpFrame(gateway, 4000, world, 53)},
		"TCP":  {tcpFrame(vm1, 4000, world, 80, flagSYN), tcpFrame(gateway, 4000, world, 80, flagSYN)},
		"ping": {echoFrame(vm1, world, 8, 3), echoFrame(gateway, world, 8, 3)},
	} {
		wantFrame(t, what, through(t, s, 1, f.inside), f.outside)
		for _, n := range []int{27, 28, 29, 1000} {
			for _, kind := range []byte{3, 11, 12} {
				got := through(t, s, 2, errorFrame(hop, gateway, kind, f.outside, n))
				want := errorFrame(hop, vm1, kind, f.inside, n)
				if n < 28 {
					want = errorFrame(hop, gateway, kind, f.outside, n)
				}
				wantFrame(t, fmt.Sprintf("%s, ICMP %d with %d octets", what, kind, n), got, want)
			}
		}
	}
	wantFrame(t, "about a reply", through(t, s, 1, errorFrame(vm1, world, 3, udpFrame(world, 53, vm1, 4000), 1000)),
		errorFrame(gateway, world, 3, udpFrame(world, 53, gateway, 4000), 1000))
	stranger := errorFrame(hop, gateway, 3, udpFrame(gateway, 9, world, 9), 1000)
	wantFrame(t, "about nothing known", through(t, s, 2, stranger), stranger)
}

func TestConntrackWithoutNATTranslatesNothing(t *testing.T) {
	s := switchWith(t, SwitchConfig{},
		"priority=1,ip,in_port=1 actions=ct(commit,zone=5,nat(src=10.9.9.9),table=1)",
		"priority=1,ip,in_port=2 actions=ct(zone=5,table=1)",
		"priority=1,ip,in_port=3 actions=ct(zone=6,nat,table=1)",
		"priority=1,ip,in_port=4 actions=ct(zone=5,nat,table=1)",
		"table=1,priority=1 actions=output:9")
	through(t, s, 1, udpFrame(vm1, 4000, world, 53))
	back := udpFrame(world, 53, gateway, 4000)
	wantFrame(t, "without nat", through(t, s, 2, back), back)
	wantFrame(t, "in another zone", through(t, s, 3, back), back)
	wantFrame(t, "with nat", through(t, s, 4, back), udpFrame(world, 53, vm1, 4000))
	// What was not committed is not known.
	other := udpFrame(vm1, 4001, world, 53)
	wantFrame(t, "not committed", through(t, s, 4, other), other)
	back = udpFrame(world, 53, gateway, 4001)
	wantFrame(t, "answer to that", through(t, s, 4, back), back)
}

// The copy has what conntrack made of the packet, the rest of the list the packet as it was; what a meter drops after
// conntrack is the copy.
func TestConntrackGoesOnWithTheRest(t *testing.T) {
	over := false
	s := NewSwitch(SwitchConfig{MeterDrops: func(uint32) bool { return over }})
	s.Apply([]Change{{Op: OpAdd, Meter: &Meter{ID: 1, Rate: 1}}})
	s.Apply([]Change{
		add(t, "priority=1,ip actions=set_field:5->reg0,ct(commit,zone=1,nat(src=10.9.9.9),table=3),output:2,goto_table:4"),
		add(t, "table=3,priority=1,reg0=5 actions=meter:1,set_field:6->reg0,output:1,resubmit(,4)"),
		add(t, "table=4,priority=1,reg0=5 actions=output:3"),
		add(t, "table=4,priority=1,reg0=6 actions=output:4"),
	})
	f, translated := udpFrame(vm1, 4000, world, 53), udpFrame(gateway, 4000, world, 53)
	r := run(t, s, Input{Frame: f, InPort: 9})
	wantPorts(t, r, "1", "4", "2", "3")
	for i, want := range [][]byte{translated, translated, f, f} {
		wantFrame(t, fmt.Sprint(i), r.Emissions[i].Frame, want)
	}
	over = true
	wantPorts(t, run(t, s, Input{Frame: f, InPort: 9}), "2", "3")
}

func TestZoneIsEmptied(t *testing.T) {
	s := switchWith(t, SwitchConfig{}, natWorld...)
	out, back := udpFrame(vm1, 4000, world, 53), udpFrame(world, 53, gateway, 4000)
	known := func() bool { return !bytes.Equal(through(t, s, 2, back), back) }
	through(t, s, 1, out)
	if refused := s.Apply([]Change{{Op: OpDelete, Zone: 6}}); refused != nil || !known() {
		t.Errorf("another zone was emptied: %v", refused)
	}
	for _, c := range []Change{{Op: OpAdd, Zone: 5}, {Op: OpDelete, Zone: 5, Meter: &Meter{ID: 1}}} {
		if refused := s.Apply([]Change{c}); len(refused) != 1 {
			t.Errorf("%+v: %v", c, refused)
		}
	}
	if refused := s.ApplyAtomic([]Change{{Op: OpDelete, Zone: 5}}); len(refused) != 1 || !known() {
		t.Errorf("in a bundle: %v", refused)
	}
	if refused := s.Apply([]Change{{Op: OpDelete, Zone: 5}}); refused != nil || known() {
		t.Errorf("not emptied: %v", refused)
	}
	if got := s.Messages(); got.Zone != 3 {
		t.Errorf("counted %+v", got)
	}
	if refused := NewSwitch(SwitchConfig{Standard: true}).Apply([]Change{{Op: OpDelete, Zone: 5}}); len(refused) != 1 {
		t.Error("a standard switch empties a zone")
	}
}

// Nothing that can come on a wire makes conntrack panic, and packets with right checksums leave with right ones.
func FuzzConntrack(f *testing.F) {
	u := udpFrame(gateway, 4000, world, 53)
	f.Add(udpFrame(vm1, 4000, world, 53), udpFrame(world, 53, gateway, 4000))
	f.Add(udpFrame(vm1, 4000, world, 53), errorFrame(hop, gateway, 3, u, 1000))
	f.Add(udpFrame(vm1, 4000, world, 53), errorFrame(hop, gateway, 3, u, 28))
	f.Add(tcpFrame(vm1, 1, world, 2, flagSYN), errorFrame(hop, gateway, 3, tcpFrame(gateway, 1, world, 2, 0), 41))
	f.Add(echoFrame(vm1, world, 8, 7), echoFrame(world, gateway, 0, 7))
	f.Fuzz(func(t *testing.T, out, back []byte) {
		s := switchWith(t, SwitchConfig{}, natWorld...)
		for i, frame := range [][]byte{out, back, out} {
			r, err := s.Execute(Input{Frame: frame, InPort: uint32(i%2 + 1)})
			if err != nil || len(r.Emissions) == 0 || !checksums(frame) {
				continue
			}
			if got := r.Emissions[0].Frame; !checksums(got) || len(got) != len(frame) {
				t.Errorf("%x left as %x", frame, got)
			}
		}
	})
}

// Whoever sends what, each connection keeps an outside of its own, and its replies come back to where it began.
func TestNATProperties(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		d := drawRapid(r)
		s := switchWith(t, SwitchConfig{}, natWorld...)
		inside := map[string]string{} // by the reply that its sender expects
		for range d.int(1, 60) {
			src, dst := uint32(vm1+d.int(0, 3)), uint32(world+d.int(0, 1))
			sport, dport := uint16(pick(d, 1, 1023, 4000, 4001, 65534, 65535)), uint16(d.int(53, 54))
			f := func(src uint32, sport uint16, dst uint32, dport uint16) []byte {
				return tcpFrame(src, sport, dst, dport, flagACK)
			}
			if d.chance(50) {
				f = udpFrame
			}
			out := through(r, s, 1, f(src, sport, dst, dport))
			p, _ := parse(out)
			port := uint16(p.values[TCPSrc] | p.values[UDPSrc])
			wantFrame(r, "out", out, f(gateway, port, dst, dport))
			reply, back := f(dst, dport, gateway, port), f(dst, dport, src, sport)
			if before, ok := inside[string(reply)]; ok && before != string(back) {
				r.Fatalf("two connections share the outside of %x", out)
			}
			inside[string(reply)] = string(back)
		}
		for reply, want := range inside {
			wantFrame(r, "back", through(r, s, 2, []byte(reply)), []byte(want))
		}
	})
}
