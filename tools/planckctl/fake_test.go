package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/northbound/admin"
)

const (
	web1 = "6f1c2d3e-0000-4000-8000-000000000001"
	edge = "9e1d2d3e-0000-4000-8000-000000000001"
)

// fake is a controller of two nodes, one of them refused, with a port and its entries, and routers.
type fake struct {
	well  bool   // no problems, and everything confirmed
	asked uint64 // how often counters were asked for
}

func (f *fake) Status(context.Context) (admin.Status, error) {
	s := admin.Status{Replica: "controller1", Version: "v0.1.0", StartedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Cloud: "0a1b2c3d-0000-4000-8000-00000000000a", Database: "postgres ok", Revision: 42, Networks: 2, Subnets: 2, Ports: 11,
		NodesConnected: 2, NodesConverged: 1, NodesTotal: 3,
		Replicas:  []admin.Replica{{Name: "controller1", Nodes: 2}, {Name: "controller2", Nodes: 1}},
		NotActive: []admin.NotActive{{ID: web1, Name: "web\x1b1", Node: "compute1", Status: "DOWN", Reason: "no interface is plugged for it: is its VM running?"}}, PortsNotActive: 1}
	if !f.well {
		s.PortsNotActive = 101
		s.Problems = []string{"node compute2 is refused: address 10.0.0.11 is compute1's", "port web2 is quarantined on compute1"}
	}
	return s, nil
}

func (f *fake) Nodes(context.Context) ([]admin.Node, error) {
	return []admin.Node{
		{Name: "compute1", SystemID: "5c0e", Number: 1, DatapathID: "0000662000000001", EncapIP: "10.0.0.11",
			Mappings: map[string]string{"public": "br-ex", "dc": "br-dc"}, OVSVersion: "3.1.0", OVSDBConnected: true,
			OpenFlowConnected: true, Master: true, State: "ready", ConfirmedRevision: 42, Ports: 11, Flows: 1204, Groups: 12, Meters: 11,
			Counters:    admin.Counters{FlowMods: 17, GroupMods: 2, PacketIns: 5, PacketOuts: 4, Dropped: 1},
			Quarantined: []admin.Quarantined{{Kind: "port", ID: web1, Reason: "OFPBAC_BAD_OUT_PORT (2, 4)"}}},
		{Name: "compute2", SystemID: "77aa", State: "refused", OVSDBConnected: true, Problem: "address 10.0.0.11 is compute1's"},
	}, nil
}

func (f *fake) CountFlows(_ context.Context, node uint64) (byTable, byApp []admin.Count) {
	if node != 1 {
		return nil, nil
	}
	return []admin.Count{{Name: "classify", Flows: 1001}, {Name: "deliver", Flows: 203}}, []admin.Count{{Name: "l2", Flows: 1200}, {Name: "base", Flows: 4}}
}

func (f *fake) Port(_ context.Context, id string) (admin.Port, error) {
	if id != web1 {
		return admin.Port{}, model.Errorf(http.StatusNotFound, "PortNotFound", "Port %s could not be found.", id)
	}
	return admin.Port{ID: id, Name: "web\x1b[2J1", ProjectID: "acme", NetworkID: "9e1d2d3e-0000-4000-8000-000000000001",
		MAC: "fa:16:3e:00:00:01", FixedIPs: []string{"10.1.0.5", "10.1.0.6"}, DeviceOwner: "compute:nova", AdminStateUp: true,
		Status: "ACTIVE", HostID: "compute1", VIFType: "ovs", LastDHCP: "REQUEST 10.1.0.5: ACK",
		Plugged: []admin.Plugged{{Node: "compute1", Interface: "tap6f1c", Ofport: 3, Active: true, Attached: true, Confirmed: true},
			{Node: "compute2", Interface: "tap6f1d", Ofport: 9}}}, nil
}

func (f *fake) Routers(context.Context) ([]admin.Router, error) {
	return []admin.Router{
		{ID: edge, Name: "edge", ProjectID: "acme", AdminStateUp: true, Key: 8388611, Gateway: &admin.RouterGateway{Node: "compute1", Addresses: []string{"192.0.2.10/24"}}},
		{ID: "9e1d2d3e-0000-4000-8000-000000000002", Name: "lost", ProjectID: "acme", Key: 8388612, Gateway: &admin.RouterGateway{Addresses: []string{"192.0.2.11/24"}}},
		{ID: "9e1d2d3e-0000-4000-8000-000000000003", Name: "in\x1bside", ProjectID: "acme", AdminStateUp: true, Key: 8388613},
	}, nil
}

