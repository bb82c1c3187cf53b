package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/model"
)

func newGroup(t testing.TB, s *Store, project string, change ...func(*model.SecurityGroup)) *model.SecurityGroup {
	t.Helper()
	g := &model.SecurityGroup{ProjectID: project, Name: "web", Stateful: true}
	for _, c := range change {
		c(g)
	}
	check(t, s.CreateSecurityGroups(admin, []*model.SecurityGroup{g}))
	return g
}

func stateless(g *model.SecurityGroup) { g.Stateful = false }

// ruleFor lets every IPv4 packet of the group in.
func ruleFor(g *model.SecurityGroup, change ...func(*model.SecurityGroupRule)) *model.SecurityGroupRule {
	r := &model.SecurityGroupRule{SecurityGroupID: g.ID, ProjectID: g.ProjectID, Direction: model.Ingress, EtherType: model.EtherTypeIPv4}
	for _, c := range change {
		c(r)
	}
	return r
}

func newRule(t testing.TB, s *Store, g *model.SecurityGroup, change ...func(*model.SecurityGroupRule)) *model.SecurityGroupRule {
	t.Helper()
	r := ruleFor(g, change...)
	check(t, s.CreateSecurityGroupRules(admin, []*model.SecurityGroupRule{r}))
	return r
}

func defaultGroup(t testing.TB, s *Store, project string) *model.SecurityGroup {
	t.Helper()
	found := must(s.ListSecurityGroups(admin, Query{Filters: map[string][]string{"project_id": {project}, "name": {model.DefaultSecurityGroup}}}))(t)
	if len(found) != 1 {
		t.Fatalf("%d default groups of %s", len(found), project)
	}
	return found[0]
}

// said are rules as a person would write them, sorted.
func said(rules []model.SecurityGroupRule) []string {
	list := []string{}
	for _, r := range rules {
		list = append(list, strings.Join(strings.Fields(fmt.Sprint(r.Direction, " ", r.EtherType, " ", r.Protocol, " ", r.RemoteGroupID)), " "))
	}
	slices.Sort(list)
	return list
}

func updateGroup(ctx context.Context, s *Store, id string, patch func(*model.SecurityGroup)) error {
	_, err := s.UpdateSecurityGroup(ctx, id, func(g *model.SecurityGroup) error { patch(g); return nil })
	return err
}

func TestSecurityGroupLife(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		g := &model.SecurityGroup{ProjectID: "alpha", Name: "web", Description: "d", Stateful: true, Tags: []string{"b", "a", "b"}}
		other := &model.SecurityGroup{ProjectID: "alpha", Name: "web"}
		check(t, s.CreateSecurityGroups(tenant("alpha"), []*model.SecurityGroup{g, other}))
		if g.Number == 0 || g.RevisionNumber != 1 || !slices.Equal(g.Tags, []string{"a", "b"}) || g.CreatedAt.IsZero() ||
			!slices.Equal(said(g.Rules), []string{"egress IPv4", "egress IPv6"}) || g.Rules[0].ProjectID != "alpha" {
			t.Fatalf("created %+v", g)
		}
		if got := must(s.SecurityGroup(tenant("alpha"), g.ID))(t); !reflect.DeepEqual(got, g) {
			t.Fatalf("read back\n%+v, want\n%+v", got, g)
		}
		dflt := defaultGroup(t, s, "alpha") // made on the way
		if !dflt.Stateful || dflt.Description != "Default security group" ||
			!slices.Equal(said(dflt.Rules), []string{"egress IPv4", "egress IPv6", "ingress IPv4 " + dflt.ID, "ingress IPv6 " + dflt.ID}) {
			t.Fatalf("default group %+v", dflt)
		}
		listed := must(s.ListSecurityGroups(tenant("alpha"), Query{Sort: []SortKey{{"name", true}}}))(t)
		if !reflect.DeepEqual(listed, []*model.SecurityGroup{g, other, dflt}) {
			t.Fatalf("listed %+v", listed)
		}
		for filter, want := range map[string]*model.SecurityGroup{"stateful=false": other, "tags=a": g, "description=d": g, "id=" + other.ID: other} {
			name, value, _ := strings.Cut(filter, "=")
			got := must(s.ListSecurityGroups(admin, Query{Filters: map[string][]string{name: {value}}}))(t)
			if !reflect.DeepEqual(got, []*model.SecurityGroup{want}) {
				t.Errorf("%s: %+v", filter, got)
			}
		}
		page := must(s.ListSecurityGroups(tenant("alpha"), Query{Limit: 1, Marker: dflt.ID}))(t)
		if len(page) != 1 || page[0].ID != g.ID {
			t.Errorf("the page after the default group: %+v", page)
		}

		updated := must(s.UpdateSecurityGroup(tenant("alpha"), g.ID, func(g *model.SecurityGroup) error {
			g.Name, g.Description, g.Stateful, g.Tags, g.Rules = "db", "", false, nil, nil
			return nil
		}))(t)
		if updated.RevisionNumber != 2 || len(updated.Rules) != 2 {
			t.Fatalf("updated %+v", updated)
		}
		if got := must(s.SecurityGroup(tenant("alpha"), g.ID))(t); !reflect.DeepEqual(got, updated) {
			t.Fatalf("read back\n%+v, want\n%+v", got, updated)
		}
		check(t, updateGroup(tenant("alpha"), s, g.ID, func(*model.SecurityGroup) {}))
		if got := must(s.SecurityGroup(admin, g.ID))(t); got.RevisionNumber != 2 {
			t.Errorf("a patch without effect: revision %d", got.RevisionNumber)
		}
		check(t, s.DeleteSecurityGroup(tenant("alpha"), g.ID))
		refused(t, s.DeleteSecurityGroup(tenant("alpha"), g.ID), 404, "SecurityGroupNotFound")
		if rules := must(s.ListSecurityGroupRules(admin, Query{Filters: map[string][]string{"security_group_id": {g.ID}}}))(t); len(rules) != 0 {
			t.Errorf("rules of a deleted group: %+v", rules)
		}
		healthy(t, s)
	})
}

