package model

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Switch is what makes a Node a physical OpenFlow 1.3 switch: what an operator has declared of it, and what it has last reported of itself. Its
// Hostname is the name that the operator gave it, its SystemID SwitchSystemID of its datapath id, and it has no tunnels, no mappings and no
// interfaces: what hangs on its ports is said by the ports' bindings (binding:profile, local_link_information).
type Switch struct {
	// Declared:
	PhysicalNetwork string   `json:"physical_network"` // the fabric: switches of one physical network, and what hangs on them
	Override        string   `json:"override"`         // name of the driver to be used whatever the switch says it is; empty: by its description
	Uplinks         []Uplink `json:"uplinks"`          // sorted by port

	// Reported:
	Description Description   `json:"description"`
	Driver      string        `json:"driver"`  // name of the driver in use; empty: it has never reported
	Ports       []SwitchPort  `json:"ports"`   // sorted by number; without reserved ports
	Tables      []TableLimits `json:"tables"`  // of the pipeline's tables, sorted by id; empty: it promised nothing
	Problem     string        `json:"problem"` // why it cannot be used, in words; empty: it can
	Meters      uint32        `json:"meters"`  // how many meters it has room for (OpenFlow 1.3.5, 7.3.5.14); 0: none
}

// Description is how a switch describes itself (OpenFlow 1.3.5, 7.3.5.1).
type Description struct {
	Manufacturer string `json:"manufacturer"`
	Hardware     string `json:"hardware"`
	Software     string `json:"software"`
	SerialNumber string `json:"serial_number"`
	Datapath     string `json:"datapath"`
}

// SwitchPort is a port of a physical switch.
type SwitchPort struct {
	Number uint32 `json:"number"` // 1 to 0xffffff00
	Name   string `json:"name"`
	MAC    MAC    `json:"mac"`
	Up     bool   `json:"up"` // neither taken down nor without link (OFPPC_PORT_DOWN, OFPPS_LINK_DOWN)
}

// Uplink is a port of a switch behind which are not the switches of the fabric: a node's mapped bridge, or everything else.
type Uplink struct {
	Port     string `json:"port"`     // name or number
	Hostname string `json:"hostname"` // of the node; empty: the world outside, unknown destinations included
}

// TableLimits is what a switch promises of one table of the pipeline.
type TableLimits struct {
	ID         uint8  `json:"id"`
	Name       string `json:"name"` // the pipeline's
	MaxEntries uint32 `json:"max_entries"`
	// Lacks names the fields that the pipeline would match there and the switch cannot; none without which it could not be used.
	Lacks []string `json:"lacks"`
}

// Link joins two ports that face each other: of two switches of a fabric, or of a switch and a node's mapped bridge. It was seen, in both
// directions if both ends are switches. A link that was away is a new one: of those that could take its place, the oldest is used, so
// that none displaces another by coming.
type Link struct {
	Number Number
	// A and B are in order of node and port. Of a node with Open vSwitch the port is the patch port to the mapped bridge, on br-int.
	A, B LinkEnd
}

// LinkEnd is a port of a node.
type LinkEnd struct {
	Node Number
	Port uint32
}

const switchSystemIDPrefix = "openflow:"

// SwitchSystemID is the SystemID of the physical switch with a datapath id.
func SwitchSystemID(datapathID uint64) string {
	return fmt.Sprintf("%s%016x", switchSystemIDPrefix, datapathID)
}

// ParseSwitchSystemID is the reverse of SwitchSystemID.
func ParseSwitchSystemID(systemID string) (datapathID uint64, err error) {
	digits, isSwitch := strings.CutPrefix(systemID, switchSystemIDPrefix)
	if !isSwitch {
		return 0, fmt.Errorf("system-id %q is not a physical switch's", systemID)
	}
	return strconv.ParseUint(digits, 16, 64)
}

// ParseDatapathID reads a datapath id in hexadecimal, with or without 0x and colons.
func ParseDatapathID(s string) (datapathID uint64, ok bool) {
	datapathID, err := strconv.ParseUint(datapathDigits(s), 16, 64)
	return datapathID, err == nil
}

func datapathDigits(s string) string {
	return strings.ReplaceAll(strings.TrimPrefix(strings.ToLower(s), "0x"), ":", "")
}

// IsUplink tells whether a port is declared to be an uplink.
func (s *Switch) IsUplink(p *SwitchPort) bool {
	return slices.ContainsFunc(s.Uplinks, func(u Uplink) bool {
		named := s.Port(u.Port)
		return named != nil && named.Number == p.Number
	})
}

// Names of the pipeline's table and of the field without which a switch cannot hold a port to its addresses.
const (
	guardTable  = "guard"
	guardSource = "nw_src" // as flow.IPv4Src is written
)

// GuardsAddresses tells whether the switch can keep what hangs on a port to the port's IPv4 addresses.
func (s *Switch) GuardsAddresses() bool {
	return !slices.ContainsFunc(s.Tables, func(t TableLimits) bool { return t.Name == guardTable && slices.Contains(t.Lacks, guardSource) })
}

// Port finds a port by its name or else by its number; nil if there is none. An empty name is none.
func (s *Switch) Port(name string) *SwitchPort {
	i := slices.IndexFunc(s.Ports, func(p SwitchPort) bool { return name != "" && p.Name == name })
	if i < 0 {
		number, err := strconv.ParseUint(name, 10, 32)
		if err != nil {
			return nil
		}
		return s.PortByNumber(uint32(number))
	}
	return &s.Ports[i]
}

// PortByNumber finds a port; nil if there is none.
func (s *Switch) PortByNumber(number uint32) *SwitchPort {
	i, found := slices.BinarySearchFunc(s.Ports, number, func(p SwitchPort, n uint32) int {
		switch {
		case p.Number < n:
			return -1
		case p.Number > n:
			return 1
		}
		return 0
	})
	if !found {
		return nil
	}
	return &s.Ports[i]
}

// Answers tells whether a switch_id of a binding's local_link_information means the switch: its datapath id, with or without 0x and colons,
// the MAC address in the datapath id's lower 48 bits, or that of one of its ports.
func (n *Node) Answers(switchID string) bool {
	if n.Switch == nil {
		return false
	}
	value, ok := ParseDatapathID(switchID)
	if !ok {
		return false
	}
	if value == n.DatapathID {
		return true
	}
	if len(datapathDigits(switchID)) != 12 {
		return false
	}
	return value == n.DatapathID&0xffffffffffff ||
		slices.ContainsFunc(n.Switch.Ports, func(p SwitchPort) bool { return p.MAC.Uint64() == value })
}
