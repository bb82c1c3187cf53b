package gateways

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/apps/l2"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// world is a keeper with a clock, a store and nodes of its own.
type world struct {
	*Keeper
	t         *testing.T
	now       time.Time
	view      *topology.View
	nonce     uint64
	connected map[model.Number]bool // its session is there
	answers   map[model.Number]bool // its session, if it is there
	forwards  map[model.Number]bool // its datapath
	probed    map[model.Number]int
	back      []uint64 // nonces of probes on their way back
}

func newWorld(t *testing.T, nodes, routers int) *world {
	w := &world{t: t, now: time.Unix(1e9, 0), connected: map[model.Number]bool{}, answers: map[model.Number]bool{},
		forwards: map[model.Number]bool{}, probed: map[model.Number]int{}}
	objects := []model.Object{
		&model.Network{Number: 1, ID: "ext", AdminStateUp: true, NetworkType: model.NetworkFlat, PhysicalNetwork: "public", Key: 7, MTU: 1500},
	}
	for i := range nodes {
		n := model.Number(i + 1)
		objects = append(objects, &model.Node{Number: n, Hostname: fmt.Sprint("n", n), SystemID: fmt.Sprint("s", n),
			EncapIP: netip.AddrFrom4([4]byte{10, 0, 0, byte(n)}), TunnelPort: 1,
			Mappings: []model.Mapping{{PhysicalNetwork: "public", Bridge: "br-ex", PatchPort: 2}}})
		w.connected[n], w.answers[n], w.forwards[n] = true, true, true
	}
	for i := range routers {
		n := model.Number(i + 1)
		objects = append(objects, &model.Router{Number: n, ID: fmt.Sprint("r", n), AdminStateUp: true, Key: model.NetworkKey(100 + n),
			Gateway: &model.Gateway{NetworkID: "ext", Zone: model.FirstRouterZone + uint16(n), Generation: 1}})
	}
	empty := topology.New()
	w.view, _ = empty.Apply(empty.Difference(objects))
	w.restart()
	return w
}

// restart gives the world another keeper.
func (w *world) restart() {
	w.Keeper = New(Config{Store: w, View: func() *topology.View { return w.view }, Now: func() time.Time { return w.now }, Log: zap.NewNop(),
		Connected: func(n model.Number) bool { return w.connected[n] },
		Nonce:     func() uint64 { w.nonce++; return w.nonce },
		Send: func(n model.Number, out flow.PacketOut) error {
			if !w.connected[n] {
				return errors.New("away")
			}
			if !w.answers[n] {
				return nil
			}
			for _, a := range out.Actions {
				if set, ok := a.(flow.SetField); ok && set.Field == flow.TunnelDst {
					suspect := model.Number(set.Value & 0xff)
					w.probed[suspect]++
					if w.forwards[suspect] && w.forwards[n] {
						w.bounce(out.Data)
					}
				}
			}
			return nil
		}})
}

// bounce has a probe come back as the switch would send it up.
func (w *world) bounce(frame []byte) {
	back := append([]byte(nil), frame...)
	copy(back, l2.ProbeAnswer[:])
	reply := l2.App.PacketIn(pipeline.PacketIn{PacketIn: flow.PacketIn{Data: back}})
	if reply.Bounced == 0 {
		w.t.Fatal("a probe is not known again")
	}
	w.back = append(w.back, reply.Bounced)
}

func (w *world) SetGatewayNode(_ context.Context, router model.Number, generation int64, node model.Number) (bool, error) {
	r := *w.view.Router(router)
	g := *r.Gateway
	if g.Generation != generation {
		return false, nil
	}
	g.Node, g.Generation = node, generation+1
	r.Gateway = &g
	version := w.view.Version
	w.view, _ = w.view.Apply([]model.Change{{Ref: r.Ref(), Object: &r}})
	w.view.Version = version + 1
	return true, nil
}

func (w *world) SetService(_ context.Context, port model.Number, generation int64, node model.Number) (bool, error) {
	service := model.Service{Number: port, Port: port}
	if row := w.view.ServiceOf(port); row != nil {
		service = *row
	}
	if service.Generation != generation {
		return false, nil
	}
	service.Node, service.Generation = node, generation+1
	version := w.view.Version
	w.view, _ = w.view.Apply([]model.Change{{Ref: service.Ref(), Object: &service}})
	w.view.Version = version + 1
	return true, nil
}

// after lets time pass, and returns how long it took until a router moved; 0: none did.
func (w *world) after(d time.Duration) (moved time.Duration) {
	start := w.now
	for w.now.Sub(start) < d {
		w.now = w.now.Add(tickInterval)
		for _, n := range w.step() {
			if w.connected[n] && w.answers[n] {
				w.pinged(n, true)
			}
		}
		for _, nonce := range w.back {
			w.Bounced(nonce)
		}
		w.back = nil
		select {
		case list := <-w.moves:
			if moved == 0 {
				moved = w.now.Sub(start)
			}
			for _, m := range list {
				w.move(w.t.Context(), m)
			}
		default:
		}
	}
	return moved
}

// serving counts the routers of each node.
func (w *world) serving() map[model.Number]int {
	count := map[model.Number]int{}
	w.view.Routers(func(r *model.Router) { count[r.Gateway.Node]++ })
	return count
}

func (w *world) of(router model.Number) model.Number { return w.view.Router(router).Gateway.Node }

// die ends a node's session and its datapath.
func (w *world) die(n model.Number) {
	w.connected[n], w.answers[n], w.forwards[n] = false, false, false
}

