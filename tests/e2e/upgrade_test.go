package e2e

import (
	"slices"
	"strings"
	"testing"
)

// TestUpgrade: another version of planckd, whose pipeline has one more table, takes over under ping, and the first one
// again. No packet is lost, and the switches have the tables of the version that runs.
func TestUpgrade(t *testing.T) {
	newer, err := buildUpgrade()
	if err != nil {
		t.Fatal(err)
	}
	c := Start(t, Options{})
	older := c.Planckd.binary
	nodes := c.AddNodes("compute1", "compute2")
	a, b, ping := c.pair(nodes[0], nodes[1])
	before := c.Snapshot()

	c.Replace(newer)
	c.WaitReady(nodes...)
	c.WaitConverged()
	c.Answered(ping, 100, "pings through the new version's tables")
	for _, n := range nodes {
		out, err := n.Ofctl("dump-flows", "br-int", "table=16")
		if err != nil || strings.Count(out, "goto_table:20") != 1 || strings.Contains(out, "n_packets=0,") {
			t.Errorf("node %s: the new table has %s, %v", n.Name, out, err)
		}
		if marker, err := n.Ofctl("dump-flows", "br-int", "table=250"); err != nil || !strings.Contains(marker, "write_metadata:0x2") {
			t.Errorf("node %s: the marker is %s, %v", n.Name, marker, err)
		}
	}
	// What is new comes to life under the new version, too.
	d := c.Boot(nodes[1], c.CreatePort(c.Network(a.Port.NetworkID), "d", nil))
	a.MustReach(d.IP)
	d.Close()
	c.DeletePort(d.Port.ID)

	c.Replace(older)
	c.WaitReady(nodes...)
	c.WaitConverged()
	c.Answered(ping, 100, "pings through the old version's tables")
	lostNothing(t, ping)
	for node, entries := range c.Snapshot() {
		if !slices.Equal(entries, before[node]) {
			t.Errorf("node %s has not the tables that it had: %q, had %q", node, entries, before[node])
		}
	}
	b.MustReach(a.IP)
}
