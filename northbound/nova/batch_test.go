package nova

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/model/store"
)

const server = "0c5a8f3e-58d9-4f0c-9c39-3a1b7a1c1f11"

func TestSift(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, c := range []struct {
		name, server string
		age          time.Duration
		want         string // why it is dropped
	}{
		{store.EventVIFPlugged, server, time.Hour, ""},
		{store.EventVIFPlugged, "0C5A8F3E58D94F0C9C393A1B7A1C1F11", -time.Second, ""},
		{store.EventVIFPlugged, server, time.Hour + 1, "expired"},
		{store.EventVIFUnplugged, server, time.Hour + 1, "expired"},
		{store.EventVIFDeleted, server, 24 * time.Hour, ""},
		{store.EventNetworkChanged, server, 24 * time.Hour, ""},
		{store.EventVIFDeleted, server, 24*time.Hour + 1, "expired"},
		{store.EventNetworkChanged, server, 24*time.Hour + 1, "expired"},
		{store.EventNetworkChanged, "server", 0, "malformed"},
		{store.EventNetworkChanged, server + "0", 0, "malformed"},
	} {
		e := store.Event{Seq: 1, Name: c.name, ServerID: c.server, PortID: "p", At: now.Add(-c.age)}
		useful, others := sift([]store.Event{e}, now)
		if len(useful)+len(others) != 1 || len(others) == 1 && (others[0].reason != c.want || others[0].Event != e) || (len(useful) == 1) != (c.want == "") {
			t.Errorf("%+v: %v, %v", c, useful, others)
		}
	}
}

// TestCoalesce: what is said is what was said, each once, in the order in which each was said last, and every event is accounted for.
func TestCoalesce(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var events []store.Event
		key := func(name, server, port string) string { return name + " " + server + " " + port }
		last, seqs := map[string]int64{}, map[int64]bool{}
		for i := range rapid.IntRange(0, 20).Draw(r, "events") {
			e := store.Event{Seq: int64(i), Name: rapid.SampledFrom([]string{store.EventVIFPlugged, store.EventVIFUnplugged}).Draw(r, "name"),
				ServerID: fmt.Sprint(rapid.IntRange(0, 1).Draw(r, "server")), PortID: fmt.Sprint(rapid.IntRange(0, 1).Draw(r, "port"))}
			events = append(events, e)
			last[key(e.Name, e.ServerID, e.PortID)] = e.Seq
			seqs[e.Seq] = true
		}
		before := int64(-1)
		for _, m := range coalesce(events) {
			k := key(m.Name, m.ServerUUID, m.Tag)
			if last[k] <= before || slices.Max(m.seqs) != last[k] || m.Status != "completed" {
				r.Fatalf("%+v of %+v", m, events)
			}
			before = last[k]
			delete(last, k)
			for _, s := range m.seqs {
				if e := events[s]; key(e.Name, e.ServerID, e.PortID) != k || !seqs[s] {
					r.Fatalf("%+v of %+v", m, events)
				}
				delete(seqs, s)
			}
		}
		if len(last)+len(seqs) != 0 {
			r.Fatalf("not said: %v, not accounted for: %v", last, seqs)
		}
	})
}

func FuzzReadAnswer(f *testing.F) {
	f.Add([]byte(`{"events": [{"name": "network-changed", "server_uuid": "x", "tag": "y", "status": "failed", "code": 404}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		a := readAnswer(text)
		for code, events := range a.failed {
			if code < 300 || len(events) == 0 {
				t.Errorf("%d %v", code, events)
			}
		}
	})
}
