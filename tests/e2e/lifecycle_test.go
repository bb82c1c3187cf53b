package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/tests/lab"
)

// Unchanged fails the test unless each node holds exactly what it held before.
func (c *Cloud) Unchanged(before map[string][]string, what string) {
	c.t.Helper()
	c.WaitConverged()
	now := c.Snapshot()
	for _, node := range slices.Sorted(maps.Keys(before)) {
		for _, e := range without(now[node], before[node]) {
			c.t.Errorf("%s left behind on %s: %s", what, node, e)
		}
		for _, e := range without(before[node], now[node]) {
			c.t.Errorf("%s took away from %s: %s", what, node, e)
		}
	}
}

// without lists what is in the first list and not in the second.
func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(e string) bool { return slices.Contains(other, e) })
}

// TestNothingIsLeftBehind: what goes leaves every node's entries, groups and meters exactly as they were before it came.
func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{})
	mapped := lab.NodeOptions{Mappings: map[string]string{"public": "br-ex"}}
	one, two := c.AddNode("compute1", mapped), c.AddNode("compute2", mapped)
	bare := c.Snapshot()

	networks := map[string]Attrs{
		"vxlan": nil,
		"vlan":  {"provider:network_type": "vlan", "provider:physical_network": "public", "provider:segmentation_id": 100},
	}
	for _, kind := range slices.Sorted(maps.Keys(networks)) {
		c.Run(kind, func(t *testing.T) {
			net := c.CreateNetwork(kind, networks[kind])
			c.CreateSubnet(net, "10.1.0.0/24", lowAddresses)
			c.Unchanged(bare, "a network that nobody needs")
			first, second := c.CreatePort(net, "a", nil), c.CreatePort(net, "b", nil) // members of their group, plugged or not
			a := c.Boot(one, first)
			onlyOne := c.Snapshot()
			if slices.Equal(onlyOne[one.Name], bare[one.Name]) {
				t.Error("the first port changed nothing on its node")
			}
			if !slices.Equal(onlyOne[two.Name], bare[two.Name]) {
				t.Error("a node that does not need the network has something of it")
			}
			b := c.Boot(two, second)
			a.MustReach(b.IP)
			both := c.Snapshot()

			everything := Attrs{
				"port_security_enabled": true,
				"allowed_address_pairs": []Attrs{{"ip_address": "10.1.0.200"}, {"ip_address": "10.1.0.128/26", "mac_address": "02:00:00:00:00:99"}},
			}
			for _, attributes := range []Attrs{everything, {"port_security_enabled": false}} {
				first, second := c.CreatePort(net, "x", attributes), c.CreatePort(net, "y", attributes)
				c.WaitConverged()
				unplugged := c.Snapshot()
				x, y := c.Boot(one, first), c.Boot(two, second)
				x.MustReach(y.IP)
				b.MustReach(x.IP)

				x.Unplug()
				c.WaitDown(x.Port.ID)
				y.Unplug()
				c.WaitDown(y.Port.ID)
				c.Unchanged(unplugged, "an unplugging")
				x.Plug()
				c.WaitActive(x.Port.ID)
				y.Plug()
				c.WaitActive(y.Port.ID)
				x.MustReach(y.IP)

				x.Close()
				c.DeletePort(x.Port.ID)
				c.DeletePort(y.Port.ID) // under the running VM
				c.Unchanged(both, "a port's deletion")
				if err := y.CannotReach(b.IP); err != nil {
					t.Error(err)
				}
				y.Close()
				c.Unchanged(both, "an unplugging after a port's deletion")
			}

			other, rule := c.CreateGroup("other", nil), ""
			for what, change := range map[string][2]func(){
				"port security": {
					func() { c.UpdatePort(a.Port.ID, a.Port.insecure()) },
					func() { c.UpdatePort(a.Port.ID, a.Port.secure()) }},
				"allowed address pairs": {
					func() { c.UpdatePort(a.Port.ID, Attrs{"allowed_address_pairs": everything["allowed_address_pairs"]}) },
					func() { c.UpdatePort(a.Port.ID, Attrs{"allowed_address_pairs": []Attrs{}}) }},
				"security groups": {
					func() { c.SetGroups(a.Port, other) },
					func() { c.UpdatePort(a.Port.ID, Attrs{"security_groups": a.Port.SecurityGroups}) }},
				"a rule": {
					func() { rule = c.CreateRule(c.DefaultGroup(), Rule("ingress tcp 22")) },
					func() { c.DeleteRule(rule) }},
				"admin_state_up of a port": {
					func() { c.UpdatePort(a.Port.ID, Attrs{"admin_state_up": false}) },
					func() { c.UpdatePort(a.Port.ID, Attrs{"admin_state_up": true}) }},
				"admin_state_up of the network": {
					func() { c.UpdateNetwork(net.ID, Attrs{"admin_state_up": false}) },
					func() { c.UpdateNetwork(net.ID, Attrs{"admin_state_up": true}) }},
			} {
				change[0]()
				c.WaitConverged()
				if maps.EqualFunc(c.Snapshot(), both, slices.Equal) {
					t.Errorf("%s changed nothing", what)
				}
				change[1]()
				c.Unchanged(both, what+", set and set back,")
			}

			b.Unplug()
			c.WaitDown(b.Port.ID)
			c.Unchanged(onlyOne, "the last port on a node")
			b.Plug()
			c.WaitActive(b.Port.ID)
			a.MustReach(b.IP)

			for _, v := range []*VM{a, b} {
				c.DeletePort(v.Port.ID)
			}
			c.DeleteNetwork(net.ID)
			c.Unchanged(bare, "a network's deletion")
			a.Close()
			b.Close()
			c.Unchanged(bare, "the VMs' end")
		})
	}
}

