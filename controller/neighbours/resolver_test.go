package neighbours

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

const (
	node   model.Number = 1
	router model.Number = 5
)

var (
	someone = netip.MustParseAddr("203.0.113.1")
	theirs  = model.MAC{2, 0, 0, 0, 0, 1}
	other   = model.MAC{2, 0, 0, 0, 0, 2}
)

// world is a resolver with a clock, a store and switches of its own.
type world struct {
	*Resolver
	t       *testing.T
	now     time.Time
	view    *topology.View
	sent    []string
	passed  []flow.Encoded
	away    map[model.Number]bool
	learned []model.Neighbour
	gone    []model.Number
	holders []model.Holder
}

func (w *world) LearnNeighbour(_ context.Context, n model.Neighbour) (bool, error) {
	w.learned = append(w.learned, n)
	return true, nil
}

func (w *world) ForgetNeighbours(_ context.Context, list []model.Number) error {
	w.gone = append(w.gone, list...)
	return nil
}

func (w *world) SetHolder(_ context.Context, h model.Holder) (bool, error) {
	w.holders = append(w.holders, h)
	return true, nil
}

// newWorld has a router whose gateway node is node, with these neighbours.
func newWorld(t *testing.T, known ...model.Neighbour) *world {
	w := &world{t: t, now: time.Unix(1e9, 0), away: map[model.Number]bool{}}
	objects := []model.Object{
		&model.Network{Number: 1, ID: "ext", AdminStateUp: true, NetworkType: model.NetworkFlat, PhysicalNetwork: "public", Key: 7, MTU: 1500},
		&model.Router{Number: router, ID: "router", AdminStateUp: true, Key: 9,
			Gateway: &model.Gateway{NetworkID: "ext", PortID: "gw", Zone: model.FirstRouterZone, Node: node, Generation: 1}},
		&model.Node{Number: node, Hostname: "here", SystemID: "here", EncapIP: netip.MustParseAddr("10.0.0.1"), TunnelPort: 1,
			Mappings: []model.Mapping{{PhysicalNetwork: "public", Bridge: "br-ex", PatchPort: 2}}},
	}
	for _, n := range known {
		n.RouterID, n.NetworkID = "router", "ext"
		objects = append(objects, &n)
	}
	empty := topology.New()
	w.view, _ = empty.Apply(empty.Difference(objects))
	w.view.Version = 1
	w.Resolver = New(Config{Store: w, View: func() *topology.View { return w.view }, Now: func() time.Time { return w.now }, Log: zap.NewNop(),
		Send: func(n model.Number, out flow.PacketOut) error {
			if w.away[n] {
				return errors.New("away")
			}
			w.sent = append(w.sent, string(out.Data))
			return nil
		},
		Pass:   func(_ model.Number, e flow.Encoded) { w.passed = append(w.passed, e) },
		Jitter: func(d time.Duration) time.Duration { return d / 2 },
		Ask: func(_ *topology.View, _ *model.Node, _ *model.Router, addr netip.Addr) (flow.PacketOut, bool) {
			return flow.PacketOut{Data: []byte("refresh " + addr.String())}, true
		},
	})
	return w
}

// after lets time pass in ticks, and writes what waits.
func (w *world) after(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(tickInterval)
		w.tick()
	}
	w.written()
}

func (w *world) written() {
	for {
		select {
		case f := <-w.writes:
			if err := f(w.t.Context()); err != nil {
				w.t.Fatal(err)
			}
		default:
			return
		}
	}
}

// sends checks what was sent since the last call.
func (w *world) sends(what string, want ...string) {
	w.t.Helper()
	if !slices.Equal(w.sent, want) {
		w.t.Errorf("%s: sent %q, want %q", what, w.sent, want)
	}
	w.sent = nil
}

func (w *world) packet(name string, to netip.Addr, size int) {
	data := name + string(make([]byte, size))
	w.Handle(node, pipeline.Reply{Question: &pipeline.Question{
		Router: router, Address: to, Ask: flow.PacketOut{Data: []byte("ask " + to.String())},
		Release:     func(m model.MAC) flow.PacketOut { return flow.PacketOut{Data: []byte(data + " to " + m.String())} },
		Unreachable: []flow.PacketOut{{Data: []byte(name + " unreachable")}},
		Drop:        flow.Encoded("drop " + to.String()),
	}})
}

func (w *world) answers(from netip.Addr, mac model.MAC) {
	w.Handle(node, pipeline.Reply{Sighting: &pipeline.Sighting{Router: router, Address: from, MAC: mac}})
	w.written()
}

func TestAnswerReleasesWhatWaits(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a", "b", "c", "d"} {
		w.packet(name, someone, 0)
	}
	w.sends("one question", "ask 203.0.113.1")
	w.answers(netip.MustParseAddr("203.0.113.2"), theirs)
	w.answers(someone, model.MAC{})
	w.answers(someone, model.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	w.sends("nobody's answers")
	w.answers(someone, theirs)
	w.sends("three packets", "a to 02:00:00:00:00:01", "b to 02:00:00:00:00:01", "c to 02:00:00:00:00:01")
	if len(w.learned) != 1 || w.learned[0].MAC != theirs || w.learned[0].RouterID != "router" || w.learned[0].NetworkID != "ext" || w.learned[0].Address != someone {
		t.Errorf("learned %+v", w.learned)
	}
	w.packet("e", someone, 0)
	w.sends("before its row is there", "e to 02:00:00:00:00:01")
	w.answers(someone, other)
	if len(w.learned) != 1 || w.heldBytes != 0 {
		t.Errorf("a second answer is believed: %+v; %d bytes held", w.learned, w.heldBytes)
	}
	w.after(answerKept)
	if len(w.questions)+len(w.perRouter) != 0 {
		t.Errorf("left: %v %v", w.questions, w.perRouter)
	}
	w.sends("afterwards")
}

