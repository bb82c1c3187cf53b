package model

import (
	"net/netip"
	"time"
)

// FloatingIP is an address of an external network that stands for a fixed IP of a port (Neutron API reference, "Floating IPs").
type FloatingIP struct {
	Number      Number
	ID          string
	ProjectID   string
	Description string

	FloatingNetworkID string
	Address           netip.Addr // floating_ip_address
	// FloatingPortID is the port of the external network that has the address (device_owner network:floatingip); its MAC is the
	// floating IP's wherever it is served.
	FloatingPortID string

	PortID   string     // the port it stands for; empty: none
	FixedIP  netip.Addr // fixed_ip_address; the zero Addr if PortID is empty
	RouterID string     // through which; empty if PortID is empty

	Status    string // StatusActive with a port, StatusDown without
	DNSName   string
	DNSDomain string
	Tags      []string // sorted

	RevisionNumber int64
	CreatedAt      time.Time
	UpdatedAt      time.Time
}
