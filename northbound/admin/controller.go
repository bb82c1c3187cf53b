// Package admin serves /planck/v1, what operators and planckctl ask of the running controller.
package admin

import (
	"context"
	"time"
)

// Controller is what this package needs of the controller. Errors that an operator caused are *model.Error.
type Controller interface {
	Status(ctx context.Context) (Status, error)
	Nodes(ctx context.Context) ([]Node, error)
	// CountFlows counts the flow entries that a node should have; nothing, while its switch is too busy to say so.
	CountFlows(ctx context.Context, node uint64) (byTable, byApp []Count)
	Port(ctx context.Context, id string) (Port, error)
	Routers(ctx context.Context) ([]Router, error)
	Router(ctx context.Context, id string) (Router, error)
	// MoveRouter makes a node the one by which the outside reaches a router. It stays there until that node is gone.
	MoveRouter(ctx context.Context, id, node string) error
	// Flows calls each for every flow entry that is selected, node by node.
	Flows(ctx context.Context, q FlowQuery, each func(Flow) error) error
	// Explain says in plain English what entries do: those with a cookie, or one in ovs-ofctl syntax. An empty node is any.
	Explain(ctx context.Context, node, cookie, entry string) ([]Explanation, error)
	Trace(ctx context.Context, q TraceQuery) (Trace, error)
	// Why goes through all that can keep a port from its network.
	Why(ctx context.Context, port string) (Why, error)
	// Check compares, on each node or on one, what was rendered step by step with a full rendering, and that with what the switch holds. A
	// node that cannot be asked is said so, and the others are checked all the same.
	Check(ctx context.Context, node string, repair bool, each func(NodeCheck) error) error
	// Verify proves from the tables as they are on the switches that tenants are isolated, and that what should be reachable is.
	Verify(ctx context.Context, node string, each func(NodeProof) error) error
	// Topology tells what hangs on what, of one project or of all.
	Topology(ctx context.Context, project string) (Topology, error)
	// Freeze stops the programming of one node or, without a name, of all that there are; or lets it go on.
	Freeze(ctx context.Context, node string, frozen bool) error
	// Wait returns when everything committed before the call is confirmed on every connected switch, or with the
	// context's end. Either way it says who was left.
	Wait(ctx context.Context) (Wait, error)
	// Reconcile reads what a node's switch holds and sends the difference; force lets it remove more than half of a large table.
	Reconcile(ctx context.Context, node string, force bool) error
	// ReconcileDryRun tells what Reconcile would send.
	ReconcileDryRun(ctx context.Context, node string) ([]Difference, error)
	// ForgetNode unpins a node's hostname, so that another system-id may have it.
	ForgetNode(ctx context.Context, node string) error
	// DeleteNode declares a node gone: ports bound to it fail, peers drop it, identifiers that waited for it are free.
	DeleteNode(ctx context.Context, node string) error
	// Switches lists the physical switches: those that are declared, and those that have called and are not.
	Switches(ctx context.Context) ([]Switch, error)
	// Switch tells all about one, by its name or datapath id.
	Switch(ctx context.Context, name string) (Switch, error)
	// DeclareSwitch says what the switch with a datapath id is called and what hangs on it, in place of what was said before.
	DeclareSwitch(ctx context.Context, datapathID string, d SwitchDeclaration) (Switch, error)
	// DeleteSwitch takes a declaration back: ports bound to the switch fail, its links go, and it is refused from then on.
	DeleteSwitch(ctx context.Context, name string) error
	Fabrics(ctx context.Context) ([]Fabric, error)
	Drivers(ctx context.Context) ([]Driver, error)
}

// Status is the state of this replica.
type Status struct {
	Replica        string    `json:"replica"`
	Version        string    `json:"version"`
	StartedAt      time.Time `json:"started_at"`
	Cloud          string    `json:"cloud"`
	Database       string    `json:"database"` // dialect, and "ok" or the error
	Revision       int64     `json:"revision"` // highest journal line in the topology
	Networks       int       `json:"networks"`
	Subnets        int       `json:"subnets"`
	Ports          int       `json:"ports"`
	NodesConnected int       `json:"nodes_connected"`
	NodesConverged int       `json:"nodes_converged"`
	NodesTotal     int       `json:"nodes_total"`
	Replicas       []Replica `json:"replicas"`
	// NotActive lists ports that are not ACTIVE and should be, at most MaxNotActive of them; PortsNotActive counts all.
	NotActive      []NotActive `json:"not_active"`
	PortsNotActive int         `json:"ports_not_active"`
	Problems       []string    `json:"problems"` // in words; empty: healthy
}

