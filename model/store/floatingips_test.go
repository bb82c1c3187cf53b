package store

import (
	"context"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/planck-sdn/planck/model"
)

func newFloatingIP(t testing.TB, s *Store, external *model.Network, change ...func(*FloatingIPRequest)) *model.FloatingIP {
	t.Helper()
	request := FloatingIPRequest{FloatingIP: &model.FloatingIP{ProjectID: "alpha", FloatingNetworkID: external.ID}}
	for _, c := range change {
		c(&request)
	}
	check(t, s.CreateFloatingIPs(admin, []FloatingIPRequest{request}))
	return request.FloatingIP
}

func standingFor(p *model.Port) func(*FloatingIPRequest) {
	return func(r *FloatingIPRequest) { r.FloatingIP.PortID = p.ID }
}

// site is a network behind a router with a gateway.
type site struct {
	external, inside *model.Network
	outsideSubnet    *model.Subnet
	subnet           *model.Subnet
	router           *model.Router
}

func newSite(t testing.TB, s *Store) site {
	t.Helper()
	var x site
	x.external, x.outsideSubnet = newExternal(t, s)
	x.inside = newNetwork(t, s)
	x.subnet = newSubnet(t, s, x.inside, "10.0.0.0/24")
	x.router = newRouter(t, s, through(x.external))
	join(t, s, x.router, x.subnet)
	return x
}

func associate(ctx context.Context, s *Store, id string, p *model.Port, fixed ...netip.Addr) (*model.FloatingIP, error) {
	return s.UpdateFloatingIP(ctx, id, func(f *model.FloatingIP) error {
		f.PortID, f.FixedIP = "", netip.Addr{}
		if p != nil {
			f.PortID = p.ID
		}
		if len(fixed) > 0 {
			f.FixedIP = fixed[0]
		}
		return nil
	})
}