// TestAdminState: admin_state_up cuts a port, or all of a network, off, and only these; status says so.
func TestAdminState(t *testing.T) {
	c := Start(t, Options{})
	nodes := c.AddNodes("compute1", "compute2")
	net := c.CreateNetwork("net", nil)
	c.CreateSubnet(net, "10.1.0.0/24", lowAddresses)
	a := c.Boot(nodes[0], c.CreatePort(net, "a", nil))
	b := c.Boot(nodes[1], c.CreatePort(net, "b", nil))
	other := c.Boot(nodes[1], c.CreatePort(net, "other", nil))
	a.MustReach(b.IP)
	a.MustReach(other.IP)

	c.Run("of a port", func(t *testing.T) {
		witnesses := []*Witness{b.Watch(""), other.Watch("")}
		c.UpdatePort(b.Port.ID, Attrs{"admin_state_up": false})
		c.WaitDown(b.Port.ID)
		c.WaitConverged()
		a.SendFrames(a.IPv4To(b, "to a port that is down"), a.IPv4Broadcast("broadcast"))
		b.SendFrames(b.IPv4To(other, "from a port that is down"), b.IPv4Broadcast("broadcast from a port that is down"))
		a.Settle(witnesses[1])
		a.MustReach(other.IP)
		a.MustNotReach(b.IP)
		witnesses[0].Got()
		witnesses[1].Got("broadcast")
		if _, err := b.Exec("udhcpc", "-n", "-q", "-i", "eth0", "-s", "/bin/true", "-t", "1", "-T", "1"); err == nil {
			t.Error("a port that is down is given an address")
		}
		c.UpdatePort(b.Port.ID, Attrs{"admin_state_up": true})
		c.WaitActive(b.Port.ID)
		a.MustReach(b.IP)
	})

	c.Run("of a network", func(t *testing.T) {
		c.UpdateNetwork(net.ID, Attrs{"admin_state_up": false})
		for _, v := range []*VM{a, b, other} {
			c.WaitDown(v.Port.ID)
		}
		c.WaitConverged()
		a.MustNotReach(b.IP)
		b.MustNotReach(other.IP)
		c.UpdateNetwork(net.ID, Attrs{"admin_state_up": true})
		for _, v := range []*VM{a, b, other} {
			c.WaitActive(v.Port.ID)
		}
		a.MustReach(b.IP)
		b.MustReach(other.IP)
	})
}

