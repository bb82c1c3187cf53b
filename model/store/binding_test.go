package store

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"testing"

	"github.com/planck-sdn/planck/model"
)

var novas = WithScope(context.Background(), Scope{ProjectID: "service", Service: true})

func serverPort(host string) func(*model.Port) {
	return func(p *model.Port) { p.DeviceOwner, p.DeviceID, p.HostID = "compute:nova", "server", host }
}

// node reports a node with its mappings.
func reportHost(t testing.TB, s *Store, host, datapathType string, physnets ...string) *model.Node {
	t.Helper()
	report := model.Node{SystemID: "system-" + host, Hostname: host, DatapathType: datapathType}
	for _, p := range physnets {
		report.Mappings = append(report.Mappings, model.Mapping{PhysicalNetwork: p, Bridge: "br-" + p, PatchPort: 2})
	}
	node, _, err := s.ReportNode(context.Background(), report)
	check(t, err)
	return node
}

// bindingsOf writes a port's bindings as host, VIF type and datapath type.
func bindingsOf(t testing.TB, s *Store, id string) string {
	t.Helper()
	text := ""
	for _, b := range must(s.Bindings(novas, id))(t) {
		text += fmt.Sprintf("%s %s %s", b.HostID, b.VIFType, b.DatapathType)
		if b.Active {
			text += " active"
		}
		text += "; "
	}
	return text
}

func TestMigratingPort(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		for _, h := range []string{"a", "b", "c"} {
			reportHost(t, s, h, map[string]string{"a": "system", "b": "netdev", "c": "system"}[h])
		}
		p := newPort(t, s, newNetwork(t, s), serverPort("a"), func(p *model.Port) { p.Profile = map[string]any{"at": "a"} })
		check(t, s.SetPortStatus(admin, []PortStatus{{Number: p.Number, BindingGeneration: 1, Status: model.StatusActive}}))
		read := func() *model.Port { t.Helper(); return must(s.Port(admin, p.ID))(t) }

		for _, h := range []string{"c", "b"} {
			created := must(s.CreateBinding(novas, p.ID, model.Binding{HostID: h, Profile: map[string]any{"at": h}}))(t)
			if created.Active || created.VNICType != "normal" || created.VIFType != "ovs" || created.Profile["at"] != h {
				t.Fatalf("created %+v", created)
			}
		}
		if got, want := bindingsOf(t, s, p.ID), "a ovs system active; b ovs netdev; c ovs system; "; got != want {
			t.Fatalf("bindings %s, want %s", got, want)
		}
		before := read()
		if before.Status != model.StatusActive || before.BindingGeneration != 1 || before.HostID != "a" {
			t.Fatalf("a further binding changed the port: %+v", before)
		}

		active := must(s.ActivateBinding(novas, p.ID, "b"))(t)
		if !active.Active || active.HostID != "b" || active.Profile["at"] != "b" {
			t.Fatalf("activated %+v", active)
		}
		if got, want := bindingsOf(t, s, p.ID), "b ovs netdev active; a ovs system; c ovs system; "; got != want {
			t.Fatalf("bindings %s, want %s", got, want)
		}
		now := read()
		if now.HostID != "b" || now.DatapathType != "netdev" || now.Profile["at"] != "b" || now.Status != model.StatusDown ||
			now.BindingGeneration != 2 || now.RevisionNumber != before.RevisionNumber+1 || now.InactiveBindings[0].Profile["at"] != "a" {
			t.Fatalf("after activation %+v", now)
		}
		// A late word of the old place is void.
		check(t, s.SetPortStatus(admin, []PortStatus{{Number: p.Number, BindingGeneration: 1, Status: model.StatusActive}}))
		if got := read(); got.Status != model.StatusDown {
			t.Fatalf("the old place made the port %s", got.Status)
		}

		check(t, s.DeleteBinding(novas, p.ID, "a"))
		if got := read(); got.BindingGeneration != 2 || got.RevisionNumber != now.RevisionNumber+1 {
			t.Fatalf("after the old binding went %+v", got)
		}
		check(t, s.DeleteBinding(novas, p.ID, "b"))
		if got := read(); got.HostID != "" || got.VIFType != model.VIFTypeUnbound || got.DatapathType != "" || len(got.Profile) != 0 || got.BindingGeneration != 3 {
			t.Fatalf("after the active binding went %+v", got)
		}
		if got, want := bindingsOf(t, s, p.ID), "c ovs system; "; got != want {
			t.Fatalf("bindings %s, want %s", got, want)
		}
		must(s.ActivateBinding(novas, p.ID, "c"))(t)
		if got, want := bindingsOf(t, s, p.ID), "c ovs system active; "; got != want {
			t.Fatalf("bindings %s, want %s", got, want)
		}
	})
}

