package ovsdb

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func FuzzParseMappings(f *testing.F) {
	for _, s := range []string{"", "public:br-ex", "a:b,c:d", " a : b ,, ", "a:b,a:c", "a:b,c:b", "a", "a:", ":b", "a:b:c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m, err := ParseMappings(s)
		if err != nil {
			return
		}
		var again []string
		for physnet, bridge := range m {
			if physnet == "" || bridge == "" {
				t.Fatalf("%q: %q", s, m)
			}
			again = append(again, physnet+":"+bridge)
			inner, outer := patchNames(physnet)
			if len(inner) > maxInterfaceName || len(outer) > maxInterfaceName || inner == outer {
				t.Fatalf("%q: names %q and %q", physnet, inner, outer)
			}
		}
		if n, err := ParseMappings(strings.Join(again, ",")); err != nil || !maps.Equal(n, m) {
			t.Fatalf("%q: %q, again %q, %v", s, m, n, err)
		}
	})
}

func TestParseMappings(t *testing.T) {
	for s, want := range map[string]map[string]string{
		"":                            {},
		" , ":                         {},
		"public:br-ex":                {"public": "br-ex"},
		"public:br-ex, vlan : br-two": {"public": "br-ex", "vlan": "br-two"},
		"public":                      nil,
		"public:":                     nil,
		":br-ex":                      nil,
		"public:br:ex":                nil,
		"public:br-ex,public:br-two":  nil,
		"public:br-ex,vlan:br-ex":     nil,
	} {
		got, err := ParseMappings(s)
		if (err != nil) != (want == nil) || !maps.Equal(got, want) {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
}

func TestPatchNames(t *testing.T) {
	seen := map[string]string{}
	for _, physnet := range []string{"public", "a", "exactly-11c", "twelve-chars", "twelve-charS", "with.dot", "with space", "é", ".", ".1234567890"} {
		inner, outer := patchNames(physnet)
		if len(inner) > maxInterfaceName || len(outer) > maxInterfaceName {
			t.Errorf("%q: %s, %s", physnet, inner, outer)
		}
		for _, name := range []string{inner, outer} {
			if other, twice := seen[name]; twice {
				t.Errorf("%q and %q: both %s", other, physnet, name)
			}
			seen[name] = physnet
		}
	}
	if inner, outer := patchNames("public"); inner != "int-public" || outer != "phy-public" {
		t.Errorf("%s, %s", inner, outer)
	}
}

// plausible is a snapshot with all that the package reads.
const plausible = `{"Open_vSwitch":{"00000000-0000-4000-8000-000000000001":{"initial":{"bridges":["set",[["uuid","00000000-0000-4000-8000-000000000002"]]],
"external_ids":["map",[["hostname","c1"],["planck-adopt","true"]]],"ovs_version":"3.1.0"}}},
"Bridge":{"00000000-0000-4000-8000-000000000002":{"initial":{"name":"br-int","ports":["uuid","00000000-0000-4000-8000-000000000003"],
"controller":["uuid","00000000-0000-4000-8000-000000000005"],"protocols":["set",["OpenFlow10","OpenFlow13"]],"fail_mode":["set",[]],
"external_ids":["map",[["planck","made"]]]}}},
"Port":{"00000000-0000-4000-8000-000000000003":{"initial":{"name":"planck-vxlan","interfaces":["uuid","00000000-0000-4000-8000-000000000004"],
"external_ids":["map",[["planck","tunnel"]]]}}},
"Interface":{"00000000-0000-4000-8000-000000000004":{"initial":{"name":"planck-vxlan","type":"vxlan","ofport":7,"external_ids":["map",[["iface-id","x"]]]}}},
"Controller":{"00000000-0000-4000-8000-000000000005":{"initial":{"target":"tcp:1.2.3.4:6653","is_connected":true,"max_backoff":["set",[]]}}}}`

func TestSnapshot(t *testing.T) {
	r := newReplica()
	if err := r.apply([]byte(plausible)); err != nil {
		t.Fatal(err)
	}
	st := r.state()
	want := State{Hostname: "c1", Adopt: true, OVSVersion: "3.1.0",
		Bridges: []Bridge{{Name: "br-int", Protocols: []string{"OpenFlow10", "OpenFlow13"}, Controllers: []string{"tcp:1.2.3.4:6653"},
			ExternalIDs: map[string]string{"planck": "made"}}},
		Integration: Integration{Exists: true, Ownership: Made, TunnelPort: 7, Patches: map[string]uint32{}, PortErrors: map[string]string{}, ControllerConnected: true},
		Interfaces:  []Interface{{UUID: "00000000-0000-4000-8000-000000000004", Name: "planck-vxlan", IfaceID: "x", Ofport: 7}},
	}
	if !reflect.DeepEqual(st, want) {
		t.Errorf("got  %+v\nwant %+v", st, want)
	}
}

// No bytes may panic, and what was accepted can be told, planned upon and removed.
func FuzzUpdate2(f *testing.F) {
	f.Add([]byte(plausible), []byte(`{"Interface":{"00000000-0000-4000-8000-000000000004":{"modify":{"ofport":["set",[]]}}}}`))
	f.Add([]byte(plausible), []byte(`{"Bridge":{"00000000-0000-4000-8000-000000000002":{"delete":null}}}`))
	f.Add([]byte(plausible), []byte(`{"Bridge":{"00000000-0000-4000-8000-000000000002":{"modify":{"ports":["set",[]],"protocols":"OpenFlow10"}}}}`))
	f.Add([]byte(`{"Bridge":{}}`), []byte(`{"Port":{"00000000-0000-4000-8000-000000000003":{"insert":{"name":[]}}}}`))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		r := newReplica()
		for _, updates := range [][]byte{first, second} {
			if r.apply(updates) != nil {
				return
			}
			r.state().Plugged()
			for _, plan := range []func() (any, error){
				func() (any, error) { return r.plan(wanted(), "") },
				func() (any, error) { return r.planRemoval(cloud) },
			} {
				ops, err := plan()
				if err != nil {
					continue
				}
				if _, err := json.Marshal(ops); err != nil {
					t.Fatal(err)
				}
			}
		}
		size := 0
		for _, rows := range r.tables {
			for _, row := range rows {
				size += row.size()
			}
		}
		if size != r.size {
			t.Fatalf("rows of %d bytes are counted as %d", size, r.size)
		}
	})
}

