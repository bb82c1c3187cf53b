package store

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/planck-sdn/planck/model"
)

func TestNetworkLife(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		if n.Number == 0 || len(n.ID) != 36 || n.NetworkType != model.NetworkVXLAN || n.MTU != 1450 || n.SegmentationID == 0 ||
			n.Key != model.NetworkKey(n.SegmentationID) || n.Status != model.StatusActive || n.RevisionNumber != 1 {
			t.Fatalf("created %+v", n)
		}
		if got := must(s.Network(admin, n.ID))(t); !reflect.DeepEqual(got, n) {
			t.Fatalf("read back %+v, want %+v", got, n)
		}
		updated := must(s.UpdateNetwork(admin, n.ID, func(n *model.Network) error {
			n.Name, n.AdminStateUp, n.MTU = "", false, 1400
			return nil
		}))(t)
		if updated.RevisionNumber != 2 || updated.AdminStateUp || updated.Name != "" {
			t.Fatalf("updated %+v", updated)
		}
		if got := must(s.Network(admin, n.ID))(t); !reflect.DeepEqual(got, updated) {
			t.Fatalf("read back %+v, want %+v", got, updated)
		}
		check(t, s.DeleteNetwork(admin, n.ID))
		_, err := s.Network(admin, n.ID)
		refused(t, err, 404, "NetworkNotFound")
		refused(t, s.DeleteNetwork(admin, n.ID), 404, "NetworkNotFound")
		if again := newNetwork(t, s); again.Number <= n.Number {
			t.Fatalf("number %d after %d", again.Number, n.Number)
		}
	})
}

func TestNetworkRefusals(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		vlan := func(n *model.Network) {
			n.NetworkType, n.PhysicalNetwork, n.SegmentationID = model.NetworkVLAN, "public", 100
		}
		flat := func(n *model.Network) { n.NetworkType, n.PhysicalNetwork = model.NetworkFlat, "office" }
		vni := func(n *model.Network) { n.SegmentationID = 77 }
		for _, taken := range []func(*model.Network){vlan, flat, vni} {
			newNetwork(t, s, taken)
		}
		cases := map[string]struct {
			change func(*model.Network)
			status int
			typ    string
		}{
			"VLAN in use":          {vlan, 409, "VlanIdInUse"},
			"VNI in use":           {vni, 409, "TunnelIdInUse"},
			"flat in use":          {flat, 409, "FlatNetworkInUse"},
			"no VLAN range":        {func(n *model.Network) { vlan(n); n.SegmentationID = 0 }, 503, "NoNetworkAvailable"},
			"VLAN 4095":            {func(n *model.Network) { vlan(n); n.SegmentationID = 4095 }, 400, "InvalidInput"},
			"VNI of 25 bits":       {func(n *model.Network) { n.SegmentationID = 1 << 24 }, 400, "InvalidInput"},
			"VLAN without physnet": {func(n *model.Network) { vlan(n); n.PhysicalNetwork = "" }, 400, "InvalidInput"},
			"flat without physnet": {func(n *model.Network) { flat(n); n.PhysicalNetwork = "" }, 400, "InvalidInput"},
			"flat with id":         {func(n *model.Network) { flat(n); n.SegmentationID = 1 }, 400, "InvalidInput"},
			"vxlan with physnet":   {func(n *model.Network) { n.PhysicalNetwork = "public" }, 400, "InvalidInput"},
			"unknown type":         {func(n *model.Network) { n.NetworkType = "gre" }, 400, "InvalidInput"},
			"MTU too big":          {func(n *model.Network) { n.MTU = 1451 }, 400, "InvalidInput"},
			"MTU too small":        {func(n *model.Network) { n.MTU = 67 }, 400, "InvalidInput"},
			"NUL in name":          {func(n *model.Network) { n.Name = "a\x00" }, 400, "HTTPBadRequest"},
			"long name":            {func(n *model.Network) { n.Name = string(make([]rune, 256)) }, 400, "HTTPBadRequest"},
			"no project":           {func(n *model.Network) { n.ProjectID = "" }, 400, "HTTPBadRequest"},
		}
		before := len(must(s.ListNetworks(admin, Query{}))(t))
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				good := &model.Network{ProjectID: "alpha"}
				bad := &model.Network{ProjectID: "alpha"}
				c.change(bad)
				request := *bad
				refused(t, s.CreateNetworks(admin, []*model.Network{good, bad}), c.status, c.typ)
				if !reflect.DeepEqual(*bad, request) || good.ID != "" {
					t.Fatal("a refused request was filled in")
				}
			})
		}
		if after := len(must(s.ListNetworks(admin, Query{}))(t)); after != before {
			t.Fatalf("%d networks, %d before the refusals", after, before)
		}
		n := newNetwork(t, s)
		for name, patch := range map[string]func(*model.Network){
			"segmentation id": func(n *model.Network) { n.SegmentationID++ },
			"type":            vlan,
			"MTU":             func(n *model.Network) { n.MTU = 9000 },
		} {
			t.Run("update "+name, func(t *testing.T) {
				_, err := s.UpdateNetwork(admin, n.ID, func(n *model.Network) error { patch(n); return nil })
				refused(t, err, 400, "InvalidInput")
			})
		}
		own := errors.New("own words")
		if _, err := s.UpdateNetwork(admin, n.ID, func(*model.Network) error { return own }); !errors.Is(err, own) {
			t.Fatalf("a patch's refusal came back as %v", err)
		}
		if got := must(s.Network(admin, n.ID))(t); !reflect.DeepEqual(got, n) {
			t.Fatalf("refused updates left %+v of %+v", got, n)
		}
	})
}

func TestUpdateWithoutEffectWritesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		_, before, err := s.Load(context.Background())
		check(t, err)
		var revision int64
		ctx := WithRevision(admin, &revision)
		if got := must(s.UpdateNetwork(ctx, n.ID, func(n *model.Network) error { n.Name = "net"; return nil }))(t); got.RevisionNumber != 1 {
			t.Fatalf("revision number %d", got.RevisionNumber)
		}
		if changes, _, err := s.Follow(context.Background(), before); err != nil || len(changes) != 0 || revision != 0 {
			t.Fatalf("%v, %v, revision %d", changes, err, revision)
		}
	})
}

func TestSharedNetworkInUseStaysShared(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s, func(n *model.Network) { n.Shared = true })
		unshare := func(n *model.Network) error { n.Shared = false; return nil }
		p := newPort(t, s, n, func(p *model.Port) { p.ProjectID = "beta" })
		_, err := s.UpdateNetwork(admin, n.ID, unshare)
		refused(t, err, 409, "InvalidSharedSetting")
		check(t, s.DeletePort(admin, p.ID))
		must(s.UpdateNetwork(admin, n.ID, unshare))(t)
	})
}

// What tenants see, and what they are told of what they do not see.
func TestTenants(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		alpha, beta, nobody := tenant("alpha"), tenant("beta"), context.Background()
		private := newNetwork(t, s)
		shared := newNetwork(t, s, func(n *model.Network) { n.Shared = true })
		privateSubnet := newSubnet(t, s, private, "10.0.0.0/24", withoutDHCP)
		sharedSubnet := newSubnet(t, s, shared, "10.0.0.0/24", withoutDHCP)
		own := newPort(t, s, private)
		guest := newPort(t, s, shared, func(p *model.Port) { p.ProjectID = "beta" })

		count := func(ctx context.Context) [3]int {
			return [3]int{
				len(must(s.ListNetworks(ctx, Query{}))(t)), len(must(s.ListSubnets(ctx, Query{}))(t)), len(must(s.ListPorts(ctx, Query{}))(t)),
			}
		}
		for _, c := range []struct {
			who  string
			ctx  context.Context
			want [3]int
		}{
			{"owner, who sees guests on his network", alpha, [3]int{2, 2, 2}},
			{"guest", beta, [3]int{1, 1, 1}},
			{"nobody", nobody, [3]int{1, 1, 0}},
			{"administrator", admin, [3]int{2, 2, 2}},
		} {
			if got := count(c.ctx); got != c.want {
				t.Errorf("%s: networks, subnets, ports %v, want %v", c.who, got, c.want)
			}
		}

		_, err := s.Network(beta, private.ID)
		refused(t, err, 404, "NetworkNotFound")
		_, err = s.Subnet(beta, privateSubnet.ID)
		refused(t, err, 404, "SubnetNotFound")
		_, err = s.Port(beta, own.ID)
		refused(t, err, 404, "PortNotFound")
		refused(t, s.DeleteNetwork(beta, private.ID), 404, "NetworkNotFound")
		refused(t, s.DeleteNetwork(beta, shared.ID), 403, "PolicyNotAuthorized")
		refused(t, s.DeleteSubnet(beta, privateSubnet.ID), 404, "SubnetNotFound")
		refused(t, s.DeleteSubnet(beta, sharedSubnet.ID), 403, "PolicyNotAuthorized")
		refused(t, s.DeletePort(beta, own.ID), 404, "PortNotFound")
		_, err = s.UpdatePort(alpha, guest.ID, func(p *model.Port) error { p.Name = "mine"; return nil })
		refused(t, err, 403, "PolicyNotAuthorized")
		_, err = s.ListPorts(beta, Query{Marker: own.ID})
		refused(t, err, 404, "PortNotFound")

		foreign := portRequest(private)
		foreign.ProjectID = "beta"
		refused(t, createPort(beta, s, foreign), 404, "NetworkNotFound")
		foreign.ProjectID = "alpha"
		refused(t, createPort(beta, s, foreign), 403, "PolicyNotAuthorized")
		intruder := subnetRequest(shared, "10.9.0.0/24")
		intruder.ProjectID = "beta"
		refused(t, s.CreateSubnets(beta, []*model.Subnet{intruder}), 403, "PolicyNotAuthorized")

		check(t, s.DeletePort(alpha, guest.ID))
		check(t, s.DeletePort(alpha, own.ID))
		check(t, s.DeleteNetwork(alpha, private.ID))
	})
}

