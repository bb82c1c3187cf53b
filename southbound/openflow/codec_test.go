package openflow

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/model/flow"
)

// TestBytes holds messages against octets written down from the specification and from Open vSwitch's
// ofp-actions.c.
func TestBytes(t *testing.T) {
	ones := func(f flow.Field) uint64 { return f.AllOnes() }
	for name, c := range map[string]struct {
		encode func() ([]byte, error)
		want   string
	}{
		"flow-mod": {
			func() ([]byte, error) {
				return appendFlowMod(nil, 0x11223344, flow.OpAdd, flow.Encode(flow.Entry{
					Table: 7, Priority: 100, Cookie: 0x0102030405060708, Flags: 1, HardTimeout: 9, Meter: 5,
					Match: flow.Match{
						flow.Exact(flow.InPort, 3), flow.Masked(flow.Metadata, 0xab, 0xff),
						flow.Exact(flow.TunnelSrc, 0x0a000001), flow.Exact(flow.EthType, 0x800),
					},
					Apply: []flow.Action{flow.Output{Port: 2}}, WriteMetadata: 1, MetadataMask: 3, Goto: 8, HasGoto: true,
				}))
			},
			"04 0e 00a0 11223344  0102030405060708 0000000000000000 07 00 0000 0009 0064 ffffffff ffffffff ffffffff 0001 0000" +
				"0001 002e  80000004 00000003  80000510 00000000000000ab 00000000000000ff  00013e04 0a000001  80000a02 0800  0000" +
				"0006 0008 00000005" +
				"0004 0018 00000000  0000 0010 00000002 0000 000000000000" +
				"0002 0018 00000000 0000000000000001 0000000000000003" +
				"0001 0008 08 000000",
		},
		"strict delete": {
			func() ([]byte, error) {
				return appendFlowMod(nil, 1, flow.OpDelete, flow.Encode(flow.Entry{Table: 7, Priority: 1, Goto: 9, HasGoto: true}))
			},
			"04 0e 0038 00000001  0000000000000000 0000000000000000 07 04 0000 0000 0001 ffffffff ffffffff ffffffff 0000 0000  0001 0004 00000000",
		},
		"group-mod": {
			func() ([]byte, error) {
				return appendGroupMod(nil, 2, flow.OpModify, &flow.Group{ID: 9, Buckets: [][]flow.Action{{flow.ToGroup{ID: 3}}, {}}})
			},
			"04 0f 0038 00000002  0001 00 00 00000009" +
				"0018 0000 ffffffff ffffffff 00000000  0016 0008 00000003" +
				"0010 0000 ffffffff ffffffff 00000000",
		},
		"meter-mod": {
			func() ([]byte, error) {
				return appendMeterMod(nil, 3, flow.OpAdd, &flow.Meter{ID: 4, Rate: 100, Burst: 50})
			},
			"04 1d 0020 00000003  0000 0006 00000004  0001 0010 00000064 00000032 00000000",
		},
		"packet-out": {
			func() ([]byte, error) {
				return encodePacketOut(5, flow.PacketOut{
					InPort: flow.PortController, Actions: []flow.Action{flow.Output{Port: 1}}, Data: []byte{0xaa, 0xbb},
				})
			},
			"04 0d 002a 00000005  ffffffff fffffffd 0010 000000000000  0000 0010 00000001 0000 000000000000  aabb",
		},
		"bundle add": {
			func() ([]byte, error) {
				return appendBundleAdd(nil, 6, 2, func(b []byte) ([]byte, error) {
					return appendGroupMod(b, 6, flow.OpDelete, &flow.Group{ID: 9})
				})
			},
			"04 04 0028 00000006  4f4e4600 000008fd  00000002 0000 0003  04 0f 0010 00000006 0002 00 00 00000009",
		},
		"bundle commit": {
			func() ([]byte, error) { return bundleControl(7, 2, bundleCommit), nil },
			"04 04 0018 00000007  4f4e4600 000008fc  00000002 0004 0003",
		},
		"actions": {
			func() ([]byte, error) {
				return appendActions(nil, []flow.Action{
					flow.SetField{Field: flow.EthDst, Value: 0x020000000001, Mask: ones(flow.EthDst)},
					flow.SetField{Field: flow.TunnelDst, Value: 0x0a000002, Mask: ones(flow.TunnelDst)},
					flow.SetField{Field: flow.TCPSrc, Value: 0x0100, Mask: 0xff00},
					flow.Move{From: flow.ARPSPA, To: flow.ARPTPA, Bits: 32},
					flow.Resubmit{Table: 5},
					flow.Punt{MaxLen: 64, Meter: 6},
					flow.PushVLAN{}, flow.PopVLAN{}, flow.DecTTL{},
					flow.SetField{Field: flow.InPort, Mask: ones(flow.InPort)},
					flow.SetField{Field: flow.Reg1, Value: 5, Mask: ones(flow.Reg1)},
					flow.CheckLarger{Bytes: 1514, To: flow.Reg2},
					flow.Conntrack{Zone: 5, Commit: true, NAT: flow.NATSource, Addr: 0x0a000001, Next: 7},
					flow.Conntrack{ZoneFrom: flow.Metadata, Next: 34},
					flow.Conntrack{ZoneFrom: flow.Metadata, Commit: true, Next: flow.NoTable},
					flow.Conjunction{ID: 7, Clause: 1, Clauses: 2},
				})
			},
			"0019 0010 80000606 020000000001 0000" +
				"0019 0010 00014004 0a000002 00000000" +
				"ffff 0018 00002320 0021 80001b04 0100 ff00 000000000000" +
				"ffff 0018 00002320 0006 0020 0000 0000 80002c04 80002e04" +
				"ffff 0010 00002320 000e fff8 05 000000" +
				"ffff 0020 00002320 0025 000000000000  0000 0008 0040 0000  0005 0008 00000006" +
				"0011 0008 8100 0000  0012 0008 00000000  0018 0008 00000000" +
				"0019 0010 00000002 0000 000000000000" +
				"0019 0010 00010204 00000005 00000000" +
				"ffff 0018 00002320 0031 05ea 0000 00010404 000000000000" +
				"ffff 0030 00002320 0023 0001 00000000 0005 07 000000 0000  ffff 0018 00002320 0024 0000 0001 0001 0a000001 00000000" +
				"ffff 0018 00002320 0023 0000 80000408 000f 22 000000 0000" +
				"ffff 0018 00002320 0023 0001 80000408 000f ff 000000 0000" +
				"ffff 0010 00002320 0022 00 02 00000007",
		},
		"empty a zone": {
			func() ([]byte, error) {
				return (&Session{}).appendChange(nil, 8, &flow.Change{Op: flow.OpDelete, Zone: 0x1234})
			},
			"04 04 0018 00000008  00002320 0000001d  000000000000 1234",
		},
	} {
		got, err := c.encode()
		if want := strings.ReplaceAll(c.want, " ", ""); err != nil || hex.EncodeToString(got) != want {
			t.Errorf("%s: %v\n got %x\nwant %s", name, err, got, want)
		}
	}
}

func TestErrorText(t *testing.T) {
	for want, e := range map[string]Error{
		"BadActionOutPort (type 2, code 4)":                        {Type: 2, Code: 4},
		"BundleMessageFailed (experimenter 0x4f4e4600, type 2313)": {Type: 0xffff, Code: 2313, Experimenter: experimenterONF},
		"experimenter error (experimenter 0x00002320, type 5)":     {Type: 0xffff, Code: 5, Experimenter: 0x2320},
		"ErrType(77)Code(3) (type 77, code 3)":                     {Type: 77, Code: 3},
		"RoleRequestFailedStale (type 11, code 0)":                 {Type: 11},
	} {
		if got := e.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