func TestFloatingIP(t *testing.T) {
	onBothWith(t, Options{Events: true}, func(t *testing.T, s *Store) {
		x := newSite(t, s)
		server := func(p *model.Port) { p.DeviceOwner, p.DeviceID = "compute:nova", "server" }
		p, q := newPort(t, s, x.inside, server), newPort(t, s, x.inside, server)
		fol := newFollower(t, s)
		events := func(want ...string) {
			t.Helper()
			got, _, err := s.TakeEvents(context.Background(), "replica", 60e9, 100)
			check(t, err)
			ports, seqs := []string{}, []int64{}
			for _, e := range got {
				if e.Name != EventNetworkChanged || e.ServerID != "server" {
					t.Errorf("event %+v", e)
				}
				ports, seqs = append(ports, e.PortID), append(seqs, e.Seq)
			}
			if !reflect.DeepEqual(ports, append([]string{}, want...)) {
				t.Errorf("told of ports %v, want %v", ports, want)
			}
			check(t, s.DeleteEvents(context.Background(), seqs))
		}
		f := newFloatingIP(t, s, x.external, func(r *FloatingIPRequest) { r.FloatingIP.Description, r.FloatingIP.Tags = "d", []string{"b", "a"} })
		port := must(s.Port(admin, f.FloatingPortID))(t)
		if f.Status != model.StatusDown || f.PortID != "" || f.RouterID != "" || f.FixedIP.IsValid() || port.DeviceOwner != model.DeviceOwnerFloatingIP ||
			port.DeviceID != f.ID || port.ProjectID != "" || port.NetworkID != x.external.ID || port.FixedIPs[0].IPAddress != f.Address {
			t.Fatalf("made %+v with port %+v", f, port)
		}
		if got := must(s.FloatingIP(tenant("alpha"), f.ID))(t); !reflect.DeepEqual(got, f) {
			t.Errorf("read %+v\nmade %+v", got, f)
		}
		events()
		f = must(associate(tenant("alpha"), s, f.ID, p))(t)
		if f.PortID != p.ID || f.FixedIP != p.FixedIPs[0].IPAddress || f.RouterID != x.router.ID || f.Status != model.StatusActive || f.RevisionNumber != 2 {
			t.Errorf("associated %+v", f)
		}
		events(p.ID)
		if got := must(s.FloatingIP(admin, f.ID))(t); !reflect.DeepEqual(got, f) {
			t.Errorf("read %+v\nassociated %+v", got, f)
		}
		fol.follow(t)
		must(associate(admin, s, f.ID, p))(t)
		if changes := fol.follow(t); len(changes) != 0 {
			t.Errorf("the same again wrote %v", changes)
		}
		events()
		f = must(associate(admin, s, f.ID, q))(t) // moved
		events(p.ID, q.ID)
		must(s.UpdateFloatingIP(admin, f.ID, func(f *model.FloatingIP) error { f.Description = "other"; return nil }))(t)
		events()
		f = must(s.UpdateFloatingIP(admin, f.ID, func(f *model.FloatingIP) error { f.PortID = ""; return nil }))(t)
		if f.PortID != "" || f.RouterID != "" || f.FixedIP.IsValid() || f.Status != model.StatusDown || f.Description != "other" {
			t.Errorf("disassociated %+v", f)
		}
		events(q.ID)
		g := newFloatingIP(t, s, x.external, standingFor(p), func(r *FloatingIPRequest) { r.FloatingIP.Address = addr("203.0.113.50") })
		if g.Address != addr("203.0.113.50") || g.RouterID != x.router.ID || g.Status != model.StatusActive {
			t.Errorf("made %+v", g)
		}
		events(p.ID)
		h := newFloatingIP(t, s, x.external, func(r *FloatingIPRequest) { r.SubnetID = x.outsideSubnet.ID })
		fol.follow(t)
		fol.equalsLoad(t)
		healthy(t, s)

		for attribute, value := range map[string]string{"port_id": p.ID, "fixed_ip_address": g.FixedIP.String(), "floating_ip_address": "203.0.113.50",
			"router_id": x.router.ID, "status": "ACTIVE", "id": g.ID} {
			got := must(s.ListFloatingIPs(admin, Query{Filters: map[string][]string{attribute: {value}, "floating_network_id": {x.external.ID}, "project_id": {"alpha"}}}))(t)
			if len(got) != 1 || got[0].ID != g.ID {
				t.Errorf("%s=%s: %v", attribute, value, got)
			}
		}
		refused(t, second(s.ListFloatingIPs(admin, Query{Filters: map[string][]string{"name": {"x"}}})), 400, "InvalidInput")
		order := must(s.ListFloatingIPs(admin, Query{Sort: []SortKey{{Attribute: "port_id"}, {Attribute: "status"}}, Limit: 2, Marker: f.ID}))(t)
		if len(order) != 2 || order[0].ID != h.ID || order[1].ID != g.ID {
			t.Errorf("page %v", order)
		}
		if got := must(s.ListFloatingIPs(tenant("beta"), Query{}))(t); len(got) != 0 {
			t.Errorf("beta sees %v", got)
		}
		service := WithScope(context.Background(), Scope{ProjectID: "service", Service: true})
		if got := must(s.ListFloatingIPs(service, Query{}))(t); len(got) != 3 {
			t.Errorf("Nova sees %v", got)
		}
		refused(t, s.DeleteFloatingIP(service, g.ID), 403, "PolicyNotAuthorized")
		refused(t, second(associate(service, s, g.ID, nil)), 403, "PolicyNotAuthorized")
		refused(t, s.DeleteFloatingIP(tenant("beta"), g.ID), 404, "FloatingIPNotFound")

		check(t, s.DeleteFloatingIP(tenant("alpha"), g.ID)) // associated as it is
		events(p.ID)
		refused(t, second(s.Port(admin, g.FloatingPortID)), 404, "PortNotFound")
		fol.follow(t)
		fol.equalsLoad(t)
		healthy(t, s)
	})
}