func TestSecurityGroupRefusals(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		alpha, beta := tenant("alpha"), tenant("beta")
		g := newGroup(t, s, "alpha")
		dflt := defaultGroup(t, s, "alpha")
		n := newNetwork(t, s)
		p := newPort(t, s, n, func(p *model.Port) { p.SecurityGroups = []string{g.ID} })

		for _, name := range []string{"default", "Default"} {
			refused(t, s.CreateSecurityGroups(alpha, []*model.SecurityGroup{{ProjectID: "alpha", Name: name}}), 409, "SecurityGroupDefaultAlreadyExists")
			refused(t, updateGroup(alpha, s, g.ID, func(g *model.SecurityGroup) { g.Name = name }), 409, "SecurityGroupDefaultAlreadyExists")
		}
		refused(t, s.CreateSecurityGroups(alpha, []*model.SecurityGroup{{ProjectID: "beta"}}), 403, "PolicyNotAuthorized")
		refused(t, s.CreateSecurityGroups(alpha, []*model.SecurityGroup{{}}), 400, "HTTPBadRequest")
		refused(t, s.CreateSecurityGroups(alpha, []*model.SecurityGroup{{ProjectID: "alpha", Name: strings.Repeat("x", 256)}}), 400, "HTTPBadRequest")

		refused(t, updateGroup(admin, s, dflt.ID, func(g *model.SecurityGroup) { g.Name = "x" }), 409, "SecurityGroupCannotUpdateDefault")
		check(t, updateGroup(alpha, s, dflt.ID, func(g *model.SecurityGroup) { g.Description = "ours" }))
		refused(t, updateGroup(alpha, s, g.ID, func(g *model.SecurityGroup) { g.Stateful = false }), 409, "SecurityGroupInUse")
		refused(t, updateGroup(alpha, s, g.ID, func(g *model.SecurityGroup) { g.ProjectID = "beta" }), 400, "HTTPBadRequest")
		refused(t, updateGroup(alpha, s, g.ID, func(g *model.SecurityGroup) { g.ID = "x" }), 400, "HTTPBadRequest")
		refused(t, updateGroup(beta, s, g.ID, func(*model.SecurityGroup) {}), 404, "SecurityGroupNotFound")
		refused(t, updateGroup(WithScope(alpha, Scope{ProjectID: "alpha", Revision: 7}), s, g.ID, func(*model.SecurityGroup) {}), 412, "RevisionNumberConstraintFailed")
		service := WithScope(context.Background(), Scope{ProjectID: "service", Service: true})
		must(s.SecurityGroup(service, g.ID))(t)
		refused(t, updateGroup(service, s, g.ID, func(*model.SecurityGroup) {}), 403, "PolicyNotAuthorized")

		refused(t, s.DeleteSecurityGroup(alpha, g.ID), 409, "SecurityGroupInUse")
		refused(t, s.DeleteSecurityGroup(beta, g.ID), 404, "SecurityGroupNotFound")
		refused(t, s.DeleteSecurityGroup(alpha, dflt.ID), 409, "SecurityGroupCannotRemoveDefault")
		check(t, s.DeletePort(admin, p.ID))
		check(t, updateGroup(alpha, s, g.ID, func(g *model.SecurityGroup) { g.Stateful = false }))
		check(t, s.DeleteSecurityGroup(alpha, g.ID))
		check(t, s.DeleteSecurityGroup(admin, dflt.ID))
		if again := defaultGroup(t, s, "alpha"); again.ID == dflt.ID || again.Number == dflt.Number {
			t.Errorf("the default group came back as it was: %+v", again)
		}
		if err := s.CreateSecurityGroups(alpha, []*model.SecurityGroup{{ProjectID: "alpha"}, {ProjectID: "alpha", Name: "default"}}); err == nil {
			t.Error("made")
		}
		if listed := must(s.ListSecurityGroups(alpha, Query{}))(t); len(listed) != 1 {
			t.Errorf("one of two refused groups was made: %d", len(listed))
		}
		healthy(t, s)
	})
}

