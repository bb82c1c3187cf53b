package pipeline

import (
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// Metadata of profile ovs, from bit 0: the port's key (16 bits: the sender's until deliver, the receiver's
// after), the network's key (24), where the packet came from (2).
const (
	portMask     = 0xffff
	networkShift = 16
	networkMask  = 0xffffff << networkShift
	originShift  = 40
	originMask   = 3 << originShift
)

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
		flow.Resubmit{Table: Output.ID},
	}
}

// MetadataParts takes metadata of a packet-in apart.
func MetadataParts(metadata uint64) (key model.NetworkKey, ofport uint32, o Origin) {
	return model.NetworkKey(metadata & networkMask >> networkShift), uint32(metadata & portMask), Origin(metadata & originMask >> originShift)
}

// MarkVersion writes the pipeline's version: what the marker entry holds.
func MarkVersion() Step { return writeMetadata{Version, ^uint64(0)} }

// VersionOf reads the pipeline's version out of a marker entry; false if e is none.
func VersionOf(e *flow.Entry) (uint64, bool) {
	return e.WriteMetadata, e.Table == Marker.ID && e.Cookie.IsPlanck() && e.MetadataMask == ^uint64(0)
}
