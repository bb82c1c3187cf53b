package ovsdb

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
)

// Desired is the set-up that a node is to have.
type Desired struct {
	Cloud       string   // UUID of the cloud, written to external_ids:planck-cloud
	DatapathID  uint64   // of the integration bridge, not 0
	Controllers []string // OpenFlow targets, for example tcp:10.0.0.1:6653
	// DatapathType of the integration bridge. Empty is Open vSwitch's default for a bridge that Planck made; an adopted
	// bridge keeps its own.
	DatapathType  string
	EncapIP       string            // local address of the tunnels
	TunnelUDPPort int               // of VXLAN; 0: Open vSwitch's default, 4789
	Mappings      map[string]string // bridges by physical network
}

// Errors of [Session.Ensure] and [Session.Remove] that need an operator. They come wrapped, with what is wrong; the
// node's database is unchanged.
var (
	ErrForeignCloud  = errors.New("node belongs to another cloud")
	ErrForeignBridge = errors.New("bridge was not made by Planck")
	ErrForeignPort   = errors.New("port was not made by Planck")
	ErrMapping       = errors.New("bridge mapping cannot be made")
)

func (d Desired) validate() error {
	if d.Cloud == "" || d.DatapathID == 0 || len(d.Controllers) == 0 {
		return errors.New("ovsdb: a set-up needs a cloud, a datapath id and a controller")
	}
	if _, err := netip.ParseAddr(d.EncapIP); err != nil {
		return fmt.Errorf("ovsdb: encapsulation address: %w", err)
	}
	if d.TunnelUDPPort < 0 || d.TunnelUDPPort > 65535 {
		return fmt.Errorf("ovsdb: UDP port %d for tunnels", d.TunnelUDPPort)
	}
	return nil
}

const tunnelPortName = "planck-vxlan"

// Settings of OpenFlow connections, and maxBackoff of the OVSDB connection too. A node tries at least every second to come back, and notices within twice the
// probe interval that a controller is silent.
const (
	connectionMode  = "out-of-band"
	maxBackoff      = "1000" // milliseconds, the least that Open vSwitch takes
	inactivityProbe = "5000" // milliseconds
)

// Keys of a bridge's other_config.
const (
	keyDatapathID    = "datapath-id"
	keyDisableInBand = "disable-in-band"
)

// bridgeSettings are the columns of the integration bridge that Planck sets, given their present values.
func (d Desired) bridgeSettings(old row) changes {
	mark := markMade
	datapathType := one(d.DatapathType)
	if old != nil && ownership(old) != Made {
		mark = markAdopted
		if d.DatapathType == "" {
			datapathType = old[bridgeDatapathType]
		}
	}
	var otherConfig, externalIDs map[string]string
	if old != nil {
		otherConfig, externalIDs = old[bridgeOtherConfig].pairs, old[bridgeExternalIDs].pairs
	}
	return changes{
		bridgeFailMode:     one("secure"),
		bridgeProtocols:    one("OpenFlow13"),
		bridgeDatapathType: datapathType,
		// Without disable-in-band Open vSwitch adds hidden entries that let any port reach the controllers.
		bridgeOtherConfig: mapping(with(otherConfig, map[string]string{
			keyDatapathID:    fmt.Sprintf("%016x", d.DatapathID),
			keyDisableInBand: "true",
		})),
		bridgeExternalIDs: mapping(with(externalIDs, map[string]string{keyMark: mark})),
	}
}

func controllerSettings(target string) changes {
	return changes{
		controllerTarget:          one(target),
		controllerConnectionMode:  one(connectionMode),
		controllerMaxBackoff:      one(maxBackoff),
		controllerInactivityProbe: one(inactivityProbe),
	}
}

// wantedPort is a port that Planck makes, with its only interface, which has the same name.
type wantedPort struct {
	bridge, name string
	kind         string // of the interface
	options      map[string]string
	externalIDs  map[string]string
}

// ports lists the tunnel port and the patch ports.
func (d Desired) ports() ([]wantedPort, error) {
	options := map[string]string{"remote_ip": "flow", "key": "flow", "local_ip": d.EncapIP}
	if d.TunnelUDPPort != 0 {
		options["dst_port"] = strconv.Itoa(d.TunnelUDPPort)
	}
	ports := []wantedPort{{IntegrationBridge, tunnelPortName, "vxlan", options, map[string]string{keyMark: markTunnel}}}
	named := map[string]string{}
	for _, physnet := range slices.Sorted(maps.Keys(d.Mappings)) {
		inner, outer := patchNames(physnet)
		if other, twice := named[inner]; twice {
			return nil, fmt.Errorf("%w: %.64q and %.64q would have the same port %s", ErrMapping, other, physnet, inner)
		}
		named[inner] = physnet
		ids := map[string]string{keyMark: markPatch, keyPhysical: physnet}
		ports = append(ports,
			wantedPort{IntegrationBridge, inner, "patch", map[string]string{"peer": outer}, ids},
			wantedPort{d.Mappings[physnet], outer, "patch", map[string]string{"peer": inner}, ids})
	}
	return ports, nil
}
