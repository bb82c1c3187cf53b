package ovsdb

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// IntegrationBridge is the bridge that Planck makes on each node.
const IntegrationBridge = "br-int"

// Keys of external_ids. An operator writes those of Open_vSwitch, a hypervisor those of interfaces; keyCloud and those
// on bridges and ports are written by this package.
const (
	keySystemID       = "system-id"
	keyHostname       = "hostname"
	keyEncapIP        = "planck-encap-ip"
	keyBridgeMappings = "planck-bridge-mappings"
	keyCloud          = "planck-cloud"
	keyAdopt          = "planck-adopt"
	keyKeepForeign    = "planck-keep-foreign"
	keyDatapathType   = "planck-datapath-type"

	keyIfaceID     = "iface-id"
	keyAttachedMAC = "attached-mac"

	keyMark     = "planck" // on bridges: made or adopted; on ports: tunnel or patch
	keyPhysical = "planck-physical-network"
)

const (
	markMade    = "made"
	markAdopted = "adopted"
	markTunnel  = "tunnel"
	markPatch   = "patch"
)

// State is one node as its OVSDB shows it. It is a value: whoever gets it must not change what it refers to, and it
// does not change later.
type State struct {
	SystemID       string // external_ids:system-id
	Hostname       string // external_ids:hostname
	EncapIP        string // external_ids:planck-encap-ip, unchecked
	BridgeMappings string // external_ids:planck-bridge-mappings, see [ParseMappings]
	Cloud          string // external_ids:planck-cloud; empty: of no cloud yet
	Adopt          bool   // external_ids:planck-adopt is true
	KeepForeign    bool   // external_ids:planck-keep-foreign is true
	DatapathType   string // external_ids:planck-datapath-type; empty: Open vSwitch's default
	OVSVersion     string

	Bridges     []Bridge // sorted by name
	Integration Integration
	// Interfaces are those of the integration bridge with an iface-id, from the oldest to the newest: in the order
	// in which the session first saw them with that iface-id. OVSDB keeps no times, so those that were there when the
	// session began are taken by ofport (Open vSwitch counts upwards) and then by UUID.
	Interfaces []Interface

	// Since is when the first of the updates came in that this state shows and the one told before it does not.
	Since time.Time
}

// Integration is what the database shows of the integration bridge.
type Integration struct {
	Exists    bool
	Ownership Ownership
	// TunnelPort is the ofport of the VXLAN port; 0: none yet.
	TunnelPort uint32
	// Patches are the ofports of the patch ports to mapped bridges, by physical network; one without an ofport is
	// left out.
	Patches map[string]uint32
	// PortErrors says why the switch could not open ports that Planck made, by port name.
	PortErrors map[string]string
	// ControllerConnected says that at least one OpenFlow connection of the bridge is up.
	ControllerConnected bool
}

// Ownership says whose a bridge is.
type Ownership uint8

// Foreign bridges are neither made nor adopted by Planck.
const (
	Foreign Ownership = iota
	Made
	Adopted
)

// Bridge is a bridge of the node, Planck's or not.
type Bridge struct {
	Name         string
	DatapathType string // empty or system: the kernel's
	DatapathID   string // 16 hexadecimal digits; empty until the switch has made the bridge
	FailMode     string
	Protocols    []string
	Controllers  []string // targets, sorted
	ExternalIDs  map[string]string
	OtherConfig  map[string]string
}

// Interface is an interface of the integration bridge with an iface-id.
type Interface struct {
	UUID        string // the same as long as the interface stays plugged
	Name        string
	IfaceID     string // external_ids:iface-id
	AttachedMAC string // external_ids:attached-mac, unchecked
	Ofport      uint32 // 0: not ready, or the switch could not open it (see Error)
	Error       string
}

// Plugged returns the interfaces that have an ofport, of those with the same iface-id the newest only, in the order of
// s.Interfaces; and the older ones that it left out.
func (s State) Plugged() (plugged, duplicates []Interface) {
	newest := make(map[string]int, len(s.Interfaces))
	for i, iface := range s.Interfaces {
		if iface.Ofport > 0 {
			newest[iface.IfaceID] = i
		}
	}
	plugged = make([]Interface, 0, len(newest))
	for i, iface := range s.Interfaces {
		switch {
		case iface.Ofport == 0:
		case newest[iface.IfaceID] == i:
			plugged = append(plugged, iface)
		default:
			duplicates = append(duplicates, iface)
		}
	}
	return plugged, duplicates
}

// Bridge returns the bridge of that name, if the node has one.
func (s State) Bridge(name string) (Bridge, bool) {
	i, found := slices.BinarySearchFunc(s.Bridges, name, func(b Bridge, name string) int { return cmp.Compare(b.Name, name) })
	if !found {
		return Bridge{}, false
	}
	return s.Bridges[i], true
}

