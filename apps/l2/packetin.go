package l2

import (
	"encoding/binary"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// A probe asks through one node's tunnel whether another node forwards: that sends it back by an entry, and needs no controller for
// it. It is a frame of IEEE Std 802's local experimental ethertype with a nonce; as it comes back it goes up.
const (
	probeEthType = 0x88b5
	probeLen     = 60 // the shortest Ethernet frame, without its check sequence
	probeNonce   = 14 // where the nonce stands
)

// Destinations of a probe on its way to the node in question, and back.
var (
	ProbeQuestion = model.MAC{0x02, 0x00, 0x70, 0x6c, 0x00, 0x01}
	ProbeAnswer   = model.MAC{0x02, 0x00, 0x70, 0x6c, 0x00, 0x02}
)

// Probe is the packet that asks node to through the tunnel of node from, with a nonce that is not 0.
func Probe(from, to *model.Node, nonce uint64) flow.PacketOut {
	frame := make([]byte, probeLen)
	copy(frame, ProbeQuestion[:])
	copy(frame[6:], []byte{0x02, 0x00, 0x70, byte(from.Number >> 16), byte(from.Number >> 8), byte(from.Number)})
	binary.BigEndian.PutUint16(frame[12:], probeEthType)
	binary.BigEndian.PutUint64(frame[probeNonce:], nonce)
	return flow.PacketOut{
		InPort: flow.PortController,
		Actions: []flow.Action{
			flow.SetField{Field: flow.TunnelID, Value: 0, Mask: flow.TunnelID.AllOnes()},
			flow.SetField{Field: flow.TunnelDst, Value: pipeline.IPv4(to.EncapIP), Mask: flow.TunnelDst.AllOnes()},
			flow.Output{Port: from.TunnelPort},
		},
		Data: frame,
	}
}

// packetIn takes a probe that has come back, a packet that is traced, or what another switch may have sent.
func packetIn(in pipeline.PacketIn) pipeline.Reply {
	switch in.Cookie.Rule() {
	case ruleCatch.Number:
		return caught(in)
	case ruleLLDP.Number:
		return pipeline.Reply{LLDP: &pipeline.LLDP{Port: in.InPort, Frame: in.Data}}
	}
	d := in.Data
	if in.TunnelID != 0 || len(d) < probeNonce+8 || model.MAC(d[:6]) != ProbeAnswer || binary.BigEndian.Uint16(d[12:]) != probeEthType {
		return pipeline.Reply{}
	}
	return pipeline.Reply{Bounced: binary.BigEndian.Uint64(d[probeNonce:])}
}
