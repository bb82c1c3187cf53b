package dhcp

import (
	"testing"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model/flow"
)

// BenchmarkPacketIn is the responder alone: a packet as dhclient sends it, to an answer ready to be sent.
func BenchmarkPacketIn(b *testing.B) {
	list := wants(1, 28, 2, 3, 15, 6, 119, 12, 44, 47, 26, 121, 42)
	v := newCloud().view()
	for name, m := range map[string]message{
		"discover": {kind: discover, options: options(list)},
		"request":  {kind: ask, options: options(requested("10.0.0.5"), serverID("10.0.0.2"), list)},
		"renew":    {kind: ask, from: "10.0.0.5", to: "10.0.0.2", ciaddr: "10.0.0.5", options: options(list)},
		"foreign":  {kind: ask, options: options(serverID("10.0.0.9"), requested("10.0.0.7")), client: [6]byte{2}},
	} {
		b.Run(name, func(b *testing.B) {
			in := pipeline.PacketIn{View: v, Node: v.Node(1), Port: v.Port(2), PacketIn: flow.PacketIn{InPort: testOfport, Data: m.frame(b)}}
			answers := 0
			if m.kind == discover || m.client == [6]byte{} {
				answers = 1
			}
			b.ReportAllocs()
			for b.Loop() {
				if len(packetIn(in).Packets) != answers {
					b.Fatal("wrong number of answers")
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "packets/s")
		})
	}
}
