package e2e

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/planck-sdn/planck/tests/lab"
)

// TestDamageIsRepaired: whatever happens to the tables of a node is made good without anybody's help.
func TestDamageIsRepaired(t *testing.T) {
	c := Start(t, Options{})
	nodes := c.AddNodes("compute1", "compute2")
	_, b, ping := c.pair(nodes[0], nodes[1])
	n := nodes[1]
	ofctl := func(args ...string) func() error {
		return func() error { _, err := n.Ofctl(args...); return err }
	}
	for _, damage := range []struct {
		name string
		do   func() error
	}{
		{"all flow entries deleted", ofctl("del-flows", "br-int")},
		{"all groups deleted", ofctl("del-groups", "br-int")},
		{"ovs-vswitchd restarted", n.RestartVswitchd},
	} {
		t.Run(damage.name, func(t *testing.T) {
			entries := c.Snapshot()[n.Name]
			began := time.Now()
			if err := damage.do(); err != nil {
				t.Fatal(err)
			}
			c.repaired(t, ping, began)
			lab.Eventually(t, limit, "the tables are whole", func() error {
				now, err := n.Entries("br-int")
				if err == nil && !slices.Equal(now, entries) {
					err = fmt.Errorf("%d entries, groups and meters, there were %d", len(now), len(entries))
				}
				return err
			})
		})
	}
	t.Run("what the switch tells nobody of", func(t *testing.T) {
		entries := c.Snapshot()[n.Name]
		if err := errors.Join(ofctl("mod-flows", "br-int", "table=76,actions=drop")(), ofctl("del-meters", "br-int")()); err != nil {
			t.Fatal(err)
		}
		c.Reconcile(n.Name, false)
		if now := c.Snapshot()[n.Name]; !slices.Equal(now, entries) {
			t.Errorf("after planckctl node reconcile there are %d entries, groups and meters, there were %d", len(now), len(entries))
		}
	})
	t.Run("br-int deleted", func(t *testing.T) {
		if _, err := n.Vsctl("del-br", "br-int"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		lab.Eventually(t, limit, "br-int is there again", func() error { _, err := n.Vsctl("br-exists", "br-int"); return err })
		if err := n.Plug(b.Interface(), b.Port.ID, b.MAC); err != nil { // as the hypervisor does
			t.Fatal(err)
		}
		c.repaired(t, ping, began)
		c.WaitActive(b.Port.ID)
	})
	ping.Stop()
	if _, err := b.DHCP(lab.Udhcpc); err != nil {
		t.Error(err)
	}
}

// repaired waits until pings are answered again, and tells how long after the damage that was.
func (c *Cloud) repaired(t *testing.T, ping *lab.Pinger, began time.Time) {
	t.Helper()
	since := time.Now()
	lab.Eventually(t, limit, "traffic is back", func() error { return ping.AnsweredAfter(since, 3) })
	t.Logf("traffic is back %v after the damage", time.Since(began).Round(time.Millisecond))
}
