package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/planck-sdn/planck/tests/lab"
)

// benchBurst makes many ports on many networks at once.
func benchBurst(ctx context.Context, e *environment) error {
	networks, perNetwork, runs := size(e, 100, 10), 10, size(e, 5, 2)
	t := table{Title: fmt.Sprintf("%s ports on %d networks and two nodes, from the first POST to all ACTIVE", thousands(networks*perNetwork), networks),
		Columns: []string{"requests", "run", "networks and subnets made", "ports made", "plugged", "all ACTIVE"},
		Notes: []string{"All times from the first POST. Bulk: one request for the networks, one for the subnets, one for the ports. " +
			"Single: one request each, from 8 clients. The ports are plugged by two ovs-vsctl commands, one for each node, side by side, when all are made."}}
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
	nodes, err := b.dummyNodes(ctx, 2)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	lap := func() { row = append(row, milliseconds(time.Since(began))) }
	create := b.createSingle
	if bulk {
		create = b.createBulk
	}
	ports, err := create(ctx, networks, perNetwork, lap)
	if err != nil {
		return nil, err
	}
	lap()
	var group sync.WaitGroup
	errs := make([]error, len(nodes))
	for i, n := range nodes {
		group.Go(func() { errs[i] = plugAll(n, ports, i, len(nodes)) })
	}
	group.Wait()
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
			return nil, errors.New("not all ports are ACTIVE after a minute")
		}
		time.Sleep(5 * time.Millisecond)
	}
	lap()
	return row, nil
}

// plugAll plugs each nth port into the node.
func plugAll(n *lab.Node, ports []port, first, step int) error {
	var mine []port
	for i := first; i < len(ports); i += step {
		mine = append(mine, ports[i])
	}
	return plug(n, mine)
}

func (b *testbed) createBulk(ctx context.Context, networks, perNetwork int, lap func()) ([]port, error) {
	list := make([]object, networks)
	for i := range list {
		list[i] = object{}
	}
	var made struct{ Networks []struct{ ID string } }
	if err := b.Do(ctx, http.MethodPost, "/v2.0/networks", project, object{"networks": list}, &made); err != nil {
		return nil, err
	}
	for i, n := range made.Networks {
		list[i] = subnetOf(n.ID)
	}
	if err := b.Do(ctx, http.MethodPost, "/v2.0/subnets", project, object{"subnets": list}, nil); err != nil {
		return nil, err
	}
	lap()
	var wanted []object
	for range perNetwork {
		for _, n := range made.Networks {
			wanted = append(wanted, object{"network_id": n.ID})
		}
	}
	var ports struct{ Ports []port }
	err := b.Do(ctx, http.MethodPost, "/v2.0/ports", project, object{"ports": wanted}, &ports)
	return ports.Ports, err
}

func subnetOf(network string) object {
	return object{"network_id": network, "ip_version": 4, "cidr": "10.1.0.0/16"}
}

func (b *testbed) createSingle(ctx context.Context, networks, perNetwork int, lap func()) ([]port, error) {
	ids := make([]string, networks)
	err := inParallel(networks, func(i int) error {
		var err error
		ids[i], err = b.network(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	lap()
	ports := make([]port, networks*perNetwork)
	err = inParallel(len(ports), func(i int) error {
		var made struct{ Port port }
		err := b.Do(ctx, http.MethodPost, "/v2.0/ports", project, object{"port": object{"network_id": ids[i%networks]}}, &made)
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
