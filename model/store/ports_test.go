package store

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"sync"
	"testing"

	"github.com/planck-sdn/planck/model"
)

func TestPortLife(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		subnet := newSubnet(t, s, n, "10.0.0.0/24", withoutDHCP)
		p := newPort(t, s, n, func(p *model.Port) {
			p.AllowedAddressPairs = []model.AddressPair{{IP: netip.MustParsePrefix("10.0.0.100/32")}}
			p.Profile = map[string]any{"a": "b"}
		})
		if p.Number == 0 || p.MAC == (model.MAC{}) || p.Status != model.StatusDown || p.VIFType != model.VIFTypeUnbound ||
			p.VNICType != "normal" || p.BindingGeneration != 1 || p.AllowedAddressPairs[0].MAC != p.MAC ||
			!reflect.DeepEqual(p.FixedIPs, []model.FixedIP{{SubnetID: subnet.ID, IPAddress: addr("10.0.0.2")}}) {
			t.Fatalf("created %+v", p)
		}
		if got := must(s.Port(admin, p.ID))(t); !reflect.DeepEqual(got, p) {
			t.Fatalf("read back\n%+v, want\n%+v", got, p)
		}
		updated := must(s.UpdatePort(admin, p.ID, func(p *model.Port) error {
			p.Name, p.AdminStateUp, p.DeviceID = "x", false, "vm"
			p.FixedIPs = []model.FixedIP{{IPAddress: addr("10.0.0.200")}, {SubnetID: subnet.ID}}
			p.AllowedAddressPairs = nil
			p.PortSecurityEnabled, p.SecurityGroups = false, nil
			return nil
		}))(t)
		want := []model.FixedIP{{SubnetID: subnet.ID, IPAddress: addr("10.0.0.200")}, {SubnetID: subnet.ID, IPAddress: addr("10.0.0.2")}}
		if !reflect.DeepEqual(updated.FixedIPs, want) {
			t.Fatalf("addresses %v, want %v: one given by subnet keeps what the port has there", updated.FixedIPs, want)
		}
		if got := must(s.Port(admin, p.ID))(t); !reflect.DeepEqual(got, updated) || got.RevisionNumber != 2 {
			t.Fatalf("read back\n%+v, want\n%+v", got, updated)
		}
		without := must(s.UpdatePort(admin, p.ID, func(p *model.Port) error { p.FixedIPs = nil; return nil }))(t)
		if got := must(s.Port(admin, p.ID))(t); len(got.FixedIPs) != 0 || !reflect.DeepEqual(got, without) {
			t.Fatalf("addresses after none were asked for: %v", got.FixedIPs)
		}
		taken := newPort(t, s, n, func(p *model.Port) { p.FixedIPs = []model.FixedIP{{IPAddress: addr("10.0.0.200")}} })
		check(t, s.DeletePort(admin, taken.ID))
		check(t, s.DeletePort(admin, p.ID))
		refused(t, s.DeletePort(admin, p.ID), 404, "PortNotFound")
	})
}

func TestRequestedAddresses(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		if p := newPort(t, s, n); len(p.FixedIPs) != 0 {
			t.Fatalf("addresses without a subnet: %v", p.FixedIPs)
		}
		small := newSubnet(t, s, n, "10.0.0.0/30", withoutDHCP)
		large := newSubnet(t, s, n, "10.1.0.0/24", withoutDHCP)
		for _, c := range []struct {
			name   string
			wanted []model.FixedIP
			want   []model.FixedIP
		}{
			{"any", nil, []model.FixedIP{{SubnetID: small.ID, IPAddress: addr("10.0.0.2")}}},
			{"any, when the first subnet is full", nil, []model.FixedIP{{SubnetID: large.ID, IPAddress: addr("10.1.0.2")}}},
			{"none", []model.FixedIP{}, []model.FixedIP{}},
			{"subnet", []model.FixedIP{{SubnetID: large.ID}}, []model.FixedIP{{SubnetID: large.ID, IPAddress: addr("10.1.0.3")}}},
			{"address", []model.FixedIP{{IPAddress: addr("10.1.0.77")}}, []model.FixedIP{{SubnetID: large.ID, IPAddress: addr("10.1.0.77")}}},
			{"both", []model.FixedIP{{SubnetID: large.ID, IPAddress: addr("10.1.0.1")}}, []model.FixedIP{{SubnetID: large.ID, IPAddress: addr("10.1.0.1")}}},
		} {
			if p := newPort(t, s, n, func(p *model.Port) { p.FixedIPs = c.wanted }); !reflect.DeepEqual(p.FixedIPs, c.want) {
				t.Errorf("%s: %v, want %v", c.name, p.FixedIPs, c.want)
			}
		}
	})
}

