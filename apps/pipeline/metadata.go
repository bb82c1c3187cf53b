package pipeline

import (
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// Metadata of profile ovs, from bit 0: the port's key (16 bits: the sender's until deliver, the receiver's
// after), the network's key (24), where the packet came from (2), whether a router of ours has sent it on (1), how many routers
// have handed it to another (2).
const (
	portMask     = 0xffff
	networkShift = 16
	networkMask  = 0xffffff << networkShift
	originShift  = 40
	originMask   = 3 << originShift
	routedBit    = 1 << 42
	hopsShift    = 43
	hopsMask     = 3 << hopsShift
)

// Registers of profile ovs.
const (
	NextHop = flow.Reg0 // IPv4 address of whom the packet goes to next: from route to neighbour
	Router  = flow.Reg1 // key of the router that the packet is in, or was in last
	flags   = flow.Reg2
	group   = flow.Reg3 // number of the security group whose rules are asked

	// TooBigBit of flags: the packet does not fit the network that it is to go to.
	TooBigBit = 0
	// trackedBit of flags: the packet has been through its router's conntrack zone.
	trackedBit = 1
	// returnedBit of flags: a router's conntrack zone has been asked where the packet belongs.
	returnedBit = 2
	// allowedBit of flags: a security group lets the packet through. newBit: it begins a connection of the port's. inboundBit: it is the
	// rules of direction ingress that are asked, otherwise those of egress.
	allowedBit = 3
	newBit     = 4
	inboundBit = 5
)

// MaxHops is how often a router may hand a packet to another on the same node: chains have at most three routers.
const MaxHops = 2

// Origin is where a packet entered the switch.
type Origin uint64

// Origins. What came through a tunnel or from a wire never goes out by one again.
const (
	FromPort       Origin = 0
	FromTunnelPeer Origin = 1
	FromBridge     Origin = 2
)

// InNetwork matches packets of a network.
func InNetwork(key model.NetworkKey) flow.FieldMatch {
	return flow.Masked(flow.Metadata, uint64(key)<<networkShift, networkMask)
}

// PortKey matches the port key: of the sender before deliver, of the receiver after.
func PortKey(ofport uint32) flow.FieldMatch {
	return flow.Masked(flow.Metadata, uint64(ofport), portMask)
}

// CameFrom matches where the packet entered.
func CameFrom(o Origin) flow.FieldMatch {
	return flow.Masked(flow.Metadata, uint64(o)<<originShift, originMask)
}

// InRouter matches packets that are in a router, or were in it last.
func InRouter(key model.NetworkKey) flow.FieldMatch { return flow.Exact(Router, uint64(key)) }

// EnterRouter hands a packet to a router.
func EnterRouter(key model.NetworkKey) flow.Action { return Set(Router, uint64(key)).(flow.Action) }

// Routed matches packets that a router has sent on, or those that none has.
func Routed(yes bool) flow.FieldMatch {
	if yes {
		return flow.Masked(flow.Metadata, routedBit, routedBit)
	}
	return flow.Masked(flow.Metadata, 0, routedBit)
}

// TooBig matches packets that CheckMTU found too big.
func TooBig() flow.FieldMatch { return flow.Masked(flags, 1<<TooBigBit, 1<<TooBigBit) }

// CheckMTU notes whether an untagged packet is larger than an MTU (bytes of IP).
func CheckMTU(mtu int) flow.Action {
	return flow.CheckLarger{Bytes: uint16(mtu + 14), To: flags, Bit: TooBigBit}
}

// NotReturned matches packets that no router's conntrack zone has been asked where they belong.
func NotReturned() flow.FieldMatch { return flow.Masked(flags, 0, 1<<returnedBit) }

// SetReturned notes that one is asked.
func SetReturned() flow.Action {
	return flow.SetField{Field: flags, Value: 1 << returnedBit, Mask: 1 << returnedBit}
}

// ClearReturned is for the answer to a packet, which may belong to another router.
func ClearReturned() flow.Action {
	return flow.SetField{Field: flags, Mask: 1 << returnedBit}
}

// NotTracked matches packets that have not been through their router's conntrack zone.
func NotTracked() flow.FieldMatch { return flow.Masked(flags, 0, 1<<trackedBit) }

// SetTracked notes that a packet goes through it.
func SetTracked() flow.Action {
	return flow.SetField{Field: flags, Value: 1 << trackedBit, Mask: 1 << trackedBit}
}

// Hops matches how many routers have handed the packet to another.
func Hops(n int) flow.FieldMatch { return flow.Masked(flow.Metadata, uint64(n)<<hopsShift, hopsMask) }

// SetHops is the action that counts them.
func SetHops(n int) flow.Action {
	return flow.SetField{Field: flow.Metadata, Value: uint64(n) << hopsShift, Mask: hopsMask}
}

// SendOn is the action by which a router puts a packet into another network: it may go wherever a packet from a port here may. For what may
// leave by the port that it came from, see AnyPort.
func SendOn(network model.NetworkKey) flow.Action {
	return flow.SetField{Field: flow.Metadata, Value: uint64(network)<<networkShift | routedBit, Mask: portMask | networkMask | originMask | routedBit}
}

// AnyPort lets a packet leave also by the port that it came in by. No conntrack may come after it: when the in_port of one of the controller's own
// packets is changed, Open vSwitch loses it there, as it finds neither the port that it says nor one that it came in by.
func AnyPort() flow.Action { return Set(flow.InPort, 0).(flow.Action) }

// SetSource is the write-metadata that classify does.
func SetSource(key model.NetworkKey, ofport uint32, o Origin) Step {
	return writeMetadata{uint64(o)<<originShift | uint64(key)<<networkShift | uint64(ofport), originMask | networkMask | portMask}
}

// SetPort makes a port the packet's destination, by instruction: it takes effect at the goto.
func SetPort(ofport uint32) Step { return writeMetadata{uint64(ofport), portMask} }

// ToPort are the actions that hand a copy of the packet to a port: for buckets, and for lists of receivers.
func ToPort(ofport uint32) []flow.Action {
	return []flow.Action{
		flow.SetField{Field: flow.Metadata, Value: uint64(ofport), Mask: portMask},
		flow.Resubmit{Table: Ingress.ID},
	}
}

// MetadataParts takes metadata of a packet-in apart.
func MetadataParts(metadata uint64) (key model.NetworkKey, ofport uint32, o Origin) {
	return model.NetworkKey(metadata & networkMask >> networkShift), uint32(metadata & portMask), Origin(metadata & originMask >> originShift)
}