// Whoever sees it first makes a project's default group, and nobody makes another's.
func TestDefaultSecurityGroups(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		count := func() (projects []string) {
			check(t, s.reader.Raw("SELECT project_id FROM security_groups ORDER BY number").Scan(&projects).Error)
			return projects
		}
		n := newNetwork(t, s, func(n *model.Network) { n.ProjectID, n.Shared = "a", true })
		newPort(t, s, n, func(p *model.Port) { p.ProjectID, p.PortSecurityEnabled = "b", false })
		if rules := must(s.ListSecurityGroupRules(tenant("c"), Query{}))(t); len(rules) != 4 {
			t.Errorf("c sees %d rules", len(rules))
		}
		must(s.ListSecurityGroups(tenant("d"), Query{Filters: map[string][]string{"project_id": {"x"}}}))(t)
		must(s.ListSecurityGroups(tenant("d"), Query{}))(t)
		must(s.ListSecurityGroups(admin, Query{}))(t)
		must(s.ListSecurityGroups(admin, Query{Filters: map[string][]string{"tenant_id": {"e"}}}))(t)
		newGroup(t, s, "f")
		if got := count(); !slices.Equal(got, []string{"a", "b", "c", "d", "e", "f", "f"}) {
			t.Fatalf("groups of %v", got)
		}
		refused(t, s.CreateNetworks(tenant("d"), []*model.Network{{ProjectID: "g"}}), 403, "PolicyNotAuthorized")
		if got := count(); len(got) != 7 {
			t.Errorf("a refused request made one: %v", got)
		}
		healthy(t, s)
	})
}

func TestDefaultSecurityGroupIsMadeOnce(t *testing.T) {
	compete := func(t *testing.T, stores ...*Store) {
		n := newNetwork(t, stores[0], func(n *model.Network) { n.Shared = true })
		for round := range 5 {
			project := fmt.Sprint("p", round)
			var workers sync.WaitGroup
			ports := make([]*model.Port, 8)
			for w := range ports {
				s := stores[w%len(stores)]
				ports[w] = portRequest(n)
				ports[w].ProjectID = project
				workers.Go(func() {
					if w%3 == 0 {
						if _, err := s.ListSecurityGroups(tenant(project), Query{}); err != nil {
							t.Error(err)
						}
					}
					if err := createPort(admin, s, ports[w]); err != nil {
						t.Error(err)
					}
				})
			}
			workers.Wait()
			dflt := defaultGroup(t, stores[0], project)
			for _, p := range ports {
				if !slices.Equal(p.SecurityGroups, []string{dflt.ID}) {
					t.Errorf("a port has %v, and the default group is %s", p.SecurityGroups, dflt.ID)
				}
			}
		}
		healthy(t, stores[0])
	}
	t.Run("sqlite", func(t *testing.T) { compete(t, open(t, sqliteURL(t), Options{})) })
	t.Run("postgres", func(t *testing.T) {
		url := postgresURL(t)
		compete(t, open(t, url, Options{}), open(t, url, Options{}))
	})
}

