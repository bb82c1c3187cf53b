package strict

import (
	"fmt"
	"slices"
	"testing"

	"github.com/planck-sdn/planck/model/flow"
)

// left are the table and priority of the entries that are in force.
func left(s *Switch) (list []string) {
	for _, f := range s.Tables().Flows {
		list = append(list, fmt.Sprint(f.Table(), "/", f.Priority()))
	}
	slices.Sort(list)
	return list
}

// filtered is a mod with a cookie and with what its entries must send to.
func filtered(t *testing.T, m mod, cookie, mask uint64, port, group uint32) []byte {
	b := m.body(t)
	copy(b, put64(put64(nil, cookie), mask))
	copy(b[28:], put32(put32(nil, port), group))
	return b
}

// TestWhichAreDeleted: strict means one entry, and otherwise all that the match covers; cookie, port and group leave some of them out (OpenFlow 1.3.5, 6.4).
func TestWhichAreDeleted(t *testing.T) {
	for _, c := range []struct {
		name string
		body []byte
		want []string
	}{
		{"all", filtered(t, mod{table: allTables, command: flowDelete}, 0, 0, anyPort, anyGroup), nil},
		{"of a table", filtered(t, mod{command: flowDelete}, 0, 0, anyPort, anyGroup), []string{"1/1"}},
		{"whatever the priority", filtered(t, mod{command: flowDelete, priority: 99, match: inPort1}, 0, 0, anyPort, anyGroup), []string{"0/3", "1/1"}},
		{"strict", filtered(t, mod{command: flowDeleteStrict, priority: 1, match: inPort1}, 0, 0, anyPort, anyGroup), []string{"0/2", "0/3", "1/1"}},
		{"strict, of another priority", filtered(t, mod{command: flowDeleteStrict, priority: 9, match: inPort1}, 0, 0, anyPort, anyGroup), []string{"0/1", "0/2", "0/3", "1/1"}},
		{"by cookie", filtered(t, mod{command: flowDelete}, 0x12, 0xff, anyPort, anyGroup), []string{"0/1", "0/3", "1/1"}},
		{"by some bits of the cookie", filtered(t, mod{command: flowDelete}, 0x10, 0xf0, anyPort, anyGroup), []string{"0/3", "1/1"}},
		{"by port", filtered(t, mod{table: allTables, command: flowDelete}, 0, 0, 2, anyGroup), []string{"0/1", "0/3", "1/1"}},
		{"by group", filtered(t, mod{table: allTables, command: flowDelete}, 0, 0, anyPort, 9), []string{"0/1", "0/2", "1/1"}},
		{"strict, by port", filtered(t, mod{command: flowDeleteStrict, priority: 1, match: inPort1}, 0, 0, 2, anyGroup), []string{"0/1", "0/2", "0/3", "1/1"}},
	} {
		s, k := accept(t, small())
		k.must(typeGroupMod, groupBody(0, groupAll, 9, bucket(0, anyPort, unhex(t, output1))))
		k.must(typeFlowMod, filtered(t, mod{priority: 1, match: inPort1, instructions: apply(output1)}, 0x11, 0, anyPort, anyGroup))
		k.must(typeFlowMod, filtered(t, mod{priority: 2, match: inPort1 + vlan10, instructions: apply(output2)}, 0x12, 0, anyPort, anyGroup))
		k.must(typeFlowMod, filtered(t, mod{priority: 3, match: vlan10, instructions: apply(toGroup9)}, 0x23, 0, anyPort, anyGroup))
		k.must(typeFlowMod, mod{table: 1, priority: 1, match: vlan10 + "80000606 020000000001"}.body(t))
		k.must(typeFlowMod, c.body)
		if got := left(s); !slices.Equal(got, c.want) {
			t.Errorf("%s: left are %v, want %v", c.name, got, c.want)
		}
	}
}

