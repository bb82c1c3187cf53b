package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/planck-sdn/planck/tests/lab"
)

// benchSecurity measures what security groups cost: a change of members, and packets.
func benchSecurity(ctx context.Context, e *environment) error {
	return errors.Join(groupMembers(ctx, e), groupPackets(ctx, e))
}

// groupMembers measures a port that joins and leaves a large group.
func groupMembers(ctx context.Context, e *environment) (err error) {
	const nodeCount = 10
	b, err := e.start(ctx)
	if err != nil {
		return err
	}
	defer b.closeInto(&err)
	nodes, err := b.dummyNodes(ctx, nodeCount)
	if err != nil {
		return err
	}
	network, err := b.network(ctx)
	if err != nil {
		return err
	}
	members, err := b.ports(ctx, network, size(e, 1000, 100)) // all of them of the project's default group, which names itself
	if err != nil {
		return err
	}
	plugged := map[*lab.Node]int{}
	for i, n := range nodes {
		if err := plug(n, members[i]); err != nil {
			return err
		}
		plugged[n] = 1
	}
	if err := b.settled(ctx, plugged); err != nil {
		return err
	}
	joining := members[nodeCount]
	group, err := b.DefaultSecurityGroup(ctx, project)
	if err != nil {
		return err
	}
	flowMods := func() (sum uint64, err error) {
		for _, n := range nodes {
			seen, err := b.node(ctx, n.Name)
			if err != nil {
				return 0, err
			}
			sum += seen.Counters.FlowMods
		}
		return sum, nil
	}
	set := func(groups []string) (time.Duration, error) {
		began := time.Now()
		if err := b.Do(ctx, http.MethodPut, "/v2.0/ports/"+joining.ID, project, object{"port": object{"security_groups": groups}}, nil); err != nil {
			return 0, err
		}
		err := b.WaitConverged(ctx, time.Minute)
		return time.Since(began), err
	}
	if _, err := set([]string{}); err != nil {
		return err
	}
	before, err := flowMods()
	if err != nil {
		return err
	}
	var joined, left []time.Duration
	rounds := size(e, 100, 5)
	for range rounds {
		took, err := set([]string{group})
		if err != nil {
			return err
		}
		joined = append(joined, took)
		if took, err = set([]string{}); err != nil {
			return err
		}
		left = append(left, took)
	}
	after, err := flowMods()
	if err != nil {
		return err
	}
	e.report.add(table{Title: "A port joins a security group that is a remote group of itself",
		Columns: []string{"members", "nodes that use it", "joins, all nodes confirmed: p50", "p99", "leaves: p50", "p99", "flow-mods a change and node"},
		Rows: [][]any{{len(members), nodeCount, percentile(joined, .5), percentile(joined, .99), percentile(left, .5), percentile(left, .99),
			float64(after-before) / float64(2*rounds*nodeCount)}},
		Notes: []string{"From before the PUT of the port to the answer of /planck/v1/wait. The port is plugged nowhere; its network is on every node."}})
	return nil
}

// groupPackets compares packets between ports with groups and between ports without port security.
func groupPackets(ctx context.Context, e *environment) (err error) {
	b, err := e.start(ctx)
	if err != nil {
		return err
	}
	defer b.closeInto(&err)
	nodes, err := b.realNodes(ctx, 2, lab.NodeOptions{})
	if err != nil {
		return err
	}
	network, _, err := b.tenant(ctx, "10.1.0.0/24")
	if err != nil {
		return err
	}
	kinds := []string{"port security off", "groups"}
	clients, servers, addresses := map[string]*lab.VM{}, map[string]*lab.VM{}, map[string]string{}
	for _, kind := range kinds {
		name := strings.Fields(kind)[0]
		client, p, err := b.boot(ctx, nodes[0], name+"-client", network)
		if err != nil {
			return err
		}
		server, q, err := b.boot(ctx, nodes[1], name+"-server", network)
		if err != nil {
			return err
		}
		clients[kind], servers[kind], addresses[kind] = client, server, address(q)
		if kind == kinds[0] {
			for _, x := range []port{p, q} {
				body := object{"port": object{"security_groups": []string{}, "port_security_enabled": false}}
				if err := b.Do(ctx, http.MethodPut, "/v2.0/ports/"+x.ID, project, body, nil); err != nil {
					return err
				}
			}
		}
	}
	if err := b.WaitConverged(ctx, time.Minute); err != nil {
		return err
	}
	rates, connections := map[string][]float64{}, map[string][]float64{}
	for run := range size(e, 5, 1) {
		for _, kind := range kinds {
			rate, err := iperf(clients[kind], servers[kind], addresses[kind], size(e, 4, 1))
			if err != nil {
				return fmt.Errorf("iperf3, %s: %w", kind, err)
			}
			each, err := connectionsPerSecond(clients[kind], servers[kind], addresses[kind], size(e, 3, 1))
			if err != nil {
				return fmt.Errorf("connections, %s: %w", kind, err)
			}
			e.progress("security: run %d, %s: %.0f Mbit/s, %.0f connections/s", run+1, kind, rate, each)
			rates[kind], connections[kind] = append(rates[kind], rate), append(connections[kind], each)
		}
	}
	t := table{Title: "TCP between VMs on two nodes, with security groups and without port security",
		Columns: []string{"", "median Mbit/s", "lowest", "highest", "median connections/s", "lowest", "highest"},
		Notes:   []string{"iperf3, one connection; and a loop that connects, reads until the server closes, and begins again. Runs of the two kinds in turn."}}
	for _, kind := range kinds {
		r, c := rates[kind], connections[kind]
		t.Rows = append(t.Rows, []any{kind, median(r), slices.Min(r), slices.Max(r), median(c), slices.Min(c), slices.Max(c)})
	}
	t.Rows = append(t.Rows, []any{"ratio of the medians", median(rates[kinds[1]]) / median(rates[kinds[0]]), "", "",
		median(connections[kinds[1]]) / median(connections[kinds[0]]), "", ""})
	e.report.add(t)
	return nil
}

// open has the project's default group let strangers in.
func (b *testbed) open(ctx context.Context) error {
	group, err := b.DefaultSecurityGroup(ctx, project)
	if err != nil {
		return err
	}
	_, err = b.create(ctx, "security-group-rules", "security_group_rule", object{"security_group_id": group, "direction": "ingress"})
	return err
}

// connectionsPerSecond counts how many TCP connections a second a client makes, one after the other.
func connectionsPerSecond(client, server *lab.VM, to string, seconds int) (perSecond float64, err error) {
	const port = 7008
	p, err := server.Start("python3", "-c", fmt.Sprintf(`
import socket
s = socket.create_server(("", %d), backlog=1000)
while True:
    s.accept()[0].close()
`, port))
	if err != nil {
		return 0, err
	}
	defer p.Kill()
	out, err := client.Exec("python3", "-c", fmt.Sprintf(`
import socket, time
to = ("%s", %d)
patience = time.monotonic() + 5
while True: # until the server listens
    try:
        socket.create_connection(to, 1).close()
        break
    except OSError:
        if time.monotonic() > patience: raise
n, end = 0, time.monotonic() + %d
while time.monotonic() < end:
    c = socket.create_connection(to, 5)
    c.recv(1)
    c.close()
    n += 1
print(n)
`, to, port, seconds))
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(out))
	return float64(n) / float64(seconds), err
}
