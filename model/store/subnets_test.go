package store

import (
	"net/netip"
	"reflect"
	"testing"

	"github.com/planck-sdn/planck/model"
)

func TestSubnetLife(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		subnet := newSubnet(t, s, n, "10.0.0.77/24")
		want := []model.AddressRange{{Start: addr("10.0.0.2"), End: addr("10.0.0.254")}}
		if subnet.CIDR != netip.MustParsePrefix("10.0.0.0/24") || !reflect.DeepEqual(subnet.AllocationPools, want) {
			t.Fatalf("created %+v", subnet)
		}
		if got := must(s.Subnet(admin, subnet.ID))(t); !reflect.DeepEqual(got, subnet) {
			t.Fatalf("read back %+v, want %+v", got, subnet)
		}
		updated := must(s.UpdateSubnet(admin, subnet.ID, func(s *model.Subnet) error {
			s.GatewayIP = netip.Addr{}
			s.DNSNameservers = []netip.Addr{addr("8.8.8.8")}
			s.HostRoutes = []model.HostRoute{{Destination: netip.MustParsePrefix("10.9.0.0/16"), NextHop: addr("10.0.0.9")}}
			s.AllocationPools = []model.AddressRange{{Start: addr("10.0.0.10"), End: addr("10.0.0.19")}}
			return nil
		}))(t)
		if got := must(s.Subnet(admin, subnet.ID))(t); !reflect.DeepEqual(got, updated) || got.RevisionNumber != 2 {
			t.Fatalf("read back %+v, want %+v", got, updated)
		}
		if ids := must(s.SubnetIDs(admin, []string{n.ID, "unknown"}))(t); !reflect.DeepEqual(ids, map[string][]string{n.ID: {subnet.ID}}) {
			t.Fatalf("subnets of the network: %v", ids)
		}
		p := newPort(t, s, n)
		refused(t, s.DeleteSubnet(admin, subnet.ID), 409, "SubnetInUse")
		refused(t, s.DeleteNetwork(admin, n.ID), 409, "NetworkInUse")
		check(t, s.DeletePort(admin, p.ID))
		check(t, s.DeleteSubnet(admin, subnet.ID))
		_, err := s.Subnet(admin, subnet.ID)
		refused(t, err, 404, "SubnetNotFound")
	})
}