func TestPortRefusals(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n, other := newNetwork(t, s), newNetwork(t, s)
		subnet := newSubnet(t, s, n, "10.0.0.0/29", withoutDHCP)
		elsewhere := newSubnet(t, s, other, "10.0.0.0/24", withoutDHCP)
		taken := newPort(t, s, n, func(p *model.Port) { p.FixedIPs = []model.FixedIP{{IPAddress: addr("10.0.0.4")}} })
		ip := func(subnetID, address string) func(*model.Port) {
			return func(p *model.Port) {
				f := model.FixedIP{SubnetID: subnetID}
				if address != "" {
					f.IPAddress = addr(address)
				}
				p.FixedIPs = append(p.FixedIPs, f)
			}
		}
		pairs := func(count int) func(*model.Port) {
			return func(p *model.Port) {
				for i := range count {
					p.AllowedAddressPairs = append(p.AllowedAddressPairs, model.AddressPair{IP: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 5, 0, byte(i)}), 32)})
				}
			}
		}
		cases := map[string]struct {
			change func(*model.Port)
			status int
			typ    string
		}{
			"unknown network":         {func(p *model.Port) { p.NetworkID = "nope" }, 404, "NetworkNotFound"},
			"unknown subnet":          {ip("nope", ""), 404, "SubnetNotFound"},
			"subnet of another":       {ip(elsewhere.ID, ""), 400, "InvalidInput"},
			"neither":                 {ip("", ""), 400, "InvalidInput"},
			"address in use":          {ip("", "10.0.0.4"), 409, "IpAddressAlreadyAllocated"},
			"outside the network":     {ip("", "10.7.0.4"), 400, "InvalidIpForNetwork"},
			"outside the subnet":      {ip(subnet.ID, "10.7.0.4"), 400, "InvalidIpForSubnet"},
			"network address":         {ip(subnet.ID, "10.0.0.0"), 400, "InvalidIpForSubnet"},
			"broadcast address":       {ip("", "10.0.0.7"), 400, "InvalidIpForNetwork"},
			"IPv6 address":            {ip("", "fd00::1"), 400, "InvalidInput"},
			"address twice":           {func(p *model.Port) { ip("", "10.0.0.5")(p); ip("", "10.0.0.5")(p) }, 400, "HTTPBadRequest"},
			"six addresses":           {func(p *model.Port) { p.FixedIPs = make([]model.FixedIP, 6) }, 400, "InvalidInput"},
			"more than there are":     {func(p *model.Port) { p.FixedIPs = repeat(model.FixedIP{SubnetID: subnet.ID}, 5) }, 409, "IpAddressGenerationFailure"},
			"MAC in use":              {func(p *model.Port) { p.MAC = taken.MAC }, 409, "MacAddressInUse"},
			"MAC of a group":          {func(p *model.Port) { p.MAC = model.MAC{1, 2, 3, 4, 5, 6} }, 400, "HTTPBadRequest"},
			"eleven pairs":            {pairs(11), 400, "AllowedAddressPairExhausted"},
			"pair twice":              {func(p *model.Port) { pairs(1)(p); pairs(1)(p) }, 400, "DuplicateAddressPairInRequest"},
			"pair without an address": {func(p *model.Port) { p.AllowedAddressPairs = make([]model.AddressPair, 1) }, 400, "AllowedAddressPairsMissingIP"},
			"pair of the port itself": {func(p *model.Port) {
				ip("", "10.0.0.5")(p)
				p.AllowedAddressPairs = []model.AddressPair{{IP: netip.MustParsePrefix("10.0.0.5/32")}}
			}, 400, "AddressPairMatchesPortFixedIPAndMac"},
			"pairs without port security": {func(p *model.Port) { pairs(1)(p); p.PortSecurityEnabled = false }, 409, "AddressPairAndPortSecurityRequired"},
			"vnic type":                   {func(p *model.Port) { p.VNICType = "magic" }, 400, "HTTPBadRequest"},
			"malformed UTF-8":             {func(p *model.Port) { p.Name = "\xff" }, 400, "HTTPBadRequest"},
		}
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				good, bad := portRequest(n), portRequest(n)
				good.FixedIPs = []model.FixedIP{}
				c.change(bad)
				refused(t, s.CreatePorts(admin, []PortRequest{{Port: good}, {Port: bad}}), c.status, c.typ)
			})
		}
		p := newPort(t, s, n)
		check(t, reportNode(s, model.Node{SystemID: "a", Hostname: "a"}))
		must(s.UpdatePort(admin, taken.ID, func(p *model.Port) error { p.HostID = "a"; return nil }))(t)
		for name, c := range map[string]struct {
			id     string
			patch  func(*model.Port)
			status int
			typ    string
		}{
			"address in use": {p.ID, func(p *model.Port) { p.FixedIPs = taken.FixedIPs }, 409, "IpAddressAlreadyAllocated"},
			"MAC in use":     {p.ID, func(p *model.Port) { p.MAC = taken.MAC }, 409, "MacAddressInUse"},
			"network":        {p.ID, func(p *model.Port) { p.NetworkID = other.ID }, 400, "HTTPBadRequest"},
			"MAC when bound": {taken.ID, func(p *model.Port) { p.MAC[5]++ }, 409, "PortBound"},
		} {
			t.Run("update "+name, func(t *testing.T) {
				_, err := s.UpdatePort(admin, c.id, func(p *model.Port) error { c.patch(p); return nil })
				refused(t, err, c.status, c.typ)
			})
		}
		if got := must(s.ListPorts(admin, Query{}))(t); len(got) != 2 || !reflect.DeepEqual(got[1], p) {
			t.Fatalf("refused requests left %+v", got)
		}
	})
}

