package store

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/planck-sdn/planck/model"
)

func newRouter(t testing.TB, s *Store, change ...func(*RouterRequest)) *model.Router {
	t.Helper()
	request := RouterRequest{Router: &model.Router{ProjectID: "alpha", Name: "r", AdminStateUp: true}}
	for _, c := range change {
		c(&request)
	}
	check(t, s.CreateRouters(admin, []RouterRequest{request}))
	return request.Router
}

func through(n *model.Network, ips ...model.FixedIP) func(*RouterRequest) {
	return func(r *RouterRequest) { r.Gateway = &ExternalGateway{NetworkID: n.ID, FixedIPs: ips} }
}

// newExternal is a flat network with the subnet 203.0.113.0/24, unless changed.
func newExternal(t testing.TB, s *Store, change ...func(*model.Network)) (*model.Network, *model.Subnet) {
	t.Helper()
	n := newNetwork(t, s, append([]func(*model.Network){func(n *model.Network) {
		n.ProjectID, n.NetworkType, n.PhysicalNetwork, n.External = "cloud", model.NetworkFlat, "public", true
	}}, change...)...)
	return n, newSubnet(t, s, n, "203.0.113.0/24", withoutDHCP)
}

func join(t testing.TB, s *Store, r *model.Router, subnet *model.Subnet) RouterInterface {
	t.Helper()
	return must(s.AddRouterInterface(admin, r.ID, subnet.ID, ""))(t)
}

func route(destination, nextHop string) model.HostRoute {
	return model.HostRoute{Destination: netip.MustParsePrefix(destination), NextHop: addr(nextHop)}
}

func setGateway(ctx context.Context, s *Store, r *model.Router, gateway *ExternalGateway) (*model.Router, error) {
	return s.UpdateRouter(ctx, r.ID, func(u *RouterUpdate) error {
		u.GatewaySaid, u.Gateway = true, gateway
		return nil
	})
}

func setRoutes(s *Store, r *model.Router, routes ...model.HostRoute) error {
	return second(s.UpdateRouter(admin, r.ID, func(u *RouterUpdate) error {
		u.Router.Routes = routes
		return nil
	}))
}

