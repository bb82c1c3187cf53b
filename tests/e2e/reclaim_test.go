package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/planck-sdn/planck/tests/lab"
)

// TestSegmentationIDComesBackLate: a node that is cut off goes on forwarding a network by what it last knew, so nobody else
// gets its segmentation id.
func TestSegmentationIDComesBackLate(t *testing.T) {
	t.Parallel()
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
