package clients

import (
	"strings"
	"testing"
)

// The command of today, over openstacksdk. Without Keystone it has no project to send, so the body says it.
func TestOpenStackCommand(t *testing.T) {
	c := client{t: t, name: "openstack", args: []string{"--os-auth-type", "none", "--os-endpoint", serve(t)}}
	project := []string{"--extra-property", "name=project_id,value=red"}

	c.expect("the first list", c.list("network", "list"), []map[string]any{})
	network := c.object(append([]string{"network", "create", "private", "--mtu", "1400", "--description", "for the VMs"}, project...)...)
	c.expect("the network's project", network["project_id"], "red")
	c.expect("the network's MTU", network["mtu"], 1400)
	provider := c.object(append([]string{"network", "create", "provider", "--share", "--provider-network-type", "vlan", "--provider-physical-network", "public", "--provider-segment", "77"}, project...)...)
	c.expect("the VLAN", provider["provider:segmentation_id"], 77)
	subnet := c.object(append([]string{"subnet", "create", "subnet", "--network", "private", "--subnet-range", "10.0.0.0/24", "--gateway", "none", "--dns-nameserver", "192.0.2.53",
		"--allocation-pool", "start=10.0.0.10,end=10.0.0.20", "--host-route", "destination=192.0.2.0/24,gateway=10.0.0.7"}, project...)...)
	c.expect("the subnet's gateway", subnet["gateway_ip"], nil)
	port := c.object(append([]string{"port", "create", "eth0", "--network", "private", "--fixed-ip", "subnet=subnet,ip-address=10.0.0.15", "--mac-address", "fa:16:3e:00:00:01",
		"--host", "compute1", "--vnic-type", "normal", "--allowed-address", "ip-address=10.0.0.99"}, project...)...)
	c.expect("the port's host", port["binding_host_id"], "compute1")

	if rows := c.list("network", "list", "--long", "--share"); len(rows) != 1 || rows[0]["Name"] != "provider" {
		t.Errorf("network list shows %v", rows)
	}
	if rows := c.list("network", "list", "--external"); len(rows) != 0 {
		t.Errorf("network list --external shows %v", rows)
	}
	if rows := c.list("subnet", "list", "--network", "private", "--ip-version", "4"); len(rows) != 1 || rows[0]["Subnet"] != "10.0.0.0/24" {
		t.Errorf("subnet list shows %v", rows)
	}
	if rows := c.list("port", "list", "--fixed-ip", "ip-address=10.0.0.15", "--long"); len(rows) != 1 || rows[0]["Name"] != "eth0" {
		t.Errorf("port list shows %v", rows)
	}
	if rows := c.list("extension", "list", "--network"); len(rows) < 5 {
		t.Errorf("extension list shows %v", rows)
	}
	c.run(true, "port", "set", "eth0", "--name", "eth1", "--disable", "--device", "vm1", "--device-owner", "compute:nova", "--no-fixed-ip")
	changed := c.object("port", "show", "eth1")
	c.expect("the port's state", changed["admin_state_up"], false)
	c.expect("the port's addresses", changed["fixed_ips"], []any{})
	c.run(true, "subnet", "set", "subnet", "--gateway", "10.0.0.1", "--no-dhcp")
	c.run(true, "network", "set", "private", "--name", "ours")

	if said := c.fails("network", "delete", "ours"); !strings.Contains(said, "There are one or more ports still in use on the network") {
		t.Errorf("network delete says %s", said)
	}
	if said := c.fails(append([]string{"port", "create", "x", "--network", "ours", "--fixed-ip", "ip-address=192.0.2.1"}, project...)...); !strings.Contains(said, "not a valid IP for any of the subnets") {
		t.Errorf("port create says %s", said)
	}
	if said := c.fails("network", "show", "nowhere"); !strings.Contains(said, "No Network found for nowhere") {
		t.Errorf("network show says %s", said)
	}
	c.run(true, "port", "delete", "eth1")
	c.run(true, "subnet", "delete", "subnet")
	c.run(true, "network", "delete", "ours", "provider")
	c.expect("the last list", c.list("network", "list"), []map[string]any{})
}
