package store

import (
	"context"
	"fmt"
	"testing"

	"github.com/planck-sdn/planck/model"
)

// BenchmarkFabric is on PostgreSQL with its durable defaults, in a fabric of 100 switches with 48 ports, half of which have servers: what it
// takes from a port status to the rows that heal the tree (the port goes down and its link goes, or it comes up and there is a new link),
// and to bind one more server.
func BenchmarkFabric(b *testing.B) {
	s := openDurable(b)
	ctx := context.Background()
	n := newNetwork(b, s, onFabric(100))
	var switches []*model.Node
	var requests []PortRequest
	for id := range uint64(100) {
		node := declareSwitch(b, s, declaration(id+1))
		switches = append(switches, reportSwitch(b, s, node.Number, model.Switch{Ports: ethernet(48)}))
		for port := range 24 {
			p := portRequest(n)
			bareMetal(fmt.Sprintf("%016x", id+1), fmt.Sprint("eth", port+1), 0)(p)
			requests = append(requests, PortRequest{Port: p})
		}
	}
	check(b, s.CreatePorts(admin, requests))
	ends := [2]model.LinkEnd{{Node: switches[0].Number, Port: 48}, {Node: switches[1].Number, Port: 48}}
	up, down := model.Switch{Ports: ethernet(48)}, model.Switch{Ports: ethernet(48)}
	down.Ports[47].Up = false
	b.Run("port down", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			reportSwitch(b, s, switches[0].Number, up)
			must2(s.AddLink(ctx, ends[0], ends[1]))(b)
			b.StartTimer()
			reportSwitch(b, s, switches[0].Number, down)
		}
	})
	b.Run("link added", func(b *testing.B) {
		reportSwitch(b, s, switches[0].Number, up)
		for b.Loop() {
			b.StopTimer()
			objects, _ := load(b, s)
			var links []model.Number
			for _, o := range objects {
				if o.Ref().Kind == model.KindLink {
					links = append(links, o.Ref().Number)
				}
			}
			check(b, s.RemoveLinks(ctx, links))
			b.StartTimer()
			must2(s.AddLink(ctx, ends[0], ends[1]))(b)
		}
	})
	b.Run("report of no news", func(b *testing.B) {
		for b.Loop() {
			reportSwitch(b, s, switches[2].Number, up)
		}
	})
	b.Run("bind", func(b *testing.B) {
		for b.Loop() {
			p := newPort(b, s, n, bareMetal("0000000000000007", "eth40", 0))
			b.StopTimer()
			if p.VIFType != model.VIFTypeOther {
				b.Fatalf("bound %+v", p)
			}
			check(b, s.DeletePort(admin, p.ID))
			b.StartTimer()
		}
	})
}
