package guard

import (
	"fmt"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

var ruleSample = pipeline.NewRule(208, "guard", "sample of what is dropped",
	"For a few seconds, IPv4 and ARP of the port that the guard drops comes up, so that an operator can be told what it is.").In(pipeline.Guard)

const (
	prioritySample = 1
	sampleSeconds  = 3

	meterApp   = 4  // of the ids of this app's meters
	meterRate  = 10 // packets per second, of a node
	meterBurst = 10 // packets
)

// sampled is the node's meter for samples.
var sampled = flow.Meter{ID: pipeline.PortMeter(meterApp, 0), Rate: meterRate, Burst: meterBurst}

// Sample are the entries that show the controller for a while what the guard drops of a port that is attached at ofport. PacketIn tells
// of it. They go by themselves.
func Sample(n *model.Network, p *model.Port, ofport uint32) []flow.Encoded {
	var list []flow.Encoded
	for _, t := range []uint16{pipeline.EthTypeIPv4, pipeline.EthTypeARP} {
		metadata, port := pipeline.InNetwork(n.Key), pipeline.PortKey(ofport)
		list = append(list, flow.Encode(flow.Entry{
			Table: pipeline.Guard.ID, Priority: prioritySample, HardTimeout: sampleSeconds,
			Cookie: flow.NewCookie(ruleSample.Number, uint8(model.KindPort), uint64(p.Number)),
			Match:  flow.Match{flow.Masked(flow.Metadata, metadata.Value|port.Value, metadata.Mask|port.Mask), pipeline.EthType(t)},
			Meter:  sampled.ID,
			Apply:  []flow.Action{flow.Output{Port: flow.PortController, MaxLen: 0xffff}},
		}))
	}
	return list
}

// packetIn says what was dropped.
func packetIn(in pipeline.PacketIn) pipeline.Reply {
	return pipeline.Reply{Observed: describe(in.Data)}
}

// describe names the sender of a frame, as far as the guard looks at it.
func describe(frame []byte) string {
	packet := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.DecodeOptions{Lazy: true, NoCopy: true})
	eth, ok := packet.LinkLayer().(*layers.Ethernet)
	if !ok {
		return "a frame that is cut short"
	}
	switch l := packet.Layer(layers.LayerTypeARP); {
	case l != nil:
		arp := l.(*layers.ARP)
		if len(arp.SourceProtAddress) == 4 && len(arp.DstProtAddress) == 4 && len(arp.SourceHwAddress) == 6 {
			return fmt.Sprintf("ARP from %s, whose sender is %s at %s, about %s", eth.SrcMAC, address(arp.SourceProtAddress),
				model.MAC(arp.SourceHwAddress), address(arp.DstProtAddress))
		}
	case packet.Layer(layers.LayerTypeIPv4) != nil:
		ip := packet.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
		return fmt.Sprintf("IPv4 from %s, %s to %s", eth.SrcMAC, ip.SrcIP, ip.DstIP)
	}
	return fmt.Sprintf("a frame from %s of ethertype %#04x", eth.SrcMAC, uint16(eth.EthernetType))
}

func address(b []byte) string { return fmt.Sprintf("%d.%d.%d.%d", b[0], b[1], b[2], b[3]) }
