package store

import (
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"testing"

	"github.com/planck-sdn/planck/model"
)

func TestIPAvailability(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		bare := newNetwork(t, s, func(n *model.Network) { n.Name = "bare" })
		n := newNetwork(t, s, func(n *model.Network) { n.Name = "full" })
		other := newNetwork(t, s, func(n *model.Network) { n.Name, n.ProjectID = "other", "beta" })
		newSubnet(t, s, n, "10.0.0.0/24", func(s *model.Subnet) { s.Name = "whole" }) // .2 to .254
		newSubnet(t, s, n, "10.0.1.0/24", withoutDHCP, func(s *model.Subnet) {
			s.AllocationPools = []model.AddressRange{{Start: addr("10.0.1.10"), End: addr("10.0.1.19")}, {Start: addr("10.0.1.30"), End: addr("10.0.1.30")}}
		})
		newSubnet(t, s, n, "10.0.2.0/30", withoutDHCP, func(s *model.Subnet) { s.AllocationPools = []model.AddressRange{} })
		newSubnet(t, s, other, "10.0.0.0/24", withoutDHCP)
		newPort(t, s, n)
		newPort(t, s, n, func(p *model.Port) { p.FixedIPs = []model.FixedIP{{IPAddress: addr("10.0.1.200")}} }) // outside the pools

		summary := func(list []NetworkIPAvailability) []string {
			lines := []string{}
			for _, n := range list {
				lines = append(lines, fmt.Sprintf("%s %s %d of %s", n.NetworkName, n.ProjectID, n.UsedIPs, n.TotalIPs))
				for _, s := range n.Subnets {
					lines = append(lines, fmt.Sprintf("- %s v%d %d of %s", s.CIDR, s.IPVersion, s.UsedIPs, s.TotalIPs))
				}
			}
			return lines
		}
		full := []string{"full alpha 3 of 268", "- 10.0.0.0/24 v4 2 of 253", "- 10.0.1.0/24 v4 1 of 11", "- 10.0.2.0/30 v4 0 of 4"}
		none, its := []string{"bare alpha 0 of 0"}, []string{"other beta 0 of 253", "- 10.0.0.0/24 v4 0 of 253"}
		for name, c := range map[string]struct {
			q    Query
			want []string
		}{
			"all":            {Query{}, slices.Concat(none, full, its)},
			"one":            {Query{Filters: map[string][]string{"network_id": {n.ID}}}, full},
			"by name":        {Query{Filters: map[string][]string{"network_name": {"bare", "other"}}}, slices.Concat(none, its)},
			"by project":     {Query{Filters: map[string][]string{"tenant_id": {"beta"}}}, its},
			"IPv4":           {Query{Filters: map[string][]string{"ip_version": {"4"}}}, slices.Concat(full, its)},
			"IPv6":           {Query{Filters: map[string][]string{"ip_version": {"6"}}}, []string{}},
			"a page":         {Query{Sort: []SortKey{{"network_name", true}}, Limit: 1, Marker: other.ID}, full},
			"the one before": {Query{Limit: 1, Marker: n.ID, Reverse: true}, none},
		} {
			if got := summary(must(s.IPAvailability(admin, c.q))(t)); !slices.Equal(got, c.want) {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
		}
		if got := summary(must(s.IPAvailability(tenant("alpha"), Query{}))(t)); !slices.Equal(got, slices.Concat(none, full)) {
			t.Errorf("a tenant's: %q", got)
		}
		if got := must(s.IPAvailability(tenant("alpha"), Query{}))(t); got[1].Subnets[0].SubnetName != "whole" || got[0].NetworkID != bare.ID {
			t.Errorf("names: %+v", got)
		}
		refused(t, second(s.IPAvailability(admin, Query{Filters: map[string][]string{"cidr": {"x"}}})), 400, "InvalidInput")
		refused(t, second(s.IPAvailability(admin, Query{Filters: map[string][]string{"ip_version": {"x"}}})), 400, "InvalidInput")
		refused(t, second(s.IPAvailability(admin, Query{Sort: []SortKey{{Attribute: "ip_version"}}})), 400, "HTTPBadRequest")
	})
}

func TestPoolSize(t *testing.T) {
	whole := new(big.Int).Lsh(big.NewInt(1), 64)
	if got := poolSize(netip.MustParsePrefix("fd00::/64"), nil); got.Cmp(whole) != 0 {
		t.Errorf("a /64 has %s", got)
	}
	pool := model.AddressRange{Start: addr("fd00::2"), End: addr("fd00::ffff:ffff:ffff:ffff")}
	if got := poolSize(netip.MustParsePrefix("fd00::/64"), []model.AddressRange{pool}); got.Cmp(whole.Sub(whole, big.NewInt(2))) != 0 {
		t.Errorf("%s has %s", pool, got)
	}
}
