package clients

import (
	"slices"
	"testing"

	"github.com/planck-sdn/planck/tests/keystone"
)

// A member of a project sets up networks, changes and tags them, looks for things, and takes all away in the wrong and in the right order.
func TestOpenStackMember(t *testing.T) {
	t.Parallel()
	c := as(t, "openstack", "red-member")
	network := c.object("network", "create", "os-private", "--description", "for the VMs", "--mtu", "1400", "--tag", "prod", "--tag", "web", "--dns-domain", "example.org.")
	expect(t, "the network's project", network["project_id"], cloud.keystone.ProjectID(keystone.Red))
	expect(t, "the network's MTU", network["mtu"], 1400)
	expect(t, "what only administrators see", network["provider:network_type"], nil)
	c.run("network", "create", "os-spare", "--tag", "test", "--disable-port-security")
	subnet := c.object("subnet", "create", "os-subnet", "--network", "os-private", "--subnet-range", "10.0.0.0/24", "--dns-nameserver", "192.0.2.53",
		"--allocation-pool", "start=10.0.0.10,end=10.0.0.20", "--host-route", "destination=192.0.2.0/24,gateway=10.0.0.7")
	expect(t, "the subnet's gateway", subnet["gateway_ip"], "10.0.0.1")
	port := c.object("port", "create", "os-eth0", "--network", "os-private", "--fixed-ip", "subnet=os-subnet,ip-address=10.0.0.15", "--dns-name", "web",
		"--mac-address", "fa:16:3e:00:00:15", "--extra-dhcp-option", "name=mtu,value=1400,ip-version=4", "--allowed-address", "ip-address=10.0.0.99", "--tag", "prod", "--tag", "web")
	expect(t, "the port's DNS assignment", port["dns_assignment"], []object{{"ip_address": "10.0.0.15", "hostname": "web", "fqdn": "web.openstacklocal."}})
	expect(t, "the port's DHCP options", port["extra_dhcp_opts"], []object{{"opt_name": "mtu", "opt_value": "1400", "ip_version": 4}})
	expect(t, "the port's address pairs", port["allowed_address_pairs"], []object{{"mac_address": "fa:16:3e:00:00:15", "ip_address": "10.0.0.99"}})
	c.run("port", "create", "os-eth1", "--network", "os-private", "--device-owner", "compute:nova", "--device", "os-vm1")

	expect(t, "network list --long --name", c.list("network", "list", "--long", "--name", "os-private"), rows{{"ID": network["id"], "Name": "os-private",
		"Status": "ACTIVE", "Project": network["project_id"], "State": true, "Shared": false, "Subnets": []any{subnet["id"]}, "Network Type": nil, "Router Type": false,
		"Availability Zones": []string{"nova"}, "Tags": []string{"prod", "web"}}})
	expect(t, "network list --tags", c.list("network", "list", "--tags", "prod,web", "-c", "Name").column("Name"), []string{"os-private"})
	expect(t, "network list --any-tags --sort-column", c.list("network", "list", "--any-tags", "web,test", "-c", "Name", "--sort-column", "Name", "--sort-descending").column("Name"),
		[]string{"os-spare", "os-private"})
	expect(t, "network list --not-any-tags --internal", slices.Contains(c.list("network", "list", "--not-any-tags", "web,test", "--internal").column("Name"), any("os-spare")), false)
	expect(t, "port list --long --network", c.list("port", "list", "--long", "--network", "os-private", "--sort-column", "Name").column("Device Owner"), []string{"network:dhcp", "", "compute:nova"})
	expect(t, "port list --device-id", c.list("port", "list", "--device-id", "os-vm1", "-c", "Name", "-c", "Status"), rows{{"Name": "os-eth1", "Status": "DOWN"}})
	expect(t, "port list --fixed-ip", c.list("port", "list", "--network", "os-private", "--fixed-ip", "ip-substring=0.0.15").column("Name"), []string{"os-eth0"})
	expect(t, "port list --mac-address", c.list("port", "list", "--mac-address", "FA:16:3E:00:00:15").column("Name"), []string{"os-eth0"})
	expect(t, "subnet list --long", c.list("subnet", "list", "--long", "--network", "os-private", "--ip-version", "4", "--subnet-range", "10.0.0.0/24", "-c", "Name", "-c", "DHCP", "-c", "Name Servers"),
		rows{{"Name": "os-subnet", "DHCP": true, "Name Servers": []string{"192.0.2.53"}}})

	c.run("network", "set", "os-private", "--name", "os-ours", "--tag", "extra", "--description", "changed")
	c.run("network", "unset", "os-ours", "--tag", "web")
	network = c.object("network", "show", "os-ours", "-c", "tags", "-c", "description")
	expect(t, "the network afterwards", network, object{"description": "changed", "tags": []string{"extra", "prod"}})
	c.run("subnet", "set", "os-subnet", "--no-allocation-pool", "--allocation-pool", "start=10.0.0.10,end=10.0.0.40", "--no-dns-nameservers", "--no-host-route", "--gateway", "none", "--no-dhcp")
	subnet = c.object("subnet", "show", "os-subnet", "-c", "allocation_pools", "-c", "dns_nameservers", "-c", "host_routes", "-c", "gateway_ip", "-c", "enable_dhcp")
	expect(t, "the subnet afterwards", subnet, object{"allocation_pools": []object{{"start": "10.0.0.10", "end": "10.0.0.40"}}, "dns_nameservers": []any{}, "host_routes": []any{},
		"gateway_ip": nil, "enable_dhcp": false})
	c.run("port", "set", "os-eth0", "--disable", "--dns-name", "db", "--no-allowed-address")
	c.run("port", "unset", "os-eth0", "--tag", "web", "--fixed-ip", "subnet=os-subnet,ip-address=10.0.0.15")
	port = c.object("port", "show", "os-eth0", "-c", "admin_state_up", "-c", "dns_name", "-c", "allowed_address_pairs", "-c", "tags", "-c", "fixed_ips")
	expect(t, "the port afterwards", port, object{"admin_state_up": false, "dns_name": "db", "allowed_address_pairs": []any{}, "tags": []string{"prod"}, "fixed_ips": []any{}})

	c.fails("BadRequestException: 400: Client Error for url: "+cloud.url+"/v2.0/ports, IP address 192.0.2.1 is not a valid IP for any of the subnets on the specified network.",
		"port", "create", "os-x", "--network", "os-ours", "--fixed-ip", "ip-address=192.0.2.1")
	c.fails("rule:create_network:shared is disallowed by policy", "network", "create", "os-x", "--share")
	c.fails("rule:update_port:binding:host_id is disallowed by policy", "port", "set", "os-eth0", "--host", "compute1")
	c.fails("No Network found for nowhere", "network", "show", "nowhere")
	c.fails("There are one or more ports still in use on the network.", "network", "delete", "os-ours")
	c.fails("One or more ports have an IP allocation from this subnet.", "subnet", "delete", "os-subnet")
	c.run("port", "delete", "os-eth0", "os-eth1")
	c.run("subnet", "delete", "os-subnet")
	c.run("network", "delete", "os-ours", "os-spare")
	expect(t, "the last list", c.list("network", "list", "--any-tags", "prod,test"), rows{})
}

