package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/planck-sdn/planck/tests/lab"
)

// Binding is one of a port's bindings as the API shows it.
type Binding struct {
	Host       string `json:"host"`
	Status     string `json:"status"`
	VIFType    string `json:"vif_type"`
	VNICType   string `json:"vnic_type"`
	VIFDetails struct {
		DatapathType string `json:"datapath_type"`
	} `json:"vif_details"`
}

// Bindings lists a port's bindings.
func (c *Client) Bindings(portID string) []Binding {
	c.t.Helper()
	var answer struct{ Bindings []Binding }
	c.must(c.request(http.MethodGet, "/v2.0/ports/"+portID+"/bindings", nil, &answer))
	return answer.Bindings
}

// CreateBinding binds a port to one more host.
func (c *Client) CreateBinding(portID, host string) Binding {
	c.t.Helper()
	var answer struct{ Binding Binding }
	c.must(c.request(http.MethodPost, "/v2.0/ports/"+portID+"/bindings", Attrs{"binding": Attrs{"host": host, "vnic_type": "normal", "profile": Attrs{}}}, &answer))
	return answer.Binding
}

// ActivateBinding makes an inactive binding the active one.
func (c *Client) ActivateBinding(portID, host string) Binding {
	c.t.Helper()
	var answer struct{ Binding Binding }
	c.must(c.request(http.MethodPut, "/v2.0/ports/"+portID+"/bindings/"+host+"/activate", nil, &answer))
	return answer.Binding
}

// DeleteBinding takes a binding away.
func (c *Client) DeleteBinding(portID, host string) {
	c.t.Helper()
	c.delete("/v2.0/ports/" + portID + "/bindings/" + host)
}

// TestLiveMigration: a VM moves to another node under ping as today's Nova does it: bound there as well and plugged, switched over
// by activating the binding, then unplugged and unbound where it was.
func TestLiveMigration(t *testing.T) {
	for _, database := range Databases {
		t.Run(string(database), func(t *testing.T) { liveMigration(t, database) })
	}
}

func liveMigration(t *testing.T, database Database) {
	c := Start(t, Options{Database: database})
	nodes := c.AddNodes("compute1", "compute2", "compute3")
	source, target := nodes[0], nodes[1]
	net := c.CreateNetwork("net", nil)
	c.CreateSubnet(net, "10.1.0.0/24", lowAddresses)
	moving := c.Boot(source, c.CreatePort(net, "moving", Attrs{"binding:host_id": source.Name, "device_owner": "compute:nova", "device_id": "server"}))
	port := moving.Port.ID
	var peers []*VM
	for _, n := range nodes {
		peers = append(peers, c.Boot(n, c.CreatePort(net, "peer", nil)))
	}
	var pings []*lab.Pinger
	for _, p := range peers {
		p.MustReach(moving.IP)
	}
	for _, p := range peers {
		pings = append(pings, p.StartPing(moving.IP, pingInterval))
	}
	for _, ping := range pings {
		c.Answered(ping, 3, "before the migration")
	}
	if p := c.Port(port); p.VIFDetails.DatapathType != "netdev" {
		t.Errorf("datapath type %q of a port in the lab", p.VIFDetails.DatapathType)
	}
	c.WaitConverged()
	before := c.Snapshot()

	c.Refused(http.StatusInternalServerError, "PortBindingError", http.MethodPost, "/v2.0/ports/"+port+"/bindings", Attrs{"binding": Attrs{"host": "nowhere"}})
	b := c.CreateBinding(port, target.Name)
	if b.Status != "INACTIVE" || b.Host != target.Name || b.VIFType != "ovs" || b.VIFDetails.DatapathType != "netdev" {
		t.Errorf("created %+v", b)
	}
	c.WaitConverged()
	for name, entries := range c.Snapshot() {
		if len(entries) != len(before[name]) {
			t.Errorf("%s: a binding where nothing is plugged made %d entries of %d", name, len(entries), len(before[name]))
		}
	}
	moving.PrepareMove(target)
	lab.Eventually(t, limit, "the port's entries are on both nodes", func() error {
		s, err := c.PortStatus(port)
		if err != nil {
			return err
		}
		if len(s.Plugged) != 2 || !s.Plugged[0].Confirmed || !s.Plugged[1].Confirmed {
			return fmt.Errorf("%+v", s.Plugged)
		}
		return nil
	})
	if p := c.Port(port); p.Status != "ACTIVE" || p.HostID != source.Name {
		t.Errorf("plugged on both nodes, the port is %s on %s", p.Status, p.HostID)
	}
	for _, ping := range pings {
		c.Answered(ping, 3, "before the switch")
	}

	switched := time.Now()
	if b := c.ActivateBinding(port, target.Name); b.Status != "ACTIVE" || b.Host != target.Name {
		t.Errorf("activated %+v", b)
	}
	moving.Move(target)
	c.WaitActive(port)
	t.Logf("binding activated and VM switched, port ACTIVE, after %v", time.Since(switched).Round(time.Millisecond))
	for _, ping := range pings {
		c.Answered(ping, 3, "after the switch")
	}
	statuses := map[string]string{}
	for _, b := range c.Bindings(port) {
		statuses[b.Host] = b.Status
	}
	if want := map[string]string{source.Name: "INACTIVE", target.Name: "ACTIVE"}; !maps.Equal(statuses, want) {
		t.Errorf("bindings %v, expected %v", statuses, want)
	}
	c.Refused(http.StatusConflict, "PortBindingAlreadyActive", http.MethodPut, "/v2.0/ports/"+port+"/bindings/"+target.Name+"/activate", nil)

	c.DeleteBinding(port, source.Name)
	moving.FinishMove(source)
	c.UpdatePort(port, Attrs{"binding:host_id": target.Name, "device_owner": "compute:nova"}) // which it is
	lab.Eventually(t, limit, "the port is on one node", func() error {
		s, err := c.PortStatus(port)
		if err == nil && len(s.Plugged) != 1 {
			err = fmt.Errorf("%+v", s.Plugged)
		}
		return err
	})
	c.WaitConverged()
	for i, ping := range pings {
		c.Answered(ping, 3, "after the end of the migration")
		r := ping.Stop()
		t.Logf("seen from %s: %v", nodes[i].Name, r)
		if r.Outage > 5*time.Second { // generous: the machine that runs this may be busy
			t.Errorf("seen from %s the outage was %v", nodes[i].Name, r.Outage)
		}
	}
	if p := c.Port(port); p.Status != "ACTIVE" || p.HostID != target.Name {
		t.Errorf("after the migration the port is %s on %s", p.Status, p.HostID)
	}
	// The nodes have changed roles.
	after := c.Snapshot()
	for old, now := range map[*lab.Node]*lab.Node{source: target, target: source, nodes[2]: nodes[2]} {
		if len(before[old.Name]) != len(after[now.Name]) {
			t.Errorf("%s has %d entries, and %s had %d before", now.Name, len(after[now.Name]), old.Name, len(before[old.Name]))
		}
	}
}