// A freed identifier comes back only when each node that was there has confirmed the freeing.
func TestSegmentsComeBackLate(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		take := func(id uint32) error {
			return s.CreateNetworks(admin, []*model.Network{{ProjectID: "alpha", SegmentationID: id}})
		}
		reclaim := func(want int) {
			t.Helper()
			if got := must(s.Reclaim(ctx))(t); got != want {
				t.Fatalf("reclaimed %d, want %d", got, want)
			}
		}
		position := func() Position {
			_, p, err := s.Load(ctx)
			check(t, err)
			return p
		}
		report := func(name string) model.Number {
			node, _, err := s.ReportNode(ctx, model.Node{SystemID: name, Hostname: name})
			check(t, err)
			return node.Number
		}
		a, b := report("a"), report("b")
		n := newNetwork(t, s, func(n *model.Network) { n.SegmentationID = 500 })
		early := position()
		if must(s.PendingReclaims(ctx))(t) {
			t.Fatal("pending before anything was freed")
		}
		check(t, s.DeleteNetwork(admin, n.ID))
		refused(t, take(500), 409, "TunnelIdInUse")
		if !must(s.PendingReclaims(ctx))(t) {
			t.Fatal("not pending")
		}
		check(t, s.Confirm(ctx, map[model.Number]uint64{a: early.Horizon, b: early.Horizon}))
		reclaim(0) // they confirmed what was before
		check(t, s.Confirm(ctx, map[model.Number]uint64{a: position().Horizon, 999: 1}))
		reclaim(0) // b is cut off
		check(t, s.Confirm(ctx, map[model.Number]uint64{a: early.Horizon}))
		report("late") // never had it
		check(t, s.DeleteNode(ctx, b))
		reclaim(1)
		check(t, take(500))
		if must(s.PendingReclaims(ctx))(t) {
			t.Fatal("pending after the reclaim")
		}
	})
}

func TestSegmentRanges(t *testing.T) {
	options := Options{VNIs: Range{10, 12}, VLANs: map[string]Range{"public": {7, 8}}}
	test := func(t *testing.T, s *Store) {
		create := func(n model.Network) (*model.Network, error) {
			n.ProjectID = "alpha"
			return &n, s.CreateNetworks(admin, []*model.Network{&n})
		}
		for want := range 3 {
			n := must(create(model.Network{}))(t)
			if n.SegmentationID != uint32(10+want) {
				t.Fatalf("VNI %d", n.SegmentationID)
			}
		}
		_, err := create(model.Network{})
		refused(t, err, 503, "NoNetworkAvailable")
		keys := map[model.NetworkKey]bool{}
		for want := range 2 {
			n := must(create(model.Network{NetworkType: model.NetworkVLAN, PhysicalNetwork: "public"}))(t)
			if n.SegmentationID != uint32(7+want) || n.Key <= 12 || n.MTU != 1500 {
				t.Fatalf("VLAN network %+v", n)
			}
			keys[n.Key] = true
		}
		_, err = create(model.Network{NetworkType: model.NetworkVLAN, PhysicalNetwork: "public"})
		refused(t, err, 503, "NoNetworkAvailable")
		flat := must(create(model.Network{NetworkType: model.NetworkFlat, PhysicalNetwork: "office"}))(t)
		keys[flat.Key] = true
		if len(keys) != 3 || flat.SegmentationID != 0 {
			t.Fatalf("keys %v, flat %+v", keys, flat)
		}
		// Whoever asks for a key as a VNI learns that it is taken.
		_, err = create(model.Network{SegmentationID: uint32(flat.Key)})
		refused(t, err, 409, "TunnelIdInUse")
	}
	t.Run("sqlite", func(t *testing.T) { test(t, open(t, sqliteURL(t), options)) })
	t.Run("postgres", func(t *testing.T) { test(t, open(t, postgresURL(t), options)) })
}
