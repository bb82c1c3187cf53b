package store

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/planck-sdn/planck/model"
)

func reportNode(s *Store, n model.Node) error {
	_, _, err := s.ReportNode(context.Background(), n)
	return err
}

func TestReportNode(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		report := model.Node{
			SystemID: "sys-a", Hostname: "compute1", EncapIP: addr("10.0.0.11"), TunnelPort: 1,
			Mappings:   []model.Mapping{{PhysicalNetwork: "public", Bridge: "br-ex", PatchPort: 2}, {PhysicalNetwork: "office", Bridge: "br-o"}},
			Interfaces: []model.Interface{{Name: "tap2", PortID: "p2", Ofport: 6}, {Name: "tap1", PortID: "p1", Ofport: 5}},
		}
		node, changed, err := s.ReportNode(ctx, report)
		check(t, err)
		if !changed || node.DatapathID != 0x0662<<48|uint64(node.Number) || node.Mappings[0].PhysicalNetwork != "office" ||
			node.Interfaces[0].Name != "tap1" || node.Interfaces[0].Sequence == node.Interfaces[1].Sequence {
			t.Fatalf("stored %+v", node)
		}
		if got := must(s.Nodes(ctx))(t); len(got) != 1 || !reflect.DeepEqual(got[0], node) {
			t.Fatalf("read back %+v, want %+v", got, node)
		}
		_, position, err := s.Load(ctx)
		check(t, err)
		same, changed, err := s.ReportNode(ctx, report)
		if err != nil || changed || !reflect.DeepEqual(same, node) {
			t.Fatalf("an equal report: %+v, %v, %v", same, changed, err)
		}
		changes, position, err := s.Follow(ctx, position)
		if err != nil || len(changes) != 0 {
			t.Fatalf("an equal report was journalled: %v, %v", changes, err)
		}

		// tap1 stays, with another ofport; tap2 is plugged anew for another port; tap3 is new.
		report.Interfaces = []model.Interface{{Name: "tap1", PortID: "p1", Ofport: 7}, {Name: "tap2", PortID: "p9", Ofport: 6}, {Name: "tap3", PortID: "p3", Ofport: 8}}
		next, changed, err := s.ReportNode(ctx, report)
		check(t, err)
		highest := max(node.Interfaces[0].Sequence, node.Interfaces[1].Sequence)
		if !changed || next.Interfaces[0].Sequence != node.Interfaces[0].Sequence || next.Interfaces[0].Ofport != 7 ||
			next.Interfaces[1].Sequence <= highest || next.Interfaces[2].Sequence <= highest {
			t.Fatalf("interfaces %+v after %+v", next.Interfaces, node.Interfaces)
		}
		changes, _, err = s.Follow(ctx, position)
		if err != nil || len(changes) != 1 || !reflect.DeepEqual(changes[0].Object, next) {
			t.Fatalf("followed %+v, %v", changes, err)
		}
		report.Interfaces, report.Mappings, report.EncapIP = nil, nil, addr("10.0.0.12")
		next, _, err = s.ReportNode(ctx, report)
		if err != nil || len(next.Interfaces) != 0 || len(next.Mappings) != 0 || next.Number != node.Number || next.EncapIP != addr("10.0.0.12") {
			t.Fatalf("%+v, %v", next, err)
		}
	})
}

