package store

import (
	"context"
	"slices"
	"testing"

	"github.com/planck-sdn/planck/model"
)

func policy(n *model.Network, action, target string) *model.RBACPolicy {
	return &model.RBACPolicy{ProjectID: "alpha", ObjectType: model.RBACObjectNetwork, ObjectID: n.ID, Action: action, TargetProject: target}
}

func newPolicy(t testing.TB, s *Store, n *model.Network, action, target string) *model.RBACPolicy {
	t.Helper()
	p := policy(n, action, target)
	check(t, s.CreateRBACPolicies(admin, []*model.RBACPolicy{p}))
	return p
}

// sees tells which of a network, its subnet, its DHCP port and a port of the owner the requester is shown.
func sees(t testing.TB, s *Store, ctx context.Context, n *model.Network) [4]bool {
	t.Helper()
	var seen [4]bool
	on := Query{Filters: map[string][]string{"network_id": {n.ID}}}
	networks := must(s.ListNetworks(ctx, Query{Filters: map[string][]string{"id": {n.ID}}}))(t)
	seen[0] = len(networks) > 0
	if _, err := s.Network(ctx, n.ID); (err == nil) != seen[0] {
		t.Fatalf("listed: %v, got by id: %v", seen[0], err)
	}
	subnets := must(s.ListSubnets(ctx, on))(t)
	seen[1] = len(subnets) > 0
	for _, p := range must(s.ListPorts(ctx, on))(t) {
		if p.DeviceOwner == model.DeviceOwnerDHCP {
			seen[2] = true
		} else {
			seen[3] = true
		}
	}
	return seen
}

var (
	seesAll     = [4]bool{true, true, true, true}
	seesNetwork = [4]bool{true, true, false, false}
	seesNothing = [4]bool{}
)

func TestWhoSeesByPolicies(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n, other := newNetwork(t, s), newNetwork(t, s)
		newSubnet(t, s, n, "10.0.0.0/24")
		newSubnet(t, s, other, "10.0.0.0/24")
		newPort(t, s, n)
		expect := func(what string, beta, gamma [4]bool) {
			t.Helper()
			for name, c := range map[string]struct {
				ctx  context.Context
				want [4]bool
			}{
				"the owner": {tenant("alpha"), seesAll}, "an administrator": {admin, seesAll},
				"the service": {WithScope(context.Background(), Scope{Service: true}), seesAll},
				"beta":        {tenant("beta"), beta}, "gamma": {tenant("gamma"), gamma}, "nobody": {context.Background(), seesNothing},
			} {
				if got := sees(t, s, c.ctx, n); got != c.want {
					t.Errorf("%s: %s sees %v, want %v", what, name, got, c.want)
				}
			}
			if got := sees(t, s, tenant("beta"), other); got != seesNothing {
				t.Errorf("%s: beta sees another network: %v", what, got)
			}
		}
		shared := func(ctx context.Context) bool { return must(s.Network(ctx, n.ID))(t).Shared }

		expect("without a policy", seesNothing, seesNothing)

		toBeta := newPolicy(t, s, n, model.AccessAsShared, "beta")
		expect("shared with beta", seesNetwork, seesNothing)
		if !shared(tenant("beta")) || shared(tenant("alpha")) || shared(admin) {
			t.Error("shared is for whom the policy names")
		}
		p := portRequest(n)
		p.ProjectID = "beta"
		check(t, createPort(tenant("beta"), s, p))
		if ports := must(s.ListPorts(tenant("beta"), Query{}))(t); len(ports) != 1 || ports[0].ID != p.ID {
			t.Errorf("beta's ports: %+v", ports)
		}
		check(t, s.DeletePort(tenant("beta"), p.ID))
		must(s.UpdateRBACPolicy(admin, toBeta.ID, func(p *model.RBACPolicy) error { p.TargetProject = "gamma"; return nil }))(t)
		expect("shared with gamma", seesNothing, seesNetwork)
	})
}