// TestModifyKeepsCounters: modify changes what entries do, and nothing else, and makes none.
func TestModifyKeepsCounters(t *testing.T) {
	s, k := accept(t, small())
	entries := func() map[uint16]entry {
		s.mu.Lock()
		defer s.mu.Unlock()
		all := map[uint16]entry{}
		for _, e := range s.inForce.entries {
			all[e.Priority] = *e
		}
		return all
	}
	k.must(typeFlowMod, mod{command: flowModifyStrict, priority: 1}.body(t))
	k.must(typeFlowMod, mod{command: flowModify}.body(t))
	if n := len(entries()); n != 0 {
		t.Fatalf("%d entries", n)
	}
	k.must(typeFlowMod, filtered(t, mod{priority: 1, match: inPort1}, 7, 0, anyPort, anyGroup))
	k.must(typeFlowMod, mod{priority: 2, match: inPort1 + vlan10}.body(t))
	s.Receive(1, frame)
	before := entries()
	k.must(typeFlowMod, mod{command: flowModify, match: inPort1, instructions: apply(output2)}.body(t))
	for priority, e := range entries() {
		was := before[priority]
		if e.Cookie != was.Cookie || e.packets != was.packets || e.added != was.added || !slices.Equal(e.Apply, []flow.Action{flow.Output{Port: 2}}) {
			t.Errorf("%+v became %+v", was, e)
		}
	}
	k.must(typeFlowMod, mod{command: flowModifyStrict, priority: 1, match: inPort1, flags: resetCounts}.body(t))
	if now := entries(); now[1].packets != 0 || len(now[1].Apply) != 0 || len(now[2].Apply) != 1 {
		t.Errorf("%+v", now)
	}
	s.Receive(1, frame)
	k.must(typeFlowMod, mod{priority: 1, match: inPort1}.body(t))
	if now := entries()[1]; now.packets != 1 || now.Cookie != 0 || !now.added.After(before[1].added) {
		t.Errorf("an add over an entry: %+v", now)
	}
	k.must(typeFlowMod, mod{priority: 1, match: inPort1, flags: resetCounts}.body(t))
	if now := entries()[1]; now.packets != 0 {
		t.Errorf("an add over an entry that resets its counters: %+v", now)
	}
}

// TestStatistics holds replies against octets written down from the specification.
func TestStatistics(t *testing.T) {
	s, k := accept(t, small())
	k.must(typeGroupMod, groupBody(0, groupAll, 9, bucket(0, anyPort, unhex(t, output1))))
	k.must(typeMeterMod, unhex(t, "0000 0006 00000001 0001 0010 00000001 00000001 00000000"))
	k.must(typeFlowMod, mod{priority: 7, match: inPort1, instructions: meter1 + apply(toGroup9)}.body(t))
	for range 3 { // the meter lets one of them through
		s.Receive(1, frame)
	}
	s.Receive(2, frame)
	const noDuration = "0000000000000000" // put over what is there
	for _, c := range []struct {
		name, request, want string
		duration            int // where one stands in the reply; 0: nowhere
	}{
		{"flows", "0001 0000 00000000 ff000000 ffffffff ffffffff 00000000 0000000000000000 0000000000000000 0001 0004 00000000",
			"0058 00 00" + noDuration + "0007 0000 0000 0000 00000000 0000000000000000 0000000000000003 0000000000000036" +
				"0001 000c 80000004 00000001 00000000" + meter1 + apply(toGroup9), 4},
		{"aggregate", "0002 0000 00000000 00000000 ffffffff ffffffff 00000000 0000000000000000 0000000000000000 0001 0004 00000000",
			"0000000000000003 0000000000000036 00000001 00000000", 0},
		{"tables", "0003 0000 00000000", "00000000 00000001 0000000000000004 0000000000000003 01000000 00000000 0000000000000000 0000000000000000", 0},
		{"group", "0006 0000 00000000 00000009 00000000", "0038 0000 00000009 00000001 00000000 ffffffffffffffff ffffffffffffffff" + noDuration + "ffffffffffffffff ffffffffffffffff", 32},
		{"another group", "0006 0000 00000000 00000008 00000000", "", 0},
		{"groups", "0007 0000 00000000", "0028 00 00 00000009 0020 0000 ffffffff ffffffff 00000000" + output1, 0},
		{"group features", "0008 0000 00000000", "00000005 00000000 00000002 00000000 00000001 00000000 02460001 00000000 02460001 00000000", 0},
		{"meter", "0009 0000 00000000 00000001 00000000",
			"00000001 0038 000000000000 00000001 0000000000000003 ffffffffffffffff" + noDuration + "0000000000000002 ffffffffffffffff", 32},
		{"meters", "000a 0000 00000000 ffffffff 00000000", "0018 0006 00000001 0001 0010 00000001 00000001 00000000", 0},
		{"meter features", "000b 0000 00000000", "00000002 00000002 0000000e 01 00 0000", 0},
	} {
		answers := k.must(typeMultipart, unhex(t, c.request))
		if len(answers) != 1 {
			t.Errorf("%s: %d answers", c.name, len(answers))
			continue
		}
		got := answers[0][headerLen+8:]
		if c.duration > 0 && len(got) >= c.duration+8 {
			copy(got[c.duration:], make([]byte, 8))
		}
		if want := unhex(t, c.want); string(got) != string(want) {
			t.Errorf("%s: % x\nwant % x", c.name, got, want)
		}
	}
}
