package e2e

import "testing"

// TestFirstLight is the whole path once: REST, database, journal, topology, apps, OpenFlow, Open vSwitch, packets.
func TestFirstLight(t *testing.T) {
	for _, database := range Databases {
		t.Run(string(database), func(t *testing.T) {
			c := Start(t, Options{Database: database})
			nodes := c.AddNodes("compute1", "compute2")
			red, blue := c.Project("red"), c.Project("blue")
			var vms [2][2]*VM
			for i, tenant := range []*Client{red, blue} { // both have the same addresses
				net := tenant.CreateNetwork("net", nil)
				tenant.CreateSubnet(net, "10.1.0.0/24", nil)
				for j, node := range nodes {
					vms[i][j] = c.Boot(node, tenant.CreatePort(net, "vm", nil))
				}
			}
			for i := range vms {
				vms[i][0].MustReach(vms[i][1].IP)
				vms[i][1].MustReach(vms[i][0].IP)
			}
		})
	}
}
