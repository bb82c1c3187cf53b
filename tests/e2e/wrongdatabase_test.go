package e2e

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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

// TestMassDeletion: rows that vanished from the right database (a backup that is too old, a slip of the hand) do not
// take the entries of a large table with them until an operator says so.
func TestMassDeletion(t *testing.T) {
	c := Start(t, Options{Database: PostgreSQL})
	n := c.AddNode("compute1")
	a, _, ping := c.pair(n, n)
	const many = 15
	for i, p := range c.CreatePorts(c.Network(a.Port.NetworkID), many, nil) {
		tap := fmt.Sprint("tap", i)
		if _, err := n.Vsctl("add-port", "br-int", tap, "--", "set", "Interface", tap, "type=internal", "external_ids:iface-id="+p.ID); err != nil {
			t.Fatal(err)
		}
	}
	c.WaitActive(c.Ports("name=port14")[0].ID)
	c.WaitConverged()
	entries := c.EntryAges()

	c.Planckd.Kill()
	c.SQL("DELETE FROM ports WHERE name LIKE 'port%'")
	c.Planckd.Start()
	lab.Eventually(t, limit, "the node is held", func() error {
		s, err := c.NodeStatus("compute1")
		if err == nil && (s.State != "held" || !strings.Contains(s.Problem, "entries in table guard")) {
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
	if left := c.EntryAges(); len(left) > len(entries)-6*many {
		t.Errorf("%d of %d entries are left although the rows of %d ports are gone", len(left), len(entries), many)
	}
	c.Answered(ping, 10, "pings afterwards")
	lostNothing(t, ping)
}
