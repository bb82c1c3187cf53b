package strict

import (
	"testing"

	"github.com/planck-sdn/planck/southbound/openflow/tablefeatures"
)

// FuzzSwitch sends whatever there is: the switch never panics, holds what it says it holds, and no more than it promised.
func FuzzSwitch(f *testing.F) {
	f.Add(message(typeFlowMod, 1, mod{priority: 1, match: inPort1, instructions: meter1 + apply(toGroup9+pushVLAN+setVLAN10+output2) + goto1}.body(f)))
	f.Add(message(typeFlowMod, 1, mod{command: flowModify, match: inPort1, instructions: goto1}.body(f)))
	f.Add(message(typeFlowMod, 1, mod{table: allTables, command: flowDelete}.body(f)))
	f.Add(message(typeGroupMod, 1, groupBody(0, groupAll, 9, bucket(0, anyPort, unhex(f, popVLAN+output1)))))
	f.Add(message(typeGroupMod, 1, groupBody(2, groupAll, allGroups)))
	f.Add(message(typeMeterMod, 1, unhex(f, "0000 0006 00000001 0001 0010 00000064 00000032 00000000")))
	f.Add(message(typePacketOut, 1, append(unhex(f, "ffffffff 00000001 0010 000000000000 0000 0010 fffffff9 0000 000000000000"), frame...)))
	for kind := range uint16(partPortDesc + 1) {
		f.Add(message(typeMultipart, 1, put32(put32(put16(put16(nil, kind), 0), 0), allMeters)))
	}
	features := put32(put16(put16(nil, partTableFeatures), 0), 0)
	for _, table := range small().Tables {
		var err error
		if features, err = tablefeatures.Append(features, &table, tablefeatures.Form{FieldIDs: true, Required: true}); err != nil {
			f.Fatal(err)
		}
	}
	f.Add(message(typeMultipart, 1, features))
	f.Fuzz(func(t *testing.T, stream []byte) {
		cfg := small()
		cfg.Negotiable, cfg.Groups.Chaining = true, true
		s := New(cfg, nil)
		defer s.Close()
		k := &conn{s: s, agreed: true, role: roleEqual, async: asyncDefault, multipart: map[uint32][]byte{}, wake: make(chan struct{}, 1)}
		s.conns[k] = true
		seed := message(typeGroupMod, 1, groupBody(0, groupAll, 9, bucket(0, anyPort, unhex(t, output1))))
		for stream = append(seed, stream...); len(stream) >= headerLen; {
			n := max(headerLen, int(be16(stream[2:])))
			if n > len(stream) {
				break
			}
			if err := k.take(stream[:n:n]); err != nil {
				t.Fatal(err)
			}
			stream = stream[n:]
			s.Receive(1, frame)
			check(t, s)
		}
	})
}

// check compares what the switch notes of its entries with what it executes.
func check(t *testing.T, s *Switch) {
	t.Helper()
	tables := s.inForce.executes.Tables()
	if len(tables.Flows) != len(s.inForce.entries) || len(tables.Groups) != len(s.inForce.groups) || len(tables.Meters) != len(s.inForce.meters) {
		t.Fatalf("%d, %d and %d where %d, %d and %d are noted", len(tables.Flows), len(tables.Groups), len(tables.Meters),
			len(s.inForce.entries), len(s.inForce.groups), len(s.inForce.meters))
	}
	var count [256]uint32
	for _, f := range tables.Flows {
		if s.inForce.entries[f.Key()] == nil {
			t.Fatalf("entry %x is not noted", f)
		}
		count[f.Table()]++
	}
	for id, n := range count {
		if table := s.tables[uint8(id)]; n != s.inForce.count[id] || n > 0 && (table == nil || n > table.MaxEntries) {
			t.Fatalf("%d entries in table %d, where %d are noted", n, id, s.inForce.count[id])
		}
	}
}
