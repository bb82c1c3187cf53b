package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/planck-sdn/planck/northbound/admin"
	"github.com/planck-sdn/planck/southbound/openflow"
	"github.com/planck-sdn/planck/tests/lab"
	"github.com/planck-sdn/planck/tests/strict"
	"github.com/planck-sdn/planck/tools/internal/cloud"
)

const (
	fabricName     = "fabric"
	portsOfSwitch  = 48
	hostsOfSwitch  = 20 // that are bound
	fabricNetworks = 20
)

// fabricBed is a planckd with physical switches in memory.
type fabricBed struct {
	*testbed
	fabric   *strict.Fabric
	switches []*strict.Switch
	wires    map[[2]string]strict.Wire // by the names of the switches
	stop     context.CancelFunc
	dialling sync.WaitGroup
}

// shape says which switches have a wire.
type shape struct {
	name     string
	switches int
	wires    [][2]int
}

func ringOf(n int) shape {
	s := shape{name: fmt.Sprintf("ring of %d", n), switches: n}
	for i := range n {
		s.wires = append(s.wires, [2]int{i, (i + 1) % n})
	}
	return s
}

func leafSpine(spines, leaves int) shape {
	s := shape{name: fmt.Sprintf("%d leaves with a wire to each of %d spines", leaves, spines), switches: spines + leaves}
	for leaf := range leaves {
		for spine := range spines {
			s.wires = append(s.wires, [2]int{spine, spines + leaf})
		}
	}
	return s
}

func switchName(i int) string { return fmt.Sprintf("switch%d", i+1) }

// startFabric has planckd know the switches, their links, and hosts at each of them.
func (e *environment) startFabric(ctx context.Context, s shape) (_ *fabricBed, err error) {
	b := &fabricBed{fabric: strict.MakeFabric(), wires: map[[2]string]strict.Wire{}}
	if b.testbed, err = e.start(ctx); err != nil {
		return nil, err
	}
	dial, stop := context.WithCancel(context.Background())
	b.stop = stop
	wired := make([]int, s.switches)
	for _, w := range s.wires {
		wired[w[0]]++
		wired[w[1]]++
	}
	ports := make([]int, s.switches)
	next := make([]uint32, s.switches) // wires come to the last ports
	for i := range s.switches {
		ports[i] = max(portsOfSwitch, hostsOfSwitch+wired[i])
		next[i] = uint32(ports[i])
		id := uint64(0x1000 + i)
		sw := b.fabric.Add(strict.Config{DatapathID: id, Description: openflow.Description{Manufacturer: "Planck", Hardware: "in memory"}, Ports: strict.Ports(id, ports[i]),
			Tables: strict.Tables(6, 65536), Groups: strict.GroupLimits{All: 1 << 16, Indirect: 1 << 16}, Meters: 1 << 16})
		b.switches = append(b.switches, sw)
		declaration := object{"name": switchName(i), "physical_network": fabricName}
		if err := b.Do(ctx, http.MethodPut, fmt.Sprintf("%s/switches/%016x", admin.Prefix, id), "", declaration, nil); err != nil {
			return b, err
		}
	}
	for _, w := range s.wires {
		b.wires[[2]string{switchName(w[0]), switchName(w[1])}] = b.fabric.Wire(b.switches[w[0]], next[w[0]], b.switches[w[1]], next[w[1]])
		next[w[0]]--
		next[w[1]]--
	}
	address := net.JoinHostPort(b.Lab.ControllerIP().String(), fmt.Sprint(lab.OpenFlowPort))
	for _, sw := range b.switches {
		b.dialling.Go(func() {
			for dial.Err() == nil {
				if c, err := b.Lab.DialController(dial, "tcp", address); err == nil {
					sw.Serve(dial, c)
				}
				select {
				case <-dial.Done():
				case <-time.After(100 * time.Millisecond):
				}
			}
		})
	}
	if err := b.linked(ctx, len(s.wires)); err != nil {
		return b, err
	}
	e.progress("fabric: %s: %d links are found", s.name, len(s.wires))
	return b, b.bind(ctx, s)
}

// linked waits until so many links are known.
func (b *fabricBed) linked(ctx context.Context, n int) error {
	return cloud.Await(ctx, 2*time.Minute, fmt.Sprintf("%d links are found", n), func() error {
		f, err := b.seen(ctx)
		if err == nil && len(f.Links) != n {
			err = fmt.Errorf("%d links of %d", len(f.Links), n)
		}
		return err
	})
}

func (b *fabricBed) seen(ctx context.Context) (admin.Fabric, error) {
	var answer struct{ Fabrics []admin.Fabric }
	err := b.Do(ctx, http.MethodGet, admin.Prefix+"/fabrics", "", nil, &answer)
	if err != nil || len(answer.Fabrics) == 0 {
		return admin.Fabric{}, err
	}
	return answer.Fabrics[0], nil
}

// bind makes networks with members at every switch.
func (b *fabricBed) bind(ctx context.Context, s shape) error {
	for vlan := range fabricNetworks {
		var made struct{ Network struct{ ID string } }
		attributes := object{"provider:network_type": "vlan", "provider:physical_network": fabricName, "provider:segmentation_id": 100 + vlan}
		if err := b.Do(ctx, http.MethodPost, "/v2.0/networks", project, object{"network": attributes}, &made); err != nil {
			return err
		}
		if err := b.Do(ctx, http.MethodPost, "/v2.0/subnets", project, object{"subnet": subnetOf(made.Network.ID)}, nil); err != nil {
			return err
		}
		var list []object
		for i, sw := range b.switches {
			for port := vlan; port < hostsOfSwitch; port += fabricNetworks {
				list = append(list, object{"network_id": made.Network.ID, "name": fmt.Sprintf("host%d-%d", i, port), "binding:vnic_type": "baremetal",
					"binding:profile": object{"local_link_information": []object{{"switch_id": fmt.Sprintf("%016x", sw.DatapathID()), "port_id": fmt.Sprint(port + 1)}}}})
			}
		}
		if err := b.Do(ctx, http.MethodPost, "/v2.0/ports", project, object{"ports": list}, nil); err != nil {
			return err
		}
	}
	b.e.progress("fabric: %s: %d hosts are bound", s.name, s.switches*hostsOfSwitch)
	return b.WaitConverged(ctx, 5*time.Minute)
}