func repeat[T any](value T, count int) []T {
	list := make([]T, count)
	for i := range list {
		list[i] = value
	}
	return list
}

func TestPortSecurityDefaultIsTheNetworks(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s, func(n *model.Network) { n.PortSecurityEnabled = false })
		p := portRequest(n)
		check(t, s.CreatePorts(admin, []PortRequest{{Port: p, NetworkDecidesPortSecurity: true}}))
		if p.PortSecurityEnabled || must(s.Port(admin, p.ID))(t).PortSecurityEnabled {
			t.Fatal("port security is on")
		}
	})
}

// 16 writers take addresses until there are none: each is given once, and none is left over.
func TestAllocationUnderCompetition(t *testing.T) {
	const writers, addresses = 16, 253
	compete := func(t *testing.T, stores ...*Store) {
		s := stores[0]
		n := newNetwork(t, s)
		subnet := newSubnet(t, s, n, "10.0.0.0/24", withoutDHCP)
		var group sync.WaitGroup
		given := make(chan netip.Addr, 2*addresses)
		failures := make(chan error, writers)
		for w := range writers {
			group.Go(func() {
				for {
					p := portRequest(n)
					if err := createPort(admin, stores[w%len(stores)], p); err != nil {
						failures <- err
						return
					}
					given <- p.FixedIPs[0].IPAddress
				}
			})
		}
		group.Wait()
		close(given)
		close(failures)
		for err := range failures {
			refused(t, err, 409, "IpAddressGenerationFailure")
		}
		seen := map[netip.Addr]bool{}
		for a := range given {
			if seen[a] || !subnet.HasHost(a) || a == subnet.GatewayIP {
				t.Errorf("%s was given twice or should not have been", a)
			}
			seen[a] = true
		}
		if len(seen) != addresses {
			t.Fatalf("%d addresses given, want %d", len(seen), addresses)
		}
		// One that comes back is found.
		ports := must(s.ListPorts(admin, Query{}))(t)
		back := ports[100]
		check(t, s.DeletePort(admin, back.ID))
		if p := newPort(t, stores[len(stores)-1], n); p.FixedIPs[0] != back.FixedIPs[0] {
			t.Fatalf("got %v, free was %v", p.FixedIPs, back.FixedIPs)
		}
	}
	t.Run("sqlite", func(t *testing.T) { compete(t, open(t, sqliteURL(t), Options{})) })
	t.Run("postgres", func(t *testing.T) { compete(t, open(t, postgresURL(t), Options{})) })
	t.Run("two replicas", func(t *testing.T) {
		url := postgresURL(t)
		compete(t, open(t, url, Options{}), open(t, url, Options{}))
	})
}

func TestMACsCompete(t *testing.T) {
	constant := model.SystemSource()
	constant.MAC = func() model.MAC { return model.MAC{0xfa, 0x16, 0x3e, 1, 2, 3} }
	test := func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		newPort(t, s, n)
		refused(t, createPort(admin, s, portRequest(n)), 503, "MacAddressGenerationFailure")
		newPort(t, s, newNetwork(t, s)) // another network, another tenant perhaps: the same MAC is fine
	}
	t.Run("sqlite", func(t *testing.T) { test(t, open(t, sqliteURL(t), Options{Source: constant})) })
	t.Run("postgres", func(t *testing.T) { test(t, open(t, postgresURL(t), Options{Source: constant})) })
}