func TestNodeConflicts(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		a := model.Node{SystemID: "a", Hostname: "compute1", EncapIP: addr("10.0.0.11")}
		stored, _, err := s.ReportNode(ctx, a)
		check(t, err)
		check(t, reportNode(s, model.Node{SystemID: "b", Hostname: "compute2"}))
		check(t, reportNode(s, model.Node{SystemID: "c", Hostname: "compute3"})) // neither has an encapsulation address
		for name, c := range map[string]struct {
			report model.Node
			reason string
		}{
			"hostname of another": {model.Node{SystemID: "new", Hostname: "compute1"}, "system-id a"},
			"address of another":  {model.Node{SystemID: "b", Hostname: "compute2", EncapIP: addr("10.0.0.11")}, "compute1"},
			"new hostname":        {model.Node{SystemID: "a", Hostname: "renamed"}, "known as compute1"},
			"no hostname":         {model.Node{SystemID: "a"}, "hostname"},
			"no system-id":        {model.Node{Hostname: "x"}, "system-id"},
		} {
			var refusal *ConflictError
			if err := reportNode(s, c.report); !errors.As(err, &refusal) || !strings.Contains(refusal.Reason, c.reason) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := must(s.Nodes(ctx))(t); len(got) != 3 || !reflect.DeepEqual(got[0], stored) {
			t.Fatalf("refused reports left %+v", got)
		}

		_, position, err := s.Load(ctx)
		check(t, err)
		check(t, s.ForgetNode(ctx, stored.Number))
		changes, _, err := s.Follow(ctx, position)
		if err != nil || len(changes) != 1 || changes[0].Object.(*model.Node).HostnamePinned {
			t.Fatalf("followers see of a forgotten node: %+v, %v", changes, err)
		}
		a.Hostname = "renamed"
		renamed, _, err := s.ReportNode(ctx, a)
		if err != nil || renamed.Number != stored.Number || renamed.Hostname != "renamed" {
			t.Fatalf("after forget: %+v, %v", renamed, err)
		}
		if err := reportNode(s, model.Node{SystemID: "a", Hostname: "again"}); err == nil {
			t.Fatal("the new hostname is not pinned")
		}
		// A reinstalled machine has the old name and a new system-id.
		check(t, s.ForgetNode(ctx, renamed.Number))
		reinstalled, _, err := s.ReportNode(ctx, model.Node{SystemID: "a2", Hostname: "renamed", EncapIP: addr("10.0.0.11")})
		if err != nil || reinstalled.Number == stored.Number || len(must(s.Nodes(ctx))(t)) != 3 {
			t.Fatalf("reinstalled: %+v, %v", reinstalled, err)
		}
		refused(t, s.ForgetNode(ctx, stored.Number), 404, "NodeNotFound")
		refused(t, s.DeleteNode(ctx, stored.Number), 404, "NodeNotFound")
	})
}

func TestBinding(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		n := newNetwork(t, s)
		vlan := newNetwork(t, s, func(n *model.Network) {
			n.NetworkType, n.PhysicalNetwork, n.SegmentationID = model.NetworkVLAN, "public", 5
		})
		onHost := func(p *model.Port) { p.HostID, p.DeviceOwner = "compute1", "compute:nova" }
		early := newPort(t, s, n, onHost)
		if early.VIFType != model.VIFTypeBindingFailed {
			t.Fatalf("bound to an unknown host: %s", early.VIFType)
		}
		_, position, err := s.Load(ctx)
		check(t, err)
		node, _, err := s.ReportNode(ctx, model.Node{SystemID: "a", Hostname: "compute1"})
		check(t, err)
		bound := must(s.Port(admin, early.ID))(t)
		if bound.VIFType != model.VIFTypeOVS || bound.BindingGeneration != early.BindingGeneration+1 || bound.RevisionNumber != early.RevisionNumber+1 {
			t.Fatalf("after its node came: %+v", bound)
		}
		changes, _, err := s.Follow(ctx, position)
		if err != nil || len(changes) != 2 || !reflect.DeepEqual(changes[1].Object, bound) {
			t.Fatalf("followed %+v, %v", changes, err)
		}
		tagged := newPort(t, s, vlan, onHost)
		if tagged.VIFType != model.VIFTypeBindingFailed {
			t.Fatalf("bound without a mapping: %s", tagged.VIFType)
		}
		withMapping := model.Node{SystemID: "a", Hostname: "compute1", Mappings: []model.Mapping{{PhysicalNetwork: "public", Bridge: "br-ex"}}}
		check(t, reportNode(s, withMapping))
		if got := must(s.Port(admin, tagged.ID))(t); got.VIFType != model.VIFTypeOVS {
			t.Fatalf("after the mapping came: %s", got.VIFType)
		}
		if got := must(s.Port(admin, bound.ID))(t); got.BindingGeneration != bound.BindingGeneration {
			t.Fatal("a mapping that does not concern it changed the binding")
		}

		check(t, s.SetPortStatus(ctx, []PortStatus{{early.Number, bound.BindingGeneration, model.StatusActive, ""}}))
		moved := must(s.UpdatePort(admin, early.ID, func(p *model.Port) error { p.HostID = ""; return nil }))(t)
		if moved.VIFType != model.VIFTypeUnbound || moved.Status != model.StatusDown || moved.BindingGeneration != bound.BindingGeneration+1 {
			t.Fatalf("unbound: %+v", moved)
		}
		must(s.UpdatePort(admin, early.ID, func(p *model.Port) error { p.HostID = "compute1"; return nil }))(t)
		check(t, s.DeleteNode(ctx, node.Number))
		for _, id := range []string{early.ID, tagged.ID} {
			if got := must(s.Port(admin, id))(t); got.VIFType != model.VIFTypeBindingFailed {
				t.Fatalf("after its node was declared gone: %s", got.VIFType)
			}
		}
	})
}

