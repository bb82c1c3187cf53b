package admission

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
)

// world is an Admission over example.Fabric, whose switches hold what the topology wants.
type world struct {
	*Admission
	view  *topology.View // the topology
	stand *topology.View // what the switches should hold, which may be older
	now   time.Time
}

func newWorld(change func(s *model.Switch)) *world {
	c := &example.Cloud{}
	example.Fabric(c)
	w := &world{view: c.View(), now: time.Unix(1e9, 0)}
	for _, n := range w.view.Switches() {
		x, s := *n, *n.Switch
		change(&s)
		x.Switch = &s
		w.put(&x)
	}
	w.stand = w.view
	w.Admission = New(Config{Apps: apps.All(), View: func() *topology.View { return w.view }, Now: func() time.Time { return w.now },
		Standing: func(n model.Number) (reconcile.Standing, bool) {
			s := reconcile.Standing{View: w.stand, ByTable: map[uint8]int{}}
			for at, count := range w.count(w.stand, n, w.stand.Units(n)) {
				if at.meters {
					s.Meters = count
				} else {
					s.ByTable[at.table] = count
				}
			}
			return s, w.view.Node(n) != nil
		}})
	return w
}

func (w *world) put(o model.Object) {
	w.view, _ = w.view.Apply([]model.Change{{Ref: o.Ref(), Object: o}})
}

// metal is a new port of bare metal on the first switch.
func (w *world) metal(number int) (*model.Port, *model.Network) {
	var like *model.Port
	w.view.Ports(func(p *model.Port) {
		if p.Name == "metal1" {
			like = p
		}
	})
	p := *like
	p.Number, p.ID, p.Name, p.RevisionNumber = model.Number(number), fmt.Sprint("new", number), "", 1
	p.MAC[5], p.FixedIPs = byte(number), nil
	p.Profile = map[string]any{"tag": float64(number), "local_link_information": like.Profile["local_link_information"]}
	return &p, w.view.NetworkByID(p.NetworkID)
}

// limited are limits of one table.
func limited(table *pipeline.Table, entries int) func(s *model.Switch) {
	return func(s *model.Switch) {
		s.Tables = []model.TableLimits{{ID: table.ID, Name: table.Name, MaxEntries: uint32(entries)}}
	}
}

func TestAdmit(t *testing.T) {
	free := newWorld(func(*model.Switch) {})
	tor := free.view.Switches()[0].Number
	has := free.count(free.view, tor, free.view.Units(tor))[space{table: pipeline.SwitchForward.ID}]
	for room := range 4 {
		w := newWorld(limited(pipeline.SwitchForward, has+room))
		admitted := 0
		var refusal error
		for i := range 6 {
			if refusal = w.Admit(w.metal(200 + i)); refusal != nil {
				break
			}
			admitted++
			if i%2 == 0 { // some are in the topology when the next is asked for, and some on the switch
				p, _ := w.metal(200 + i)
				w.put(p)
			}
			if i == 2 {
				w.stand = w.view
			}
		}
		if admitted != room || refusal == nil {
			t.Errorf("%d admitted where there is room for %d: %v", admitted, room, refusal)
			continue
		}
		want := fmt.Sprintf("has room for %d entries in table forward, uses %d, and this would take 1 more", has+room, has+room)
		if !strings.Contains(refusal.Error(), want) {
			t.Errorf("refused with %q", refusal)
		}
	}
}

// TestAdmitAgain: what needs no more than before is not refused however full the switch is, nor is a port's second change counted twice.
func TestAdmitAgain(t *testing.T) {
	free := newWorld(func(*model.Switch) {})
	tor := free.view.Switches()[0].Number
	has := free.count(free.view, tor, free.view.Units(tor))[space{table: pipeline.SwitchForward.ID}]
	w := newWorld(limited(pipeline.SwitchForward, has+1))
	for range 3 {
		if err := w.Admit(w.metal(200)); err != nil {
			t.Fatal(err)
		}
	}
	if w.Admit(w.metal(201)) == nil {
		t.Error("there is room for one")
	}
	w.now = w.now.Add(pendingKept)
	if err := w.Admit(w.metal(201)); err != nil {
		t.Errorf("the other one's transaction has failed: %v", err)
	}

	full := newWorld(limited(pipeline.SwitchForward, 1))
	full.view.Ports(func(p *model.Port) {
		if err := full.Admit(p, full.view.NetworkByID(p.NetworkID)); err != nil {
			t.Errorf("port %s is there already: %v", p.Name, err)
		}
	})
}

// TestAdmitMeters: meters run out too.
func TestAdmitMeters(t *testing.T) {
	w := newWorld(func(s *model.Switch) { s.Meters = 5 })
	var refusal error
	for i := 0; refusal == nil && i < 10; i++ {
		p, n := w.metal(200 + i)
		p.Profile["local_link_information"] = []any{map[string]any{"switch_id": "a01", "port_id": fmt.Sprint(i%4 + 1)}}
		refusal = w.Admit(p, n)
	}
	if refusal == nil || !strings.Contains(refusal.Error(), "meters") {
		t.Errorf("refused with %v", refusal)
	}
}

// TestAdmitElsewhere: a cloud without physical switches is not asked.
func TestAdmitElsewhere(t *testing.T) {
	a := New(Config{View: topology.New})
	if err := a.Admit(&model.Port{Number: 1}, &model.Network{Number: 1}); err != nil {
		t.Error(err)
	}
}
