package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/planck-sdn/planck/northbound/admin"
)

// benchBurst makes many ports on many networks at once.
func benchBurst(ctx context.Context, e *environment) error {
	networks, perNetwork, runs := size(e, 100, 10), 10, size(e, 5, 2)
	t := table{Title: fmt.Sprintf("%s ports on %d networks and two nodes, from the first POST to all ACTIVE", thousands(networks*perNetwork), networks),
		Columns: []string{"requests", "run", "networks and subnets made", "ports made", "plugged", "all ACTIVE", "OVSDB update to last entry, slowest port"},
		Notes: []string{"All times from the first POST. Bulk: one request for the networks, one for the subnets, one for the ports. " +
			"Single: one request each, from 8 clients. The ports are plugged, half into each node, by one OVSDB transaction a node, when all are made: " +
			"\"plugged\" is when these have answered, before Open vSwitch has made its ports."}}
	for _, bulk := range []bool{true, false} {
		for run := range runs {
			e.progress("burst: run %d, bulk %t", run+1, bulk)
			row, err := e.burst(ctx, networks, perNetwork, bulk)
			if err != nil {
				return err
			}
			how := "bulk"
			if !bulk {
				how = "single"
			}
			t.Rows = append(t.Rows, append([]any{how, run + 1}, row...))
		}
	}
	e.report.add(t)
	return nil
}

func (e *environment) burst(ctx context.Context, networks, perNetwork int, bulk bool) (row []any, err error) {
	b, err := e.start(ctx)
	if err != nil {
		return nil, err
	}
	defer b.closeInto(&err)
	err = b.profiled(ctx, fmt.Sprintf("burst-%t", bulk), 2*time.Second, func() error {
		row, err = b.burst(ctx, networks, perNetwork, bulk)
		return err
	})
	return row, err
}

func (b *testbed) burst(ctx context.Context, networks, perNetwork int, bulk bool) (row []any, err error) {
	nodes, err := b.dummyNodes(ctx, 2)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	lap := func() { row = append(row, milliseconds(time.Since(began))) }
	makeNetworks, makePorts := b.networksOneByOne, b.portsOneByOne
	if bulk {
		makeNetworks, makePorts = b.networksInBulk, b.portsInBulk
	}
	ids, err := makeNetworks(ctx, networks)
	if err != nil {
		return nil, err
	}
	lap()
	ports, err := makePorts(ctx, ids, perNetwork)
	if err != nil {
		return nil, err
	}
	lap()
	var plugging sync.WaitGroup
	errs := make([]error, len(nodes))
	for i, n := range nodes {
		half := len(ports) / len(nodes)
		plugging.Go(func() { errs[i] = b.plugMany(n, ports[i*half:(i+1)*half]) })
	}
	plugging.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	lap()
	for {
		var down struct{ Ports []port }
		if err := b.Do(ctx, http.MethodGet, "/v2.0/ports?status=DOWN&limit=1", project, nil, &down); err != nil {
			return nil, err
		}
		if len(down.Ports) == 0 {
			break
		}
		if time.Since(began) > time.Minute {
			return nil, b.explain(ctx, down.Ports[0])
		}
		time.Sleep(5 * time.Millisecond)
	}
	lap()
	served, err := b.servedPorts()
	if err != nil {
		return nil, err
	}
	var slowest time.Duration
	for _, s := range served {
		slowest = max(slowest, s.took)
	}
	return append(row, milliseconds(slowest)), nil
}

// explain says why a port is not ACTIVE.
func (b *testbed) explain(ctx context.Context, p port) error {
	var why admin.Port
	if err := b.Do(ctx, http.MethodGet, admin.Prefix+"/ports/"+p.ID, "", nil, &why); err != nil {
		return err
	}
	return fmt.Errorf("after a minute not all ports are ACTIVE, as %+v", why)
}

func (b *testbed) networksInBulk(ctx context.Context, count int) ([]string, error) {
	list := make([]object, count)
	for i := range list {
		list[i] = object{}
	}
	var made struct{ Networks []struct{ ID string } }
	if err := b.Do(ctx, http.MethodPost, "/v2.0/networks", project, object{"networks": list}, &made); err != nil {
		return nil, err
	}
	ids := make([]string, count)
	for i, n := range made.Networks {
		ids[i] = n.ID
		list[i] = subnetOf(n.ID)
	}
	return ids, b.Do(ctx, http.MethodPost, "/v2.0/subnets", project, object{"subnets": list}, nil)
}

func (b *testbed) portsInBulk(ctx context.Context, networks []string, perNetwork int) ([]port, error) {
	var wanted []object
	for range perNetwork {
		for _, n := range networks {
			wanted = append(wanted, object{"network_id": n})
		}
	}
	var made struct{ Ports []port }
	err := b.Do(ctx, http.MethodPost, "/v2.0/ports", project, object{"ports": wanted}, &made)
	return made.Ports, err
}

func (b *testbed) networksOneByOne(ctx context.Context, count int) ([]string, error) {
	ids := make([]string, count)
	err := inParallel(count, func(i int) (err error) {
		ids[i], err = b.network(ctx)
		return err
	})
	return ids, err
}

func (b *testbed) portsOneByOne(ctx context.Context, networks []string, perNetwork int) ([]port, error) {
	ports := make([]port, len(networks)*perNetwork)
	err := inParallel(len(ports), func(i int) error {
		var made struct{ Port port }
		err := b.Do(ctx, http.MethodPost, "/v2.0/ports", project, object{"port": object{"network_id": networks[i%len(networks)]}}, &made)
		ports[i] = made.Port
		return err
	})
	return ports, err
}

// inParallel calls f for 0 to n-1 from 8 goroutines.
func inParallel(n int, f func(i int) error) error {
	const clients = 8
	var group sync.WaitGroup
	errs := make([]error, clients)
	for c := range clients {
		group.Go(func() {
			for i := c; i < n && errs[c] == nil; i += clients {
				errs[c] = f(i)
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}
