package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

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

// networkFields are the columns that networkRow.columns reads.
const networkFields = "networks.number, networks.id, networks.project_id, networks.name, networks.description, networks.admin_state_up, " +
	"networks.shared, networks.external, networks.mtu, networks.port_security_enabled, networks.network_type, networks.physical_network, " +
	"networks.segmentation_id, networks.network_key, networks.dns_domain, networks.availability_zone_hints, networks.tags, " +
	"networks.revision_number, networks.created_at, networks.updated_at"

func (r *networkRow) columns() []any {
	return []any{&r.Number, &r.ID, &r.ProjectID, &r.Name, &r.Description, &r.AdminStateUp,
		&r.Shared, &r.External, &r.MTU, &r.PortSecurityEnabled, &r.NetworkType, &r.PhysicalNetwork,
		&r.SegmentationID, &r.NetworkKey, &r.DNSDomain, (*jsonList[string])(&r.AvailabilityZoneHints), (*jsonList[string])(&r.Tags),
		&r.RevisionNumber, &r.CreatedAt, &r.UpdatedAt}
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

// subnetFields are the columns that subnetRow.columns reads.
const subnetFields = "number, id, network_id, project_id, name, description, ip_version, cidr, gateway_ip, allocation_pools, dns_nameservers, host_routes, " +
	"enable_dhcp, tags, revision_number, created_at, updated_at"

func (r *subnetRow) columns() []any {
	return []any{&r.Number, &r.ID, &r.NetworkID, &r.ProjectID, &r.Name, &r.Description, &r.IPVersion, &r.CIDR, &r.GatewayIP,
		(*jsonList[model.AddressRange])(&r.AllocationPools), (*jsonList[netip.Addr])(&r.DNSNameservers), (*jsonList[model.HostRoute])(&r.HostRoutes),
		&r.EnableDHCP, (*jsonList[string])(&r.Tags), &r.RevisionNumber, &r.CreatedAt, &r.UpdatedAt}
}

// subnetForAllocation is a subnet with what the allocation of addresses needs of it.
func subnetForAllocation(id, cidr, pools string) (*model.Subnet, error) {
	subnet := &model.Subnet{ID: id}
	var err error
	if subnet.CIDR, err = netip.ParsePrefix(cidr); err != nil {
		return nil, err
	}
	return subnet, (*jsonList[model.AddressRange])(&subnet.AllocationPools).Scan(pools)
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
	SecurityGroups      []string            `gorm:"serializer:json"` // repeats port_security_groups
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
		AllowedAddressPairs: notNil(p.AllowedAddressPairs), SecurityGroups: notNil(p.SecurityGroups), Status: p.Status, StatusReason: p.StatusReason,
		HostID: p.HostID, VNICType: p.VNICType, VIFType: p.VIFType, Profile: profile,
		BindingGeneration: p.BindingGeneration, DatapathType: p.DatapathType, InactiveBindings: notNil(p.InactiveBindings),
		DNSName: p.DNSName, ExtraDHCPOpts: notNil(p.ExtraDHCPOpts), Tags: notNil(p.Tags),
		RevisionNumber: p.RevisionNumber, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
	}
}

// portFields are the columns that portRow.columns reads: number, what is given once, and what changes.
const (
	portFields    = "ports.number, " + portGivenOnce + ", " + portChanging
	portGivenOnce = "id, network_id, project_id, automatic, created_at"
	portChanging  = "name, description, admin_state_up, mac_address, fixed_ips, device_id, device_owner, port_security_enabled, " +
		"allowed_address_pairs, security_groups, status, status_reason, host_id, vnic_type, vif_type, profile, binding_generation, datapath_type, " +
		"inactive_bindings, dns_name, extra_dhcp_opts, tags, revision_number, updated_at"
)

// A parameter for each column.
var (
	portGivenOnceValues = placeholders(portGivenOnce)
	portChangingValues  = placeholders(portChanging)
)

func placeholders(columns string) string {
	return "?" + strings.Repeat(", ?", strings.Count(columns, ","))
}