func (b *fabricBed) close() error {
	if b.stop != nil {
		b.stop()
		b.dialling.Wait()
	}
	b.fabric.Close()
	return b.testbed.close()
}

// lastChange is when a switch was last told something, and how many flow-mods there were in all.
func (b *fabricBed) lastChange() (last time.Time, flowMods uint64) {
	for _, sw := range b.switches {
		if at := sw.LastChange(); at.After(last) {
			last = at
		}
		flowMods += sw.FlowMods()
	}
	return last, flowMods
}

// calm waits until nothing has been told for a second, and everything is confirmed.
func (b *fabricBed) calm(ctx context.Context) error {
	for {
		if err := b.WaitConverged(ctx, 5*time.Minute); err != nil {
			return err
		}
		last, _ := b.lastChange()
		rest := time.Until(last.Add(time.Second))
		if rest <= 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rest):
		}
	}
}

// benchFabric measures what physical switches cost.
func benchFabric(ctx context.Context, e *environment) error {
	if err := fabricEntries(e); err != nil {
		return err
	}
	shapes := size(e, []shape{ringOf(10), leafSpine(4, 96), ringOf(100)}, []shape{ringOf(5)})
	heal := table{Title: "A wire of the tree is cut: from the port status to the last entry of the healed trees",
		Columns: []string{"switches", "hosts", "flow entries a switch", "cuts", "flow-mods a cut", "median", "slowest"},
		Notes: []string{fmt.Sprintf("Switches in memory behind real OpenFlow connections, in the process of the benchmark; PostgreSQL. %d hosts at each, in %d networks "+
			"that are on every switch. The last entry is the last that any switch has taken.", hostsOfSwitch, fabricNetworks)}}
	rest := table{Title: "planckd beside physical switches at rest",
		Columns: []string{"switches", "ports each, all up", "hosts each", "processor of planckd", "of PostgreSQL", "seconds"},
		Notes:   []string{"In percent of one processor. Each port without a host sends LLDP once a second; that nobody answers costs no less than a link. A spine has 116 ports."}}
	for _, s := range shapes {
		if err := e.benchShape(ctx, s, &heal, &rest); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	e.report.add(heal)
	e.report.add(rest)
	return nil
}

func (e *environment) benchShape(ctx context.Context, s shape, heal, rest *table) (err error) {
	b, err := e.startFabric(ctx, s)
	if b != nil && b.testbed != nil {
		defer func() {
			if e := b.close(); err == nil {
				err = e
			}
		}()
	}
	if err != nil {
		return err
	}
	if err := b.calm(ctx); err != nil {
		return err
	}
	if err := b.atRest(ctx, s, rest); err != nil {
		return err
	}
	entries := 0
	for _, sw := range b.switches {
		entries += len(sw.Tables().Flows)
	}
	cuts := size(e, 7, 2)
	var took []time.Duration
	var flowMods uint64
	for range cuts {
		f, err := b.seen(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(f.Links, func(l admin.SwitchLink) bool { return l.InTree })
		l := f.Links[i]
		w, ok := b.wires[[2]string{l.A.Node, l.B.Node}]
		if !ok {
			w = b.wires[[2]string{l.B.Node, l.A.Node}]
		}
		_, before := b.lastChange()
		began := time.Now()
		w.Cut()
		if err := b.linked(ctx, len(f.Links)-1); err != nil {
			return err
		}
		if err := b.calm(ctx); err != nil {
			return err
		}
		last, after := b.lastChange()
		took, flowMods = append(took, last.Sub(began)), flowMods+after-before
		e.progress("fabric: %s: cut %s to %s: healed after %v, %d flow-mods", s.name, l.A.Node, l.B.Node, last.Sub(began).Round(time.Millisecond), after-before)
		w.Mend()
		if err := b.linked(ctx, len(f.Links)); err != nil {
			return err
		}
		if err := b.calm(ctx); err != nil {
			return err
		}
	}
	heal.Rows = append(heal.Rows, []any{s.name, s.switches * hostsOfSwitch, entries / s.switches, cuts, int(flowMods) / cuts, percentile(took, .5), percentile(took, 1)})
	return nil
}

func (b *fabricBed) atRest(ctx context.Context, s shape, t *table) error {
	length := size(b.e, 30*time.Second, 5*time.Second)
	before, err := b.processorTime()
	if err != nil {
		return err
	}
	err = b.profiled(ctx, "fabric-rest", length, func() error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(length):
			return nil
		}
	})
	if err != nil {
		return err
	}
	after, err := b.processorTime()
	if err != nil {
		return err
	}
	percent := func(d time.Duration) string { return fmt.Sprintf("%.1f %%", 100*d.Seconds()/length.Seconds()) }
	t.Rows = append(t.Rows, []any{s.name, portsOfSwitch, hostsOfSwitch, percent(after.planckd - before.planckd), percent(after.postgres - before.postgres), length.Seconds()})
	return nil
}