func TestRouter(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		f := newFollower(t, s)
		r := newRouter(t, s, func(r *RouterRequest) {
			r.Router.Description, r.Router.Tags, r.Router.AvailabilityZoneHints = "d", []string{"b", "a"}, []string{"nova"}
		})
		if r.ID == "" || r.Number == 0 || r.Key <= defaultLastVNI || r.Status != model.StatusActive || r.RevisionNumber != 1 || r.Gateway != nil {
			t.Errorf("made %+v", r)
		}
		if got := must(s.Router(tenant("alpha"), r.ID))(t); !reflect.DeepEqual(got, r) {
			t.Errorf("read %+v\nmade %+v", got, r)
		}
		refused(t, second(s.Router(tenant("beta"), r.ID)), 404, "RouterNotFound")
		refused(t, s.DeleteRouter(tenant("beta"), r.ID), 404, "RouterNotFound")
		refused(t, s.CreateRouters(tenant("beta"), []RouterRequest{{Router: &model.Router{ProjectID: "alpha"}}}), 403, "PolicyNotAuthorized")
		refused(t, s.CreateRouters(admin, []RouterRequest{{Router: &model.Router{}}}), 400, "HTTPBadRequest")

		updated := must(s.UpdateRouter(tenant("alpha"), r.ID, func(u *RouterUpdate) error {
			u.Router.Name, u.Router.AdminStateUp, u.Router.Tags, u.Router.Gateway = "new", false, []string{"c"}, &model.Gateway{NetworkID: "x"}
			return nil
		}))(t)
		if updated.Name != "new" || updated.AdminStateUp || updated.Gateway != nil || updated.RevisionNumber != 2 {
			t.Errorf("updated %+v", updated)
		}
		if got := must(s.Router(admin, r.ID))(t); !reflect.DeepEqual(got, updated) {
			t.Errorf("read %+v\nupdated %+v", got, updated)
		}
		f.follow(t)
		must(s.UpdateRouter(admin, r.ID, func(*RouterUpdate) error { return nil }))(t)
		if changes := f.follow(t); len(changes) != 0 {
			t.Errorf("an update without effect wrote %v", changes)
		}
		for attribute, patch := range map[string]func(*model.Router){
			"id": func(r *model.Router) { r.ID = "x" }, "project": func(r *model.Router) { r.ProjectID = "beta" },
		} {
			err := second(s.UpdateRouter(admin, r.ID, func(u *RouterUpdate) error { patch(&u.Router); return nil }))
			refused(t, err, 400, "HTTPBadRequest")
			_ = attribute
		}
		refused(t, second(s.UpdateRouter(WithScope(context.Background(), Scope{Admin: true, Revision: 1}), r.ID,
			func(u *RouterUpdate) error { u.Router.Name = "z"; return nil })), 412, "RevisionNumberConstraintFailed")

		other := newRouter(t, s, func(r *RouterRequest) { r.Router.ProjectID, r.Router.Name = "beta", "b" })
		if got := must(s.ListRouters(tenant("alpha"), Query{}))(t); len(got) != 1 || got[0].ID != r.ID {
			t.Errorf("alpha sees %v", got)
		}
		for attribute, value := range map[string]string{"name": "b", "project_id": "beta", "admin_state_up": "true", "id": other.ID} {
			got := must(s.ListRouters(admin, Query{Filters: map[string][]string{attribute: {value}, "status": {"ACTIVE"}}}))(t)
			if len(got) != 1 || got[0].ID != other.ID {
				t.Errorf("%s=%s: %v", attribute, value, got)
			}
		}
		if got := must(s.ListRouters(admin, Query{Sort: []SortKey{{Attribute: "name"}}, Limit: 1, Marker: other.ID}))(t); len(got) != 1 || got[0].ID != r.ID {
			t.Errorf("page after %s: %v", other.ID, got)
		}
		check(t, s.DeleteRouter(admin, r.ID))
		check(t, s.DeleteRouter(tenant("beta"), other.ID))
		f.follow(t)
		f.equalsLoad(t)
		if len(f.objects) != 0 {
			t.Errorf("left: %v", f.objects)
		}
		healthy(t, s)
	})
}

func TestRouterKeysAndZonesComeBackLate(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		node, _, err := s.ReportNode(ctx, model.Node{SystemID: "n1", Hostname: "n1"})
		check(t, err)
		external, _ := newExternal(t, s)
		// The key of a router is no network's, though a network asks for that number as its VNI.
		r := newRouter(t, s, through(external))
		refused(t, s.CreateNetworks(admin, []*model.Network{{ProjectID: "alpha", NetworkType: model.NetworkVXLAN, SegmentationID: uint32(r.Key)}}), 409, "TunnelIdInUse")
		if z := r.Gateway.Zone; z < model.FirstRouterZone || z > model.LastRouterZone {
			t.Fatalf("zone %#x", z)
		}
		key, zone := r.Key, r.Gateway.Zone
		taken := func(space string, id uint32) bool {
			return must((&tx{DB: s.db, store: s}).exists("SELECT 1 FROM segments WHERE space = ? AND identifier = ?", space, id))(t)
		}
		r = must(setGateway(admin, s, r, nil))(t)
		if r.Gateway != nil || !taken(zoneSpace, uint32(zone)) {
			t.Fatalf("cleared: %+v, zone taken %v", r.Gateway, taken(zoneSpace, uint32(zone)))
		}
		check(t, s.DeleteRouter(admin, r.ID))
		if !must(s.PendingReclaims(ctx))(t) {
			t.Fatal("nothing is pending")
		}
		if n := must(s.Reclaim(ctx))(t); n != 0 || !taken(keySpace, uint32(key)) || !taken(zoneSpace, uint32(zone)) {
			t.Fatalf("%d were reclaimed that a node may still use", n)
		}
		_, position, err := s.Load(ctx)
		check(t, err)
		check(t, s.Confirm(ctx, map[model.Number]uint64{node.Number: position.Horizon}))
		if n := must(s.Reclaim(ctx))(t); n != 2 || taken(keySpace, uint32(key)) || taken(zoneSpace, uint32(zone)) {
			t.Fatalf("%d were reclaimed, and not the key and the zone", n)
		}
		if must(s.PendingReclaims(ctx))(t) {
			t.Error("something is pending still")
		}
		healthy(t, s)
	})
}

