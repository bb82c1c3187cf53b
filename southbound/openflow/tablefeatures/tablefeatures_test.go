package tablefeatures

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/model/flow"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var full = Form{FieldIDs: true, Required: true}

var forward = flow.TableFeatures{
	ID: 3, Name: "forward", MaxEntries: 4096, MetadataMatch: 1, MetadataWrite: 2,
	Match:     []flow.FieldFeature{{Field: flow.VLANVID}, {Field: flow.EthDst, Masked: true}},
	Wildcards: []flow.Field{flow.EthDst},
	Entry: flow.EntryFeatures{
		Can: flow.CanApply | flow.CanGoto | flow.CanOutput | flow.CanSetField | flow.CanPopVLAN, Set: []flow.Field{flow.VLANVID}, Next: []uint8{4, 7},
	},
	Miss: flow.EntryFeatures{
		Can: flow.CanGoto | flow.CanOutput | flow.CanSetField | flow.CanPopVLAN, Set: []flow.Field{flow.VLANVID}, Next: []uint8{4},
	},
}

const (
	head        = "03 0000000000 666f7277617264 00000000000000000000000000000000000000000000000000 0000000000000001 0000000000000002 00000000 00001000"
	instruction = "0000 000c 00010004 00040004 00000000  0001 0008 00010004"
	next        = "0002 0006 0407 0000  0003 0005 04 000000"
	writeAction = "0004 0004 00000000"
	applyAction = "0006 0010 00000004 00120004 00190004"
	match       = "0008 000c 80000c02 8000070c 00000000"
	wildcards   = "000a 0008 80000606"
	writeSet    = "000c 0004 00000000"
	applySet    = "000e 0008 80000c02"
)

// TestBytes holds features against octets written down from the specification.
func TestBytes(t *testing.T) {
	for name, c := range map[string]struct {
		form Form
		want string
	}{
		"whole":            {full, "00a8" + head + instruction + next + writeAction + applyAction + match + wildcards + writeSet + applySet},
		"not the empty":    {Form{FieldIDs: true}, "0098" + head + instruction + next + applyAction + match + wildcards + applySet},
		"no fields":        {Form{Required: true}, "00a0" + head + instruction + next + writeAction + applyAction + "0008000400000000 000a000400000000" + writeSet + "000e000400000000"},
		"as few as can be": {Form{}, "0078" + head + instruction + next + applyAction},
	} {
		got, err := Append(nil, &forward, c.form)
		if err != nil {
			t.Fatal(err)
		}
		if want := unhex(t, c.want); !bytes.Equal(got, want) {
			t.Errorf("%s:\n% x, want\n% x", name, got, want)
		}
	}
	got, err := Parse(nil, unhex(t, "00a8"+head+instruction+next+writeAction+applyAction+match+wildcards+writeSet+applySet))
	if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], forward) {
		t.Errorf("%+v %v", got, err)
	}
}

func TestTooLongName(t *testing.T) {
	for n, ok := range map[int]bool{31: true, 32: false} {
		if _, err := Append(nil, &flow.TableFeatures{Name: strings.Repeat("x", n)}, full); (err == nil) != ok {
			t.Errorf("%d octets: %v", n, err)
		}
	}
}

// TestUnknownIsLeftOut: what flow has no name for, from experimenters and others, does not stand in the way.
func TestUnknownIsLeftOut(t *testing.T) {
	const (
		someInstructions = "0000 0014 ffff0008 00002320 00030004 00010004 00000000" // an experimenter's, write-actions, goto
		someActions      = "0006 0010 000b0004 ffff0004 00180004"                   // copy-ttl-out, an experimenter's, dec-ttl
		someFields       = "0008 0010 ffff0a04 00002320 80003a04"                   // an experimenter's, icmpv6_type
		theirs           = "fffe 000c 00002320 00000001 00000000"
	)
	b := unhex(t, "0000"+head+someInstructions+someActions+someFields+theirs)
	b[0], b[1] = byte(len(b)>>8), byte(len(b))
	got, err := Parse(nil, b)
	if err != nil {
		t.Fatal(err)
	}
	if got[0].Entry.Can != flow.CanGoto|flow.CanDecTTL || len(got[0].Match) != 0 || got[0].Miss.Can != got[0].Entry.Can {
		t.Errorf("%+v", got[0])
	}
}

