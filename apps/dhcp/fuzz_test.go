package dhcp

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/google/gopacket/layers"
)

// wellFormed is a second opinion on what may be answered, by offsets and not by gopacket.
func wellFormed(c *cloud, frame []byte) bool {
	if len(frame) < 14+20+8+240 || binary.BigEndian.Uint16(frame[12:]) != 0x0800 {
		return false
	}
	ip := frame[14:]
	ihl := int(ip[0]&0xf) * 4
	if ip[0]>>4 != 4 || ihl < 20 || ip[9] != 17 || binary.BigEndian.Uint16(ip[6:])&0x3fff != 0 || len(ip) < ihl+8+240 {
		return false
	}
	udp := ip[ihl:]
	msg := udp[8:]
	return binary.BigEndian.Uint16(udp) == 68 && binary.BigEndian.Uint16(udp[2:]) == 67 &&
		bytes.Equal(msg[:3], []byte{1, 1, 6}) && bytes.Equal(msg[24:28], make([]byte, 4)) &&
		bytes.Equal(msg[28:34], c.port.MAC[:]) && bytes.Equal(msg[236:240], []byte{99, 130, 83, 99}) &&
		bytes.Contains(msg[240:], []byte{53, 1})
}

func FuzzPacketIn(f *testing.F) {
	seeds := [][]byte{
		message{kind: discover, options: options(wants(1, 3, 6, 26, 121, 249), opt(layers.DHCPOptMaxMessageSize, 5, 0))}.frame(f),
		message{kind: ask, options: options(requested("10.0.0.5"), serverID("10.0.0.2"), opt(layers.DHCPOptClientID, 1, 2, 3))}.frame(f),
		message{kind: ask, from: "10.0.1.5", to: "10.0.1.2", ciaddr: "10.0.1.5"}.frame(f),
		message{kind: ask, options: options(requested("10.0.0.6"))}.frame(f),
		message{kind: layers.DHCPMsgTypeInform, ciaddr: "10.0.0.5"}.frame(f),
		message{kind: layers.DHCPMsgTypeDecline, options: options(requested("10.0.0.5"))}.frame(f),
		{},
	}
	for _, hlen := range []byte{0, 7, 230, 255} { // lengths of the hardware address that gopacket would panic on
		frame := bytes.Clone(seeds[0])
		frame[14+20+8+2] = hlen
		seeds = append(seeds, frame)
	}
	for _, frame := range seeds {
		f.Add(frame)
	}
	c := newCloud()
	f.Fuzz(func(t *testing.T, frame []byte) {
		before := bytes.Clone(frame)
		reply := c.ask(frame)
		if !bytes.Equal(frame, before) {
			t.Error("the packet was changed")
		}
		if reply.Observed == "" {
			t.Error("nothing was observed")
		}
		for _, p := range reply.Packets {
			if !wellFormed(c, frame) {
				t.Errorf("answered %x", frame)
			}
			if _, err := hear(p.Data); err != nil {
				t.Error(err)
			}
		}
	})
}

// Every way to cut or extend a request is ignored, or understood as what it is.
func TestTruncated(t *testing.T) {
	c := newCloud()
	frame := message{kind: discover, options: options(wants(1, 3, 6))}.frame(t)
	for n := range frame {
		if reply := c.ask(frame[:n:n]); len(reply.Packets) != 0 {
			t.Errorf("answered the first %d of %d bytes", n, len(frame))
		}
	}
	if reply := c.ask(append(bytes.Clone(frame), make([]byte, 20)...)); len(reply.Packets) != 1 {
		t.Errorf("a frame with padding: %s", reply.Observed)
	}
}

// A checksum that comes out as zero is sent as all ones (RFC 768): zero would mean that there is none.
func TestZeroChecksum(t *testing.T) {
	c := newCloud()
	frame := message{kind: discover}.frame(t)
	h, err := hear(c.ask(frame).Packets[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	// Adding the checksum to the xid's lower half makes the sum all ones.
	xid := frame[14+20+8+4:]
	low := uint32(binary.BigEndian.Uint16(xid[2:])) + uint32(h.udp.Checksum)
	binary.BigEndian.PutUint16(xid[2:], uint16(low>>16+low&0xffff))
	h, err = hear(c.ask(frame).Packets[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	if h.udp.Checksum != 0xffff {
		t.Errorf("checksum %#x", h.udp.Checksum)
	}
}

func TestMalformed(t *testing.T) {
	const (
		ethertype = 12
		fragment  = 14 + 6
		version   = 14
		protocol  = 14 + 9
		message   = 14 + 20 + 8
		magic     = message + 236
	)
	for name, c := range map[string]struct {
		at    int
		value byte
	}{
		"ARP":              {ethertype + 1, 6},
		"IPv6":             {version, 0x65},
		"more fragments":   {fragment, 0x20},
		"later fragment":   {fragment + 1, 1},
		"TCP":              {protocol, 6},
		"from port 69":     {message - 7, 69},
		"to port 68":       {message - 5, 68},
		"a reply":          {message, 2},
		"not Ethernet":     {message + 1, 6},
		"long MAC address": {message + 2, 16},
		"no magic cookie":  {magic, 0},
	} {
		t.Run(name, func(t *testing.T) {
			cloud := newCloud()
			frame := wellFormedDiscover(t)
			frame[c.at] = c.value
			if reply := cloud.ask(frame); len(reply.Packets) != 0 {
				t.Errorf("answered: %s", reply.Observed)
			}
		})
	}
	for name, o := range map[string]layers.DHCPOption{
		"short message type":     opt(layers.DHCPOptMessageType),
		"short requested":        opt(layers.DHCPOptRequestIP, 10, 0, 0),
		"IPv6 requested":         opt(layers.DHCPOptRequestIP, make([]byte, 16)...),
		"long server identifier": opt(layers.DHCPOptServerID, 10, 0, 0, 2, 5),
		"short client id":        opt(layers.DHCPOptClientID, 1),
		"empty parameter list":   {Type: layers.DHCPOptParamsRequest},
		"long maximal size":      opt(layers.DHCPOptMaxMessageSize, 1, 2, 3),
	} {
		t.Run(name, func(t *testing.T) {
			if h, observed := newCloud().answerOf(t, discoverWith(o)); h != nil {
				t.Errorf("answered: %s", observed)
			}
		})
	}
}

func discoverWith(o ...layers.DHCPOption) message { return message{kind: discover, options: o} }

func wellFormedDiscover(t testing.TB) []byte { return discoverWith().frame(t) }
