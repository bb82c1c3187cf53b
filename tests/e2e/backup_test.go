package e2e

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/planck-sdn/planck/model/store"
)

// TestMovesToAnotherDatabase: a cloud is backed up while it runs and restored into the other kind of database, and back. Its nodes know it
// again, nothing is sent to a switch, no packet is lost, and it goes on.
func TestMovesToAnotherDatabase(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{Database: PostgreSQL})
	nodes := c.AddNodes("compute1", "compute2")
	a, _, ping := c.pair(nodes[0], nodes[1])
	c.DeleteNetwork(c.CreateNetwork("gone", nil).ID)
	cloud := c.Status().Cloud

	tcp, err := c.Postgres.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	back, err := c.Postgres.OverSocket(tcp)
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"sqlite:" + filepath.Join(c.Lab.Dir, "moved.db"), back} {
		c.WaitConverged()
		entries := c.EntryAges()
		var backup bytes.Buffer
		if _, err := store.Backup(t.Context(), c.DatabaseURL, &backup, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Restore(t.Context(), url, &backup, nil); err != nil {
			t.Fatal(err)
		}
		c.DatabaseURL = url
		c.Replace(c.Planckd.binary, "--database", url)
		c.WaitReady(nodes...)
		c.WaitConverged()
		c.Answered(ping, 10, "pings on another database")
		c.sentNothing()
		c.Kept(entries)
		if now := c.Status().Cloud; now != cloud {
			t.Errorf("cloud %s became %s", cloud, now)
		}
		a.MustReach(c.Boot(nodes[1], c.CreatePort(c.Network(a.Port.NetworkID), "new", nil)).IP)
	}
	lostNothing(t, ping)
}
