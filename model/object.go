package model

// Kind is the kind of an object that can own flow entries or appear in the journal. It is written into four
// bits of each cookie and into journal rows: numbers are never reused.
type Kind uint8

// The kinds, append only. Zero is no kind.
const (
	KindNode    Kind = 1
	KindNetwork Kind = 2
	KindSubnet  Kind = 3
	KindPort    Kind = 4

	KindRouter     Kind = 5
	KindFloatingIP Kind = 6
	KindNeighbour  Kind = 7 // a host outside that a router has found by ARP
	KindHolder     Kind = 8 // which of several ports has an address, see Holder

	KindSecurityGroup Kind = 9

	KindLink    Kind = 10 // of a fabric of physical switches
	KindService Kind = 11 // which node serves a router to a network's bare metal
)

var kindNames = map[Kind]string{KindNode: "node", KindNetwork: "network", KindSubnet: "subnet", KindPort: "port",
	KindRouter: "router", KindFloatingIP: "floating IP", KindNeighbour: "neighbour", KindHolder: "address holder",
	KindSecurityGroup: "security group", KindLink: "link", KindService: "router service"}

// String gives the kind's name as operators see it.
func (k Kind) String() string {
	if s, ok := kindNames[k]; ok {
		return s
	}
	return "unknown"
}

// Number is an object's number: given once by the database, never reused, at most 36 bits so that it fits a
// cookie. Numbers are unique within a kind.
type Number uint64

// MaxNumber is the largest number that a cookie can carry.
const MaxNumber Number = 1<<36 - 1

// Ref names one object.
type Ref struct {
	Kind   Kind
	Number Number
}

// Object is a row of the topology: *Network, *Subnet, *Port, *Node, *Router, *FloatingIP, *Neighbour, *Holder, *SecurityGroup, *Link or *Service.
// Objects that have left the store are shared and never changed.
type Object interface {
	Ref() Ref
}

// Ref names the network.
func (n *Network) Ref() Ref { return Ref{KindNetwork, n.Number} }

// Ref names the subnet.
func (s *Subnet) Ref() Ref { return Ref{KindSubnet, s.Number} }

// Ref names the port.
func (p *Port) Ref() Ref { return Ref{KindPort, p.Number} }

// Ref names the node.
func (n *Node) Ref() Ref { return Ref{KindNode, n.Number} }

// Ref names the router.
func (r *Router) Ref() Ref { return Ref{KindRouter, r.Number} }

// Ref names the floating IP.
func (f *FloatingIP) Ref() Ref { return Ref{KindFloatingIP, f.Number} }

// Ref names the neighbour.
func (n *Neighbour) Ref() Ref { return Ref{KindNeighbour, n.Number} }

// Ref names the holder.
func (h *Holder) Ref() Ref { return Ref{KindHolder, h.Number} }

// Ref names the link.
func (l *Link) Ref() Ref { return Ref{KindLink, l.Number} }

// Ref names the service.
func (s *Service) Ref() Ref { return Ref{KindService, s.Number} }

// Change is what a journal line says of one object: its present state, or nil if it is gone.
type Change struct {
	Ref    Ref
	Object Object
}
