package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/planck-sdn/planck/tests/lab"
)

// Others are on these nodes, beside the one that is measured.
const otherNodes = 10

// portsPerNetwork of the others; each of these networks is on two nodes.
const portsPerNetwork = 100

// benchWiring measures how long one port takes to be in service, beside many.
func benchWiring(ctx context.Context, e *environment) (err error) {
	b, err := e.start(ctx)
	if err != nil {
		return err
	}
	defer b.closeInto(&err)
	nodes, err := b.dummyNodes(ctx, 1+otherNodes)
	if err != nil {
		return err
	}
	network, err := b.network(ctx)
	if err != nil {
		return err
	}
	t := table{
		Title: "One port into service, beside others",
		Columns: []string{"other ports", "OVSDB update to last entry: p50", "p99", "POST to last entry: p50", "p99",
			"POST to ACTIVE: p50", "p99", "POST alone: p50", "ovs-vsctl alone: p50"},
		Notes: []string{fmt.Sprintf("All other ports are plugged: the first 100 are of the measured port's network, half of them on its node; the rest are "+
			"on %d other nodes, %d a network, each network on two nodes. \"Last entry\" is the barrier reply after it; ACTIVE is as a client "+
			"sees it that asks every 2 ms.", otherNodes, portsPerNetwork)},
	}
	others, plugged := 0, map[*lab.Node]int{}
	for _, n := range size(e, []int{0, 1000, 5000, 10000}, []int{0, 300}) {
		e.progress("wiring: %d other ports", n)
		for ; others < n; others += portsPerNetwork {
			if err := b.addOthers(ctx, others, network, nodes, plugged); err != nil {
				return err
			}
		}
		if err := b.settled(ctx, plugged); err != nil {
			return err
		}
		var w wirings
		err := b.profiled(ctx, fmt.Sprintf("wiring-%d", n), 10*time.Second, func() error {
			var err error
			w, err = b.wire(ctx, nodes[0], network, size(e, 300, 20))
			return err
		})
		if err != nil {
			return err
		}
		t.Rows = append(t.Rows, []any{n, percentile(w.inPlanck, .5), percentile(w.inPlanck, .99), percentile(w.toEntry, .5), percentile(w.toEntry, .99),
			percentile(w.toActive, .5), percentile(w.toActive, .99), percentile(w.post, .5), percentile(w.vsctl, .5)})
	}
	e.report.add(t)
	return nil
}

// addOthers adds one network's worth of ports: the first to the measured network, the rest each to a network of its own.
func (b *testbed) addOthers(ctx context.Context, had int, measured string, nodes []*lab.Node, plugged map[*lab.Node]int) error {
	network, k := measured, had/portsPerNetwork
	one, two := nodes[0], nodes[1]
	if had > 0 {
		var err error
		if network, err = b.network(ctx); err != nil {
			return err
		}
		one, two = nodes[1+k%otherNodes], nodes[1+(k+1)%otherNodes]
	}
	ports, err := b.ports(ctx, network, portsPerNetwork)
	if err != nil {
		return err
	}
	plugged[one] += portsPerNetwork / 2
	plugged[two] += portsPerNetwork / 2
	return errors.Join(b.plugMany(one, ports[:portsPerNetwork/2]), b.plugMany(two, ports[portsPerNetwork/2:]))
}

// wirings are what single ports took.
type wirings struct{ inPlanck, toEntry, toActive, post, vsctl []time.Duration }

func (b *testbed) wire(ctx context.Context, n *lab.Node, network string, count int) (wirings, error) {
	var w wirings
	began := map[string]time.Time{} // port -> POST
	for i := range count {
		p, err := b.wireOne(ctx, n, network, &w, began)
		if err != nil {
			return w, fmt.Errorf("port %d: %w", i, err)
		}
		if err := n.Unplug(tap(p)); err != nil {
			return w, err
		}
		if err := b.Do(ctx, http.MethodDelete, "/v2.0/ports/"+p.ID, project, nil, nil); err != nil {
			return w, err
		}
		if err := b.WaitConverged(ctx, time.Minute); err != nil {
			return w, err
		}
	}
	served, err := b.servedPorts()
	if err != nil {
		return w, err
	}
	for port, t0 := range began {
		s, ok := served[port]
		if !ok {
			return w, fmt.Errorf("planckd's log does not say that port %s is in service", port)
		}
		w.inPlanck = append(w.inPlanck, s.took)
		w.toEntry = append(w.toEntry, s.at.Sub(t0))
	}
	return w, nil
}

func (b *testbed) wireOne(ctx context.Context, n *lab.Node, network string, w *wirings, began map[string]time.Time) (port, error) {
	t0 := time.Now()
	var made struct{ Port port }
	if err := b.Do(ctx, http.MethodPost, "/v2.0/ports", project, object{"port": object{"network_id": network}}, &made); err != nil {
		return port{}, err
	}
	p := made.Port
	began[p.ID] = t0
	w.post = append(w.post, time.Since(t0))
	plugged := make(chan error, 1)
	go func() {
		t1 := time.Now()
		err := plug(n, p)
		w.vsctl = append(w.vsctl, time.Since(t1))
		plugged <- err
	}()
	err := b.waitActive(ctx, p)
	if err == nil {
		w.toActive = append(w.toActive, time.Since(t0))
	}
	if e := <-plugged; e != nil {
		err = e
	}
	return p, err
}

func (b *testbed) waitActive(ctx context.Context, p port) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, fmt.Errorf("port %s is not ACTIVE after 30 s", p.ID))
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		var seen struct{ Port port }
		if err := b.Do(ctx, http.MethodGet, "/v2.0/ports/"+p.ID+"?fields=status", project, nil, &seen); err != nil {
			return err
		}
		if seen.Port.Status == "ACTIVE" {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// served is when planckd had a port in service, and how long after the OVSDB update.
type served struct {
	at   time.Time
	took time.Duration
}

// servedPorts reads planckd's log.
func (b *testbed) servedPorts() (map[string]served, error) {
	lines, err := b.logged("port in service")
	if err != nil {
		return nil, err
	}
	all := map[string]served{}
	for _, line := range lines {
		all[line.Port] = served{line.TS, line.took()}
	}
	return all, nil
}
