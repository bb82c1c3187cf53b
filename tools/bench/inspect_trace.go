package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/controller/trace"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// inspectTrace follows packets between random ports, half of them through a router.
func inspectTrace(ctx context.Context, e *environment, clouds []*simulated) error {
	t := table{Title: "planckctl trace: a packet is followed from node to node, and the reply to it",
		Columns: []string{"switches", "ports", "packets", "median ms", "longest ms", "processor ms", "entries of the nodes on the way", "MB allocated"},
		Notes: []string{"In one process, one packet after the other, from tables in memory: how they are read is not in it. Each switch on the way is built anew. " +
			"planckctl trace does it twice: with the entries that should be there, and with those that are."}}
	for _, s := range clouds {
		e.progress("inspect: trace over %d switches", len(s.nodes))
		row, err := s.trace(ctx, size(e, 40, 10))
		if err != nil {
			return err
		}
		t.Rows = append(t.Rows, row)
	}
	e.report.add(t)
	return nil
}

func (s *simulated) trace(ctx context.Context, packets int) (row []any, err error) {
	var vms []*model.Port
	s.view.Ports(func(p *model.Port) {
		if _, ok := s.view.Location(p.Number); ok {
			vms = append(vms, p)
		}
	})
	random := rand.New(rand.NewPCG(1, 0))
	times := make([]time.Duration, packets)
	var processor time.Duration
	var allocated uint64
	entries := 0
	for i := range times {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		// Ports stand network by network: twenty of each, and every second network has the router of the one before.
		n := random.IntN(len(vms)/(2*portsOfNetwork)) * 2 * portsOfNetwork
		from, to := n+random.IntN(portsOfNetwork), n+random.IntN(portsOfNetwork)
		if i%2 == 1 {
			to += portsOfNetwork
		} else if from == to {
			to = n + (to-n+1)%portsOfNetwork
		}
		tables := map[model.Number]*flow.Tables{}
		p := trace.Packet{From: vms[from], Port: vms[to], To: trace.AddressOf(vms[to]), Protocol: model.ProtocolTCP, DestinationPort: 22}
		c := trace.Cloud{View: s.view, Apps: apps.All(), Now: time.Now(), Tables: func(n *model.Node) (*flow.Tables, error) {
			if known := tables[n.Number]; known != nil {
				return known, nil
			}
			rendered, err := example.Tables(apps.All(), s.view, n.Number)
			tables[n.Number] = &rendered
			return &rendered, err
		}}
		trace.Follow(c, p) // which renders
		for _, t := range tables {
			entries += len(t.Flows)
		}
		runtime.GC()
		before := used()
		way := trace.Follow(c, p)
		after := used()
		if way.Outcome != trace.Delivered {
			return nil, fmt.Errorf("from %s to %s: %s", vms[from].Name, vms[to].Name, way.Verdict)
		}
		times[i] = after.wall.Sub(before.wall)
		processor, allocated = processor+after.processor-before.processor, allocated+after.allocated-before.allocated
	}
	slices.Sort(times)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return []any{len(s.nodes), s.ports, packets, ms(times[packets/2]), ms(times[packets-1]), ms(processor) / float64(packets),
		entries / packets, float64(allocated) / float64(packets) / 1e6}, nil
}