func TestPolicyForEverybody(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		newSubnet(t, s, n, "10.0.0.0/24")
		newPort(t, s, n)
		for _, action := range model.RBACActions {
			p := newPolicy(t, s, n, action, model.EveryProject)
			got := must(s.Network(tenant("beta"), n.ID))(t)
			if sees(t, s, tenant("beta"), n) != seesNetwork || got.Shared != (action == model.AccessAsShared) || got.External != (action == model.AccessAsExternal) {
				t.Errorf("%s for everybody: %v, %+v", action, sees(t, s, tenant("beta"), n), got)
			}
			check(t, s.DeleteRBACPolicy(admin, p.ID))
			if sees(t, s, tenant("beta"), n) != seesNothing {
				t.Errorf("%s was taken back", action)
			}
		}
		newPolicy(t, s, n, model.AccessAsExternal, "beta")
		if !must(s.Network(tenant("alpha"), n.ID))(t).External || sees(t, s, tenant("beta"), n) != seesNetwork || sees(t, s, tenant("gamma"), n) != seesNothing {
			t.Error("external for beta alone")
		}
		closed := must(s.UpdateNetwork(admin, n.ID, func(n *model.Network) error { n.External = false; return nil }))(t)
		if closed.External || must(s.Network(admin, n.ID))(t).External || sees(t, s, tenant("beta"), n) != seesNothing {
			t.Error("router:external=false takes back every policy that says otherwise")
		}
	})
}

func TestRBACPolicyRules(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		create := func(ctx context.Context, change func(*model.RBACPolicy)) error {
			p := policy(n, model.AccessAsShared, "beta")
			change(p)
			return s.CreateRBACPolicies(ctx, []*model.RBACPolicy{p})
		}
		for name, c := range map[string]struct {
			ctx    context.Context
			change func(*model.RBACPolicy)
			status int
			typ    string
		}{
			"unknown object type": {admin, func(p *model.RBACPolicy) { p.ObjectType = "qos_policy" }, 400, "InvalidInput"},
			"unknown action":      {admin, func(p *model.RBACPolicy) { p.Action = "access_as_owner" }, 400, "InvalidActionForType"},
			"no target":           {admin, func(p *model.RBACPolicy) { p.TargetProject = "" }, 400, "InvalidInput"},
			"unknown network":     {admin, func(p *model.RBACPolicy) { p.ObjectID = "nowhere" }, 404, "NetworkNotFound"},
			"no project":          {admin, func(p *model.RBACPolicy) { p.ProjectID = "" }, 400, "HTTPBadRequest"},
			"another's project":   {tenant("beta"), func(*model.RBACPolicy) {}, 403, "PolicyNotAuthorized"},
			"unseen network":      {tenant("beta"), func(p *model.RBACPolicy) { p.ProjectID = "beta" }, 404, "NetworkNotFound"},
			"external by a tenant": {tenant("alpha"), func(p *model.RBACPolicy) { p.Action = model.AccessAsExternal }, 403,
				"PolicyNotAuthorized"},
			"everybody by a tenant": {tenant("alpha"), func(p *model.RBACPolicy) { p.TargetProject = model.EveryProject }, 403,
				"PolicyNotAuthorized"},
		} {
			t.Run(name, func(t *testing.T) { refused(t, create(c.ctx, c.change), c.status, c.typ) })
		}
		check(t, create(tenant("alpha"), func(*model.RBACPolicy) {}))
		refused(t, create(admin, func(*model.RBACPolicy) {}), 409, "DuplicateRbacPolicy")
		refused(t, create(tenant("beta"), func(p *model.RBACPolicy) { p.ProjectID, p.TargetProject = "beta", "gamma" }), 400, "InvalidInput")

		own := must(s.ListRBACPolicies(tenant("alpha"), Query{Filters: map[string][]string{"target_tenant": {"beta"}}}))(t)
		if len(own) != 1 || own[0].RevisionNumber != 1 || own[0].CreatedAt.IsZero() {
			t.Fatalf("the owner's policies: %+v", own)
		}
		id := own[0].ID
		if seen := must(s.ListRBACPolicies(tenant("beta"), Query{}))(t); len(seen) != 0 {
			t.Errorf("the target sees the policy: %+v", seen)
		}
		for _, err := range []error{
			second(s.RBACPolicy(tenant("beta"), id)), s.DeleteRBACPolicy(tenant("beta"), id),
			second(s.UpdateRBACPolicy(tenant("beta"), id, func(*model.RBACPolicy) error { return nil })),
		} {
			refused(t, err, 404, "RbacPolicyNotFound")
		}
		if got := must(s.RBACPolicy(tenant("alpha"), id))(t); *got != *own[0] {
			t.Errorf("got %+v", got)
		}
		patch := func(ctx context.Context, change func(*model.RBACPolicy)) error {
			return second(s.UpdateRBACPolicy(ctx, id, func(p *model.RBACPolicy) error { change(p); return nil }))
		}
		refused(t, patch(admin, func(p *model.RBACPolicy) { p.Action = model.AccessAsExternal }), 400, "HTTPBadRequest")
		refused(t, patch(admin, func(p *model.RBACPolicy) { p.ObjectID = "x" }), 400, "HTTPBadRequest")
		refused(t, patch(tenant("alpha"), func(p *model.RBACPolicy) { p.TargetProject = model.EveryProject }), 403, "PolicyNotAuthorized")
		newPolicy(t, s, n, model.AccessAsShared, "gamma")
		refused(t, patch(tenant("alpha"), func(p *model.RBACPolicy) { p.TargetProject = "gamma" }), 409, "DuplicateRbacPolicy")
		check(t, patch(tenant("alpha"), func(p *model.RBACPolicy) { p.TargetProject = "delta" }))
		if got := must(s.RBACPolicy(admin, id))(t); got.TargetProject != "delta" || got.RevisionNumber != 2 {
			t.Errorf("after the change: %+v", got)
		}

		sorted := must(s.ListRBACPolicies(admin, Query{Sort: []SortKey{{"target_project", true}}, Limit: 1}))(t)
		if len(sorted) != 1 || sorted[0].TargetProject != "gamma" {
			t.Errorf("sorted: %+v", sorted)
		}
		check(t, s.DeleteNetwork(admin, n.ID))
		refused(t, s.DeleteRBACPolicy(admin, id), 404, "RbacPolicyNotFound")
	})
}

