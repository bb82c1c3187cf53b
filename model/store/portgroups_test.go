package store

import (
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/planck-sdn/planck/model"
)

// among makes a port ask for groups.
func among(groups ...*model.SecurityGroup) func(*model.Port) {
	return func(p *model.Port) {
		p.SecurityGroups = []string{}
		for _, g := range groups {
			p.SecurityGroups = append(p.SecurityGroups, g.ID)
		}
	}
}

func unprotected(p *model.Port) { p.PortSecurityEnabled = false }

func updatePort(ctx context.Context, s *Store, id string, patch func(*model.Port)) error {
	_, err := s.UpdatePort(ctx, id, func(p *model.Port) error { patch(p); return nil })
	return err
}

func TestGroupsOfNewPorts(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		open := newNetwork(t, s, func(n *model.Network) { n.PortSecurityEnabled = false })
		newSubnet(t, s, n, "10.0.0.0/24")
		dflt := defaultGroup(t, s, "alpha")
		a, b, foreign, loose := newGroup(t, s, "alpha"), newGroup(t, s, "alpha"), newGroup(t, s, "beta"), newGroup(t, s, "alpha", stateless)
		both := []string{a.ID, b.ID}
		slices.Sort(both)
		for name, c := range map[string]struct {
			change []func(*model.Port)
			want   []string
		}{
			"nothing said":         {nil, []string{dflt.ID}},
			"none":                 {[]func(*model.Port){among()}, nil},
			"two":                  {[]func(*model.Port){among(b, a, b)}, both},
			"stateless":            {[]func(*model.Port){among(loose)}, []string{loose.ID}},
			"no port security":     {[]func(*model.Port){unprotected}, nil},
			"no groups, no more":   {[]func(*model.Port){unprotected, among()}, nil},
			"without addresses":    {[]func(*model.Port){func(p *model.Port) { p.FixedIPs = []model.FixedIP{} }}, []string{dflt.ID}},
			"of the network":       {[]func(*model.Port){func(p *model.Port) { p.DeviceOwner = "network:other" }}, nil},
			"another's, for admin": {[]func(*model.Port){among(foreign)}, []string{foreign.ID}},
		} {
			p := newPort(t, s, n, c.change...)
			if !slices.Equal(p.SecurityGroups, c.want) || p.SecurityGroups == nil {
				t.Errorf("%s: groups %v, want %v", name, p.SecurityGroups, c.want)
			}
			if got := must(s.Port(admin, p.ID))(t); !reflect.DeepEqual(got, p) {
				t.Errorf("%s: read back\n%+v, want\n%+v", name, got, p)
			}
			if name == "of the network" && p.PortSecurityEnabled {
				t.Error("a port of the network has port security")
			}
		}
		alpha := tenant("alpha")
		asking := func(change ...func(*model.Port)) error {
			p := portRequest(n)
			for _, c := range change {
				c(p)
			}
			return createPort(alpha, s, p)
		}
		refused(t, asking(among(foreign)), 404, "SecurityGroupNotFound")
		err := asking(func(p *model.Port) { p.SecurityGroups = []string{"none", a.ID, "nil"} })
		if refused(t, err, 404, "SecurityGroupNotFound"); err.Error() != "Security group nil, none does not exist" {
			t.Errorf("the refusal says %q", err)
		}
		refused(t, asking(among(a, loose)), 409, "SecurityGroupConflict")
		refused(t, asking(among(a), unprotected), 400, "PortSecurityAndIPRequiredForSecurityGroups")
		refused(t, asking(among(a), func(p *model.Port) { p.DeviceOwner = "network:other" }), 400, "PortSecurityAndIPRequiredForSecurityGroups")
		inherits := portRequest(open)
		check(t, s.CreatePorts(alpha, []PortRequest{{Port: inherits, NetworkDecidesPortSecurity: true}}))
		if inherits.PortSecurityEnabled || len(inherits.SecurityGroups) != 0 {
			t.Errorf("on a network without port security: %+v", inherits)
		}
		among(a)(inherits)
		refused(t, s.CreatePorts(alpha, []PortRequest{{Port: inherits, NetworkDecidesPortSecurity: true}}), 400, "PortSecurityAndIPRequiredForSecurityGroups")

		for _, ids := range [][]string{{a.ID}, {a.ID, loose.ID}, {"none"}} {
			var want []string
			for _, p := range must(s.ListPorts(admin, Query{}))(t) {
				if slices.ContainsFunc(p.SecurityGroups, func(id string) bool { return slices.Contains(ids, id) }) {
					want = append(want, p.ID)
				}
			}
			var got []string
			for _, p := range must(s.ListPorts(admin, Query{Filters: map[string][]string{"security_groups": ids}}))(t) {
				got = append(got, p.ID)
			}
			if !slices.Equal(got, want) {
				t.Errorf("ports with one of %v: %v, want %v", ids, got, want)
			}
		}
		healthy(t, s)
	})
}

