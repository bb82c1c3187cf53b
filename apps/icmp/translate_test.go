package icmp

import (
	"bytes"
	"testing"

	"github.com/google/gopacket/layers"
	"pgregory.net/rapid"
)

// random draws a packet between two addresses.
func random(t *rapid.T) sent {
	return sent{
		protocol: rapid.SampledFrom([]layers.IPProtocol{layers.IPProtocolUDP, layers.IPProtocolTCP, layers.IPProtocolSCTP}).Draw(t, "protocol"),
		offset:   rapid.SampledFrom([]uint16{0, 0, 0, 5}).Draw(t, "offset"),
		id:       rapid.Uint16().Draw(t, "id"),
		payload:  rapid.SliceOfN(rapid.Byte(), 0, 700).Draw(t, "payload"),
		noSum:    rapid.IntRange(0, 4).Draw(t, "sum") == 0,
	}
}

// quote is the error about a packet, of which n bytes or less are quoted.
func quote(t rapid.TB, about sent, from, to string, n int) []byte {
	p := about.packet(t)
	q := p.packet()
	q = q[:min(n, len(q))]
	message := append([]byte{3, 3, 0, 0, 0, 0, 0, 0}, q...)
	c := ^sum(message)
	message[2], message[3] = byte(c>>8), byte(c)
	return sent{src: addr(from), dst: addr(to), protocol: layers.IPProtocolICMPv4, payload: message}.frame(t)
}

// A rewritten error is, byte by byte, what it would be if the floating IP had never been there.
func TestRewrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(28, 600).Draw(t, "quoted")
		before, after := random(t), sent{}
		after = before
		before.src, before.dst = floating, outside
		after.src, after.dst = fixed, outside
		equal(t, n, before, quote(t, before, "198.51.100.1", floating.String(), n), quote(t, after, "198.51.100.1", fixed.String(), n), true)

		before.src, before.dst = outside, fixed
		after.src, after.dst = outside, floating
		equal(t, n, before, quote(t, before, fixed.String(), outside.String(), n), quote(t, after, floating.String(), outside.String(), n), false)
	})
}

func equal(t *rapid.T, n int, before sent, frame, want []byte, inward bool) {
	t.Helper()
	if before.protocol == layers.IPProtocolTCP && n == 37 { // half a checksum cannot be adjusted
		return
	}
	if before.offset != 0 { // the payload is no transport header there, although the test makes one: its checksum stays
		return
	}
	p, err := Parse(frame)
	check(t, err)
	was := bytes.Clone(frame)
	got, ok := p.ToFloating(fixed, floating)
	if inward {
		got, ok = p.ToFixed(floating, fixed)
	}
	if !bytes.Equal(frame, was) {
		t.Fatal("the packet was changed")
	}
	if !ok || !bytes.Equal(got, want) {
		t.Fatalf("%x\nwas rewritten to\n%x, not to\n%x", frame, got, want)
	}
	read(t, got)
}

// A quoted fragment that is not the first has no transport header.
func TestRewriteFragment(t *testing.T) {
	about := sent{src: floating, dst: outside, offset: 5, payload: []byte("some payload")}
	frame := quote(t, about, "198.51.100.1", floating.String(), 548)
	p, err := Parse(frame)
	check(t, err)
	got, ok := p.ToFixed(floating, fixed)
	if !ok {
		t.Fatal("not rewritten")
	}
	_, message := read(t, got)
	original := about.packet(t)
	if !bytes.Equal(message.Payload[20:], original.IP.Payload) {
		t.Errorf("payload became %x", message.Payload[20:])
	}
	if sum(message.Payload[:20]) != 0xffff || address(message.Payload[12:16]) != fixed {
		t.Errorf("quoted header %x", message.Payload[:20])
	}
}

// What is behind the quoted packet is no part of it (RFC 4884).
func TestRewriteExtension(t *testing.T) {
	about := sent{src: floating, dst: outside, protocol: layers.IPProtocolTCP}
	p := about.packet(t)
	short := bytes.Clone(p.packet()[:32]) // 12 bytes of TCP, says the header
	short[3] = 32
	message := append([]byte{11, 0, 0, 0, 0, 8, 0, 0}, short...)
	message = append(message, bytes.Repeat([]byte{0x5a}, 40)...)
	q, err := Parse(sent{src: outside, dst: floating, protocol: layers.IPProtocolICMPv4, payload: message}.frame(t))
	check(t, err)
	got, ok := q.ToFixed(floating, fixed)
	if !ok || !bytes.Equal(got[len(got)-40:], message[len(message)-40:]) {
		t.Errorf("%t, %x", ok, got)
	}
}

func TestNotRewritten(t *testing.T) {
	stranger := sent{src: addr("203.0.113.78"), dst: outside}
	for name, frame := range map[string][]byte{
		"quotes another sender": quote(t, stranger, "198.51.100.1", floating.String(), 548),
		"for somebody else":     quote(t, sent{src: floating, dst: outside}, "198.51.100.1", "203.0.113.78", 548),
		"quotes half a header":  quote(t, sent{src: floating, dst: outside}, "198.51.100.1", floating.String(), 19),
	} {
		p, err := Parse(frame)
		check(t, err)
		if got, ok := p.ToFixed(floating, fixed); ok {
			t.Errorf("%s: %x", name, got)
		}
	}
	p, err := Parse(quote(t, sent{src: outside, dst: addr("192.168.0.1")}, fixed.String(), outside.String(), 548))
	check(t, err)
	if got, ok := p.ToFloating(fixed, floating); !ok || address(got[ethernetHeader+20+8+16:][:4]) != addr("192.168.0.1") {
		t.Errorf("an error of a VM that routes: %t, %x", ok, got)
	}
}

func FuzzPacket(f *testing.F) {
	f.Add(quote(f, sent{src: floating, dst: outside}, "198.51.100.1", floating.String(), 548), 600)
	f.Add(quote(f, sent{src: outside, dst: fixed, protocol: layers.IPProtocolTCP}, fixed.String(), outside.String(), 28), 68)
	f.Add(sent{src: fixed, dst: outside, payload: make([]byte, 1000), options: []layers.IPv4Option{{OptionType: 0x83, OptionLength: 3, OptionData: []byte{4}}, {OptionType: 1, OptionLength: 1}}}.frame(f), 300)
	f.Fuzz(func(t *testing.T, frame []byte, mtu int) {
		before := bytes.Clone(frame)
		defer func() {
			if !bytes.Equal(before, frame) {
				t.Error("the packet was changed")
			}
		}()
		p, err := Parse(frame)
		if err != nil {
			return
		}
		p.mayReport()
		message, err := p.report(routerMAC, fixed, 64, TimeExceeded, 0)
		check(t, err)
		read(t, message)
		frames, _ := p.fragments(mtu)
		for _, f := range frames {
			if _, err := Parse(f); err != nil || len(f)-ethernetHeader > mtu {
				t.Errorf("fragment of %d bytes: %x, %v", mtu, f, err)
			}
		}
		for _, there := range []bool{false, true} {
			got, ok := p.ToFloating(p.Src, floating)
			if there {
				got, ok = p.ToFixed(p.Dst, fixed)
			}
			if q, err := Parse(got); ok && (err != nil || len(got) != len(p.frame) || q.IP.TTL != p.IP.TTL) {
				t.Errorf("became %x, %v", got, err)
			}
		}
		for _, field := range []int{source, destination} {
			q := p.translated(field, floating)
			back := q.translated(field, address(p.packet()[field:field+4]))
			if len(back.frame) != len(p.frame) {
				t.Errorf("became %x", back.frame)
			}
		}
	})
}
