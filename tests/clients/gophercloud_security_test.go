package clients

import (
	"net/http"
	"slices"
	"testing"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/attributestags"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/portsecurity"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/quotas"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/groups"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/rules"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"github.com/planck-sdn/planck/tests/keystone"
)

// What Terraform's openstack_networking_secgroup_v2, _secgroup_rule_v2 and _port_v2 do.
func TestGophercloudSecurityGroups(t *testing.T) {
	t.Parallel()
	ctx, c, admin, stranger := t.Context(), network(t, "red-member"), network(t, "red-admin"), network(t, "blue-member")
	group := must[*groups.SecGroup](t)(groups.Create(ctx, c, groups.CreateOpts{Name: "gc-web", Description: "the web"}).Extract())
	expect(t, "the group", []any{group.Name, group.Description, group.Stateful, len(group.Rules), group.ProjectID, group.Tags, group.CreatedAt.IsZero()},
		[]any{"gc-web", "the web", true, 2, cloud.keystone.ProjectID(keystone.Red), []string{}, false})
	for _, r := range group.Rules { // Terraform's delete_default_rules
		ok(t, rules.Delete(ctx, c, r.ID).ExtractErr())
	}
	rule := must[*rules.SecGroupRule](t)(rules.Create(ctx, c, rules.CreateOpts{Direction: rules.DirIngress, EtherType: rules.EtherType4, SecGroupID: group.ID, Protocol: rules.ProtocolTCP, PortRangeMin: 22, PortRangeMax: 23,
		RemoteIPPrefix: "192.0.2.9/24", Description: "from the office"}).Extract())
	expect(t, "the rule", []any{rule.Direction, rule.EtherType, rule.SecGroupID, rule.Protocol, rule.PortRangeMin, rule.PortRangeMax, rule.RemoteIPPrefix, rule.RemoteGroupID, rule.Description, rule.ProjectID},
		[]any{"ingress", "IPv4", group.ID, "tcp", 22, 23, "192.0.2.9/24", "", "from the office", cloud.keystone.ProjectID(keystone.Red)})
	more := must[[]rules.SecGroupRule](t)(rules.CreateBulk(ctx, c, []rules.CreateOpts{
		{Direction: rules.DirIngress, EtherType: rules.EtherType4, SecGroupID: group.ID, RemoteGroupID: group.ID},
		{Direction: rules.DirEgress, EtherType: rules.EtherType6, SecGroupID: group.ID, Protocol: rules.ProtocolIPv6ICMP}}).Extract())
	expect(t, "more rules", []any{more[0].RemoteGroupID, more[0].Protocol, more[1].EtherType, more[1].Protocol}, []any{group.ID, "", "IPv6", "ipv6-icmp"})
	_, err := rules.Create(ctx, c, rules.CreateOpts{Direction: rules.DirIngress, EtherType: rules.EtherType4, SecGroupID: group.ID, RemoteGroupID: group.ID}).Extract()
	refused(t, err, http.StatusConflict)
	_, err = rules.Create(ctx, c, rules.CreateOpts{Direction: rules.DirIngress, EtherType: rules.EtherType4, SecGroupID: group.ID, Protocol: "none"}).Extract()
	refused(t, err, http.StatusBadRequest)
	expect(t, "the rule again", must[*rules.SecGroupRule](t)(rules.Get(ctx, c, rule.ID).Extract()), rule)
	expect(t, "rules, one a page", len(all(t, rules.List(c, rules.ListOpts{SecGroupID: group.ID, Limit: 1}), rules.ExtractRules)), 3)
	expect(t, "rules by what they say", len(all(t, rules.List(c, rules.ListOpts{SecGroupID: group.ID, Direction: "ingress", Protocol: "tcp", PortRangeMin: 22, RemoteIPPrefix: "192.0.2.9/24"}), rules.ExtractRules)), 1)

	stale := must[*groups.SecGroup](t)(groups.Get(ctx, c, group.ID).Extract()).RevisionNumber
	group = must[*groups.SecGroup](t)(groups.Update(ctx, c, group.ID, groups.UpdateOpts{Name: "gc-www", Description: new(""), Stateful: new(false), RevisionNumber: &stale}).Extract())
	expect(t, "the group afterwards", []any{group.Name, group.Description, group.Stateful, len(group.Rules)}, []any{"gc-www", "", false, 3})
	_, err = groups.Update(ctx, c, group.ID, groups.UpdateOpts{Name: "gc-x", RevisionNumber: &stale}).Extract()
	refused(t, err, http.StatusPreconditionFailed)
	_, err = groups.Create(ctx, c, groups.CreateOpts{Name: "default"}).Extract()
	refused(t, err, http.StatusConflict)
	must[[]string](t)(attributestags.ReplaceAll(ctx, c, "security-groups", group.ID, attributestags.ReplaceAllOpts{Tags: []string{"gc-g"}}).Extract())
	expect(t, "groups by tags", len(all(t, groups.List(c, groups.ListOpts{Tags: "gc-g", Stateful: new(false)}), groups.ExtractGroups)), 1)
	expect(t, "a stranger's groups", len(all(t, groups.List(stranger, groups.ListOpts{Name: "gc-www"}), groups.ExtractGroups)), 0)
	_, err = groups.Get(ctx, stranger, group.ID).Extract()
	refused(t, err, http.StatusNotFound)
	_, err = rules.Create(ctx, stranger, rules.CreateOpts{Direction: rules.DirIngress, EtherType: rules.EtherType4, SecGroupID: group.ID}).Extract()
	refused(t, err, http.StatusNotFound)
	byDefault := all(t, groups.List(c, groups.ListOpts{Name: "default", ProjectID: cloud.keystone.ProjectID(keystone.Red)}), groups.ExtractGroups)
	refused(t, groups.Delete(ctx, c, byDefault[0].ID).ExtractErr(), http.StatusConflict)

	n := must[*networks.Network](t)(networks.Create(ctx, c, networks.CreateOpts{Name: "gc-guarded"}).Extract())
	port := must[*ports.Port](t)(ports.Create(ctx, c, ports.CreateOpts{NetworkID: n.ID, SecurityGroups: &[]string{group.ID}}).Extract())
	expect(t, "the port's groups", port.SecurityGroups, []string{group.ID})
	expect(t, "ports of the group", portIDs(all(t, ports.List(c, ports.ListOpts{SecurityGroups: []string{group.ID}}), ports.ExtractPorts)), []string{port.ID})
	_, err = ports.Update(ctx, c, port.ID, ports.UpdateOpts{SecurityGroups: &[]string{group.ID, byDefault[0].ID}}).Extract()
	refused(t, err, http.StatusConflict)
	refused(t, groups.Delete(ctx, c, group.ID).ExtractErr(), http.StatusConflict)
	var p struct {
		ports.Port
		portsecurity.PortSecurityExt
	}
	ok(t, ports.Update(ctx, c, port.ID, portsecurity.PortUpdateOptsExt{PortSecurityEnabled: new(false), UpdateOptsBuilder: ports.UpdateOpts{SecurityGroups: &[]string{}}}).ExtractInto(&p))
	expect(t, "the port afterwards", []any{p.SecurityGroups, p.PortSecurityEnabled}, []any{[]string{}, false})
	ok(t, ports.Delete(ctx, c, port.ID).ExtractErr())
	port = must[*ports.Port](t)(ports.Create(ctx, c, ports.CreateOpts{NetworkID: n.ID}).Extract())
	expect(t, "a port's groups when nobody says them", slices.Equal(port.SecurityGroups, []string{byDefault[0].ID}), true)

	limits := must[*quotas.Quota](t)(quotas.Update(ctx, admin, "gc-guarded", quotas.UpdateOpts{SecurityGroup: new(3), SecurityGroupRule: new(-1)}).Extract())
	expect(t, "the limits", []int{limits.SecurityGroup, limits.SecurityGroupRule}, []int{3, -1})
	ok(t, quotas.Delete(ctx, admin, "gc-guarded").ExtractErr())

	ok(t, ports.Delete(ctx, c, port.ID).ExtractErr())
	ok(t, networks.Delete(ctx, c, n.ID).ExtractErr())
	ok(t, rules.Delete(ctx, c, rule.ID).ExtractErr())
	refused(t, rules.Delete(ctx, c, rule.ID).ExtractErr(), http.StatusNotFound)
	ok(t, groups.Delete(ctx, c, group.ID).ExtractErr())
}
