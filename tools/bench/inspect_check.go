package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/southbound/openflow"
)

// inspectCheck checks all nodes.
func inspectCheck(ctx context.Context, e *environment, clouds []*simulated) error {
	t := table{Title: "planckctl check: all switches of a cloud are checked",
		Columns: []string{"switches", "ports", "flow entries, groups and meters", "s", "processor s", "processor µs an entry", "MB allocated a switch", "longest, ms"},
		Notes: []string{fmt.Sprintf("In one process, %d switches at once: all is rendered anew and compared with what was reached step by step, and that "+
			"with what the switch holds, which is in memory: how it is read is not in it.", workers)}}
	for _, s := range clouds {
		e.progress("inspect: check %d switches", len(s.nodes))
		row, err := s.check(ctx)
		if err != nil {
			return err
		}
		t.Rows = append(t.Rows, row)
	}
	e.report.add(t)
	return nil
}

func (s *simulated) check(ctx context.Context) (row []any, err error) {
	var took, processor, longest time.Duration
	var allocated uint64
	entries := 0
	for from := 0; from < len(s.nodes); from += batch {
		nodes := s.nodes[from:min(from+batch, len(s.nodes))]
		switches, stop, err := inStep(ctx, s.view, nodes)
		if err != nil {
			stop()
			return nil, err
		}
		found, times, errs := make([]*reconcile.Checked, len(nodes)), make([]time.Duration, len(nodes)), make([]error, len(nodes))
		runtime.GC()
		before := used()
		concurrently(len(nodes), func(i int) {
			began := time.Now()
			found[i], errs[i] = switches[i].Check(ctx)
			times[i] = time.Since(began)
		})
		after := used()
		stop()
		took, processor, allocated = took+after.wall.Sub(before.wall), processor+after.processor-before.processor, allocated+after.allocated-before.allocated
		for i, c := range found {
			if errs[i] != nil || len(c.Stale)+len(c.Differences) > 0 {
				return nil, fmt.Errorf("%s: %+v, %w", nodes[i].Hostname, c, errs[i])
			}
			entries, longest = entries+c.Entries, max(longest, times[i])
		}
	}
	return []any{len(s.nodes), s.ports, entries, took.Seconds(), processor.Seconds(), float64(processor.Microseconds()) / float64(entries),
		float64(allocated) / float64(len(s.nodes)) / 1e6, float64(longest.Microseconds()) / 1000}, nil
}

// inStep runs switches that hold what they should, until stop.
func inStep(ctx context.Context, v *topology.View, nodes []*model.Node) (switches []*reconcile.Switch, stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	stop = func() { cancel(); running.Wait() }
	reconciles := make(chan struct{}, workers)
	sessions := make([]*holding, len(nodes))
	for i, n := range nodes {
		s := reconcile.New(reconcile.Config{Node: n.Number, Apps: apps.All(), Log: zap.NewNop(), Now: time.Now, Reconciles: reconciles,
			Generation: func(context.Context) (uint64, error) { return 1, nil }}, v)
		sessions[i] = &holding{done: make(chan struct{})}
		running.Go(func() { s.Run(ctx) })
		s.Connected(sessions[i])
		switches = append(switches, s)
	}
	for i, s := range switches {
		for s.Confirmed() == nil {
			if ctx.Err() != nil {
				return nil, stop, ctx.Err()
			}
			time.Sleep(time.Millisecond)
		}
		wanted, _, err := s.Wanted(ctx)
		if err != nil {
			return nil, stop, err
		}
		sessions[i].held = *wanted
	}
	return switches, stop, nil
}

// holding is a session with a switch that takes everything, and says that it holds what it was told.
type holding struct {
	held flow.Tables
	done chan struct{}
}

func (*holding) BecomeMaster(context.Context, uint64) error { return nil }
func (*holding) PacketOut(flow.PacketOut) error             { return nil }
func (*holding) Close(error)                                {}
func (h *holding) Done() <-chan struct{}                    { return h.done }

func (h *holding) Read(context.Context) (*flow.Tables, error) { return &h.held, nil }

func (*holding) ReadStatsOf(context.Context, uint8, flow.Cookie, flow.Cookie, func(openflow.FlowStats)) error {
	return nil
}

func (*holding) Apply(context.Context, []flow.Change, bool) ([]flow.Refusal, error) { return nil, nil }
