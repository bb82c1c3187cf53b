package store

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"sync"
	"testing"

	"github.com/planck-sdn/planck/model"
)

// countAny does things at once, which may be refused in words.
func countAny(t *testing.T, do ...func() error) {
	t.Helper()
	var group sync.WaitGroup
	for i, d := range do {
		group.Go(func() {
			var refusal *model.Error
			if err := d(); err != nil && !errors.As(err, &refusal) {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	group.Wait()
}

func TestGatewayNode(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		external, _ := newExternal(t, s)
		r := newRouter(t, s, through(external))
		bare := newRouter(t, s)
		a, _, err := s.ReportNode(ctx, model.Node{SystemID: "a", Hostname: "a"})
		check(t, err)
		b, _, err := s.ReportNode(ctx, model.Node{SystemID: "b", Hostname: "b"})
		check(t, err)
		f := newFollower(t, s)
		set := func(router *model.Router, generation int64, node model.Number) bool {
			t.Helper()
			moved, err := s.SetGatewayNode(ctx, router.Number, generation, node)
			check(t, err)
			return moved
		}
		if !set(r, 1, a.Number) {
			t.Fatal("not moved")
		}
		got := must(s.Router(admin, r.ID))(t)
		if got.Gateway.Node != a.Number || got.Gateway.Generation != 2 || got.RevisionNumber != r.RevisionNumber {
			t.Errorf("moved to a: %+v, %+v", got, got.Gateway)
		}
		if changes := f.follow(t); len(changes) != 1 || changes[0].Ref != r.Ref() {
			t.Errorf("changes %v", changes)
		}
		for what, moved := range map[string]bool{
			"an old generation": set(r, 1, b.Number), "the same node": set(r, 2, a.Number), "a node that is gone": set(r, 2, 999), "no gateway": set(bare, 0, a.Number),
		} {
			if moved {
				t.Errorf("%s moves it", what)
			}
		}
		// Of two that decide at once, one does.
		done := 0
		var mutex sync.Mutex
		countAny(t, func() error { return decide(s, r, b.Number, &mutex, &done) }, func() error { return decide(s, r, b.Number, &mutex, &done) },
			func() error { return decide(s, r, 0, &mutex, &done) })
		if done != 1 {
			t.Errorf("%d decided", done)
		}
		f.follow(t)
		f.equalsLoad(t)
		generation := must(s.Router(admin, r.ID))(t).Gateway.Generation
		if !set(r, generation, b.Number) && !set(r, generation, a.Number) {
			t.Fatal("not moved")
		}
		got = must(s.Router(admin, r.ID))(t)
		check(t, s.DeleteNode(ctx, got.Gateway.Node))
		after := must(s.Router(admin, r.ID))(t)
		if after.Gateway.Node != 0 || after.Gateway.Generation != got.Gateway.Generation+1 {
			t.Errorf("after the node has gone: %+v", after.Gateway)
		}
		f.follow(t)
		f.equalsLoad(t)
		healthy(t, s)
	})
}

func decide(s *Store, r *model.Router, node model.Number, mutex *sync.Mutex, done *int) error {
	moved, err := s.SetGatewayNode(context.Background(), r.Number, 2, node)
	mutex.Lock()
	defer mutex.Unlock()
	if moved {
		*done++
	}
	return err
}

func TestNeighbours(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		external, _ := newExternal(t, s)
		r := newRouter(t, s, through(external))
		f := newFollower(t, s)
		learn := func(n model.Neighbour) bool {
			t.Helper()
			changed, err := s.LearnNeighbour(ctx, n)
			check(t, err)
			return changed
		}
		n := model.Neighbour{RouterID: r.ID, NetworkID: external.ID, Address: addr("203.0.113.1"), MAC: model.MAC{2, 0, 0, 0, 0, 1}}
		if !learn(n) || learn(n) {
			t.Error("it is news once")
		}
		changes := f.follow(t)
		if len(changes) != 1 {
			t.Fatalf("changes %v", changes)
		}
		got := *changes[0].Object.(*model.Neighbour)
		if got.MAC != n.MAC || got.Address != n.Address || got.UpdatedAt.IsZero() {
			t.Errorf("noted %+v", got)
		}
		number := got.Number
		n.MAC[5] = 2
		if !learn(n) {
			t.Error("another MAC is no news")
		}
		changes = f.follow(t)
		if got = *changes[0].Object.(*model.Neighbour); got.MAC != n.MAC || got.Number != number {
			t.Errorf("noted %+v", got)
		}
		if elsewhere := n; true {
			elsewhere.NetworkID = "none"
			nobody := n
			nobody.RouterID = "none"
			if learn(elsewhere) || learn(nobody) {
				t.Error("noted for no gateway")
			}
		}
		for i := 1; i < model.MaxNeighbours; i++ {
			n.Address = netip.AddrFrom4([4]byte{203, 0, byte(113 + i/250), byte(2 + i%250)})
			if !learn(n) {
				t.Fatalf("%s is no news", n.Address)
			}
		}
		n.Address = addr("203.0.112.7")
		if changed, err := s.LearnNeighbour(ctx, n); changed || !errors.Is(err, ErrTooManyNeighbours) {
			t.Errorf("one more: %v, %v", changed, err)
		}
		f.follow(t)
		f.equalsLoad(t)
		healthy(t, s)
		check(t, s.ForgetNeighbours(ctx, []model.Number{number, 1 << 30}))
		check(t, s.ForgetNeighbours(ctx, nil))
		if changes := f.follow(t); len(changes) != 1 || changes[0].Object != nil || changes[0].Ref != got.Ref() {
			t.Errorf("forgotten: %v", changes)
		}
		if !learn(n) {
			t.Error("there is room again")
		}
		f.follow(t)
		// They go with the gateway.
		must(setGateway(admin, s, r, nil))(t)
		if changes := f.follow(t); len(changes) != model.MaxNeighbours+2 {
			t.Errorf("%d changes", len(changes))
		}
		f.equalsLoad(t)
		if learn(n) {
			t.Error("noted without a gateway")
		}
		healthy(t, s)
	})
}

