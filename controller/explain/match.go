package explain

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// everything is what an entry without a match takes.
const everything = "all packets that no entry of a higher priority takes"

// match says in words which packets the entry takes: what they are, and then where they come from, where they are, where they go.
func (w *words) match() string {
	if len(w.entry.Match) == 0 {
		return everything
	}
	noun, said := w.noun()
	parts := []string{noun}
	for _, f := range matchOrder {
		if m, ok := find(w.entry.Match, f); ok && !said[f] {
			parts = append(parts, w.field(m)...)
		}
	}
	if len(parts) == 1 {
		return noun
	}
	return noun + " " + strings.Join(parts[1:], ", ")
}

// matchOrder is the order in which a packet is described.
var matchOrder = []flow.Field{
	flow.InPort, flow.TunnelSrc, flow.TunnelDst, flow.TunnelID, flow.Metadata, pipeline.Router, flow.Reg3, flow.Reg2, pipeline.NextHop,
	flow.CTState, flow.CTProto, flow.CTSrc, flow.CTDst, flow.CTSrcPort, flow.CTDstPort, flow.ConjunctionID,
	flow.VLANVID, flow.VLANPCP, flow.EthSrc, flow.EthDst, flow.EthType, flow.ARPSHA, flow.ARPSPA, flow.ARPTHA, flow.ARPTPA, flow.ARPOp,
	flow.IPv4Src, flow.IPv4Dst, flow.IPProto, flow.IPTTL, flow.IPFrag,
	flow.TCPSrc, flow.TCPDst, flow.UDPSrc, flow.UDPDst, flow.ICMPType, flow.ICMPCode,
}

func find(m flow.Match, f flow.Field) (flow.FieldMatch, bool) {
	for _, x := range m {
		if x.Field == f {
			return x, true
		}
	}
	return flow.FieldMatch{}, false
}

// exactly returns the value of a field that the match says wholly.
func (w *words) exactly(f flow.Field) (uint64, bool) {
	m, ok := find(w.entry.Match, f)
	return m.Value, ok && m.Mask == f.AllOnes()
}

// noun is the kind of packet, and which fields that says.
func (w *words) noun() (noun string, said map[flow.Field]bool) {
	said = map[flow.Field]bool{}
	if vid, ok := w.exactly(flow.VLANVID); ok && vid == 0 {
		said[flow.VLANVID] = true
		return "untagged frames", said
	}
	ether, ok := w.exactly(flow.EthType)
	if !ok {
		return "packets", said
	}
	said[flow.EthType] = true
	switch ether {
	case pipeline.EthTypeARP:
		op, _ := w.exactly(flow.ARPOp)
		said[flow.ARPOp] = op == 1 || op == 2
		switch op {
		case 1:
			return "ARP requests", said
		case 2:
			return "ARP replies", said
		}
		return "ARP packets", said
	case pipeline.EthTypeRARP:
		return "RARP packets", said
	case pipeline.EthTypeVLAN, pipeline.EthTypeQinQ:
		return fmt.Sprintf("frames that (still) have a VLAN tag (ethertype %#04x)", ether), said
	case pipeline.EthTypeIPv4:
		return w.datagram(said), said
	default:
		return fmt.Sprintf("frames of ethertype %#04x", ether), said
	}
}

// datagram is the kind of IPv4 packet.
func (w *words) datagram(said map[flow.Field]bool) string {
	kind := "IPv4 packets"
	if frag, ok := find(w.entry.Match, flow.IPFrag); ok && frag.Value&flow.FragLater != 0 {
		said[flow.IPFrag] = true
		kind = "IPv4 fragments without their datagram's beginning"
	}
	proto, ok := w.exactly(flow.IPProto)
	if !ok || kind != "IPv4 packets" {
		return kind
	}
	said[flow.IPProto] = true
	switch proto {
	case pipeline.ProtoICMP:
		kind = "ICMP packets"
		if t, ok := w.exactly(flow.ICMPType); ok {
			if name, known := icmpNames[t]; known {
				said[flow.ICMPType] = true
				kind = "ICMP packets of type " + name
			}
		}
	case model.ProtocolTCP:
		kind = "TCP packets"
	case model.ProtocolUDP:
		kind = "UDP packets"
	default:
		kind = "IPv4 packets of " + protocol(proto)
	}
	return kind
}

var icmpNames = map[uint64]string{
	pipeline.ICMPEchoReply: "echo reply", pipeline.ICMPUnreachable: "destination unreachable", pipeline.ICMPEchoRequest: "echo request",
	pipeline.ICMPTimeExceeded: "time exceeded", pipeline.ICMPParameterProblem: "parameter problem",
}

func protocol(v uint64) string {
	switch v {
	case model.ProtocolICMP:
		return "ICMP"
	case model.ProtocolTCP:
		return "TCP"
	case model.ProtocolUDP:
		return "UDP"
	}
	return fmt.Sprintf("IP protocol %d", v)
}