// MaxNotActive is how many ports that are not ACTIVE a Status lists.
const MaxNotActive = 100

// Replica is a planckd that is master of switches.
type Replica struct {
	Name  string `json:"name"`
	Nodes int    `json:"nodes"` // whose master it is
}

// NotActive is a port that is up, and bound or plugged, and yet not ACTIVE.
type NotActive struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Node   string `json:"node,omitempty"`
	Status string `json:"status"`
	Reason string `json:"reason"`
}

// Node is a node as this replica sees it: attached, waiting, or refused.
type Node struct {
	Name              string            `json:"name"`
	SystemID          string            `json:"system_id"`
	Number            uint64            `json:"number,omitempty"` // 0: refused, it has no row
	DatapathID        string            `json:"datapath_id,omitempty"`
	EncapIP           string            `json:"encap_ip,omitempty"`
	Mappings          map[string]string `json:"mappings,omitempty"`
	OVSVersion        string            `json:"ovs_version,omitempty"`
	OVSDBConnected    bool              `json:"ovsdb_connected"`
	OpenFlowConnected bool              `json:"openflow_connected"`
	Master            bool              `json:"master"` // this replica is
	State             string            `json:"state"`  // "ready", "converging", "reconciling", "held", "frozen", "away", "refused"
	Problem           string            `json:"problem,omitempty"`
	ConfirmedRevision int64             `json:"confirmed_revision"`
	Ports             int               `json:"ports"` // VM interfaces plugged
	Flows             int               `json:"flows"`
	Groups            int               `json:"groups"`
	Meters            int               `json:"meters"`
	Frozen            bool              `json:"frozen"`
	TablesFlows       []Count           `json:"flows_by_table,omitempty"` // of a single node only, as the next
	AppsFlows         []Count           `json:"flows_by_app,omitempty"`
	Counters          Counters          `json:"counters"`
	Quarantined       []Quarantined     `json:"quarantined,omitempty"`
}

// Counters count messages since the OpenFlow session began.
type Counters struct {
	FlowMods   uint64 `json:"flow_mods"`
	GroupMods  uint64 `json:"group_mods"`
	MeterMods  uint64 `json:"meter_mods"`
	PacketIns  uint64 `json:"packet_ins"`
	PacketOuts uint64 `json:"packet_outs"`
	Errors     uint64 `json:"errors"`
	Dropped    uint64 `json:"dropped"` // packet-ins that found the queue full
}

// Count is how many flow entries there are of something.
type Count struct {
	Name  string `json:"name"`
	Flows int    `json:"flows"`
}

// Quarantined is an object whose entries the switch refused.
type Quarantined struct {
	Kind   string `json:"kind"`
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

// Port is a port as the data plane sees it.
type Port struct {
	ID           string    `json:"id"`
	Name         string    `json:"name"`
	ProjectID    string    `json:"project_id"`
	NetworkID    string    `json:"network_id"`
	MAC          string    `json:"mac_address"`
	FixedIPs     []string  `json:"fixed_ips"`
	DeviceOwner  string    `json:"device_owner"`
	AdminStateUp bool      `json:"admin_state_up"`
	Status       string    `json:"status"`
	StatusReason string    `json:"status_reason,omitempty"`
	HostID       string    `json:"host_id"`
	VIFType      string    `json:"vif_type"`
	Plugged      []Plugged `json:"plugged"`
	LastDHCP     string    `json:"last_dhcp,omitempty"` // what the DHCP client last asked and was answered
}

// Plugged is one place where a port is plugged.
type Plugged struct {
	Node      string `json:"node"`
	Interface string `json:"interface"`
	Ofport    uint32 `json:"ofport"`
	Active    bool   `json:"active"`    // others reach it here
	Attached  bool   `json:"attached"`  // it has entries of its own here
	Confirmed bool   `json:"confirmed"` // and the switch has confirmed them
}

// Wait tells how far the switches are.
type Wait struct {
	Revision int64    `json:"revision"`
	Done     bool     `json:"done"`
	Left     []string `json:"left"` // connected nodes that have not confirmed it
}
