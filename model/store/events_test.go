package store

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/planck-sdn/planck/model"
)

// withEvents runs a test on an empty database of each kind, with events.
func withEvents(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, open(t, sqliteURL(t), Options{Events: true})) })
	t.Run("postgres", func(t *testing.T) { test(t, open(t, postgresURL(t), Options{Events: true})) })
}

// told takes what Nova has to be told, as "event server port", with the names of the ports, which it deletes.
func told(t testing.TB, s *Store, names map[string]string) []string {
	t.Helper()
	events, ours, err := s.TakeEvents(context.Background(), "a", time.Minute, 1000)
	if err != nil || !ours {
		t.Fatalf("take: %v %v", ours, err)
	}
	list, seqs := []string{}, []int64{}
	for _, e := range events {
		if age := time.Since(e.At); age < -time.Second || age > time.Minute {
			t.Errorf("an event's time: %v", e.At)
		}
		list = append(list, strings.TrimPrefix(e.Name, "network-")+" "+e.ServerID+" "+names[e.PortID])
		seqs = append(seqs, e.Seq)
	}
	check(t, s.DeleteEvents(context.Background(), seqs))
	return list
}

func TestEventsOfAPort(t *testing.T) {
	withEvents(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		for _, h := range []string{"a", "b"} {
			reportHost(t, s, h, "system")
		}
		n := newNetwork(t, s)
		subnet := newSubnet(t, s, n, "10.0.0.0/24")
		p := newPort(t, s, n, serverPort("a"))
		names := map[string]string{p.ID: "p"}
		status := func(status, reason string) error {
			now := must(s.Port(admin, p.ID))(t)
			return s.SetPortStatus(ctx, []PortStatus{{p.Number, now.BindingGeneration, status, reason}})
		}
		active := func() error { return status(model.StatusActive, "") }
		update := func(patch func(*model.Port)) func() error {
			return func() error {
				_, err := s.UpdatePort(admin, p.ID, func(p *model.Port) error { patch(p); return nil })
				return err
			}
		}
		for _, step := range []struct {
			what string
			do   func() error
			want []string
		}{
			{"made DOWN", func() error { return nil }, nil},
			{"refused by its node", func() error { return status(model.StatusDown, "refused") }, nil},
			{"plugged", active, []string{"vif-plugged server p"}},
			{"plugged, confirmed again", active, nil},
			{"unplugged", func() error { return status(model.StatusDown, "") }, []string{"vif-unplugged server p"}},
			{"DOWN for another reason", func() error { return status(model.StatusDown, "refused") }, nil},
			{"plugged again", active, []string{"vif-plugged server p"}},
			{"confirmed for an earlier binding", func() error {
				return s.SetPortStatus(ctx, []PortStatus{{p.Number, 0, model.StatusDown, ""}})
			}, nil},
			{"renamed", update(func(p *model.Port) { p.Name, p.Description = "name", "text" }), nil},
			{"administratively down", update(func(p *model.Port) { p.AdminStateUp = false }), nil},
			{"an address more", update(func(p *model.Port) { p.FixedIPs = append(p.FixedIPs, model.FixedIP{SubnetID: subnet.ID}) }),
				[]string{"changed server p"}},
			{"the same addresses", update(func(p *model.Port) { p.FixedIPs = []model.FixedIP{p.FixedIPs[0], p.FixedIPs[1]} }), nil},
			{"no address", update(func(p *model.Port) { p.FixedIPs = nil }), []string{"changed server p"}},
			{"another profile", update(func(p *model.Port) { p.Profile = map[string]any{"migrating_to": "b"} }), nil},
			{"bound anew, confirmed", active, nil},
			{"a second binding", func() error { _, err := s.CreateBinding(novas, p.ID, model.Binding{HostID: "b"}); return err }, nil},
			{"plugged at the second", func() error {
				now := must(s.Port(admin, p.ID))(t)
				return s.TellPlugged(ctx, []PortStatus{{p.Number, now.BindingGeneration, model.StatusActive, ""}, {999, 1, model.StatusActive, ""}})
			}, []string{"vif-plugged server p"}},
			{"plugged at the second, but bound anew", func() error {
				return s.TellPlugged(ctx, []PortStatus{{p.Number, 0, model.StatusActive, ""}})
			}, nil},
			{"activated", func() error { _, err := s.ActivateBinding(novas, p.ID, "b"); return err }, []string{"vif-unplugged server p"}},
			{"the first binding deleted", func() error { return s.DeleteBinding(novas, p.ID, "a") }, nil},
			{"plugged after the migration", active, []string{"vif-plugged server p"}},
			{"moved", update(func(p *model.Port) { p.HostID = "a" }), []string{"vif-unplugged server p"}},
			{"moved while DOWN", update(func(p *model.Port) { p.HostID = "b" }), nil},
			{"plugged there", active, []string{"vif-plugged server p"}},
			{"its host is gone", func() error {
				node := must(s.Nodes(ctx))(t)
				return s.DeleteNode(ctx, node[slices.IndexFunc(node, func(n *model.Node) bool { return n.Hostname == "b" })].Number)
			}, []string{"vif-unplugged server p"}},
			{"its host is back", func() error { reportHost(t, s, "b", "system"); return nil }, nil},
			{"moved from there", update(func(p *model.Port) { p.HostID = "a" }), nil},
			{"plugged here", active, []string{"vif-plugged server p"}},
			{"another server's", update(func(p *model.Port) { p.DeviceID = "other" }), nil},
			{"detached, as Nova does", update(func(p *model.Port) { p.DeviceID, p.DeviceOwner, p.HostID = "", "", "" }), nil},
			{"an address of nobody's port", update(func(p *model.Port) { p.FixedIPs = []model.FixedIP{{SubnetID: subnet.ID}} }), nil},
			{"nobody's port is ACTIVE", active, nil},
			{"attached", update(func(p *model.Port) { p.DeviceID, p.DeviceOwner, p.HostID = "server", "compute:nova", "a" }),
				[]string{"vif-unplugged server p"}},
			{"unbound while DOWN", update(func(p *model.Port) { p.HostID = "" }), nil},
			{"another MAC", update(func(p *model.Port) { p.MAC = model.MAC{2, 2, 2, 2, 2, 2} }), []string{"changed server p"}},
			{"deleted", func() error { return s.DeletePort(admin, p.ID) }, []string{"vif-deleted server p"}},
		} {
			if err := step.do(); err != nil {
				t.Fatalf("%s: %v", step.what, err)
			}
			if got := told(t, s, names); !slices.Equal(got, step.want) {
				t.Errorf("%s: told %q, want %q", step.what, got, step.want)
			}
			woken := false
			select {
			case <-s.EventsWritten():
				woken = true
			default:
			}
			if woken != (step.want != nil) {
				t.Errorf("%s: woken %v", step.what, woken)
			}
		}
	})
}

