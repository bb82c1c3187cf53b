package e2e

import (
	"time"

	"github.com/planck-sdn/planck/tests/lab"
)

// pingInterval is how often a VM pings another while something happens: what it loses is lost to that.
const pingInterval = 10 * time.Millisecond

// VM is a VM on a port of the cloud.
type VM struct {
	*lab.VM
	Port  Port
	IP    string
	Lease lab.Lease // of Boot

	cloud *Cloud
}

// Plug starts a VM on the node with the port's MAC, and waits until the port is ACTIVE. The VM has no address.
func (c *Cloud) Plug(n *lab.Node, p Port) *VM {
	c.t.Helper()
	name := "vm-" + p.ID[:8]
	if p.Name != "" {
		name = p.Name + "-" + p.ID[:4] // two tenants' ports may have one name
	}
	v := &VM{VM: n.AddVM(name, p.ID, p.MAC), cloud: c, IP: p.IP()}
	v.Port = c.WaitActive(p.ID)
	return v
}

// Boot plugs a VM that gets its address by DHCP, from udhcpc unless another client is named; the address must be the
// port's.
func (c *Cloud) Boot(n *lab.Node, p Port, client ...lab.DHCPClient) *VM {
	c.t.Helper()
	v := c.Plug(n, p)
	kind := lab.Udhcpc
	if len(client) > 0 {
		kind = client[0]
	}
	lease, err := v.DHCP(kind)
	if err != nil {
		c.t.Fatal(err)
	}
	v.Lease = lease
	if got := lease.IP.Addr().String(); got != v.IP {
		c.t.Fatalf("%s got address %s by DHCP, its port has %s", v.Name, got, v.IP)
	}
	return v
}

// MustReach fails the test unless the VM gets three answers to three pings, soon.
func (v *VM) MustReach(ip string) {
	v.cloud.t.Helper()
	lab.Eventually(v.cloud.t, 10*time.Second, v.Name+" reaches "+ip, func() error { return v.Reaches(ip) })
}

// MustNotReach fails the test if a ping is answered.
func (v *VM) MustNotReach(ip string) {
	v.cloud.t.Helper()
	if err := v.CannotReach(ip); err != nil {
		v.cloud.t.Error(err)
	}
}

// pair boots a VM on each of two nodes and has the first ping the second all the time.
func (c *Cloud) pair(one, two *lab.Node) (a, b *VM, ping *lab.Pinger) {
	c.t.Helper()
	net := c.CreateNetwork("pair", nil)
	c.CreateSubnet(net, "10.1.0.0/24", nil)
	a = c.Boot(one, c.CreatePort(net, "a", nil))
	b = c.Boot(two, c.CreatePort(net, "b", nil))
	a.MustReach(b.IP)
	b.MustReach(a.IP)
	c.WaitConverged()
	return a, b, a.StartPing(b.IP, pingInterval)
}
