package l2

import (
	"maps"
	"slices"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// SendOn sends what a host has sent, and what came up, to where tables forward and flood would have: a frame without a tag, of a network, from a port
// of a switch. unknown: broadcast goes only to those that take unknown destinations, as an ARP request that nobody here can answer.
func SendOn(in pipeline.PacketIn, n *model.Network, frame []byte, unknown bool) []flow.PacketOut {
	f := in.View.FabricOf(n)
	if f == nil || len(frame) < 6 {
		return nil
	}
	var ways []topology.Way
	to := model.MAC(frame[:6])
	switch owner := stationAt(in.View, n, to); {
	case owner != nil:
		ways = WaysTo(in.View, in.Node, n, to, owner)
	case to.IsMulticast() && !unknown:
		ways = f.Ways(in.Node.Number, n.SegmentationID, in.View.PointsOf(n.Number))
	default:
		ways = f.Ways(in.Node.Number, n.SegmentationID, topology.Takers(in.View.PointsOf(n.Number)))
	}
	// One packet-out for each tag: not all hardware changes what it has already sent.
	byTag := map[uint32][]flow.Action{}
	for _, w := range ways {
		if w.Port == in.InPort {
			continue
		}
		if byTag[w.Tag] == nil {
			byTag[w.Tag] = pipeline.Tag(0, w.Tag)
		}
		byTag[w.Tag] = append(byTag[w.Tag], flow.Output{Port: w.Port})
	}
	var outs []flow.PacketOut
	for _, tag := range slices.Sorted(maps.Keys(byTag)) {
		outs = append(outs, flow.PacketOut{InPort: in.InPort, Actions: byTag[tag], Data: frame})
	}
	return outs
}

// stationAt finds a port that may use a MAC address of a network and is to be found on the fabric, or nil.
func stationAt(v *topology.View, n *model.Network, mac model.MAC) *model.Port {
	if owners := v.OwnersOf(n.Number, mac); len(owners) > 0 {
		return owners[0]
	}
	return v.RoutersPort(n.Number, mac)
}
