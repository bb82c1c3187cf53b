package icmp

import (
	"bytes"
	"net"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/model"
)

var (
	routerMAC = model.MAC{0xfa, 0x16, 0x3e, 0, 0, 1}
	vmMAC     = model.MAC{0xfa, 0x16, 0x3e, 0, 0, 2}
	outside   = addr("203.0.113.9")
	floating  = addr("203.0.113.77")
	fixed     = addr("10.0.0.5")
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// sent is a packet as a test says it; whatever is left out is usual.
type sent struct {
	src, dst netip.Addr
	to       net.HardwareAddr
	protocol layers.IPProtocol // UDP by default
	id       uint16
	flags    layers.IPv4Flag
	offset   uint16
	options  []layers.IPv4Option
	payload  []byte // behind the transport header, if the protocol is UDP or TCP
	noSum    bool   // UDP without a checksum
}

func (s sent) frame(t rapid.TB) []byte {
	if s.to == nil {
		s.to = routerMAC[:]
	}
	if s.protocol == 0 {
		s.protocol = layers.IPProtocolUDP
	}
	eth := layers.Ethernet{SrcMAC: vmMAC[:], DstMAC: s.to, EthernetType: layers.EthernetTypeIPv4}
	ip := layers.IPv4{Version: 4, TTL: 9, Id: s.id, Flags: s.flags, FragOffset: s.offset, Protocol: s.protocol, Options: s.options,
		SrcIP: s.src.AsSlice(), DstIP: s.dst.AsSlice()}
	list := []gopacket.SerializableLayer{&eth, &ip}
	switch s.protocol {
	case layers.IPProtocolUDP:
		udp := &layers.UDP{SrcPort: 40000, DstPort: 33434}
		check(t, udp.SetNetworkLayerForChecksum(&ip))
		list = append(list, udp)
	case layers.IPProtocolTCP:
		tcp := &layers.TCP{SrcPort: 40000, DstPort: 80, Seq: 7, SYN: true, Window: 1000, DataOffset: 5}
		check(t, tcp.SetNetworkLayerForChecksum(&ip))
		list = append(list, tcp)
	}
	b := gopacket.NewSerializeBuffer()
	check(t, gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}, append(list, gopacket.Payload(s.payload))...))
	frame := bytes.Clone(b.Bytes()[:ethernetHeader+int(ip.Length)]) // without gopacket's padding
	if udp := frame[ethernetHeader+4*int(frame[ethernetHeader]&15):]; s.protocol == layers.IPProtocolUDP && s.noSum {
		udp[6], udp[7] = 0, 0
	} else if s.protocol == layers.IPProtocolUDP && udp[6] == 0 && udp[7] == 0 {
		udp[6], udp[7] = 0xff, 0xff // gopacket leaves it
	}
	return frame
}

func (s sent) packet(t rapid.TB) Packet {
	p, err := Parse(s.frame(t))
	check(t, err)
	return p
}

func check(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// read takes an ICMP message apart, and has gopacket make it anew: lengths and checksums must be the same.
func read(t rapid.TB, frame []byte) (ip layers.IPv4, message layers.ICMPv4) {
	t.Helper()
	var eth layers.Ethernet
	check(t, eth.DecodeFromBytes(frame, gopacket.NilDecodeFeedback))
	check(t, ip.DecodeFromBytes(eth.Payload, gopacket.NilDecodeFeedback))
	check(t, message.DecodeFromBytes(ip.Payload, gopacket.NilDecodeFeedback))
	b := gopacket.NewSerializeBuffer()
	again, againMessage := ip, message
	check(t, gopacket.SerializeLayers(b, gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true},
		&eth, &again, &againMessage, gopacket.Payload(message.Payload)))
	if !bytes.Equal(b.Bytes(), frame) {
		t.Fatalf("%x is not well-formed: gopacket makes it %x", frame, b.Bytes())
	}
	return ip, message
}