func TestEventsOfManyPorts(t *testing.T) {
	withEvents(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		n := newNetwork(t, s)
		names, statuses := map[string]string{}, []PortStatus{}
		for i := range 40 {
			owner, device := "compute:az", "server"
			switch i % 4 {
			case 1:
				owner = "network:ha_interface"
			case 2:
				device = ""
			case 3:
				owner = "computer:"
			}
			p := newPort(t, s, n, func(p *model.Port) { p.DeviceOwner, p.DeviceID = owner, device })
			names[p.ID] = fmt.Sprint(i)
			statuses = append(statuses, PortStatus{p.Number, 1, model.StatusActive, ""})
		}
		slices.Reverse(statuses)
		check(t, s.SetPortStatus(ctx, statuses))
		var want []string
		for i := 0; i < 40; i += 4 {
			want = append(want, fmt.Sprint("vif-plugged server ", i))
		}
		if got := told(t, s, names); !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
		for _, row := range must(s.ListPorts(admin, Query{}))(t) {
			if row.Status != model.StatusActive || row.RevisionNumber != 2 && row.DeviceOwner != "network:ha_interface" {
				t.Errorf("not written: %+v", row)
			}
		}
	})
}

// Without events nothing is written that nobody would ever delete.
func TestEventsAreOff(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		n := newNetwork(t, s)
		p := newPort(t, s, n, serverPort(""))
		check(t, s.SetPortStatus(ctx, []PortStatus{{p.Number, 1, model.StatusActive, ""}}))
		check(t, s.TellPlugged(ctx, []PortStatus{{p.Number, 1, model.StatusActive, ""}}))
		check(t, s.DeletePort(admin, p.ID))
		if count, _, err := s.EventBacklog(ctx); err != nil || count != 0 {
			t.Errorf("%d events, %v", count, err)
		}
	})
}

// A transaction that fails tells nothing, and a status that cannot be told is not written.
func TestEventAndChangeAreOne(t *testing.T) {
	withEvents(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		p := newPort(t, s, newNetwork(t, s), serverPort(""))
		fail := fmt.Errorf("fail")
		err := s.write(ctx, func(t *tx) error {
			if err := t.tell(EventVIFDeleted, "number = ?", p.Number); err != nil {
				return err
			}
			return fail
		})
		if count, _, _ := s.EventBacklog(ctx); err != fail || count != 0 {
			t.Fatalf("%v, %d events", err, count)
		}
		check(t, s.db.Exec("ALTER TABLE nova_events RENAME TO away").Error)
		if err := s.SetPortStatus(ctx, []PortStatus{{p.Number, 1, model.StatusActive, ""}}); err == nil {
			t.Fatal("written without its event")
		}
		if err := s.DeletePort(admin, p.ID); err == nil {
			t.Fatal("deleted without its event")
		}
		if got := must(s.Port(admin, p.ID))(t); got.Status != model.StatusDown {
			t.Fatalf("status %s without its event", got.Status)
		}
	})
}