func TestSecurityGroupQuotas(t *testing.T) {
	onBothWith(t, Options{Quotas: map[string]int{"security_group": 2, "security_group_rule": 8}}, func(t *testing.T, s *Store) {
		alpha := tenant("alpha")
		g := newGroup(t, s, "alpha") // and the default group: 2 groups, 6 rules
		refused(t, s.CreateSecurityGroups(alpha, []*model.SecurityGroup{{ProjectID: "alpha"}}), 409, "OverQuota")
		newRule(t, s, g)
		two := []*model.SecurityGroupRule{ruleFor(g, func(r *model.SecurityGroupRule) { r.Protocol = "tcp" }), ruleFor(g, func(r *model.SecurityGroupRule) { r.Protocol = "udp" })}
		refused(t, s.CreateSecurityGroupRules(alpha, two), 409, "OverQuota")
		check(t, s.CreateSecurityGroupRules(alpha, two[:1]))
		details := must(s.QuotaDetails(alpha, "alpha"))(t)
		if details["security_group"] != (QuotaUsage{2, 2, 0}) || details["security_group_rule"] != (QuotaUsage{8, 8, 0}) {
			t.Errorf("details %v", details)
		}
		must(s.SetQuota(admin, "alpha", map[string]int{"security_group": 9}))(t)
		err := s.CreateSecurityGroups(alpha, []*model.SecurityGroup{{ProjectID: "alpha"}}) // whose rules are too many
		if refused(t, err, 409, "OverQuota"); !strings.Contains(err.Error(), "security_group_rule") {
			t.Errorf("the refusal says %q", err)
		}
		must(s.SetQuota(admin, "beta", map[string]int{"security_group": 0, "security_group_rule": 0}))(t)
		newNetwork(t, s, func(n *model.Network) { n.ProjectID = "beta" }) // its default group is made all the same
		defaultGroup(t, s, "beta")
	})
}

func TestSecurityGroupRules(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		alpha := tenant("alpha")
		g, remote := newGroup(t, s, "alpha"), newGroup(t, s, "alpha")
		ssh := 22
		rules := []*model.SecurityGroupRule{
			ruleFor(g, func(r *model.SecurityGroupRule) {
				r.Protocol, r.PortRangeMin, r.PortRangeMax, r.Description = "TCP", &ssh, &ssh, "ssh"
				r.RemoteIPPrefix = netip.MustParsePrefix("10.0.0.9/8") // host bits stay
			}),
			ruleFor(g, func(r *model.SecurityGroupRule) {
				r.EtherType, r.Protocol, r.RemoteGroupID, r.Direction = "ipv6", "1", remote.ID, model.Egress
			}),
		}
		check(t, s.CreateSecurityGroupRules(alpha, rules))
		if rules[0].Protocol != "tcp" || rules[1].Protocol != "58" || rules[1].EtherType != model.EtherTypeIPv6 || rules[0].Number == 0 || rules[0].RevisionNumber != 1 {
			t.Fatalf("created %+v", rules)
		}
		got := must(s.SecurityGroup(alpha, g.ID))(t)
		if got.RevisionNumber != 2 || len(got.Rules) != 4 || !reflect.DeepEqual(got.Rules[2:], []model.SecurityGroupRule{*rules[0], *rules[1]}) {
			t.Fatalf("the group has now %+v", got)
		}
		if got := must(s.SecurityGroupRule(alpha, rules[0].ID))(t); !reflect.DeepEqual(got, rules[0]) {
			t.Fatalf("read back\n%+v, want\n%+v", got, rules[0])
		}
		for filter, want := range map[string]int{"direction=ingress": 1, "ethertype=IPv6": 2, "protocol=tcp": 1, "port_range_min=22": 1, "port_range_max=22": 1,
			"remote_group_id=" + remote.ID: 1, "remote_ip_prefix=10.0.0.9/8": 1, "description=ssh": 1, "id=" + rules[0].ID: 1, "project_id=alpha": 4} {
			name, value, _ := strings.Cut(filter, "=")
			found := must(s.ListSecurityGroupRules(alpha, Query{Filters: map[string][]string{name: {value}, "security_group_id": {g.ID}},
				Sort: []SortKey{{"port_range_min", true}, {"remote_group_id", false}}}))(t)
			if len(found) != want {
				t.Errorf("%s: %d rules", filter, len(found))
			}
		}
		var paged []*model.SecurityGroupRule
		for marker := ""; ; marker = paged[len(paged)-1].ID {
			page := must(s.ListSecurityGroupRules(alpha, Query{Sort: []SortKey{{"port_range_min", false}, {"protocol", true}}, Limit: 3, Marker: marker}))(t)
			if len(page) == 0 {
				break
			}
			paged = append(paged, page...)
		}
		if all := must(s.ListSecurityGroupRules(alpha, Query{}))(t); len(paged) != len(all) || len(all) != 10 || paged[9].ID != rules[0].ID {
			t.Errorf("%d rules in pages, %d in all", len(paged), len(all))
		}
		if _, err := s.ListSecurityGroupRules(alpha, Query{Filters: map[string][]string{"name": {"x"}}}); err == nil {
			t.Error("rules have a name")
		}

		refused(t, s.DeleteSecurityGroupRule(WithScope(alpha, Scope{ProjectID: "alpha", Revision: 9}), rules[0].ID), 412, "RevisionNumberConstraintFailed")
		check(t, s.DeleteSecurityGroupRule(WithScope(alpha, Scope{ProjectID: "alpha", Revision: 1}), rules[0].ID))
		refused(t, s.DeleteSecurityGroupRule(alpha, rules[0].ID), 404, "SecurityGroupRuleNotFound")
		if got := must(s.SecurityGroup(alpha, g.ID))(t); got.RevisionNumber != 3 || len(got.Rules) != 3 {
			t.Fatalf("after the deletion %+v", got)
		}
		// The remote group goes, and the rule that names it with it.
		f := newFollower(t, s)
		check(t, s.DeleteSecurityGroup(alpha, remote.ID))
		if changes := f.follow(t); len(changes) != 2 {
			t.Errorf("changes %v", changes)
		}
		if got := must(s.SecurityGroup(alpha, g.ID))(t); got.RevisionNumber != 4 || len(got.Rules) != 2 {
			t.Errorf("after the remote group's end %+v", got)
		}
		f.equalsLoad(t)
		healthy(t, s)
	})
}

