package main

import (
	"context"
	"net/http"
	"time"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/northbound/admin"
)

// leaf1 is a declared switch with a server, a link and uplinks.
func leaf1() admin.Switch {
	return admin.Switch{Name: "leaf1", DatapathID: "00004e5f6a7b8c9d", Declared: true, Address: "10.0.0.21:41000", Number: 7, PhysicalNetwork: "dc",
		Driver: "generic", OpenFlowConnected: true, Master: true, State: "ready", ConfirmedRevision: 42, PortsTotal: 4, PortsUp: 3, Flows: 61, Groups: 3,
		Meters: 2, MaxMeters: 256}
}

func (f *fake) Switches(context.Context) ([]admin.Switch, error) {
	seen := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return []admin.Switch{leaf1(),
		{Name: "leaf2", DatapathID: "0000000000000002", Declared: true, Number: 8, PhysicalNetwork: "dc", DriverOverride: "openvswitch", State: "away",
			Problem: "table guard has room for 8 entries and the pipeline needs 32"},
		{DatapathID: "00000000000000aa", Address: "10.0.0.9:40000", LastSeen: &seen, State: "undeclared"}}, nil
}

func (f *fake) Switch(_ context.Context, name string) (admin.Switch, error) {
	list, _ := f.Switches(context.Background())
	switch name {
	case "leaf1", "00004e5f6a7b8c9d":
		s := list[0]
		s.Manufacturer, s.Hardware, s.Software, s.SerialNumber = "ACME", "T48", "5.1\x1b[2J", "S7"
		s.Uplinks = []admin.SwitchUplink{{Port: "eth49", Hostname: "compute1"}, {Port: "50"}}
		s.Tables = []admin.SwitchTable{{ID: 0, Name: "port", Flows: 9, MaxEntries: 256}, {ID: 1, Name: "guard", Flows: 30, MaxEntries: 32, Lacks: []string{"ipv4_src"}}, {ID: 5, Name: "flood", Flows: 4}}
		s.Ports = []admin.SwitchPort{
			{Number: 1, Name: "eth1", MAC: "02:00:00:00:00:01", Up: true, Role: "bare metal", Hosts: []admin.SwitchHost{
				{PortID: web1, Name: "web1", MAC: "fa:16:3e:00:00:01", Status: "ACTIVE"}, {PortID: "b", MAC: "fa:16:3e:00:00:02", Tag: 7, Status: "DOWN"}}},
			{Number: 2, Name: "eth2", MAC: "02:00:00:00:00:02"},
			{Number: 49, Name: "eth49", MAC: "02:00:00:00:00:31", Up: true, Role: "uplink", Peer: "compute1"},
			{Number: 51, Name: "eth51", MAC: "02:00:00:00:00:33", Up: true, Role: "link", Peer: "leaf2 port 51"}}
		s.Links = links()
		s.Quarantined = []admin.Quarantined{{Kind: "port", ID: web1, Reason: "OFPFMFC_TABLE_FULL (5, 1)"}}
		return s, nil
	case "leaf2":
		s := list[1]
		s.Name = name
		return s, nil
	case "00000000000000aa":
		return list[2], nil
	}
	return admin.Switch{}, model.Errorf(http.StatusNotFound, "SwitchNotFound", "Switch %s could not be found.", name)
}

func links() []admin.SwitchLink {
	end := func(node string, port uint32, name string) admin.LinkEnd {
		return admin.LinkEnd{Node: node, Port: port, Name: name}
	}
	return []admin.SwitchLink{{Number: 3, A: end("leaf1", 51, "eth51"), B: end("leaf2", 51, ""), Up: true, InTree: true},
		{Number: 4, A: end("leaf1", 52, "eth52"), B: end("leaf2", 52, ""), Up: true}, {Number: 9, A: end("compute1", 2, ""), B: end("leaf1", 48, "eth48")}}
}

func (f *fake) DeclareSwitch(_ context.Context, datapathID string, d admin.SwitchDeclaration) (admin.Switch, error) {
	if d.Name == "compute1" {
		return admin.Switch{}, model.Errorf(http.StatusConflict, "SwitchNameInUse", "The name compute1 is taken: it is the node with system-id 5c0e.")
	}
	return admin.Switch{Name: d.Name, DatapathID: datapathID, Declared: true, Number: 9, PhysicalNetwork: d.PhysicalNetwork, DriverOverride: d.Driver,
		State: "away", Uplinks: d.Uplinks}, nil
}

func (f *fake) DeleteSwitch(ctx context.Context, name string) error {
	_, err := f.Switch(ctx, name)
	return err
}

func (f *fake) Fabrics(context.Context) ([]admin.Fabric, error) {
	return []admin.Fabric{{PhysicalNetwork: "dc", Switches: []string{"leaf1", "leaf2", "leaf3"}, Parts: [][]string{{"leaf1", "leaf2"}, {"leaf3"}}, Links: links()[:2],
		Uplinks: []admin.FabricUplink{{Switch: "leaf1", Port: 49, Name: "eth49", Node: "compute1"}, {Switch: "leaf1", Port: 50}}}, {PhysicalNetwork: "lab", Switches: []string{"old"}, Parts: [][]string{{"old"}}}}, nil
}

func (f *fake) Drivers(context.Context) ([]admin.Driver, error) {
	return []admin.Driver{{Name: "openvswitch", Manufacturer: "^Nicira", Hardware: "^Open vSwitch$", Traits: []string{"group all", "meters"}},
		{Name: "generic", Traits: []string{"negotiates tables", "declares masks"}, Sizes: map[string]uint32{"": 1024, "forward": 8192}}}, nil
}
