package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/northbound/admin"
	"github.com/planck-sdn/planck/tests/lab"
)

// TestFullTable: a switch that has no room for a port's entries leaves out that port and nothing else, and takes it in when
// there is room.
func TestFullTable(t *testing.T) {
	c := Start(t, Options{})
	nodes := c.AddNodes("compute1", "compute2")
	a, b, ping := c.pair(nodes[0], nodes[1])
	net := c.Network(a.Port.NetworkID)

	used := 0
	for _, f := range c.Flows("compute1", "") {
		if f.TableID == pipeline.Guard.ID && f.Present {
			used++
		}
	}
	if _, err := nodes[0].Vsctl("--", "--id=@full", "create", "Flow_Table", fmt.Sprintf("flow_limit=%d", used), "overflow_policy=refuse",
		"--", "set", "Bridge", "br-int", fmt.Sprintf("flow_tables:%d=@full", pipeline.Guard.ID)); err != nil {
		t.Fatal(err)
	}
	port := c.CreatePort(net, "one-too-many", nil)
	vm := nodes[0].AddVM("one-too-many", port.ID, port.MAC)
	const reason = "refused by the switch"
	lab.Eventually(t, limit, "the port that does not fit says why", func() error {
		p, err := c.PortStatus(port.ID)
		if err == nil && !strings.Contains(p.StatusReason, reason) {
			err = fmt.Errorf("it is %s: %q", p.Status, p.StatusReason)
		}
		return err
	})
	if p, _ := c.PortStatus(port.ID); p.Status != "DOWN" {
		t.Errorf("it is %s", p.Status)
	} else {
		t.Log(p.StatusReason)
	}
	s, err := c.NodeStatus("compute1")
	if err != nil || s.State != "ready" || len(s.Quarantined) != 1 || s.Quarantined[0].ID != port.ID || !strings.Contains(s.Quarantined[0].Reason, reason) {
		t.Errorf("the node: %+v, %v", s, err)
	}
	if problems := c.Status().Problems; !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, port.ID) }) {
		t.Errorf("status does not say it: %q", problems)
	}
	if entries := c.Flows("compute1", port.ID); slices.ContainsFunc(entries, func(f admin.Flow) bool { return f.Present }) {
		t.Errorf("the port has entries on its node: %+v", entries)
	}

	// The rest of the node goes on, with what is there and with what comes.
	d := c.Boot(nodes[1], c.CreatePort(net, "d", nil))
	a.MustReach(d.IP)
	b.MustReach(d.IP)
	if _, err := a.Renew(limit); err != nil {
		t.Error(err)
	}

	if _, err := nodes[0].Vsctl("clear", "Bridge", "br-int", "flow_tables"); err != nil {
		t.Fatal(err)
	}
	c.WaitActive(port.ID)
	if _, err := vm.DHCP(lab.Udhcpc); err != nil {
		t.Error(err)
	}
	a.MustReach(port.IP())
	if s, err := c.NodeStatus("compute1"); err != nil || len(s.Quarantined) != 0 {
		t.Errorf("the node afterwards: %+v, %v", s, err)
	}
	lostNothing(t, ping)
}
