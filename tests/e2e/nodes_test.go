package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/tests/lab"
)

// TestNodesNotInService: a node whose settings cannot be served is listed with the reason and gets nothing.
func TestNodesNotInService(t *testing.T) {
	c := Start(t, Options{})
	good := c.AddNode("compute1")
	odd := c.Lab.AddNode("compute2", lab.NodeOptions{})
	vsctl := func(args ...string) func() {
		return func() {
			t.Helper()
			if _, err := odd.Vsctl(args...); err != nil {
				t.Fatal(err)
			}
		}
	}
	set := func(setting string) func() { return vsctl("set", "Open_vSwitch", ".", "external_ids:"+setting) }
	unset := func(key string) func() { return vsctl("remove", "Open_vSwitch", ".", "external_ids", key) }

	mend := vsctl("set", "Open_vSwitch", ".", "external_ids:planck-datapath-type=netdev", "--", "set-manager", c.ControllerTarget())
	for _, wrong := range []struct {
		name   string
		make   func()
		reason string
		mend   func()
	}{
		{"no encapsulation address", set("hostname=compute2"), "planck-encap-ip is not set", set("planck-encap-ip=" + odd.EncapIP.String())},
		{"hostname of another", set("hostname=compute1"), "hostname compute1 is pinned to system-id " + good.SystemID(), set("hostname=compute2")},
		{"encapsulation address of another", set("planck-encap-ip=" + good.EncapIP.String()),
			"encapsulation address " + good.EncapIP.String() + " is that of node compute1", set("planck-encap-ip=" + odd.EncapIP.String())},
		{"mapping to no bridge", set("planck-bridge-mappings=public:br-ex"), "bridge br-ex, which does not exist", unset("planck-bridge-mappings")},
		{"another cloud", set("planck-cloud=6b5f"), "belongs to cloud 6b5f", unset("planck-cloud")},
		{"somebody else's br-int", vsctl("add-br", "br-int", "--", "set", "Bridge", "br-int", "datapath_type=netdev"),
			"br-int was not made by Planck", vsctl("del-br", "br-int")},
	} {
		t.Run(wrong.name, func(t *testing.T) {
			wrong.make()
			mend() // what was wrong before: the node is never right in between
			mend = wrong.mend
			lab.Eventually(t, limit, "the node is listed with the reason", func() error {
				s, err := c.NodeStatus(odd.SystemID())
				if err == nil && (s.State != "refused" || !strings.Contains(s.Problem, wrong.reason)) {
					err = fmt.Errorf("it is %s: %s", s.State, s.Problem)
				}
				return err
			})
			if problems := strings.Join(c.Status().Problems, "\n"); !strings.Contains(problems, wrong.reason) {
				t.Errorf("status does not say it: %q", problems)
			}
			hasNothing(t, odd)
		})
	}
	mend()
	c.WaitReady(odd)
}

// hasNothing fails the test if anything of Planck's is on the node.
func hasNothing(t testing.TB, n *lab.Node) {
	t.Helper()
	for _, table := range []string{"Bridge", "Port", "Controller"} {
		out, err := n.Vsctl("--columns=external_ids", "list", table)
		if err != nil || strings.Contains(out, "planck=") || table == "Controller" && out != "" {
			t.Errorf("node %s: %s: %s, %v", n.Name, table, out, err)
		}
	}
}

// TestDetach: a node whose operator clears its encapsulation address keeps nothing of Planck's, and the others nothing of it.
func TestDetach(t *testing.T) {
	c := Start(t, Options{})
	one := c.AddNode("compute1")
	net := c.CreateNetwork("net", nil)
	c.CreateSubnet(net, "10.1.0.0/24", nil)
	a, port := c.Boot(one, c.CreatePort(net, "a", nil)), c.CreatePort(net, "b", nil)
	c.WaitConverged()
	alone := c.Snapshot()["compute1"]

	two := c.AddNode("compute2", lab.NodeOptions{Mappings: map[string]string{"public": "br-ex"}})
	b := c.Boot(two, port)
	a.MustReach(b.IP)

	if _, err := two.Vsctl("remove", "Open_vSwitch", ".", "external_ids", "planck-encap-ip"); err != nil {
		t.Fatal(err)
	}
	c.onlyKnows(one, alone)
	c.WaitDown(port.ID)
	hasNothing(t, two)
	bridges, err := two.OVS.VSwitch.ListBridges()
	if slices.Sort(bridges); err != nil || !slices.Equal(bridges, []string{"br-ex", "br-phy"}) {
		t.Errorf("bridges of the detached node: %v, %v", bridges, err)
	}
	if cloud, err := two.Vsctl("--if-exists", "get", "Open_vSwitch", ".", "external_ids:planck-cloud"); err != nil || strings.TrimSpace(cloud) != "" {
		t.Errorf("the detached node is still of cloud %s, %v", cloud, err)
	}

	c.Attach(two)
	c.WaitReady(two)
	if err := two.Plug(b.Interface(), port.ID, b.MAC); err != nil {
		t.Fatal(err)
	}
	c.WaitActive(port.ID)
	a.MustReach(b.IP)
}

