package oxm

import (
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"github.com/planck-sdn/planck/model/flow"
)

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParse(t *testing.T) {
	for s, want := range map[string]flow.FieldMatch{
		"800000040000000a":         flow.Exact(flow.InPort, 10),
		"80000c021005":             flow.Exact(flow.VLANVID, 0x1005),
		"80000d0410001000":         flow.Masked(flow.VLANVID, 0x1000, 0x1000),
		"800017080a0000ffff000000": flow.Masked(flow.IPv4Src, 0x0a000000, 0xff000000), // bits outside the mask
		"800017080a0000ffffffffff": flow.Exact(flow.IPv4Src, 0x0a0000ff),              // a mask of all ones
		"00013a0140":               flow.Exact(flow.IPTTL, 0x40),
		"800010012e":               flow.Exact(flow.IPDSCP, 46),
		"000135020303":             flow.Exact(flow.IPFrag, flow.FragAny|flow.FragLater), // as Open vSwitch tells of nw_frag=later
		"0001340103":               flow.Exact(flow.IPFrag, flow.FragAny|flow.FragLater),
		"0001d3080000002000000030": flow.Masked(flow.CTState, flow.CTTracked, flow.CTTracked|flow.CTInvalid),
		"00014a0400000007":         flow.Exact(flow.ConjunctionID, 7),
		"0001ee0106":               flow.Exact(flow.CTProto, 6),
		"0001f1080a000000ffffff00": flow.Masked(flow.CTSrc, 0x0a000000, 0xffffff00),
		"0001f2040a000001":         flow.Exact(flow.CTDst, 0x0a000001),
		"0001f8020001":             flow.Exact(flow.CTSrcPort, 1),
		"0001fb041f90fff0":         flow.Masked(flow.CTDstPort, 0x1f90, 0xfff0),
		"0001050800000006ffff0002": flow.Masked(flow.Reg2, 2, 0xffff0002),
		"00000206020000000001":     flow.Exact(flow.EthDst, 0x020000000001), // NXM_OF_ETH_DST
		"00012008000000000000004d": flow.Exact(flow.TunnelID, 77),           // NXM_NX_TUN_ID
	} {
		b := unhex(t, s)
		got, n, err := Parse(append(b, 0xee))
		if err != nil || got != want || n != len(b) {
			t.Errorf("%s: %+v, %d octets, %v", s, got, n, err)
		}
	}
	for s, want := range map[string]error{
		"":                         ErrShort,
		"800000":                   ErrShort,
		"80000004000000":           ErrShort,
		"0001d70800000001000000":   ErrShort,
		"0001d5040000000000":       ErrUnknown, // NXM_NX_CT_ZONE, masked
		"ffff00080000232000000001": ErrUnknown,
	} {
		if _, _, err := Parse(unhex(t, s)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", s, err, want)
		}
	}
	for _, s := range []string{"80000005000000000a", "80000c0110", "80000d021000"} { // lengths that are not the field's
		if _, _, err := Parse(unhex(t, s)); err == nil {
			t.Errorf("%s is taken", s)
		}
	}
}

func TestFieldsAreSortedAndUnique(t *testing.T) {
	m, err := ParseFields(nil, unhex(t, "80000a020800"+"8000000400000001"+"800017080000000000000000"+"00013a0140"))
	want := flow.Match{flow.Exact(flow.InPort, 1), flow.Exact(flow.EthType, 0x800), flow.Exact(flow.IPTTL, 0x40)}
	if err != nil || !slices.Equal(m, want) {
		t.Errorf("%+v %v", m, err)
	}
	if _, err := ParseFields(nil, unhex(t, "80000a020800"+"80000a020806")); !errors.Is(err, ErrDuplicate) {
		t.Error(err)
	}
}

func TestHeaders(t *testing.T) {
	for f := flow.InPort; ; f++ {
		if _, ok := f.Info(); !ok {
			break
		}
		if got, err := FieldByHeader(Header(f)); err != nil || got != f {
			t.Errorf("%v: %v %v", f, got, err)
		}
	}
	for _, h := range []uint32{0, Header(flow.InPort) | 0x100, Header(flow.InPort) + 1, 0x00010804} {
		if f, err := FieldByHeader(h); !errors.Is(err, ErrUnknown) {
			t.Errorf("%#x is %v, %v", h, f, err)
		}
	}
}

// FuzzMatch: what can be parsed is the same after being written and parsed again.
func FuzzMatch(f *testing.F) {
	f.Add(AppendMatch(nil, flow.Match{flow.Exact(flow.InPort, 1), flow.Masked(flow.EthDst, 1<<40, 1<<40), flow.Exact(flow.TunnelSrc, 5)}))
	f.Add(AppendMatch(nil, flow.Match{flow.Exact(flow.Reg0, 1), flow.Masked(flow.Reg2, 2, 6)}))
	f.Add(AppendRawMatch(nil, "\x00\x01\xd5\x04\x00\x00\x00\x01"))
	f.Add([]byte{0, 1, 0, 4, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		fields, _, err := SplitMatch(b)
		if err != nil {
			return
		}
		m, err := ParseFields(nil, fields)
		if err != nil {
			return
		}
		fields, rest, err := SplitMatch(AppendMatch(nil, m))
		if err != nil || len(rest) > 0 {
			t.Fatalf("%d octets left, %v", len(rest), err)
		}
		if again, err := ParseFields(nil, fields); err != nil || !slices.Equal(again, m) {
			t.Errorf("%+v became %+v, %v", m, again, err)
		}
	})
}