// The framer finds the same objects as encoding/json does, however the bytes are cut.
func FuzzFramer(f *testing.F) {
	for _, s := range []string{`{}`, ` {"a":"}\"\\"}{"b":[{}]}`, `{"a`, `x`, `{]}`, `{"a":1}x`, "{\"\\u007d\":0}\n{}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		read := func(r io.Reader) (all [][]byte) {
			frames := framer{r: bufio.NewReaderSize(r, 16), max: 1 << 10, share: share{budget: &budget{limit: 1 << 20}}}
			for frames.begin() == nil {
				m, err := frames.message()
				if err != nil || !json.Valid(m) {
					break
				}
				all = append(all, bytes.Clone(m))
			}
			return all
		}
		got := read(bytes.NewReader(data))
		if cut := read(iotest.OneByteReader(bytes.NewReader(data))); !reflect.DeepEqual(cut, got) {
			t.Fatalf("whole %q, cut %q", got, cut)
		}
		dec := json.NewDecoder(bytes.NewReader(data))
		for i, m := range got {
			var want json.RawMessage
			if err := dec.Decode(&want); err != nil || !bytes.Equal(want, m) {
				t.Fatalf("message %d: %q, want %q, %v", i, m, want, err)
			}
		}
	})
}

// Any value survives the wire, and the difference of any two, as ovsdb-server tells it, leads from one to the other.
func TestDatumProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := rapid.SampledFrom(slices.Sorted(maps.Keys(schema))).Draw(t, "table")
		c := rapid.SampledFrom(schema[table]).Draw(t, "column")
		old, next := drawDatum(t, c, "old"), drawDatum(t, c, "next")
		if got := overWire(t, c, next); !got.equal(next) {
			t.Fatalf("%s: %+v over the wire is %+v", c.name, next, got)
		}
		if got := c.apply(old, overWire(t, c, difference(c, old, next))); !got.equal(next) {
			t.Fatalf("%s: from %+v to %+v leads to %+v", c.name, old, next, got)
		}
	})
}

