package model

import (
	"net/netip"
	"time"
)

// DatapathSystem is the datapath type of a bridge that is in the kernel, which is Open vSwitch's default.
const DatapathSystem = "system"

// Node is a machine with Open vSwitch, as it last reported itself over OVSDB, or a physical switch. Whether it is connected is not
// part of it: a node that is away keeps its report, and everyone keeps forwarding by it. A report that is refused (an address
// that another node has, a mapping to a bridge that does not exist) never becomes a Node; the last good one stays.
type Node struct {
	Number   Number
	SystemID string // Open vSwitch's external_ids:system-id, the node's identity
	Hostname string // external_ids:hostname; equals Nova's host
	// HostnamePinned: no other system-id may have the hostname, nor this node another one, until an operator forgets it.
	HostnamePinned bool
	EncapIP        netip.Addr // external_ids:planck-encap-ip; the zero Addr: no tunnels
	DatapathID     uint64     // of br-int, chosen by Planck
	DatapathType   string     // of br-int: DatapathSystem, or "netdev" in user space
	TunnelPort     uint32     // ofport of the VXLAN port on br-int; 0: none yet
	Mappings       []Mapping  // sorted by PhysicalNetwork
	Interfaces     []Interface
	Switch         *Switch // of a physical switch; nil: a machine with Open vSwitch
	Frozen         bool    // an operator's word, not the report's: nothing is programmed there until it is thawed
	Reports        int64   // how many reports the store has taken that changed the node

	CreatedAt time.Time
	UpdatedAt time.Time
}

// Mapping joins a physical network to a bridge of the node (external_ids:planck-bridge-mappings).
type Mapping struct {
	PhysicalNetwork string
	Bridge          string
	PatchPort       uint32 // ofport on br-int of the patch to Bridge; 0: none yet
}

// Interface is an interface of br-int that names a port by external_ids:iface-id and has an ofport above 0.
// Of duplicates on one node only the newest is reported.
type Interface struct {
	Name   string
	PortID string // external_ids:iface-id
	Ofport uint32 // 1 to 0x7fff: it is the port's key and conntrack zone on its node
	// Sequence orders plugging across nodes: the database gives it when an interface is first reported, and it
	// stays as long as the same interface is reported.
	Sequence int64
}

// Mapping returns the mapping for physnet, if the node has one.
func (n *Node) Mapping(physnet string) (Mapping, bool) {
	for _, m := range n.Mappings {
		if m.PhysicalNetwork == physnet {
			return m, true
		}
	}
	return Mapping{}, false
}
