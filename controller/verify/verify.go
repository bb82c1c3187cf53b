// Package verify proves that tenants' networks are apart, from the tables of switches as they are.
//
// # What is proved
//
// A packet is in a network, or in a router; the model says how it comes into one: a port's packets are in its network, and a router moves
// packets between the networks that it is on. Each switch is held against the contracts below, with all header bits free that they do
// not name. They are about one switch and what it is told by others: the key of a tunnel packet, the tag of a frame on a wire.
//
//	label     what comes in has the label (metadata) of the network it is in: of its port, its tunnel key, its tag
//	source    what a port with port security sends passes the guard: its own addresses, no DHCP server, no link-local multicast
//	router    a label changes only to a network that the packet's router is on, and a router is entered only from its networks
//	deliver   a port gets only packets with the label of its network that have it as their destination
//	groups    a port with port security sends and gets IPv4 only as far as its security groups say so
//	tunnel    into a tunnel goes only what has the key's label, or is in the key's router, and to nodes alone
//	wire      onto a wire goes only what has the label of a network of that wire, with its tag
//	punt      what goes to the controller passes a meter
//	readable  no packet meets an entry that cannot be read
//	reach     what the model wants to reach each other does
//
// Theorem: if every switch keeps label, router, deliver, tunnel and wire, a packet that a port sends comes to ports of its own network, and
// to ports of those networks to which routers of the model lead from there, and to no others. For by induction over the switches that it
// passes, the label says truly in which network or router the packet is: it does so where the packet enters (label); it changes with the
// packet's network (router); and the next switch is told the same (tunnel, wire), which it believes from nodes only. And it leaves
// by a port only in the port's network (deliver). So what is proved of each switch alone holds for all of them, and what it costs is linear in
// the entries of all.
//
// # How
//
// Packets are followed from table 0 as labels, not as headers. What a table does is worked out once for all packets that its
// entries cannot tell apart. That a packet would meet an entry of higher priority instead is not considered, except where
// dropping is what protects (guard, from_wire): so what is found may be more than what packets do, and never less. A violation is confirmed, if
// it can be, by a packet that takes that way in a switch in memory.
package verify

import (
	"sync"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// Contract is a property that each switch has to keep.
type Contract string

// Contracts, see the package.
const (
	ContractLabel    Contract = "label"
	ContractSource   Contract = "source"
	ContractRouter   Contract = "router"
	ContractDeliver  Contract = "deliver"
	ContractGroups   Contract = "groups"
	ContractTunnel   Contract = "tunnel"
	ContractWire     Contract = "wire"
	ContractPunt     Contract = "punt"
	ContractReadable Contract = "readable"
	ContractReach    Contract = "reach"
)

// Result is what was proved of one switch.
type Result struct {
	Ports      int // that are attached there, whose packets were followed
	Pairs      int // of a sender and a receiver that have to reach each other, and of which that was seen
	Violations []Violation
	More       int // violations that are not listed
}

// maxViolations is how many violations of a switch are listed.
const maxViolations = 100

// Violation is a way that packets must not take, or one that is missing.
type Violation struct {
	Contract  Contract
	Text      string   // a sentence
	Packet    string   // in ovs-ofctl syntax; fields that do not matter are left out
	Way       []Passed // what the packet meets; from table 0 on, but for what a router on this node cannot reach: that is sent by the router
	Confirmed bool     // a packet in a switch in memory took the way
}

// Passed is an entry on the way, or a table in which nothing matches: then Entry is empty.
type Passed struct {
	Table uint8
	Entry flow.Encoded
}

// Intent is what a version of the topology wants, for the proofs of all its nodes. It is safe for concurrent use.
type Intent struct {
	view  *topology.View
	peers map[uint32]model.Number // nodes by encapsulation address; 0: several

	mu       sync.Mutex
	networks map[model.Number]*membership
}

// Of reads a version of the topology.
func Of(v *topology.View) *Intent {
	i := &Intent{view: v, peers: map[uint32]model.Number{}, networks: map[model.Number]*membership{}}
	v.Nodes(func(n *model.Node) {
		if !n.EncapIP.Is4() {
			return
		}
		a := uint32(address(n.EncapIP))
		if _, again := i.peers[a]; again {
			i.peers[a] = 0
		} else {
			i.peers[a] = n.Number
		}
	})
	return i
}

// Switch proves what a node's switch holds. A node that is not in the topology has nothing to keep.
func (i *Intent) Switch(node model.Number, held *flow.Tables) Result {
	var r Result
	n := i.view.Node(node)
	if n == nil {
		return r
	}
	if n.Switch != nil {
		return i.physical(n, held)
	}
	s := i.site(n)
	r.Ports = len(s.ports)
	t := newTables(s, held)
	x := newExplorer(t, &r)
	x.run()
	newProbe(x).reach()
	x.confirm(held)
	return r
}
