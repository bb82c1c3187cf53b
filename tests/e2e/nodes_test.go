package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/planck-sdn/planck/tests/lab"
)

// TestEmptyDatabase: planckd that is started on the wrong database, an empty one, touches no node and says why.
func TestEmptyDatabase(t *testing.T) {
	c := Start(t, Options{})
	nodes := c.AddNodes("compute1", "compute2")
	a, _, ping := c.pair(nodes[0], nodes[1])
	cloud := c.Status().Cloud
	entries := c.EntryAges()

	c.Replace(c.Planckd.binary, "--database", "sqlite:"+filepath.Join(c.Lab.Dir, "wrong.db"))
	lab.Eventually(t, limit, "status says why no node is served", func() error {
		problems := strings.Join(c.Status().Problems, "\n")
		for _, n := range nodes {
			if !strings.Contains(problems, "node "+n.Name+": the node belongs to cloud "+cloud) {
				return fmt.Errorf("it says %q", problems)
			}
		}
		return nil
	})
	c.Answered(ping, 100, "pings while planckd has the wrong database")
	c.Kept(entries)

	c.Replace(c.Planckd.binary, "--database", c.DatabaseURL)
	c.WaitReady(nodes...)
	c.WaitConverged()
	lostNothing(t, ping)
	c.sentNothing()
	c.Kept(entries)
	if _, err := a.DHCP(lab.Udhcpc); err != nil {
		t.Error(err)
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

// TestMassDeletion: rows that vanished from the right database (a backup that is too old, a slip of the hand) do not
// take the entries of a large table with them until an operator says so.
func TestMassDeletion(t *testing.T) {
	c := Start(t, Options{Database: PostgreSQL})
	n := c.AddNode("compute1")
	a, _, ping := c.pair(n, n)
	const many = 100
	c.CreatePorts(c.Network(a.Port.NetworkID), many, nil)
	c.WaitConverged()
	entries := c.EntryAges()

	c.Planckd.Kill()
	c.SQL("DELETE FROM ports WHERE name LIKE 'port%'")
	c.Planckd.Start()
	lab.Eventually(t, limit, "the node is held", func() error {
		s, err := c.NodeStatus("compute1")
		if err == nil && (s.State != "held" || !strings.Contains(s.Problem, "entries in table answer")) {
			err = fmt.Errorf("it is %s: %s", s.State, s.Problem)
		}
		return err
	})
	if problems := c.Status().Problems; !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, "--force") }) {
		t.Errorf("status does not say what to do: %q", problems)
	}
	c.Refused(http.StatusConflict, "ReconcileFailed", http.MethodPost, "/planck/v1/nodes/compute1/reconcile", nil)
	c.Answered(ping, 10, "pings while the node is held")
	c.Kept(entries)

	c.Reconcile("compute1", true)
	c.WaitReady(n)
	c.WaitConverged()
	if left := c.EntryAges(); len(left) > len(entries)-many {
		t.Errorf("%d of %d entries are left although the rows of %d ports are gone", len(left), len(entries), many)
	}
	c.Answered(ping, 10, "pings afterwards")
	lostNothing(t, ping)
}

// TestSegmentationIDComesBackLate: a node that is cut off goes on forwarding a network by what it last knew, so nobody else
// gets its segmentation id.
func TestSegmentationIDComesBackLate(t *testing.T) {
	c := Start(t, Options{Database: PostgreSQL, Flags: []string{"--vni-range", "100-100"}})
	nodes := c.AddNodes("compute1", "compute2")
	network := func() (Network, error) {
		var answer struct{ Network Network }
		return answer.Network, c.request(http.MethodPost, "/v2.0/networks", Attrs{"network": Attrs{"name": "net"}}, &answer)
	}
	available := func() error { _, err := network(); return err }
	// used has the only segmentation id in use on a node, and then cuts the node off and deletes the network.
	used := func(n *lab.Node) {
		t.Helper()
		net := c.Network(c.networks()[0].ID)
		c.CreateSubnet(net, "10.1.0.0/24", nil)
		vm := c.Boot(n, c.CreatePort(net, "vm", nil))
		c.WaitConverged()
		n.CutControl()
		c.DeletePort(vm.Port.ID)
		c.DeleteNetwork(net.ID)
		c.looked("compute2")
		c.Refused(http.StatusServiceUnavailable, "NoNetworkAvailable", http.MethodPost, "/v2.0/networks", Attrs{"network": Attrs{"name": "net"}})
	}

	if _, err := network(); err != nil {
		t.Fatal(err)
	}
	used(nodes[0])
	nodes[0].RestoreControl()
	lab.Eventually(t, limit, "the id is free again when the node has confirmed", available)

	used(nodes[0])
	if err := nodes[0].Close(); err != nil {
		t.Fatal(err)
	}
	c.DeleteNode("compute1")
	lab.Eventually(t, limit, "the id is free again when the node was declared gone", available)
}

