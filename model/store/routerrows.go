package store

import (
	"net/netip"
	"time"

	"github.com/planck-sdn/planck/model"
)

type routerRow struct {
	Number                model.Number `gorm:"primaryKey;autoIncrement"`
	ID                    string
	ProjectID             string
	Name                  string
	Description           string
	AdminStateUp          bool
	NetworkKey            model.NetworkKey
	GatewayNetworkID      string // empty: no gateway
	GatewayPortID         string
	EnableSNAT            bool `gorm:"column:enable_snat"`
	GatewayZone           uint16
	GatewayNode           model.Number
	GatewayGeneration     int64             // also without a gateway
	Routes                []model.HostRoute `gorm:"serializer:json"`
	AvailabilityZoneHints []string          `gorm:"serializer:json"`
	Tags                  []string          `gorm:"serializer:json"`
	RevisionNumber        int64
	CreatedAt             time.Time `gorm:"autoCreateTime:false"`
	UpdatedAt             time.Time `gorm:"autoUpdateTime:false"`
}

func (routerRow) TableName() string { return "routers" }

func rowOfRouter(r *model.Router) *routerRow {
	row := &routerRow{
		Number: r.Number, ID: r.ID, ProjectID: r.ProjectID, Name: r.Name, Description: r.Description, AdminStateUp: r.AdminStateUp,
		NetworkKey: r.Key, Routes: notNil(r.Routes), AvailabilityZoneHints: notNil(r.AvailabilityZoneHints), Tags: notNil(r.Tags),
		RevisionNumber: r.RevisionNumber, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
	if g := r.Gateway; g != nil {
		row.GatewayNetworkID, row.GatewayPortID, row.EnableSNAT = g.NetworkID, g.PortID, g.EnableSNAT
		row.GatewayZone, row.GatewayNode, row.GatewayGeneration = g.Zone, g.Node, g.Generation
	}
	return row
}

// routerFields are the columns that routerRow.columns reads.
const routerFields = "number, id, project_id, name, description, admin_state_up, network_key, gateway_network_id, gateway_port_id, enable_snat, " +
	"gateway_zone, gateway_node, gateway_generation, routes, availability_zone_hints, tags, revision_number, created_at, updated_at"

func (r *routerRow) columns() []any {
	return []any{&r.Number, &r.ID, &r.ProjectID, &r.Name, &r.Description, &r.AdminStateUp, &r.NetworkKey, &r.GatewayNetworkID, &r.GatewayPortID, &r.EnableSNAT,
		&r.GatewayZone, &r.GatewayNode, &r.GatewayGeneration, (*jsonList[model.HostRoute])(&r.Routes), (*jsonList[string])(&r.AvailabilityZoneHints),
		(*jsonList[string])(&r.Tags), &r.RevisionNumber, &r.CreatedAt, &r.UpdatedAt}
}

func (r *routerRow) model() (*model.Router, error) {
	router := &model.Router{
		Number: r.Number, ID: r.ID, ProjectID: r.ProjectID, Name: r.Name, Description: r.Description, AdminStateUp: r.AdminStateUp,
		Status: model.StatusActive, Key: r.NetworkKey, Routes: r.Routes, AvailabilityZoneHints: r.AvailabilityZoneHints, Tags: r.Tags,
		RevisionNumber: r.RevisionNumber, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
	if r.GatewayNetworkID != "" {
		router.Gateway = &model.Gateway{NetworkID: r.GatewayNetworkID, PortID: r.GatewayPortID, EnableSNAT: r.EnableSNAT,
			Zone: r.GatewayZone, Node: r.GatewayNode, Generation: r.GatewayGeneration}
	}
	return router, nil
}

type floatingIPRow struct {
	Number            model.Number `gorm:"primaryKey;autoIncrement"`
	ID                string
	ProjectID         string
	Description       string
	FloatingNetworkID string
	FloatingIPAddress string `gorm:"column:floating_ip_address"`
	FloatingPortID    string
	PortID            *string // nil: none
	FixedIPAddress    string  `gorm:"column:fixed_ip_address"`
	RouterID          *string
	DNSName           string   `gorm:"column:dns_name"`
	DNSDomain         string   `gorm:"column:dns_domain"`
	Tags              []string `gorm:"serializer:json"`
	RevisionNumber    int64
	CreatedAt         time.Time `gorm:"autoCreateTime:false"`
	UpdatedAt         time.Time `gorm:"autoUpdateTime:false"`
}

func (floatingIPRow) TableName() string { return "floating_ips" }

func rowOfFloatingIP(f *model.FloatingIP) *floatingIPRow {
	return &floatingIPRow{
		Number: f.Number, ID: f.ID, ProjectID: f.ProjectID, Description: f.Description, FloatingNetworkID: f.FloatingNetworkID,
		FloatingIPAddress: addrText(f.Address), FloatingPortID: f.FloatingPortID, PortID: orNull(f.PortID), FixedIPAddress: addrText(f.FixedIP),
		RouterID: orNull(f.RouterID), DNSName: f.DNSName, DNSDomain: f.DNSDomain, Tags: notNil(f.Tags),
		RevisionNumber: f.RevisionNumber, CreatedAt: f.CreatedAt, UpdatedAt: f.UpdatedAt,
	}
}

func orNull(id string) *string {
	if id == "" {
		return nil
	}
	return &id
}

func orEmpty(id *string) string {
	if id == nil {
		return ""
	}
	return *id
}

// floatingIPFields are the columns that floatingIPRow.columns reads.
const floatingIPFields = "number, id, project_id, description, floating_network_id, floating_ip_address, floating_port_id, port_id, fixed_ip_address, " +
	"router_id, dns_name, dns_domain, tags, revision_number, created_at, updated_at"

func (r *floatingIPRow) columns() []any {
	return []any{&r.Number, &r.ID, &r.ProjectID, &r.Description, &r.FloatingNetworkID, &r.FloatingIPAddress, &r.FloatingPortID, &r.PortID, &r.FixedIPAddress,
		&r.RouterID, &r.DNSName, &r.DNSDomain, (*jsonList[string])(&r.Tags), &r.RevisionNumber, &r.CreatedAt, &r.UpdatedAt}
}

func (r *floatingIPRow) model() (*model.FloatingIP, error) {
	address, err := netip.ParseAddr(r.FloatingIPAddress)
	if err != nil {
		return nil, err
	}
	fixed, err := parseAddrText(r.FixedIPAddress)
	if err != nil {
		return nil, err
	}
	f := &model.FloatingIP{
		Number: r.Number, ID: r.ID, ProjectID: r.ProjectID, Description: r.Description, FloatingNetworkID: r.FloatingNetworkID,
		Address: address, FloatingPortID: r.FloatingPortID, PortID: orEmpty(r.PortID), FixedIP: fixed, RouterID: orEmpty(r.RouterID),
		DNSName: r.DNSName, DNSDomain: r.DNSDomain, Tags: r.Tags,
		RevisionNumber: r.RevisionNumber, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
	f.Status = floatingStatus(f)
	return f, nil
}

// floatingStatus is Neutron's: that of an association.
func floatingStatus(f *model.FloatingIP) string {
	if f.PortID == "" {
		return model.StatusDown
	}
	return model.StatusActive
}

type neighbourRow struct {
	Number    model.Number `gorm:"primaryKey;autoIncrement"`
	RouterID  string
	NetworkID string
	IPAddress string `gorm:"column:ip_address"`
	MAC       string
	UpdatedAt time.Time `gorm:"autoUpdateTime:false"`
}

func (neighbourRow) TableName() string { return "neighbours" }

const neighbourFields = "number, router_id, network_id, ip_address, mac, updated_at"

func (r *neighbourRow) columns() []any {
	return []any{&r.Number, &r.RouterID, &r.NetworkID, &r.IPAddress, &r.MAC, &r.UpdatedAt}
}

func (r *neighbourRow) model() (*model.Neighbour, error) {
	address, err := netip.ParseAddr(r.IPAddress)
	if err != nil {
		return nil, err
	}
	mac, err := model.ParseMAC(r.MAC)
	if err != nil {
		return nil, err
	}
	return &model.Neighbour{Number: r.Number, RouterID: r.RouterID, NetworkID: r.NetworkID, Address: address, MAC: mac, UpdatedAt: r.UpdatedAt.UTC()}, nil
}

type holderRow struct {
	Number    model.Number `gorm:"primaryKey;autoIncrement"`
	NetworkID string
	IPAddress string `gorm:"column:ip_address"`
	PortID    string
	UpdatedAt time.Time `gorm:"autoUpdateTime:false"`
}

func (holderRow) TableName() string { return "holders" }

const holderFields = "number, network_id, ip_address, port_id, updated_at"

func (r *holderRow) columns() []any {
	return []any{&r.Number, &r.NetworkID, &r.IPAddress, &r.PortID, &r.UpdatedAt}
}

func (r *holderRow) model() (*model.Holder, error) {
	address, err := netip.ParseAddr(r.IPAddress)
	if err != nil {
		return nil, err
	}
	return &model.Holder{Number: r.Number, NetworkID: r.NetworkID, Address: address, PortID: r.PortID, UpdatedAt: r.UpdatedAt.UTC()}, nil
}
