package store

import (
	"net/netip"
	"time"

	"github.com/planck-sdn/planck/model"
)

// The rows below are the tables' columns. Times are handed in, gorm must not set them.

type networkRow struct {
	Number                model.Number `gorm:"primaryKey;autoIncrement"`
	ID                    string
	ProjectID             string
	Name                  string
	Description           string
	AdminStateUp          bool
	Shared                bool `gorm:"->"` // see Scope.networkColumns
	External              bool `gorm:"->"`
	MTU                   int  `gorm:"column:mtu"`
	PortSecurityEnabled   bool
	NetworkType           string
	PhysicalNetwork       string
	SegmentationID        uint32
	NetworkKey            model.NetworkKey
	DNSDomain             string   `gorm:"column:dns_domain"`
	AvailabilityZoneHints []string `gorm:"serializer:json"`
	Tags                  []string `gorm:"serializer:json"`
	RevisionNumber        int64
	CreatedAt             time.Time `gorm:"autoCreateTime:false"`
	UpdatedAt             time.Time `gorm:"autoUpdateTime:false"`
}

func (networkRow) TableName() string { return "networks" }

func rowOfNetwork(n *model.Network) *networkRow {
	return &networkRow{
		Number: n.Number, ID: n.ID, ProjectID: n.ProjectID, Name: n.Name, Description: n.Description,
		AdminStateUp: n.AdminStateUp, MTU: n.MTU, PortSecurityEnabled: n.PortSecurityEnabled,
		NetworkType: n.NetworkType, PhysicalNetwork: n.PhysicalNetwork, SegmentationID: n.SegmentationID,
		NetworkKey: n.Key, DNSDomain: n.DNSDomain, AvailabilityZoneHints: notNil(n.AvailabilityZoneHints), Tags: notNil(n.Tags),
		RevisionNumber: n.RevisionNumber, CreatedAt: n.CreatedAt, UpdatedAt: n.UpdatedAt,
	}
}

func (r *networkRow) model() (*model.Network, error) {
	return &model.Network{
		Number: r.Number, ID: r.ID, ProjectID: r.ProjectID, Name: r.Name, Description: r.Description,
		AdminStateUp: r.AdminStateUp, Shared: r.Shared, External: r.External, Status: model.StatusActive, MTU: r.MTU,
		PortSecurityEnabled: r.PortSecurityEnabled, NetworkType: r.NetworkType, PhysicalNetwork: r.PhysicalNetwork,
		SegmentationID: r.SegmentationID, Key: r.NetworkKey, DNSDomain: r.DNSDomain, AvailabilityZoneHints: r.AvailabilityZoneHints, Tags: r.Tags, RevisionNumber: r.RevisionNumber,
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}, nil
}

type subnetRow struct {
	Number          model.Number `gorm:"primaryKey;autoIncrement"`
	ID              string
	NetworkID       string
	ProjectID       string
	Name            string
	Description     string
	IPVersion       int
	CIDR            string               `gorm:"column:cidr"`
	GatewayIP       string               // empty: none
	AllocationPools []model.AddressRange `gorm:"serializer:json"`
	DNSNameservers  []netip.Addr         `gorm:"column:dns_nameservers;serializer:json"`
	HostRoutes      []model.HostRoute    `gorm:"serializer:json"`
	EnableDHCP      bool                 `gorm:"column:enable_dhcp"`
	Tags            []string             `gorm:"serializer:json"`
	RevisionNumber  int64
	CreatedAt       time.Time `gorm:"autoCreateTime:false"`
	UpdatedAt       time.Time `gorm:"autoUpdateTime:false"`
}

func (subnetRow) TableName() string { return "subnets" }