func TestRouterGateway(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		external, subnet := newExternal(t, s)
		f := newFollower(t, s)
		r := newRouter(t, s, through(external))
		g := r.Gateway
		if g == nil || !g.EnableSNAT || g.NetworkID != external.ID || g.Node != 0 || g.Generation != 1 {
			t.Fatalf("gateway %+v", g)
		}
		port := must(s.GatewayPorts(admin, []string{r.ID, "none"}))(t)[r.ID]
		if port == nil || port.ID != g.PortID || port.DeviceOwner != model.DeviceOwnerRouterGateway || port.ProjectID != "" || port.Status != model.StatusActive ||
			len(port.FixedIPs) != 1 || port.FixedIPs[0].SubnetID != subnet.ID {
			t.Fatalf("port %+v", port)
		}
		f.follow(t)
		f.equalsLoad(t)
		healthy(t, s)

		// enable_snat alone keeps the port, its addresses and the zone.
		off := false
		r = must(setGateway(tenant("alpha"), s, r, &ExternalGateway{NetworkID: external.ID, EnableSNAT: &off}))(t)
		if r.Gateway.EnableSNAT || r.Gateway.PortID != g.PortID || r.Gateway.Zone != g.Zone || r.RevisionNumber != 2 {
			t.Errorf("without SNAT: %+v", r.Gateway)
		}
		f.follow(t)
		must(setGateway(admin, s, r, &ExternalGateway{NetworkID: external.ID, EnableSNAT: &off}))(t)
		if changes := f.follow(t); len(changes) != 0 {
			t.Errorf("the same again wrote %v", changes)
		}
		// Another address: the same port, another zone.
		r = must(setGateway(admin, s, r, &ExternalGateway{NetworkID: external.ID, FixedIPs: []model.FixedIP{{IPAddress: addr("203.0.113.77")}}}))(t)
		if r.Gateway.PortID != g.PortID || r.Gateway.Zone == g.Zone || !r.Gateway.EnableSNAT || r.RevisionNumber != 3 {
			t.Errorf("another address: %+v after %+v", r.Gateway, g)
		}
		if p := must(s.Port(admin, g.PortID))(t); p.FixedIPs[0].IPAddress != addr("203.0.113.77") {
			t.Errorf("the port has %v", p.FixedIPs)
		}
		if changes := f.follow(t); len(changes) != 2 { // port and router
			t.Errorf("another address wrote %v", changes)
		}
		f.equalsLoad(t)

		// Another network: another port; the generation goes on.
		other, _ := newExternal(t, s, func(n *model.Network) { n.PhysicalNetwork = "second" })
		moved, err := s.SetGatewayNode(context.Background(), r.Number, r.Gateway.Generation, 0)
		check(t, err)
		if moved {
			t.Error("from no node to none is a move")
		}
		zone := r.Gateway.Zone
		r = must(setGateway(admin, s, r, &ExternalGateway{NetworkID: other.ID}))(t)
		if r.Gateway.NetworkID != other.ID || r.Gateway.PortID == g.PortID || r.Gateway.Zone == zone || r.Gateway.Generation != 2 {
			t.Errorf("another network: %+v", r.Gateway)
		}
		refused(t, second(s.Port(admin, g.PortID)), 404, "PortNotFound")
		f.follow(t)
		f.equalsLoad(t)
		r = must(setGateway(admin, s, r, nil))(t)
		must(setGateway(admin, s, r, nil))(t)
		r = must(setGateway(admin, s, r, &ExternalGateway{NetworkID: external.ID}))(t)
		if r.Gateway.Generation != 3 {
			t.Errorf("set again: %+v", r.Gateway)
		}
		check(t, s.DeleteRouter(admin, r.ID)) // with its gateway
		f.follow(t)
		f.equalsLoad(t)
		healthy(t, s)

		check(t, s.DeleteNetwork(admin, external.ID))
	})
}

