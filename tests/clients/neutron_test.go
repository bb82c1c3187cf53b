package clients

import (
	"slices"
	"testing"

	"github.com/planck-sdn/planck/tests/keystone"
)

// The command of 2012 in its last version.
func TestNeutronMember(t *testing.T) {
	t.Parallel()
	c := as(t, "neutron", "red-member")
	network := c.object("net-create", "ne-private", "--description", "for the VMs", "--mtu", "1400", "--dns-domain", "example.org.")
	expect(t, "the network's tenant", network["tenant_id"], cloud.keystone.ProjectID(keystone.Red))
	c.run("net-create", "ne-spare")
	subnet := c.object("subnet-create", "ne-private", "10.1.0.0/24", "--name", "ne-subnet", "--dns-nameserver", "192.0.2.53",
		"--allocation-pool", "start=10.1.0.10,end=10.1.0.20", "--host-route", "destination=192.0.2.0/24,nexthop=10.1.0.7")
	expect(t, "the subnet's gateway", subnet["gateway_ip"], "10.1.0.1")
	port := c.object("port-create", "ne-private", "--name", "ne-eth0", "--fixed-ip", "ip_address=10.1.0.15", "--mac-address", "fa:16:3e:00:01:15",
		"--extra-dhcp-opt", "opt_name=mtu,opt_value=1400", "--dns-name", "web", "--allowed-address-pair", "ip_address=10.1.0.99")
	expect(t, "the port's DHCP options", port["extra_dhcp_opts"], []object{{"opt_name": "mtu", "opt_value": "1400", "ip_version": 4}})
	c.run("port-create", "ne-private", "--name", "ne-eth1", "--device-id", "ne-vm1", "--device-owner", "compute:nova")
	c.run("tag-add", "--resource-type", "network", "--resource", "ne-private", "--tag", "ne-prod")
	c.run("tag-replace", "--resource-type", "port", "--resource", "ne-eth0", "--tag", "one", "--tag", "two")
	c.run("tag-remove", "--resource-type", "port", "--resource", "ne-eth0", "--tag", "one")

	expect(t, "net-list --tags", c.list("net-list", "--tags", "ne-prod", "-c", "name"), rows{{"name": "ne-private"}})
	expect(t, "net-list, page by page", in(c.list("net-list", "-P", "1", "-c", "name", "--sort-key", "name", "--sort-dir", "desc").column("name"), "ne-spare", "ne-private"), []string{"ne-spare", "ne-private"})
	expect(t, "port-list --fixed-ips", c.list("port-list", "--fixed-ips", "ip_address=10.1.0.15", "-c", "id", "-c", "name"), rows{{"id": port["id"], "name": "ne-eth0"}})
	expect(t, "port-list --device_id", c.list("port-list", "--device_id", "ne-vm1", "-c", "name"), rows{{"name": "ne-eth1"}})
	expect(t, "subnet-list", c.list("subnet-list", "--name", "ne-subnet").column("cidr"), []string{"10.1.0.0/24"})

	c.run("port-update", "ne-eth0", "--name", "ne-eth2", "--admin-state-up", "False", "--extra-dhcp-opt", "opt_name=mtu,opt_value=null", "--no-allowed-address-pairs")
	port = c.object("port-show", "ne-eth2", "-F", "admin_state_up", "-F", "extra_dhcp_opts", "-F", "allowed_address_pairs", "-F", "tags")
	expect(t, "the port afterwards", port["admin_state_up"], false)
	expect(t, "the port's tags", port["tags"], []string{"two"})
	expect(t, "the port's address pairs", port["allowed_address_pairs"], []any{})
	c.run("subnet-update", "ne-subnet", "--no-gateway", "--disable-dhcp", "--allocation-pool", "start=10.1.0.10,end=10.1.0.40")
	subnet = c.object("subnet-show", "ne-subnet")
	expect(t, "the subnet's gateway", subnet["gateway_ip"], nil)
	expect(t, "the subnet's pools", subnet["allocation_pools"], []object{{"start": "10.1.0.10", "end": "10.1.0.40"}})
	c.run("net-update", "ne-private", "--description", "changed")
	expect(t, "the network's description", c.object("net-show", "ne-private")["description"], "changed")

	c.fails("rule:create_network:provider:network_type is disallowed by policy", "net-create", "--provider:network_type", "vlan", "ne-x")
	c.fails("IP address 10.1.0.15 already allocated in subnet", "port-create", "ne-private", "--fixed-ip", "ip_address=10.1.0.15")
	c.fails("overlaps with another subnet", "subnet-create", "ne-private", "10.1.0.128/25")
	c.fails("Unable to find network with name or id 'nowhere'", "net-show", "nowhere")
	c.fails("One or more ports have an IP allocation from this subnet.", "subnet-delete", "ne-subnet")
	c.fails("There are one or more ports still in use on the network.", "net-delete", "ne-private")
	c.run("port-delete", "ne-eth1", "ne-eth2")
	c.run("subnet-delete", "ne-subnet")
	c.run("net-delete", "ne-private", "ne-spare")
}