func overWire(t *rapid.T, c column, d datum) datum {
	raw, err := json.Marshal(c.encode(d))
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func drawDatum(t *rapid.T, c column, label string) datum {
	if c.shape == pairs {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("ab\"é")), 0, 2, -1)
		return mapping(rapid.MapOfN(text, text, 0, 4).Draw(t, label))
	}
	atom := map[atomType]*rapid.Generator[string]{
		text:      rapid.String(),
		integer:   rapid.Map(rapid.Int64(), func(n int64) string { b, _ := json.Marshal(n); return string(b) }),
		boolean:   rapid.SampledFrom([]string{"true", "false"}),
		reference: rapid.StringMatching(`0000000[0-3]-0000-4000-8000-000000000000`),
	}[c.atom]
	low, high := 0, 5
	switch c.shape {
	case scalar:
		low, high = 1, 1
	case optional:
		high = 1
	}
	return several(rapid.SliceOfNDistinct(atom, low, high, rapid.ID[string]).Draw(t, label)...)
}

// difference is ovsdb_datum_diff by its description in ovsdb-server(7).
func difference(c column, old, next datum) datum {
	switch c.shape {
	case set:
		var atoms []string
		for _, a := range slices.Concat(old.atoms, next.atoms) {
			if slices.Contains(old.atoms, a) != slices.Contains(next.atoms, a) {
				atoms = append(atoms, a)
			}
		}
		return several(atoms...)
	case pairs:
		diff := map[string]string{}
		for k, v := range old.pairs {
			if _, kept := next.pairs[k]; !kept {
				diff[k] = v
			}
		}
		for k, v := range next.pairs {
			if had, ok := old.pairs[k]; !ok || had != v {
				diff[k] = v
			}
		}
		return mapping(diff)
	default:
		return next
	}
}

func TestFramerLimits(t *testing.T) {
	deep := func(n int) string { return `{"a":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + "}" }
	long := func(n int) string { return `{"a":"` + strings.Repeat("x", n-8) + `"}` }
	const limit = 100 << 10
	for _, c := range []struct {
		name, in string
		budget   int64
		want     string
	}{
		{"deepest", deep(maxDepth), limit, ""},
		{"too deep", deep(maxDepth + 1), limit, "nested deeper"},
		{"longest", long(limit), limit, ""},
		{"too long", long(limit + 1), limit + 1, "longer than"},
		{"beyond the budget", long(limit), limit - 1, errBudget.Error()},
		{"too small for the budget", long(freeSize), 0, ""},
		{"cut off", long(100)[:99], limit, io.ErrUnexpectedEOF.Error()},
	} {
		b := budget{limit: c.budget}
		f := framer{r: bufio.NewReader(strings.NewReader(c.in)), max: limit, share: share{budget: &b}}
		if err := f.begin(); err != nil {
			t.Fatal(err)
		}
		m, err := f.message()
		if c.want == "" && (err != nil || string(m) != c.in) || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %d bytes, error %v, want %q", c.name, len(m), err, c.want)
		}
		if err := f.begin(); err != io.EOF && c.want == "" || b.used.Load() != 0 {
			t.Errorf("%s: after it %v, and %d bytes are still taken", c.name, err, b.used.Load())
		}
	}
}