func TestRouterGatewayGuards(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		external, _ := newExternal(t, s)
		internal := newNetwork(t, s)
		vxlan := newNetwork(t, s, func(n *model.Network) { n.External = true })
		r := newRouter(t, s)
		for name, c := range map[string]struct {
			gateway ExternalGateway
			status  int
			typ     string
		}{
			"unknown":             {ExternalGateway{NetworkID: "none"}, 404, "NetworkNotFound"},
			"not external":        {ExternalGateway{NetworkID: internal.ID}, 400, "BadRequest"},
			"no wire":             {ExternalGateway{NetworkID: vxlan.ID}, 400, "BadRequest"},
			"the gateway's own":   {ExternalGateway{NetworkID: external.ID, FixedIPs: []model.FixedIP{{IPAddress: addr("203.0.113.1")}}}, 400, "BadRequest"},
			"address elsewhere":   {ExternalGateway{NetworkID: external.ID, FixedIPs: []model.FixedIP{{IPAddress: addr("10.0.0.1")}}}, 400, "InvalidIpForNetwork"},
			"subnet unknown":      {ExternalGateway{NetworkID: external.ID, FixedIPs: []model.FixedIP{{SubnetID: "none"}}}, 404, "SubnetNotFound"},
			"without any network": {ExternalGateway{}, 404, "NetworkNotFound"},
		} {
			t.Run(name, func(t *testing.T) {
				refused(t, second(setGateway(admin, s, r, &c.gateway)), c.status, c.typ)
				refused(t, s.CreateRouters(admin, []RouterRequest{{Router: &model.Router{ProjectID: "alpha"}, Gateway: &c.gateway}}), c.status, c.typ)
			})
		}
		if got := must(s.ListRouters(admin, Query{}))(t); len(got) != 1 {
			t.Errorf("refused requests left %v", got)
		}
		first := newRouter(t, s, through(external, model.FixedIP{IPAddress: addr("203.0.113.9")}))
		refused(t, second(setGateway(admin, s, r, &ExternalGateway{NetworkID: external.ID, FixedIPs: []model.FixedIP{{IPAddress: addr("203.0.113.9")}}})), 409, "IpAddressAlreadyAllocated")

		// The network is kept while it is needed.
		refused(t, s.DeleteNetwork(admin, external.ID), 409, "NetworkInUse")
		refused(t, second(s.UpdateNetwork(admin, external.ID, func(n *model.Network) error { n.External = false; return nil })), 409, "ExternalNetworkInUse")
		policies := must(s.ListRBACPolicies(admin, Query{Filters: map[string][]string{"object_id": {external.ID}}}))(t)
		refused(t, s.DeleteRBACPolicy(admin, policies[0].ID), 409, "RbacPolicyInUse")
		refused(t, second(s.UpdateRBACPolicy(admin, policies[0].ID, func(p *model.RBACPolicy) error { p.TargetProject = "beta"; return nil })), 409, "RbacPolicyInUse")
		own := newPolicy(t, s, external, model.AccessAsExternal, "alpha")
		check(t, s.DeleteRBACPolicy(admin, policies[0].ID)) // alpha, who has the router, is let in by another
		refused(t, s.DeleteRBACPolicy(admin, own.ID), 409, "RbacPolicyInUse")
		gatewayPort := must(s.GatewayPorts(admin, []string{first.ID}))(t)[first.ID]
		refused(t, s.DeletePort(admin, gatewayPort.ID), 409, "ServicePortInUse")
		refused(t, s.DeleteSubnet(admin, gatewayPort.FixedIPs[0].SubnetID), 409, "SubnetInUse")

		// A network that is shared is not needed for a router's gateway to be shared.
		must(s.UpdateNetwork(admin, external.ID, func(n *model.Network) error { n.Shared = true; return nil }))(t)
		must(s.UpdateNetwork(admin, external.ID, func(n *model.Network) error { n.Shared = false; return nil }))(t)

		check(t, s.DeleteRouter(admin, first.ID))
		check(t, s.DeleteRBACPolicy(admin, own.ID))
		healthy(t, s)
	})
}