func (r *portRow) columns() []any {
	return []any{&r.Number,
		&r.ID, &r.NetworkID, &r.ProjectID, &r.Automatic, &r.CreatedAt,
		&r.Name, &r.Description, &r.AdminStateUp, &r.MACAddress, (*fixedIPList)(&r.FixedIPs), &r.DeviceID, &r.DeviceOwner, &r.PortSecurityEnabled,
		(*jsonList[model.AddressPair])(&r.AllowedAddressPairs), (*jsonList[string])(&r.SecurityGroups), &r.Status, &r.StatusReason, &r.HostID, &r.VNICType, &r.VIFType, (*jsonObject)(&r.Profile), &r.BindingGeneration, &r.DatapathType,
		(*jsonList[model.Binding])(&r.InactiveBindings), &r.DNSName, (*jsonList[model.DHCPOption])(&r.ExtraDHCPOpts), (*jsonList[string])(&r.Tags), &r.RevisionNumber, &r.UpdatedAt}
}

// givenOnce are the values of portGivenOnce.
func (r *portRow) givenOnce() []any {
	return []any{r.ID, r.NetworkID, r.ProjectID, r.Automatic, r.CreatedAt}
}

// changing are the values of portChanging.
func (r *portRow) changing() []any {
	return []any{r.Name, r.Description, r.AdminStateUp, r.MACAddress, fixedIPsText(r.FixedIPs), r.DeviceID, r.DeviceOwner, r.PortSecurityEnabled,
		listText(r.AllowedAddressPairs), listText(r.SecurityGroups), r.Status, r.StatusReason, r.HostID, r.VNICType, r.VIFType, jsonText(r.Profile, len(r.Profile), "{}"), r.BindingGeneration, r.DatapathType,
		listText(r.InactiveBindings), r.DNSName, listText(r.ExtraDHCPOpts), listText(r.Tags), r.RevisionNumber, r.UpdatedAt}
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
		AllowedAddressPairs: r.AllowedAddressPairs, SecurityGroups: r.SecurityGroups, Status: r.Status, StatusReason: r.StatusReason,
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
	Switch         *model.Switch   `gorm:"serializer:json"` // nil: Open vSwitch
	Frozen         bool
	Reports        int64
	Interfaces     []model.Interface `gorm:"->;serializer:json"` // dialect.interfaces
	CreatedAt      time.Time         `gorm:"autoCreateTime:false"`
	UpdatedAt      time.Time         `gorm:"autoUpdateTime:false"`
}

func (nodeRow) TableName() string { return "nodes" }

func rowOfNode(n *model.Node) *nodeRow {
	return &nodeRow{
		Number: n.Number, SystemID: n.SystemID, Hostname: n.Hostname, HostnamePinned: true, EncapIP: addrText(n.EncapIP), DatapathType: n.DatapathType,
		TunnelPort: n.TunnelPort, Mappings: notNil(n.Mappings), Switch: n.Switch, Frozen: n.Frozen, Reports: n.Reports, Interfaces: n.Interfaces,
		CreatedAt: n.CreatedAt, UpdatedAt: n.UpdatedAt,
	}
}

func (r *nodeRow) model() (*model.Node, error) {
	encap, err := parseAddrText(r.EncapIP)
	if err != nil {
		return nil, err
	}
	datapathID := model.BridgeDatapathID(r.Number)
	if r.Switch != nil {
		if datapathID, err = model.ParseSwitchSystemID(r.SystemID); err != nil {
			return nil, err
		}
	}
	return &model.Node{
		Number: r.Number, SystemID: r.SystemID, Hostname: r.Hostname, HostnamePinned: r.HostnamePinned, EncapIP: encap, DatapathType: r.DatapathType,
		DatapathID: datapathID, TunnelPort: r.TunnelPort, Mappings: r.Mappings, Switch: r.Switch, Frozen: r.Frozen,
		Interfaces: notNil(r.Interfaces), Reports: r.Reports, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}, nil
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

// row is a variable that rows are read into, one after the other.
type row[T any] interface {
	// columns are where the columns of a SELECT go, in its order.
	columns() []any
	model() (*T, error)
}

// collect reads all rows. gorm builds the statement, but its way of reading takes longer than the database does.
func collect[T any](db *gorm.DB, columns string, r row[T]) (list []*T, err error) {
	rows, err := db.Model(r).Clauses(clause.Select{Expression: clause.Expr{SQL: columns}}).Rows()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	into := r.columns()
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		object, err := r.model()
		if err != nil {
			return nil, err
		}
		list = append(list, object)
	}
	return list, rows.Err()
}