func TestGroupsOfPortsChange(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		alpha := tenant("alpha")
		n := newNetwork(t, s)
		dflt := defaultGroup(t, s, "alpha")
		a, foreign, loose := newGroup(t, s, "alpha"), newGroup(t, s, "beta"), newGroup(t, s, "alpha", stateless)
		p := newPort(t, s, n)
		f := newFollower(t, s)
		expect := func(want ...string) {
			t.Helper()
			got := must(s.Port(admin, p.ID))(t)
			if slices.Sort(want); !slices.Equal(got.SecurityGroups, want) {
				t.Fatalf("groups %v, want %v", got.SecurityGroups, want)
			}
			f.follow(t)
			if seen := f.objects[p.Ref()].(*model.Port); !slices.Equal(seen.SecurityGroups, want) {
				t.Fatalf("the follower has %v, want %v", seen.SecurityGroups, want)
			}
			healthy(t, s)
		}
		check(t, updatePort(alpha, s, p.ID, among(dflt, a)))
		expect(dflt.ID, a.ID)
		if got := must(s.Port(admin, p.ID))(t); got.RevisionNumber != 2 {
			t.Errorf("revision %d", got.RevisionNumber)
		}
		check(t, updatePort(alpha, s, p.ID, among(a, dflt, a))) // the same
		if changes := f.follow(t); len(changes) != 0 {
			t.Errorf("the same groups in another order: %v", changes)
		}
		refused(t, updatePort(alpha, s, p.ID, among(a, foreign)), 404, "SecurityGroupNotFound")
		refused(t, updatePort(alpha, s, p.ID, among(a, loose)), 409, "SecurityGroupConflict")
		refused(t, updatePort(alpha, s, p.ID, unprotected), 409, "PortSecurityPortHasSecurityGroup")
		refused(t, updatePort(alpha, s, p.ID, func(p *model.Port) { unprotected(p); among(a)(p) }), 400, "PortSecurityAndIPRequiredForSecurityGroups")
		expect(dflt.ID, a.ID)
		check(t, updatePort(alpha, s, p.ID, func(p *model.Port) { unprotected(p); p.SecurityGroups = nil }))
		expect()
		refused(t, updatePort(alpha, s, p.ID, among(a)), 400, "PortSecurityAndIPRequiredForSecurityGroups")
		check(t, updatePort(alpha, s, p.ID, func(p *model.Port) { p.PortSecurityEnabled = true })) // Neutron gives no group then
		expect()
		check(t, updatePort(alpha, s, p.ID, among(loose)))
		expect(loose.ID)
		check(t, s.DeletePort(alpha, p.ID))
		check(t, s.DeleteSecurityGroup(alpha, loose.ID))
		healthy(t, s)
	})
}