func rowOfSubnet(s *model.Subnet) *subnetRow {
	return &subnetRow{
		Number: s.Number, ID: s.ID, NetworkID: s.NetworkID, ProjectID: s.ProjectID, Name: s.Name,
		Description: s.Description, IPVersion: s.IPVersion, CIDR: s.CIDR.String(), GatewayIP: addrText(s.GatewayIP),
		AllocationPools: notNil(s.AllocationPools), DNSNameservers: notNil(s.DNSNameservers), HostRoutes: notNil(s.HostRoutes),
		EnableDHCP: s.EnableDHCP, Tags: notNil(s.Tags), RevisionNumber: s.RevisionNumber, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt,
	}
}

func (r *subnetRow) model() (*model.Subnet, error) {
	cidr, err := netip.ParsePrefix(r.CIDR)
	if err != nil {
		return nil, err
	}
	gateway, err := parseAddrText(r.GatewayIP)
	if err != nil {
		return nil, err
	}
	return &model.Subnet{
		Number: r.Number, ID: r.ID, NetworkID: r.NetworkID, ProjectID: r.ProjectID, Name: r.Name,
		Description: r.Description, IPVersion: r.IPVersion, CIDR: cidr, GatewayIP: gateway,
		AllocationPools: r.AllocationPools, DNSNameservers: r.DNSNameservers, HostRoutes: r.HostRoutes,
		EnableDHCP: r.EnableDHCP, Tags: r.Tags, RevisionNumber: r.RevisionNumber, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}, nil
}

type portRow struct {
	Number              model.Number `gorm:"primaryKey;autoIncrement"`
	ID                  string
	NetworkID           string
	ProjectID           string
	Name                string
	Description         string
	AdminStateUp        bool
	MACAddress          string          `gorm:"column:mac_address"`
	FixedIPs            []model.FixedIP `gorm:"column:fixed_ips;serializer:json"` // repeats ip_allocations
	DeviceID            string
	DeviceOwner         string
	PortSecurityEnabled bool
	AllowedAddressPairs []model.AddressPair `gorm:"serializer:json"`
	Status              string
	StatusReason        string
	HostID              string
	VNICType            string         `gorm:"column:vnic_type"`
	VIFType             string         `gorm:"column:vif_type"`
	Profile             map[string]any `gorm:"serializer:json"`
	BindingGeneration   int64
	DatapathType        string
	InactiveBindings    []model.Binding    `gorm:"serializer:json"`
	DNSName             string             `gorm:"column:dns_name"`
	ExtraDHCPOpts       []model.DHCPOption `gorm:"column:extra_dhcp_opts;serializer:json"`
	Tags                []string           `gorm:"serializer:json"`
	Automatic           bool
	RevisionNumber      int64
	CreatedAt           time.Time `gorm:"autoCreateTime:false"`
	UpdatedAt           time.Time `gorm:"autoUpdateTime:false"`
}

func (portRow) TableName() string { return "ports" }

func rowOfPort(p *model.Port) *portRow {
	profile := p.Profile
	if profile == nil {
		profile = map[string]any{}
	}
	return &portRow{
		Number: p.Number, ID: p.ID, NetworkID: p.NetworkID, ProjectID: p.ProjectID, Name: p.Name,
		Description: p.Description, AdminStateUp: p.AdminStateUp, MACAddress: p.MAC.String(), FixedIPs: notNil(p.FixedIPs), DeviceID: p.DeviceID,
		DeviceOwner: p.DeviceOwner, PortSecurityEnabled: p.PortSecurityEnabled,
		AllowedAddressPairs: notNil(p.AllowedAddressPairs), Status: p.Status, StatusReason: p.StatusReason,
		HostID: p.HostID, VNICType: p.VNICType, VIFType: p.VIFType, Profile: profile,
		BindingGeneration: p.BindingGeneration, DatapathType: p.DatapathType, InactiveBindings: notNil(p.InactiveBindings),
		DNSName: p.DNSName, ExtraDHCPOpts: notNil(p.ExtraDHCPOpts), Tags: notNil(p.Tags),
		RevisionNumber: p.RevisionNumber, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
	}
}