func TestNeutronAdministrator(t *testing.T) {
	t.Parallel()
	admin, reader, stranger := as(t, "neutron", "red-admin"), as(t, "neutron", "red-reader"), as(t, "neutron", "blue-member")
	red, blue := cloud.keystone.ProjectID(keystone.Red), cloud.keystone.ProjectID(keystone.Blue)

	network := admin.object("net-create", "ne-office")
	expect(t, "the network's type", network["provider:network_type"], "vxlan")
	admin.run("subnet-create", "ne-office", "10.5.0.0/24", "--name", "ne-desks")
	port := admin.object("port-create", "ne-office", "--name", "ne-desk", "--binding:host_id", "compute2")
	expect(t, "the port's interface", port["binding:vif_type"], "ovs")
	expect(t, "agent-list", in(admin.list("agent-list").column("host"), "compute1", "compute2"), []string{"compute1", "compute2"})
	expect(t, "agent-show", admin.object("agent-show", nodes["compute2"])["host"], "compute2")
	expect(t, "availability-zone-list", reader.list("availability-zone-list"), rows{{"name": "nova", "resource": "network", "state": "available"}, {"name": "nova", "resource": "router", "state": "available"}})
	expect(t, "net-ip-availability-show", admin.object("net-ip-availability-show", "ne-office")["used_ips"], 2)
	expect(t, "net-ip-availability-list", in(admin.list("net-ip-availability-list").column("network_name"), "ne-office"), []string{"ne-office"})
	expect(t, "ext-list", in(reader.list("ext-list").column("alias"), "agent", "quotas"), []string{"agent", "quotas"})
	expect(t, "ext-show", reader.object("ext-show", "quotas")["alias"], "quotas")

	expect(t, "a reader's list", reader.list("net-list", "--name", "ne-office", "-c", "id"), rows{{"id": network["id"]}})
	reader.fails("rule:create_network is disallowed by policy", "net-create", "ne-x")
	stranger.fails("Unable to find network with name or id 'ne-office'", "net-show", "ne-office")
	policy := admin.object("rbac-create", "--type", "network", "--action", "access_as_shared", "--target-tenant", blue, "ne-office")
	expect(t, "rbac-list", slices.Contains(admin.list("rbac-list").column("id"), policy["id"]), true)
	expect(t, "rbac-show", admin.object("rbac-show", policy.text("id"))["target_tenant"], blue)
	expect(t, "a stranger's list", stranger.list("net-list", "--name", "ne-office", "-c", "id"), rows{{"id": network["id"]}})
	stranger.fails("rule:delete_network is disallowed by policy", "net-delete", "ne-office")
	admin.run("rbac-delete", policy.text("id"))

	admin.run("quota-update", "--tenant-id", "ne-limited", "--network", "0")
	expect(t, "quota-show", admin.object("quota-show", "--tenant-id", "ne-limited")["network"], 0)
	expect(t, "quota-list", slices.Contains(admin.list("quota-list").column("project_id"), any("ne-limited")), true)
	expect(t, "quota-default-show", admin.object("quota-default-show")["network"], 100)
	expect(t, "a reader's quota-show", reader.object("quota-show")["tenant_id"], red)
	reader.fails("rule:update_quota is disallowed by policy", "quota-update", "--network", "5")
	admin.fails("Quota exceeded for resources: ['network'].", "net-create", "ne-x", "--tenant-id", "ne-limited")
	admin.run("quota-delete", "--tenant-id", "ne-limited")
	admin.run("port-delete", "ne-desk")
	admin.run("net-delete", "ne-office")
}
