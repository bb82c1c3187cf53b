package clients

import (
	"slices"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/tests/keystone"
)

// A member connects networks with each other and with the outside; the administrator sees what serves them.
func TestOpenStackRouters(t *testing.T) {
	t.Parallel()
	admin, c, stranger := as(t, "openstack", "red-admin"), as(t, "openstack", "red-member"), as(t, "openstack", "blue-member")
	public := admin.object("network", "create", "os-outside", "--external", "--provider-network-type", "vlan", "--provider-physical-network", "public", "--provider-segment", "78")
	outside := admin.object("subnet", "create", "os-outside", "--network", "os-outside", "--subnet-range", "192.0.2.0/24", "--gateway", "192.0.2.1", "--no-dhcp")
	c.run("network", "create", "os-inside")
	inside := c.object("subnet", "create", "os-inside", "--network", "os-inside", "--subnet-range", "10.8.0.0/24")
	c.run("subnet", "create", "os-inside2", "--network", "os-inside", "--subnet-range", "10.9.0.0/24", "--gateway", "none", "--no-dhcp")
	port := c.object("port", "create", "os-vm", "--network", "os-inside", "--fixed-ip", "subnet=os-inside,ip-address=10.8.0.15", "--fixed-ip", "subnet=os-inside2,ip-address=10.9.0.15")

	router := c.object("router", "create", "os-edge", "--description", "to the outside", "--tag", "prod", "--availability-zone-hint", "nova")
	expect(t, "the router", []any{router["project_id"], router["status"], router["admin_state_up"], router["availability_zone_hints"], router["tags"], router["distributed"], router["external_gateway_info"]},
		[]any{cloud.keystone.ProjectID(keystone.Red), "ACTIVE", true, []string{"nova"}, []string{"prod"}, nil, nil})
	c.run("router", "set", "os-edge", "--external-gateway", "os-outside", "--name", "os-gate")
	c.run("router", "add", "subnet", "os-gate", "os-inside")
	c.run("port", "create", "os-second", "--network", "os-inside", "--fixed-ip", "subnet=os-inside2,ip-address=10.9.0.1")
	c.run("router", "add", "port", "os-gate", "os-second")
	c.run("router", "set", "os-gate", "--route", "destination=172.16.0.0/16,gateway=10.8.0.7")
	c.run("router", "add", "route", "os-gate", "--route", "destination=172.17.0.0/16,gateway=10.9.0.7")
	c.run("router", "remove", "route", "os-gate", "--route", "destination=172.16.0.0/16,gateway=10.8.0.7")
	shown := c.object("router", "show", "os-gate")
	expect(t, "the router's routes", shown["routes"], []object{{"destination": "172.17.0.0/16", "nexthop": "10.9.0.7"}})
	expect(t, "the router's interfaces", shown["interfaces_info"].([]any)[0].(map[string]any)["subnet_id"], inside["id"])
	gateway := shown["external_gateway_info"].(map[string]any)
	expect(t, "the router's gateway", []any{gateway["network_id"], gateway["enable_snat"], gateway["external_fixed_ips"].([]any)[0].(map[string]any)["subnet_id"]}, []any{public["id"], true, outside["id"]})
	expect(t, "router list", c.list("router", "list", "--name", "os-gate", "--tags", "prod"), rows{{"ID": router["id"], "Name": "os-gate", "Status": "ACTIVE", "State": true, "Project": router["project_id"]}})
	expect(t, "the administrator's router list", admin.list("router", "list", "--name", "os-gate", "-c", "Distributed", "-c", "HA"), rows{{"Distributed": true, "HA": false}})
	expect(t, "port list --router", slices.Contains(c.list("port", "list", "--router", "os-gate", "-c", "Name").column("Name"), any("os-second")), true)
	expect(t, "network agent list --router", admin.list("network", "agent", "list", "--router", "os-gate"), rows{})
	expect(t, "router list --agent", admin.list("router", "list", "--agent", nodes["compute1"]), rows{})

	floating := c.object("floating", "ip", "create", "os-outside", "--description", "web", "--tag", "prod", "--dns-name", "web", "--dns-domain", "example.org.")
	expect(t, "the floating IP", []any{floating["status"], floating["floating_network_id"], floating["port_id"], floating["router_id"], floating["dns_name"], floating["dns_domain"], floating["tags"]},
		[]any{"DOWN", public["id"], nil, nil, "web", "example.org.", []string{"prod"}})
	address := floating.text("floating_ip_address")
	c.fails("has multiple fixed IPv4 addresses", "floating", "ip", "set", address, "--port", "os-vm")
	c.run("floating", "ip", "set", address, "--port", "os-vm", "--fixed-ip-address", "10.9.0.15")
	shown = c.object("floating", "ip", "show", address)
	expect(t, "whom it stands for", []any{shown["status"], shown["port_id"], shown["fixed_ip_address"], shown["router_id"], strings.Contains(shown.text("port_details"), "os-vm")},
		[]any{"ACTIVE", port["id"], "10.9.0.15", router["id"], true})
	expect(t, "floating ip list", c.list("floating", "ip", "list", "--port", "os-vm", "--router", "os-gate", "--status", "ACTIVE", "--network", "os-outside", "--fixed-ip-address", "10.9.0.15", "-c", "Floating IP Address", "-c", "Port"),
		rows{{"Floating IP Address": address, "Port": port["id"]}})
	asked := admin.object("floating", "ip", "create", "os-outside", "--floating-ip-address", "192.0.2.200", "--subnet", "os-outside", "--project", keystone.Red)
	expect(t, "the address that was asked for", asked["floating_ip_address"], "192.0.2.200")
	c.run("floating", "ip", "delete", "192.0.2.200")

	c.fails("rule:update_router:external_gateway_info:enable_snat is disallowed by policy", "router", "set", "os-gate", "--external-gateway", "os-outside", "--disable-snat")
	c.fails("rule:create_floatingip:floating_ip_address is disallowed by policy", "floating", "ip", "create", "os-outside", "--floating-ip-address", "192.0.2.201")
	c.fails("rule:create_router:distributed is disallowed by policy", "router", "create", "os-x", "--distributed")
	c.fails("is required by one or more floating IPs", "router", "unset", "os-gate", "--external-gateway")
	c.fails("has ports still attached", "router", "delete", "os-gate")
	stranger.fails("No Router found for os-gate", "router", "show", "os-gate")
	admin.run("router", "set", "os-gate", "--external-gateway", "os-outside", "--disable-snat", "--fixed-ip", "subnet=os-outside,ip-address=192.0.2.77")
	gateway = admin.object("router", "show", "os-gate")["external_gateway_info"].(map[string]any)
	expect(t, "the gateway afterwards", []any{gateway["enable_snat"], gateway["external_fixed_ips"]}, []any{false, []object{{"subnet_id": outside["id"], "ip_address": "192.0.2.77"}}})

	admin.run("quota", "set", "--routers", "7", "--floating-ips", "9", keystone.Blue)
	limits := stranger.object("quota", "show")
	expect(t, "quota show", []any{limits["routers"], limits["floating-ips"]}, []any{7, 9})
	admin.run("quota", "set", "--routers", "10", "--floating-ips", "50", keystone.Blue)

	c.run("floating", "ip", "unset", "--port", address)
	c.run("floating", "ip", "delete", address)
	c.run("router", "unset", "os-gate", "--route", "destination=172.17.0.0/16,gateway=10.9.0.7", "--external-gateway")
	c.run("router", "remove", "subnet", "os-gate", "os-inside")
	c.run("router", "remove", "port", "os-gate", "os-second")
	c.run("router", "delete", "os-gate")
	c.run("port", "delete", "os-vm")
	c.run("network", "delete", "os-inside")
	admin.run("network", "delete", "os-outside")
}
