package verify

import (
	"encoding/binary"
	"net"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// frame is an Ethernet frame with the values of a packet; nil: there is none.
func (p *packet) frame() []byte {
	eth := &layers.Ethernet{SrcMAC: hardware(p[flow.EthSrc]), DstMAC: hardware(p[flow.EthDst]), EthernetType: layers.EthernetType(p[flow.EthType])}
	list := []gopacket.SerializableLayer{eth}
	if p[flow.VLANVID] != 0 {
		list = append(list, &layers.Dot1Q{VLANIdentifier: uint16(p[flow.VLANVID] & 0xfff), Type: eth.EthernetType})
		eth.EthernetType = layers.EthernetTypeDot1Q
	}
	switch p[flow.EthType] {
	case pipeline.EthTypeIPv4:
		list = append(list, p.ipv4()...)
	case pipeline.EthTypeARP, pipeline.EthTypeRARP:
		list = append(list, &layers.ARP{AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
			Operation: uint16(p[flow.ARPOp]), SourceHwAddress: hardware(p[flow.ARPSHA]), SourceProtAddress: internet(p[flow.ARPSPA]),
			DstHwAddress: hardware(p[flow.ARPTHA]), DstProtAddress: internet(p[flow.ARPTPA])})
	}
	list = append(list, gopacket.Payload(make([]byte, 26)))
	buffer := gopacket.NewSerializeBuffer()
	if gopacket.SerializeLayers(buffer, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, list...) != nil {
		return nil
	}
	return buffer.Bytes()
}

func (p *packet) ipv4() []gopacket.SerializableLayer {
	ip := &layers.IPv4{Version: 4, TTL: uint8(p[flow.IPTTL]), TOS: uint8(p[flow.IPDSCP] << 2), Protocol: layers.IPProtocol(p[flow.IPProto]),
		SrcIP: internet(p[flow.IPv4Src]), DstIP: internet(p[flow.IPv4Dst])}
	switch p[flow.IPProto] {
	case uint64(model.ProtocolTCP):
		tcp := &layers.TCP{SrcPort: layers.TCPPort(p[flow.TCPSrc]), DstPort: layers.TCPPort(p[flow.TCPDst]), SYN: true}
		_ = tcp.SetNetworkLayerForChecksum(ip) // IPv4 is one
		return []gopacket.SerializableLayer{ip, tcp}
	case uint64(model.ProtocolUDP):
		udp := &layers.UDP{SrcPort: layers.UDPPort(p[flow.UDPSrc]), DstPort: layers.UDPPort(p[flow.UDPDst])}
		_ = udp.SetNetworkLayerForChecksum(ip)
		return []gopacket.SerializableLayer{ip, udp}
	case uint64(model.ProtocolICMP):
		return []gopacket.SerializableLayer{ip, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(uint8(p[flow.ICMPType]), uint8(p[flow.ICMPCode])), Id: 1}}
	}
	return []gopacket.SerializableLayer{ip}
}

func hardware(v uint64) net.HardwareAddr {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], v)
	return b[2:]
}

func internet(v uint64) net.IP { return binary.BigEndian.AppendUint32(nil, uint32(v)) }