func TestSubnetRefusals(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		existing := newSubnet(t, s, n, "10.0.0.0/24")
		pool := func(start, end string) model.AddressRange {
			return model.AddressRange{Start: addr(start), End: addr(end)}
		}
		cases := map[string]struct {
			change func(*model.Subnet)
			status int
			typ    string
		}{
			"overlap":         {func(s *model.Subnet) { s.CIDR = netip.MustParsePrefix("10.0.0.128/25") }, 400, "InvalidInput"},
			"IPv6":            {func(s *model.Subnet) { s.IPVersion, s.CIDR = 6, netip.MustParsePrefix("fd00::/64") }, 400, "InvalidInput"},
			"version 5":       {func(s *model.Subnet) { s.IPVersion = 5 }, 400, "HTTPBadRequest"},
			"wrong version":   {func(s *model.Subnet) { s.CIDR = netip.MustParsePrefix("fd00::/64") }, 400, "InvalidInput"},
			"no CIDR":         {func(s *model.Subnet) { s.CIDR = netip.Prefix{} }, 400, "InvalidInput"},
			"everything":      {func(s *model.Subnet) { s.CIDR = netip.MustParsePrefix("0.0.0.0/0") }, 400, "InvalidInput"},
			"DHCP on /31":     {func(s *model.Subnet) { s.CIDR = netip.MustParsePrefix("10.2.0.0/31") }, 400, "InvalidInput"},
			"multicast":       {func(s *model.Subnet) { s.CIDR = netip.MustParsePrefix("224.0.0.0/24") }, 400, "InvalidInput"},
			"loopback":        {func(s *model.Subnet) { s.CIDR = netip.MustParsePrefix("127.0.0.0/24") }, 400, "InvalidInput"},
			"gateway is net":  {func(s *model.Subnet) { s.GatewayIP = addr("10.1.0.0") }, 400, "InvalidInput"},
			"gateway is last": {func(s *model.Subnet) { s.GatewayIP = addr("10.1.0.255") }, 400, "InvalidInput"},
			"gateway is IPv6": {func(s *model.Subnet) { s.GatewayIP = addr("fd00::1") }, 400, "InvalidInput"},
			"pool backwards": {func(s *model.Subnet) {
				s.AllocationPools = []model.AddressRange{pool("10.1.0.9", "10.1.0.5")}
			}, 400, "InvalidAllocationPool"},
			"pool of IPv6": {func(s *model.Subnet) { s.AllocationPools = []model.AddressRange{pool("fd00::1", "fd00::2")} }, 400, "InvalidAllocationPool"},
			"pool empty":   {func(s *model.Subnet) { s.AllocationPools = []model.AddressRange{{}} }, 400, "InvalidAllocationPool"},
			"pool outside": {func(s *model.Subnet) {
				s.AllocationPools = []model.AddressRange{pool("10.1.0.9", "10.1.0.255")}
			}, 400, "OutOfBoundsAllocationPool"},
			"pools overlap": {func(s *model.Subnet) {
				s.AllocationPools = []model.AddressRange{pool("10.1.0.50", "10.1.0.60"), pool("10.1.0.9", "10.1.0.50")}
			}, 409, "OverlappingAllocationPools"},
			"gateway in pool": {func(s *model.Subnet) {
				s.AllocationPools = []model.AddressRange{pool("10.1.0.1", "10.1.0.60")}
			}, 409, "GatewayConflictWithAllocationPools"},
			"too many DNS": {func(s *model.Subnet) {
				for i := range 6 {
					s.DNSNameservers = append(s.DNSNameservers, netip.AddrFrom4([4]byte{8, 8, 8, byte(i)}))
				}
			}, 400, "DNSNameServersExhausted"},
			"DNS twice": {func(s *model.Subnet) { s.DNSNameservers = []netip.Addr{addr("8.8.8.8"), addr("8.8.8.8")} }, 400, "HTTPBadRequest"},
			"DNS IPv6":  {func(s *model.Subnet) { s.DNSNameservers = []netip.Addr{addr("fd00::1")} }, 400, "InvalidInput"},
			"too many routes": {func(s *model.Subnet) {
				for i := range 21 {
					s.HostRoutes = append(s.HostRoutes, model.HostRoute{
						Destination: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 9, byte(i), 0}), 24), NextHop: addr("10.1.0.9"),
					})
				}
			}, 400, "HostRoutesExhausted"},
			"unknown network": {func(s *model.Subnet) { s.NetworkID = "nope" }, 404, "NetworkNotFound"},
		}
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				good, bad := subnetRequest(n, "10.200.0.0/24"), subnetRequest(n, "10.1.0.0/24")
				c.change(bad)
				refused(t, s.CreateSubnets(admin, []*model.Subnet{good, bad}), c.status, c.typ)
			})
		}
		for name, c := range map[string]struct {
			patch  func(*model.Subnet)
			status int
			typ    string
		}{
			"gateway into the pool": {func(s *model.Subnet) { s.GatewayIP = addr("10.0.0.9") }, 409, "GatewayConflictWithAllocationPools"},
			"CIDR":                  {func(s *model.Subnet) { s.CIDR = netip.MustParsePrefix("10.0.0.0/23") }, 400, "HTTPBadRequest"},
		} {
			t.Run("update "+name, func(t *testing.T) {
				_, err := s.UpdateSubnet(admin, existing.ID, func(s *model.Subnet) error { c.patch(s); return nil })
				refused(t, err, c.status, c.typ)
			})
		}
		if got := must(s.ListSubnets(admin, Query{}))(t); len(got) != 1 || !reflect.DeepEqual(got[0], existing) {
			t.Fatalf("refused requests left %+v", got)
		}
		// What Neutron allows: a gateway of another subnet, a /32, none.
		newSubnet(t, s, n, "10.3.0.0/24", func(s *model.Subnet) { s.GatewayIP = addr("192.0.2.1") })
		single := newSubnet(t, s, n, "10.4.0.9/32", withoutDHCP)
		if p := newPort(t, s, n, onSubnet(single)); p.FixedIPs[0].IPAddress != addr("10.4.0.9") {
			t.Fatalf("address on a /32: %v", p.FixedIPs)
		}
	})
}