func TestFloatingIPGuards(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		x := newSite(t, s)
		p := newPort(t, s, x.inside)
		two := newPort(t, s, x.inside, func(p *model.Port) { p.FixedIPs = []model.FixedIP{{SubnetID: x.subnet.ID}, {SubnetID: x.subnet.ID}} })
		bare := newPort(t, s, x.inside, func(p *model.Port) { p.FixedIPs = []model.FixedIP{} })
		unrouted := newNetwork(t, s)
		newSubnet(t, s, unrouted, "10.0.1.0/24")
		island := newPort(t, s, unrouted)
		foreign := newPort(t, s, x.inside, func(p *model.Port) { p.ProjectID = "beta" })
		vxlan := newNetwork(t, s, func(n *model.Network) { n.External = true })
		empty := newNetwork(t, s, func(n *model.Network) {
			n.NetworkType, n.PhysicalNetwork, n.External = model.NetworkFlat, "second", true
		})
		dhcp := must(s.ListPorts(admin, Query{Filters: map[string][]string{"device_owner": {model.DeviceOwnerDHCP}, "network_id": {x.inside.ID}}}))(t)[0]
		f := newFloatingIP(t, s, x.external)
		for name, c := range map[string]struct {
			network, subnet, address string
			port                     *model.Port
			fixed                    string
			status                   int
			typ                      string
		}{
			"unknown network":   {network: "none", status: 404, typ: "NetworkNotFound"},
			"not external":      {network: x.inside.ID, status: 400, typ: "BadRequest"},
			"no wire":           {network: vxlan.ID, status: 400, typ: "BadRequest"},
			"no subnet":         {network: empty.ID, status: 400, typ: "BadRequest"},
			"unknown subnet":    {subnet: "none", status: 404, typ: "SubnetNotFound"},
			"subnet elsewhere":  {subnet: x.subnet.ID, status: 400, typ: "InvalidInput"},
			"address elsewhere": {address: "10.0.0.9", status: 400, typ: "InvalidIpForNetwork"},
			"not in the subnet": {address: "10.0.0.9", subnet: x.outsideSubnet.ID, status: 400, typ: "InvalidIpForSubnet"},
			"address taken":     {address: f.Address.String(), status: 409, typ: "IpAddressAlreadyAllocated"},
			"unknown port":      {port: &model.Port{ID: "none"}, status: 404, typ: "PortNotFound"},
			"fixed, no port":    {fixed: "10.0.0.9", status: 400, typ: "BadRequest"},
			"several addresses": {port: two, status: 400, typ: "BadRequest"},
			"no addresses":      {port: bare, status: 400, typ: "BadRequest"},
			"not its address":   {port: p, fixed: "10.0.0.99", status: 400, typ: "BadRequest"},
			"no gateway":        {port: island, status: 404, typ: "ExternalGatewayForFloatingIPNotFound"},
			"somebody else's":   {port: foreign, status: 400, typ: "BadRequest"},
			"a DHCP port":       {port: dhcp, status: 400, typ: "BadRequest"},
		} {
			t.Run(name, func(t *testing.T) {
				request := FloatingIPRequest{SubnetID: c.subnet, FloatingIP: &model.FloatingIP{ProjectID: "alpha", FloatingNetworkID: x.external.ID}}
				if c.network != "" {
					request.FloatingIP.FloatingNetworkID = c.network
				}
				var fixed []netip.Addr
				if c.fixed != "" {
					fixed = append(fixed, addr(c.fixed))
					request.FloatingIP.FixedIP = fixed[0]
				}
				if c.address != "" {
					request.FloatingIP.Address = addr(c.address)
				}
				if c.port != nil {
					request.FloatingIP.PortID = c.port.ID
				}
				ctx := tenant("alpha")
				if c.network == vxlan.ID || c.network == empty.ID {
					ctx = admin
				}
				refused(t, s.CreateFloatingIPs(ctx, []FloatingIPRequest{request}), c.status, c.typ)
				if c.port != nil || c.fixed != "" {
					refused(t, second(associate(tenant("alpha"), s, f.ID, c.port, fixed...)), c.status, c.typ)
				}
			})
		}
		if got := must(s.ListFloatingIPs(admin, Query{}))(t); len(got) != 1 || got[0].PortID != "" {
			t.Errorf("refused requests left %v", got)
		}
		for what, patch := range map[string]func(*model.FloatingIP){
			"id": func(f *model.FloatingIP) { f.ID = "x" }, "project": func(f *model.FloatingIP) { f.ProjectID = "x" },
			"network": func(f *model.FloatingIP) { f.FloatingNetworkID = "x" }, "address": func(f *model.FloatingIP) { f.Address = addr("203.0.113.99") },
		} {
			err := second(s.UpdateFloatingIP(admin, f.ID, func(f *model.FloatingIP) error { patch(f); return nil }))
			if err == nil {
				t.Errorf("%s was changed", what)
			}
			refused(t, err, 400, "HTTPBadRequest")
		}
		must(associate(admin, s, f.ID, two, two.FixedIPs[1].IPAddress))(t)
		again := FloatingIPRequest{FloatingIP: &model.FloatingIP{ProjectID: "alpha", FloatingNetworkID: x.external.ID, PortID: two.ID, FixedIP: two.FixedIPs[1].IPAddress}}
		refused(t, s.CreateFloatingIPs(admin, []FloatingIPRequest{again}), 409, "FloatingIPPortAlreadyAssociated")
		again.FloatingIP.FixedIP = two.FixedIPs[0].IPAddress
		check(t, s.CreateFloatingIPs(admin, []FloatingIPRequest{again}))
		check(t, s.DeleteFloatingIP(admin, again.FloatingIP.ID))

		// What stands in the way of what a floating IP needs.
		refused(t, second(s.RemoveRouterInterface(admin, x.router.ID, x.subnet.ID, "")), 409, "RouterInterfaceInUseByFloatingIP")
		refused(t, second(setGateway(admin, s, x.router, nil)), 409, "RouterExternalGatewayInUseByFloatingIp")
		other, _ := newExternal(t, s, func(n *model.Network) { n.PhysicalNetwork = "third" })
		refused(t, second(setGateway(admin, s, x.router, &ExternalGateway{NetworkID: other.ID})), 409, "RouterExternalGatewayInUseByFloatingIp")
		refused(t, s.DeletePort(admin, f.FloatingPortID), 409, "ServicePortInUse")
		refused(t, second(s.UpdatePort(admin, f.FloatingPortID, func(p *model.Port) error { p.FixedIPs = nil; return nil })), 409, "ServicePortInUse")
		refused(t, second(s.UpdatePort(admin, two.ID, func(p *model.Port) error { p.FixedIPs = p.FixedIPs[:1]; return nil })), 400, "BadRequest")
		must(s.UpdatePort(admin, two.ID, func(p *model.Port) error { p.FixedIPs = p.FixedIPs[1:]; return nil }))(t) // the one that counts stays
		refused(t, second(s.UpdateNetwork(admin, x.external.ID, func(n *model.Network) error { n.External = false; return nil })), 409, "ExternalNetworkInUse")

		// A port that goes sets it free.
		fol := newFollower(t, s)
		check(t, s.DeletePort(admin, two.ID))
		got := must(s.FloatingIP(admin, f.ID))(t)
		if got.PortID != "" || got.RouterID != "" || got.FixedIP.IsValid() || got.Status != model.StatusDown {
			t.Errorf("after its port has gone: %+v", got)
		}
		if changes := fol.follow(t); len(changes) != 2 {
			t.Errorf("changes %v", changes)
		}
		fol.equalsLoad(t)

		// Then the network goes with its unused floating IPs.
		refused(t, s.DeleteNetwork(admin, x.external.ID), 409, "NetworkInUse")
		must(s.FloatingIP(admin, f.ID))(t)
		must(setGateway(admin, s, x.router, nil))(t)
		check(t, s.DeleteNetwork(admin, x.external.ID))
		refused(t, second(s.FloatingIP(admin, f.ID)), 404, "FloatingIPNotFound")
		fol.follow(t)
		fol.equalsLoad(t)
		healthy(t, s)
	})
}

