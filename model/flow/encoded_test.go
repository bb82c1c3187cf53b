package flow

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// guardEntry is as large as most of Planck's entries are.
var guardEntry = Entry{
	Table:    10,
	Priority: 100,
	Cookie:   0x6620010040000001,
	Match: Match{
		Masked(Metadata, 0x10005, 0xffffff),
		Exact(EthSrc, 0xfa163e000001),
		Exact(EthType, etherARP),
		Exact(ARPSPA, 0x0a000005),
	},
	Goto:    20,
	HasGoto: true,
}

func TestEncodedParts(t *testing.T) {
	e := guardEntry
	e.Flags, e.IdleTimeout, e.HardTimeout = FlagSendFlowRemoved, 3, 4
	enc := Encode(e)
	if enc.Table() != 10 || enc.Priority() != 100 || enc.Cookie() != e.Cookie || enc.Flags() != FlagSendFlowRemoved {
		t.Errorf("table %d, priority %d, cookie %#x, flags %d", enc.Table(), enc.Priority(), uint64(enc.Cookie()), enc.Flags())
	}
	if !strings.HasPrefix(string(enc), string(enc.Key())) || enc.Key().Table() != 10 || enc.Key().Priority() != 100 {
		t.Errorf("key %x is not the start of %x", enc.Key(), enc)
	}
	if got, err := enc.Decode(); err != nil || !reflect.DeepEqual(got, e) {
		t.Errorf("decoded %+v, %v", got, err)
	}
	if len(enc) > 80 {
		t.Errorf("%d bytes", len(enc))
	}
}

// What a switch reports back can differ from what it was sent in all these ways.
func TestEquivalentEntriesAreEqual(t *testing.T) {
	entry := func(m Match, list ...Action) Entry { return Entry{Match: m, Apply: list} }
	for name, pair := range map[string][2]Entry{
		"order of the match": {
			entry(Match{Exact(EthType, etherARP), Exact(InPort, 1)}),
			entry(Match{Exact(InPort, 1), Exact(EthType, etherARP)}),
		},
		"mask of all ones, mask of none, bits outside the mask": {
			entry(Match{Exact(InPort, 1), {Metadata, 0xff05, 0xff}}),
			entry(Match{{InPort, 1, 0xffffffffffffffff}, {Metadata, 5, 0xff}, {EthSrc, 9, 0}}),
		},
		"masked set-field and its reg_loads": {
			entry(nil, SetField{Metadata, 0x50005, 0xf000f}),
			entry(nil, SetField{Metadata, 0x5, 0xf}, SetField{Metadata, 0x50000, 0xf0000}),
		},
		"VLAN id without and with the presence bit": {
			entry(nil, PushVLAN{}, SetField{VLANVID, 5, 0xfff}),
			entry(nil, PushVLAN{}, SetField{VLANVID, 0x1005, 0x1fff}),
		},
		"punt without meter": {
			entry(nil, Punt{MaxLen: 100}),
			entry(nil, Output{PortController, 100}),
		},
		"bits of ct_state that Open vSwitch has not": {
			entry(Match{{CTState, 0x121, 0xffffffff}}), entry(Match{Exact(CTState, 0x21)}),
		},
		"max_len of another port": {entry(nil, Output{5, 100}), entry(nil, Output{5, 0})},
		"flags about the message": {Entry{Flags: 1 | 2 | 4}, Entry{Flags: 1}},
		"empty lists":             {entry(Match{}, []Action{}...), entry(nil)},
		"metadata without mask":   {Entry{WriteMetadata: 5}, Entry{}},
	} {
		if a, b := Encode(pair[0]), Encode(pair[1]); a != b {
			t.Errorf("%s: %x and %x", name, a, b)
		}
		if a, b := Format(pair[0], nil), Format(pair[1], nil); a != b {
			t.Errorf("%s: %s and %s", name, a, b)
		}
	}
}

