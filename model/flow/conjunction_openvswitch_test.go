package flow

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Conjunctions of several clauses and priorities, beside plain entries of all priorities, some with the same match: a packet meets what it meets
// in Open vSwitch.
func TestConjunctionAsOpenVSwitch(t *testing.T) {
	o := startOpenVSwitch(t)
	met, byConjunction := map[string]bool{}, 0
	for seed := range 12 {
		d := drawSeed(seed)
		all := d.conjunctions(60)
		s := NewSwitch(SwitchConfig{})
		if refused := s.Apply(all.changes()); refused != nil {
			t.Fatalf("refused: %v", refused)
		}
		o.ofctl("del-flows", "br0")
		o.install(all)
		if got := o.tables().Flows; !slices.Equal(got, s.Tables().Flows) {
			t.Fatalf("seed %d: entries came back otherwise", seed)
		}
		for range 60 {
			in := Input{Frame: udpFrame(uint32(d.int(1, 3)), uint16(d.int(1, 3)), uint32(d.int(1, 3)), uint16(d.int(1, 3))), InPort: uint32(d.int(1, 2))}
			r := run(t, s, in)
			_, text := o.trace(in)
			want := "none"
			for _, line := range strings.Split(text, "\n") {
				if _, cookie, found := strings.Cut(line, "cookie "); found && !strings.HasPrefix(strings.TrimSpace(line), "-> conj") {
					want = strings.TrimSpace(cookie)
				}
			}
			got := "none"
			if e := r.Steps[0].Entry; e != "" {
				got = fmt.Sprintf("%#x", uint64(e.Cookie()))
				entry, _ := e.Decode()
				if _, is := entry.Match.find(ConjunctionID); is {
					byConjunction++
				}
			}
			if got != want {
				t.Fatalf("seed %d, packet %x on port %d: met %s, in Open vSwitch %s\n%s%s", seed, in.Frame, in.InPort, got, want, steps(r), text)
			}
			met[fmt.Sprint(seed, got)] = true
		}
	}
	t.Logf("%d entries met; %d packets by a conjunction", len(met), byConjunction)
	if len(met) < 50 || byConjunction < 50 {
		t.Error("that shows little")
	}
}

// conjunctions draws a table of entries which hold conjunctions, match some, or have nothing to do with them. Of two that a packet could meet
// with the same priority one would be anybody's choice: plain entries have priorities of their own, and so have the conjunctions that can be met
// on one level.
func (d draw) conjunctions(entries int) Tables {
	var all Tables
	seen := map[Key]bool{}
	for i := range entries {
		e := Entry{Cookie: Cookie(i + 1), Match: Match{Exact(EthType, etherIPv4), Exact(IPProto, protoUDP)}}
		for _, f := range []Field{InPort, IPv4Src, IPv4Dst, UDPSrc, UDPDst} {
			if d.chance(30) {
				e.Match = append(e.Match, Exact(f, uint64(d.int(1, 3))))
			}
		}
		level := d.int(1, 5)
		id := uint32(level)
		switch {
		case d.chance(70):
			e.Priority = uint16(level * 100)
			clauses := uint8(2 + level%2)
			for range d.int(1, 2) {
				e.Apply = append(e.Apply, Conjunction{id, uint8(d.int(1, int(clauses))), clauses})
			}
		case d.chance(60):
			e.Match = append(e.Match, Exact(ConjunctionID, uint64(id)))
			e.Priority = uint16(d.int(0, 5)*100 + 1 + i)
			e.Apply = []Action{Output{Port: 3}}
		default:
			e.Priority = uint16(d.int(0, 5)*100 + 1 + i)
			e.Apply = []Action{Output{Port: 4}}
		}
		if x := Encode(e); !seen[x.Key()] {
			seen[x.Key()] = true
			all.Flows = append(all.Flows, x)
		}
	}
	return all
}