// A floating IP goes through the router that the subnet's ports use by default.
func TestFloatingIPChoosesRouter(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		external, _ := newExternal(t, s)
		n := newNetwork(t, s)
		subnet := newSubnet(t, s, n, "10.0.0.0/24")
		byPort, byGateway := newRouter(t, s, through(external)), newRouter(t, s, through(external))
		must(s.AddRouterInterface(admin, byPort.ID, "", newPort(t, s, n).ID))(t)
		p := newPort(t, s, n)
		f := newFloatingIP(t, s, external, standingFor(p))
		if f.RouterID != byPort.ID {
			t.Errorf("through %s, want %s", f.RouterID, byPort.ID)
		}
		check(t, s.DeleteFloatingIP(admin, f.ID))
		join(t, s, byGateway, subnet)
		if f = newFloatingIP(t, s, external, standingFor(p)); f.RouterID != byGateway.ID {
			t.Errorf("through %s, want %s", f.RouterID, byGateway.ID)
		}
		// On another external network the same address may have another.
		second, _ := newExternal(t, s, func(n *model.Network) { n.PhysicalNetwork = "second" })
		must(setGateway(admin, s, byPort, &ExternalGateway{NetworkID: second.ID}))(t)
		if f = newFloatingIP(t, s, second, standingFor(p)); f.RouterID != byPort.ID {
			t.Errorf("through %s, want %s", f.RouterID, byPort.ID)
		}
		healthy(t, s)
	})
}