// only gives the one row, nil when there is none.
func only[T any](db *gorm.DB, columns string, r row[T]) (*T, error) {
	list, err := collect(db, columns, r)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

// jsonList is a column with a JSON list.
type jsonList[T any] []T

// Scan implements sql.Scanner.
func (l *jsonList[T]) Scan(column any) error {
	*l = jsonList[T]{}
	text, err := columnText(column)
	if err != nil || text == "[]" {
		return err
	}
	return json.Unmarshal([]byte(text), (*[]T)(l))
}

// jsonObject is a column with a JSON object.
type jsonObject map[string]any

// Scan implements sql.Scanner.
func (o *jsonObject) Scan(column any) error {
	*o = jsonObject{}
	text, err := columnText(column)
	if err != nil || text == "{}" {
		return err
	}
	return json.Unmarshal([]byte(text), (*map[string]any)(o))
}

// fixedIPList is a column with a JSON list of fixed IPs, which nearly every port has.
type fixedIPList []model.FixedIP

// Scan implements sql.Scanner.
func (l *fixedIPList) Scan(column any) error {
	text, err := columnText(column)
	if err != nil {
		return err
	}
	if *l, err = readFixedIPs(text); err == nil {
		return nil
	}
	return (*jsonList[model.FixedIP])(l).Scan(text)
}

const (
	fixedIPStart  = `{"subnet_id":"`
	fixedIPMiddle = `","ip_address":"`
	fixedIPEnd    = `"}`
)

var errUnusual = errors.New("not as fixedIPsText writes it")

// readFixedIPs reads what fixedIPsText writes.
func readFixedIPs(text string) ([]model.FixedIP, error) {
	text, ok := strings.CutPrefix(text, "[")
	list := []model.FixedIP{}
	for ok && text != "]" {
		if len(list) > 0 {
			if text, ok = strings.CutPrefix(text, ","); !ok {
				break
			}
		}
		var subnet, address string
		if text, ok = strings.CutPrefix(text, fixedIPStart); !ok {
			break
		}
		if subnet, text, ok = strings.Cut(text, fixedIPMiddle); !ok {
			break
		}
		if address, text, ok = strings.Cut(text, fixedIPEnd); !ok {
			break
		}
		addr, err := netip.ParseAddr(address)
		if err != nil || strings.ContainsAny(subnet, `"\`) {
			return nil, errUnusual
		}
		list = append(list, model.FixedIP{SubnetID: subnet, IPAddress: addr})
	}
	if !ok {
		return nil, errUnusual
	}
	return list, nil
}

// fixedIPsText is the JSON list in the form that is read fastest. The ids of subnets need no escapes.
func fixedIPsText(list []model.FixedIP) string {
	text := []byte("[")
	for i, ip := range list {
		if i > 0 {
			text = append(text, ',')
		}
		text = append(append(append(text, fixedIPStart...), ip.SubnetID...), fixedIPMiddle...)
		text = append(ip.IPAddress.AppendTo(text), fixedIPEnd...)
	}
	return string(append(text, ']'))
}

// jsonText is the JSON of a list or an object.
func jsonText[T any](value T, length int, empty string) string {
	if length == 0 {
		return empty
	}
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("%T cannot be written as JSON: %v", value, err)) // profile came from JSON, all else has fixed types
	}
	return string(text)
}

func listText[T any](list []T) string { return jsonText(list, len(list), "[]") }

func columnText(column any) (string, error) {
	switch text := column.(type) {
	case string:
		return text, nil
	case []byte:
		return string(text), nil
	}
	return "", fmt.Errorf("a column with JSON has a %T", column)
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
