package topology

import "github.com/planck-sdn/planck/model"

// Unit is what is rendered at once: one object on one node, or a part of a large one. Part is 0 but for networks, whose flood groups
// are rendered piece by piece (see LocalPartOf), so that a change in a network of thousands of ports costs one piece, and for security
// groups, whose members are (see MemberPartOf).
type Unit struct {
	model.Ref
	Part uint8
}

// Touch says that a unit has to be rendered anew on a node.
type Touch struct {
	Node model.Number
	Unit Unit
}

// Parts of a network's unit. Part 0 holds the network's own flow entries and the groups that join the others. The
// numbers are those of the groups' upper eight bits, see apps/l2.
const (
	PartMain             = 0x00
	partLocal            = 0x10 // + ofport/256, 128 of them
	partRemote           = 0x90 // + node mod 64
	partLocalOpen        = 0xd0 // + ofport/1024, 32 of them: ports without port security
	partRemoteOpen       = 0xf0 // + node mod 8
	localParts           = 128
	remoteParts          = 64
	localOpenParts       = 32
	remoteOpenParts      = 8
	localPartShift       = 8
	localOpenShift       = 10
	maxLocalKey          = 0x7fff
	_               uint = localParts<<localPartShift - 1 - maxLocalKey // does not compile if the parts do not cover all keys
)

// PartKind tells what a network's part is made of.
type PartKind uint8

// Kinds of parts.
const (
	MainPart       PartKind = iota
	LocalPart               // ports on the node
	RemotePart              // other nodes that have the network
	LocalOpenPart           // ports on the node that take unknown destinations
	RemoteOpenPart          // other nodes that have such ports
)

// KindOfPart classifies a network unit's part.
func KindOfPart(part uint8) PartKind {
	switch {
	case part >= partRemoteOpen:
		return RemoteOpenPart
	case part >= partLocalOpen:
		return LocalOpenPart
	case part >= partRemote:
		return RemotePart
	case part >= partLocal:
		return LocalPart
	default:
		return MainPart
	}
}

// LocalPartOf is the part of its network's unit that floods to a port on its node.
func LocalPartOf(ofport uint32) uint8 { return partLocal + uint8(ofport>>localPartShift) }

// RemotePartOf is the part that floods to another node.
func RemotePartOf(node model.Number) uint8 { return partRemote + uint8(node%remoteParts) }

// LocalOpenPartOf is the part that brings unknown destinations to a port with port security off.
func LocalOpenPartOf(ofport uint32) uint8 { return partLocalOpen + uint8(ofport>>localOpenShift) }

// RemoteOpenPartOf is the part that brings unknown destinations to another node that has such ports.
func RemoteOpenPartOf(node model.Number) uint8 { return partRemoteOpen + uint8(node%remoteOpenParts) }

// portsOfPart is the range of port keys [from, to) that a local part covers.
func portsOfPart(part uint8) (from, to uint32) {
	if KindOfPart(part) == LocalOpenPart {
		i := uint32(part - partLocalOpen)
		return i << localOpenShift, (i + 1) << localOpenShift
	}
	i := uint32(part - partLocal)
	return i << localPartShift, (i + 1) << localPartShift
}
