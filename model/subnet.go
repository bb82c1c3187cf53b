package model

import (
	"net/netip"
	"time"
)

// AddressRange is an inclusive range of addresses, one allocation pool.
type AddressRange struct {
	Start netip.Addr `json:"start"`
	End   netip.Addr `json:"end"`
}

// HostRoute is a static route: of a subnet, handed out by DHCP (option 121, RFC 3442), or of a router.
type HostRoute struct {
	Destination netip.Prefix `json:"destination"`
	NextHop     netip.Addr   `json:"nexthop"`
}

// Subnet is a block of addresses on a network (Neutron API reference, "Subnets").
type Subnet struct {
	Number          Number
	ID              string
	NetworkID       string
	ProjectID       string
	Name            string
	Description     string
	IPVersion       int
	CIDR            netip.Prefix // masked: no host bits
	GatewayIP       netip.Addr   // the zero Addr: no gateway
	AllocationPools []AddressRange
	DNSNameservers  []netip.Addr
	HostRoutes      []HostRoute
	EnableDHCP      bool

	Tags []string // sorted

	RevisionNumber int64
	CreatedAt      time.Time
	UpdatedAt      time.Time
}