func TestNobodyAnswers(t *testing.T) {
	w := newWorld(t)
	w.packet("a", someone, 0)
	w.after(900 * time.Millisecond)
	w.sends("at once", "ask 203.0.113.1")
	w.after(100 * time.Millisecond)
	w.sends("after 1 s", "a unreachable", "ask 203.0.113.1")
	if want := []flow.Encoded{"drop 203.0.113.1"}; !slices.Equal(w.passed, want) {
		t.Errorf("passed %q", w.passed)
	}
	w.after(10 * time.Second)
	w.sends("a third time", "ask 203.0.113.1")
	if len(w.questions)+len(w.perRouter)+w.heldBytes != 0 || len(w.passed) != 3 || len(w.learned) != 0 {
		t.Errorf("left: %v %v, %d bytes; passed %q, learned %v", w.questions, w.perRouter, w.heldBytes, w.passed, w.learned)
	}
	w.answers(someone, theirs)
	if len(w.learned) != 0 {
		t.Error("a late answer is believed")
	}
}

func TestRoomIsBounded(t *testing.T) {
	w := newWorld(t, model.Neighbour{Number: 1, Address: someone, MAC: theirs})
	for i := range 300 {
		w.packet("p", netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}), 8000)
	}
	if n := len(w.questions); n != model.MaxNeighbours-1 {
		t.Errorf("%d questions beside one neighbour", n)
	}
	if w.heldBytes > maxHeldBytes || w.heldBytes < maxHeldBytes-9000 {
		t.Errorf("%d bytes held", w.heldBytes)
	}
	if refused := 300 - model.MaxNeighbours + 1; len(w.passed) != refused {
		t.Errorf("%d addresses dropped, want %d", len(w.passed), refused)
	}
	w.after(4 * time.Second)
	if len(w.questions)+w.heldBytes != 0 {
		t.Errorf("%d questions and %d bytes left", len(w.questions), w.heldBytes)
	}
}

func TestKnownNeighbourIsNotAskedFor(t *testing.T) {
	w := newWorld(t, model.Neighbour{Number: 1, Address: someone, MAC: theirs})
	w.packet("a", someone, 0)
	w.sends("its row is there", "a to 02:00:00:00:00:01")
}

func TestRefresh(t *testing.T) {
	w := newWorld(t, model.Neighbour{Number: 31, Address: someone, MAC: theirs})
	w.answers(someone, other)
	w.after(99 * time.Second)
	w.sends("fresh")
	w.after(2 * time.Second)
	if len(w.sent) == 0 {
		t.Fatal("not asked again after 100 s")
	}
	w.sent = nil
	w.answers(someone, theirs)
	w.after(99 * time.Second)
	w.sends("seen again")
	if len(w.learned) != 0 {
		t.Errorf("a refresh without change wrote %v", w.learned)
	}
	w.after(2 * time.Second)
	w.answers(someone, other)
	if len(w.learned) != 1 || w.learned[0].MAC != other {
		t.Errorf("another MAC: learned %v", w.learned)
	}

	w.away[node] = true
	w.after(10 * time.Minute)
	if len(w.gone) != 0 {
		t.Error("forgotten while nobody could ask")
	}
	w.away[node] = false
	w.sent = nil
	w.after(2 * time.Minute)
	w.sends("three times", "refresh 203.0.113.1", "refresh 203.0.113.1", "refresh 203.0.113.1")
	if !slices.Equal(w.gone, []model.Number{31}) {
		t.Errorf("forgotten: %v", w.gone)
	}
}

func TestHolderIsWrittenSeldom(t *testing.T) {
	w := newWorld(t)
	announce := func(port string) {
		w.Handle(node, pipeline.Reply{Holder: &model.Holder{NetworkID: "ext", Address: someone, PortID: port}})
		w.written()
	}
	ports := func() (list []string) {
		for _, h := range w.holders {
			list = append(list, h.PortID)
		}
		return list
	}
	announce("a")
	for range 10 {
		announce("b")
		announce("a")
		announce("c")
	}
	if got := ports(); !slices.Equal(got, []string{"a"}) {
		t.Errorf("at once: %v", got)
	}
	w.after(holderInterval)
	if got := ports(); !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("after a while: %v", got)
	}
	w.after(2 * holderInterval)
	if len(w.claims) != 0 {
		t.Errorf("left: %v", w.claims)
	}
	w.Handle(node, pipeline.Reply{Holder: &model.Holder{NetworkID: "none", Address: someone, PortID: "a"}})
	if len(w.claims) != 0 {
		t.Error("an address of no network is kept")
	}
}