func TestSetPortStatus(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		n := newNetwork(t, s)
		p, q := newPort(t, s, n), newPort(t, s, n)
		_, position, err := s.Load(ctx)
		check(t, err)
		set := func(statuses ...PortStatus) { t.Helper(); check(t, s.SetPortStatus(ctx, statuses)) }
		set()
		set(PortStatus{q.Number, q.BindingGeneration, model.StatusDown, "entry refused"}, PortStatus{p.Number, p.BindingGeneration, model.StatusActive, ""},
			PortStatus{99999, 1, model.StatusActive, ""})
		if got := must(s.Port(admin, p.ID))(t); got.Status != model.StatusActive || got.RevisionNumber != 2 {
			t.Fatalf("%+v", got)
		}
		if got := must(s.Port(admin, q.ID))(t); got.StatusReason != "entry refused" {
			t.Fatalf("%+v", got)
		}
		set(PortStatus{p.Number, p.BindingGeneration, model.StatusActive, ""})
		if got := must(s.Port(admin, p.ID))(t); got.RevisionNumber != 2 {
			t.Fatal("an equal status was written")
		}
		set(PortStatus{p.Number, p.BindingGeneration + 1, model.StatusDown, ""}, PortStatus{p.Number, p.BindingGeneration - 1, model.StatusDown, ""})
		if got := must(s.Port(admin, p.ID))(t); got.Status != model.StatusActive {
			t.Fatal("a confirmation of another binding was taken")
		}
		if changes, _, err := s.Follow(ctx, position); err != nil || len(changes) != 0 {
			t.Fatalf("statuses were journalled: %v, %v", changes, err)
		}
	})
}

