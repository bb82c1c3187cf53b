package dhcp

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// message is a client's message in a test; what is left out is as a client in SELECTING has it.
type message struct {
	kind    layers.DHCPMsgType
	client  model.MAC
	from    string
	to      string
	ciaddr  string
	giaddr  string
	flags   uint16
	options layers.DHCPOptions
}

const testXID = 0x12345678

func ip4(s string) net.IP {
	if s == "" {
		return net.IPv4zero.To4()
	}
	return addr(s).AsSlice()
}

func opt(code layers.DHCPOpt, data ...byte) layers.DHCPOption {
	return layers.NewDHCPOption(code, data)
}

func optIP(code layers.DHCPOpt, a string) layers.DHCPOption {
	return layers.NewDHCPOption(code, ip4(a))
}

func (m message) frame(t testing.TB) []byte {
	t.Helper()
	if m.to == "" {
		m.to = "255.255.255.255"
	}
	if m.client == (model.MAC{}) {
		m.client = newCloud().port.MAC
	}
	eth := &layers.Ethernet{SrcMAC: m.client[:], DstMAC: broadcastMAC[:], EthernetType: layers.EthernetTypeIPv4}
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: ip4(m.from), DstIP: ip4(m.to)}
	udp := &layers.UDP{SrcPort: 68, DstPort: 67}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Fatal(err)
	}
	options := m.options
	if m.kind != 0 {
		options = append(layers.DHCPOptions{opt(layers.DHCPOptMessageType, byte(m.kind))}, options...)
	}
	b := gopacket.NewSerializeBuffer()
	err := gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, eth, ip, udp, &layers.DHCPv4{
		Operation: layers.DHCPOpRequest, HardwareType: layers.LinkTypeEthernet, Xid: testXID, Flags: m.flags,
		ClientIP: ip4(m.ciaddr), RelayAgentIP: ip4(m.giaddr), ClientHWAddr: m.client[:], Options: options,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// heard is an answer as a client reads it.
type heard struct {
	eth     layers.Ethernet
	ip      layers.IPv4
	udp     layers.UDP
	msg     layers.DHCPv4
	options map[layers.DHCPOpt][]byte // joined as RFC 3396 says
	order   []layers.DHCPOpt
}

// hear reads an answer strictly: lengths and checksums are right, nothing is left over.
func hear(frame []byte) (*heard, error) {
	h := &heard{options: map[layers.DHCPOpt][]byte{}}
	var cut truncation
	if err := h.eth.DecodeFromBytes(frame, &cut); err != nil {
		return nil, err
	}
	if err := h.ip.DecodeFromBytes(h.eth.Payload, &cut); err != nil {
		return nil, err
	}
	if err := h.udp.DecodeFromBytes(h.ip.Payload, &cut); err != nil {
		return nil, err
	}
	if err := h.msg.DecodeFromBytes(h.udp.Payload, &cut); err != nil {
		return nil, err
	}
	pseudo := append(append(append([]byte{}, h.ip.SrcIP...), h.ip.DstIP...), 0, 17, byte(len(h.ip.Payload)>>8), byte(len(h.ip.Payload)))
	switch {
	case bool(cut) || len(h.ip.Payload) != int(h.udp.Length) || len(h.eth.Payload) != int(h.ip.Length):
		return nil, fmt.Errorf("lengths: frame %d, IP %d, UDP %d", len(frame), h.ip.Length, h.udp.Length)
	case h.udp.SrcPort != 67 || h.udp.DstPort != 68 || h.ip.TTL == 0 || h.ip.Version != 4:
		return nil, fmt.Errorf("headers: %v %v", h.ip, h.udp)
	case onesSum(h.ip.Contents) != 0xffff:
		return nil, fmt.Errorf("IP checksum %#x", h.ip.Checksum)
	case h.udp.Checksum == 0 || onesSum(append(pseudo, h.ip.Payload...)) != 0xffff:
		return nil, fmt.Errorf("UDP checksum %#x", h.udp.Checksum)
	case len(h.udp.Payload) < 300:
		return nil, fmt.Errorf("message of %d bytes", len(h.udp.Payload))
	case h.msg.Operation != layers.DHCPOpReply || h.msg.HardwareType != 1 || h.msg.HardwareLen != 6 || h.msg.Secs != 0 || h.msg.HardwareOpts != 0:
		return nil, fmt.Errorf("header: %v", h.msg)
	case !h.msg.RelayAgentIP.IsUnspecified():
		return nil, fmt.Errorf("giaddr %s", h.msg.RelayAgentIP)
	}
	for _, o := range h.msg.Options {
		if _, again := h.options[o.Type]; !again {
			h.order = append(h.order, o.Type)
		}
		h.options[o.Type] = append(h.options[o.Type], o.Data...)
	}
	if used := int(h.msg.Len()); udpPayloadByte(h, used-1) != byte(layers.DHCPOptEnd) {
		return nil, fmt.Errorf("options do not end at %d", used-1)
	}
	return h, nil
}

func udpPayloadByte(h *heard, i int) byte { return h.udp.Payload[i] }

// onesSum adds 16-bit words in ones' complement (RFC 1071).
func onesSum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if len(b)%2 == 1 {
		sum += uint32(b[len(b)-1]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

func (h *heard) kind() layers.DHCPMsgType {
	return layers.DHCPMsgType(h.options[layers.DHCPOptMessageType][0])
}

func (h *heard) addrs(code layers.DHCPOpt) string {
	var list []string
	b := h.options[code]
	for i := 0; i+4 <= len(b); i += 4 {
		list = append(list, netip.AddrFrom4([4]byte(b[i:i+4])).String())
	}
	return strings.Join(list, " ")
}

// routes writes classless static routes as "destination via router".
func (h *heard) routes(code layers.DHCPOpt) string {
	var list []string
	for b := h.options[code]; len(b) > 0; {
		var to, via [4]byte
		octets := (int(b[0]) + 7) / 8
		copy(to[:], b[1:1+octets])
		copy(via[:], b[1+octets:])
		list = append(list, fmt.Sprintf("%s via %s", netip.PrefixFrom(netip.AddrFrom4(to), int(b[0])), netip.AddrFrom4(via)))
		b = b[1+octets+4:]
	}
	return strings.Join(list, ", ")
}

func (h *heard) seconds(code layers.DHCPOpt) uint32 {
	if len(h.options[code]) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(h.options[code])
}

// answerOf asks and reads the one answer, if there is any.
func (c *cloud) answerOf(t testing.TB, m message) (*heard, string) {
	t.Helper()
	reply := c.ask(m.frame(t))
	if len(reply.Packets) == 0 {
		return nil, reply.Observed
	}
	if len(reply.Packets) != 1 {
		t.Fatalf("%d answers", len(reply.Packets))
	}
	p := reply.Packets[0]
	if len(p.Actions) != 1 || p.Actions[0] != (flow.Output{Port: testOfport}) || p.InPort != flow.PortController {
		t.Errorf("sent from %#x with %v", p.InPort, p.Actions)
	}
	h, err := hear(p.Data)
	if err != nil {
		t.Fatal(err)
	}
	if boots := !h.msg.NextServerIP.IsUnspecified() || field(h.msg.ServerName)+field(h.msg.File) != ""; boots && len(c.port.ExtraDHCPOpts) == 0 {
		t.Errorf("told to boot %q from %s %q", field(h.msg.File), h.msg.NextServerIP, field(h.msg.ServerName))
	}
	return h, reply.Observed
}

// field is a text of the header.
func field(b []byte) string { return strings.TrimRight(string(b), "\x00") }