func TestEventsAreTakenByOne(t *testing.T) {
	ctx := context.Background()
	url := postgresURL(t)
	a, b := open(t, url, Options{Events: true}), open(t, url, Options{Events: true})
	p := newPort(t, a, newNetwork(t, a), serverPort(""))
	check(t, a.SetPortStatus(ctx, []PortStatus{{p.Number, 1, model.StatusActive, ""}}))
	select {
	case <-a.EventsWritten():
	case <-time.After(time.Second):
		t.Error("the writer is not woken")
	}
	names := map[*Store]string{a: "a", b: "b"}
	take := func(s *Store, ttl time.Duration) (int, bool) {
		t.Helper()
		events, ours, err := s.TakeEvents(ctx, names[s], ttl, 10)
		check(t, err)
		return len(events), ours
	}
	for _, step := range []struct {
		do   func() (int, bool)
		n    int
		ours bool
	}{
		{func() (int, bool) { return take(a, time.Minute) }, 1, true},
		{func() (int, bool) { return take(b, time.Minute) }, 0, false},
		{func() (int, bool) { return take(a, time.Minute) }, 1, true},
		{func() (int, bool) { check(t, b.ReleaseEvents(ctx, "b")); return take(b, time.Minute) }, 0, false}, // not its own to release
		{func() (int, bool) { check(t, a.ReleaseEvents(ctx, "a")); return take(b, time.Millisecond) }, 1, true},
		{func() (int, bool) { time.Sleep(2 * time.Millisecond); return take(a, time.Minute) }, 1, true}, // b died with them
	} {
		if n, ours := step.do(); n != step.n || ours != step.ours {
			t.Fatalf("%d events, %v; want %d, %v", n, ours, step.n, step.ours)
		}
	}
	if count, oldest, err := a.EventBacklog(ctx); err != nil || count != 1 || time.Since(oldest) > time.Minute {
		t.Errorf("%d events since %v, %v", count, oldest, err)
	}
	told(t, a, nil)
	if count, oldest, err := a.EventBacklog(ctx); err != nil || count != 0 || !oldest.IsZero() {
		t.Errorf("%d events since %v, %v", count, oldest, err)
	}
}

// TestKilledWriterLosesNoEvent: a process that writes statuses is killed. Every port's events are those of its statuses, to the last.
func TestKilledWriterLosesNoEvent(t *testing.T) {
	for name, newURL := range map[string]func(testing.TB) string{"sqlite": sqliteURL, "postgres": postgresURL} {
		t.Run(name, func(t *testing.T) {
			url := newURL(t)
			s, err := Open(context.Background(), url, Options{Source: model.SystemSource(), Events: true})
			check(t, err)
			n := newNetwork(t, s)
			for range 20 {
				newPort(t, s, n, serverPort(""))
			}
			check(t, s.Close())
			for range 3 {
				killWriter(t, url)
			}
			s = open(t, url, Options{Events: true})
			events, _, err := s.TakeEvents(context.Background(), "a", time.Minute, 1_000_000)
			check(t, err)
			of := map[string][]string{}
			for _, e := range events {
				of[e.PortID] = append(of[e.PortID], e.Name)
			}
			written := 0
			for _, p := range must(s.ListPorts(admin, Query{}))(t) {
				var want []string
				for i := range p.RevisionNumber - 1 {
					want = append(want, []string{EventVIFPlugged, EventVIFUnplugged}[i%2])
				}
				if !slices.Equal(of[p.ID], want) || (p.Status == model.StatusActive) != (len(want)%2 == 1) {
					t.Errorf("port %d is %s after %d statuses, with %d events", p.Number, p.Status, len(want), len(of[p.ID]))
				}
				written += len(want)
			}
			if written < 100 {
				t.Errorf("only %d statuses were written", written)
			}
		})
	}
}

func killWriter(t *testing.T, url string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), statusWriterEnv+"="+url)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for range 10 {
		if !lines.Scan() {
			t.Error("the writer ended")
			break
		}
	}
	check(t, cmd.Process.Kill())
	_ = cmd.Wait()
}

const statusWriterEnv = "PLANCK_TEST_STATUS_WRITER"

// writeStatuses is the process that is killed: it makes all ports ACTIVE and DOWN, two by two, for ever, and prints a line after all.
func writeStatuses(url string) error {
	ctx := context.Background()
	s, err := Open(ctx, url, Options{Source: model.SystemSource(), Events: true})
	if err != nil {
		return err
	}
	ports, err := s.ListPorts(admin, Query{})
	for err == nil {
		for pair := range slices.Chunk(ports, 2) {
			var statuses []PortStatus
			for _, p := range pair {
				p.Status = map[string]string{model.StatusDown: model.StatusActive, model.StatusActive: model.StatusDown}[p.Status]
				statuses = append(statuses, PortStatus{p.Number, 1, p.Status, ""})
			}
			if err = s.SetPortStatus(ctx, statuses); err != nil {
				return err
			}
		}
		_, err = fmt.Println("all")
	}
	return err
}