func TestMasters(t *testing.T) {
	test := func(t *testing.T, s *Store, restart func() *Store) {
		ctx := context.Background()
		var nodes []model.Number
		for _, name := range []string{"a", "b"} {
			n, _, err := s.ReportNode(ctx, model.Node{SystemID: name, Hostname: name})
			check(t, err)
			nodes = append(nodes, n.Number)
		}
		acquire := func(s *Store, replica string, ttl time.Duration) map[model.Number]uint64 {
			t.Helper()
			return must(s.AcquireMasters(ctx, replica, append(nodes, 999), ttl))(t)
		}
		expect := func(got map[model.Number]uint64, generation uint64) {
			t.Helper()
			want := map[model.Number]uint64{}
			if generation != 0 {
				want = map[model.Number]uint64{nodes[0]: generation, nodes[1]: generation}
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("master of %v, want %v", got, want)
			}
		}
		began := uint64(time.Now().Unix())
		first := acquire(s, "one", time.Hour)[nodes[0]]
		if first < began-1 || first > began+60 {
			t.Fatalf("the first generation is %d, and it is %d", first, began)
		}
		expect(acquire(s, "one", time.Hour), first) // renewal
		expect(acquire(s, "two", time.Hour), 0)     // another's lease runs
		expect(acquire(s, "one", time.Millisecond), first)
		within(t, 5*time.Second, "the lease runs out", func() bool { return len(acquire(s, "two", time.Hour)) == 2 })
		expect(acquire(s, "one", time.Hour), 0)
		s = restart()
		expect(acquire(s, "two", time.Hour), first+2) // its own lease, at once, and above what it had
		if got := must(s.AcquireMasters(ctx, "two", nil, time.Hour))(t); len(got) != 0 {
			t.Fatalf("master of %v, asked for none", got)
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		url := sqliteURL(t)
		first, err := Open(context.Background(), url, Options{Source: model.SystemSource()})
		check(t, err)
		test(t, first, func() *Store { check(t, first.Close()); return open(t, url, Options{}) })
	})
	t.Run("postgres", func(t *testing.T) {
		url := postgresURL(t)
		test(t, open(t, url, Options{}), func() *Store { return open(t, url, Options{}) })
	})
}

// TestFreezeNodes: what an operator says of a node stays through all that the node says of itself, by either way of reporting, and
// followers see it.
func TestFreezeNodes(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		report := model.Node{SystemID: "a", Hostname: "compute1", EncapIP: addr("10.0.0.11"), TunnelPort: 1}
		stored, _, err := s.ReportNode(ctx, report)
		check(t, err)
		other, _, err := s.ReportNode(ctx, model.Node{SystemID: "b", Hostname: "compute2", EncapIP: addr("10.0.0.12")})
		check(t, err)
		_, position, err := s.Load(ctx)
		check(t, err)
		follow := func(want ...*model.Node) {
			t.Helper()
			changes, next, err := s.Follow(ctx, position)
			check(t, err)
			position = next
			if len(changes) != len(want) {
				t.Fatalf("followed %+v, want %d changes", changes, len(want))
			}
			for i, w := range want {
				if !reflect.DeepEqual(changes[i].Object, w) {
					t.Fatalf("followed %+v, want %+v", changes[i].Object, w)
				}
			}
		}
		frozen := *stored
		frozen.Frozen, frozen.Reports = true, stored.Reports+1
		check(t, s.FreezeNodes(ctx, []model.Number{stored.Number, 999}, true))
		follow(&frozen)
		check(t, s.FreezeNodes(ctx, []model.Number{stored.Number}, true))
		follow()

		// What a node plugs, known as it was before it was frozen; then as it is known now; then another address.
		report.Interfaces = []model.Interface{{Name: "tap1", PortID: "p1", Ofport: 5}}
		next, _, err := s.ReportInterfaces(ctx, stored, report)
		check(t, err)
		follow(next)
		report.Interfaces = append(report.Interfaces, model.Interface{Name: "tap2", PortID: "p2", Ofport: 6})
		again, _, err := s.ReportInterfaces(ctx, next, report)
		check(t, err)
		follow(again)
		report.EncapIP = addr("10.0.0.13")
		moved, _, err := s.ReportNode(ctx, report)
		check(t, err)
		follow(moved)
		if !next.Frozen || !again.Frozen || !moved.Frozen || len(moved.Interfaces) != 2 {
			t.Fatalf("reports of a frozen node: %+v, %+v, %+v", next, again, moved)
		}

		check(t, s.FreezeNodes(ctx, []model.Number{stored.Number, other.Number}, false))
		moved.Frozen, moved.Reports = false, moved.Reports+1
		follow(moved)
		if got := must(s.Nodes(ctx))(t); !reflect.DeepEqual(got, []*model.Node{moved, other}) {
			t.Fatalf("thawed: %+v", got)
		}
	})
}
