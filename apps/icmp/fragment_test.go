package icmp

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"pgregory.net/rapid"
)

// Fragments fit, and the receiver gets the packet back.
func TestFragments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		original := sent{src: fixed, dst: outside, id: rapid.Uint16().Draw(t, "id"),
			payload: rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(t, "payload")}
		if rapid.Bool().Draw(t, "fragment") {
			original.offset = rapid.Uint16Range(0, 7000).Draw(t, "offset")
			original.flags = layers.IPv4Flag(rapid.SampledFrom([]int{0, 1}).Draw(t, "more"))
			if n := len(original.payload); original.flags != 0 {
				original.payload = original.payload[:n&^7]
			}
		}
		var kept []layers.IPv4Option
		for range rapid.IntRange(0, 4).Draw(t, "options") {
			kind := rapid.SampledFrom([]uint8{1, 7, 0x82, 0x83}).Draw(t, "kind")
			o := layers.IPv4Option{OptionType: kind, OptionLength: 1}
			if kind != 1 {
				o.OptionData = rapid.SliceOfN(rapid.Byte(), 1, 6).Draw(t, "option")
				o.OptionLength = uint8(len(o.OptionData) + 2)
			}
			original.options = append(original.options, o)
			if kind&0x80 != 0 {
				kept = append(kept, o)
			}
		}
		mtu := rapid.IntRange(68, 1500).Draw(t, "mtu")
		p := original.packet(t)
		before := bytes.Clone(p.frame)
		frames, err := p.fragments(mtu)
		check(t, err)
		if !bytes.Equal(p.frame, before) {
			t.Fatal("the packet was changed")
		}
		var whole []byte
		for i, frame := range frames {
			var ip layers.IPv4
			check(t, ip.DecodeFromBytes(frame[ethernetHeader:], gopacket.NilDecodeFeedback))
			if sum(ip.Contents) != 0xffff {
				t.Fatalf("fragment %d: wrong checksum", i)
			}
			if int(ip.Length) > mtu || int(ip.Length) != len(frame)-ethernetHeader || !bytes.Equal(frame[:ethernetHeader], p.frame[:ethernetHeader]) {
				t.Fatalf("fragment %d of %d bytes, MTU %d: %x", i, ip.Length, mtu, frame)
			}
			if int(ip.FragOffset-original.offset)*8 != len(whole) {
				t.Fatalf("fragment %d at %d, but %d bytes are before it", i, ip.FragOffset, len(whole))
			}
			last := i == len(frames)-1
			if more := ip.Flags&layers.IPv4MoreFragments != 0; more == last && !(last && original.flags != 0) {
				t.Fatalf("fragment %d of %d: more is %t", i, len(frames), more)
			}
			want := kept
			if i == 0 {
				want = original.options
			}
			got := slices.DeleteFunc(slices.Clone(ip.Options), func(o layers.IPv4Option) bool { return o.OptionType <= 1 })
			want = slices.DeleteFunc(slices.Clone(want), func(o layers.IPv4Option) bool { return o.OptionType <= 1 })
			if !slices.EqualFunc(got, want, func(a, b layers.IPv4Option) bool {
				return a.OptionType == b.OptionType && bytes.Equal(a.OptionData, b.OptionData)
			}) {
				t.Fatalf("fragment %d has options %v, not %v", i, got, want)
			}
			if ip.Id != original.id || ip.TTL != p.IP.TTL || ip.Protocol != p.IP.Protocol || address(ip.SrcIP) != fixed || address(ip.DstIP) != outside {
				t.Fatalf("fragment %d: %+v", i, ip)
			}
			whole = append(whole, ip.Payload...)
		}
		if !bytes.Equal(whole, p.IP.Payload) {
			t.Fatalf("%d bytes became %d", len(p.IP.Payload), len(whole))
		}
	})
}

func TestNoRoomForFragments(t *testing.T) {
	p := sent{src: fixed, dst: outside, payload: make([]byte, 100)}.packet(t)
	if frames, err := p.fragments(27); err != nil || len(frames) != 0 {
		t.Errorf("%d fragments of 27 bytes, %v", len(frames), err)
	}
	late := sent{src: fixed, dst: outside, offset: 0x1fff, payload: make([]byte, 1400)}.packet(t)
	if frames, err := late.fragments(600); err == nil {
		t.Errorf("%d fragments behind the end", len(frames))
	}
}