// Ports are made while their network is deleted: each is either on a network that is there, or refused.
func TestPortsAgainstDeletion(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		for range 5 {
			n := newNetwork(t, s)
			newSubnet(t, s, n, "10.0.0.0/24")
			var group sync.WaitGroup
			errs := make([]error, 8)
			for i := range errs {
				group.Go(func() { errs[i] = createPort(admin, s, portRequest(n)) })
			}
			deletion := s.DeleteNetwork(admin, n.ID)
			group.Wait()
			for _, err := range errs {
				if deletion == nil && err == nil {
					// The port came first and the deletion should have seen it.
					t.Fatal("a port was made on a network that was deleted")
				}
				if err != nil {
					refused(t, err, 404, "NetworkNotFound")
				}
			}
			if deletion != nil {
				refused(t, deletion, 409, "NetworkInUse")
			}
		}
	})
}

func TestCancelledRequestLeavesNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		p := newPort(t, s, n)
		ctx, cancel := context.WithCancel(admin)
		_, err := s.UpdatePort(ctx, p.ID, func(p *model.Port) error {
			p.Name = "half"
			cancel()
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v", err)
		}
		if got := must(s.Port(admin, p.ID))(t); got.Name == "half" {
			t.Fatal("the change was made")
		}
		newPort(t, s, n) // nothing is locked
	})
}

func TestListPorts(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		subnet := newSubnet(t, s, n, "10.0.0.0/24", withoutDHCP)
		for i := range 12 {
			newPort(t, s, n, func(p *model.Port) {
				p.Name = fmt.Sprintf("port-%c", 'a'+i%3)
				p.DeviceID = fmt.Sprintf("vm%d", i)
				p.AdminStateUp = i%2 == 0
			})
		}
		all := must(s.ListPorts(admin, Query{}))(t)
		find := func(q Query) []*model.Port {
			t.Helper()
			return must(s.ListPorts(admin, q))(t)
		}
		for name, c := range map[string]struct {
			filters map[string][]string
			want    int
		}{
			"one value":          {map[string][]string{"name": {"port-a"}}, 4},
			"two values":         {map[string][]string{"name": {"port-a", "port-b"}}, 8},
			"two attributes":     {map[string][]string{"name": {"port-a"}, "admin_state_up": {"True"}}, 2},
			"false":              {map[string][]string{"admin_state_up": {"False"}}, 6},
			"both booleans":      {map[string][]string{"admin_state_up": {"False", "true"}}, 12},
			"nothing":            {map[string][]string{"id": {"nope"}}, 0},
			"empty value":        {map[string][]string{"device_owner": {""}}, 12},
			"no value":           {map[string][]string{"id": {}}, 0},
			"tenant":             {map[string][]string{"tenant_id": {"alpha"}}, 12},
			"address":            {map[string][]string{"fixed_ips": {"ip_address=10.0.0.5"}}, 1},
			"addresses":          {map[string][]string{"fixed_ips": {"ip_address=10.0.0.5", "ip_address=10.0.0.6", "subnet_id=" + subnet.ID}}, 2},
			"address and subnet": {map[string][]string{"fixed_ips": {"ip_address=10.0.0.5", "subnet_id=nope"}}, 0},
			"part of an address": {map[string][]string{"fixed_ips": {"ip_address_substr=0.0.1"}}, 4},
			"like, escaped":      {map[string][]string{"fixed_ips": {"ip_address_substr=%"}}, 0},
		} {
			if got := find(Query{Filters: c.filters}); len(got) != c.want {
				t.Errorf("%s: %d ports, want %d", name, len(got), c.want)
			}
		}
		for _, q := range []Query{
			{Filters: map[string][]string{"admin_state_up": {"perhaps"}}}, {Filters: map[string][]string{"unheard": {"x"}}},
			{Filters: map[string][]string{"fixed_ips": {"10.0.0.5"}}}, {Filters: map[string][]string{"revision_number": {"x"}}},
			{Filters: map[string][]string{"name": {"\x00"}}},
		} {
			_, err := s.ListPorts(admin, q)
			refused(t, err, 400, "InvalidInput")
		}
		_, err := s.ListPorts(admin, Query{Sort: []SortKey{{Attribute: "fixed_ips"}}})
		refused(t, err, 400, "HTTPBadRequest")
		_, err = s.ListPorts(admin, Query{Marker: "nope"})
		refused(t, err, 404, "PortNotFound")

		sort := []SortKey{{"name", true}, {"admin_state_up", false}, {"created_at", false}}
		sorted := find(Query{Sort: sort})
		var forward, backward []*model.Port
		for marker := ""; ; {
			page := find(Query{Sort: sort, Limit: 5, Marker: marker})
			if len(page) == 0 {
				break
			}
			forward = append(forward, page...)
			marker = page[len(page)-1].ID
		}
		for marker := ""; ; {
			page := find(Query{Sort: sort, Limit: 5, Marker: marker, Reverse: true})
			if len(page) == 0 {
				break
			}
			backward = append(append([]*model.Port{}, page...), backward...)
			marker = page[0].ID
		}
		if len(sorted) != 12 || sorted[0].Name != "port-c" || sorted[0].AdminStateUp || sorted[11].Name != "port-a" {
			t.Fatal("not sorted as asked")
		}
		if !reflect.DeepEqual(forward, sorted) || !reflect.DeepEqual(backward, sorted) {
			t.Fatal("pages do not add up to the list")
		}
		if !reflect.DeepEqual(find(Query{Limit: 12}), all) || all[0].DeviceID != "vm0" || all[11].DeviceID != "vm11" {
			t.Fatal("without a sort key the order is not that of creation")
		}
	})
}