// field says one field of a match.
func (w *words) field(m flow.FieldMatch) []string {
	one := func(format string, a ...any) []string { return []string{fmt.Sprintf(format, a...)} }
	whole := m.Mask == m.Field.AllOnes()
	switch m.Field {
	case flow.InPort:
		return one("that come in from %s", w.ofport(w.node, uint32(m.Value)))
	case flow.TunnelSrc:
		if whole {
			return one("sent by node %s", w.endpoint(m.Value))
		}
	case flow.TunnelID:
		if m.Value == 0 && whole {
			return one("under tunnel key 0, as Planck's own probes have")
		}
		if whole {
			return one("under tunnel key %d, that of %s", m.Value, w.networkKey(model.NetworkKey(m.Value)))
		}
	case flow.Metadata:
		return w.metadata(m)
	case pipeline.Router:
		if whole {
			return one("in or last in %s", w.routerKey(model.NetworkKey(m.Value)))
		}
	case flow.Reg2:
		return w.flags(m)
	case flow.Reg3:
		if whole {
			return one("about which security group %s is asked", w.groupName(m.Value))
		}
	case pipeline.NextHop:
		if whole {
			return one("whose next hop is %s", w.address(m.Value))
		}
	case flow.ConjunctionID:
		return one("whose remote address is of security group %s and whose service a rule for that group lets through", w.groupName(m.Value))
	case flow.CTState:
		return one("%s", connection(m))
	case flow.CTProto:
		return one("whose connection is of %s", protocol(m.Value))
	case flow.CTSrc:
		return one("whose connection was begun by %s", w.prefix(m))
	case flow.CTDst:
		return one("whose connection was begun towards %s", w.prefix(m))
	case flow.CTSrcPort:
		if p, _ := w.exactly(flow.CTProto); p == model.ProtocolICMP {
			return one("whose connection's first packet had ICMP type %s", number(m))
		}
		return one("whose connection was begun from port %s", number(m))
	case flow.CTDstPort:
		if p, _ := w.exactly(flow.CTProto); p == model.ProtocolICMP {
			return one("and ICMP code %s", number(m))
		}
		return one("whose connection was begun towards port %s", number(m))
	case flow.VLANVID:
		if whole && m.Value&0x1000 != 0 {
			return one("tagged with VLAN %d", m.Value&0xfff)
		}
	case flow.EthSrc:
		if whole {
			return one("from MAC address %s", w.mac(m.Value))
		}
		if key := model.NetworkKey(m.Mask) & allKeys; key == allKeys { // see l2.FromNodeMAC
			return one("from the MAC address with which other nodes send what %s has routed there", w.routerKey(model.NetworkKey(m.Value)&allKeys))
		}
	case flow.EthDst:
		switch {
		case whole && w.entry.Table == pipeline.FromTunnel.ID && (w.node == nil || w.node.Switch == nil):
			return one("to Planck's probe address %s", macOf(m.Value))
		case whole:
			return one("to MAC address %s", w.mac(m.Value))
		case m == pipeline.Multicast():
			return one("to a group address (broadcast or multicast)")
		case m == pipeline.LinkLocalMulticast():
			return one("to link-local multicast, 01:80:c2:00:00:00 to 0f")
		}
	case flow.ARPSHA:
		return one("whose ARP sender has MAC address %s", w.mac(m.Value))
	case flow.ARPSPA:
		if whole && m.Value == 0 {
			return one("whose ARP sender has no address yet (0.0.0.0)")
		}
		return one("whose ARP sender is %s", w.prefix(m))
	case flow.ARPTPA:
		return one("asking about %s", w.prefix(m))
	case flow.IPv4Src:
		return one("from %s", w.prefix(m))
	case flow.IPv4Dst:
		return one("to %s", w.prefix(m))
	case flow.IPTTL:
		return one("whose TTL is %d", m.Value)
	case flow.TCPSrc, flow.UDPSrc:
		return one("from port %s", number(m)+service(m))
	case flow.TCPDst, flow.UDPDst:
		return one("to port %s", number(m)+service(m))
	case flow.ICMPType:
		return one("of ICMP type %d", m.Value)
	case flow.ICMPCode:
		return one("of ICMP code %d", m.Value)
	}
	return one("with %s %s", m.Field, number(m))
}

// service says what ports are for that the pipeline knows.
func service(m flow.FieldMatch) string {
	switch {
	case m == flow.Exact(flow.UDPDst, 67), m == flow.Exact(flow.UDPSrc, 67):
		return " (DHCP servers)"
	case m == flow.Exact(flow.UDPDst, 68), m == flow.Exact(flow.UDPSrc, 68):
		return " (DHCP clients)"
	}
	return ""
}

// number is a value, a range where the mask makes one, or value and mask.
func number(m flow.FieldMatch) string {
	free := m.Field.AllOnes() &^ m.Mask
	switch {
	case free == 0:
		return strconv.FormatUint(m.Value, 10)
	case free&(free+1) == 0:
		return fmt.Sprintf("%d to %d", m.Value, m.Value|free)
	}
	return fmt.Sprintf("%#x/%#x", m.Value, m.Mask)
}

// prefix is an address with its owner, or a prefix.
func (w *words) prefix(m flow.FieldMatch) string {
	ones := bits.OnesCount32(uint32(m.Mask))
	switch {
	case ones == 32:
		return w.address(m.Value)
	case bits.TrailingZeros32(uint32(m.Mask)) == 32-ones:
		return fmt.Sprintf("%s/%d", addrOf(m.Value), ones)
	}
	return fmt.Sprintf("%s/%s", addrOf(m.Value), addrOf(m.Mask))
}

// connection is what conntrack says of a packet.
func connection(m flow.FieldMatch) string {
	is := func(bit uint64) bool { return m.Value&bit != 0 }
	not := func(bit uint64) bool { return m.Mask&bit != 0 && m.Value&bit == 0 }
	switch {
	case is(flow.CTInvalid):
		return "that conntrack calls invalid"
	case is(flow.CTNew):
		return "that begin a connection"
	case is(flow.CTReply):
		return "that are replies in a known connection"
	case not(flow.CTNew) && not(flow.CTReply):
		return "of a known connection, in the direction of its first packet"
	case is(flow.CTTracked) && not(flow.CTInvalid):
		return "that conntrack has seen and finds valid"
	case not(flow.CTTracked):
		return "that conntrack has not seen"
	}
	return fmt.Sprintf("with ct_state %#x/%#x", m.Value, m.Mask)
}