func TestBindingRefusals(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		reportHost(t, s, "a", "system", "dc")
		reportHost(t, s, "b", "system", "dc")
		reportHost(t, s, "c", "system")
		n := newNetwork(t, s, func(n *model.Network) {
			n.NetworkType, n.PhysicalNetwork, n.SegmentationID = model.NetworkVLAN, "dc", 7
		})
		p := newPort(t, s, n, serverPort("a"))
		must(s.CreateBinding(novas, p.ID, model.Binding{HostID: "b"}))(t)
		plain := newPort(t, s, n)
		create := func(ctx context.Context, id, host string) error {
			_, err := s.CreateBinding(ctx, id, model.Binding{HostID: host})
			return err
		}
		activate := func(id, host string) error { _, err := s.ActivateBinding(novas, id, host); return err }
		update := func(id, host string, patch func(*model.Binding)) error {
			_, err := s.UpdateBinding(novas, id, host, func(b *model.Binding) error { patch(b); return nil })
			return err
		}
		to := func(host string) func(*model.Binding) { return func(b *model.Binding) { b.HostID = host } }
		before := must(s.Port(admin, p.ID))(t)
		for what, c := range map[string]struct {
			err    error
			status int
			typ    string
		}{
			"no port":                   {create(novas, "nope", "b"), 404, "PortNotFound"},
			"port of another project":   {create(tenant("beta"), p.ID, "c"), 404, "PortNotFound"},
			"own port":                  {create(tenant("alpha"), p.ID, "c"), 403, "PolicyNotAuthorized"},
			"list by its owner":         {func() error { _, err := s.Bindings(tenant("alpha"), p.ID); return err }(), 403, "PolicyNotAuthorized"},
			"list of no port":           {func() error { _, err := s.Bindings(novas, "nope"); return err }(), 404, "PortNotFound"},
			"list of no server's port":  {func() error { _, err := s.Bindings(novas, plain.ID); return err }(), 400, "BadRequest"},
			"port of no server":         {create(novas, plain.ID, "b"), 400, "BadRequest"},
			"no host":                   {create(novas, p.ID, ""), 400, "HTTPBadRequest"},
			"vnic type":                 {update(p.ID, "b", func(b *model.Binding) { b.VNICType = "magic" }), 400, "HTTPBadRequest"},
			"active already there":      {create(novas, p.ID, "a"), 409, "PortBindingAlreadyExists"},
			"inactive already there":    {create(novas, p.ID, "b"), 409, "PortBindingAlreadyExists"},
			"unknown host":              {create(novas, p.ID, "nowhere"), 500, "PortBindingError"},
			"host without the mapping":  {create(novas, p.ID, "c"), 500, "PortBindingError"},
			"activate the active":       {activate(p.ID, "a"), 409, "PortBindingAlreadyActive"},
			"activate what is not":      {activate(p.ID, "c"), 404, "PortBindingNotFound"},
			"activate nothing":          {activate(p.ID, ""), 404, "PortBindingNotFound"},
			"update what is not":        {update(p.ID, "c", to("b")), 404, "PortBindingNotFound"},
			"move to the active's host": {update(p.ID, "b", to("a")), 409, "PortBindingAlreadyExists"},
			"move to the other's host":  {update(p.ID, "a", to("b")), 409, "PortBindingAlreadyExists"},
			"move to a host without it": {update(p.ID, "a", to("c")), 500, "PortBindingError"},
			"delete what is not":        {s.DeleteBinding(novas, p.ID, "c"), 404, "PortBindingNotFound"},
			"delete nothing":            {s.DeleteBinding(novas, p.ID, ""), 404, "PortBindingNotFound"},
		} {
			t.Run(what, func(t *testing.T) { refused(t, c.err, c.status, c.typ) })
		}
		if after := must(s.Port(admin, p.ID))(t); !reflect.DeepEqual(after, before) {
			t.Errorf("refusals changed the port\n%+v\n%+v", before, after)
		}
	})
}