func TestDifferentEntriesDiffer(t *testing.T) {
	base := guardEntry
	change := func(f func(*Entry)) Entry {
		e := base
		e.Match = slices.Clone(base.Match)
		f(&e)
		return e
	}
	for name, tt := range map[string]struct {
		entry            Entry
		sameKey, sameAll bool
	}{
		"instructions": {change(func(e *Entry) { e.Goto++ }), true, true},
		"more":         {change(func(e *Entry) { e.Apply = []Action{Output{1, 0}} }), true, true},
		"meter":        {change(func(e *Entry) { e.Meter = 1 }), true, true},
		"cookie":       {change(func(e *Entry) { e.Cookie++ }), true, false},
		"flags":        {change(func(e *Entry) { e.Flags = 1 }), true, false},
		"timeout":      {change(func(e *Entry) { e.HardTimeout = 1 }), true, false},
		"priority":     {change(func(e *Entry) { e.Priority++ }), false, false},
		"value":        {change(func(e *Entry) { e.Match[1].Value++ }), false, false},
		"mask":         {change(func(e *Entry) { e.Match[0].Mask = 0x1ffffff }), false, false},
		"fewer fields": {change(func(e *Entry) { e.Match = e.Match[:2] }), false, false},
	} {
		a, b := Encode(base), Encode(tt.entry)
		if a == b {
			t.Errorf("%s: equal", name)
		}
		if (a.Key() == b.Key()) != tt.sameKey || a.SameExceptInstructions(b) != tt.sameAll || b.SameExceptInstructions(a) != tt.sameAll {
			t.Errorf("%s: same key %v, same but instructions %v", name, a.Key() == b.Key(), a.SameExceptInstructions(b))
		}
		if tt.sameAll && a.Instructions() == b.Instructions() {
			t.Errorf("%s: same instructions", name)
		}
	}
}

// Broken entries must not turn into others that a switch would take.
func TestBrokenEntriesStayBroken(t *testing.T) {
	for name, e := range map[string]Entry{
		"no field":           {Match: Match{{fieldEnd, 1, 1}}},
		"field 0":            {Match: Match{{0, 1, 1}}},
		"field of high bits": {Match: Match{{200, 1, 1}}},
		"field twice":        {Match: Match{Exact(InPort, 1), Exact(InPort, 2)}},
		"set no field":       {Apply: []Action{SetField{99, 1, 1}}},
		"two zones":          {Apply: []Action{Conntrack{Zone: 5, ZoneFrom: Metadata}}},
		"zone of no field":   {Apply: []Action{Conntrack{ZoneFrom: fieldEnd}}},
		"nil action":         {Apply: []Action{nil}},
		"pointer":            {Apply: []Action{&Output{Port: 1}}},
	} {
		if got, err := Encode(e).Decode(); err == nil {
			t.Errorf("%s: decoded to %+v", name, got)
		}
		_ = Format(e, nil) // must not panic
	}
}

// One entry must not have two encodings that a reader accepts.
func TestDecodeRefusesOtherSpellings(t *testing.T) {
	enc := string(Encode(guardEntry))
	goodKey := "\x00\x00\x01\x00"
	rest := strings.Repeat("\x00", offInstructions)
	field := func(f Field, mask string) string { return string([]byte{byte(f) | masked}) + "\x00\x01" + mask }
	for name, b := range map[string]string{
		"goto twice":            enc + string([]byte{tagGoto, 21}),
		"action after goto":     enc + string([]byte{tagDecTTL}),
		"meter 0":               enc[:len(enc)-2] + string([]byte{tagMeter, 0, 0, 0, 0, tagGoto, 20}),
		"mask of all ones":      goodKey + "\x05" + field(EthType, "\xff\xff") + rest,
		"mask of none":          goodKey + "\x05" + field(TCPSrc, "\x00\x00") + rest,
		"value outside mask":    goodKey + "\x05" + field(TCPSrc, "\x00\x02") + rest,
		"order of the match":    goodKey + "\x06" + string([]byte{byte(TCPDst), 0, 1, byte(TCPSrc), 0, 1}) + rest,
		"set of two runs":       goodKey + "\x00" + rest + string([]byte{tagSetField}) + field(TCPSrc, "\x00\x05"),
		"controller as a port":  goodKey + "\x00" + rest + string([]byte{tagOutput, 0xff, 0xff, 0xff, 0xfd}),
		"flag of the message":   goodKey + "\x00" + rest[:9] + "\x02" + rest[10:],
		"cut in the match":      goodKey + "\x01" + string([]byte{byte(TCPSrc)}) + rest,
		"cut in the header":     enc[:len(enc)-3],
		"cut in an instruction": enc[:len(enc)-1],
	} {
		if e, err := Encoded(b).Decode(); err == nil {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if _, err := Encoded(goodKey + "\x00" + rest).Decode(); err != nil {
		t.Errorf("the empty entry: %v", err)
	}
}

func TestEncodeProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawRapid(t).anyEntry()
		enc := Encode(e)
		got, err := enc.Decode()
		if err != nil {
			t.Fatalf("%+v: %v", e, err)
		}
		if Encode(got) != enc {
			t.Fatalf("decoded entry is another: %+v, was %+v", got, e)
		}
		shuffled := e
		shuffled.Match = slices.Clone(e.Match)
		rand.Shuffle(len(e.Match), func(i, j int) {
			shuffled.Match[i], shuffled.Match[j] = shuffled.Match[j], shuffled.Match[i]
		})
		if Encode(shuffled) != enc {
			t.Fatalf("order of the match counts: %+v", e)
		}
	})
}