// TestStatus: what a port's status and binding say of where it is.
func TestStatus(t *testing.T) {
	c := Start(t, Options{})
	nodes := c.AddNodes("compute1", "compute2")
	net := c.CreateNetwork("net", nil)
	c.CreateSubnet(net, "10.1.0.0/24", lowAddresses)
	b := c.Boot(nodes[1], c.CreatePort(net, "b", nil))

	p := c.CreatePort(net, "a", Attrs{"device_owner": "compute:nova", "device_id": "a"})
	if p.Status != "DOWN" || p.VIFType != "unbound" {
		t.Errorf("a new port is %s, %s", p.Status, p.VIFType)
	}
	if p = c.UpdatePort(p.ID, Attrs{"binding:host_id": nodes[0].Name}); p.Status != "DOWN" || p.VIFType != "ovs" {
		t.Errorf("a port bound to a node is %s, %s", p.Status, p.VIFType)
	}
	a := c.Boot(nodes[0], p)
	a.MustReach(b.IP)
	a.Unplug()
	c.WaitDown(p.ID)
	a.Plug()
	c.WaitActive(p.ID)
	a.MustReach(b.IP)

	vlan := c.CreateNetwork("vlan", Attrs{"provider:network_type": "vlan", "provider:physical_network": "public", "provider:segmentation_id": 100})
	if p := c.CreatePort(vlan, "unmapped", Attrs{"binding:host_id": nodes[0].Name}); p.VIFType != "binding_failed" {
		t.Errorf("a port bound to a node that does not have the physical network is %s", p.VIFType)
	}
	if p = c.UpdatePort(p.ID, Attrs{"binding:host_id": "nowhere"}); p.VIFType != "binding_failed" {
		t.Errorf("a port bound to an unknown node is %s", p.VIFType)
	}
	c.WaitDown(p.ID)
	c.WaitConverged()
	b.MustNotReach(a.IP)
	if p = c.UpdatePort(p.ID, Attrs{"binding:host_id": nodes[1].Name}); p.VIFType != "ovs" {
		t.Errorf("a port bound to a node is %s", p.VIFType)
	}
	c.WaitConverged()
	if p = c.Port(p.ID); p.Status != "DOWN" { // it is plugged into the other node
		t.Errorf("a port bound to a node where it is not plugged is %s", p.Status)
	}
	c.UpdatePort(p.ID, Attrs{"binding:host_id": nodes[0].Name})
	c.WaitActive(p.ID)
	b.MustReach(a.IP)
}