// Ports are made with a group while it is changed and deleted: none ends up with one that is not there, or with both kinds.
func TestGroupsOfPortsCompete(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		must(s.SetQuota(admin, "alpha", map[string]int{"security_group": Unlimited, "security_group_rule": Unlimited}))(t)
		stable := newGroup(t, s, "alpha")
		for range 10 {
			g := newGroup(t, s, "alpha")
			var workers sync.WaitGroup
			for i := range 4 {
				workers.Go(func() {
					p := portRequest(n)
					if among(g, stable)(p); i%2 == 0 {
						among(g)(p)
					}
					if err := createPort(tenant("alpha"), s, p); err != nil && !strings.Contains(err.Error(), "does not exist") && !strings.Contains(err.Error(), "both stateful") {
						t.Error(err)
					}
				})
			}
			workers.Go(func() {
				err := updateGroup(tenant("alpha"), s, g.ID, func(g *model.SecurityGroup) { g.Stateful = false })
				if err == nil {
					err = s.DeleteSecurityGroup(tenant("alpha"), g.ID)
				}
				if err != nil && !strings.Contains(err.Error(), "in use") {
					t.Error(err)
				}
			})
			workers.Wait()
		}
		healthy(t, s)
	})
}

// Groups cost a request for many ports a constant number of statements.
func TestGroupsOfManyPorts(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		newSubnet(t, s, n, "10.0.0.0/20")
		g, h := newGroup(t, s, "alpha"), newGroup(t, s, "alpha")
		statements := listStatements(t, s.db)
		made := func(number int) int {
			requests := make([]PortRequest, number)
			for i := range requests {
				requests[i].Port = portRequest(n)
				if i%2 == 0 {
					among(h, g)(requests[i].Port)
				}
			}
			*statements = nil
			check(t, s.CreatePorts(listed(admin), requests))
			return len(*statements)
		}
		few, many := made(maxRows), made(3*maxRows)
		// A MAC address that is drawn twice, once in two hundred runs, takes a round more.
		if more := many - few; more > 2*(few-3) || more > 6+3 {
			t.Errorf("%d statements for %d ports, %d for %d", few, maxRows, many, 3*maxRows)
		}
		if ports := must(s.ListPorts(admin, Query{Filters: map[string][]string{"security_groups": {h.ID}}}))(t); len(ports) != 2*maxRows {
			t.Errorf("%d ports have the group", len(ports))
		}
		healthy(t, s)
	})
}

// A router's interface may be a port that a tenant has made: it keeps its groups, as in Neutron.
func TestGroupsOfARoutersPort(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		subnet := newSubnet(t, s, n, "10.0.0.0/24")
		r := newRouter(t, s)
		own := newPort(t, s, n)
		must(s.AddRouterInterface(admin, r.ID, "", own.ID))(t)
		if got := must(s.Port(admin, own.ID))(t); len(got.SecurityGroups) != 1 {
			t.Errorf("the tenant's port: %+v", got)
		}
		for _, p := range must(s.ListPorts(admin, Query{Filters: map[string][]string{"device_owner": {model.DeviceOwnerDHCP}}}))(t) {
			if len(p.SecurityGroups) != 0 || p.PortSecurityEnabled || p.FixedIPs[0].SubnetID != subnet.ID {
				t.Errorf("the DHCP port: %+v", p)
			}
		}
		healthy(t, s)
	})
}

func TestSourcePrefixes(t *testing.T) {
	p := &model.Port{FixedIPs: []model.FixedIP{{IPAddress: addr("10.0.0.2")}, {IPAddress: addr("10.0.0.3")}},
		AllowedAddressPairs: []model.AddressPair{{IP: netip.MustParsePrefix("10.0.0.2/32")}, {IP: netip.MustParsePrefix("10.9.0.1/16")}}}
	if got := fmt.Sprint(p.SourcePrefixes()); got != "[10.0.0.2/32 10.0.0.3/32 10.9.0.0/16]" {
		t.Errorf("prefixes %s", got)
	}
}
