package inspect

import (
	"context"
	"fmt"
	"strings"

	"github.com/planck-sdn/planck/controller/nodes"
	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/store"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/northbound/admin"
	"github.com/planck-sdn/planck/southbound/openflow"
)

// States of a finding.
const (
	fine    = "ok"
	wrong   = "wrong"
	unknown = "unknown"
	none    = "none" // does not apply
)

// examination is a port that is looked at, with what has been found out so far.
type examination struct {
	*Inspector
	ctx     context.Context
	view    *topology.View
	port    *model.Port
	network *model.Network

	node     *model.Node // where it should be; nil: not known
	attached *nodes.Attached
	at       topology.Attachment // where it is
	placed   bool                // at is set
	s        *reconcile.Switch   // of node, if it is connected
	counters map[flow.Key]openflow.FlowStats
}

// checklist is what keeps ports from their networks, in the order in which one thing needs another.
var checklist = []struct {
	name  string
	check func(*examination) (state, evidence string)
}{
	{"exists", (*examination).exists},
	{"admin state", (*examination).adminState},
	{"binding", (*examination).binding},
	{"node", (*examination).nodeUp},
	{"plugged", (*examination).plugged},
	{"wire", (*examination).wire},
	{"entries", (*examination).entries},
	{"switch", (*examination).refusals},
	{"tables", (*examination).tables},
	{"status", (*examination).status},
	{"sends", (*examination).sends},
	{"guard", (*examination).guard},
	{"DHCP", (*examination).dhcp},
	{"ARP", (*examination).arp},
	{"addresses", (*examination).addresses},
	{"security groups", (*examination).groups},
	{"tunnels", (*examination).tunnels},
	{"router", (*examination).router},
	{"gateway", (*examination).gateway},
	{"floating IP", (*examination).floatingIP},
}

// Why goes through all that can keep a port from its network.
func (i *Inspector) Why(ctx context.Context, port string) (admin.Why, error) {
	view, err := i.Follower.Sync(ctx)
	if err != nil {
		view = i.Follower.View() // the switches go by what was last known, too
	}
	row, err := i.Store.Port(store.WithScope(ctx, store.Scope{Admin: true}), port)
	if err != nil {
		return admin.Why{}, err
	}
	x := &examination{Inspector: i, ctx: ctx, view: view, port: row, network: view.NetworkByID(row.NetworkID)}
	if x.network == nil {
		return admin.Why{}, model.Errorf(404, "NetworkNotFound", "Network %s could not be found.", row.NetworkID)
	}
	w := admin.Why{PortID: row.ID, Name: row.Name, Checks: []admin.Finding{}}
	for _, c := range checklist {
		state, evidence := c.check(x)
		w.Checks = append(w.Checks, admin.Finding{Check: c.name, State: state, Evidence: evidence})
		if state == wrong && w.Cause == "" {
			w.Cause = evidence
		}
	}
	return w, nil
}

// virtual tells whether the port is a router's, a floating IP's or DHCP's: such ports are plugged nowhere.
func (x *examination) virtual() bool { return strings.HasPrefix(x.port.DeviceOwner, "network:") }

func (x *examination) exists() (string, string) {
	var addresses []string
	for _, f := range x.port.FixedIPs {
		addresses = append(addresses, f.IPAddress.String())
	}
	owner := ""
	if x.port.DeviceOwner != "" {
		owner = ", " + x.port.DeviceOwner
	}
	return fine, fmt.Sprintf("%s of network %s, project %s, MAC address %s, fixed IPs %s%s", named("port", x.port.ID, x.port.Name),
		called(x.network.ID, x.network.Name), x.port.ProjectID, x.port.MAC, list(addresses, "none"), owner)
}

func (x *examination) adminState() (string, string) {
	switch {
	case !x.port.AdminStateUp:
		return wrong, "The port is administratively down: openstack port set --enable " + x.port.ID
	case !x.network.AdminStateUp:
		return wrong, "Its network is administratively down: openstack network set --enable " + x.network.ID
	}
	return fine, "port and network are up"
}

// binding also finds the node where the port should be.
func (x *examination) binding() (string, string) {
	if x.virtual() {
		return none, "a port of " + x.port.DeviceOwner + " is on every node that needs it"
	}
	if x.port.IsBareMetal() {
		return x.bareMetalBinding()
	}
	if x.port.HostID == "" {
		if at, ok := x.view.Location(x.port.Number); ok {
			x.node = x.view.Node(at.Node)
			return fine, "It is bound to no host, and so taken where it is plugged"
		}
		return wrong, "It is bound to no host (binding:host_id is empty): Nova has not started a server with it, or has detached it"
	}
	x.node = x.view.NodeByHostname(x.port.HostID)
	if x.port.VIFType == model.VIFTypeBindingFailed {
		if x.node == nil {
			return wrong, fmt.Sprintf("Its binding failed: no node has the hostname %s (external_ids:hostname); there are %s", x.port.HostID, x.nodeNames())
		}
		return wrong, fmt.Sprintf("Its binding failed: node %s has no bridge for the physical network %s (external_ids:planck-bridge-mappings)",
			x.port.HostID, x.network.PhysicalNetwork)
	}
	text := fmt.Sprintf("bound to host %s, vif_type %s", x.port.HostID, x.port.VIFType)
	for _, b := range x.port.InactiveBindings {
		text += ", and for a migration to " + b.HostID
	}
	return fine, text
}