func TestMalformed(t *testing.T) {
	whole := unhex(t, "00a8"+head+instruction+next+writeAction+applyAction+match+wildcards+writeSet+applySet)
	for n := 1; n < len(whole); n++ {
		if _, err := Parse(nil, whole[:n]); err == nil {
			t.Errorf("%d octets were read", n)
		}
	}
	for name, tail := range map[string]string{
		"property of no length":     "0000 0000 00000000",
		"property beyond the end":   "0000 0010 00000000",
		"half an instruction":       "0000 0006 0001 0000",
		"instruction of no length":  "0000 0008 00010000",
		"instruction of too many":   "0000 0008 00010008",
		"half a field":              "0008 0006 8000 0000",
		"half an experimenter's id": "0008 0008 ffff0204",
		"half a property header":    "0008",
	} {
		b := unhex(t, "0000"+head+tail)
		b[0], b[1] = byte(len(b)>>8), byte(len(b))
		if got, err := Parse(nil, b); err == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

var fields = rapid.SampledFrom([]flow.Field{flow.InPort, flow.EthDst, flow.EthSrc, flow.EthType, flow.VLANVID, flow.IPv4Src, flow.IPv4Dst, flow.ARPTPA})

var entryFeatures = rapid.Custom(func(r *rapid.T) flow.EntryFeatures {
	return flow.EntryFeatures{
		Can:  flow.Capability(rapid.Uint16Range(0, 1<<10-1).Draw(r, "can")),
		Set:  rapid.SliceOfNDistinct(fields, 0, 4, rapid.ID).Draw(r, "set"),
		Next: rapid.SliceOfN(rapid.Uint8(), 0, 9).Draw(r, "next"),
	}
})

var features = rapid.Custom(func(r *rapid.T) flow.TableFeatures {
	f := flow.TableFeatures{
		ID: rapid.Uint8().Draw(r, "id"), Name: rapid.StringMatching("[a-z]{0,31}").Draw(r, "name"), MaxEntries: rapid.Uint32().Draw(r, "max"),
		MetadataMatch: rapid.Uint64().Draw(r, "match"), MetadataWrite: rapid.Uint64().Draw(r, "write"),
		Wildcards: rapid.SliceOfNDistinct(fields, 0, 8, rapid.ID).Draw(r, "wildcards"),
		Entry:     entryFeatures.Draw(r, "entry"),
		Miss:      entryFeatures.Draw(r, "miss"),
	}
	if rapid.Bool().Draw(r, "miss as others") {
		f.Miss = f.Entry
	}
	for _, field := range rapid.SliceOfNDistinct(fields, 0, 8, rapid.ID).Draw(r, "fields") {
		f.Match = append(f.Match, flow.FieldFeature{Field: field, Masked: rapid.Bool().Draw(r, "masked")})
	}
	return f
})

func same(a, b flow.TableFeatures) bool {
	sameEntries := func(a, b flow.EntryFeatures) bool {
		return a.Can == b.Can && slices.Equal(a.Set, b.Set) && slices.Equal(a.Next, b.Next)
	}
	return a.ID == b.ID && a.Name == b.Name && a.MaxEntries == b.MaxEntries && a.MetadataMatch == b.MetadataMatch && a.MetadataWrite == b.MetadataWrite &&
		slices.Equal(a.Match, b.Match) && slices.Equal(a.Wildcards, b.Wildcards) && sameEntries(a.Entry, b.Entry) && sameEntries(a.Miss, b.Miss)
}

// TestComesBackEqual: what is written is read again, with the empty properties and without.
func TestComesBackEqual(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		want := rapid.SliceOfN(features, 0, 4).Draw(r, "features")
		form := Form{FieldIDs: true, Required: rapid.Bool().Draw(r, "required")}
		var b []byte
		for i := range want {
			var err error
			if b, err = Append(b, &want[i], form); err != nil {
				r.Fatal(err)
			}
		}
		got, err := Parse(nil, b)
		if err != nil || !slices.EqualFunc(got, want, same) {
			r.Fatalf("%+v\nbecame %+v %v", want, got, err)
		}
	})
}

// FuzzParse: what can be read can be written, and says the same then.
func FuzzParse(f *testing.F) {
	whole, err := Append(nil, &forward, full)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(append(slices.Clone(whole), whole...))
	f.Fuzz(func(t *testing.T, b []byte) {
		tables, err := Parse(nil, b)
		if err != nil {
			return
		}
		for _, table := range tables {
			if table.Name = table.Name[:min(len(table.Name), nameLen-1)]; strings.Contains(table.Name, "\ufffd") {
				table.Name = ""
			}
			again, err := Append(nil, &table, full)
			if err != nil {
				continue // longer than what may be sent: fields of Nicira's headers grow
			}
			got, err := Parse(nil, again)
			if err != nil || len(got) != 1 || !same(got[0], table) {
				t.Errorf("%+v\nbecame %+v %v", table, got, err)
			}
		}
	})
}
