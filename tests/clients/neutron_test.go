package clients

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The command of 2012 in its last version, which still appends .json here and there.
func TestNeutronCommand(t *testing.T) {
	clouds := filepath.Join(t.TempDir(), "clouds.yaml")
	if err := os.WriteFile(clouds, []byte("clouds: {planck: {auth_type: none, auth: {endpoint: '"+serve(t)+"'}}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := client{t: t, name: "neutron", args: []string{"--os-cloud", "planck"}, env: []string{"OS_CLIENT_CONFIG_FILE=" + clouds}}

	network := c.object("net-create", "private", "--tenant-id", "red", "--description", "for the VMs")
	c.expect("the network's name", network["name"], "private")
	c.expect("the network's tenant", network["tenant_id"], "red")
	c.expect("the network's type", network["provider:network_type"], "vxlan")
	c.object("net-create", "public", "--tenant-id", "red", "--shared")
	subnet := c.object("subnet-create", "private", "10.0.0.0/24", "--name", "subnet", "--tenant-id", "red", "--dns-nameserver", "192.0.2.53",
		"--allocation-pool", "start=10.0.0.10,end=10.0.0.20", "--host-route", "destination=192.0.2.0/24,nexthop=10.0.0.7")
	c.expect("the subnet's gateway", subnet["gateway_ip"], "10.0.0.1")
	port := c.object("port-create", "private", "--name", "eth0", "--tenant-id", "red", "--fixed-ip", "ip_address=10.0.0.15", "--mac-address", "fa:16:3e:00:00:01")
	c.expect("the port's MAC", port["mac_address"], "fa:16:3e:00:00:01")

	if rows := c.list("net-list", "--name", "private"); len(rows) != 1 || rows[0]["id"] != network["id"] {
		t.Errorf("net-list shows %v", rows)
	}
	if rows := c.list("port-list", "--fixed-ips", "ip_address=10.0.0.15", "-c", "id", "-c", "name"); len(rows) != 1 || rows[0]["name"] != "eth0" {
		t.Errorf("port-list shows %v", rows)
	}
	if rows := c.list("ext-list"); len(rows) < 5 {
		t.Errorf("ext-list shows %v", rows)
	}
	c.run(true, "port-update", "eth0", "--name", "eth1", "--admin-state-up", "False")
	c.expect("the port is up", c.object("port-show", "eth1", "-F", "admin_state_up"), map[string]any{"admin_state_up": false})

	if said := c.fails("net-delete", "private"); !strings.Contains(said, "There are one or more ports still in use on the network") {
		t.Errorf("net-delete says %s", said)
	}
	if said := c.fails("port-create", "private", "--tenant-id", "red", "--fixed-ip", "ip_address=10.0.0.15"); !strings.Contains(said, "already allocated") {
		t.Errorf("port-create says %s", said)
	}
	if said := c.fails("subnet-create", "private", "10.0.0.128/25", "--tenant-id", "red"); !strings.Contains(said, "overlaps with another subnet") {
		t.Errorf("subnet-create says %s", said)
	}
	c.run(true, "port-delete", "eth1")
	c.run(true, "subnet-delete", "subnet")
	c.run(true, "net-delete", "private", "public")
	if rows := c.run(true, "net-list", "-f", "value"); strings.TrimSpace(rows) != "" {
		t.Errorf("net-list shows %s", rows)
	}
}
