package clients

import "testing"

// Routers and floating IPs with the command of 2012.
func TestNeutronRouters(t *testing.T) {
	t.Parallel()
	admin, c := as(t, "neutron", "red-admin"), as(t, "neutron", "red-member")
	public := admin.object("net-create", "ne-outside", "--router:external", "--provider:network_type", "vlan", "--provider:physical_network", "public", "--provider:segmentation_id", "80")
	admin.run("subnet-create", "ne-outside", "203.0.113.0/24", "--name", "ne-outside", "--disable-dhcp")
	c.run("net-create", "ne-inside")
	c.run("subnet-create", "ne-inside", "10.10.0.0/24", "--name", "ne-inside")
	port := c.object("port-create", "ne-inside", "--name", "ne-vm", "--fixed-ip", "ip_address=10.10.0.15")

	router := c.object("router-create", "ne-edge", "--description", "to the outside")
	expect(t, "the router's gateway", router["external_gateway_info"], nil)
	c.run("router-gateway-set", "ne-edge", "ne-outside")
	c.run("router-interface-add", "ne-edge", "ne-inside")
	c.run("router-update", "ne-edge", "--route", "destination=172.16.0.0/16,nexthop=10.10.0.7", "--name", "ne-gate")
	expect(t, "router-list", c.list("router-list", "--name", "ne-gate", "-c", "id", "-c", "name"), rows{{"id": router["id"], "name": "ne-gate"}})
	expect(t, "router-show", c.object("router-show", "ne-gate", "-F", "status")["status"], "ACTIVE")
	expect(t, "net-external-list", in(c.list("net-external-list").column("name"), "ne-outside"), []string{"ne-outside"})
	expect(t, "l3-agent-list-hosting-router", admin.list("l3-agent-list-hosting-router", "ne-gate"), rows{})
	expect(t, "router-list-on-l3-agent", admin.list("router-list-on-l3-agent", nodes["compute1"]), rows{})

	floating := c.object("floatingip-create", "ne-outside")
	expect(t, "the floating IP's network", floating["floating_network_id"], public["id"])
	c.run("floatingip-associate", floating.text("id"), port.text("id"), "--fixed-ip-address", "10.10.0.15")
	expect(t, "floatingip-list", c.list("floatingip-list", "--port_id", port.text("id"), "-c", "id", "-c", "fixed_ip_address"), rows{{"id": floating["id"], "fixed_ip_address": "10.10.0.15"}})
	expect(t, "floatingip-show", c.object("floatingip-show", floating.text("id"))["router_id"], router["id"])
	c.fails("is required by one or more floating IPs", "router-gateway-clear", "ne-gate")
	c.fails("is required by one or more floating IPs", "router-interface-delete", "ne-gate", "ne-inside")
	c.fails("rule:update_router:external_gateway_info:enable_snat is disallowed by policy", "router-gateway-set", "ne-gate", "ne-outside", "--disable-snat")
	c.run("floatingip-disassociate", floating.text("id"))
	c.run("floatingip-delete", floating.text("id"))
	c.run("router-update", "ne-gate", "--no-routes")
	c.run("router-gateway-clear", "ne-gate")
	c.run("router-interface-delete", "ne-gate", "ne-inside")
	c.run("router-delete", "ne-gate")
	c.run("port-delete", "ne-vm")
	c.run("net-delete", "ne-inside")
	admin.run("net-delete", "ne-outside")
}