func TestUpdatedBinding(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		for _, h := range []string{"a", "b", "c"} {
			reportHost(t, s, h, "system")
		}
		p := newPort(t, s, newNetwork(t, s), serverPort("a"))
		must(s.CreateBinding(novas, p.ID, model.Binding{HostID: "b"}))(t)
		set := func(host string, patch func(*model.Binding)) *PortBinding {
			t.Helper()
			return must(s.UpdateBinding(novas, p.ID, host, func(b *model.Binding) error { patch(b); return nil }))(t)
		}
		profile := func(b *model.Binding) { b.Profile = map[string]any{"x": "y"} }
		if b := set("b", profile); b.Active || b.Profile["x"] != "y" {
			t.Errorf("inactive: %+v", b)
		}
		if got := must(s.Port(admin, p.ID))(t); got.BindingGeneration != 1 {
			t.Errorf("the inactive one's profile raised the generation: %+v", got)
		}
		if b := set("a", profile); !b.Active || b.Profile["x"] != "y" {
			t.Errorf("active: %+v", b)
		}
		if got := must(s.Port(admin, p.ID))(t); got.BindingGeneration != 2 || got.Profile["x"] != "y" {
			t.Errorf("the active one's profile: %+v", got)
		}
		before := must(s.Port(admin, p.ID))(t)
		set("a", profile)
		set("b", profile)
		if after := must(s.Port(admin, p.ID))(t); !reflect.DeepEqual(after, before) {
			t.Errorf("updates to what was there changed\n%+v to\n%+v", before, after)
		}
		set("b", func(b *model.Binding) { b.HostID = "c" })
		if got, want := bindingsOf(t, s, p.ID), "a ovs system active; c ovs system; "; got != want {
			t.Errorf("bindings %s, want %s", got, want)
		}
		// binding:host_id as Nova sets it once more after activating, and as an operator might instead.
		must(s.UpdatePort(admin, p.ID, func(p *model.Port) error { p.HostID, p.InactiveBindings = "c", nil; return nil }))(t)
		if got, want := bindingsOf(t, s, p.ID), "c ovs system active; "; got != want {
			t.Errorf("bindings %s, want %s", got, want)
		}
		must(s.CreateBinding(novas, p.ID, model.Binding{HostID: "a"}))(t)
		must(s.UpdatePort(admin, p.ID, func(p *model.Port) error { p.HostID, p.InactiveBindings = "b", nil; return nil }))(t)
		if got, want := bindingsOf(t, s, p.ID), "b ovs system active; a ovs system; "; got != want {
			t.Errorf("bindings %s, want %s", got, want)
		}
	})
}

