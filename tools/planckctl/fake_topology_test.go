package main

import (
	"context"
	"net/http"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/northbound/admin"
)

func (f *fake) Explain(_ context.Context, node, cookie, entry string) ([]admin.Explanation, error) {
	if node != "" {
		if err := f.known(node); err != nil {
			return nil, err
		}
	}
	switch {
	case entry == "web1":
		return nil, model.Errorf(http.StatusBadRequest, "BadRequest", `That is not a flow entry as ovs-ofctl writes it: flow entry "web1 actions=drop": "web1" is not known.`)
	case cookie == "0x77":
		return []admin.Explanation{{Text: "No switch that could be asked has an entry with cookie 0x77, and the topology asks for none. It does not have Planck's mark, 0x662 in its upper 12 bits: it is none of Planck's.",
			Flow: admin.Flow{Cookie: "0x77", Owners: []string{}}}}, nil
	}
	list := []admin.Explanation{{
		Text: "On compute1, in table deliver, this entry takes packets in network red (VXLAN key 5001), to MAC address fa:16:3e:00:00:01 (port web\x1b[2J1), at priority 30. With each the switch notes that it is for port web\x1b[2J1 (ofport 3), and goes on in table ingress (what is for a port here passes its security groups, each copy of a flooded packet too). It is there for port web\x1b[2J1 (id " + web1 + ", of project acme, there since 2026-01-02 03:04:05 UTC). The switch has had it for 3 hours and 2 minutes, and 17 packets have met it. Why: The port's MAC address is on this node. That is rule 122, \"to a port here\", of app l2 (apps/l2/port.go:16).",
		Flow: admin.Flow{Node: "compute1", Table: "deliver", TableID: 76, Priority: 30, Cookie: "0x66207a4000000001",
			Entry: "cookie=0x66207a4000000001, table=76, send_flow_rem priority=30,metadata=0x13890000/0xffffff0000,dl_dst=fa:16:3e:00:00:01 actions=write_metadata:0x3/0xffff,goto_table:80",
			App:   "l2", Rule: "to a port here", Explain: "The port's MAC address is on this node.", Source: "apps/l2/port.go:16",
			Owners: []string{"port " + web1 + " (web1)"}, Wanted: true, Present: true, Counters: &admin.FlowCounters{Packets: 17, Bytes: 1190, Age: 10920}},
	}}
	if node == "" {
		list = append(list, admin.Explanation{Text: "Node compute2 could not be asked: its switch is not connected to this replica.",
			Flow: admin.Flow{Node: "compute2", Problem: "its switch is not connected to this replica", Owners: []string{}}})
	}
	return list, nil
}

const red = "5e1d2d3e-0000-4000-8000-000000000002"

func (f *fake) Topology(_ context.Context, project string) (admin.Topology, error) {
	t := admin.Topology{Networks: []admin.TopologyNetwork{}, Routers: []admin.TopologyRouter{}, Nodes: []admin.TopologyNode{}}
	if project != "" && project != "acme" {
		return t, nil
	}
	const public = "5e1d2d3e-0000-4000-8000-000000000001"
	t.Networks = []admin.TopologyNetwork{
		{ID: public, Name: "public", ProjectID: "corp", Type: "flat", PhysicalNetwork: "outer", External: true, Subnets: []string{"192.0.2.0/24"}, Ports: []admin.TopologyPort{}},
		{ID: red, Name: "red \"new\"\n\\", ProjectID: "acme", Type: "vxlan", SegmentationID: 5001, Subnets: []string{"10.1.0.0/24"}, Ports: []admin.TopologyPort{
			{ID: "6f1c2d3e-0000-4000-8000-000000000009", DeviceOwner: "network:dhcp", MAC: "fa:16:3e:00:00:09", Addresses: []string{"10.1.0.2"}},
			{ID: web1, Name: "web\x1b[2J1", DeviceOwner: "compute:nova", MAC: "fa:16:3e:00:00:01", Addresses: []string{"10.1.0.5", "10.1.0.6"}, Node: "compute1"}}}}
	if project == "" {
		t.Networks = append(t.Networks, admin.TopologyNetwork{ID: "5e1d2d3e-0000-4000-8000-000000000003", Type: "vlan", PhysicalNetwork: "dc",
			SegmentationID: 7, Shared: true, Subnets: []string{}, Ports: []admin.TopologyPort{}})
	}
	t.Routers = []admin.TopologyRouter{{ID: edge, Name: "edge", ProjectID: "acme", GatewayNode: "compute1",
		Interfaces:  []admin.TopologyTo{{NetworkID: red, Addresses: []string{"10.1.0.1/24"}}},
		Gateway:     &admin.TopologyTo{NetworkID: public, Addresses: []string{"192.0.2.10/24"}},
		FloatingIPs: []admin.FloatingIP{{ID: "f1", Address: "192.0.2.77", FixedIP: "10.1.0.5", PortID: web1, Node: "compute2"}}}}
	t.Nodes = []admin.TopologyNode{
		{Name: "compute1", EncapIP: "10.0.0.11", Mappings: map[string]string{"outer": "br-ex", "dc": "br-dc"}, Ports: []string{web1}},
		{Name: "compute2", Mappings: map[string]string{}, Ports: []string{}}}
	return t, nil
}
