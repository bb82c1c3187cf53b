package openflow

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	of "github.com/netrack/openflow"
	"github.com/netrack/openflow/ofp"

	"github.com/planck-sdn/planck/model/flow"
)

// manyEntries are n entries like a port's: 152 octets each on the wire.
func manyEntries(n int) []flow.Change {
	changes := make([]flow.Change, n)
	for i := range changes {
		changes[i] = addFlow(flow.Entry{
			Table: 70, Priority: 100, Cookie: flow.NewCookie(7, 1, uint64(i)),
			Match: flow.Match{
				flow.Masked(flow.Metadata, uint64(i%1000)<<40, 0xffffff<<40),
				flow.Exact(flow.EthDst, 0x020000000000+uint64(i)),
			},
			Apply: []flow.Action{
				flow.SetField{Field: flow.EthSrc, Value: 0x020000000001, Mask: flow.EthSrc.AllOnes()},
				flow.SetField{Field: flow.TunnelID, Value: uint64(i), Mask: flow.TunnelID.AllOnes()},
				flow.Output{Port: uint32(i%1000) + 1},
			},
			Goto: 80, HasGoto: true,
		})
	}
	return changes
}

// BenchmarkApply pushes 50,000 entries to an Open vSwitch until its barrier reply, and reads them back, beside
// ovs-ofctl with the same entries. (go test -bench Apply -benchtime 1x)
func BenchmarkApply(b *testing.B) {
	o, s, _ := connectOVS(b)
	const n = 50000
	changes := manyEntries(n)
	timed := func(metric string, f func()) {
		o.ofctl("del-flows")
		runtime.GC()
		start := time.Now()
		f()
		b.ReportMetric(time.Since(start).Seconds(), metric)
	}
	for b.Loop() {
		timed("s/plain", func() { mustApply(b, s, false, changes...) })
		timed("s/bundle", func() { mustApply(b, s, true, changes...) })
		start := time.Now()
		if got := len(mustRead(b, s).Flows); got != n {
			b.Fatal(got)
		}
		b.ReportMetric(time.Since(start).Seconds(), "s/read")

		file := o.path("flows.txt")
		writeFlows(b, file, n)
		timed("s/ovs-ofctl-bundle", func() { o.run("ovs-ofctl", "-OOpenFlow13", "--bundle", "add-flows", "unix:"+o.path("br0.mgmt"), file) })
		if got := mustRead(b, s).Flows; len(got) != n || !slices.Contains(got, changes[0].Flow) {
			b.Fatal("ovs-ofctl made other entries")
		}
		timed("s/ovs-ofctl-plain", func() { o.run("ovs-ofctl", "-OOpenFlow13", "add-flows", "unix:"+o.path("br0.mgmt"), file) })
	}
}

func writeFlows(b *testing.B, file string, n int) {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "table=70,priority=100,cookie=%#x,metadata=%#x/0xffffff0000000000,dl_dst=02:00:00:%02x:%02x:%02x,"+
			"actions=set_field:02:00:00:00:00:01->eth_src,set_field:%d->tun_id,output:%d,goto_table:80\n",
			uint64(flow.NewCookie(7, 1, uint64(i))), uint64(i%1000)<<40, byte(i>>16), byte(i>>8), byte(i), i, i%1000+1)
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkAppendFlowMod is the cost of building one flow-mod from its canonical form.
func BenchmarkAppendFlowMod(b *testing.B) {
	f := manyEntries(1)[0].Flow
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = appendFlowMod(buf[:0], 1, flow.OpAdd, f); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(buf)))
}

// BenchmarkNetrackFlowMod builds the same flow-mod with netrack, from a struct that is there already.
func BenchmarkNetrackFlowMod(b *testing.B) {
	mod := &ofp.FlowMod{
		Cookie: 1, Table: 70, Priority: 100, Buffer: ofp.NoBuffer, OutPort: ofp.PortAny, OutGroup: ofp.GroupAny,
		Match: ofp.Match{Type: ofp.MatchTypeXM, Fields: []ofp.XM{
			{Class: ofp.XMClassOpenflowBasic, Type: ofp.XMTypeMetadata, Value: make(ofp.XMValue, 8), Mask: make(ofp.XMValue, 8)},
			{Class: ofp.XMClassOpenflowBasic, Type: ofp.XMTypeEthDst, Value: make(ofp.XMValue, 6)},
		}},
		Instructions: ofp.Instructions{
			&ofp.InstructionApplyActions{Actions: ofp.Actions{
				&ofp.ActionSetField{Field: ofp.XM{Class: ofp.XMClassOpenflowBasic, Type: ofp.XMTypeEthSrc, Value: make(ofp.XMValue, 6)}},
				&ofp.ActionSetField{Field: ofp.XM{Class: ofp.XMClassOpenflowBasic, Type: ofp.XMTypeTunnelID, Value: make(ofp.XMValue, 8)}},
				&ofp.ActionOutput{Port: 1},
			}},
			&ofp.InstructionGotoTable{Table: 80},
		},
	}
	b.ReportAllocs()
	for b.Loop() {
		m, err := message(of.TypeFlowMod, 1, mod)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(m)))
	}
}
