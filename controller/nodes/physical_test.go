package nodes

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/l2"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/controller/cluster"
	"github.com/planck-sdn/planck/controller/fabric"
	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/southbound/openflow"
	"github.com/planck-sdn/planck/tests/strict"
)

// daemon is the part of planckd that physical switches talk to, over a database of its own.
type daemon struct {
	*Registry
	t       *testing.T
	db      *store.Store
	address string
	links   *fabric.Keeper
}

func start(t *testing.T) *daemon {
	ctx, stop := context.WithCancel(context.Background())
	db, err := store.Open(ctx, "sqlite:"+t.TempDir()+"/planck.db", store.Options{Source: model.SystemSource()})
	if err != nil {
		t.Fatal(err)
	}
	key, err := db.LLDPKey(ctx)
	if err != nil {
		t.Fatal(err)
	}
	follower, err := cluster.NewFollower(ctx, db, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{t: t, db: db}
	d.Registry = New(ctx, Config{Store: db, Masters: cluster.NewMasters(db, "r1", zap.NewNop()), Apps: apps.All(), Log: zap.NewNop(),
		Now: time.Now, Status: func(reconcile.PortStatus) {}, Hush: l2.Hush,
		FollowUp: func(node model.Number, r pipeline.Reply) {
			if r.LLDP != nil {
				d.links.Heard(node, r.LLDP.Port, r.LLDP.Frame)
			}
		}}, follower.View)
	d.links = fabric.New(fabric.Config{Store: db, Key: key, View: follower.View, InStep: d.InStep, Send: d.Send, Nonce: rand.Uint64, Now: time.Now, Log: zap.NewNop()})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.address = l.Addr().String()
	var running sync.WaitGroup
	running.Go(func() {
		follower.Run(ctx, func(v *topology.View, touches []topology.Touch) {
			d.Apply(v, touches)
			d.links.Changed()
		})
	})
	running.Go(func() { d.links.Run(ctx) })
	running.Go(func() { _ = openflow.NewServer(openflow.Config{Admit: d.Admit}, d.OpenFlow()).Serve(ctx, l) })
	t.Cleanup(func() {
		stop()
		running.Wait()
		d.Wait()
		_ = db.Close()
	})
	return d
}

func (d *daemon) declare(s *strict.Switch, name, driver string) *model.Node {
	d.t.Helper()
	n, _, err := d.db.DeclareSwitch(d.t.Context(), model.Node{Hostname: name, DatapathID: s.DatapathID(),
		Switch: &model.Switch{PhysicalNetwork: "dc", Override: driver}})
	if err != nil {
		d.t.Fatal(err)
	}
	return n
}

func (d *daemon) eventually(what string, condition func() bool) time.Duration {
	d.t.Helper()
	began := time.Now()
	for !condition() {
		if time.Since(began) > 15*time.Second {
			d.t.Fatalf("%s: not within 15 s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
	return time.Since(began)
}

func (d *daemon) countLinks() (n int) {
	d.view().Links(func(*model.Link) { n++ })
	return n
}

func config(id uint64) strict.Config {
	return strict.Config{DatapathID: id, Description: openflow.Description{Manufacturer: "Strict", Hardware: "in memory", Software: "1.3.5"},
		Ports: strict.Ports(id, 4), Tables: strict.Tables(9, 2000), Negotiable: true, Groups: strict.GroupLimits{All: 100}, Meters: 100}
}

// TestDeclaredSwitch: a switch waits until it is declared, and then is in service, with what it has said in its row.
func TestDeclaredSwitch(t *testing.T) {
	d := start(t)
	s := strict.NewFabric(t).Add(config(0xa1))
	s.Connect(d.address)
	d.eventually("it waits", func() bool { return len(d.Waiting()) == 1 })
	if w := d.Waiting()[0]; w.DatapathID != 0xa1 || !strings.HasPrefix(w.Remote, "127.0.0.1:") || w.Last.Before(w.First) {
		t.Errorf("it waits as %+v", w)
	}
	n := d.declare(s, "tor1", "")
	d.eventually("it is in step", func() bool { return d.InStep(n.Number) })
	if list := d.Waiting(); len(list) > 0 {
		t.Errorf("it still waits: %+v", list)
	}
	row := d.view().Node(n.Number).Switch
	if row.Driver != "generic" || row.Description.Manufacturer != "Strict" || len(row.Ports) != 4 || !row.Ports[0].Up || row.Meters != 100 ||
		len(row.Tables) != len(pipeline.OpenFlow13) || row.Tables[0].Name != pipeline.SwitchPort.Name {
		t.Errorf("it has reported %+v", row)
	}
	if p, ok := d.Physical(n.Number); !ok || p.Problem != "" {
		t.Errorf("its session: %+v, %v", p, ok)
	}
	if s.Entries(pipeline.SwitchPort.ID) == 0 || len(s.Refusals()) > 0 {
		t.Errorf("%d entries, refusals %v", s.Entries(pipeline.SwitchPort.ID), s.Refusals())
	}

	mods := s.FlowMods()
	s.Cut()
	d.eventually("it is away", func() bool { return !d.InStep(n.Number) })
	s.Connect(d.address)
	d.eventually("it is back", func() bool { return d.InStep(n.Number) })
	if s.FlowMods() != mods {
		t.Errorf("%d flow-mods for a switch that has all", s.FlowMods()-mods)
	}
	s.Restart()
	d.eventually("it is full again", func() bool { return d.InStep(n.Number) && s.FlowMods() > mods })

	if err := d.db.DeleteNode(t.Context(), n.Number); err != nil {
		t.Fatal(err)
	}
	d.eventually("it waits again", func() bool { return len(d.Waiting()) == 1 })
}

// TestUnfitSwitch: one that cannot carry the pipeline is not used, and the reason is there until that changes.
func TestUnfitSwitch(t *testing.T) {
	d := start(t)
	small := config(0xb1)
	small.Tables, small.Negotiable = strict.Tables(3, 2000), false
	s := strict.NewFabric(t).Add(small)
	n := d.declare(s, "tor1", "")
	s.Connect(d.address)
	problem := func() string { p, _ := d.Physical(n.Number); return p.Problem }
	d.eventually("it is refused", func() bool { return problem() != "" })
	if !strings.Contains(problem(), "the switch has no table 3") {
		t.Errorf("the problem is %q", problem())
	}
	if d.Connected(n.Number) || s.FlowMods() > 0 {
		t.Error("it is used")
	}
	d.declare(s, "tor1", "nonsense")
	d.eventually("another reason", func() bool { return strings.Contains(problem(), "no driver nonsense") })
}

// TestRing: the links of three switches are found, a port that goes down takes its link with it at once, and each link that comes is a new one.
func TestRing(t *testing.T) {
	for _, negotiable := range []bool{true, false} {
		t.Run(fmt.Sprint("negotiable=", negotiable), func(t *testing.T) { ring(t, negotiable) })
	}
}

func ring(t *testing.T, negotiable bool) {
	d, f := start(t), strict.NewFabric(t)
	var switches []*strict.Switch
	for i := range uint64(3) {
		c := config(0xc1 + i)
		c.Negotiable = negotiable
		s := f.Add(c)
		d.declare(s, fmt.Sprint("tor", i+1), "")
		switches = append(switches, s)
	}
	var wires []strict.Wire
	for i := range 3 {
		wires = append(wires, f.Wire(switches[i], 1, switches[(i+1)%3], 2))
		switches[i].Connect(d.address)
	}
	took := d.eventually("the ring", func() bool { return d.countLinks() == 3 })
	t.Logf("three links after %v", took)
	wires[0].Cut()
	took = d.eventually("the link goes", func() bool { return d.countLinks() == 2 })
	t.Logf("gone after %v", took)
	if took > time.Second {
		t.Errorf("a link of a port that is down went after %v", took)
	}
	wires[0].Mend()
	took = d.eventually("the link comes back", func() bool { return d.countLinks() == 3 })
	t.Logf("back after %v", took)
	if took > 3*time.Second {
		t.Errorf("a link came back after %v", took)
	}
}

// TestTwoSessions: a second connection with a switch's datapath id is refused while the first one answers.
func TestTwoSessions(t *testing.T) {
	d, f := start(t), strict.NewFabric(t)
	s, double := f.Add(config(0xd1)), f.Add(config(0xd1))
	n := d.declare(s, "tor1", "")
	s.Connect(d.address)
	d.eventually("it is in step", func() bool { return d.InStep(n.Number) })
	session := d.Switch(n.Number).Connection()
	if err := d.Admit(0xd1, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}); err == nil || !strings.Contains(err.Error(), "answers") {
		t.Errorf("admitted: %v", err)
	}
	double.Connect(d.address)
	time.Sleep(200 * time.Millisecond) // it tries some times
	if d.Switch(n.Number).Connection() != session || double.FlowMods() > 0 {
		t.Error("displaced")
	}
}
