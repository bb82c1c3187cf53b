package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// benchREST measures requests a second, with PostgreSQL as durable as it is by default.
func benchREST(ctx context.Context, e *environment) (err error) {
	length := size(e, 5*time.Second, 500*time.Millisecond)
	b, err := e.start(ctx)
	if err != nil {
		return err
	}
	defer b.closeInto(&err)
	network, err := b.network(ctx)
	if err != nil {
		return err
	}
	some, err := b.ports(ctx, network, 100)
	if err != nil {
		return err
	}
	requests := []struct {
		name string
		do   func() error
	}{
		{"POST a port", func() error {
			return b.Do(ctx, http.MethodPost, "/v2.0/ports", project, object{"port": object{"network_id": network}}, nil)
		}},
		{"GET a port", func() error { return b.Do(ctx, http.MethodGet, "/v2.0/ports/"+some[0].ID, project, nil, nil) }},
		{"GET a list of 100 ports", func() error {
			return b.Do(ctx, http.MethodGet, "/v2.0/ports?limit=100&network_id="+network, project, nil, nil)
		}},
	}
	t := table{Title: "Requests a second with PostgreSQL", Columns: []string{"request", "clients", "a second", "p50", "p99"},
		Notes: []string{"PostgreSQL with its durable defaults (fsync) on the same machine, as are the clients."}}
	for _, r := range requests {
		for _, clients := range []int{1, 8} {
			e.progress("rest: %s, %d clients", r.name, clients)
			var took []time.Duration
			began := time.Now()
			err := b.profiled(ctx, fmt.Sprintf("rest-%.4s-%d", r.name, clients), length, func() error {
				var err error
				took, err = repeat(clients, length, r.do)
				return err
			})
			if err != nil {
				return err
			}
			t.Rows = append(t.Rows, []any{r.name, clients, float64(len(took)) / min(time.Since(began), length).Seconds(), percentile(took, .5), percentile(took, .99)})
		}
	}
	e.report.add(t)
	return nil
}

// repeat calls f from some goroutines for a while, and returns how long each call took.
func repeat(clients int, length time.Duration, f func() error) ([]time.Duration, error) {
	var group sync.WaitGroup
	lists, errs := make([][]time.Duration, clients), make([]error, clients)
	began := time.Now()
	for c := range clients {
		group.Go(func() {
			for time.Since(began) < length {
				start := time.Now()
				if errs[c] = f(); errs[c] != nil {
					return
				}
				lists[c] = append(lists[c], time.Since(start))
			}
		})
	}
	group.Wait()
	var all []time.Duration
	for _, list := range lists {
		all = append(all, list...)
	}
	return all, errors.Join(errs...)
}
