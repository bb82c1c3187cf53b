package model

import (
	"errors"
	"net/netip"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func TestAddressOffsets(t *testing.T) {
	for _, c := range []struct {
		cidr, addr string
		offset     int64
		ok         bool
	}{
		{"10.0.0.0/24", "10.0.0.0", 0, true},
		{"10.0.0.0/24", "10.0.0.255", 255, true},
		{"10.0.0.0/24", "10.0.1.0", 0, false},
		{"10.0.0.77/24", "10.0.0.2", 2, true}, // host bits in the CIDR do not count
		{"0.0.0.0/1", "127.255.255.255", 1<<31 - 1, true},
		{"fd00::/64", "fd00::7fff:ffff:ffff:ffff", 1<<63 - 1, true},
		{"fd00::/64", "fd00::8000:0:0:0", 0, false}, // beyond 63 bits
		{"fd00::/48", "fd00::1:0:0:0:1", 0, false},
		{"fd00::ffff:ffff:ffff:fff0/112", "fd00::ffff:ffff:ffff:ffff", 0xffff, true},
		{"10.0.0.0/24", "fd00::1", 0, false},
	} {
		offset, ok := AddressOffset(netip.MustParsePrefix(c.cidr), netip.MustParseAddr(c.addr))
		if offset != c.offset || ok != c.ok {
			t.Errorf("offset of %s in %s: %d, %v", c.addr, c.cidr, offset, ok)
		}
	}
	if got := AddressAt(netip.MustParsePrefix("10.0.0.0/24"), 256); got.IsValid() {
		t.Errorf("beyond the CIDR: %s", got)
	}
	rapid.Check(t, func(r *rapid.T) {
		base := netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(r, "base")))
		cidr := netip.PrefixFrom(base, rapid.IntRange(0, 32).Draw(r, "bits"))
		offset := rapid.Int64Range(0, int64(ones(32-cidr.Bits()))).Draw(r, "offset")
		addr := AddressAt(cidr, offset)
		if back, ok := AddressOffset(cidr, addr); !ok || back != offset {
			r.Fatalf("%d in %s is %s, which is %d", offset, cidr, addr, back)
		}
	})
}

func TestDefaultPools(t *testing.T) {
	for _, c := range []struct {
		cidr, gateway string
		want          []string
	}{
		{"10.0.0.0/24", "10.0.0.1", []string{"10.0.0.2-10.0.0.254"}},
		{"10.0.0.0/24", "10.0.0.254", []string{"10.0.0.1-10.0.0.253"}},
		{"10.0.0.0/24", "10.0.0.100", []string{"10.0.0.1-10.0.0.99", "10.0.0.101-10.0.0.254"}},
		{"10.0.0.0/24", "192.0.2.1", []string{"10.0.0.1-10.0.0.254"}},
		{"10.0.0.0/24", "", []string{"10.0.0.1-10.0.0.254"}},
		{"10.0.0.0/30", "10.0.0.1", []string{"10.0.0.2-10.0.0.2"}},
		{"10.0.0.0/31", "10.0.0.1", []string{}},
		{"10.0.0.9/32", "10.0.0.10", []string{"10.0.0.9-10.0.0.9"}},
		{"fd00::/64", "fd00::1", []string{"fd00::2-fd00::ffff:ffff:ffff:ffff"}},
	} {
		var gateway netip.Addr
		if c.gateway != "" {
			gateway = netip.MustParseAddr(c.gateway)
		}
		got := []string{}
		for _, pool := range DefaultPools(netip.MustParsePrefix(c.cidr), gateway) {
			got = append(got, pool.String())
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s with gateway %s: %v, want %v", c.cidr, c.gateway, got, c.want)
		}
	}
}

