package clients

import (
	"net/http"
	"slices"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/agents"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/attributestags"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/dns"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/external"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/extradhcpopts"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/mtu"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/networkipavailabilities"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/portsbinding"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/portsecurity"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/provider"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/quotas"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/rbacpolicies"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/subnets"
	"github.com/gophercloud/gophercloud/v2/pagination"

	"github.com/planck-sdn/planck/tests/keystone"
)

func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused tells whether a call ended with a status.
func refused(t *testing.T, err error, status int) {
	t.Helper()
	if !gophercloud.ResponseCodeIs(err, status) {
		t.Errorf("%v, not %d", err, status)
	}
}

// network is gophercloud's client of a user: it finds the API in Keystone's catalog.
func network(t *testing.T, user string) *gophercloud.ServiceClient {
	t.Helper()
	u := cloud.keystone.User(user)
	client, err := openstack.AuthenticatedClient(t.Context(), gophercloud.AuthOptions{IdentityEndpoint: cloud.keystone.URL(), Username: u.Name, Password: u.Password,
		DomainName: "Default", Scope: &gophercloud.AuthScope{ProjectName: u.Project, DomainName: "Default"}})
	ok(t, err)
	service, err := openstack.NewNetworkV2(client, gophercloud.EndpointOpts{Region: keystone.Region})
	ok(t, err)
	return service
}

// all reads a list to its end.
func all[T any](t *testing.T, list pagination.Pager, extract func(pagination.Page) ([]T, error)) []T {
	t.Helper()
	page, err := list.AllPages(t.Context())
	ok(t, err)
	found, err := extract(page)
	ok(t, err)
	return found
}