func (c *Cloud) networks() []Network {
	c.t.Helper()
	var answer struct{ Networks []Network }
	c.must(c.request(http.MethodGet, "/v2.0/networks", nil, &answer))
	return answer.Networks
}

// looked waits until planckd has looked for identifiers to give back, knowing that a node has confirmed their freeing.
func (c *Cloud) looked(node string) {
	c.t.Helper()
	var number uint64
	if s, err := c.NodeStatus(node); err != nil {
		c.t.Fatal(err)
	} else {
		number = s.Number
	}
	// What is freed is looked for right after confirmations are written: when they are written a second time, the
	// look after the first is over.
	above := c.SQLNumber("SELECT max(freed_txid) FROM segments")
	for range 2 {
		lab.Eventually(c.t, limit, "node "+node+" has confirmed the freeing", func() error {
			confirmed := c.SQLNumber("SELECT horizon FROM node_confirmations WHERE node_number = $1", number)
			if confirmed <= above {
				return fmt.Errorf("it has confirmed everything below %d, expected more than %d", confirmed, above)
			}
			above = confirmed
			return nil
		})
	}
}

// TestNodesNotInService: a node whose settings cannot be served is listed with the reason and gets nothing.
func TestNodesNotInService(t *testing.T) {
	c := Start(t, Options{})
	good := c.AddNode("compute1")
	odd := c.Lab.AddNode("compute2", lab.NodeOptions{})
	set := func(settings ...string) {
		t.Helper()
		if _, err := odd.Vsctl(append([]string{"set", "Open_vSwitch", "."}, settings...)...); err != nil {
			t.Fatal(err)
		}
	}
	unset := func(key string) {
		t.Helper()
		if _, err := odd.Vsctl("remove", "Open_vSwitch", ".", "external_ids", key); err != nil {
			t.Fatal(err)
		}
	}
	set("external_ids:hostname=compute2", "external_ids:planck-datapath-type=netdev", "--", "set-manager", c.ControllerTarget())

	for _, wrong := range []struct {
		name   string
		make   func()
		reason string
		mend   func()
	}{
		{"no encapsulation address", func() {}, "planck-encap-ip is not set",
			func() { set("external_ids:planck-encap-ip=" + odd.EncapIP.String()) }},
		{"encapsulation address of another", func() { set("external_ids:planck-encap-ip=" + good.EncapIP.String()) },
			"encapsulation address " + good.EncapIP.String() + " is that of node compute1",
			func() { set("external_ids:planck-encap-ip=" + odd.EncapIP.String()) }},
		{"hostname of another", func() { set("external_ids:hostname=compute1") }, "hostname compute1 is pinned to system-id " + good.SystemID(),
			func() { set("external_ids:hostname=compute2") }},
		{"mapping to no bridge", func() { set("external_ids:planck-bridge-mappings=public:br-ex") }, "bridge br-ex, which does not exist",
			func() { unset("planck-bridge-mappings") }},
		{"another cloud", func() { set("external_ids:planck-cloud=6b5f") }, "belongs to cloud 6b5f", func() { unset("planck-cloud") }},
		{"somebody else's br-int", func() { odd.Vsctl("add-br", "br-int", "--", "set", "Bridge", "br-int", "datapath_type=netdev") },
			"br-int was not made by Planck", func() { odd.Vsctl("del-br", "br-int") }},
	} {
		// Each is wrong before what was wrong before it is mended, so that the node is never right in between.
		t.Run(wrong.name, func(t *testing.T) {
			wrong.make()
			lab.Eventually(t, limit, "the node is listed with the reason", func() error {
				s, err := c.NodeStatus(odd.SystemID())
				if err == nil && (s.State != "refused" || !strings.Contains(s.Problem, wrong.reason)) {
					err = fmt.Errorf("it is %s: %s", s.State, s.Problem)
				}
				return err
			})
			if !strings.Contains(strings.Join(c.Status().Problems, "\n"), wrong.reason) {
				t.Errorf("status does not say it: %q", c.Status().Problems)
			}
			madeNothing(t, odd)
		})
	}
}

// madeNothing fails the test if anything of Planck's is on the node.
func madeNothing(t testing.TB, n *lab.Node) {
	t.Helper()
	for _, table := range []string{"Bridge", "Port", "Controller"} {
		out, err := n.Vsctl("--columns=external_ids", "list", table)
		if err != nil || strings.Contains(out, "planck=") || table == "Controller" && out != "" {
			t.Errorf("node %s: %s: %s, %v", n.Name, table, out, err)
		}
	}
}