func (f *fake) Router(_ context.Context, id string) (admin.Router, error) {
	list, _ := f.Routers(context.Background())
	switch id {
	case edge:
		r := list[0]
		r.Gateway = &admin.RouterGateway{NetworkID: "5e1d2d3e-0000-4000-8000-000000000001", PortID: "6f1c2d3e-0000-4000-8000-000000000010", MAC: "fa:16:3e:00:00:10",
			Addresses: []string{"192.0.2.10/24"}, EnableSNAT: true, Zone: 32769, Node: "compute1", Generation: 3}
		r.Interfaces = []admin.RouterInterface{
			{PortID: "6f1c2d3e-0000-4000-8000-000000000011", NetworkID: "5e1d2d3e-0000-4000-8000-000000000002", MAC: "fa:16:3e:00:00:11", Addresses: []string{"10.1.0.1/24"}, AdminStateUp: true},
			{PortID: "6f1c2d3e-0000-4000-8000-000000000012", NetworkID: "5e1d2d3e-0000-4000-8000-000000000003", MAC: "fa:16:3e:00:00:12", Addresses: []string{"10.2.0.1/24", "10.3.0.1/24"}}}
		r.Routes = []admin.Route{{Destination: "10.7.0.0/16", NextHop: "10.1.0.7"}}
		r.FloatingIPs = []admin.FloatingIP{
			{ID: "f1", Address: "192.0.2.77", FixedIP: "10.1.0.5", PortID: web1, Node: "compute2"},
			{ID: "f2", Address: "192.0.2.78", FixedIP: "10.1.0.6", PortID: web1}}
		r.Neighbours = []admin.Neighbour{{Address: "192.0.2.1", MAC: "02:00:00:00:00:01", Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}}
		return r, nil
	case list[1].ID:
		return list[1], nil
	}
	return admin.Router{}, model.Errorf(http.StatusNotFound, "RouterNotFound", "Router %s could not be found.", id)
}

func (f *fake) MoveRouter(_ context.Context, id, node string) error {
	if id != edge {
		return model.Errorf(http.StatusConflict, "RouterWithoutGateway", "Router %s has no external gateway: no node serves it.", id)
	}
	return f.known(node)
}

func (f *fake) Flows(_ context.Context, q admin.FlowQuery, each func(admin.Flow) error) error {
	list := []admin.Flow{
		{Node: "compute1", Table: "classify", Priority: 50, Cookie: "0x6620780400000001",
			Entry: "cookie=0x6620780400000001, table=0, priority=50,in_port=3,vlan_tci=0x0000/0x1fff actions=write_metadata:0x10003/0x3ffffffffff,goto_table:12",
			App:   "l2", Rule: "from a port", Explain: "Untagged frames from the port's interface belong to its network.",
			Source: "apps/l2/port.go:14", Owners: []string{"port " + web1 + " (web1)"}, Wanted: true, Present: true},
		{Node: "compute1", Table: "deliver", TableID: 76, Priority: 30, Cookie: "0x66207c0400000001",
			Entry: "cookie=0x66207c0400000001, table=76, priority=30,metadata=0x10000/0x300ffffff0000,dl_dst=00:00:5e:00:01:01 actions=drop",
			App:   "l2", Rule: "to all ports that share a MAC address", Explain: "Several ports may use this MAC address: each gets a copy.",
			Source: "apps/l2/port.go:22", Owners: []string{"port " + web1 + " (web1)", "port 7777 (web2)"}, Wanted: true},
	}
	if q.Port == web1 && q.Node == "compute1" {
		list = list[:1]
	}
	if q.Counters {
		f.asked++
		idle := 12.4
		list[0].Counters = &admin.FlowCounters{Packets: 10 * f.asked * f.asked, Bytes: 980 * f.asked, Age: 3725, Idle: &idle}
		list = append(list, admin.Flow{Node: "compute1", Table: "200", TableID: 200, Cookie: "0x2a", Entry: "cookie=0x2a, table=200, priority=0 actions=drop",
			Owners: []string{}, Present: true, Counters: &admin.FlowCounters{Age: 7}},
			admin.Flow{Node: "compute3", Owners: []string{}, Problem: "it does not answer in time"})
	}
	for _, l := range list {
		if err := each(l); err != nil {
			return err
		}
	}
	return nil
}

