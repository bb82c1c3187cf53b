package nicira

import (
	"encoding/hex"
	"errors"
	"testing"

	"github.com/planck-sdn/planck/model/flow"
)

// TestDecode reads actions as Open vSwitch 3.1 writes them.
func TestDecode(t *testing.T) {
	for s, want := range map[string]flow.Action{
		"ffff00180000232000070207000002060000000000000003":                                                      flow.SetField{Field: flow.EthDst, Value: 3 << 8, Mask: 0xff00},
		"ffff001800002320000600200000000080002c0480002e04":                                                      flow.Move{From: flow.ARPSPA, To: flow.ARPTPA, Bits: 32},
		"ffff001800002320002180001b040100ff00000000000000":                                                      flow.SetField{Field: flow.TCPSrc, Value: 0x0100, Mask: 0xff00},
		"ffff001000002320000efff805000000":                                                                      flow.Resubmit{Table: 5},
		"ffff00180000232000250000000000000005000800000006":                                                      flow.Punt{MaxLen: 0xffff, Meter: 6},
		"ffff002800002320002500000000000000000006004000000002000501000000" + "0005000800000006":                 flow.Punt{MaxLen: 64, Meter: 6},
		"ffff00300000232000230001000000000005070000000000" + "ffff00180000232000240000000100010a00000100000000": flow.Conntrack{Zone: 5, Commit: true, NAT: flow.NATSource, Addr: 0x0a000001, Next: 7},
		"ffff00280000232000230000000000000005070000000000" + "ffff0010000023200024000000000000":                 flow.Conntrack{Zone: 5, NAT: flow.NATKnown, Next: 7},
		"ffff00180000232000230001000000000000fe0000000000":                                                      flow.Conntrack{Commit: true, Next: 254},
		"ffff001800002320002300008000040800" + "0f220000000000":                                                 flow.Conntrack{ZoneFrom: flow.Metadata, Next: 34},
		"ffff00180000232000230001000106040" + "00fff0000000000":                                                 flow.Conntrack{ZoneFrom: flow.Reg3, Commit: true, Next: flow.NoTable},
		"ffff00180000232000230001000000000001ff0000000000":                                                      flow.Conntrack{Zone: 1, Commit: true, Next: flow.NoTable},
		"ffff001000002320002200020000" + "0007":                                                                 flow.Conjunction{ID: 7, Clause: 1, Clauses: 2},
		"ffff0010000023200022" + "3f40ffffffff":                                                                 flow.Conjunction{ID: 0xffffffff, Clause: 64, Clauses: 64},
		"ffff001800002320003105ea000000010404000000000000":                                                      flow.CheckLarger{Bytes: 1514, To: flow.Reg2},
		"ffff00180000232000310001003f80000408000000000000":                                                      flow.CheckLarger{Bytes: 1, To: flow.Metadata, Bit: 63},
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		if !IsAction(b) {
			t.Errorf("%s is not taken for Nicira's", s)
		}
		if got, err := DecodeAction(b); err != nil || got != want {
			t.Errorf("%s: %+v %v", s, got, err)
		}
	}
}

func TestDecodeUnknown(t *testing.T) {
	for name, s := range map[string]string{
		"resubmit to another port":     "ffff001000002320000e000105000000",
		"resubmit of an older kind":    "ffff0010000023200001000105000000",
		"move from bit 8":              "ffff001800002320000600080008000080002c0480002e04",
		"move between other registers": "ffff00180000232000060020000000000001080400010204",
		"load to another register":     "ffff001800002320000700070001080400000000000000ff",
		"load2 to another register":    "ffff0018000023200021000108040000000500000000" + "0000",
		"ct that forces":               "ffff0018000023200023000300000000000107" + "0000000000",
		"ct with a zone from bit 16":   "ffff0018000023200023000180000408040f09" + "0000000000",
		"ct with a zone of 15 bits":    "ffff0018000023200023000180000408000e09" + "0000000000",
		"ct with a zone from reg4":     "ffff0018000023200023000100010804000f09" + "0000000000",
		"ct with a helper":             "ffff0018000023200023000100000000000107" + "0000000015",
		"ct with a mark":               "ffff0028000023200023000100000000000107" + "0000000000" + "001900100001d6040000000100000000",
		"ct with nat(dst)":             "ffff00300000232000230001000000000005070000000000" + "ffff00180000232000240000000200010a00000100000000",
		"ct with nat to a range":       "ffff00300000232000230001000000000005070000000000" + "ffff00180000232000240000000100030a0000010a000009",
		"ct with nat to no address":    "ffff00280000232000230001000000000005070000000000" + "ffff0010000023200024000000010000",
		"ct with two nats":             "ffff00380000232000230001000000000005070000000000" + "ffff0010000023200024000000000000" + "ffff0010000023200024000000000000",
		"larger into another register": "ffff001800002320003105ea000000010804000000000000",
		"controller with userdata":     "ffff001800002320002500000000000000030006" + "01020000",
		"controller with other reason": "ffff001800002320002500000000000000020008" + "00000000",
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		if a, err := DecodeAction(b); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %+v %v", name, a, err)
		}
	}
}

