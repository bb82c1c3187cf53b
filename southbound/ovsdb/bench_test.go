package ovsdb

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// BenchmarkPlug is the time from the start of ovs-vsctl add-port to the Updated that shows the ofport.
func BenchmarkPlug(b *testing.B) {
	for _, others := range []int{0, 200} {
		b.Run(fmt.Sprintf("others=%d", others), func(b *testing.B) {
			n, r, _, _ := attachedNode(b)
			plug := func(i int) []string {
				name := fmt.Sprintf("tap%d", i)
				return []string{"--", "add-port", IntegrationBridge, name, "--", "set", "Interface", name, "type=internal",
					"external_ids:iface-id=" + name}
			}
			var args []string
			for i := range others {
				args = append(args, plug(i)...)
			}
			if others > 0 {
				n.vsctl(args[1:]...)
			}
			r.sees(b, "the other VMs", func(st State) bool { p, _ := st.Plugged(); return len(p) == others })
			var vsctl time.Duration
			for i := others; b.Loop(); i++ {
				began := time.Now()
				n.vsctl(plug(i)[1:]...)
				vsctl += time.Since(began)
				r.sees(b, "the VM", func(st State) bool {
					last := len(st.Interfaces) - 1
					return last >= 0 && st.Interfaces[last].IfaceID == fmt.Sprintf("tap%d", i) && st.Interfaces[last].Ofport > 0
				})
			}
			b.ReportMetric(float64(vsctl.Microseconds())/float64(b.N), "µs-in-vsctl/op")
		})
	}
}

// BenchmarkUpdate is what one changed interface costs on a node of so many: decoding, applying, making a State, and the
// plan that finds nothing to do.
func BenchmarkUpdate(b *testing.B) {
	for _, interfaces := range []int{50, 1000, 10000} {
		b.Run(fmt.Sprintf("interfaces=%d", interfaces), func(b *testing.B) {
			r := newReplica()
			if err := r.apply(bigSnapshot(interfaces)); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				update := fmt.Sprintf(`{"Interface":{"%s":{"modify":{"ofport":%d}}}}`, testUUID(2, i%interfaces), i%60000+1)
				if err := r.apply([]byte(update)); err != nil {
					b.Fatal(err)
				}
				if st := r.state(); len(st.Interfaces) != interfaces {
					b.Fatal(len(st.Interfaces))
				}
				if _, err := r.plan(wanted(), ""); err == nil {
					b.Fatal("the mapped bridge is missing, and the plan does not say so")
				}
			}
			b.ReportMetric(float64(r.size)/float64(interfaces), "counted-B/interface")
		})
	}
}

func BenchmarkSnapshot(b *testing.B) {
	raw := bigSnapshot(1000)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if err := newReplica().apply(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func testUUID(kind, i int) string { return fmt.Sprintf("0000000%d-0000-4000-8000-%012x", kind, i) }

// bigSnapshot is a node whose br-int has so many interfaces with iface-ids.
func bigSnapshot(interfaces int) []byte {
	var refs, ports, ifaces []string
	for i := range interfaces {
		refs = append(refs, fmt.Sprintf(`["uuid","%s"]`, testUUID(1, i)))
		ports = append(ports, fmt.Sprintf(`"%s":{"initial":{"name":"tap%d","interfaces":["uuid","%s"]}}`, testUUID(1, i), i, testUUID(2, i)))
		ifaces = append(ifaces, fmt.Sprintf(`"%s":{"initial":{"name":"tap%d","ofport":%d,"external_ids":["map",[["attached-mac","fa:16:3e:00:00:01"],["iface-id","%s"],["iface-status","active"],["vm-uuid","%s"]]]}}`,
			testUUID(2, i), i, i+1, testUUID(3, i), testUUID(4, i)))
	}
	return fmt.Appendf(nil, `{"Open_vSwitch":{"%s":{"initial":{}}},"Bridge":{"%s":{"initial":{"name":"br-int","external_ids":["map",[["planck","made"]]],"ports":["set",[%s]]}}},"Port":{%s},"Interface":{%s}}`,
		testUUID(0, 1), testUUID(0, 2), strings.Join(refs, ","), strings.Join(ports, ","), strings.Join(ifaces, ","))
}
