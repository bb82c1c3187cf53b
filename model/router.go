package model

import "time"

// Router joins networks (Neutron API reference, "Routers"). Its interfaces and its gateway are ports whose DeviceID is the
// router's ID and whose DeviceOwner says which they are.
type Router struct {
	Number       Number
	ID           string
	ProjectID    string
	Name         string
	Description  string
	AdminStateUp bool
	Status       string // ACTIVE as soon as it exists

	// Key is the tunnel key under which nodes hand packets to the router's gateway node. It comes from the number space of network
	// keys, so that no packet of a network is taken for a router's.
	Key     NetworkKey
	Gateway *Gateway    // external_gateway_info; nil: none
	Routes  []HostRoute // static routes, as given

	AvailabilityZoneHints []string
	Tags                  []string // sorted

	RevisionNumber int64
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// Gateway is a router's way to an external network. Its addresses are those of its port.
type Gateway struct {
	NetworkID  string
	PortID     string
	EnableSNAT bool
	// Zone is the router's conntrack zone on its gateway node, FirstRouterZone to LastRouterZone.
	Zone uint16
	// Node serves the router: the outside reaches it there. 0: no node can. Generation rises with each move, so that two that decide
	// at once do not both.
	Node       Number
	Generation int64
}

// Conntrack zones of routers; those below are ports' own (their ofport).
const (
	FirstRouterZone = 0x8000
	LastRouterZone  = 0xfffe
)
