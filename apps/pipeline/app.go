package pipeline

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// App is one network function. Its functions are pure: the same topology gives the same entries. A nil function
// has nothing to render for that kind of unit.
type App struct {
	Name string
	// OpenFlow13: it renders physical switches too, in profile openflow13.
	OpenFlow13 bool
	Node       func(*Context)
	Network    func(*Context, *model.Network)
	// Port renders a port for any node that knows its network, whether the port is there or elsewhere.
	Port func(*Context, *model.Network, *model.Port)
	// Router renders a router for a node that needs it.
	Router func(*Context, *model.Router)
	// FloatingIP renders a floating IP for the node that serves it.
	FloatingIP func(*Context, *model.FloatingIP)
	// Neighbour renders a host outside for a node by which its router's traffic leaves.
	Neighbour func(*Context, *model.Router, *model.Neighbour)
	// SecurityGroup renders a part of a security group for a node that has a port of it.
	SecurityGroup func(*Context, *model.SecurityGroup)
	// PacketIn answers a packet that an entry of this app's sent up.
	PacketIn func(PacketIn) Reply
}

// PacketIn is a packet that came up, with all that an app needs to answer it.
type PacketIn struct {
	View *topology.View
	Node *model.Node
	Ref  model.Ref   // the object whose entry sent it up
	Port *model.Port // the same, if it is a port; otherwise nil
	Now  time.Time
	flow.PacketIn
}

// Reply is what an app makes of a packet.
type Reply struct {
	Packets []flow.PacketOut
	// Observed says in words what was seen and answered, for operators ("DISCOVER: offered 10.0.0.5"); may be empty.
	Observed string
	// Question: the packet waits for the MAC address of a host outside.
	Question *Question
	// Sighting: a host outside says what its MAC address is. The controller believes it if it has asked.
	Sighting *Sighting
	// Holder: a port has announced an address that several may use. Number and UpdatedAt are the database's.
	Holder *model.Holder
	// Bounced is the nonce of a probe that another node has sent back; 0: none.
	Bounced uint64
	// Caught is a traced packet that would have left the node.
	Caught *Caught
	// LLDP is a frame of that protocol that came in by a port of a physical switch.
	LLDP *LLDP
}

// LLDP is a frame of IEEE Std 802.1AB, and the port that it came in by.
type LLDP struct {
	Port  uint32
	Frame []byte
}

// Caught is a packet in table output: whose it would have been.
type Caught struct {
	Network model.NetworkKey
	Ofport  uint32
	Frame   []byte
}

// Question is a packet that waits for a neighbour's MAC address.
type Question struct {
	Router  model.Number
	Address netip.Addr
	// Ask is the ARP request.
	Ask flow.PacketOut
	// Release is the packet on its way to the neighbour; Unreachable what its sender is told if nobody answers.
	Release     func(model.MAC) flow.PacketOut
	Unreachable []flow.PacketOut
	// Drop is the entry that keeps packets for an address from the controller that nobody answered for; its hard timeout is in it.
	Drop flow.Encoded
}

// Sighting is an ARP reply from outside.
type Sighting struct {
	Router  model.Number
	Address netip.Addr
	MAC     model.MAC
}

// Render runs the apps over one unit of a node.
func Render(apps []*App, v *topology.View, node model.Number, u topology.Unit) Rendered {
	c := &Context{View: v, Node: v.Node(node), Unit: u}
	if c.Node == nil {
		return Rendered{}
	}
	for _, app := range apps {
		if c.Node.Switch != nil && !app.OpenFlow13 {
			continue
		}
		c.app = app.Name
		switch u.Kind {
		case model.KindNode:
			if app.Node != nil && u.Number == node {
				app.Node(c)
			}
		case model.KindNetwork:
			n := v.Network(u.Number)
			if app.Network != nil && n != nil && v.IsWired(n.Number, node) {
				app.Network(c, n)
			}
		case model.KindPort:
			p := v.Port(u.Number)
			if app.Port == nil || p == nil {
				continue
			}
			if n := v.NetworkByID(p.NetworkID); n != nil && v.Knows(n.Number, node) {
				app.Port(c, n, p)
			}
		case model.KindRouter:
			r := v.Router(u.Number)
			if app.Router != nil && r != nil && r.AdminStateUp && v.NeedsRouter(r.Number, node) {
				app.Router(c, r)
			}
		case model.KindFloatingIP:
			f := v.FloatingIP(u.Number)
			if app.FloatingIP != nil && f != nil && v.ServesFloatingIP(f.Number) == node {
				app.FloatingIP(c, f)
			}
		case model.KindSecurityGroup:
			g := v.SecurityGroup(u.Number)
			if app.SecurityGroup != nil && g != nil && v.UsesGroup(g.ID, node) {
				app.SecurityGroup(c, g)
			}
		case model.KindNeighbour:
			n := v.Neighbour(u.Number)
			if app.Neighbour == nil || n == nil {
				continue
			}
			if r := v.RouterByID(n.RouterID); r != nil && r.AdminStateUp && v.Serves(r.Number, node) {
				app.Neighbour(c, r, n)
			}
		}
	}
	c.unique()
	return c.result
}

// unique drops entries that a unit has built twice, as for an address that a port lists twice, and reports two that differ at one
// place as the defect that they are.
func (c *Context) unique() {
	seen := make(map[flow.Key]flow.Encoded, len(c.result.Flows))
	c.result.Flows = slices.DeleteFunc(c.result.Flows, func(f flow.Encoded) bool {
		first, again := seen[f.Key()]
		if again && first.Instructions() != f.Instructions() {
			c.fail(fmt.Errorf("app %s built two different entries for one match in table %s", c.app, NamesOf(c.Node)[f.Table()]))
		}
		seen[f.Key()] = f
		return again
	})
}