// What an administrator does that others may not; and what the others, in the project and out of it, see of that.
func TestOpenStackAdministrator(t *testing.T) {
	t.Parallel()
	admin, reader, stranger := as(t, "openstack", "red-admin"), as(t, "openstack", "red-reader"), as(t, "openstack", "blue-member")
	blue := cloud.keystone.ProjectID(keystone.Blue)

	public := admin.object("network", "create", "os-public", "--external", "--provider-network-type", "vlan", "--provider-physical-network", "public", "--provider-segment", "77")
	expect(t, "the VLAN", public["provider:segmentation_id"], 77)
	expect(t, "network list --external", slices.Contains(stranger.list("network", "list", "--external").column("Name"), any("os-public")), true)
	network := admin.object("network", "create", "os-office", "--provider-network-type", "vxlan")
	admin.run("subnet", "create", "os-desks", "--network", "os-office", "--subnet-range", "10.4.0.0/24")
	port := admin.object("port", "create", "os-desk", "--network", "os-office", "--host", "compute1", "--binding-profile", "a=1", "--vnic-type", "normal")
	expect(t, "the port's interface", port["binding_vif_type"], "ovs")
	expect(t, "the port's bridge", port["binding_vif_details"].(map[string]any)["bridge_name"], "br-int")
	expect(t, "port list --host", admin.list("port", "list", "--host", "compute1", "--network", "os-office").column("Name"), []string{"os-desk"})

	expect(t, "network agent list", admin.list("network", "agent", "list", "--host", "compute1", "--agent-type", "open-vswitch"), rows{{"ID": nodes["compute1"],
		"Agent Type": "Open vSwitch agent", "Host": "compute1", "Availability Zone": "nova", "Alive": false, "State": true, "Binary": "ovs-vswitchd"}})
	expect(t, "network agent show", admin.object("network", "agent", "show", nodes["compute1"])["configuration"].(map[string]any)["datapath_type"], "system")
	expect(t, "availability zone list", admin.list("availability", "zone", "list", "--network"), rows{{"Zone Name": "nova", "Zone Status": "available"}, {"Zone Name": "nova", "Zone Status": "available"}})
	expect(t, "ip availability list", in(admin.list("ip", "availability", "list", "--ip-version", "4").column("Network Name"), "os-office"), []string{"os-office"})
	expect(t, "ip availability show", admin.object("ip", "availability", "show", "os-office")["used_ips"], 2)
	wanted := []string{"binding", "extra_dhcp_opt", "quotas", "rbac-policies", "standard-attr-tag"}
	expect(t, "extension list", in(reader.list("extension", "list", "--network", "--sort-column", "Alias").column("Alias"), wanted...), wanted)
	expect(t, "extension show", reader.object("extension", "show", "quotas")["name"], "Quota management support")

	expect(t, "a reader's list", reader.list("port", "list", "--network", "os-office", "--sort-column", "Name", "-c", "Name").column("Name"), []string{"", "os-desk"})
	reader.fails("rule:create_network is disallowed by policy", "network", "create", "os-x")
	reader.fails("rule:update_network is disallowed by policy", "network", "set", "os-office", "--name", "mine")
	reader.fails("rule:delete_port is disallowed by policy", "port", "delete", "os-desk")
	expect(t, "a reader's agents", reader.list("network", "agent", "list"), rows{})

	stranger.fails("No Network found for "+network.text("id"), "network", "show", network.text("id"))
	policy := admin.object("network", "rbac", "create", "--type", "network", "--action", "access_as_shared", "--target-project", keystone.Blue, "os-office")
	expect(t, "whom the network is for", policy["target_project_id"], blue)
	expect(t, "network rbac list", slices.Contains(admin.list("network", "rbac", "list", "--type", "network", "--action", "access_as_shared", "--long").column("ID"), policy["id"]), true)
	expect(t, "network rbac show", admin.object("network", "rbac", "show", policy.text("id"))["object_id"], network["id"])
	expect(t, "the network for a stranger", stranger.object("network", "show", "os-office", "-c", "shared"), object{"shared": true})
	expect(t, "a stranger's ports there", stranger.list("port", "list", "--network", "os-office"), rows{})
	stranger.fails("rule:update_network is disallowed by policy", "network", "set", "os-office", "--name", "mine")
	stranger.fails("rule:create_port:fixed_ips:ip_address is disallowed by policy", "port", "create", "os-x", "--network", "os-office", "--fixed-ip", "ip-address=10.4.0.50")
	stranger.run("port", "create", "os-guest", "--network", "os-office")
	stranger.fails("No Port found for os-desk", "port", "show", "os-desk")
	admin.fails("cannot be removed because other objects depend on it", "network", "rbac", "delete", policy.text("id"))
	stranger.run("port", "delete", "os-guest")
	admin.run("network", "rbac", "delete", policy.text("id"))
	stranger.fails("No Network found for os-office", "network", "show", "os-office")

	admin.run("quota", "set", "--rbac-policies", "7", keystone.Blue)
	expect(t, "quota show", stranger.object("quota", "show")["rbac_policies"], 7)
	expect(t, "quota list --network", admin.list("quota", "list", "--network", "--project", keystone.Blue, "-c", "Project ID", "-c", "RBAC Policies"), rows{{"Project ID": blue, "RBAC Policies": 7}})
	expect(t, "quota list --detail", in(admin.list("quota", "list", "--network", "--detail", "--project", keystone.Red).column("Resource"), "ports"), []string{"ports"})
	admin.run("quota", "set", "--rbac-policies", "10", keystone.Blue)
	quotas := admin.list("quota", "list", "--network", "--project", keystone.Blue) // empty, but for quotas that another test has set
	expect(t, "quota list --network, as by default", slices.Contains(quotas.column("RBAC Policies"), any(7)), false)

	admin.run("port", "delete", "os-desk")
	admin.run("network", "delete", "os-office", "os-public")
}