// state is the replica's present contents as a State.
func (r *replica) state() State {
	var s State
	if _, root := r.root(); root != nil {
		ids := root[rootExternalIDs].pairs
		s = State{
			SystemID:       ids[keySystemID],
			Hostname:       ids[keyHostname],
			EncapIP:        ids[keyEncapIP],
			BridgeMappings: ids[keyBridgeMappings],
			Cloud:          ids[keyCloud],
			Adopt:          ids[keyAdopt] == "true",
			KeepForeign:    ids[keyKeepForeign] == "true",
			DatapathType:   ids[keyDatapathType],
			OVSVersion:     root[rootVersion].first(),
		}
	}
	for _, b := range r.tables[tableBridge] {
		s.Bridges = append(s.Bridges, Bridge{
			Name:         b[bridgeName].first(),
			DatapathType: b[bridgeDatapathType].first(),
			DatapathID:   b[bridgeDatapathID].first(),
			FailMode:     b[bridgeFailMode].first(),
			Protocols:    b[bridgeProtocols].atoms,
			Controllers:  r.targets(b),
			ExternalIDs:  b[bridgeExternalIDs].pairs,
			OtherConfig:  b[bridgeOtherConfig].pairs,
		})
	}
	slices.SortFunc(s.Bridges, func(a, b Bridge) int { return cmp.Compare(a.Name, b.Name) })
	if _, br := r.bridge(IntegrationBridge); br != nil {
		r.integration(&s, br)
	}
	return s
}

func (r *replica) targets(bridge row) []string {
	var targets []string
	for _, id := range bridge[bridgeController].atoms {
		if c := r.tables[tableController][id]; c != nil {
			targets = append(targets, c[controllerTarget].first())
		}
	}
	slices.Sort(targets)
	return targets
}

func ownership(bridge row) Ownership {
	switch bridge[bridgeExternalIDs].pairs[keyMark] {
	case markMade:
		return Made
	case markAdopted:
		return Adopted
	default:
		return Foreign
	}
}

// attached is an interface with what orders it among others.
type attached struct {
	Interface
	version uint64
}

func (r *replica) integration(s *State, br row) {
	s.Integration = Integration{Exists: true, Ownership: ownership(br), Patches: map[string]uint32{}, PortErrors: map[string]string{}}
	for _, id := range br[bridgeController].atoms {
		if c := r.tables[tableController][id]; c != nil && c[controllerIsConnected].first() == "true" {
			s.Integration.ControllerConnected = true
		}
	}
	found := make([]attached, 0, len(r.attach))
	for _, portID := range br[bridgePorts].atoms {
		port := r.tables[tablePort][portID]
		if port == nil {
			continue
		}
		for _, id := range port[portInterfaces].atoms {
			iface := r.tables[tableInterface][id]
			if iface == nil {
				continue
			}
			s.Integration.note(port, iface)
			if a, ok := r.attach[id]; ok {
				found = append(found, attached{version: a.version, Interface: Interface{
					UUID:        id,
					Name:        iface[interfaceName].first(),
					IfaceID:     a.ifaceID,
					AttachedMAC: iface[interfaceExternalIDs].pairs[keyAttachedMAC],
					Ofport:      iface.ofport(),
					Error:       iface[interfaceError].first(),
				}})
			}
		}
	}
	slices.SortFunc(found, func(a, b attached) int {
		return cmp.Or(cmp.Compare(a.version, b.version), cmp.Compare(a.Ofport, b.Ofport), strings.Compare(a.UUID, b.UUID))
	})
	s.Interfaces = make([]Interface, len(found))
	for i := range found {
		s.Interfaces[i] = found[i].Interface
	}
}

// note records what became of a port, if it is one that Planck made.
func (in *Integration) note(port, iface row) {
	ids := port[portExternalIDs].pairs
	mark := ids[keyMark]
	if mark != markTunnel && mark != markPatch {
		return
	}
	if text := iface[interfaceError].first(); text != "" {
		in.PortErrors[port[portName].first()] = text
	}
	switch ofport := iface.ofport(); {
	case ofport == 0:
	case mark == markTunnel:
		in.TunnelPort = ofport
	default:
		in.Patches[ids[keyPhysical]] = ofport
	}
}

// without is m less some keys.
func without(m map[string]string, keys ...string) map[string]string {
	rest := maps.Clone(m)
	for _, k := range keys {
		delete(rest, k)
	}
	return rest
}

// with is m plus all of extra.
func with(m, extra map[string]string) map[string]string {
	sum := make(map[string]string, len(m)+len(extra))
	maps.Copy(sum, m)
	maps.Copy(sum, extra)
	return sum
}
