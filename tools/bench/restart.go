package main

import (
	"context"
	"fmt"
	"time"

	"github.com/planck-sdn/planck/tests/lab"
)

// benchRestart kills planckd and starts it again beside a switch that holds what it should.
func benchRestart(ctx context.Context, e *environment) (err error) {
	ports, runs := size(e, 3600, 400), size(e, 5, 2)
	b, err := e.start(ctx)
	if err != nil {
		return err
	}
	defer b.closeInto(&err)
	nodes, err := b.dummyNodes(ctx, 1)
	if err != nil {
		return err
	}
	e.progress("restart: %d ports on one node", ports)
	for range ports / portsPerNetwork {
		network, err := b.network(ctx)
		if err != nil {
			return err
		}
		list, err := b.ports(ctx, network, portsPerNetwork)
		if err != nil {
			return err
		}
		if err := b.plugMany(nodes[0], list); err != nil {
			return err
		}
	}
	if err := b.settled(ctx, map[*lab.Node]int{nodes[0]: ports}); err != nil {
		return err
	}
	before, err := b.node(ctx, nodes[0].Name)
	if err != nil {
		return err
	}
	var answers, compared, ready []time.Duration
	var sent uint64
	for run := range runs {
		b.Kill()
		began := time.Now()
		if err := b.Restart(ctx); err != nil {
			return err
		}
		answers = append(answers, time.Since(began))
		if err := b.WaitReady(ctx, nodes...); err != nil {
			return err
		}
		ready = append(ready, time.Since(began))
		inStep, err := b.logged("switch in step")
		if err != nil || len(inStep) != 1 {
			return fmt.Errorf("log of planckd: %d switches in step, not one; %v", len(inStep), err)
		}
		compared = append(compared, inStep[0].took())
		after, err := b.node(ctx, nodes[0].Name)
		if err != nil {
			return err
		}
		sent += after.Counters.FlowMods + after.Counters.GroupMods + after.Counters.MeterMods
		if after.Flows != before.Flows {
			return fmt.Errorf("%d entries wanted after the restart, %d before", after.Flows, before.Flows)
		}
		e.progress("restart: run %d: ready after %v", run+1, ready[run].Round(time.Millisecond))
	}
	e.report.add(table{Title: "planckd killed and started beside a switch that holds what it should",
		Columns: []string{"flow entries", "groups", "meters", "ports", "messages sent to change the switch", "API answers: median", "reading and comparing the switch: median", "slowest", "node ready: median", "slowest"},
		Rows: [][]any{{before.Flows, before.Groups, before.Meters, ports, int(sent), percentile(answers, .5), percentile(compared, .5), percentile(compared, 1),
			percentile(ready, .5), percentile(ready, 1)}},
		Notes: []string{fmt.Sprintf("%d restarts, times from the start of the program but for the comparison. planckd loads the topology and renders all of it "+
			"while the node waits before it dials again: Open vSwitch does so after 1 s.", runs)}})
	return nil
}
