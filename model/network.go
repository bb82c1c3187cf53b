package model

import "time"

// Network types of the provider extension (provider:network_type).
const (
	NetworkVXLAN = "vxlan"
	NetworkVLAN  = "vlan"
	NetworkFlat  = "flat"
)

// NetworkKey is the 24-bit key of a network in metadata and group ids. A vxlan network's key is its VNI; a vlan or
// flat network's key comes from the same number space, so that keys of different networks never meet.
type NetworkKey uint32

// Network is an isolated L2 segment (Neutron API reference, "Networks").
type Network struct {
	Number              Number
	ID                  string
	ProjectID           string
	Name                string
	Description         string
	AdminStateUp        bool
	Shared              bool   // whoever asked for the network sees it by a policy that shares it
	External            bool   // router:external: a policy makes it reachable for routers of other projects
	Status              string // ACTIVE as soon as it exists
	MTU                 int    // bytes of IP, what a VM may send
	PortSecurityEnabled bool   // default for the network's new ports

	NetworkType     string // NetworkVXLAN, NetworkVLAN or NetworkFlat
	PhysicalNetwork string // empty for vxlan
	SegmentationID  uint32 // VNI or VLAN id; 0 for flat
	Key             NetworkKey

	DNSDomain             string   // ends with a dot; empty: the cloud's
	AvailabilityZoneHints []string // as asked for; all nodes are in one zone
	Tags                  []string // sorted

	RevisionNumber int64
	CreatedAt      time.Time
	UpdatedAt      time.Time
}
