package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/planck-sdn/planck/northbound/admin"
	"github.com/planck-sdn/planck/tests/lab"
	"github.com/planck-sdn/planck/tests/postgres"
	"github.com/planck-sdn/planck/tools/internal/cloud"
)

// testbed is a planckd on a PostgreSQL of its own, with a lab around it.
type testbed struct {
	*cloud.Cloud
	e        *environment
	postgres *postgres.Server
}

const project = "bench"

// start makes a testbed without nodes. Close it.
func (e *environment) start(ctx context.Context) (*testbed, error) {
	b, err := e.prepare()
	if err != nil {
		return nil, err
	}
	if err := b.run(ctx, nil); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

// prepare makes a testbed where planckd does not run yet.
func (e *environment) prepare() (_ *testbed, err error) {
	b := &testbed{e: e}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	l, err := e.lab()
	if err != nil {
		return nil, err
	}
	b.Cloud = &cloud.Cloud{Lab: l} // for close, until planckd runs
	if b.postgres, err = postgres.Start(); err != nil {
		return nil, err
	}
	return b, nil
}

// run starts planckd, with these variables beside this process's.
func (b *testbed) run(ctx context.Context, variables []string, flags ...string) error {
	url, err := b.postgres.NewDatabase(ctx)
	if err != nil {
		return err
	}
	if url, err = b.postgres.OverSocket(url); err != nil {
		return err
	}
	started, err := cloud.Start(ctx, cloud.Options{Lab: b.Lab, Binary: filepath.Join(b.e.bin, "planckd"), Database: url, Environment: variables,
		Flags: append([]string{"--pprof", b.pprofSocket(), "--quota", "network=-1,subnet=-1,port=-1,router=-1,floatingip=-1"}, flags...)})
	if err != nil {
		return err
	}
	b.Cloud = started
	return nil
}

func (e *environment) lab() (*lab.Lab, error) {
	return lab.New(lab.Options{OwnSignals: true, Fatal: func(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }})
}

func (b *testbed) close() error {
	var errs []error
	if b.Cloud != nil {
		errs = append(errs, b.Lab.Close())
	}
	if b.postgres != nil {
		errs = append(errs, b.postgres.Stop())
	}
	return errors.Join(errs...)
}

// closeInto closes a testbed at the end of a function whose error it adds to.
func (b *testbed) closeInto(err *error) { *err = errors.Join(*err, b.close()) }

// dummyNodes adds nodes whose datapath passes no packets, and waits until they are ready.
func (b *testbed) dummyNodes(ctx context.Context, count int) ([]*lab.Node, error) {
	return b.nodes(ctx, count, lab.NodeOptions{Dummy: true})
}

// realNodes adds nodes that pass packets, also to each other, and waits until they are ready.
func (b *testbed) realNodes(ctx context.Context, count int, o lab.NodeOptions) ([]*lab.Node, error) {
	nodes, err := b.nodes(ctx, count, o)
	if err == nil {
		b.Lab.WarmTunnels()
	}
	return nodes, err
}

func (b *testbed) nodes(ctx context.Context, count int, o lab.NodeOptions) ([]*lab.Node, error) {
	var nodes []*lab.Node
	for i := range count {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		n := b.Lab.AddNode(fmt.Sprintf("node%d", i+1), o)
		n.Attach(b.Target())
		nodes = append(nodes, n)
	}
	return nodes, b.WaitReady(ctx, nodes...)
}

// port is what benchmarks need of a port.
type port struct {
	ID       string `json:"id"`
	MAC      string `json:"mac_address"`
	Status   string `json:"status"`
	FixedIPs []struct {
		IPAddress string `json:"ip_address"`
	} `json:"fixed_ips"`
}

type object map[string]any

// network makes a network with a /16 subnet and returns its id.
func (b *testbed) network(ctx context.Context) (string, error) {
	var made struct{ Network struct{ ID string } }
	if err := b.Do(ctx, http.MethodPost, "/v2.0/networks", project, object{"network": object{}}, &made); err != nil {
		return "", err
	}
	return made.Network.ID, b.Do(ctx, http.MethodPost, "/v2.0/subnets", project, object{"subnet": subnetOf(made.Network.ID)}, nil)
}

func subnetOf(network string) object {
	return object{"network_id": network, "ip_version": 4, "cidr": "10.1.0.0/16"}
}

// ports makes ports of a network in one request.
func (b *testbed) ports(ctx context.Context, network string, count int) ([]port, error) {
	list := make([]object, count)
	for i := range list {
		list[i] = object{"network_id": network}
	}
	var made struct{ Ports []port }
	err := b.Do(ctx, http.MethodPost, "/v2.0/ports", project, object{"ports": list}, &made)
	return made.Ports, err
}

// plug plugs a port with ovs-vsctl, as a hypervisor does.
func plug(n *lab.Node, p port) error { return n.Plug(tap(p), p.ID, p.MAC) }

// plugMany plugs ports with one OVSDB transaction: what ovs-vsctl takes grows with the square of the ports that a node has.
func (b *testbed) plugMany(n *lab.Node, ports []port) error {
	operations := []any{"Open_vSwitch"}
	var added []any
	for i, p := range ports {
		ids := [][2]string{{"iface-id", p.ID}, {"attached-mac", p.MAC}, {"iface-status", "active"}}
		iface, row := fmt.Sprintf("interface%d", i), fmt.Sprintf("port%d", i)
		operations = append(operations,
			object{"op": "insert", "table": "Interface", "uuid-name": iface, "row": object{"name": tap(p), "external_ids": []any{"map", ids}}},
			object{"op": "insert", "table": "Port", "uuid-name": row, "row": object{"name": tap(p), "interfaces": []any{"named-uuid", iface}}})
		added = append(added, []any{"named-uuid", row})
	}
	operations = append(operations, object{"op": "mutate", "table": "Bridge", "where": []any{[]any{"name", "==", "br-int"}},
		"mutations": []any{[]any{"ports", "insert", []any{"set", added}}}})
	conn, err := net.Dial("unix", filepath.Join(b.Lab.Dir, n.Name, "db.sock"))
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := json.NewEncoder(conn).Encode(object{"id": 1, "method": "transact", "params": operations}); err != nil {
		return err
	}
	var reply struct {
		Error  any
		Result []struct{ Error, Details string }
	}
	if err := json.NewDecoder(conn).Decode(&reply); err != nil {
		return err
	}
	for _, r := range reply.Result {
		if r.Error != "" {
			return fmt.Errorf("OVSDB of %s: %s: %s", n.Name, r.Error, r.Details)
		}
	}
	if reply.Error != nil {
		return fmt.Errorf("OVSDB of %s: %v", n.Name, reply.Error)
	}
	return nil
}

// settled waits until planckd knows of so many plugged ports on each node, and everything is confirmed.
func (b *testbed) settled(ctx context.Context, plugged map[*lab.Node]int) error {
	for n, want := range plugged {
		err := cloud.Await(ctx, time.Minute, n.Name+" has its ports", func() error {
			seen, err := b.node(ctx, n.Name)
			if err == nil && seen.Ports != want {
				err = fmt.Errorf("%d ports are plugged of %d", seen.Ports, want)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := b.WaitConverged(ctx, time.Minute); err != nil {
		return err
	}
	return b.WaitReady(ctx, slices.Collect(maps.Keys(plugged))...) // a node that is away has nothing to confirm
}

// tap is the name of a port's interface, as Nova has it.
func tap(p port) string { return "tap" + p.ID[:11] }

// node is what planckd says of a node.
func (b *testbed) node(ctx context.Context, name string) (admin.Node, error) {
	var n admin.Node
	err := b.Do(ctx, http.MethodGet, admin.Prefix+"/nodes/"+name, "", nil, &n)
	return n, err
}

func (b *testbed) pprofSocket() string { return filepath.Join(b.Lab.Dir, "pprof") }

// profiled runs f, and takes a CPU profile of planckd meanwhile if one is asked for.
func (b *testbed) profiled(ctx context.Context, name string, length time.Duration, f func() error) error {
	if b.e.profile == "" {
		return f()
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- b.takeProfile(ctx, filepath.Join(b.e.profile, name+".pprof"), length) }()
	if err := f(); err != nil {
		return err
	}
	return <-done
}

func (b *testbed) takeProfile(ctx context.Context, file string, length time.Duration) error {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", b.pprofSocket())
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dial}}
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://planckd/debug/pprof/profile?seconds=%d", int(length.Round(time.Second).Seconds())), nil)
	if err != nil {
		return err
	}
	r, err := client.Do(q)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	return os.WriteFile(file, raw, 0o644)
}
