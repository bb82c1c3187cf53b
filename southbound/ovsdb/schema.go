package ovsdb

import (
	"fmt"

	libovsdb "github.com/ovn-kubernetes/libovsdb/ovsdb"
)

const database = "Open_vSwitch"

// The tables of the Open_vSwitch database that are mirrored, see ovs-vswitchd.conf.db(5).
const (
	tableRoot       = "Open_vSwitch"
	tableBridge     = "Bridge"
	tablePort       = "Port"
	tableInterface  = "Interface"
	tableController = "Controller"
	tableManager    = "Manager"
)

// shape says how a column holds its values, and thereby how update2 tells a change of it.
type shape uint8

const (
	scalar   shape = iota // exactly one value; a change is the new value
	optional              // a set of at most one value; a change is the new set
	set                   // any number of values; a change is the values that only one side has
	pairs                 // a map of strings to strings; a change is the pairs that are new, gone, or have a new value
)

// atomType is the type of a column's values. Keys and values of maps are strings.
type atomType uint8

const (
	text atomType = iota
	integer
	boolean
	reference // to a row, by UUID
)

type column struct {
	name  string
	shape shape
	atom  atomType
}

// Columns, as indices into a row of their table.
const (
	rootBridges = iota
	rootExternalIDs
	rootVersion
)

const (
	bridgeName = iota
	bridgePorts
	bridgeController
	bridgeFailMode
	bridgeProtocols
	bridgeDatapathType
	bridgeDatapathID
	bridgeExternalIDs
	bridgeOtherConfig
)

const (
	portName = iota
	portInterfaces
	portExternalIDs
)

const (
	interfaceName = iota
	interfaceType
	interfaceOptions
	interfaceOfport
	interfaceError
	interfaceExternalIDs
)

const (
	controllerTarget = iota
	controllerConnectionMode
	controllerMaxBackoff
	controllerInactivityProbe
	controllerIsConnected
)

const (
	managerTarget = iota
	managerMaxBackoff
)

// schema names every column that is mirrored. Columns that Open vSwitch updates every few seconds (statistics,
// status) are not among them, so that an idle node is silent.
var schema = map[string][]column{
	tableRoot: {
		rootBridges:     {"bridges", set, reference},
		rootExternalIDs: {"external_ids", pairs, text},
		rootVersion:     {"ovs_version", optional, text},
	},
	tableBridge: {
		bridgeName:         {"name", scalar, text},
		bridgePorts:        {"ports", set, reference},
		bridgeController:   {"controller", set, reference},
		bridgeFailMode:     {"fail_mode", optional, text},
		bridgeProtocols:    {"protocols", set, text},
		bridgeDatapathType: {"datapath_type", scalar, text},
		bridgeDatapathID:   {"datapath_id", optional, text},
		bridgeExternalIDs:  {"external_ids", pairs, text},
		bridgeOtherConfig:  {"other_config", pairs, text},
	},
	tablePort: {
		portName:        {"name", scalar, text},
		portInterfaces:  {"interfaces", set, reference},
		portExternalIDs: {"external_ids", pairs, text},
	},
	tableInterface: {
		interfaceName:        {"name", scalar, text},
		interfaceType:        {"type", scalar, text},
		interfaceOptions:     {"options", pairs, text},
		interfaceOfport:      {"ofport", optional, integer},
		interfaceError:       {"error", optional, text},
		interfaceExternalIDs: {"external_ids", pairs, text},
	},
	tableController: {
		controllerTarget:          {"target", scalar, text},
		controllerConnectionMode:  {"connection_mode", optional, text},
		controllerMaxBackoff:      {"max_backoff", optional, integer},
		controllerInactivityProbe: {"inactivity_probe", optional, integer},
		controllerIsConnected:     {"is_connected", scalar, boolean},
	},
	tableManager: {
		managerTarget:     {"target", scalar, text},
		managerMaxBackoff: {"max_backoff", optional, integer},
	},
}

// columnIndex finds a column by its name on the wire.
func columnIndex(table, name string) (int, error) {
	for i, c := range schema[table] {
		if c.name == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("column %.64q of table %.64q was not asked for", name, table)
}

// monitorArgs asks for all rows of the mirrored columns, then for their changes.
func monitorArgs() []any {
	requests := make(map[string][]libovsdb.MonitorRequest, len(schema))
	for table, columns := range schema {
		names := make([]string, len(columns))
		for i, c := range columns {
			names[i] = c.name
		}
		requests[table] = []libovsdb.MonitorRequest{{Columns: names}}
	}
	return []any{database, nil, requests}
}
