package e2e

import (
	"bytes"
	"net"
	"slices"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/tests/lab"
)

// Frame is a frame that is sent as it is. Its name stands in its last bytes, by which a Witness knows it again
// whatever became of its headers.
type Frame struct {
	Name   string
	layers []gopacket.SerializableLayer
}

// A name stands between these in a frame.
var nameBegins, nameEnds = []byte("<planck "), []byte(">")

// Broadcast is the MAC address of everybody.
const Broadcast = "ff:ff:ff:ff:ff:ff"

// nobody is the MAC address in ARP packets that is not known yet, or not looked at.
const nobody = "00:00:00:00:00:00"

// frame puts the name behind the layers.
func frame(name string, parts ...gopacket.SerializableLayer) Frame {
	payload := slices.Concat(nameBegins, []byte(name), nameEnds)
	return Frame{name, append(parts, gopacket.Payload(payload))}
}

func hw(mac string) net.HardwareAddr {
	a, err := net.ParseMAC(mac)
	if err != nil {
		panic(err) // a test's constant, or what the API gave
	}
	return a
}

func ip4(ip string) net.IP { return net.ParseIP(ip).To4() }

// Ethernet is a frame of any ethertype; 0 makes it an IEEE 802.3 frame with an LLC header, such as a BPDU.
func Ethernet(name, src, dst string, ethertype layers.EthernetType) Frame {
	eth := &layers.Ethernet{SrcMAC: hw(src), DstMAC: hw(dst), EthernetType: ethertype}
	if ethertype == layers.EthernetTypeLLC {
		return frame(name, eth, &layers.LLC{DSAP: 0x42, SSAP: 0x42, Control: 3})
	}
	return frame(name, eth)
}

// UDP is a datagram.
func UDP(name, srcMAC, dstMAC, src, dst string, srcPort, dstPort layers.UDPPort) Frame {
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: ip4(src), DstIP: ip4(dst)}
	udp := &layers.UDP{SrcPort: srcPort, DstPort: dstPort}
	udp.SetNetworkLayerForChecksum(ip)
	return frame(name, &layers.Ethernet{SrcMAC: hw(srcMAC), DstMAC: hw(dstMAC), EthernetType: layers.EthernetTypeIPv4}, ip, udp)
}

// discard is the port of datagrams that nobody listens to (RFC 863).
const discard = 9

// IPv4 is a datagram of no special meaning.
func IPv4(name, srcMAC, dstMAC, src, dst string) Frame {
	return UDP(name, srcMAC, dstMAC, src, dst, discard, discard)
}

// ARP is an ARP packet in a frame from the sender to dst, with its fields in their order on the wire.
func ARP(name, dst string, operation uint16, sha, spa, tha, tpa string) Frame {
	return arpOf(name, sha, dst, layers.EthernetTypeARP, operation, sha, spa, tha, tpa)
}

func arpOf(name, src, dst string, ethertype layers.EthernetType, operation uint16, sha, spa, tha, tpa string) Frame {
	return frame(name, &layers.Ethernet{SrcMAC: hw(src), DstMAC: hw(dst), EthernetType: ethertype}, &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
		Operation: operation, SourceHwAddress: hw(sha), SourceProtAddress: ip4(spa),
		DstHwAddress: hw(tha), DstProtAddress: ip4(tpa),
	})
}

// RARP is the announcement of a MAC address (RFC 903, operation 3) in a frame from src.
func RARP(name, src, mac string) Frame {
	return arpOf(name, src, Broadcast, 0x8035, 3, mac, "0.0.0.0", mac, "0.0.0.0")
}

// Tagged is the frame with VLAN tags, the outermost first.
func (f Frame) Tagged(vids ...uint16) Frame {
	eth := *f.layers[0].(*layers.Ethernet)
	list := []gopacket.SerializableLayer{&eth}
	inner := eth.EthernetType
	eth.EthernetType = layers.EthernetTypeDot1Q
	for i, vid := range vids {
		tag := &layers.Dot1Q{VLANIdentifier: vid, Type: layers.EthernetTypeDot1Q}
		if i == len(vids)-1 {
			tag.Type = inner
		}
		list = append(list, tag)
	}
	return Frame{f.Name, append(list, f.layers[1:]...)}
}

// from is the frame with another source MAC.
func (f Frame) from(mac string) Frame {
	eth := *f.layers[0].(*layers.Ethernet)
	eth.SrcMAC = hw(mac)
	return Frame{f.Name, append([]gopacket.SerializableLayer{&eth}, f.layers[1:]...)}
}

// IPv4To is a datagram from the VM's own addresses to another's.
func (v *VM) IPv4To(to *VM, name string) Frame { return IPv4(name, v.MAC, to.MAC, v.IP, to.IP) }

// IPv4Broadcast is a datagram from the VM's own addresses to everybody.
func (v *VM) IPv4Broadcast(name string) Frame {
	return IPv4(name, v.MAC, Broadcast, v.IP, "255.255.255.255")
}

// SendFrames sends frames one after the other.
func (v *VM) SendFrames(frames ...Frame) {
	v.cloud.t.Helper()
	for _, f := range frames {
		if err := v.SendLayers(f.layers...); err != nil {
			v.cloud.t.Fatalf("%s sends %q: %v", v.Name, f.Name, err)
		}
	}
}

// nameOf is the name of a captured frame, "" if it has none.
func nameOf(f lab.Frame) string {
	if _, rest, found := bytes.Cut(f.Data(), nameBegins); found {
		if name, _, found := bytes.Cut(rest, nameEnds); found {
			return string(name)
		}
	}
	return ""
}
