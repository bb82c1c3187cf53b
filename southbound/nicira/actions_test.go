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
		"ffff00180000232000070207000002060000000000000003":                                      flow.SetField{Field: flow.EthDst, Value: 3 << 8, Mask: 0xff00},
		"ffff001800002320000600200000000080002c0480002e04":                                      flow.Move{From: flow.ARPSPA, To: flow.ARPTPA, Bits: 32},
		"ffff001800002320002180001b040100ff00000000000000":                                      flow.SetField{Field: flow.TCPSrc, Value: 0x0100, Mask: 0xff00},
		"ffff001000002320000efff805000000":                                                      flow.Resubmit{Table: 5},
		"ffff00180000232000250000000000000005000800000006":                                      flow.Punt{MaxLen: 0xffff, Meter: 6},
		"ffff002800002320002500000000000000000006004000000002000501000000" + "0005000800000006": flow.Punt{MaxLen: 64, Meter: 6},
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
		"move between registers":       "ffff00180000232000060020000000000001000400010204",
		"load to a register":           "ffff001800002320000700070001000400000000000000ff",
		"load2 to a register":          "ffff0018000023200021000100040000000500000000" + "0000",
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

// FuzzAction: what can be decoded is the same after being written and decoded again.
func FuzzAction(f *testing.F) {
	for _, b := range [][]byte{
		AppendMove(nil, flow.Move{From: flow.EthSrc, To: flow.EthDst, Bits: 48}),
		AppendLoad(nil, flow.SetField{Field: flow.Metadata, Value: 1, Mask: 0xff}),
		AppendResubmit(nil, flow.Resubmit{Table: 7}),
		AppendController(nil, flow.Punt{MaxLen: 64, Meter: 9}),
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
		default:
			t.Fatalf("decoded as %T", a)
		}
		if again, err := DecodeAction(b); err != nil || again != a {
			t.Errorf("%+v became %+v, %v", a, again, err)
		}
	})
}
