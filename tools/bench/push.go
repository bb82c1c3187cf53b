package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/openflow"
	"github.com/planck-sdn/planck/tests/lab"
)

// bundleSize is how many messages planckd puts into a bundle when there are many (controller/reconcile).
const bundleSize = 5000

// benchPush pushes rendered entries to one Open vSwitch, beside ovs-ofctl with the same ones.
func benchPush(ctx context.Context, e *environment) (err error) {
	count, runs := size(e, 50_000, 5_000), size(e, 7, 2)
	flows, others := renderedEntries(count)
	l, err := e.lab()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	node := l.AddNode("node1", lab.NodeOptions{})
	session, stop, err := connect(ctx, node, filepath.Join(l.Dir, node.Name, "openflow"))
	if err != nil {
		return err
	}
	defer stop()
	if refusals, err := session.Apply(ctx, others, false); err != nil || len(refusals) > 0 {
		return fmt.Errorf("groups and meters: %v %v", refusals, err)
	}
	file := filepath.Join(l.Dir, "flows")
	if err := writeFlows(file, flows); err != nil {
		return err
	}

	ways := []struct {
		name string
		push func() error
	}{
		{fmt.Sprintf("Planck, bundles of %s (as planckd sends them)", thousands(bundleSize)), func() error {
			for some := range slices.Chunk(flows, bundleSize) {
				if err := apply(ctx, session, some); err != nil {
					return err
				}
			}
			return nil
		}},
		{"Planck, one bundle", func() error { return apply(ctx, session, flows) }},
		{"ovs-ofctl --bundle add-flows", func() error {
			_, err := node.Ofctl("--bundle", "add-flows", "br-int", file)
			return err
		}},
	}
	took := make([][]time.Duration, len(ways))
	for run := range runs {
		for i, w := range ways {
			if err := ctx.Err(); err != nil {
				return err
			}
			if _, err := node.Ofctl("del-flows", "br-int"); err != nil {
				return err
			}
			if err := session.Ping(ctx); err != nil { // it is told of each entry that has gone
				return err
			}
			began := time.Now()
			if err := w.push(); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			took[i] = append(took[i], time.Since(began))
			e.progress("push: run %d, %s: %v", run+1, w.name, took[i][run].Round(time.Millisecond))
			if err := verify(ctx, session, flows); err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
		}
	}
	t := table{Title: fmt.Sprintf("%s flow entries to one Open vSwitch, to the barrier reply", thousands(count)),
		Columns: []string{"how", "median", "fastest", "slowest", "beside ovs-ofctl (medians)"},
		Notes:   []string{fmt.Sprintf("%d runs each, in turns, on an empty table; each time the entries are read back and compared.", runs)}}
	reference := percentile(took[len(ways)-1], .5)
	for i, w := range ways {
		m := percentile(took[i], .5)
		t.Rows = append(t.Rows, []any{w.name, m, percentile(took[i], 0), percentile(took[i], 1), m.value() / reference.value()})
	}
	e.report.add(t)
	return nil
}

// renderedEntries are flow entries as a node with many ports has them, and the groups and meters that they need.
func renderedEntries(count int) (flows, others []flow.Change) {
	cloud := &example.Cloud{}
	at, away := cloud.Node("node1"), cloud.Node("node2")
	fillCloud(cloud, at, away, count/12) // a port has 14 entries where it is; some are left over
	v := cloud.View()
	seen := map[flow.Key]bool{}
	for _, u := range v.Units(at.Number) {
		r := pipeline.Render(apps.All(), v, at.Number, u)
		for _, f := range r.Flows {
			if !seen[f.Key()] && len(flows) < count {
				seen[f.Key()] = true
				flows = append(flows, flow.Change{Op: flow.OpAdd, Flow: f})
			}
		}
		for i := range r.Groups {
			others = append(others, flow.Change{Op: flow.OpAdd, Group: &r.Groups[i]})
		}
		for i := range r.Meters {
			others = append(others, flow.Change{Op: flow.OpAdd, Meter: &r.Meters[i]})
		}
	}
	// A group comes after the groups that it refers to, which have higher numbers.
	slices.SortStableFunc(others, func(a, b flow.Change) int {
		switch {
		case a.Group != nil && b.Group != nil:
			return int(b.Group.ID) - int(a.Group.ID)
		case a.Meter != nil && b.Group != nil:
			return -1
		case a.Group != nil && b.Meter != nil:
			return 1
		}
		return 0
	})
	return flows, others
}

