package clients

import (
	"slices"
	"testing"

	"github.com/planck-sdn/planck/tests/keystone"
)

// A member lets things into its servers, and an administrator says how many groups it may have.
func TestOpenStackSecurityGroups(t *testing.T) {
	t.Parallel()
	admin, c, stranger := as(t, "openstack", "red-admin"), as(t, "openstack", "red-member"), as(t, "openstack", "blue-member")
	byDefault := c.object("security", "group", "show", "default")
	expect(t, "the default group", []any{byDefault["project_id"], byDefault["description"], len(byDefault["rules"].([]any))}, []any{cloud.keystone.ProjectID(keystone.Red), "Default security group", 4})
	c.run("network", "create", "os-guarded")

	web := c.object("security", "group", "create", "os-web", "--description", "the web", "--tag", "prod")
	expect(t, "the group", []any{web["project_id"], web["stateful"], web["tags"], len(web["rules"].([]any))}, []any{cloud.keystone.ProjectID(keystone.Red), true, []string{"prod"}, 2})
	rule := c.object("security", "group", "rule", "create", "os-web", "--protocol", "tcp", "--dst-port", "80:90", "--remote-ip", "192.0.2.0/24", "--description", "the browsers")
	expect(t, "the rule", []any{rule["direction"], rule["ether_type"], rule["protocol"], rule["port_range_min"], rule["port_range_max"], rule["remote_ip_prefix"], rule["description"]},
		[]any{"ingress", "IPv4", "tcp", 80, 90, "192.0.2.0/24", "the browsers"})
	ping := c.object("security", "group", "rule", "create", "os-web", "--protocol", "icmp", "--icmp-type", "8", "--icmp-code", "0", "--remote-group", "default", "--ingress")
	expect(t, "the ping", []any{ping["port_range_min"], ping["port_range_max"], ping["remote_group_id"], ping["remote_ip_prefix"]}, []any{8, 0, byDefault["id"], nil})
	later := c.object("security", "group", "rule", "create", "os-web", "--egress", "--ethertype", "IPv6", "--protocol", "any", "--remote-ip", "fd00::/8")
	expect(t, "a rule for IPv6", []any{later["direction"], later["ether_type"], later["protocol"], later["remote_ip_prefix"]}, []any{"egress", "IPv6", nil, "fd00::/8"})
	expect(t, "security group rule list", c.list("security", "group", "rule", "list", "os-web", "--protocol", "tcp", "--ingress", "--long", "-c", "ID", "-c", "Direction", "-c", "Port Range"),
		rows{{"ID": rule["id"], "Direction": "ingress", "Port Range": "80:90"}})
	expect(t, "all rules of the group", len(c.list("security", "group", "rule", "list", "os-web")), 5)
	expect(t, "security group rule show", c.object("security", "group", "rule", "show", ping.text("id"))["security_group_id"], web["id"])
	c.fails("Security group rule already exists. Rule id is "+rule.text("id"), "security", "group", "rule", "create", "os-web", "--protocol", "tcp", "--dst-port", "80:90", "--remote-ip", "192.0.2.0/24")
	c.fails("Ports cannot be specified for protocol sctp", "security", "group", "rule", "create", "os-web", "--protocol", "sctp", "--dst-port", "80:90")
	c.fails("Conflicting value ethertype IPv6 for CIDR 10.0.0.0/8", "security", "group", "rule", "create", "os-web", "--ethertype", "IPv6", "--remote-ip", "10.0.0.0/8")

	c.run("security", "group", "set", "os-web", "--name", "os-www", "--description", "more of the web", "--tag", "web")
	expect(t, "security group list", c.list("security", "group", "list", "--tags", "prod,web"), rows{{"ID": web["id"], "Name": "os-www", "Description": "more of the web", "Project": web["project_id"], "Tags": []string{"prod", "web"}}})
	c.run("security", "group", "unset", "os-www", "--tag", "web")
	expect(t, "security group list --project", slices.Contains(admin.list("security", "group", "list", "--project", keystone.Red).column("Name"), any("os-www")), true)
	c.run("security", "group", "create", "os-fast", "--stateless")
	expect(t, "a stateless group", c.object("security", "group", "show", "os-fast")["stateful"], false)

	port := c.object("port", "create", "os-eth2", "--network", "os-guarded", "--security-group", "os-www")
	expect(t, "the port's groups", []any{port["security_group_ids"], port["port_security_enabled"]}, []any{[]any{web["id"]}, true})
	expect(t, "a port's groups when nobody says them", c.object("port", "create", "os-eth3", "--network", "os-guarded")["security_group_ids"], []any{byDefault["id"]})
	expect(t, "a port without groups", c.object("port", "create", "os-eth4", "--network", "os-guarded", "--no-security-group")["security_group_ids"], []any{})
	free := c.object("port", "create", "os-eth5", "--network", "os-guarded", "--disable-port-security", "--no-security-group")
	expect(t, "a port without port security", []any{free["security_group_ids"], free["port_security_enabled"]}, []any{[]any{}, false})
	c.run("port", "set", "os-eth2", "--no-security-group", "--security-group", "default")
	c.run("port", "unset", "os-eth3", "--security-group", "default")
	expect(t, "the port's groups afterwards", c.object("port", "show", "os-eth2")["security_group_ids"], []any{byDefault["id"]})
	expect(t, "the other port's groups afterwards", c.object("port", "show", "os-eth3")["security_group_ids"], []any{})
	c.fails("Cannot apply both stateful and stateless security groups on the same port at the same time", "port", "set", "os-eth2", "--security-group", "os-fast")
	c.fails("Port has security group associated. Cannot disable port security or IP address until security group is removed.", "port", "set", "os-eth2", "--disable-port-security")
	c.fails("Port security must be enabled and port must have an IP address in order to use security groups.", "port", "set", "os-eth5", "--security-group", "default")
	c.run("port", "set", "os-eth2", "--disable-port-security", "--no-security-group")
	c.run("port", "set", "os-eth2", "--enable-port-security", "--security-group", "os-www")

	c.fails("in use", "security", "group", "delete", "os-www")
	c.fails("Updating default security group not allowed.", "security", "group", "set", "default", "--name", "os-mine")
	stranger.fails("No SecurityGroup found for "+web.text("id"), "security", "group", "show", web.text("id"))
	stranger.fails("No SecurityGroupRule found for "+rule.text("id"), "security", "group", "rule", "show", rule.text("id"))

	admin.run("quota", "set", "--secgroups", "7", "--secgroup-rules", "77", keystone.Blue)
	limits := stranger.object("quota", "show")
	expect(t, "quota show", []any{limits["secgroups"], limits["secgroup-rules"]}, []any{7, 77})
	admin.run("quota", "set", "--secgroups", "10", "--secgroup-rules", "100", keystone.Blue)

	c.run("port", "delete", "os-eth2", "os-eth3", "os-eth4", "os-eth5")
	c.run("security", "group", "rule", "delete", rule.text("id"), ping.text("id"))
	c.run("security", "group", "delete", "os-www", "os-fast")
	c.run("network", "delete", "os-guarded")
}