func TestSecurityGroupRuleRefusals(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		alpha := tenant("alpha")
		g, another, foreign := newGroup(t, s, "alpha"), newGroup(t, s, "alpha"), newGroup(t, s, "beta")
		create := func(ctx context.Context, rules ...*model.SecurityGroupRule) error {
			return s.CreateSecurityGroupRules(ctx, rules)
		}
		with := func(protocol string, change ...func(*model.SecurityGroupRule)) *model.SecurityGroupRule {
			r := ruleFor(g, change...)
			r.Protocol = protocol
			return r
		}
		from := func(group string) func(*model.SecurityGroupRule) {
			return func(r *model.SecurityGroupRule) { r.RemoteGroupID = group }
		}
		refused(t, create(alpha, with("tcp"), ruleFor(another)), 400, "SecurityGroupNotSingleGroupRules")
		refused(t, create(admin, with("tcp"), with("udp", func(r *model.SecurityGroupRule) { r.ProjectID = "beta" })), 400, "SecurityGroupRulesNotSingleProject")
		refused(t, create(alpha, ruleFor(foreign)), 403, "PolicyNotAuthorized")
		refused(t, create(alpha, ruleFor(foreign, func(r *model.SecurityGroupRule) { r.ProjectID = "alpha" })), 404, "SecurityGroupNotFound")
		refused(t, create(alpha, with("tcp", from(foreign.ID))), 404, "SecurityGroupNotFound")
		refused(t, create(alpha, with("tcp", from("none"))), 404, "SecurityGroupNotFound")
		check(t, create(admin, with("tcp", from(foreign.ID)))) // an administrator sees it
		refused(t, create(alpha, with("x")), 400, "SecurityGroupRuleInvalidProtocol")

		refused(t, create(alpha, with("udp"), with("17")), 409, "DuplicateSecurityGroupRuleInPost")
		check(t, create(alpha, with("udp")))
		everywhere := func(r *model.SecurityGroupRule) { r.RemoteIPPrefix = netip.MustParsePrefix("0.0.0.0/0") }
		first, last := 1, 65535
		for name, duplicate := range map[string]*model.SecurityGroupRule{
			"as it was": with("udp"), "number": with("17"), "any address": with("udp", everywhere),
			"any port":  with("udp", func(r *model.SecurityGroupRule) { r.PortRangeMin, r.PortRangeMax = &first, &last }),
			"described": with("udp", func(r *model.SecurityGroupRule) { r.Description = "x" }),
		} {
			t.Log(name)
			refused(t, create(alpha, duplicate), 409, "SecurityGroupRuleExists")
		}
		check(t, create(alpha, with("udp", func(r *model.SecurityGroupRule) { r.PortRangeMin, r.PortRangeMax = &first, &first })))
		check(t, create(alpha, with("udp", from(g.ID))))
		check(t, create(alpha, with("udp", func(r *model.SecurityGroupRule) { r.Direction = model.Egress })))

		rule := must(s.SecurityGroup(admin, foreign.ID))(t).Rules[0]
		if _, err := s.SecurityGroupRule(alpha, rule.ID); err == nil {
			t.Error("another project's rule is seen")
		}
		refused(t, s.DeleteSecurityGroupRule(alpha, rule.ID), 404, "SecurityGroupRuleNotFound")
		check(t, s.DeleteSecurityGroup(tenant("beta"), foreign.ID)) // takes the administrator's rule of g along
		healthy(t, s)
	})
}