// TestBindingsFollowTheHost: what is known of a host shows in the active and the inactive bindings there.
func TestBindingsFollowTheHost(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		reportHost(t, s, "a", "system", "dc")
		node := reportHost(t, s, "b", "system", "dc")
		vlan := newNetwork(t, s, func(n *model.Network) {
			n.NetworkType, n.PhysicalNetwork, n.SegmentationID = model.NetworkVLAN, "dc", 7
		})
		away := newPort(t, s, vlan, serverPort("a"))  // inactive on b
		there := newPort(t, s, vlan, serverPort("b")) // active on b
		for p, h := range map[*model.Port]string{away: "b", there: "a"} {
			must(s.CreateBinding(novas, p.ID, model.Binding{HostID: h}))(t)
		}
		revision := map[string]int64{}
		for _, step := range []struct {
			what        string
			change      func()
			inactive    string
			active      string
			generations int64 // of the active
		}{
			{"as it was", func() {}, "b ovs system", "b ovs system active", 1},
			{"another datapath", func() { reportHost(t, s, "b", "netdev", "dc") }, "b ovs netdev", "b ovs netdev active", 2},
			{"another mapping besides", func() { reportHost(t, s, "b", "netdev", "dc", "x") }, "b ovs netdev", "b ovs netdev active", 2},
			{"mapping lost", func() { reportHost(t, s, "b", "netdev") }, "b binding_failed netdev", "b binding_failed netdev active", 3},
			{"mapping back", func() { reportHost(t, s, "b", "netdev", "dc") }, "b ovs netdev", "b ovs netdev active", 4},
			{"gone", func() { check(t, s.DeleteNode(admin, node.Number)) }, "b binding_failed ", "b binding_failed  active", 5},
			{"back", func() { reportHost(t, s, "b", "system", "dc") }, "b ovs system", "b ovs system active", 6},
		} {
			step.change()
			if got, want := bindingsOf(t, s, away.ID), "a ovs system active; "+step.inactive+"; "; got != want {
				t.Errorf("%s: %s, want %s", step.what, got, want)
			}
			if got, want := bindingsOf(t, s, there.ID), step.active+"; a ovs system; "; got != want {
				t.Errorf("%s: %s, want %s", step.what, got, want)
			}
			a, b := must(s.Port(admin, away.ID))(t), must(s.Port(admin, there.ID))(t)
			if a.BindingGeneration != 1 || b.BindingGeneration != step.generations {
				t.Errorf("%s: generations %d and %d, want 1 and %d", step.what, a.BindingGeneration, b.BindingGeneration, step.generations)
			}
			revision[step.what] = a.RevisionNumber
		}
		if revision["gone"] == revision["mapping back"] {
			t.Error("a change of an inactive binding is no revision")
		}
	})
}

// TestBindingsSwapUnderANodesReports: activations, deletions and reports at once leave bindings that show what is known of the hosts.
func TestBindingsSwapUnderANodesReports(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		vlan := newNetwork(t, s, func(n *model.Network) {
			n.NetworkType, n.PhysicalNetwork, n.SegmentationID = model.NetworkVLAN, "dc", 7
		})
		reportHost(t, s, "a", "system", "dc")
		reportHost(t, s, "b", "system", "dc")
		const ports, rounds = 4, 15
		var all sync.WaitGroup
		for range ports {
			p := newPort(t, s, vlan, serverPort("a"))
			must(s.CreateBinding(novas, p.ID, model.Binding{HostID: "b"}))(t)
			all.Go(func() {
				for i := range rounds {
					host := []string{"b", "a"}[i%2]
					if _, err := s.ActivateBinding(novas, p.ID, host); err != nil {
						t.Errorf("activate on %s: %v", host, err)
					}
				}
			})
		}
		for _, h := range []string{"a", "b"} {
			all.Go(func() {
				for i := range rounds {
					report := model.Node{SystemID: "system-" + h, Hostname: h, DatapathType: "system"}
					if i%2 == 0 {
						report.Mappings = []model.Mapping{{PhysicalNetwork: "dc", Bridge: "br", PatchPort: 2}}
					} else {
						report.DatapathType = "netdev"
					}
					if _, _, err := s.ReportNode(context.Background(), report); err != nil {
						t.Errorf("report of %s: %v", h, err)
					}
				}
			})
		}
		all.Wait()
		for _, p := range must(s.ListPorts(admin, Query{}))(t) {
			if p.DeviceOwner == model.DeviceOwnerDHCP {
				continue
			}
			if got := bindingsOf(t, s, p.ID); got != "b ovs system active; a ovs system; " {
				t.Errorf("port %d: %s", p.Number, got)
			}
		}
	})
}
