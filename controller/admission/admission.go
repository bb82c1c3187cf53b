// Package admission says whether a port fits into the tables of the physical switches that have to know it, before it is there: hardware has
// room for so many entries, and what does not fit is refused by the API with the numbers, instead of half programmed.
package admission

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// Config is what an Admission is made with.
type Config struct {
	Apps []*pipeline.App
	View func() *topology.View
	// Standing tells what a node's switch should hold now; false: there is no such switch.
	Standing func(node model.Number) (reconcile.Standing, bool)
	Now      func() time.Time
}

// Admission knows what was admitted and is not yet in what switches should hold. It is safe for concurrent use.
type Admission struct {
	cfg Config

	mu       sync.Mutex
	pending  []admitted                     // in the order in which they were
	promised map[model.Number]map[space]int // what they need, by switch
	base     *topology.View                 // that ahead was made of
	ahead    *topology.View                 // with what is pending
}

// admitted is a port, and what it needs more than before, by switch.
type admitted struct {
	port    *model.Port
	network *model.Network
	at      time.Time
	needs   map[model.Number]map[space]int
}

// pendingKept is for how long what was admitted counts although no topology has it: its transaction has failed, or is very slow.
const pendingKept = 10 * time.Second

// space is what there is a limited number of on a switch: entries of a table, or meters.
type space struct {
	meters bool
	table  uint8
}

// New returns an Admission that has admitted nothing.
func New(cfg Config) *Admission { return &Admission{cfg: cfg} }

// Admit tells whether a port, as it is about to be, fits into the switches that have to know it; the error, a *model.Error, says in words why not. network is
// the port's, which may be as new as the port. Both must not be modified afterwards.
func (a *Admission) Admit(port *model.Port, network *model.Network) error {
	view := a.cfg.View()
	if len(view.Switches()) == 0 {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if view != a.base || slices.ContainsFunc(a.pending, func(p admitted) bool { return p.port.Number == port.Number }) {
		a.sweep(view, port)
	}
	err := a.admit(port, network)
	if err != nil { // some of what counts as pending may be there by now
		a.sweep(view, port)
		err = a.admit(port, network)
	}
	return err
}

// sweep forgets what is pending no longer, and a port that is to be looked at again.
func (a *Admission) sweep(view *topology.View, again *model.Port) {
	now := a.cfg.Now()
	a.pending = slices.DeleteFunc(a.pending, func(p admitted) bool {
		return now.Sub(p.at) >= pendingKept || p.port.Number == again.Number || a.arrived(p)
	})
	a.base, a.ahead, a.promised = view, view, map[model.Number]map[space]int{}
	for _, p := range a.pending {
		a.promise(p)
		if !includes(a.ahead, p.port) {
			a.ahead, _ = a.ahead.Apply(changes(a.ahead, p.port, p.network))
		}
	}
}

func (a *Admission) promise(p admitted) {
	for node, needs := range p.needs {
		if a.promised[node] == nil {
			a.promised[node] = map[space]int{}
		}
		for at, n := range needs {
			a.promised[node][at] += n
		}
	}
}

func (a *Admission) admit(port *model.Port, network *model.Network) error {
	after, touches := a.ahead.Apply(changes(a.ahead, port, network))
	units := map[model.Number][]topology.Unit{}
	for _, t := range touches {
		units[t.Node] = append(units[t.Node], t.Unit)
	}
	p := admitted{port, network, a.cfg.Now(), map[model.Number]map[space]int{}}
	for _, n := range after.Switches() {
		if len(units[n.Number]) == 0 {
			continue
		}
		needs := a.count(after, n.Number, units[n.Number])
		for at, before := range a.count(a.ahead, n.Number, units[n.Number]) {
			needs[at] -= before
		}
		if err := a.fits(n, needs); err != nil {
			return err
		}
		p.needs[n.Number] = needs
	}
	a.pending, a.ahead = append(a.pending, p), after
	a.promise(p)
	return nil
}

// changes are a port's, and its network's if that is new too.
func changes(v *topology.View, port *model.Port, network *model.Network) []model.Change {
	list := []model.Change{{Ref: port.Ref(), Object: port}}
	if v.Network(network.Number) == nil {
		list = append(list, model.Change{Ref: network.Ref(), Object: network})
	}
	return list
}

// includes tells whether a topology has a port as it is, or a later state of it.
func includes(v *topology.View, port *model.Port) bool {
	p := v.Port(port.Number)
	return p != nil && p.RevisionNumber >= port.RevisionNumber
}

// arrived tells whether what all switches should hold includes what was admitted.
func (a *Admission) arrived(p admitted) bool {
	for node := range p.needs {
		if s, ok := a.cfg.Standing(node); ok && (s.View == nil || !includes(s.View, p.port)) {
			return false
		}
	}
	return true
}

// count counts the entries and meters of units of a switch, each once.
func (a *Admission) count(v *topology.View, node model.Number, units []topology.Unit) map[space]int {
	flows, meters := map[flow.Key]bool{}, map[uint32]bool{}
	for _, u := range units {
		r := pipeline.Render(a.cfg.Apps, v, node, u)
		for _, f := range r.Flows {
			flows[f.Key()] = true
		}
		for _, m := range r.Meters {
			meters[m.ID] = true
		}
	}
	count := map[space]int{}
	for key := range flows {
		count[space{table: key.Table()}]++
	}
	if len(meters) > 0 {
		count[space{meters: true}] = len(meters)
	}
	return count
}

// fits tells whether a switch has room for what a port needs more than before. What needs no more is never refused.
func (a *Admission) fits(n *model.Node, needs map[space]int) error {
	s, ok := a.cfg.Standing(n.Number)
	if !ok {
		return nil // it has just been declared, and holds nothing
	}
	for _, at := range slices.SortedFunc(maps.Keys(needs), compareSpaces) {
		has, limit, what := s.ByTable[at.table], uint32(0), "" // 0: it promises nothing
		if at.meters {
			has, limit, what = s.Meters, n.Switch.Meters, "meters"
		}
		for _, t := range n.Switch.Tables {
			if !at.meters && t.ID == at.table {
				limit, what = t.MaxEntries, "entries in table "+t.Name
			}
		}
		has += a.promised[n.Number][at]
		if needs[at] > 0 && limit > 0 && has+needs[at] > int(limit) {
			return model.Errorf(http.StatusConflict, "NoRoomOnSwitch", "Switch %s has room for %d %s, uses %d, and this would take %d more.",
				n.Hostname, limit, what, has, needs[at])
		}
	}
	return nil
}

// compareSpaces puts tables first, in order.
func compareSpaces(a, b space) int {
	if a.meters != b.meters {
		if a.meters {
			return 1
		}
		return -1
	}
	return cmp.Compare(a.table, b.table)
}