// Of the same rule made by many at once, one is made.
func TestSecurityGroupRulesCompete(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		g := newGroup(t, s, "alpha")
		var workers sync.WaitGroup
		var mutex sync.Mutex
		results := map[string]int{}
		for range 8 {
			workers.Go(func() {
				err := s.CreateSecurityGroupRules(tenant("alpha"), []*model.SecurityGroupRule{ruleFor(g)})
				what := "made"
				if refusal := (*model.Error)(nil); errors.As(err, &refusal) {
					what = refusal.Type
				}
				mutex.Lock()
				results[what]++
				mutex.Unlock()
			})
		}
		workers.Wait()
		if !maps.Equal(results, map[string]int{"made": 1, "SecurityGroupRuleExists": 7}) {
			t.Fatalf("results %v", results)
		}
		if got := must(s.SecurityGroup(admin, g.ID))(t); got.RevisionNumber != 2 || len(got.Rules) != 3 {
			t.Errorf("the group %+v", got)
		}
	})
}

// randomGroups does what an operation of randomOperation does, with security groups.
func randomGroups(r *rapid.T, s *Store, port string) (err error) {
	groups, _ := s.ListSecurityGroups(admin, Query{})
	pick := func() string {
		ids := []string{"nope"}
		for _, g := range groups {
			ids = append(ids, g.ID)
		}
		return rapid.SampledFrom(ids).Draw(r, "group")
	}
	switch rapid.IntRange(0, 5).Draw(r, "with groups") {
	case 0:
		return s.CreateSecurityGroups(admin, []*model.SecurityGroup{{ProjectID: "alpha", Stateful: rapid.Bool().Draw(r, "stateful")}})
	case 1:
		return updateGroup(admin, s, pick(), func(g *model.SecurityGroup) { g.Stateful, g.Description = !g.Stateful, g.Description+"x" })
	case 2:
		return s.DeleteSecurityGroup(admin, pick())
	case 3:
		rule := &model.SecurityGroupRule{ProjectID: "alpha", SecurityGroupID: pick(), Direction: model.Ingress, EtherType: model.EtherTypeIPv4,
			Protocol: rapid.SampledFrom([]string{"", "tcp", "6", "udp"}).Draw(r, "protocol")}
		if rapid.Bool().Draw(r, "remote") {
			rule.RemoteGroupID = pick()
		}
		return s.CreateSecurityGroupRules(admin, []*model.SecurityGroupRule{rule})
	case 4:
		rules, err := s.ListSecurityGroupRules(admin, Query{})
		if err != nil || len(rules) == 0 {
			return err
		}
		return s.DeleteSecurityGroupRule(admin, rapid.SampledFrom(rules).Draw(r, "rule").ID)
	}
	chosen := []string{}
	for range rapid.IntRange(0, 3).Draw(r, "groups") {
		chosen = append(chosen, pick())
	}
	_, err = s.UpdatePort(admin, port, func(p *model.Port) error { p.SecurityGroups = chosen; return nil })
	return err
}