func (x *examination) nodeUp() (string, string) {
	if x.virtual() {
		return none, "not of one node"
	}
	if x.port.IsBareMetal() {
		return x.physicalUp()
	}
	if x.node == nil {
		return unknown, "it is not known which node should have it"
	}
	name := x.node.Hostname
	all := x.Registry.Attached()
	for k := range all {
		if all[k].State.SystemID == x.node.SystemID {
			x.attached = &all[k]
		}
	}
	s := x.Registry.Switch(x.node.Number)
	switch {
	case x.attached == nil:
		return wrong, fmt.Sprintf("Node %s has no OVSDB session: it is down, cut off, or its manager is not set (ovs-vsctl get-manager there)", name)
	case x.attached.Problem != "":
		return wrong, fmt.Sprintf("Node %s: %s", name, x.attached.Problem)
	case s == nil || s.Connection() == nil:
		return wrong, fmt.Sprintf("The switch of node %s has no OpenFlow session (ovs-vsctl list controller there)", name)
	}
	x.s = s
	sum, err := s.Summary(x.ctx)
	switch {
	case err != nil:
		return unknown, fmt.Sprintf("node %s is connected, but busy: %v", name, err)
	case sum.State == reconcile.Ready:
		return fine, fmt.Sprintf("node %s is connected and in step", name)
	case sum.Problem != "":
		return wrong, fmt.Sprintf("Node %s is %s: %s", name, sum.State, sum.Problem)
	}
	return wrong, fmt.Sprintf("Node %s is %s", name, sum.State)
}

func (x *examination) plugged() (string, string) {
	if x.virtual() {
		return none, "plugged nowhere, as it should be"
	}
	if x.port.IsBareMetal() {
		return x.cabled()
	}
	x.at, x.placed = x.view.Location(x.port.Number)
	type place struct {
		node  *model.Node
		iface model.Interface
	}
	var places []place
	x.view.Nodes(func(n *model.Node) {
		for _, f := range n.Interfaces {
			if f.PortID == x.port.ID {
				places = append(places, place{n, f})
			}
		}
	})
	var texts []string
	onHost := false
	for _, p := range places {
		texts = append(texts, fmt.Sprintf("%s (%s, ofport %d)", p.node.Hostname, p.iface.Name, p.iface.Ofport))
		onHost = onHost || p.node == x.node
	}
	switch {
	case len(places) == 0:
		return wrong, fmt.Sprintf("It is plugged nowhere: no interface of a br-int has external_ids:iface-id=%s and an ofport", x.port.ID)
	case !onHost && x.port.HostID != "":
		return wrong, fmt.Sprintf("It is plugged into %s, but bound to host %s: others look for it there", list(texts, ""), x.port.HostID)
	case len(places) > 1 && len(x.port.InactiveBindings) == 0:
		return fine, fmt.Sprintf("plugged into %s: several at once; %s counts", list(texts, ""), hostname(x.view, x.at.Node))
	}
	return fine, "plugged into " + list(texts, "")
}

// wire looks at what the node needs for the port's network.
func (x *examination) wire() (string, string) {
	switch {
	case x.virtual() || x.node == nil:
		return none, "not of one node"
	case x.port.IsBareMetal():
		return x.fabric()
	case x.network.NetworkType == model.NetworkVXLAN && !x.node.EncapIP.IsValid():
		return wrong, fmt.Sprintf("Node %s has no encapsulation address (external_ids:planck-encap-ip), and the network is of type vxlan", x.node.Hostname)
	case x.network.NetworkType == model.NetworkVXLAN && x.node.TunnelPort == 0:
		return wrong, fmt.Sprintf("Node %s has no tunnel port yet", x.node.Hostname)
	case x.network.NetworkType == model.NetworkVXLAN:
		return fine, fmt.Sprintf("network of type vxlan, key %d, by tunnels from %s", x.network.Key, x.node.EncapIP)
	}
	m, ok := x.node.Mapping(x.network.PhysicalNetwork)
	switch {
	case !ok:
		return wrong, fmt.Sprintf("Node %s maps no bridge to the physical network %s (external_ids:planck-bridge-mappings)", x.node.Hostname, x.network.PhysicalNetwork)
	case m.PatchPort == 0:
		return wrong, fmt.Sprintf("Node %s maps bridge %s to the physical network %s, but has no patch port to it: does the bridge exist?",
			x.node.Hostname, m.Bridge, x.network.PhysicalNetwork)
	}
	return fine, fmt.Sprintf("network of type %s by bridge %s, VLAN %d", x.network.NetworkType, m.Bridge, x.network.SegmentationID)
}

func (x *examination) status() (string, string) {
	switch {
	case x.port.Status == model.StatusActive:
		return fine, "ACTIVE"
	case x.port.StatusReason != "":
		return wrong, fmt.Sprintf("The port is %s: %s", x.port.Status, x.port.StatusReason)
	}
	return wrong, fmt.Sprintf("The port is %s", x.port.Status)
}

func (x *examination) nodeNames() string {
	var names []string
	x.view.Nodes(func(n *model.Node) { names = append(names, n.Hostname) })
	return list(names, "none")
}

// list joins names for people; the list is cut where nobody reads on.
func list(names []string, otherwise string) string {
	const most = 20
	switch {
	case len(names) == 0:
		return otherwise
	case len(names) > most:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// called is an id with its name, if it has one.
func called(id, name string) string {
	if name == "" {
		return id
	}
	return fmt.Sprintf("%s (%s)", id, name)
}

func named(kind, id, name string) string { return kind + " " + called(id, name) }
