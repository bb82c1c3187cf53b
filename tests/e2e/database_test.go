package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/planck-sdn/planck/tests/lab"
)

// TestDatabaseAway: without its database planckd changes nothing; packets and DHCP go on, and when the database is back
// so does everything else, what happened on the nodes meanwhile included.
func TestDatabaseAway(t *testing.T) {
	c := Start(t, Options{Database: PostgreSQL})
	nodes := c.AddNodes("compute1", "compute2")
	a, _, ping := c.pair(nodes[0], nodes[1])
	net := c.Network(a.Port.NetworkID)
	third := c.Boot(nodes[1], c.CreatePort(net, "third", nil))
	waiting := c.CreatePort(net, "waiting", nil)
	process := c.Planckd.Process()
	c.WaitConverged()
	entries := c.EntryAges()

	if err := c.Postgres.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, q := range []struct{ method, path, body string }{
		{http.MethodGet, "/v2.0/networks", ""},
		{http.MethodPost, "/v2.0/networks", `{"network": {"name": "not now"}}`},
		{http.MethodPut, "/v2.0/ports/" + a.Port.ID, `{"port": {"name": "not now"}}`},
		{http.MethodDelete, "/v2.0/ports/" + a.Port.ID, ""},
	} {
		c.Refused(http.StatusServiceUnavailable, "HTTPServiceUnavailable", q.method, q.path, q.body)
	}
	if problems := c.Status().Problems; len(problems) == 0 {
		t.Error("status finds nothing wrong")
	}
	vm := nodes[0].AddVM("waiting", waiting.ID, waiting.MAC)
	if _, err := a.Renew(limit); err != nil {
		t.Error(err)
	}
	if _, err := third.DHCP(lab.Udhcpc); err != nil {
		t.Error(err)
	}
	c.Answered(ping, 100, "pings without a database")
	c.Kept(entries)

	if err := c.Postgres.Restart(); err != nil {
		t.Fatal(err)
	}
	c.WaitActive(waiting.ID)
	if _, err := vm.DHCP(lab.Udhcpc); err != nil {
		t.Error(err)
	}
	a.MustReach(waiting.IP())
	a.MustReach(c.Boot(nodes[1], c.CreatePort(net, "new", nil)).IP)
	lab.Eventually(t, limit, "status is good", func() error {
		if problems := c.Status().Problems; len(problems) > 0 {
			return fmt.Errorf("%q", problems)
		}
		return nil
	})
	if c.Planckd.Process() != process || !process.Running() {
		t.Error("planckd was restarted")
	}
	lostNothing(t, ping)
}