func TestGophercloudMember(t *testing.T) {
	t.Parallel()
	ctx, c := t.Context(), network(t, "red-member")

	type extended struct {
		networks.Network
		mtu.NetworkMTUExt
		dns.NetworkDNSExt
		portsecurity.PortSecurityExt
		external.NetworkExternalExt
		provider.NetworkProviderExt
	}
	var n extended
	ok(t, networks.Create(ctx, c, portsecurity.NetworkCreateOptsExt{PortSecurityEnabled: new(true), CreateOptsBuilder: dns.NetworkCreateOptsExt{DNSDomain: "example.org.",
		CreateOptsBuilder: mtu.CreateOptsExt{MTU: 1400, CreateOptsBuilder: networks.CreateOpts{Name: "gc-private", AdminStateUp: new(true)}}}}).ExtractInto(&n))
	expect(t, "the network", []any{n.Name, n.AdminStateUp, n.Status, n.MTU, n.DNSDomain, n.PortSecurityEnabled, n.External, n.NetworkType, n.ProjectID, n.CreatedAt.IsZero(), n.RevisionNumber},
		[]any{"gc-private", true, "ACTIVE", 1400, "example.org.", true, false, "", cloud.keystone.ProjectID(keystone.Red), false, 1})

	subnet := must[*subnets.Subnet](t)(subnets.Create(ctx, c, subnets.CreateOpts{NetworkID: n.ID, CIDR: "10.6.0.0/24", IPVersion: gophercloud.IPv4, Name: "gc-subnet", GatewayIP: new(""),
		AllocationPools: []subnets.AllocationPool{{Start: "10.6.0.10", End: "10.6.0.50"}}, DNSNameservers: []string{"192.0.2.53"},
		HostRoutes: []subnets.HostRoute{{DestinationCIDR: "192.0.2.0/24", NextHop: "10.6.0.7"}}}).Extract())
	expect(t, "the subnet", []any{subnet.GatewayIP, subnet.EnableDHCP, subnet.AllocationPools, subnet.HostRoutes, subnet.DNSNameservers}, []any{"", true,
		[]subnets.AllocationPool{{Start: "10.6.0.10", End: "10.6.0.50"}}, []subnets.HostRoute{{DestinationCIDR: "192.0.2.0/24", NextHop: "10.6.0.7"}}, []string{"192.0.2.53"}})
	subnet = must[*subnets.Subnet](t)(subnets.Update(ctx, c, subnet.ID, subnets.UpdateOpts{GatewayIP: new("10.6.0.1"), EnableDHCP: new(false), HostRoutes: &[]subnets.HostRoute{}}).Extract())
	expect(t, "the subnet afterwards", []any{subnet.GatewayIP, subnet.EnableDHCP, len(subnet.HostRoutes)}, []any{"10.6.0.1", false, 0})

	var p struct {
		ports.Port
		dns.PortDNSExt
		extradhcpopts.ExtraDHCPOptsExt
		portsecurity.PortSecurityExt
		portsbinding.PortsBindingExt
	}
	ok(t, ports.Create(ctx, c, extradhcpopts.CreateOptsExt{ExtraDHCPOpts: []extradhcpopts.CreateExtraDHCPOpt{{OptName: "mtu", OptValue: "1400", IPVersion: gophercloud.IPv4}},
		CreateOptsBuilder: dns.PortCreateOptsExt{DNSName: "web", CreateOptsBuilder: ports.CreateOpts{NetworkID: n.ID, Name: "gc-eth0", MACAddress: "fa:16:3e:00:06:01",
			FixedIPs:            []ports.IP{{SubnetID: subnet.ID, IPAddress: "10.6.0.15"}},
			AllowedAddressPairs: []ports.AddressPair{{IPAddress: "10.6.0.99"}}}}}).ExtractInto(&p))
	expect(t, "the port", []any{p.MACAddress, p.FixedIPs, p.AllowedAddressPairs, p.DNSName, p.DNSAssignment, p.ExtraDHCPOpts, p.PortSecurityEnabled, p.VNICType, p.VIFType, p.HostID, p.Status},
		[]any{"fa:16:3e:00:06:01", []ports.IP{{SubnetID: subnet.ID, IPAddress: "10.6.0.15"}}, []ports.AddressPair{{IPAddress: "10.6.0.99", MACAddress: "fa:16:3e:00:06:01"}}, "web",
			[]object{{"ip_address": "10.6.0.15", "hostname": "web", "fqdn": "web.openstacklocal."}}, []extradhcpopts.ExtraDHCPOpt{{OptName: "mtu", OptValue: "1400", IPVersion: 4}}, true, "normal", "", "", "DOWN"})
	stale := p.RevisionNumber
	ok(t, ports.Update(ctx, c, p.ID, extradhcpopts.UpdateOptsExt{ExtraDHCPOpts: []extradhcpopts.UpdateExtraDHCPOpt{{OptName: "mtu"}},
		UpdateOptsBuilder: dns.PortUpdateOptsExt{DNSName: new(""), UpdateOptsBuilder: portsecurity.PortUpdateOptsExt{PortSecurityEnabled: new(false),
			UpdateOptsBuilder: ports.UpdateOpts{Name: new("gc-eth1"), AllowedAddressPairs: &[]ports.AddressPair{}, SecurityGroups: &[]string{}, RevisionNumber: &stale}}}}).ExtractInto(&p))
	expect(t, "the port afterwards", []any{p.Name, p.AllowedAddressPairs, p.DNSName, p.ExtraDHCPOpts, p.PortSecurityEnabled}, []any{"gc-eth1", []any{}, "", []any{}, false})
	_, err := ports.Update(ctx, c, p.ID, ports.UpdateOpts{Name: new("gc-eth2"), RevisionNumber: &stale}).Extract()
	refused(t, err, http.StatusPreconditionFailed)

	bulk := []object{}
	for range 5 {
		bulk = append(bulk, object{"network_id": n.ID, "name": "gc-bulk"})
	}
	var made struct{ Ports []ports.Port }
	_, err = c.Post(ctx, c.ServiceURL("ports"), object{"ports": bulk}, &made, nil)
	ok(t, err)
	expect(t, "ports made at once", len(made.Ports), 5)
	found := all(t, ports.List(c, ports.ListOpts{NetworkID: n.ID, Name: "gc-bulk", Limit: 2}), ports.ExtractPorts)
	expect(t, "ports, two a page", portIDs(found), portIDs(made.Ports))
	expect(t, "ports by address", portIDs(all(t, ports.List(c, ports.ListOpts{FixedIPs: []ports.FixedIPOpts{{IPAddress: "10.6.0.15"}, {SubnetID: subnet.ID}}, NetworkID: n.ID,
		Name: "gc-eth1"}), ports.ExtractPorts)), []string{p.ID})

	tags := must[[]string](t)(attributestags.ReplaceAll(ctx, c, "networks", n.ID, attributestags.ReplaceAllOpts{Tags: []string{"gc-a", "gc-b"}}).Extract())
	expect(t, "the tags", tags, []string{"gc-a", "gc-b"})
	ok(t, attributestags.Add(ctx, c, "networks", n.ID, "gc-c").ExtractErr())
	ok(t, attributestags.Delete(ctx, c, "networks", n.ID, "gc-a").ExtractErr())
	expect(t, "a tag that is there", must[bool](t)(attributestags.Confirm(ctx, c, "networks", n.ID, "gc-c").Extract()), true)
	expect(t, "a tag that is gone", must[bool](t)(attributestags.Confirm(ctx, c, "networks", n.ID, "gc-a").Extract()), false)
	expect(t, "the tags afterwards", must[[]string](t)(attributestags.List(ctx, c, "networks", n.ID).Extract()), []string{"gc-b", "gc-c"})
	expect(t, "networks by tags", len(all(t, networks.List(c, networks.ListOpts{Tags: "gc-b,gc-c", NotTags: "gc-a"}), networks.ExtractNetworks)), 1)
	ok(t, attributestags.DeleteAll(ctx, c, "networks", n.ID).ExtractErr())

	expect(t, "extensions", slices.ContainsFunc(all(t, extensions.List(c), extensions.ExtractExtensions), func(e extensions.Extension) bool { return e.Alias == "quotas" }), true)
	expect(t, "a limit", must[*quotas.Quota](t)(quotas.Get(ctx, c, cloud.keystone.ProjectID(keystone.Red)).Extract()).Port, 500)
	detail := must[*quotas.QuotaDetailSet](t)(quotas.GetDetail(ctx, c, cloud.keystone.ProjectID(keystone.Red)).Extract())
	expect(t, "how much of it is used", detail.Port.Used >= 6 && detail.Port.Limit == 500, true)

	stranger := network(t, "blue-member")
	_, err = networks.Get(ctx, stranger, n.ID).Extract()
	refused(t, err, http.StatusNotFound)
	refused(t, ports.Delete(ctx, stranger, p.ID).ExtractErr(), http.StatusNotFound)
	refused(t, networks.Delete(ctx, network(t, "red-reader"), n.ID).ExtractErr(), http.StatusForbidden)
	refused(t, networks.Delete(ctx, c, n.ID).ExtractErr(), http.StatusConflict)
	for _, port := range append(made.Ports, p.Port) {
		ok(t, ports.Delete(ctx, c, port.ID).ExtractErr())
	}
	ok(t, subnets.Delete(ctx, c, subnet.ID).ExtractErr())
	ok(t, networks.Delete(ctx, c, n.ID).ExtractErr())
}

