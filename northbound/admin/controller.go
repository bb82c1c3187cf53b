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
	Port(ctx context.Context, id string) (Port, error)
	Routers(ctx context.Context) ([]Router, error)
	Router(ctx context.Context, id string) (Router, error)
	// MoveRouter makes a node the one by which the outside reaches a router. It stays there until that node is gone.
	MoveRouter(ctx context.Context, id, node string) error
	Flows(ctx context.Context, q FlowQuery) ([]Flow, error)
	// Wait returns when everything committed before the call is confirmed on every connected switch, or with the
	// context's end. Either way it says who was left.
	Wait(ctx context.Context) (Wait, error)
	// Reconcile reads what a node's switch holds and sends the difference; force lets it remove more than half of a large table.
	Reconcile(ctx context.Context, node string, force bool) error
	// ForgetNode unpins a node's hostname, so that another system-id may have it.
	ForgetNode(ctx context.Context, node string) error
	// DeleteNode declares a node gone: ports bound to it fail, peers drop it, identifiers that waited for it are free.
	DeleteNode(ctx context.Context, node string) error
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
	Problems       []string  `json:"problems"` // in words; empty: healthy
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
	State             string            `json:"state"`  // "ready", "converging", "reconciling", "held", "away", "refused"
	Problem           string            `json:"problem,omitempty"`
	ConfirmedRevision int64             `json:"confirmed_revision"`
	Ports             int               `json:"ports"` // VM interfaces plugged
	Flows             int               `json:"flows"`
	Groups            int               `json:"groups"`
	Meters            int               `json:"meters"`
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

// FlowQuery selects flow entries; empty fields select all.
type FlowQuery struct {
	Node string // hostname or system-id
	Port string // UUID
}

// Flow is a flow entry with its owner.
type Flow struct {
	Node     string   `json:"node"`
	Table    string   `json:"table"`
	TableID  uint8    `json:"table_id"`
	Priority uint16   `json:"priority"`
	Cookie   string   `json:"cookie"`
	Entry    string   `json:"entry"` // ovs-ofctl syntax, can be pasted
	App      string   `json:"app"`
	Rule     string   `json:"rule"`
	Explain  string   `json:"explain"`
	Source   string   `json:"source"`  // file:line of the rule
	Owners   []string `json:"owners"`  // "port 6f1c… (web1)"; several units may want the same entry
	Present  bool     `json:"present"` // confirmed by the switch
}

// Wait tells how far the switches are.
type Wait struct {
	Revision int64    `json:"revision"`
	Done     bool     `json:"done"`
	Left     []string `json:"left"` // connected nodes that have not confirmed it
}