// Whatever the CIDR and the gateway, a subnet with the default pools is valid.
func TestDefaultsAreValid(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		base := netip.AddrFrom4([4]byte{10, rapid.Byte().Draw(r, "a"), rapid.Byte().Draw(r, "b"), rapid.Byte().Draw(r, "c")})
		cidr := netip.PrefixFrom(base, rapid.IntRange(8, 32).Draw(r, "bits")).Masked()
		s := &Subnet{IPVersion: 4, CIDR: cidr, GatewayIP: DefaultGateway(cidr), EnableDHCP: cidr.Bits() <= 30}
		if rapid.Bool().Draw(r, "other gateway") {
			s.GatewayIP = AddressAt(cidr, rapid.Int64Range(0, int64(ones(32-cidr.Bits()))).Draw(r, "gateway"))
			if !s.HasHost(s.GatewayIP) {
				return
			}
		}
		s.AllocationPools = DefaultPools(cidr, s.GatewayIP)
		var refusal *Error
		// In a subnet of one address the pool is that address, as in Neutron, even if it is the gateway's.
		if err := s.Validate(); err != nil && !(cidr.Bits() == 32 && errors.As(err, &refusal) && refusal.Type == "GatewayConflictWithAllocationPools") {
			r.Fatalf("%s, gateway %s, pools %v: %v", cidr, s.GatewayIP, s.AllocationPools, err)
		}
	})
}

func TestPlanAddresses(t *testing.T) {
	a := &Subnet{ID: "a", CIDR: netip.MustParsePrefix("10.0.0.0/24")}
	b := &Subnet{ID: "b", CIDR: netip.MustParsePrefix("10.1.0.0/24")}
	ip := func(subnet, address string) FixedIP {
		f := FixedIP{SubnetID: subnet}
		if address != "" {
			f.IPAddress = netip.MustParseAddr(address)
		}
		return f
	}
	held := []FixedIP{ip("a", "10.0.0.5"), ip("a", "10.0.0.6"), ip("b", "10.1.0.5")}
	for name, c := range map[string]struct {
		wanted []FixedIP
		want   []AddressRequest
	}{
		"any":  {nil, []AddressRequest{{Subnets: []*Subnet{a, b}}}},
		"none": {[]FixedIP{}, []AddressRequest{}},
		"an address that is named is kept first": {
			[]FixedIP{ip("a", ""), ip("", "10.0.0.5"), ip("a", "")},
			[]AddressRequest{
				{[]*Subnet{a}, netip.MustParseAddr("10.0.0.6"), true},
				{[]*Subnet{a}, netip.MustParseAddr("10.0.0.5"), true},
				{[]*Subnet{a}, netip.Addr{}, false},
			},
		},
		"new ones": {
			[]FixedIP{ip("b", "10.1.0.9"), ip("", "10.0.0.9")},
			[]AddressRequest{{[]*Subnet{b}, netip.MustParseAddr("10.1.0.9"), false}, {[]*Subnet{a}, netip.MustParseAddr("10.0.0.9"), false}},
		},
	} {
		got, err := PlanAddresses(&Port{}, []*Subnet{a, b}, c.wanted, held)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// No value that can be put into the structs makes validation panic.
func TestValidateSurvivesAnything(t *testing.T) {
	prefix := rapid.Custom(func(r *rapid.T) netip.Prefix {
		if rapid.Bool().Draw(r, "zero") {
			return netip.Prefix{}
		}
		addr, _ := netip.AddrFromSlice(rapid.SampledFrom([][]byte{{10, 0, 0, 1}, {255, 255, 255, 255}, make([]byte, 16), {}}).Draw(r, "address"))
		return netip.PrefixFrom(addr, rapid.IntRange(-1, 130).Draw(r, "bits"))
	})
	addr := rapid.Map(prefix, netip.Prefix.Addr)
	rapid.Check(t, func(r *rapid.T) {
		s := &Subnet{
			IPVersion: rapid.IntRange(3, 7).Draw(r, "version"), CIDR: prefix.Draw(r, "cidr"), GatewayIP: addr.Draw(r, "gateway"),
			AllocationPools: []AddressRange{{addr.Draw(r, "start"), addr.Draw(r, "end")}},
			DNSNameservers:  []netip.Addr{addr.Draw(r, "dns")}, EnableDHCP: rapid.Bool().Draw(r, "dhcp"),
			HostRoutes: []HostRoute{{prefix.Draw(r, "destination"), addr.Draw(r, "hop")}},
		}
		_ = s.Validate()
		p := &Port{
			VNICType: VNICTypeNormal, PortSecurityEnabled: true, FixedIPs: []FixedIP{{"a", addr.Draw(r, "ip")}},
			AllowedAddressPairs: []AddressPair{{IP: prefix.Draw(r, "pair")}},
		}
		_ = p.Validate()
		_, _ = PlanAddresses(p, []*Subnet{s}, p.FixedIPs, nil)
		DefaultPools(s.CIDR.Masked(), s.GatewayIP)
	})
}