func TestRouterInterfaces(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		a := newSubnet(t, s, n, "10.0.0.0/24")
		b := newSubnet(t, s, n, "10.0.1.0/24")
		r := newRouter(t, s)
		f := newFollower(t, s)
		made := join(t, s, r, a)
		port := must(s.Port(admin, made.PortID))(t)
		want := RouterInterface{RouterID: r.ID, ProjectID: "alpha", NetworkID: n.ID, SubnetID: a.ID, SubnetIDs: []string{a.ID}, PortID: port.ID}
		if !reflect.DeepEqual(made, want) || port.DeviceOwner != model.DeviceOwnerRouterInterface || port.DeviceID != r.ID || port.ProjectID != "alpha" ||
			port.FixedIPs[0].IPAddress != a.GatewayIP || port.Status != model.StatusActive {
			t.Fatalf("%+v, %+v", made, port)
		}
		if changes := f.follow(t); len(changes) != 2 {
			t.Errorf("changes %v", changes)
		}
		if got := must(s.Router(admin, r.ID))(t); got.RevisionNumber != 2 {
			t.Errorf("revision %d", got.RevisionNumber)
		}
		// By port.
		p := newPort(t, s, n, func(p *model.Port) { p.FixedIPs = []model.FixedIP{{SubnetID: b.ID}} })
		made = must(s.AddRouterInterface(tenant("alpha"), r.ID, "", p.ID))(t)
		port = must(s.Port(admin, p.ID))(t)
		if made.PortID != p.ID || made.SubnetID != b.ID || port.DeviceID != r.ID || port.DeviceOwner != model.DeviceOwnerRouterInterface || port.Status != model.StatusActive {
			t.Fatalf("%+v, %+v", made, port)
		}
		f.follow(t)
		f.equalsLoad(t)
		healthy(t, s)

		refused(t, s.DeletePort(admin, p.ID), 409, "ServicePortInUse")
		for what, change := range map[string]func(*model.Port){
			"owner":   func(p *model.Port) { p.DeviceOwner = "compute:nova" },
			"device":  func(p *model.Port) { p.DeviceID = "x" },
			"address": func(p *model.Port) { p.FixedIPs = []model.FixedIP{{IPAddress: addr("10.0.1.99")}} },
		} {
			err := second(s.UpdatePort(admin, p.ID, func(p *model.Port) error { change(p); return nil }))
			if err == nil {
				t.Errorf("%s was changed", what)
			}
			refused(t, err, 409, "ServicePortInUse")
		}
		must(s.UpdatePort(admin, p.ID, func(p *model.Port) error { p.Name = "a name"; return nil }))(t)
		refused(t, s.DeleteRouter(admin, r.ID), 409, "RouterInUse")
		refused(t, s.DeleteSubnet(admin, a.ID), 409, "SubnetInUse")
		refused(t, s.DeleteNetwork(admin, n.ID), 409, "NetworkInUse")
		refused(t, second(s.UpdateSubnet(admin, a.ID, func(s *model.Subnet) error { s.GatewayIP = addr("10.0.0.0"); return nil })), 400, "InvalidInput")
		refused(t, second(s.UpdateSubnet(admin, a.ID, func(s *model.Subnet) error { s.GatewayIP = netip.Addr{}; return nil })), 409, "GatewayIpInUse")

		refused(t, second(s.RemoveRouterInterface(admin, r.ID, a.ID, p.ID)), 400, "SubnetMismatchForPort")
		refused(t, second(s.RemoveRouterInterface(admin, r.ID, "", "none")), 404, "RouterInterfaceNotFound")
		refused(t, second(s.RemoveRouterInterface(admin, r.ID, "none", "")), 404, "SubnetNotFound")
		refused(t, second(s.RemoveRouterInterface(admin, r.ID, "", "")), 400, "BadRequest")
		refused(t, second(s.RemoveRouterInterface(tenant("beta"), r.ID, a.ID, "")), 404, "RouterNotFound")
		removed := must(s.RemoveRouterInterface(tenant("alpha"), r.ID, b.ID, p.ID))(t)
		if removed.PortID != p.ID || removed.SubnetID != b.ID {
			t.Errorf("removed %+v", removed)
		}
		refused(t, second(s.Port(admin, p.ID)), 404, "PortNotFound")
		refused(t, second(s.RemoveRouterInterface(admin, r.ID, b.ID, "")), 404, "RouterInterfaceNotFoundForSubnet")
		must(s.RemoveRouterInterface(admin, r.ID, a.ID, ""))(t)
		check(t, s.DeleteRouter(admin, r.ID))
		check(t, s.DeleteNetwork(admin, n.ID))
		f.follow(t)
		f.equalsLoad(t)
	})
}

