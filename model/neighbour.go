package model

import (
	"net/netip"
	"time"
)

// MaxNeighbours is how many neighbours outside a router may have.
const MaxNeighbours = 256

// Neighbour is a host on an external network that a router has found by ARP.
type Neighbour struct {
	Number    Number
	RouterID  string
	NetworkID string // the external network
	Address   netip.Addr
	MAC       MAC
	UpdatedAt time.Time // when it was found, or its MAC changed: a refresh without change writes nothing
}

// Holder says which of several ports that may use an address has it: the one that announced it last (by ARP, RFC 5227, 3), as with VRRP.
type Holder struct {
	Number    Number
	NetworkID string
	Address   netip.Addr
	PortID    string
	UpdatedAt time.Time
}
