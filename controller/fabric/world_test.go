package fabric

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

const fabricName = "fabric"

// world is a keeper with a clock, a store, switches and cables of its own.
type world struct {
	*Keeper
	t      testing.TB
	now    time.Time
	view   *topology.View
	nonce  uint64
	number model.Number // of the last link

	away   map[model.Number]bool                   // switches that are not in step
	deaf   map[model.Number]bool                   // switches whose session is dead, which nobody knows yet
	cables map[model.LinkEnd][]model.LinkEnd       // what is sent by a port comes in here
	air    []sent                                  // frames on their way
	meddle func(at model.LinkEnd, f []byte) []byte // what becomes of a frame on its way; nil: it arrives as it is
	refuse error                                   // of the database
}

type sent struct {
	at    model.LinkEnd
	frame []byte
}

// newWorld has switches 1 to n with ports 1 to 4, all up, and a node 100 with a bridge to the fabric at port 7.
func newWorld(t testing.TB, switches int) *world {
	w := &world{t: t, now: time.Unix(1e9, 0), view: topology.New(), away: map[model.Number]bool{}, deaf: map[model.Number]bool{}, cables: map[model.LinkEnd][]model.LinkEnd{}}
	for i := range switches {
		w.put(physicalSwitch(model.Number(i+1), 4))
	}
	w.put(machine(100))
	w.restart()
	return w
}

func physicalSwitch(n model.Number, ports int) *model.Node {
	s := &model.Switch{PhysicalNetwork: fabricName, Driver: "generic"}
	for p := range ports {
		s.Ports = append(s.Ports, model.SwitchPort{Number: uint32(p + 1), Name: fmt.Sprint("eth", p+1), Up: true})
	}
	return &model.Node{Number: n, Hostname: fmt.Sprint("leaf", n), DatapathID: uint64(n), SystemID: model.SwitchSystemID(uint64(n)), Switch: s}
}

func machine(n model.Number) *model.Node {
	return &model.Node{Number: n, Hostname: fmt.Sprint("compute", n), SystemID: fmt.Sprint("s", n), DatapathID: model.BridgeDatapathID(n),
		Mappings: []model.Mapping{{PhysicalNetwork: fabricName, Bridge: "br-ex", PatchPort: 7}}}
}

func (w *world) restart() {
	w.Keeper = New(Config{Store: w, Key: []byte("a key of this test"), View: func() *topology.View { return w.view },
		InStep: func(n model.Number) bool { return !w.away[n] },
		Ping: func(_ context.Context, n model.Number) error {
			if w.away[n] || w.deaf[n] {
				return errors.New("no answer")
			}
			return nil
		},
		Send: func(n model.Number, out flow.PacketOut) error {
			if w.away[n] {
				return errors.New("away")
			}
			if w.deaf[n] {
				return nil
			}
			from := model.LinkEnd{Node: n, Port: out.Actions[0].(flow.Output).Port}
			for _, at := range w.cables[from] {
				w.air = append(w.air, sent{at, out.Data})
			}
			return nil
		},
		Nonce: func() uint64 { w.nonce++; return w.nonce },
		Now:   func() time.Time { return w.now }, Log: zap.NewNop()})
}

func (w *world) put(objects ...model.Object) {
	var changes []model.Change
	for _, o := range objects {
		changes = append(changes, model.Change{Ref: o.Ref(), Object: o})
	}
	w.view, _ = w.view.Apply(changes)
}

// port changes a port of a switch, and takes its links when it goes down, as the database does.
func (w *world) port(at model.LinkEnd, up bool) {
	n := *w.view.Node(at.Node)
	s := *n.Switch
	s.Ports = slices.Clone(s.Ports)
	s.PortByNumber(at.Port).Up = up
	n.Switch = &s
	w.put(&n)
	if !up {
		w.view.Links(func(l *model.Link) {
			if l.A == at || l.B == at {
				w.view, _ = w.view.Apply([]model.Change{{Ref: l.Ref()}})
			}
		})
	}
}

func (w *world) AddLink(_ context.Context, a, b model.LinkEnd) (link *model.Link, added bool, err error) {
	if w.refuse != nil {
		return nil, false, w.refuse
	}
	w.view.Links(func(l *model.Link) {
		if l.A == a && l.B == b {
			link = l
		}
	})
	if link != nil {
		return link, false, nil
	}
	w.number++
	link = &model.Link{Number: w.number, A: a, B: b}
	w.put(link)
	return link, true, nil
}

func (w *world) RemoveLinks(_ context.Context, links []model.Number) error {
	for _, n := range links {
		w.view, _ = w.view.Apply([]model.Change{{Ref: model.Ref{Kind: model.KindLink, Number: n}}})
	}
	return nil
}

// plug connects two ports.
func (w *world) plug(a, b model.LinkEnd) {
	w.cables[a], w.cables[b] = append(w.cables[a], b), append(w.cables[b], a)
}

func (w *world) unplug(a model.LinkEnd) {
	for _, b := range w.cables[a] {
		w.cables[b] = slices.DeleteFunc(w.cables[b], func(e model.LinkEnd) bool { return e == a })
	}
	delete(w.cables, a)
}

// after lets time pass until a condition holds, and returns how long it took; it fails after a limit.
func (w *world) after(limit time.Duration, what string, condition func() bool) time.Duration {
	w.t.Helper()
	start := w.now
	for !condition() {
		if w.now.Sub(start) >= limit {
			w.t.Fatalf("%s: not within %v; links %v", what, limit, w.known())
		}
		w.tick()
	}
	return w.now.Sub(start)
}

// still lets time pass and fails if a condition does not hold all the time.
func (w *world) still(d time.Duration, what string, condition func() bool) {
	w.t.Helper()
	for start := w.now; w.now.Sub(start) < d; w.tick() {
		if !condition() {
			w.t.Fatalf("%s: not after %v; links %v", what, w.now.Sub(start), w.known())
		}
	}
}

func (w *world) tick() {
	w.now = w.now.Add(tickInterval)
	w.step()
	for len(w.air) > 0 {
		f := w.air[0]
		w.air = w.air[1:]
		if w.meddle != nil {
			f.frame = w.meddle(f.at, f.frame)
		}
		if f.frame != nil && !w.away[f.at.Node] && !w.deaf[f.at.Node] && w.view.Node(f.at.Node).Switch != nil {
			w.Heard(f.at.Node, f.at.Port, f.frame)
		}
	}
	select {
	case <-w.wake:
		w.step()
	default:
	}
	select {
	case list := <-w.writes:
		w.write(w.t.Context(), list)
	default:
	}
}

// known lists the links that have a row, in order.
func (w *world) known() [][2]model.LinkEnd {
	var list [][2]model.LinkEnd
	w.view.Links(func(l *model.Link) { list = append(list, [2]model.LinkEnd{l.A, l.B}) })
	slices.SortFunc(list, func(a, b [2]model.LinkEnd) int { return compareEnds(a[0], b[0]) })
	return list
}

func (w *world) has(a, b model.LinkEnd) bool { return slices.Contains(w.known(), sorted(a, b)) }

// results is how many frames were counted under a result.
func (w *world) results(result string) int {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(w.Keeper)
	families, err := registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "planck_fabric_frames_total" && m.GetLabel()[0].GetValue() == result {
				return int(m.GetCounter().GetValue())
			}
		}
	}
	return 0
}

func at(node model.Number, port uint32) model.LinkEnd { return model.LinkEnd{Node: node, Port: port} }