func TestRouterInterfaceGuards(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		external, _ := newExternal(t, s)
		n, m := newNetwork(t, s), newNetwork(t, s)
		a := newSubnet(t, s, n, "10.0.0.0/24")
		within := newSubnet(t, s, m, "10.0.0.128/25")
		outside := newSubnet(t, s, m, "203.0.0.0/16")
		noGateway := newSubnet(t, s, m, "10.9.0.0/24", func(s *model.Subnet) { s.GatewayIP = netip.Addr{} })
		taken := newSubnet(t, s, m, "10.8.0.0/24", withoutDHCP)
		newPort(t, s, m, func(p *model.Port) { p.FixedIPs = []model.FixedIP{{IPAddress: taken.GatewayIP}} })
		foreign := newSubnet(t, s, newNetwork(t, s, func(n *model.Network) { n.ProjectID, n.Shared = "beta", true }), "10.7.0.0/24")
		named := newNetwork(t, s, func(n *model.Network) { n.ProjectID = "beta" })
		newPolicy(t, s, named, model.AccessAsShared, "alpha")
		shared := newSubnet(t, s, named, "10.6.0.0/24")
		hidden := newSubnet(t, s, newNetwork(t, s, func(n *model.Network) { n.ProjectID = "beta" }), "10.5.0.0/24")
		r := newRouter(t, s, through(external))
		join(t, s, r, a)

		attached := newPort(t, s, n, func(p *model.Port) { p.DeviceID = "server" })
		bare := newPort(t, s, n, func(p *model.Port) { p.FixedIPs = []model.FixedIP{} })
		two := newPort(t, s, m, func(p *model.Port) { p.FixedIPs = []model.FixedIP{{SubnetID: taken.ID}, {SubnetID: noGateway.ID}} })
		same := newPort(t, s, n)
		offPool := newPort(t, s, named, func(p *model.Port) { p.ProjectID, p.FixedIPs = "alpha", []model.FixedIP{{IPAddress: shared.GatewayIP}} })
		for name, c := range map[string]struct {
			subnet, port string
			status       int
			typ          string
		}{
			"neither":          {"", "", 400, "BadRequest"},
			"both":             {a.ID, same.ID, 400, "BadRequest"},
			"the same subnet":  {a.ID, "", 400, "BadRequest"},
			"overlap":          {within.ID, "", 400, "BadRequest"},
			"overlap outside":  {outside.ID, "", 400, "BadRequest"},
			"no gateway_ip":    {noGateway.ID, "", 400, "BadRequest"},
			"address taken":    {taken.ID, "", 409, "IpAddressAlreadyAllocated"},
			"of somebody else": {foreign.ID, "", 400, "BadRequest"},
			"hidden":           {hidden.ID, "", 404, "SubnetNotFound"},
			"unknown subnet":   {"none", "", 404, "SubnetNotFound"},
			"unknown port":     {"", "none", 404, "PortNotFound"},
			"port attached":    {"", attached.ID, 409, "PortInUse"},
			"port bare":        {"", bare.ID, 400, "BadRequest"},
			"port with two":    {"", two.ID, 400, "BadRequest"},
			"port on the same": {"", same.ID, 400, "BadRequest"},
			"port off pool":    {"", offPool.ID, 400, "BadRequest"},
		} {
			t.Run(name, func(t *testing.T) {
				refused(t, second(s.AddRouterInterface(tenant("alpha"), r.ID, c.subnet, c.port)), c.status, c.typ)
			})
		}
		refused(t, second(s.AddRouterInterface(admin, "none", a.ID, "")), 404, "RouterNotFound")
		must(s.RemoveRouterInterface(admin, r.ID, a.ID, ""))(t)
		must(s.AddRouterInterface(admin, r.ID, "", offPool.ID))(t) // an administrator may
		must(s.RemoveRouterInterface(admin, r.ID, shared.ID, ""))(t)
		must(s.AddRouterInterface(tenant("alpha"), r.ID, shared.ID, ""))(t)

		// Nobody makes a port that only looks like a router's.
		for _, owner := range []string{model.DeviceOwnerRouterInterface, model.DeviceOwnerRouterGateway, model.DeviceOwnerFloatingIP} {
			p := portRequest(n)
			p.DeviceOwner, p.DeviceID = owner, r.ID
			refused(t, createPort(admin, s, p), 409, "DeviceIDNotOwnedByTenant")
			refused(t, second(s.UpdatePort(admin, same.ID, func(p *model.Port) error { p.DeviceOwner, p.DeviceID = owner, r.ID; return nil })), 409, "DeviceIDNotOwnedByTenant")
		}
		healthy(t, s)
	})
}

