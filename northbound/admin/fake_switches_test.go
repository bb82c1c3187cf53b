package admin

import (
	"context"
	"net/http"
	"time"

	"github.com/planck-sdn/planck/model"
)

func (f *fake) Switches(context.Context) ([]Switch, error) {
	seen := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return []Switch{{Name: "leaf1", DatapathID: "00004e5f6a7b8c9d", Declared: true, Number: 3, PhysicalNetwork: "dc", Driver: "generic", State: "ready"},
		{DatapathID: "00000000000000aa", Address: "10.0.0.9:40000", LastSeen: &seen, State: "undeclared"}}, f.fail
}

func (f *fake) Switch(_ context.Context, name string) (Switch, error) {
	if name != "leaf1" {
		return Switch{}, model.Errorf(http.StatusNotFound, "SwitchNotFound", "Switch %s could not be found.", name)
	}
	return Switch{Name: name, DatapathID: "00004e5f6a7b8c9d", Declared: true, Number: 3, PhysicalNetwork: "dc", State: "ready", Manufacturer: "ACME",
		Uplinks: []SwitchUplink{{"eth49", "compute1"}, {"50", ""}}, Tables: []SwitchTable{{ID: 1, Name: "guard", Flows: 7, MaxEntries: 32}},
		Ports: []SwitchPort{{Number: 1, Name: "eth1", Up: true, Role: "bare metal", Hosts: []SwitchHost{{PortID: "6f1c", Tag: 7, Status: "ACTIVE"}}}, {Number: 2, Role: "link", Peer: "leaf2 port 2"}},
		Links: []SwitchLink{{Number: 9, A: LinkEnd{"leaf1", 2, "eth2"}, B: LinkEnd{"leaf2", 2, ""}, Up: true, InTree: true}}}, f.fail
}

func (f *fake) DeclareSwitch(ctx context.Context, datapathID string, d SwitchDeclaration) (Switch, error) {
	f.say("declare %s %+v", datapathID, d)
	if f.fail != nil {
		return Switch{}, f.fail
	}
	return f.Switch(ctx, d.Name)
}

func (f *fake) DeleteSwitch(_ context.Context, name string) error {
	f.say("delete switch %s", name)
	return f.fail
}

func (f *fake) Fabrics(context.Context) ([]Fabric, error) {
	return []Fabric{{PhysicalNetwork: "dc", Switches: []string{"leaf1", "leaf2"}, Parts: [][]string{{"leaf1", "leaf2"}, nil}, Uplinks: []FabricUplink{{"leaf1", 49, "eth49", "compute1"}}}}, f.fail
}

func (f *fake) Drivers(context.Context) ([]Driver, error) {
	return []Driver{{Name: "generic", Sizes: map[string]uint32{"": 1024}}}, f.fail
}