func (f *fake) Why(_ context.Context, id string) (admin.Why, error) {
	if id != web1 {
		return admin.Why{}, model.Errorf(http.StatusNotFound, "PortNotFound", "Port %s could not be found.", id)
	}
	w := admin.Why{PortID: id, Name: "web1", Checks: []admin.Finding{
		{Check: "exists", State: "ok", Evidence: "port " + web1 + " (web1) of network red"},
		{Check: "admin state", State: "ok", Evidence: "port and network are up"}}}
	if !f.well {
		w.Cause = "It is plugged nowhere: no interface of a br-int has external_ids:iface-id=" + web1 + " and an ofport"
		w.Checks = append(w.Checks, admin.Finding{Check: "plugged", State: "wrong", Evidence: w.Cause}, admin.Finding{Check: "DHCP", State: "none"})
	}
	return w, nil
}

func (f *fake) Wait(ctx context.Context) (admin.Wait, error) {
	if f.well {
		return admin.Wait{Revision: 42, Done: true}, nil
	}
	<-ctx.Done()
	return admin.Wait{Revision: 42, Left: []string{"compute1", "compute3"}}, ctx.Err()
}

func (f *fake) known(node string) error {
	if node != "compute1" {
		return model.Errorf(http.StatusNotFound, "NodeNotFound", "Node %s could not be found.", node)
	}
	return nil
}

func (f *fake) Reconcile(_ context.Context, node string, force bool) error {
	if err := f.known(node); err != nil || force {
		return err
	}
	return &model.Error{Status: http.StatusConflict, Type: "NodeHeld", Message: "That would remove 900 of 1204 entries of table deliver.",
		Detail: "force it if that is right"}
}
func (f *fake) ForgetNode(_ context.Context, node string) error { return f.known(node) }
func (f *fake) DeleteNode(_ context.Context, node string) error { return f.known(node) }

// serve serves the fake, and as much of Neutron's lists of ports and routers as planckctl asks for.
func serve(t *testing.T, f *fake) (url string) {
	t.Helper()
	gin.SetMode(gin.TestMode)
	engine := gin.New()
	engine.Use(documented(t))
	admin.Routes(engine, f)
	engine.GET("/v2.0/ports", func(c *gin.Context) {
		ports := map[string]string{"": `{"id":"` + web1 + `","name":"web1"},{"id":"a","name":"twins"},{"id":"b","name":""}`, "web1": `{"id":"` + web1 + `"}`, "twins": `{"id":"a"},{"id":"b"}`}
		c.Data(http.StatusOK, "application/json", []byte(`{"ports":[`+ports[c.Query("name")]+`]}`))
	})
	engine.GET("/v2.0/networks", func(c *gin.Context) {
		networks := map[string]string{"": `{"id":"` + red + `","name":"red"}`}
		c.Data(http.StatusOK, "application/json", []byte(`{"networks":[`+networks[c.Query("name")]+`]}`))
	})
	engine.GET("/v2.0/routers", func(c *gin.Context) {
		routers := map[string]string{"": `{"id":"` + edge + `","name":"edge"},{"id":"r3","name":"in\u001bside"}`, "edge": `{"id":"` + edge + `"}`, "lost": `{"id":"9e1d2d3e-0000-4000-8000-000000000002"}`}
		c.Data(http.StatusOK, "application/json", []byte(`{"routers":[`+routers[c.Query("name")]+`]}`))
	})
	engine.GET("/proxy/*rest", func(c *gin.Context) { c.String(http.StatusBadGateway, "<html>bad gateway</html>") })
	server := httptest.NewServer(engine)
	t.Cleanup(server.Close)
	return server.URL
}

// ctl runs planckctl and gives what it printed and its exit code.
func ctl(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, err strings.Builder
	code = run(context.Background(), args, &out, &err)
	return out.String(), err.String(), code
}