// A gateway on a network that overlaps an interface is refused as the reverse is.
func TestRouterGatewayOverlap(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		external, _ := newExternal(t, s)
		inside := newSubnet(t, s, newNetwork(t, s), "203.0.113.128/25")
		r := newRouter(t, s)
		join(t, s, r, inside)
		refused(t, second(setGateway(admin, s, r, &ExternalGateway{NetworkID: external.ID})), 400, "BadRequest")
		if got := must(s.Router(admin, r.ID))(t); got.Gateway != nil {
			t.Errorf("gateway %+v", got.Gateway)
		}
	})
}

func TestRouterRoutes(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		external, _ := newExternal(t, s)
		a := newSubnet(t, s, newNetwork(t, s), "10.0.0.0/24")
		r := newRouter(t, s, through(external))
		join(t, s, r, a)
		refused(t, setRoutes(s, r, route("192.0.2.0/24", "10.1.0.5")), 400, "InvalidRoutes")
		refused(t, setRoutes(s, r, route("192.0.2.0/24", "10.0.0.1")), 400, "InvalidRoutes") // its own
		refused(t, setRoutes(s, r, route("192.0.2.0/24", "10.0.0.5"), route("192.0.2.0/24", "10.0.0.5")), 400, "HTTPBadRequest")
		refused(t, setRoutes(s, r, route("192.0.2.1/24", "10.0.0.5")), 400, "HTTPBadRequest")
		refused(t, setRoutes(s, r, route("2001:db8::/64", "10.0.0.5")), 400, "InvalidInput")
		refused(t, setRoutes(s, r, model.HostRoute{}), 400, "HTTPBadRequest")
		var many []model.HostRoute
		for i := range model.MaxRoutes + 1 {
			many = append(many, model.HostRoute{Destination: netip.PrefixFrom(netip.AddrFrom4([4]byte{100, byte(i)}), 16), NextHop: addr("10.0.0.5")})
		}
		refused(t, setRoutes(s, r, many...), 400, "RoutesExhausted")
		refused(t, s.CreateRouters(admin, []RouterRequest{{Router: &model.Router{ProjectID: "alpha", Routes: many[:1]}}}), 400, "InvalidRoutes")

		inside, outside := route("192.0.2.0/24", "10.0.0.5"), route("198.51.100.0/24", "203.0.113.254")
		check(t, setRoutes(s, r, inside))
		got := must(s.AddExtraRoutes(tenant("alpha"), r.ID, []model.HostRoute{inside, outside}))(t)
		if !slices.Equal(got.Routes, []model.HostRoute{inside, outside}) {
			t.Errorf("added: %v", got.Routes)
		}
		if read := must(s.Router(admin, r.ID))(t); !reflect.DeepEqual(read, got) {
			t.Errorf("read %+v, added %+v", read, got)
		}
		refused(t, second(s.AddExtraRoutes(admin, r.ID, []model.HostRoute{route("1.0.0.0/8", "10.1.0.5")})), 400, "InvalidRoutes")
		refused(t, second(s.RemoveRouterInterface(admin, r.ID, a.ID, "")), 409, "RouterInterfaceInUseByRoute")
		refused(t, second(setGateway(admin, s, r, nil)), 400, "InvalidRoutes")
		got = must(s.RemoveExtraRoutes(admin, r.ID, []model.HostRoute{outside, route("1.0.0.0/8", "10.1.0.5")}))(t)
		if !slices.Equal(got.Routes, []model.HostRoute{inside}) {
			t.Errorf("removed: %v", got.Routes)
		}
		must(setGateway(admin, s, r, nil))(t)
		must(s.RemoveExtraRoutes(admin, r.ID, []model.HostRoute{inside}))(t)
		must(s.RemoveRouterInterface(admin, r.ID, a.ID, ""))(t)
		healthy(t, s)
	})
}