func TestFirstNodeIsSpread(t *testing.T) {
	w := newWorld(t, 4, 400)
	w.after(time.Second)
	for n, count := range w.serving() {
		if n == 0 || count < 60 {
			t.Errorf("node %d serves %d of 400 routers", n, count)
		}
	}
}

func TestDeadNodeIsReplaced(t *testing.T) {
	w := newWorld(t, 3, 60)
	w.after(time.Second)
	before := w.serving()
	was := map[model.Number]model.Number{}
	w.view.Routers(func(r *model.Router) { was[r.Number] = r.Gateway.Node })
	w.die(1)
	took := w.after(10 * time.Second)
	t.Logf("replaced after %v", took)
	if took < goneAfter || took > 4*time.Second {
		t.Errorf("replaced after %v", took)
	}
	if n := w.serving(); n[1] != 0 || n[2] < before[2] || n[3] < before[3] {
		t.Errorf("served before %v, after %v", before, n)
	}
	for router, node := range was {
		if node != 1 && w.of(router) != node {
			t.Errorf("router %d moved from node %d, which lives, to %d", router, node, w.of(router))
		}
	}
	after := w.serving()
	w.connected[1], w.answers[1], w.forwards[1] = true, true, true
	if took := w.after(time.Minute); took != 0 {
		t.Errorf("something moved back: %v, then %v", after, w.serving())
	}
}

// TestSilentSessionIsNoSession: a machine that loses its power does not close its sessions.
func TestSilentSessionIsNoSession(t *testing.T) {
	w := newWorld(t, 3, 30)
	w.after(time.Second)
	w.answers[2], w.forwards[2] = false, false
	took := w.after(10 * time.Second)
	t.Logf("replaced after %v", took)
	if took == 0 || took > 4500*time.Millisecond || w.serving()[2] != 0 {
		t.Errorf("replaced after %v: %v", took, w.serving())
	}
}

func TestNothingMoves(t *testing.T) {
	tests := map[string]func(*world){
		"the control connection is cut":           func(w *world) { w.connected[1] = false },
		"the switch answers nothing but forwards": func(w *world) { w.answers[1] = false },
		"all sessions are gone": func(w *world) {
			for n := range w.connected {
				w.connected[n] = false
			}
		},
		"all nodes are gone": func(w *world) {
			for n := range w.connected {
				w.die(n)
			}
		},
		"most control connections are cut at once": func(w *world) { w.connected[1], w.connected[2], w.connected[3] = false, false, false },
		"the controller restarts": func(w *world) {
			for n := range w.connected {
				w.connected[n] = false
			}
			w.restart()
			w.after(2 * time.Second)
			w.connected[2] = true
			w.after(5 * time.Second)
			for n := range w.connected {
				w.connected[n] = true
			}
		},
		"a session is gone for a moment": func(w *world) {
			w.die(1)
			w.after(2500 * time.Millisecond)
			w.connected[1], w.answers[1], w.forwards[1] = true, true, true
		},
	}
	for name, happens := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 4, 40)
			w.after(time.Second)
			version := w.view.Version
			happens(w)
			w.after(time.Minute)
			if w.view.Version != version {
				t.Errorf("routers were moved: %v", w.serving())
			}
			if len(w.probes) > 50 {
				t.Errorf("%d probes are kept", len(w.probes))
			}
		})
	}
}

// TestNoProbesForIdleNodes: what serves nothing is not asked for.
func TestNoProbesForIdleNodes(t *testing.T) {
	w := newWorld(t, 3, 1)
	w.after(time.Second)
	for n := model.Number(1); n <= 3; n++ {
		if n != w.of(1) {
			w.die(n)
			w.after(10 * time.Second)
			if w.probed[n] != 0 {
				t.Errorf("node %d was probed", n)
			}
			return
		}
	}
}

func TestLostMappingAndLostNode(t *testing.T) {
	w := newWorld(t, 3, 30)
	w.after(time.Second)
	n := *w.view.Node(1)
	n.Mappings = nil
	w.view, _ = w.view.Apply([]model.Change{{Ref: n.Ref(), Object: &n}, {Ref: model.Ref{Kind: model.KindNode, Number: 2}}})
	w.view.Version = 1000
	w.after(5 * time.Second)
	if s := w.serving(); s[3] != 30 {
		t.Errorf("served by %v", s)
	}
}

func TestFrozenNodeGetsNoRouter(t *testing.T) {
	w := newWorld(t, 3, 60)
	w.after(time.Second)
	before := w.serving()
	n := *w.view.Node(1)
	n.Frozen = true
	w.view, _ = w.view.Apply([]model.Change{{Ref: n.Ref(), Object: &n}})
	w.view.Version = 1000
	w.die(2)
	w.after(10 * time.Second)
	if now := w.serving(); now[1] != before[1] || now[2] != 0 || now[3] != 60-before[1] {
		t.Errorf("served by %v, before by %v", now, before)
	}
}

// TestWaitsForTheOthersAtTheStart: a router without a node is not given the first that connects.
func TestWaitsForTheOthersAtTheStart(t *testing.T) {
	w := newWorld(t, 3, 30)
	w.connected[2], w.connected[3] = false, false
	if took := w.after(2 * time.Second); took != 0 {
		t.Fatalf("decided after %v: %v", took, w.serving())
	}
	w.connected[2] = true
	w.after(3 * time.Second)
	if s := w.serving(); s[1] == 0 || s[2] == 0 || s[3]+s[0] != 0 {
		t.Errorf("served by %v", s)
	}
}