func TestDecodeMalformed(t *testing.T) {
	for name, s := range map[string]string{
		"move cut short":            "ffff0010000023200006002000000000",
		"move of too many bits":     "ffff001800002320000600210000000080002c0480002e04",
		"move of no bits":           "ffff001800002320000600000000000080002c0480002e04",
		"load beyond the field":     "ffff00180000232000070a08000002060000000000000003",
		"load2 of no bit":           "ffff001800002320002180001b0400000000000000000000",
		"ct with a zone of 12 bits": "ffff001800002320002300018000" + "0c02000f09" + "0000000000",
		"conjunction cut short":     "ffff00080000232000" + "22",
		"conjunction of clause 3/2": "ffff0010000023200022" + "020200000007",
		"ct cut short":              "ffff0010000023200023000100000000",
		"nat cut short":             "ffff00280000232000230001000000000005070000000000" + "ffff0010000023200024000000010001",
		"larger beyond the field":   "ffff001800002320003105ea002000010404000000000000",
		"larger cut short":          "ffff00100000232000310001003f8000",
		"load2 cut short":           "ffff0010000023200021800006060200",
		"property longer than rest": "ffff001800002320002500000000000000050010" + "00000006",
		"property without length":   "ffff001800002320002500000000000000050000" + "00000006",
	} {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		if a, err := DecodeAction(b); !errors.Is(err, errMalformed) {
			t.Errorf("%s: %+v %v", name, a, err)
		}
	}
}

// conntrack is the wire form of an action that has one.
func conntrack(a flow.Conntrack) []byte {
	b, err := AppendConntrack(nil, a)
	if err != nil {
		panic(err)
	}
	return b
}

func TestNoSuchTranslation(t *testing.T) {
	if b, err := AppendConntrack(nil, flow.Conntrack{NAT: 9}); err == nil {
		t.Errorf("%x", b)
	}
}

func TestInPort(t *testing.T) {
	for port, want := range map[uint32]string{0: "000000020000", 7: "000000020007", flow.PortController: "00000002fffd"} {
		b, err := AppendInPort(nil, port)
		if got, ok := ParseInPort(b); err != nil || hex.EncodeToString(b) != want || !ok || got != port {
			t.Errorf("%d is %x, %v, and read as %d", port, b, err, got)
		}
	}
	for _, port := range []uint32{0xff00, 0x10000, 0xfffffeff} {
		if b, err := AppendInPort(nil, port); err == nil {
			t.Errorf("%#x is %x", port, b)
		}
	}
	for _, b := range []string{"", "\x00\x00\x00\x02\x00", "\x80\x00\x00\x04\x00\x00\x00\x00"} {
		if port, ok := ParseInPort([]byte(b)); ok {
			t.Errorf("%x is port %d", b, port)
		}
	}
}

// FuzzAction: what can be decoded is the same after being written and decoded again.
func FuzzAction(f *testing.F) {
	for _, b := range [][]byte{
		AppendMove(nil, flow.Move{From: flow.EthSrc, To: flow.EthDst, Bits: 48}),
		AppendLoad(nil, flow.SetField{Field: flow.Metadata, Value: 1, Mask: 0xff}),
		AppendResubmit(nil, flow.Resubmit{Table: 7}),
		AppendController(nil, flow.Punt{MaxLen: 64, Meter: 9}),
		AppendCheckLarger(nil, flow.CheckLarger{Bytes: 1514, To: flow.Reg2}),
		conntrack(flow.Conntrack{Zone: 5, Commit: true, NAT: flow.NATSource, Addr: 0x0a000001, Next: 7}),
		conntrack(flow.Conntrack{Zone: 5, NAT: flow.NATKnown, Next: 7}),
		conntrack(flow.Conntrack{ZoneFrom: flow.Metadata, Commit: true, Next: flow.NoTable}),
		AppendConjunction(nil, flow.Conjunction{ID: 7, Clause: 1, Clauses: 2}),
	} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if !IsAction(b) {
			return
		}
		a, err := DecodeAction(b)
		if err != nil {
			return
		}
		switch x := a.(type) {
		case flow.Move:
			b = AppendMove(nil, x)
		case flow.SetField:
			b = AppendLoad(nil, x)
		case flow.Resubmit:
			b = AppendResubmit(nil, x)
		case flow.Punt:
			b = AppendController(nil, x)
		case flow.CheckLarger:
			b = AppendCheckLarger(nil, x)
		case flow.Conntrack:
			b = conntrack(x)
		case flow.Conjunction:
			b = AppendConjunction(nil, x)
		default:
			t.Fatalf("decoded as %T", a)
		}
		if again, err := DecodeAction(b); err != nil || again != a {
			t.Errorf("%+v became %+v, %v", a, again, err)
		}
	})
}
