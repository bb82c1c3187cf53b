package flow

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
)

func frame(t testing.TB, parts ...string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(strings.Join(parts, ""), " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	someMACs  = "fa163e000002 fa163e000001"
	someARP   = "0806 0001 0800 06 04 0001 fa163e000001 0a000001 000000000000 0a000002"
	someIPv4  = "4500 0020 0001 0000 40 11 0000 0a000001 0a000002"
	someUDP   = "0044 0043 000c 0000 01020304"
	someMore  = "000000000000"
	someFirst = "4500 0020 0001 2000 40 11 0000 0a000001 0a000002" // a first fragment
	someLater = "4500 0020 0001 0001 40 11 0000 0a000001 0a000002" // a later one
)

func TestParsePacket(t *testing.T) {
	macs := Match{{EthDst, 0xfa163e000002, 0}, {EthSrc, 0xfa163e000001, 0}}
	ipv4 := append(slices.Clone(macs), FieldMatch{EthType, etherIPv4, 0}, FieldMatch{IPProto, 17, 0}, FieldMatch{IPv4Src, 0x0a000001, 0},
		FieldMatch{IPv4Dst, 0x0a000002, 0}, FieldMatch{IPTTL, 64, 0})
	for name, tt := range map[string]struct {
		frame []byte
		want  Match
	}{
		"ARP": {frame(t, someMACs, someARP), append(slices.Clone(macs), FieldMatch{EthType, etherARP, 0}, FieldMatch{ARPOp, 1, 0},
			FieldMatch{ARPSHA, 0xfa163e000001, 0}, FieldMatch{ARPSPA, 0x0a000001, 0}, FieldMatch{ARPTPA, 0x0a000002, 0})},
		"ARP cut short":         {frame(t, someMACs, someARP)[:41], append(slices.Clone(macs), FieldMatch{EthType, etherARP, 0})},
		"ARP of other hardware": {frame(t, someMACs, "0806 0006 0800 06 04 0001 fa163e000001 0a000001 000000000000 0a000002"), append(slices.Clone(macs), FieldMatch{EthType, etherARP, 0})},
		"UDP":                   {frame(t, someMACs, "0800", someIPv4, someUDP, someMore), append(slices.Clone(ipv4), FieldMatch{UDPSrc, 68, 0}, FieldMatch{UDPDst, 67, 0})},
		"marked":                {frame(t, someMACs, "0800", "45b9 0014 0001 0000 40 11 0000 0a000001 0a000002"), append(slices.Clone(ipv4), FieldMatch{IPDSCP, 46, 0})},
		"tagged UDP": {frame(t, someMACs, "8100 6005 0800", someIPv4, someUDP), append(slices.Clone(ipv4), FieldMatch{UDPSrc, 68, 0}, FieldMatch{UDPDst, 67, 0},
			FieldMatch{VLANVID, 0x1005, 0}, FieldMatch{VLANPCP, 3, 0})},
		"two tags":             {frame(t, someMACs, "88a8 0005 8100 0006 0800", someIPv4), append(slices.Clone(macs), FieldMatch{VLANVID, 0x1005, 0}, FieldMatch{EthType, 0x8100, 0})},
		"tag cut short":        {frame(t, someMACs, "8100 0005"), append(slices.Clone(macs), FieldMatch{EthType, 0x8100, 0})},
		"first fragment":       {frame(t, someMACs, "0800", someFirst, someUDP), append(slices.Clone(ipv4), FieldMatch{IPFrag, FragAny, 0})},
		"later fragment":       {frame(t, someMACs, "0800", someLater, someUDP), append(slices.Clone(ipv4), FieldMatch{IPFrag, FragAny | FragLater, 0})},
		"IPv4 cut short":       {frame(t, someMACs, "0800", someIPv4)[:33], append(slices.Clone(macs), FieldMatch{EthType, etherIPv4, 0})},
		"IPv4 longer than all": {frame(t, someMACs, "0800", someIPv4, someUDP)[:45], append(slices.Clone(macs), FieldMatch{EthType, etherIPv4, 0})},
		"SNAP":                 {frame(t, someMACs, "0030 aaaa03000000 88cc 00"), append(slices.Clone(macs), FieldMatch{EthType, 0x88cc, 0})},
		"802.3":                {frame(t, someMACs, "0030 424203"), append(slices.Clone(macs), FieldMatch{EthType, 0x05ff, 0})},
	} {
		p, ok := parse(tt.frame)
		var want [fieldEnd]uint64
		for _, f := range tt.want {
			want[f.Field] = f.Value
		}
		if !ok || p.values != want {
			t.Errorf("%s: %v\nwant %v", name, p.values, want)
		}
	}
	if _, ok := parse(make([]byte, 13)); ok {
		t.Error("13 bytes are a frame")
	}
}

// checksums tells whether the checksums of an IPv4 frame are right; a checksum of 0 in UDP is.
func checksums(b []byte) bool {
	p, ok := parse(b)
	start := p.starts[headerIPv4]
	if !ok || start == 0 {
		return true
	}
	ip := b[start:]
	length, total := int(ip[0]&0xf)*4, int(binary.BigEndian.Uint16(ip[2:]))
	l4 := ip[length:total]
	if sum16(ip[:length]) != 0xffff {
		return false
	}
	switch ip[9] {
	case protoUDP:
		return binary.BigEndian.Uint16(l4[6:]) == 0 || sum16(pseudoHeader(ip, len(l4)), l4) == 0xffff
	case protoTCP:
		return sum16(pseudoHeader(ip, len(l4)), l4) == 0xffff
	case protoICMP:
		return sum16(l4) == 0xffff
	}
	return true
}

// After any rewriting the frame says what matches see, and its checksums are right.
func TestRewrite(t *testing.T) {
	for seed := range 4000 {
		d := drawSeed(seed)
		d.narrow = d.chance(50)
		original := d.packet()
		if !checksums(original) {
			t.Fatalf("test packet %x has bad checksums", original)
		}
		before := slices.Clone(original)
		p, _ := parse(original)
		p.values[Metadata] = d.bits()
		for range d.int(1, 10) {
			f := Field(d.int(1, int(fieldEnd)-1))
			switch d.int(0, 5) {
			case 0:
				p.pushVLAN()
			case 1:
				p.popVLAN()
			case 2:
				if to := Field(d.int(1, int(fieldEnd)-1)); to.writable() {
					p.move(Move{f, to, d.int(1, min(f.moveBits(), to.moveBits()))})
				}
			default:
				if f.writable() {
					p.set(f, d.value(f), d.mask(f))
				}
			}
		}
		if p.values[ARPOp] > 0xff || p.values[EthType] == etherRARP {
			continue // what tables see is not what the frame says
		}
		again, ok := parse(p.frame)
		if !ok {
			t.Fatalf("%x", p.frame)
		}
		if again.tags == p.tags { // else the second tag hides the rest from a new switch
			for _, f := range []Field{InPort, Metadata, Reg0, Reg1, Reg2, Reg3, TunnelID, TunnelSrc, TunnelDst} {
				again.values[f] = p.values[f]
			}
			if again.values != p.values {
				t.Fatalf("%x\nsays %v\nwant %v", p.frame, again.values, p.values)
			}
		}
		if !checksums(p.frame) {
			t.Fatalf("checksums of %x, was %x", p.frame, original)
		}
		if !bytes.Equal(original, before) {
			t.Fatalf("the packet that came in was changed from %x to %x", before, original)
		}
	}
}

func TestRewriteFragments(t *testing.T) {
	for name, want := range map[string]bool{someFirst: true, someLater: false} {
		b := frame(t, someMACs, "0800", name, "0044 0043 000c 1111 01020304")
		p, _ := parse(b)
		p.set(IPv4Dst, 0x0a0000ff, 0xffffffff)
		p.set(UDPDst, 99, 0xffff)
		if changed := !bytes.Equal(p.frame[34:], b[34:]); changed != want || p.values[UDPDst] != 0 {
			t.Errorf("%s: payload changed %v, want %v", name, changed, want)
		}
	}
}

// Any bytes, on any way through a switch that does everything.
func FuzzExecute(f *testing.F) {
	d := drawSeed(1)
	d.narrow = true
	s := NewSwitch(SwitchConfig{})
	if refused := s.Apply(d.world(400).changes()); refused != nil {
		f.Fatal(refused)
	}
	for range 20 {
		f.Add(d.packet(), uint32(1), uint64(0))
	}
	f.Add(frame(f, someMACs, "0800", someFirst, someUDP), uint32(2), uint64(1))
	f.Add(frame(f, someMACs, "8100 0005 0806"), PortLocal, uint64(1))
	f.Add([]byte{1}, uint32(2), uint64(1))
	f.Fuzz(func(t *testing.T, b []byte, port uint32, tunnel uint64) {
		before := slices.Clone(b)
		r, err := s.Execute(Input{Frame: b, InPort: port, Tunnel: Tunnel{ID: tunnel}})
		if !bytes.Equal(b, before) {
			t.Fatal("the frame was changed")
		}
		if err != nil && len(r.Emissions) > 0 {
			t.Fatal("emissions beside an error")
		}
		for _, e := range r.Emissions {
			if len(e.Frame) < etherLen || len(e.Frame) > len(b)+maxTags*tagLen {
				t.Fatalf("%x became %x", b, e.Frame)
			}
		}
	})
}
