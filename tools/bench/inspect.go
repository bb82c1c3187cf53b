package main

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/example"
	proof "github.com/planck-sdn/planck/controller/verify"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// inspections measure what planckctl asks of a large cloud, each over clouds of several sizes. Nothing runs but the computation.
var inspections = []struct {
	name string
	run  func(context.Context, *environment, []*simulated) error
}{
	{"verify", inspectVerify},
	{"check", inspectCheck},
	{"trace", inspectTrace},
}

func benchInspect(ctx context.Context, e *environment) error {
	var clouds []*simulated
	for _, nodes := range size(e, []int{100, 1000}, []int{10, 20}) {
		e.progress("inspect: cloud of %d nodes", nodes)
		clouds = append(clouds, simulate(nodes, size(e, 20000, 400)))
	}
	for _, i := range inspections {
		if err := i.run(ctx, e, clouds); err != nil {
			return fmt.Errorf("%s: %w", i.name, err)
		}
	}
	return nil
}

// simulated is a cloud that is a topology and nothing else.
type simulated struct {
	view  *topology.View
	nodes []*model.Node
	ports int
}

// Networks of a simulated cloud have this many ports, each on a node of its own as far as there are so many.
const portsOfNetwork = 20

// simulate makes a cloud: its ports are in networks of twenty, spread over the nodes, with a router between every two networks, and have a
// security group as a new tenant's.
func simulate(nodes, ports int) *simulated {
	c := &example.Cloud{}
	s := &simulated{ports: ports}
	for i := range nodes {
		n := c.Node(fmt.Sprint("node", i))
		n.EncapIP = netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)})
		s.nodes = append(s.nodes, n)
	}
	var r *model.Router
	var group *model.SecurityGroup
	for i := range ports / portsOfNetwork {
		n := c.Network(fmt.Sprint("network", i))
		third := fmt.Sprintf("10.%d", i%2)
		c.Subnet(n, third+".0.0/24")
		if i%2 == 0 {
			tenant := fmt.Sprint("default", i)
			r, group = c.Router(fmt.Sprint("router", i)), c.Group(tenant, example.Rule("egress any"), example.Rule("ingress any from "+tenant))
		}
		c.Interface(r, n, third+".0.1")
		for k := range portsOfNetwork {
			p := c.VM(n, s.nodes[(i+k*k)%nodes], fmt.Sprintf("vm%d-%d", i, k), fmt.Sprintf("%s.0.%d", third, 10+k))
			example.Join(p, group)
		}
	}
	s.view = c.View()
	return s
}

// workers is how many nodes are looked at at once.
const workers = 2

// batch is of how many nodes the tables are in memory at once.
const batch = 50

// eachBatch renders the tables of all nodes, some at a time, and gives them to work. It returns how long the rendering took.
func (s *simulated) eachBatch(ctx context.Context, work func([]*model.Node, []flow.Tables) error) (rendering time.Duration, err error) {
	for from := 0; from < len(s.nodes); from += batch {
		nodes := s.nodes[from:min(from+batch, len(s.nodes))]
		tables := make([]flow.Tables, len(nodes))
		errs := make([]error, len(nodes))
		began := time.Now()
		concurrently(len(nodes), func(i int) {
			tables[i], errs[i] = example.Tables(apps.All(), s.view, nodes[i].Number)
		})
		rendering += time.Since(began)
		for _, err := range errs {
			if err != nil {
				return 0, err
			}
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if err := work(nodes, tables); err != nil {
			return 0, err
		}
	}
	return rendering, nil
}

// concurrently calls f for all numbers below n, some at once.
func concurrently(n int, f func(int)) {
	var wg sync.WaitGroup
	todo := make(chan int)
	for range workers {
		wg.Go(func() {
			for i := range todo {
				f(i)
			}
		})
	}
	for i := range n {
		todo <- i
	}
	close(todo)
	wg.Wait()
}

// usage is what this process has used.
type usage struct {
	wall      time.Time
	processor time.Duration
	allocated uint64
}

func used() usage {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r) // fails for wrong arguments alone
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{time.Now(), time.Duration(r.Utime.Nano() + r.Stime.Nano()), m.TotalAlloc}
}

// inspectVerify proves all nodes.
func inspectVerify(ctx context.Context, e *environment, clouds []*simulated) error {
	t := table{Title: "planckctl verify: all switches of a cloud are proved",
		Columns: []string{"switches", "ports", "entries", "pairs that were seen to reach each other", "s", "processor s", "processor µs an entry",
			"MB allocated a switch", "s to render the same", "ratio"},
		Notes: []string{fmt.Sprintf("In one process, %d switches at once, from tables in memory: how they are read is not in it. "+
			"Networks of %d ports on as many nodes, a router between every two.", workers, portsOfNetwork)}}
	for _, s := range clouds {
		e.progress("inspect: verify %d switches", len(s.nodes))
		runtime.GC()
		var took, processor time.Duration
		var allocated uint64
		entries, pairs := 0, 0
		intent := proof.Of(s.view)
		rendering, err := s.eachBatch(ctx, func(nodes []*model.Node, tables []flow.Tables) error {
			results := make([]proof.Result, len(nodes))
			before := used()
			concurrently(len(nodes), func(i int) { results[i] = intent.Switch(nodes[i].Number, &tables[i]) })
			after := used()
			took, processor, allocated = took+after.wall.Sub(before.wall), processor+after.processor-before.processor, allocated+after.allocated-before.allocated
			for i, r := range results {
				if len(r.Violations) > 0 {
					return fmt.Errorf("%s: %s", nodes[i].Hostname, r.Violations[0].Text)
				}
				entries, pairs = entries+len(tables[i].Flows), pairs+r.Pairs
			}
			return nil
		})
		if err != nil {
			return err
		}
		t.Rows = append(t.Rows, []any{len(s.nodes), s.ports, entries, pairs, took.Seconds(), processor.Seconds(),
			float64(processor.Microseconds()) / float64(entries), float64(allocated) / float64(len(s.nodes)) / 1e6, rendering.Seconds(), took.Seconds() / rendering.Seconds()})
	}
	e.report.add(t)
	return nil
}
