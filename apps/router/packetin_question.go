package router

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/apps/icmp"
	"github.com/planck-sdn/planck/apps/l2"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/apps/routing"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

var ruleUnanswered = pipeline.NewRule(521, "router", "unanswered neighbour outside",
	"Nobody has answered for the address: for a second, packets for it are dropped where they are, and not sent up.").In(pipeline.Neighbour)

const (
	priorityUnanswered = priorityQuestion + 10 // and below priorityOutside: who is found is reached at once
	unansweredSeconds  = 1
)

// question asks for the neighbour that a packet waits for.
func question(in pipeline.PacketIn, r *model.Router, p icmp.Packet) pipeline.Reply {
	g := routing.GatewayOf(in.View, r)
	if g == nil {
		return pipeline.Reply{Observed: "ignored: the router has lost its gateway"}
	}
	hop := ipv4(in.Reg[0])
	for _, s := range g.Subnets {
		if routing.IsBroadcast(s.CIDR, hop) {
			return pipeline.Reply{Observed: fmt.Sprintf("ignored: %s is all hosts' address", hop)}
		}
	}
	ask, ok := Ask(in.View, in.Node, r, hop)
	if !ok {
		return icmp.Refuse(in, r, p, icmp.HostUnreachable)
	}
	frame, wire := bytes.Clone(in.Data), l2.ToWire(in.Node, g.Network)
	return pipeline.Reply{
		Observed: fmt.Sprintf("%s: waits for the MAC address of %s", &p, hop),
		Question: &pipeline.Question{
			Router:  r.Number,
			Address: hop,
			Ask:     ask,
			Release: func(mac model.MAC) flow.PacketOut {
				data := bytes.Clone(frame)
				copy(data, mac[:])
				return flow.PacketOut{InPort: flow.PortController, Actions: wire, Data: data}
			},
			Unreachable: icmp.Tell(in, r, p, icmp.HostUnreachable, 0),
			Drop:        unanswered(r, g.Network, hop),
		},
	}
}

// Ask is the ARP request by which a node asks outside for the MAC address of a router's neighbour. False if the node has no way
// outside, or nothing there to ask as.
func Ask(v *topology.View, node *model.Node, r *model.Router, addr netip.Addr) (flow.PacketOut, bool) {
	g := routing.GatewayOf(v, r)
	if g == nil || !addr.Is4() {
		return flow.PacketOut{}, false
	}
	wire := l2.ToWire(node, g.Network)
	mac, own, ok := routing.Sender(v, r, g, node.Number, addr)
	if wire == nil || !ok {
		return flow.PacketOut{}, false
	}
	data, err := request(mac, own, addr)
	return flow.PacketOut{InPort: flow.PortController, Actions: wire, Data: data}, err == nil
}

// request is an ARP request to all (RFC 826).
func request(mac model.MAC, from, to netip.Addr) ([]byte, error) {
	eth := layers.Ethernet{SrcMAC: mac[:], DstMAC: net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, EthernetType: layers.EthernetTypeARP}
	arp := layers.ARP{AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
		Operation: layers.ARPRequest, SourceHwAddress: mac[:], SourceProtAddress: from.AsSlice(),
		DstHwAddress: make([]byte, 6), DstProtAddress: to.AsSlice()}
	b := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{}, &eth, &arp)
	return b.Bytes(), err
}

// unanswered is the entry that keeps a router's packets for an address from coming up. It goes by itself.
func unanswered(r *model.Router, n *model.Network, addr netip.Addr) flow.Encoded {
	return flow.Encode(flow.Entry{
		Table: pipeline.Neighbour.ID, Priority: priorityUnanswered, HardTimeout: unansweredSeconds,
		Cookie: flow.NewCookie(ruleUnanswered.Number, uint8(model.KindRouter), uint64(r.Number)),
		Match:  flow.Match{pipeline.InNetwork(n.Key), toward(addr), pipeline.InRouter(r.Key), pipeline.IP()},
	})
}

func ipv4(v uint32) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
}
