package trace

import (
	"slices"
	"strings"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// text is an entry in ovs-ofctl syntax.
func text(f flow.Encoded) string {
	e, err := f.Decode()
	if err != nil {
		return "an entry that Planck cannot read"
	}
	return flow.Format(e, nil)
}

// Text is a frame in ovs-ofctl syntax.
func Text(frame []byte) string {
	if frame == nil {
		return ""
	}
	return matchText(Match(frame))
}

// inputText is a packet that comes to a switch in the syntax of ofproto/trace.
func inputText(in flow.Input) string {
	m := flow.Match{flow.Exact(flow.InPort, uint64(in.InPort))}
	if in.Tunnel != (flow.Tunnel{}) {
		m = append(m, flow.Exact(flow.TunnelID, in.Tunnel.ID), flow.Exact(flow.TunnelSrc, uint64(in.Tunnel.Src)), flow.Exact(flow.TunnelDst, uint64(in.Tunnel.Dst)))
	}
	return matchText(append(m, Match(in.Frame)...))
}

func matchText(m flow.Match) string {
	line := flow.Format(flow.Entry{Match: m}, nil)
	_, line, _ = strings.Cut(line, "priority=0,")
	line, _, _ = strings.Cut(line, " actions=")
	if slices.ContainsFunc(m, func(x flow.FieldMatch) bool { return x.Field == flow.UDPSrc }) {
		line = strings.ReplaceAll(line, ",tp_", ",udp_") // ofproto/trace takes tp_src for TCP's
	}
	return line
}

// Match is all that a frame has in its headers.
func Match(frame []byte) flow.Match {
	var m flow.Match
	add := func(f flow.Field, v uint64) { m = append(m, flow.Exact(f, v)) }
	p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default)
	for _, l := range p.Layers() {
		switch l := l.(type) {
		case *layers.Ethernet:
			add(flow.EthDst, model.MAC(l.DstMAC).Uint64())
			add(flow.EthSrc, model.MAC(l.SrcMAC).Uint64())
			if l.EthernetType != layers.EthernetTypeDot1Q {
				add(flow.EthType, uint64(l.EthernetType))
			}
		case *layers.Dot1Q:
			add(flow.EthType, uint64(l.Type))
			add(flow.VLANVID, 0x1000|uint64(l.VLANIdentifier))
		case *layers.ARP:
			add(flow.ARPOp, uint64(l.Operation))
			add(flow.ARPSPA, number(l.SourceProtAddress))
			add(flow.ARPTPA, number(l.DstProtAddress))
			add(flow.ARPSHA, number(l.SourceHwAddress))
			add(flow.ARPTHA, number(l.DstHwAddress))
		case *layers.IPv4:
			add(flow.IPProto, uint64(l.Protocol))
			add(flow.IPv4Src, number(l.SrcIP))
			add(flow.IPv4Dst, number(l.DstIP))
			if l.TOS != 0 {
				add(flow.IPDSCP, uint64(l.TOS>>2))
			}
			add(flow.IPTTL, uint64(l.TTL))
		case *layers.TCP:
			add(flow.TCPSrc, uint64(l.SrcPort))
			add(flow.TCPDst, uint64(l.DstPort))
		case *layers.UDP:
			add(flow.UDPSrc, uint64(l.SrcPort))
			add(flow.UDPDst, uint64(l.DstPort))
		case *layers.ICMPv4:
			add(flow.ICMPType, uint64(l.TypeCode.Type()))
			add(flow.ICMPCode, uint64(l.TypeCode.Code()))
			return m // an error's quotation is no header of the frame's
		}
	}
	return m
}

func number(b []byte) (v uint64) {
	for _, x := range b {
		v = v<<8 | uint64(x)
	}
	return v
}