// TestMigration: a VM moves to another node under ping, as Nova does it: plugged there as well, then started there and bound
// to it, then unplugged where it was.
func TestMigration(t *testing.T) {
	c := Start(t, Options{})
	nodes := c.AddNodes("compute1", "compute2", "compute3")
	net := c.CreateNetwork("net", nil)
	c.CreateSubnet(net, "10.1.0.0/24", lowAddresses)
	moving := c.Boot(nodes[0], c.CreatePort(net, "moving", Attrs{"binding:host_id": nodes[0].Name}))
	var peers []*VM
	for _, n := range nodes {
		peers = append(peers, c.Boot(n, c.CreatePort(net, "peer", nil)))
	}
	var pings []*lab.Pinger
	for _, p := range peers {
		p.MustReach(moving.IP)
		moving.MustReach(p.IP)
	}
	for _, p := range peers {
		pings = append(pings, p.StartPing(moving.IP, pingInterval))
	}
	for _, ping := range pings {
		c.Answered(ping, 3, "before the migration")
	}

	moving.PrepareMove(nodes[1])
	lab.Eventually(t, limit, "the port's entries are on both nodes", func() error {
		s, err := c.PortStatus(moving.Port.ID)
		if err != nil {
			return err
		}
		confirmed := 0
		for _, p := range s.Plugged {
			if p.Confirmed {
				confirmed++
			}
		}
		if confirmed != 2 {
			return fmt.Errorf("%+v", s.Plugged)
		}
		return nil
	})
	if p := c.Port(moving.Port.ID); p.Status != "ACTIVE" || p.HostID != nodes[0].Name {
		t.Errorf("plugged on both nodes, the port is %s on %s", p.Status, p.HostID)
	}
	switched := time.Now()
	moving.Move(nodes[1])
	c.UpdatePort(moving.Port.ID, Attrs{"binding:host_id": nodes[1].Name})
	c.WaitConverged()
	t.Logf("VM switched and binding confirmed on every node in %v", time.Since(switched).Round(time.Millisecond))
	for _, ping := range pings {
		c.Answered(ping, 3, "after the migration")
	}
	moving.FinishMove(nodes[0])
	lab.Eventually(t, limit, "the port is on one node", func() error {
		s, err := c.PortStatus(moving.Port.ID)
		if err == nil && len(s.Plugged) != 1 {
			err = fmt.Errorf("%+v", s.Plugged)
		}
		return err
	})
	c.WaitActive(moving.Port.ID)
	c.WaitConverged()
	for i, ping := range pings {
		c.Answered(ping, 3, "after the end of the migration")
		r := ping.Stop()
		t.Logf("seen from %s: %v", nodes[i].Name, r)
		if r.Outage > 5*time.Second { // generous: the machine that runs this may be busy
			t.Errorf("seen from %s the outage was %v", nodes[i].Name, r.Outage)
		}
	}
	moving.MustReach(peers[0].IP)
	for _, f := range c.Flows(nodes[0].Name, moving.Port.ID) {
		if f.Table == "classify" || f.Table == "guard" || f.Table == "output" {
			t.Errorf("left behind where the VM was: %s", f.Entry)
		}
	}
	if lease, err := moving.DHCP(lab.Udhcpc); err != nil || lease.IP.Addr().String() != moving.IP {
		t.Errorf("after the migration: lease %+v, %v", lease, err)
	}
}