func (r *portRow) model() (*model.Port, error) {
	mac, err := model.ParseMAC(r.MACAddress)
	if err != nil {
		return nil, err
	}
	return &model.Port{
		Number: r.Number, ID: r.ID, NetworkID: r.NetworkID, ProjectID: r.ProjectID, Name: r.Name,
		Description: r.Description, AdminStateUp: r.AdminStateUp, MAC: mac, FixedIPs: r.FixedIPs, DeviceID: r.DeviceID,
		DeviceOwner: r.DeviceOwner, PortSecurityEnabled: r.PortSecurityEnabled,
		AllowedAddressPairs: r.AllowedAddressPairs, Status: r.Status, StatusReason: r.StatusReason,
		HostID: r.HostID, VNICType: r.VNICType, VIFType: r.VIFType, Profile: r.Profile,
		BindingGeneration: r.BindingGeneration, DatapathType: r.DatapathType, InactiveBindings: r.InactiveBindings,
		DNSName: r.DNSName, ExtraDHCPOpts: r.ExtraDHCPOpts, Tags: r.Tags,
		RevisionNumber: r.RevisionNumber, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}, nil
}

type nodeRow struct {
	Number         model.Number `gorm:"primaryKey;autoIncrement"`
	SystemID       string
	Hostname       string
	HostnamePinned bool
	EncapIP        string // empty: no tunnels
	DatapathType   string
	TunnelPort     uint32
	Mappings       []model.Mapping `gorm:"serializer:json"`
	CreatedAt      time.Time       `gorm:"autoCreateTime:false"`
	UpdatedAt      time.Time       `gorm:"autoUpdateTime:false"`
}

func (nodeRow) TableName() string { return "nodes" }

func rowOfNode(n *model.Node) *nodeRow {
	return &nodeRow{
		Number: n.Number, SystemID: n.SystemID, Hostname: n.Hostname, HostnamePinned: true, EncapIP: addrText(n.EncapIP), DatapathType: n.DatapathType,
		TunnelPort: n.TunnelPort, Mappings: notNil(n.Mappings), CreatedAt: n.CreatedAt, UpdatedAt: n.UpdatedAt,
	}
}

// datapathPrefix stands in the upper 16 bits of every datapath id that Planck gives; the lower 48 are the node's number.
const datapathPrefix = 0x0662

func (r *nodeRow) model(interfaces []interfaceRow) (*model.Node, error) {
	encap, err := parseAddrText(r.EncapIP)
	if err != nil {
		return nil, err
	}
	n := &model.Node{
		Number: r.Number, SystemID: r.SystemID, Hostname: r.Hostname, HostnamePinned: r.HostnamePinned, EncapIP: encap, DatapathType: r.DatapathType,
		DatapathID: datapathPrefix<<48 | uint64(r.Number), TunnelPort: r.TunnelPort, Mappings: r.Mappings,
		Interfaces: make([]model.Interface, len(interfaces)), CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
	for i, row := range interfaces {
		n.Interfaces[i] = model.Interface{Name: row.Name, PortID: row.PortID, Ofport: row.Ofport, Sequence: row.Sequence}
	}
	return n, nil
}

type interfaceRow struct {
	Sequence   int64 `gorm:"primaryKey;autoIncrement"`
	NodeNumber model.Number
	Name       string
	PortID     string
	Ofport     uint32
}

func (interfaceRow) TableName() string { return "node_interfaces" }

func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func parseAddrText(s string) (netip.Addr, error) {
	if s == "" {
		return netip.Addr{}, nil
	}
	return netip.ParseAddr(s)
}

// convert turns rows into what they describe.
func convert[Row, T any](rows []Row, one func(*Row) (T, error)) ([]T, error) {
	objects := make([]T, len(rows))
	for i := range rows {
		var err error
		if objects[i], err = one(&rows[i]); err != nil {
			return nil, err
		}
	}
	return objects, nil
}