// Of floating IPs that are associated with one fixed IP at once, one is; and of those that ask for one address.
func TestFloatingIPsAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		x := newSite(t, s)
		for range 4 {
			p := newPort(t, s, x.inside)
			floating := make([]*model.FloatingIP, 8)
			for i := range floating {
				floating[i] = newFloatingIP(t, s, x.external)
			}
			done := countDone(t, len(floating), func(i int) error { return second(associate(admin, s, floating[i].ID, p)) }, "FloatingIPPortAlreadyAssociated")
			if done != 1 {
				t.Fatalf("%d are associated with one address", done)
			}
			address := model.AddressAt(x.outsideSubnet.CIDR, 200)
			done = countDone(t, 8, func(int) error {
				return s.CreateFloatingIPs(admin, []FloatingIPRequest{{FloatingIP: &model.FloatingIP{ProjectID: "alpha", FloatingNetworkID: x.external.ID, Address: address}}})
			}, "IpAddressAlreadyAllocated")
			if done != 1 {
				t.Fatalf("%d have one address", done)
			}
			for _, f := range must(s.ListFloatingIPs(admin, Query{}))(t) {
				check(t, s.DeleteFloatingIP(admin, f.ID))
			}
		}
		healthy(t, s)
	})
}

// Whatever wins when everything happens to one association at once, what is left makes sense; and none waits for another in a circle.
func TestAssociationsAgainstTheirEnds(t *testing.T) {
	core, log := observer.New(zap.DebugLevel)
	onBothWith(t, Options{Log: zap.New(core)}, func(t *testing.T, s *Store) {
		x := newSite(t, s)
		for range 10 {
			p := newPort(t, s, x.inside)
			f := newFloatingIP(t, s, x.external)
			countAny(t,
				func() error { return second(associate(admin, s, f.ID, p)) },
				func() error { return s.DeletePort(admin, p.ID) },
				func() error { return second(s.RemoveRouterInterface(admin, x.router.ID, x.subnet.ID, "")) },
				func() error { return second(setGateway(admin, s, x.router, nil)) },
				func() error {
					return second(s.UpdateNetwork(admin, x.external.ID, func(n *model.Network) error { n.External = false; return nil }))
				},
				func() error { return newFloatingError(s, x.external, p) },
			)
			healthy(t, s)
			must(s.UpdateNetwork(admin, x.external.ID, func(n *model.Network) error { n.External = true; return nil }))(t)
			for _, f := range must(s.ListFloatingIPs(admin, Query{}))(t) {
				check(t, s.DeleteFloatingIP(admin, f.ID))
			}
			must(setGateway(admin, s, x.router, &ExternalGateway{NetworkID: x.external.ID}))(t)
			if _, err := s.AddRouterInterface(admin, x.router.ID, x.subnet.ID, ""); err != nil {
				refused(t, err, 400, "BadRequest") // it is there still
			}
		}
	})
	for _, entry := range log.All() {
		if failure, _ := entry.ContextMap()["error"].(string); strings.Contains(failure, "40P01") {
			t.Errorf("a deadlock: %v", entry.ContextMap())
		}
	}
}

func newFloatingError(s *Store, external *model.Network, p *model.Port) error {
	return s.CreateFloatingIPs(admin, []FloatingIPRequest{{FloatingIP: &model.FloatingIP{ProjectID: "alpha", FloatingNetworkID: external.ID, PortID: p.ID}}})
}
