package topology

import (
	"net/netip"
	"sync"

	"github.com/planck-sdn/planck/model"
)

// View is one version of the topology. It is safe for any number of readers.
type View struct {
	// Revision is the highest journal line that this version includes; Horizon the bound below which every
	// transaction is included (see store.Position).
	Revision int64
	Horizon  uint64
	// Version counts the versions within one process: a later one includes all that an earlier one does.
	Version uint64

	networks table[model.Number, *model.Network]
	subnets  table[model.Number, *model.Subnet]
	ports    table[model.Number, *model.Port]
	nodes    table[model.Number, *model.Node]

	networkByID table[string, model.Number]
	portByID    table[string, model.Number]
	nodeByHost  table[string, model.Number]

	subnetsOf table[pair, struct{}] // network, subnet
	portsOf   table[pair, struct{}] // network, port
	plugs     table[plugKey, plug]  // where each port is plugged, by port id
	dhcpPort  table[model.Number, model.Number]

	// Derived from the rows above:
	attached table[attachKey, Attachment]      // network, node, ofport
	places   table[model.Number, []Attachment] // port -> where it has entries of its own
	open     table[attachKey, struct{}]        // those of attached that take unknown destinations
	addrs    table[addrKey, model.MAC]         // network, address, port that may use it, attached or not
	macs     table[macKey, struct{}]           // network, MAC, port

	routing
	security
	cabling
}

// Attachment is a port on a node: plugged there, with a binding there, up, and able to carry traffic.
type Attachment struct {
	Network model.Number
	Port    model.Number
	Node    model.Number
	Ofport  uint32
	// Tag is the VLAN id of the port's frames there, on a physical switch; 0: they have no tag.
	Tag uint32
	// Active tells that others reach the port here. A port may be attached to several nodes while it migrates.
	Active bool
}

type pair struct{ a, b model.Number }

type plugKey struct {
	portID   string
	sequence int64
	node     model.Number
}

type plug struct{ ofport uint32 }

type attachKey struct {
	network model.Number
	node    model.Number
	ofport  uint32
	port    model.Number
}

type addrKey struct {
	network model.Number
	addr    netip.Addr
	port    model.Number
}

type macKey struct {
	network model.Number
	mac     model.MAC
	port    model.Number
}

func lessNumber(a, b model.Number) bool { return a < b }
func lessString(a, b string) bool       { return a < b }

func lessPair(x, y pair) bool {
	if x.a != y.a {
		return x.a < y.a
	}
	return x.b < y.b
}

func lessPlug(x, y plugKey) bool {
	if x.portID != y.portID {
		return x.portID < y.portID
	}
	if x.sequence != y.sequence {
		return x.sequence < y.sequence
	}
	return x.node < y.node
}

func lessAttach(x, y attachKey) bool {
	if x.network != y.network {
		return x.network < y.network
	}
	if x.node != y.node {
		return x.node < y.node
	}
	if x.ofport != y.ofport {
		return x.ofport < y.ofport
	}
	return x.port < y.port
}

func lessAddr(x, y addrKey) bool {
	if x.network != y.network {
		return x.network < y.network
	}
	if c := x.addr.Compare(y.addr); c != 0 {
		return c < 0
	}
	return x.port < y.port
}

func lessMAC(x, y macKey) bool {
	if x.network != y.network {
		return x.network < y.network
	}
	if a, b := x.mac.Uint64(), y.mac.Uint64(); a != b {
		return a < b
	}
	return x.port < y.port
}

// New returns the view of an empty database.
func New() *View {
	return &View{
		networks:    newTable[model.Number, *model.Network](lessNumber),
		subnets:     newTable[model.Number, *model.Subnet](lessNumber),
		ports:       newTable[model.Number, *model.Port](lessNumber),
		nodes:       newTable[model.Number, *model.Node](lessNumber),
		networkByID: newTable[string, model.Number](lessString),
		portByID:    newTable[string, model.Number](lessString),
		nodeByHost:  newTable[string, model.Number](lessString),
		subnetsOf:   newTable[pair, struct{}](lessPair),
		portsOf:     newTable[pair, struct{}](lessPair),
		plugs:       newTable[plugKey, plug](lessPlug),
		dhcpPort:    newTable[model.Number, model.Number](lessNumber),
		attached:    newTable[attachKey, Attachment](lessAttach),
		places:      newTable[model.Number, []Attachment](lessNumber),
		open:        newTable[attachKey, struct{}](lessAttach),
		addrs:       newTable[addrKey, model.MAC](lessAddr),
		macs:        newTable[macKey, struct{}](lessMAC),
		routing:     newRouting(),
		security:    newSecurity(),
		cabling:     newCabling(),
	}
}

// copying is held while a version's trees are copied, which marks them in the original too: two may want a next version of the same one.
var copying sync.Mutex

func (v *View) copy() *View {
	copying.Lock()
	defer copying.Unlock()
	return &View{
		Revision:    v.Revision,
		Horizon:     v.Horizon,
		Version:     v.Version,
		networks:    v.networks.copy(),
		subnets:     v.subnets.copy(),
		ports:       v.ports.copy(),
		nodes:       v.nodes.copy(),
		networkByID: v.networkByID.copy(),
		portByID:    v.portByID.copy(),
		nodeByHost:  v.nodeByHost.copy(),
		subnetsOf:   v.subnetsOf.copy(),
		portsOf:     v.portsOf.copy(),
		plugs:       v.plugs.copy(),
		dhcpPort:    v.dhcpPort.copy(),
		attached:    v.attached.copy(),
		places:      v.places.copy(),
		open:        v.open.copy(),
		addrs:       v.addrs.copy(),
		macs:        v.macs.copy(),
		routing:     v.routing.copy(),
		security:    v.security.copy(),
		cabling:     v.cabling.copy(),
	}
}