// onlyKnows waits until a node has exactly these entries.
func (c *Cloud) onlyKnows(n *lab.Node, entries []string) {
	c.t.Helper()
	lab.Eventually(c.t, limit, "node "+n.Name+" has the entries that it had before", func() error {
		now, err := n.Entries("br-int")
		if err == nil && !slices.Equal(now, entries) {
			err = fmt.Errorf("it has %d, had %d", len(now), len(entries))
		}
		return err
	})
}

// TestReplacedAndDeleted: a machine dies and another takes its name, once an operator has said so; then that one dies, and is
// declared gone.
func TestReplacedAndDeleted(t *testing.T) {
	c := Start(t, Options{})
	one := c.AddNode("compute1")
	net := c.CreateNetwork("net", nil)
	c.CreateSubnet(net, "10.1.0.0/24", nil)
	a, port := c.Boot(one, c.CreatePort(net, "a", nil)), c.CreatePort(net, "b", Attrs{"binding:host_id": "compute2"})
	c.WaitConverged()
	alone := c.Snapshot()["compute1"]

	old := c.AddNode("compute2")
	dead := c.Boot(old, port)
	a.MustReach(dead.IP)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	replacement := c.Lab.AddNode("machine3", lab.NodeOptions{EncapIP: old.EncapIP})
	if _, err := replacement.Vsctl("set", "Open_vSwitch", ".", "external_ids:hostname=compute2", "external_ids:planck-datapath-type=netdev",
		"external_ids:planck-encap-ip="+old.EncapIP.String(), "--", "set-manager", c.ControllerTarget()); err != nil {
		t.Fatal(err)
	}
	lab.Eventually(t, limit, "the replacement is refused", func() error {
		s, err := c.NodeStatus(replacement.SystemID())
		if err == nil && (s.State != "refused" || !strings.Contains(s.Problem, "planckctl node forget compute2")) {
			err = fmt.Errorf("it is %s: %s", s.State, s.Problem)
		}
		return err
	})
	c.ForgetNode("compute2")
	lab.Eventually(t, limit, "the replacement is compute2", func() error {
		s, err := c.NodeStatus("compute2")
		if err == nil && (s.State != "ready" || s.SystemID != replacement.SystemID()) {
			err = fmt.Errorf("system-id %s is %s: %s", s.SystemID, s.State, s.Problem)
		}
		return err
	})
	// The underlay still knows the address by the dead machine's MAC: a matter of minutes.
	if _, err := one.Appctl("tnl/neigh/flush"); err != nil {
		t.Fatal(err)
	}
	if _, err := one.Exec("ip", "neigh", "flush", "dev", "br-phy"); err != nil {
		t.Fatal(err)
	}
	c.Lab.WarmTunnels()
	b := replacement.AddVM("again", port.ID, port.MAC)
	c.WaitActive(port.ID)
	if _, err := b.DHCP(lab.Udhcpc); err != nil {
		t.Fatal(err)
	}
	a.MustReach(port.IP())

	if err := replacement.Close(); err != nil {
		t.Fatal(err)
	}
	c.DeleteNode("compute2")
	c.onlyKnows(one, alone)
	if p := c.Port(port.ID); p.VIFType != "binding_failed" {
		t.Errorf("the port that is bound to the node that is gone has binding:vif_type %s", p.VIFType)
	}
	lab.Eventually(t, limit, "the node is forgotten", func() error {
		if list := c.Nodes(); len(list) != 1 {
			return fmt.Errorf("there are nodes %+v", list)
		}
		return nil
	})
}