// fillCloud adds networks of 100 ports, 95 of which are on the one node and 5 on the other.
func fillCloud(cloud *example.Cloud, at, away *model.Node, ports int) {
	var network *model.Network
	for i := range ports {
		if i%100 == 0 {
			network = cloud.Network(fmt.Sprintf("net%d", i/100))
			cloud.Subnet(network, "10.1.0.0/16")
		}
		where := at
		if i%100 >= 95 {
			where = away
		}
		cloud.VM(network, where, fmt.Sprintf("port%d", i), fmt.Sprintf("10.1.1.%d", i%100+1))
	}
}

func writeFlows(file string, flows []flow.Change) error {
	var text bytes.Buffer
	for _, c := range flows {
		entry, err := c.Flow.Decode()
		if err != nil {
			return err
		}
		fmt.Fprintln(&text, flow.Format(entry, nil))
	}
	return os.WriteFile(file, text.Bytes(), 0o600)
}

func apply(ctx context.Context, s *openflow.Session, changes []flow.Change) error {
	refusals, err := s.Apply(ctx, changes, true)
	if err == nil && len(refusals) > 0 {
		err = fmt.Errorf("%d entries were refused, the first: %s", len(refusals), refusals[0].Reason)
	}
	return err
}

func verify(ctx context.Context, s *openflow.Session, flows []flow.Change) error {
	tables, err := s.Read(ctx)
	if err != nil {
		return err
	}
	held := make(map[flow.Encoded]bool, len(tables.Flows))
	for _, f := range tables.Flows {
		held[f] = true
	}
	for _, c := range flows {
		if !held[c.Flow] {
			return fmt.Errorf("the switch does not hold what was sent (it holds %d of %d entries)", len(held), len(flows))
		}
	}
	return nil
}

// sessions hands over the switch that connects.
type sessions struct{ connected chan *openflow.Session }

func (h sessions) Connected(s *openflow.Session)                   { h.connected <- s }
func (sessions) PacketIn(*openflow.Session, flow.PacketIn)         {}
func (sessions) PortStatus(*openflow.Session, openflow.PortStatus) {}
func (sessions) FlowRemoved(*openflow.Session, openflow.FlowRemoved) {
}
func (sessions) Error(*openflow.Session, openflow.Error) {}
func (sessions) Disconnected(*openflow.Session, error)   {}

// connect makes br-int on a node, whose switch then dials to a Unix socket of this program. Open vSwitch takes only sockets in its
// run directory.
func connect(ctx context.Context, n *lab.Node, socket string) (_ *openflow.Session, stop func(), err error) {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, nil, err
	}
	serving, cancel := context.WithCancel(context.Background())
	h := sessions{make(chan *openflow.Session, 1)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = openflow.NewServer(openflow.Config{}, h).Serve(serving, listener) // its end is asked for
	}()
	stop = func() { cancel(); <-ended }
	_, err = n.Vsctl("add-br", "br-int", "--", "set", "Bridge", "br-int", "datapath_type=netdev", "fail_mode=secure", "protocols=OpenFlow13",
		"other-config:disable-in-band=true", "--", "set-controller", "br-int", "unix:"+socket)
	if err != nil {
		stop()
		return nil, nil, err
	}
	ctx, cancelWait := context.WithTimeout(ctx, 10*time.Second)
	defer cancelWait()
	select {
	case s := <-h.connected:
		return s, stop, s.BecomeMaster(ctx, 1)
	case <-ctx.Done():
		stop()
		return nil, nil, fmt.Errorf("the switch does not connect: %w", ctx.Err())
	}
}