func onSubnet(subnet *model.Subnet) func(*model.Port) {
	return func(p *model.Port) { p.FixedIPs = []model.FixedIP{{SubnetID: subnet.ID}} }
}

func dhcpPorts(t testing.TB, s *Store, n *model.Network) []*model.Port {
	t.Helper()
	return must(s.ListPorts(admin, Query{Filters: map[string][]string{"network_id": {n.ID}, "device_owner": {model.DeviceOwnerDHCP}}}))(t)
}

// The DHCP port comes and goes by itself, and is never in the way.
func TestDHCPPort(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		addresses := func() []model.FixedIP {
			t.Helper()
			ports := dhcpPorts(t, s, n)
			switch len(ports) {
			case 0:
				return nil
			case 1:
				p := ports[0]
				if p.Status != model.StatusActive || p.DeviceID != "dhcp"+s.CloudID()+"-"+n.ID || p.ProjectID != n.ProjectID {
					t.Fatalf("DHCP port %+v", p)
				}
				return p.FixedIPs
			}
			t.Fatalf("%d DHCP ports", len(ports))
			return nil
		}
		expect := func(want ...model.FixedIP) {
			t.Helper()
			if got := addresses(); !reflect.DeepEqual(got, want) {
				t.Fatalf("DHCP addresses %v, want %v", got, want)
			}
		}
		plain := newSubnet(t, s, n, "10.0.0.0/24", withoutDHCP)
		expect()
		first := newSubnet(t, s, n, "10.1.0.0/24")
		on1 := model.FixedIP{SubnetID: first.ID, IPAddress: addr("10.1.0.2")}
		expect(on1)
		second := newSubnet(t, s, n, "10.2.0.0/24")
		on2 := model.FixedIP{SubnetID: second.ID, IPAddress: addr("10.2.0.2")}
		expect(on1, on2)
		setDHCP := func(subnet *model.Subnet, on bool) {
			t.Helper()
			must(s.UpdateSubnet(admin, subnet.ID, func(s *model.Subnet) error { s.EnableDHCP = on; return nil }))(t)
		}
		setDHCP(plain, true)
		on0 := model.FixedIP{SubnetID: plain.ID, IPAddress: addr("10.0.0.2")}
		expect(on0, on1, on2)
		setDHCP(first, false)
		expect(on0, on2)

		port := dhcpPorts(t, s, n)[0]
		refused(t, s.DeletePort(admin, port.ID), 409, "ServicePortInUse")
		_, err := s.UpdatePort(admin, port.ID, func(p *model.Port) error { p.DeviceOwner = ""; return nil })
		refused(t, err, 409, "ServicePortInUse")

		check(t, s.DeleteSubnet(admin, plain.ID))
		expect(on2)
		setDHCP(second, false)
		expect()
		setDHCP(second, true)
		if addresses() == nil {
			t.Fatal("no DHCP port after DHCP was enabled again")
		}
		check(t, s.DeleteSubnet(admin, second.ID))
		expect()
		newSubnet(t, s, n, "10.3.0.0/24")
		check(t, s.DeleteNetwork(admin, n.ID))
		if ports := must(s.ListPorts(admin, Query{}))(t); len(ports) != 0 {
			t.Fatalf("left after the network: %+v", ports)
		}
	})
}

// A subnet without room for the DHCP port is refused whole.
func TestDHCPPortNeedsAnAddress(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		subnet := subnetRequest(n, "10.0.0.0/24")
		subnet.AllocationPools = []model.AddressRange{}
		refused(t, s.CreateSubnets(admin, []*model.Subnet{subnet}), 409, "IpAddressGenerationFailure")
		if got := must(s.ListSubnets(admin, Query{}))(t); len(got) != 0 {
			t.Fatalf("left %v", got)
		}
	})
}

// The addresses of the DHCP port stay in order when subnets go and come.
func TestDHCPAddressesStayInOrder(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		first := newSubnet(t, s, n, "10.0.0.0/24")
		newSubnet(t, s, n, "10.0.1.0/24")
		newSubnet(t, s, n, "10.0.2.0/24")
		check(t, s.DeleteSubnet(admin, first.ID))
		newSubnet(t, s, n, "10.0.3.0/24")
		healthy(t, s)
	})
}