func TestReport(t *testing.T) {
	for _, size := range []int{0, 9, 600, 1400} {
		original := sent{src: fixed, dst: outside, payload: bytes.Repeat([]byte{0xa5}, size)}
		p := original.packet(t)
		frame, err := p.report(routerMAC, addr("10.0.0.1"), 65, FragmentationNeeded, 1400)
		check(t, err)
		ip, message := read(t, frame)
		if ip.Length > maxError || ip.TTL != 65 || !ip.SrcIP.Equal(net.IP{10, 0, 0, 1}) || !ip.DstIP.Equal(net.IP{10, 0, 0, 5}) {
			t.Errorf("header %+v", ip)
		}
		if message.TypeCode != FragmentationNeeded || message.Id != 0 || message.Seq != 1400 {
			t.Errorf("message %+v", message)
		}
		if want := p.packet()[:min(28+size, 548)]; !bytes.Equal(message.Payload, want) {
			t.Errorf("quotes %x, not %x", message.Payload, want)
		}
		if model.MAC(frame[:6]) != vmMAC || model.MAC(frame[6:12]) != routerMAC {
			t.Errorf("Ethernet header %x", frame[:14])
		}
	}
}

// Nobody is told of packets that errors must not be about (RFC 1812, 4.3.2.7).
func TestMayReport(t *testing.T) {
	icmp := func(head ...byte) sent {
		return sent{src: fixed, dst: outside, protocol: layers.IPProtocolICMPv4, payload: append(head, make([]byte, 7)...)}
	}
	for name, c := range map[string]struct {
		sent
		may bool
	}{
		"UDP":                  {sent{src: fixed, dst: outside}, true},
		"TCP":                  {sent{src: fixed, dst: outside, protocol: layers.IPProtocolTCP}, true},
		"ping":                 {icmp(8), true},
		"answer to a ping":     {icmp(0), true},
		"unreachable":          {icmp(3), false},
		"source quench":        {icmp(4), false},
		"redirect":             {icmp(5), false},
		"time exceeded":        {icmp(11), false},
		"parameter problem":    {icmp(12), false},
		"unknown ICMP":         {icmp(200), false},
		"short ICMP":           {sent{src: fixed, dst: outside, protocol: layers.IPProtocolICMPv4, payload: []byte{8, 0}}, false},
		"first fragment":       {sent{src: fixed, dst: outside, flags: layers.IPv4MoreFragments}, true},
		"later fragment":       {sent{src: fixed, dst: outside, offset: 1}, false},
		"Ethernet broadcast":   {sent{src: fixed, dst: outside, to: net.HardwareAddr{255, 255, 255, 255, 255, 255}}, false},
		"to multicast":         {sent{src: fixed, dst: addr("224.0.0.5")}, false},
		"to limited broadcast": {sent{src: fixed, dst: addr("255.255.255.255")}, false},
		"from no address":      {sent{src: addr("0.0.0.0"), dst: outside}, false},
		"from this network":    {sent{src: addr("0.1.2.3"), dst: outside}, false},
		"from loopback":        {sent{src: addr("127.0.0.1"), dst: outside}, false},
		"from multicast":       {sent{src: addr("239.1.1.1"), dst: outside}, false},
		"from class E":         {sent{src: addr("250.0.0.1"), dst: outside}, false},
	} {
		if p := c.packet(t); p.mayReport() != c.may {
			t.Errorf("%s: %t", name, !c.may)
		}
	}
}

func TestParse(t *testing.T) {
	good := sent{src: fixed, dst: outside, payload: []byte("hello")}.frame(t)
	if p, err := Parse(append(bytes.Clone(good), 0, 0, 0)); err != nil || !bytes.Equal(p.frame, good) {
		t.Errorf("padding: %v, %x", err, p.frame)
	}
	for n := range good {
		if _, err := Parse(good[:n:n]); err == nil {
			t.Errorf("takes the first %d of %d bytes", n, len(good))
		}
	}
	for name, c := range map[string]struct {
		at    int
		value byte
	}{
		"ARP": {13, 6}, "tagged": {12, 0x81}, "IPv6": {14, 0x65}, "short header": {14, 0x44}, "header longer than the packet": {14, 0x4f}, "long": {16, 1}, "shorter than its header": {17, 19},
	} {
		bad := bytes.Clone(good)
		bad[c.at] = c.value
		if _, err := Parse(bad); err == nil {
			t.Errorf("takes %s", name)
		}
	}
	noLength := bytes.Clone(good)
	noLength[16], noLength[17] = 0, 0
	if _, err := Parse(noLength); err == nil {
		t.Error("takes a length of 0")
	}
}
