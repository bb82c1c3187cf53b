package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// benchREST measures requests a second, with PostgreSQL as durable as it is by default.
func benchREST(ctx context.Context, e *environment) error {
	t := table{Title: "Requests a second with PostgreSQL", Columns: []string{"request", "other ports", "clients", "a second", "p50", "p99", "processor time: planckd", "PostgreSQL"},
		Notes: []string{"PostgreSQL with its durable defaults (fsync) on the same machine, as are the clients. All ports are on one subnet."}}
	memory := table{Title: "Memory of planckd", Columns: []string{"ports", "resident after making them", "resident after the requests", "highest"}}
	if err := e.rest(ctx, &t, &memory); err != nil {
		return err
	}
	e.report.add(t)
	e.report.add(memory)
	return nil
}

func (e *environment) rest(ctx context.Context, t, memory *table) (err error) {
	b, err := e.start(ctx)
	if err != nil {
		return err
	}
	defer b.closeInto(&err)
	const header = "X-Project-Id: " + project + "\r\n"
	network, err := b.network(ctx)
	if err != nil {
		return err
	}
	others := 0
	for _, wanted := range []int{0, size(e, 10_000, 1000)} {
		for ; others < wanted; others += 1000 {
			if _, err := b.ports(ctx, network, 1000); err != nil {
				return err
			}
		}
		before, err := b.memory()
		if err != nil {
			return err
		}
		for _, clients := range []int{1, 8} {
			if err := b.restRound(ctx, t, header, network, others, clients); err != nil {
				return err
			}
		}
		after, err := b.memory()
		if err != nil {
			return err
		}
		memory.Rows = append(memory.Rows, []any{others, before.now, after.now, after.highest})
	}
	return nil
}

// restRound makes ports, changes, reads and deletes them. header goes with every request.
func (b *testbed) restRound(ctx context.Context, t *table, header, network string, others, count int) error {
	clients, closeAll, err := b.clients(ctx, count)
	if err != nil {
		return err
	}
	defer closeAll()
	ports := size(b.e, map[int]int{1: 1500, 8: 5000}, map[int]int{1: 200, 8: 200})[count]
	paths := make([]string, ports)
	create := b.request(http.MethodPost, "/v2.0/ports", header, `{"port":{"network_id":"`+network+`"}}`)
	list := b.request(http.MethodGet, "/v2.0/ports?limit=1000", header, "")
	fixed := func(text []byte) func(int) []byte { return func(int) []byte { return text } }
	onPort := func(method, body string) func(int) []byte {
		texts := make([][]byte, ports)
		return func(i int) []byte {
			i %= ports
			if texts[i] == nil {
				texts[i] = b.request(method, paths[i], header, body)
			}
			return texts[i]
		}
	}
	for _, r := range []struct {
		name     string
		requests int
		text     func(int) []byte
		answered func(int, []byte) error
	}{
		{"POST a port", ports, fixed(create), func(i int, body []byte) error {
			id, err := idIn(body)
			paths[i] = "/v2.0/ports/" + id
			return err
		}},
		{"PUT a port", ports, onPort(http.MethodPut, `{"port":{"name":"another"}}`), nil},
		{"GET a port", 6 * ports, onPort(http.MethodGet, ""), nil},
		{"GET a list of 1,000 ports", max(ports/25, 10), fixed(list), nil},
		{"DELETE a port", ports, onPort(http.MethodDelete, ""), nil},
	} {
		b.e.progress("rest: %s, %d other ports, %d clients", r.name, others, count)
		before, err := b.processorTime()
		if err != nil {
			return err
		}
		var took []time.Duration
		var all time.Duration
		name := fmt.Sprintf("rest-%s-%d-%d", strings.ReplaceAll(r.name, " ", "-"), others, count)
		if err := b.profiled(ctx, name, 2*time.Second, func() error {
			var err error
			took, all, err = share(clients, r.requests, r.text, r.answered)
			return err
		}); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		after, err := b.processorTime()
		if err != nil {
			return err
		}
		planckd, postgres := after.since(before, len(took))
		t.Rows = append(t.Rows, []any{r.name, others, count, float64(len(took)) / all.Seconds(), percentile(took, .5), percentile(took, .99), planckd, postgres})
	}
	return nil
}

// idIn finds the id in an answer with one object.
func idIn(body []byte) (string, error) {
	_, rest, ok := bytes.Cut(body, []byte(`"id":"`))
	id, _, end := bytes.Cut(rest, []byte(`"`))
	if !ok || !end {
		return "", fmt.Errorf("no id in %q", body)
	}
	return string(id), nil
}

// mebibytes is an amount of memory.
type mebibytes float64

func (m mebibytes) String() string { return fmt.Sprintf("%.0f MiB", float64(m)) }

// residentMemory is what a process has in memory, now and at most so far.
type residentMemory struct{ now, highest mebibytes }

func (b *testbed) memory() (residentMemory, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.Process.PID()))
	if err != nil {
		return residentMemory{}, err
	}
	var m residentMemory
	for line := range strings.Lines(string(raw)) {
		name, value, _ := strings.Cut(line, ":")
		kilobytes, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		switch {
		case name != "VmRSS" && name != "VmHWM":
			continue
		case err != nil:
			return residentMemory{}, err
		case name == "VmRSS":
			m.now = mebibytes(kilobytes / 1024)
		default:
			m.highest = mebibytes(kilobytes / 1024)
		}
	}
	if m.now == 0 || m.highest == 0 {
		return residentMemory{}, errors.New("the kernel does not say what memory planckd has")
	}
	return m, nil
}
