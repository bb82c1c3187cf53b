package verify_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/controller/verify"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
)

// cloudOf is a cloud of nodes with twenty ports each, in networks of twenty ports that are spread over the nodes, with a router between
// every two of them.
func cloudOf(b testing.TB, nodes int) *topology.View {
	b.Helper()
	c := &example.Cloud{}
	at := make([]*model.Node, nodes)
	for i := range at {
		at[i] = c.Node(fmt.Sprint("node", i))
		at[i].EncapIP = netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)})
	}
	group := c.Group("default", example.Rule("egress any"), example.Rule("ingress any from default"))
	var r *model.Router
	for i := range nodes {
		n := c.Network(fmt.Sprint("net", i))
		c.Subnet(n, fmt.Sprintf("10.%d.0.0/24", i%2))
		if i%2 == 0 {
			r = c.Router(fmt.Sprint("router", i))
		}
		c.Interface(r, n, fmt.Sprintf("10.%d.0.1", i%2))
		for k := range 20 {
			example.Join(c.VM(n, at[(i+k*k)%nodes], fmt.Sprintf("vm%d.%d", i, k), fmt.Sprintf("10.%d.0.%d", i%2, 10+k)), group)
		}
	}
	return c.View()
}

func BenchmarkSwitch(b *testing.B) {
	v := cloudOf(b, 100)
	held := tables(b, v, 7)
	i := verify.Of(v)
	i.Switch(7, &held)
	b.ReportAllocs()
	b.ResetTimer()
	var r verify.Result
	for range b.N {
		r = i.Switch(7, &held)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(held.Flows)), "ns/entry")
	b.ReportMetric(float64(len(held.Flows)), "entries")
	b.ReportMetric(float64(r.Pairs), "pairs")
	if len(r.Violations) > 0 {
		b.Fatal(told(r.Violations[0]))
	}
}

func BenchmarkDecode(b *testing.B) {
	v := cloudOf(b, 100)
	held := tables(b, v, 7)
	b.ResetTimer()
	for range b.N {
		for _, f := range held.Flows {
			if _, err := f.Decode(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(held.Flows)), "ns/entry")
}
