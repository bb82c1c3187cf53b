package model

import (
	"net/netip"
	"time"
)

// Port statuses that Planck writes (Neutron API reference, "Ports").
const (
	StatusActive = "ACTIVE"
	StatusDown   = "DOWN"
)

// DeviceOwnerDHCP is the device_owner of a network's DHCP port; Nova looks for it.
const DeviceOwnerDHCP = "network:dhcp"

// Values of device_owner of a router's own ports and of a floating IP's (Neutron API reference, "Routers", "Floating IPs").
const (
	DeviceOwnerRouterInterface = "network:router_interface"
	DeviceOwnerRouterGateway   = "network:router_gateway"
	DeviceOwnerFloatingIP      = "network:floatingip"
)

// Values of binding:vif_type.
const (
	VIFTypeUnbound       = "unbound"
	VIFTypeOVS           = "ovs"
	VIFTypeBindingFailed = "binding_failed"
)

// FixedIP is one address of a port.
type FixedIP struct {
	SubnetID  string     `json:"subnet_id"`
	IPAddress netip.Addr `json:"ip_address"`
}

// AddressPair is one of a port's allowed_address_pairs: what it may use as a source besides its own addresses. A
// plain address is stored as a prefix of full length. MAC is always filled in (the port's own when the request
// left it out).
type AddressPair struct {
	IP  netip.Prefix `json:"ip_address"`
	MAC MAC          `json:"mac_address"`
}

// Binding is a port's place on one host (Neutron API reference, "Port binding").
type Binding struct {
	HostID       string         `json:"host"`
	VNICType     string         `json:"vnic_type"`
	VIFType      string         `json:"vif_type"`
	DatapathType string         `json:"datapath_type"`
	Profile      map[string]any `json:"profile"`
}

// DHCPOption is one of a port's extra_dhcp_opts.
type DHCPOption struct {
	Name      string `json:"opt_name"` // dnsmasq's name of an option, or its number
	Value     string `json:"opt_value"`
	IPVersion int    `json:"ip_version"` // 4 or 6
}

// Port is an attachment to a network (Neutron API reference, "Ports").
type Port struct {
	Number              Number
	ID                  string
	NetworkID           string
	ProjectID           string
	Name                string
	Description         string
	AdminStateUp        bool
	MAC                 MAC
	FixedIPs            []FixedIP
	DeviceID            string
	DeviceOwner         string
	PortSecurityEnabled bool
	AllowedAddressPairs []AddressPair
	SecurityGroups      []string // ids, sorted; none without port security

	Status       string // StatusActive or StatusDown; never an input to rendering
	StatusReason string // why it is not ACTIVE, in words; empty otherwise

	HostID   string         // binding:host_id; empty: wherever it is plugged
	VNICType string         // binding:vnic_type
	Profile  map[string]any // binding:profile
	VIFType  string         // binding:vif_type
	// BindingGeneration rises with each change of the binding, so that a late confirmation of an earlier binding
	// cannot mark a moved port.
	BindingGeneration int64
	DatapathType      string    // of the node that the port is bound to: "system" or "netdev"; empty if it is bound to none
	InactiveBindings  []Binding // on further hosts, sorted by host: where a live migration may go

	DNSName       string       // the host's name in its domain, in lower case; empty: one made of its address
	ExtraDHCPOpts []DHCPOption // what the port's DHCP answers say besides
	Tags          []string     // sorted

	RevisionNumber int64
	CreatedAt      time.Time
	UpdatedAt      time.Time
}