func TestRouterQuota(t *testing.T) {
	onBothWith(t, Options{Quotas: map[string]int{"router": 2, "floatingip": 1, "port": 0}}, func(t *testing.T, s *Store) {
		external, _ := newExternal(t, s)
		newRouter(t, s, through(external)) // ports of routers are not refused
		refused(t, s.CreateRouters(admin, []RouterRequest{{Router: &model.Router{ProjectID: "alpha"}}, {Router: &model.Router{ProjectID: "alpha"}}}), 409, "OverQuota")
		newRouter(t, s)
		refused(t, s.CreateRouters(admin, []RouterRequest{{Router: &model.Router{ProjectID: "alpha"}}}), 409, "OverQuota")
		newFloatingIP(t, s, external)
		refused(t, s.CreateFloatingIPs(admin, []FloatingIPRequest{{FloatingIP: &model.FloatingIP{ProjectID: "alpha", FloatingNetworkID: external.ID}}}), 409, "OverQuota")
		used := must(s.QuotaDetails(admin, "alpha"))(t)
		if used["router"].Used != 2 || used["floatingip"].Used != 1 {
			t.Errorf("usage %v", used)
		}
		healthy(t, s)
	})
}

// Of overlapping subnets that are joined to one router at once, one is.
func TestOverlappingInterfacesAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		for range 4 {
			r := newRouter(t, s)
			subnets := make([]*model.Subnet, 8)
			for i := range subnets {
				subnets[i] = newSubnet(t, s, newNetwork(t, s), "10.0.0.0/24", withoutDHCP)
			}
			if joined := countDone(t, len(subnets), func(i int) error { return second(s.AddRouterInterface(admin, r.ID, subnets[i].ID, "")) }, "BadRequest"); joined != 1 {
				t.Fatalf("%d overlapping subnets were joined", joined)
			}
		}
		healthy(t, s)
	})
}

// One subnet is joined to many routers at once: its gateway_ip is one's.
func TestOneSubnetAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		subnet := newSubnet(t, s, newNetwork(t, s), "10.0.0.0/24")
		routers := make([]*model.Router, 8)
		for i := range routers {
			routers[i] = newRouter(t, s)
		}
		if joined := countDone(t, len(routers), func(i int) error { return second(s.AddRouterInterface(admin, routers[i].ID, subnet.ID, "")) },
			"IpAddressAlreadyAllocated"); joined != 1 {
			t.Fatalf("%d routers have the address", joined)
		}
		healthy(t, s)
	})
}

// countDone does something n times at once, and counts what is not refused. Other refusals than typ fail the test.
func countDone(t *testing.T, n int, do func(int) error, typ string) int {
	t.Helper()
	errs := make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { errs[i] = do(i) })
	}
	group.Wait()
	done := 0
	for _, err := range errs {
		var refusal *model.Error
		switch {
		case err == nil:
			done++
		case !errors.As(err, &refusal) || refusal.Type != typ:
			t.Errorf("refused by %v, want %s", err, typ)
		}
	}
	return done
}