func portIDs(list []ports.Port) []string {
	ids := []string{}
	for _, p := range list {
		ids = append(ids, p.ID)
	}
	slices.Sort(ids)
	return ids
}

// vlan is what gophercloud has only for networks of several segments.
type vlan struct {
	networks.CreateOptsBuilder
	id int
}

func (v vlan) ToNetworkCreateMap() (map[string]any, error) {
	body, err := v.CreateOptsBuilder.ToNetworkCreateMap()
	if err == nil {
		n := body["network"].(map[string]any)
		n["provider:network_type"], n["provider:physical_network"], n["provider:segmentation_id"] = "vlan", "public", v.id
	}
	return body, err
}

func TestGophercloudAdministrator(t *testing.T) {
	t.Parallel()
	ctx, c, stranger := t.Context(), network(t, "red-admin"), network(t, "blue-member")
	blue := cloud.keystone.ProjectID(keystone.Blue)

	var n struct {
		networks.Network
		external.NetworkExternalExt
		provider.NetworkProviderExt
	}
	ok(t, networks.Create(ctx, c, external.CreateOptsExt{External: new(true), CreateOptsBuilder: vlan{networks.CreateOpts{Name: "gc-public"}, 66}}).ExtractInto(&n))
	expect(t, "the network", []any{n.External, n.NetworkType, n.PhysicalNetwork, n.SegmentationID}, []any{true, "vlan", "public", "66"})
	found := all(t, networks.List(stranger, external.ListOptsExt{External: new(true), ListOptsBuilder: networks.ListOpts{Name: "gc-public"}}), networks.ExtractNetworks)
	expect(t, "external networks", len(found), 1)
	ok(t, networks.Delete(ctx, c, n.ID).ExtractErr())

	office := must[*networks.Network](t)(networks.Create(ctx, c, networks.CreateOpts{Name: "gc-office"}).Extract())
	must[*subnets.Subnet](t)(subnets.Create(ctx, c, subnets.CreateOpts{NetworkID: office.ID, CIDR: "10.7.0.0/24", IPVersion: gophercloud.IPv4}).Extract())
	var p struct {
		ports.Port
		portsbinding.PortsBindingExt
	}
	ok(t, ports.Create(ctx, c, portsbinding.CreateOptsExt{HostID: "compute1", VNICType: "normal", Profile: map[string]any{"a": "b"},
		CreateOptsBuilder: ports.CreateOpts{NetworkID: office.ID, DeviceOwner: "compute:nova"}}).ExtractInto(&p))
	expect(t, "the port", []any{p.HostID, p.VIFType, p.VIFDetails["bridge_name"], p.VNICType, p.Profile}, []any{"compute1", "ovs", "br-int", "normal", object{"a": "b"}})
	p.Profile = nil
	ok(t, ports.Update(ctx, c, p.ID, portsbinding.UpdateOptsExt{HostID: new("nowhere"), Profile: map[string]any{}, UpdateOptsBuilder: ports.UpdateOpts{}}).ExtractInto(&p))
	expect(t, "the port afterwards", []any{p.HostID, p.VIFType, p.Profile}, []any{"nowhere", "binding_failed", object{}})

	list := all(t, agents.List(c, agents.ListOpts{Host: "compute1", Alive: new(false)}), agents.ExtractAgents)
	if len(list) != 1 || list[0].Host != "compute1" || list[0].Configurations["datapath_type"] != "system" || list[0].CreatedAt.IsZero() || list[0].HeartbeatTimestamp.IsZero() {
		t.Errorf("agents: %+v", list)
	} else {
		expect(t, "an agent", must[*agents.Agent](t)(agents.Get(ctx, c, list[0].ID).Extract()).ID, nodes["compute1"])
	}
	expect(t, "a stranger's agents", len(all(t, agents.List(stranger, nil), agents.ExtractAgents)), 0)

	availability := must[*networkipavailabilities.NetworkIPAvailability](t)(networkipavailabilities.Get(ctx, c, office.ID).Extract())
	expect(t, "addresses", []any{availability.NetworkName, availability.TotalIPs, availability.UsedIPs, availability.SubnetIPAvailabilities[0].TotalIPs}, []any{"gc-office", "253", "2", "253"})
	expect(t, "addresses, listed", len(all(t, networkipavailabilities.List(c, networkipavailabilities.ListOpts{NetworkName: "gc-office", IPVersion: "4"}),
		networkipavailabilities.ExtractNetworkIPAvailabilities)), 1)

	policy := must[*rbacpolicies.RBACPolicy](t)(rbacpolicies.Create(ctx, c, rbacpolicies.CreateOpts{Action: rbacpolicies.ActionAccessShared, ObjectType: "network", TargetTenant: blue, ObjectID: office.ID}).Extract())
	shared := must[*networks.Network](t)(networks.Get(ctx, stranger, office.ID).Extract())
	expect(t, "the network for a stranger", shared.Shared, true)
	expect(t, "policies", len(all(t, rbacpolicies.List(c, rbacpolicies.ListOpts{ObjectID: office.ID, Action: rbacpolicies.ActionAccessShared, Limit: 1}), rbacpolicies.ExtractRBACPolicies)), 1)
	policy = must[*rbacpolicies.RBACPolicy](t)(rbacpolicies.Update(ctx, c, policy.ID, rbacpolicies.UpdateOpts{TargetTenant: "somebody"}).Extract())
	expect(t, "whom the policy is for", must[*rbacpolicies.RBACPolicy](t)(rbacpolicies.Get(ctx, c, policy.ID).Extract()).TargetTenant, "somebody")
	_, err := networks.Get(ctx, stranger, office.ID).Extract()
	refused(t, err, http.StatusNotFound)
	ok(t, rbacpolicies.Delete(ctx, c, policy.ID).ExtractErr())

	limits := must[*quotas.Quota](t)(quotas.Update(ctx, c, "gc-limited", quotas.UpdateOpts{Network: new(0), Port: new(-1)}).Extract())
	expect(t, "the limits", []int{limits.Network, limits.Port, limits.Subnet}, []int{0, -1, 100})
	_, err = networks.Create(ctx, c, networks.CreateOpts{Name: "gc-x", ProjectID: "gc-limited"}).Extract()
	refused(t, err, http.StatusConflict)
	ok(t, quotas.Delete(ctx, c, "gc-limited").ExtractErr())
	_, err = quotas.Update(ctx, stranger, blue, quotas.UpdateOpts{Network: new(-1)}).Extract()
	refused(t, err, http.StatusForbidden)

	ok(t, ports.Delete(ctx, c, p.ID).ExtractErr())
	ok(t, networks.Delete(ctx, c, office.ID).ExtractErr())
}
