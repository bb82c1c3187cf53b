package clients

import "testing"

// Security groups with the command of 2012.
func TestNeutronSecurityGroups(t *testing.T) {
	t.Parallel()
	c := as(t, "neutron", "red-member")
	group := c.object("security-group-create", "ne-web", "--description", "the web")
	rule := c.object("security-group-rule-create", "ne-web", "--protocol", "tcp", "--port-range-min", "80", "--port-range-max", "80", "--remote-ip-prefix", "192.0.2.0/24")
	expect(t, "the rule", []any{rule["direction"], rule["ethertype"], rule["port_range_min"], rule["security_group_id"]}, []any{"ingress", "IPv4", 80, group["id"]})
	c.run("security-group-rule-create", "ne-web", "--direction", "egress", "--ethertype", "IPv6", "--protocol", "icmpv6", "--remote-group-id", "ne-web")
	expect(t, "security-group-show", len(c.object("security-group-show", "ne-web")["security_group_rules"].([]any)), 4)
	expect(t, "security-group-rule-list", c.list("security-group-rule-list", "--security_group_id", group.text("id"), "--direction", "ingress", "-c", "id"), rows{{"id": rule["id"]}})
	expect(t, "security-group-rule-show", c.object("security-group-rule-show", rule.text("id"))["remote_ip_prefix"], "192.0.2.0/24")
	c.run("security-group-update", "ne-web", "--name", "ne-www")
	expect(t, "security-group-list", c.list("security-group-list", "--name", "ne-www", "-c", "id", "-c", "name"), rows{{"id": group["id"], "name": "ne-www"}})
	c.run("net-create", "ne-guarded")
	port := c.object("port-create", "ne-guarded", "--name", "ne-kept", "--security-group", "ne-www")
	expect(t, "the port's group", port["security_groups"], []any{group["id"]})
	c.fails("in use", "security-group-delete", "ne-www")
	c.run("port-update", "ne-kept", "--no-security-groups")
	expect(t, "the port's groups afterwards", c.object("port-show", "ne-kept")["security_groups"], []any{})
	c.run("port-delete", "ne-kept")
	c.run("net-delete", "ne-guarded")
	c.run("security-group-rule-delete", rule.text("id"))
	c.run("security-group-delete", "ne-www")
}