func TestHolders(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		n := newNetwork(t, s)
		newSubnet(t, s, n, "10.0.0.0/24", withoutDHCP)
		pair := func(p *model.Port) {
			p.AllowedAddressPairs = []model.AddressPair{{IP: netip.MustParsePrefix("10.0.0.100/32")}}
		}
		a, b, c := newPort(t, s, n, pair), newPort(t, s, n, pair), newPort(t, s, n)
		f := newFollower(t, s)
		set := func(p *model.Port) bool {
			t.Helper()
			changed, err := s.SetHolder(ctx, model.Holder{NetworkID: n.ID, Address: addr("10.0.0.100"), PortID: p.ID})
			check(t, err)
			return changed
		}
		if !set(a) || set(a) || !set(b) || set(c) || set(&model.Port{ID: "none"}) {
			t.Error("news is not what it should be")
		}
		changes := f.follow(t)
		if len(changes) != 1 || changes[0].Object.(*model.Holder).PortID != b.ID {
			t.Fatalf("changes %v", changes)
		}
		ref := changes[0].Ref
		must(s.UpdatePort(admin, b.ID, func(p *model.Port) error { p.AllowedAddressPairs = nil; return nil }))(t)
		f.follow(t)
		if f.objects[ref] != nil {
			t.Error("it holds what it may not use any more")
		}
		f.equalsLoad(t)
		set(a)
		check(t, s.DeletePort(admin, a.ID))
		f.follow(t)
		f.equalsLoad(t)
		for ref := range f.objects {
			if ref.Kind == model.KindHolder {
				t.Errorf("left: %v", ref)
			}
		}
		if changed, err := s.SetHolder(ctx, model.Holder{NetworkID: n.ID, Address: c.FixedIPs[0].IPAddress, PortID: c.ID}); !changed || err != nil {
			t.Errorf("its own address: %v, %v", changed, err)
		}
		healthy(t, s)
		if !reflect.DeepEqual(must(s.Port(admin, c.ID))(t), c) {
			t.Error("the port has changed")
		}
	})
}

// TestNetworkOfAHolder: a network whose DHCP port has announced its address can be deleted, and nothing of that stays.
func TestNetworkOfAHolder(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		newSubnet(t, s, n, "10.0.0.0/24")
		server := must(s.ListPorts(admin, Query{}))(t)[0]
		f := newFollower(t, s)
		held := must(s.SetHolder(context.Background(), model.Holder{NetworkID: n.ID, Address: server.FixedIPs[0].IPAddress, PortID: server.ID}))(t)
		if !held {
			t.Fatal("the DHCP port holds nothing")
		}
		check(t, s.DeleteNetwork(admin, n.ID))
		f.follow(t)
		f.equalsLoad(t)
	})
}