func second[T any](_ T, err error) error { return err }

// A policy that a port stands on stays, unless another one holds the port too.
func TestRBACPolicyInUse(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		newSubnet(t, s, n, "10.0.0.0/24")
		toBeta := newPolicy(t, s, n, model.AccessAsShared, "beta")
		p := portRequest(n)
		p.ProjectID = "beta"
		check(t, createPort(tenant("beta"), s, p))
		retarget := func(id, target string) error {
			return second(s.UpdateRBACPolicy(admin, id, func(p *model.RBACPolicy) error { p.TargetProject = target; return nil }))
		}
		refused(t, s.DeleteRBACPolicy(admin, toBeta.ID), 409, "RbacPolicyInUse")
		refused(t, retarget(toBeta.ID, "gamma"), 409, "RbacPolicyInUse")
		if got := must(s.RBACPolicy(admin, toBeta.ID))(t); got.TargetProject != "beta" {
			t.Fatalf("refused, and yet: %+v", got)
		}

		toAll := newPolicy(t, s, n, model.AccessAsShared, model.EveryProject)
		check(t, s.DeleteRBACPolicy(admin, toBeta.ID)) // beta is one of all
		refused(t, s.DeleteRBACPolicy(admin, toAll.ID), 409, "RbacPolicyInUse")
		refused(t, retarget(toAll.ID, "gamma"), 409, "RbacPolicyInUse")
		unshare := func() error {
			return second(s.UpdateNetwork(admin, n.ID, func(n *model.Network) error { n.Shared = false; return nil }))
		}
		refused(t, unshare(), 409, "InvalidSharedSetting")
		newPolicy(t, s, n, model.AccessAsShared, "beta")
		check(t, unshare())
		if sees(t, s, tenant("beta"), n) != [4]bool{true, true, false, true} || sees(t, s, tenant("gamma"), n) != seesNothing {
			t.Error("the policy for one project stays when that for everybody goes")
		}
		// Not shared alone: who has ports by it is not asked.
		external := newPolicy(t, s, n, model.AccessAsExternal, model.EveryProject)
		check(t, s.DeleteRBACPolicy(admin, external.ID))
	})
}

// A change of policies is one of the network: its revision rises, and followers hear of it.
func TestRBACPoliciesReviseTheNetwork(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		f := newFollower(t, s)
		want := n.RevisionNumber
		var p *model.RBACPolicy
		for _, step := range []struct {
			name string
			do   func()
		}{
			{"create", func() { p = newPolicy(t, s, n, model.AccessAsShared, "beta") }},
			{"update", func() {
				must(s.UpdateRBACPolicy(admin, p.ID, func(p *model.RBACPolicy) error { p.TargetProject = "gamma"; return nil }))(t)
			}},
			{"delete", func() { check(t, s.DeleteRBACPolicy(admin, p.ID)) }},
		} {
			step.do()
			want++
			changes, position, err := s.Follow(context.Background(), f.position)
			check(t, err)
			f.position = position
			heard := slices.ContainsFunc(changes, func(c model.Change) bool { return c.Ref == n.Ref() })
			if got := must(s.Network(admin, n.ID))(t).RevisionNumber; got != want || !heard {
				t.Errorf("%s: revision %d, want %d; in the journal: %v", step.name, got, want, heard)
			}
		}
	})
}