func TestListNetworksAndSubnets(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		a := newNetwork(t, s, func(n *model.Network) { n.Name = "a"; n.Shared = true })
		b := newNetwork(t, s, func(n *model.Network) { n.Name = "b"; n.NetworkType, n.PhysicalNetwork = model.NetworkFlat, "office" })
		newSubnet(t, s, a, "10.0.0.0/24")
		newSubnet(t, s, b, "10.0.0.0/24", withoutDHCP)
		for _, c := range []struct {
			attribute, value string
			want             int
		}{
			{"shared", "True", 1}, {"router:external", "True", 0}, {"router:external", "False", 2}, {"status", "ACTIVE", 2},
			{"provider:physical_network", "office", 1}, {"provider:network_type", "flat", 1}, {"mtu", "1500", 1},
		} {
			got := must(s.ListNetworks(admin, Query{Filters: map[string][]string{c.attribute: {c.value}}}))(t)
			if len(got) != c.want {
				t.Errorf("networks with %s=%s: %d, want %d", c.attribute, c.value, len(got), c.want)
			}
		}
		for _, c := range []struct {
			attribute, value string
			want             int
		}{{"enable_dhcp", "false", 1}, {"cidr", "10.0.0.0/24", 2}, {"shared", "True", 1}, {"network_id", b.ID, 1}, {"ip_version", "6", 0}} {
			got := must(s.ListSubnets(admin, Query{Filters: map[string][]string{c.attribute: {c.value}}}))(t)
			if len(got) != c.want {
				t.Errorf("subnets with %s=%s: %d, want %d", c.attribute, c.value, len(got), c.want)
			}
		}
		for attribute, c := range networkResource.columns {
			if c.kind >= listColumn {
				continue // nothing to sort by
			}
			must(s.ListNetworks(admin, Query{Sort: []SortKey{{attribute, true}}, Marker: a.ID}))(t)
		}
	})
}

// Updates of one object wait for each other: none is lost, and a port's addresses are those of its last update.
func TestUpdatesCompete(t *testing.T) {
	const writers, updates = 6, 4
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		subnet := newSubnet(t, s, n, "10.0.0.0/24", withoutDHCP)
		p := newPort(t, s, n)
		var group sync.WaitGroup
		for w := range writers {
			group.Go(func() {
				for u := range updates {
					_, err := s.UpdatePort(admin, p.ID, func(p *model.Port) error {
						p.Name += "x"
						p.FixedIPs = []model.FixedIP{{SubnetID: subnet.ID, IPAddress: netip.AddrFrom4([4]byte{10, 0, 0, byte(10 + w*updates + u)})}}
						return nil
					})
					if err != nil {
						t.Error(err)
					}
					if _, err := s.UpdateNetwork(admin, n.ID, func(n *model.Network) error { n.Description += "x"; return nil }); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		got := must(s.Port(admin, p.ID))(t)
		if len(got.Name) != writers*updates || got.RevisionNumber != 1+writers*updates || len(got.FixedIPs) != 1 {
			t.Errorf("port after %d updates: %+v", writers*updates, got)
		}
		if got := must(s.Network(admin, n.ID))(t); len(got.Description) != writers*updates || got.RevisionNumber != 1+writers*updates {
			t.Errorf("network after %d updates: %+v", writers*updates, got)
		}
	})
}