func TestGroupEqual(t *testing.T) {
	g := Group{5, [][]Action{{Output{1, 0}}, {SetField{Metadata, 0x11, 0xff}, Resubmit{4}}}}
	for name, other := range map[string]Group{
		"number":              {6, g.Buckets},
		"bucket":              {5, g.Buckets[:1]},
		"order of buckets":    {5, [][]Action{g.Buckets[1], g.Buckets[0]}},
		"borders of buckets":  {5, [][]Action{{Output{1, 0}, SetField{Metadata, 0x11, 0xff}}, {Resubmit{4}}}},
		"one more, and empty": {5, append(slices.Clone(g.Buckets), nil)},
	} {
		if g.Equal(other) {
			t.Errorf("%s makes no difference", name)
		}
	}
	if !g.Equal(Group{5, [][]Action{{Output{1, 9}}, {SetField{Metadata, 0xff11, 0xff}, Resubmit{4}}}}) {
		t.Error("spelling makes a difference")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(Encode(guardEntry)))
	f.Add([]byte(Encode(Entry{Meter: 1, MetadataMask: 3, Apply: []Action{PushVLAN{}, SetField{VLANVID, 0x1005, 0x1fff}, Punt{100, 2}, Move{EthSrc, EthDst, 48}}})))
	f.Add([]byte(Encode(Entry{Match: Match{Exact(CTState, 0x21), Exact(IPFrag, 3)}, Apply: []Action{Conntrack{ZoneFrom: Metadata, Next: NoTable}, Conjunction{7, 1, 2}}})))
	f.Fuzz(func(t *testing.T, b []byte) {
		enc := Encoded(b)
		_, _, _, _, _, _ = enc.Key(), enc.Table(), enc.Priority(), enc.Cookie(), enc.Flags(), enc.Instructions()
		_ = enc.SameExceptInstructions(enc[:len(enc)/2])
		e, err := enc.Decode()
		if err != nil {
			return
		}
		if again := Encode(e); again != enc {
			t.Fatalf("%x decodes to %+v, which is %x", enc, e, again)
		}
		if _, err := Parse(Format(e, nil), nil); err != nil && !unprintable(e) {
			t.Fatalf("%+v: %v", e, err)
		}
	})
}

// unprintable tells whether no ovs-ofctl syntax exists for e: a part of a VLAN priority, a protocol's ports without
// that protocol are fine; a Move beyond a field's end and the like are not.
func unprintable(e Entry) bool {
	for _, m := range e.Match {
		info, _ := m.Field.Info()
		if !info.Maskable && m.Mask != m.Field.AllOnes() {
			return true
		}
	}
	for _, a := range e.Apply {
		switch a := a.(type) {
		case Move:
			if a.Bits < 1 || a.Bits > a.From.moveBits() || a.Bits > a.To.moveBits() {
				return true
			}
		case CheckLarger:
			if int(a.Bit) >= a.To.moveBits() {
				return true
			}
		case Conntrack:
			if a.ZoneFrom != 0 && a.ZoneFrom.moveBits() < zoneBits {
				return true
			}
		}
	}
	return false
}

func BenchmarkEncode(b *testing.B) {
	b.ReportAllocs()
	buf := make([]byte, 0, 256)
	for b.Loop() {
		buf = AppendEncode(buf[:0], &guardEntry)
	}
	b.ReportMetric(float64(len(buf)), "bytes/entry")
}

func BenchmarkEncodeToString(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_ = Encode(guardEntry)
	}
}

func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	enc := Encode(guardEntry)
	for b.Loop() {
		if _, err := enc.Decode(); err != nil {
			b.Fatal(err)
		}
	}
}