// TestInStep: a topology that uses every rule there is stands in real switches exactly as it was rendered: read back
// and compared, it differs in nothing.
func TestInStep(t *testing.T) {
	c := Start(t, Options{})
	nodes := []*lab.Node{
		c.AddNode("compute1", lab.NodeOptions{Mappings: map[string]string{"public": "br-ex", fabric: "br-fabric"}}),
		c.AddNode("compute2", lab.NodeOptions{Mappings: map[string]string{"public": "br-ex"}}),
	}
	leaf := c.bareMetalOf(nodes[0], nodes[1])
	for name, attributes := range map[string]Attrs{
		"vxlan": nil,
		"vlan":  {"provider:network_type": "vlan", "provider:physical_network": "public", "provider:segmentation_id": 100},
		"flat":  {"provider:network_type": "flat", "provider:physical_network": "public"},
	} {
		net := c.CreateNetwork(name, attributes)
		c.CreateSubnet(net, "10.1.0.0/24", lowAddresses)
		for _, node := range nodes {
			for _, attributes := range []Attrs{
				{},
				{"port_security_enabled": false},
				{"allowed_address_pairs": []Attrs{{"ip_address": "10.1.0.200", "mac_address": "00:00:5e:00:01:01"}, {"ip_address": "10.1.0.128/26"}}},
			} {
				c.Plug(node, c.CreatePort(net, name, attributes))
			}
		}
	}
	groups := c.CreateNetwork("groups", nil)
	c.CreateSubnet(groups, "10.2.0.0/24", nil)
	clients := c.CreateGroup("clients", nil)
	servers := c.CreateGroup("servers", nil, Rule("ingress tcp 1000-2000"), Rule("ingress icmp 8").from("10.0.0.0/8"),
		Rule("ingress tcp 22").from(clients), Rule("ingress udp 53").from(clients), Rule("egress any").from(clients))
	plain := c.CreateGroup("plain", Attrs{"stateful": false}, Rule("ingress tcp 22"), Rule("ingress udp 53").from(clients))
	for _, in := range []Attrs{In(clients), In(clients, servers), In(plain), In()} {
		for _, node := range nodes {
			c.Plug(node, c.CreatePort(groups, "grouped", in))
		}
	}
	external := c.CreateNetwork("external", Attrs{"router:external": true,
		"provider:network_type": "vlan", "provider:physical_network": "public", "provider:segmentation_id": 300})
	c.CreateSubnet(external, "203.0.113.0/24", Attrs{"enable_dhcp": false})
	host := c.Outside(nodes[0], "host", "br-ex", 300, "02:00:00:00:01:02", hostIP+"/24")
	for i, snat := range []bool{true, false} {
		r := c.CreateRouter(fmt.Sprint("router", i), Via(external, Attrs{"enable_snat": snat}))
		for j, attributes := range []Attrs{nil, {"provider:network_type": "vlan", "provider:physical_network": "public", "provider:segmentation_id": 301 + i}} {
			net, _ := c.Routed(r.ID, "routed", fmt.Sprintf("10.%d.0.0/24", 10+2*i+j), attributes)
			c.Plug(nodes[1], c.CreatePort(net, "away", nil))
			v := c.Boot(nodes[0], c.CreatePort(net, "here", nil))
			if snat && j == 0 {
				c.SetRoutes(r.ID, [2]string{"192.0.2.0/24", v.IP})
				c.CreateFloatingIP(external, Attrs{"port_id": v.Port.ID})
				c.WaitConverged()
				v.MustReach(host.IP) // which is a neighbour from then on
			}
		}
	}
	c.WaitConverged()
	used := map[string]bool{}
	for _, f := range c.Flows("", "") {
		if !f.Present {
			t.Errorf("not confirmed: %s", f.Entry)
		}
		used[f.App+": "+f.Rule] = true
	}
	for _, r := range pipeline.Rules() {
		if !used[r.App+": "+r.Name] && r.Passing == nil {
			t.Errorf("no entry of rule %s: %s", r.App, r.Name)
		}
	}
	for _, n := range c.Nodes() {
		if len(n.Quarantined) != 0 {
			t.Errorf("node %s: quarantined %+v", n.Name, n.Quarantined)
		}
		entries := c.Snapshot()[n.Name]
		if n.Name == leaf.Name {
			var err error
			entries, err = leaf.Entries()
			c.must(err)
		}
		if len(entries) != n.Flows+n.Groups+n.Meters {
			t.Errorf("node %s: planckd counts %d entries, %d groups, %d meters; there are %d in all:\n%s",
				n.Name, n.Flows, n.Groups, n.Meters, len(entries), strings.Join(entries, "\n"))
		}
	}
	before := c.EntryAges()
	c.Quiet("a reconcile", func() {
		for _, n := range nodes {
			c.Reconcile(n.Name, false)
		}
		c.Reconcile(leaf.Name, false)
		c.WaitReady(nodes...)
		leaf.WaitReady()
	})
	c.Kept(before)
}

// bareMetalOf makes a physical switch that a node hangs on, with servers of a network that the node routes for, also for another node.
func (c *Cloud) bareMetalOf(near, away *lab.Node) *Hardware {
	leaf := c.AddHardware("leaf1", 0xa0)
	_, uplink := leaf.Uplink(20, near)
	leaf.Declare(uplink)
	leaf.WaitReady()
	net, subnet := c.VLAN(400, "10.20.0.0/24")
	leaf.Server(net, "server", hostPort, 0)
	open := leaf.Rack("open", hostPort+1, 300)
	attributes := BareMetal(open.MAC, leaf.Profile(hostPort+1, 300))
	attributes["port_security_enabled"] = false
	c.WaitActive(c.CreatePort(net, "open", attributes).ID)
	r := c.CreateRouter("of bare metal", nil)
	c.AddInterface(r.ID, subnet)
	behind, _ := c.Routed(r.ID, "behind", "10.21.0.0/24", nil)
	c.Plug(away, c.CreatePort(behind, "behind", nil))
	return leaf
}
