package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/model"
)

// follower keeps what a replica's topology would.
type follower struct {
	store    *Store
	position Position
	objects  map[model.Ref]model.Object
}

func newFollower(t testing.TB, s *Store) *follower {
	t.Helper()
	objects, position, err := s.Load(context.Background())
	check(t, err)
	f := &follower{s, position, map[model.Ref]model.Object{}}
	for _, o := range objects {
		f.objects[o.Ref()] = o
	}
	return f
}

func (f *follower) follow(t testing.TB) []model.Change {
	t.Helper()
	changes, position, err := f.store.Follow(context.Background(), f.position)
	check(t, err)
	for _, c := range changes {
		if c.Object == nil {
			delete(f.objects, c.Ref)
		} else {
			f.objects[c.Ref] = c.Object
		}
	}
	f.position = position
	return changes
}

// topology is the objects without what the journal does not mention.
func (f *follower) topology() map[model.Ref]any {
	return withoutStatus(slices.Collect(maps.Values(f.objects)))
}

func withoutStatus(objects []model.Object) map[model.Ref]any {
	all := map[model.Ref]any{}
	for _, o := range objects {
		all[o.Ref()] = o
		if p, ok := o.(*model.Port); ok {
			c := *p
			c.Status, c.StatusReason, c.RevisionNumber, c.UpdatedAt = "", "", 0, time.Time{}
			all[o.Ref()] = c
		}
	}
	return all
}

func (f *follower) equalsLoad(t testing.TB) {
	t.Helper()
	objects, _, err := f.store.Load(context.Background())
	check(t, err)
	if want, got := withoutStatus(objects), f.topology(); !reflect.DeepEqual(got, want) {
		t.Fatalf("followed:\n%v\nloaded:\n%v", got, want)
	}
}

func TestFollow(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		if _, _, err := s.Follow(context.Background(), Position{}); !errors.Is(err, ErrTooOld) {
			t.Fatalf("from nowhere: %v", err)
		}
		f := newFollower(t, s)
		n := newNetwork(t, s)
		newSubnet(t, s, n, "10.0.0.0/24")
		p := newPort(t, s, n)
		changes := f.follow(t)
		kinds := ""
		for _, c := range changes {
			kinds += c.Ref.Kind.String() + " "
		}
		if kinds != "network subnet port port security group " {
			t.Fatalf("changes %s", kinds)
		}
		f.equalsLoad(t)
		if changes := f.follow(t); len(changes) != 0 {
			t.Fatalf("seen twice: %v", changes)
		}
		check(t, s.DeletePort(admin, p.ID))
		if changes := f.follow(t); len(changes) != 1 || changes[0].Object != nil || changes[0].Ref != p.Ref() {
			t.Fatalf("deletion: %v", changes)
		}
		check(t, s.DeleteNetwork(admin, n.ID))
		check(t, s.DeleteSecurityGroup(admin, defaultGroup(t, s, "alpha").ID))
		f.follow(t)
		if len(f.objects) != 0 {
			t.Fatalf("left: %v", f.objects)
		}
	})
}

// A revision that a client was given is included exactly when the position says so.
func TestRevision(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		f := newFollower(t, s)
		var revision int64
		n := &model.Network{ProjectID: "alpha"}
		check(t, s.CreateNetworks(WithRevision(admin, &revision), []*model.Network{n}))
		if f.position.Revision >= revision {
			t.Fatalf("position %d claims to include revision %d", f.position.Revision, revision)
		}
		f.follow(t)
		if f.position.Revision < revision {
			t.Fatalf("position %d does not include revision %d", f.position.Revision, revision)
		}
	})
}

// The trap of numbers that are given before commit: a transaction that begins first and commits last.
func TestFollowMissesNoLateCommit(t *testing.T) {
	s := open(t, postgresURL(t), Options{})
	n := newNetwork(t, s)
	f := newFollower(t, s)

	var slowRevision int64
	written, finish := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		err := s.write(WithRevision(admin, &slowRevision), func(tx *tx) error {
			slow := &model.Network{ProjectID: "alpha", Name: "slow"}
			if err := tx.createNetworks([]*model.Network{slow}); err != nil {
				return err
			}
			if _, err := tx.writeJournal(); err != nil {
				return err
			}
			close(written)
			<-finish
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-written
	fast := newNetwork(t, s, func(n *model.Network) { n.Name = "fast" })
	check(t, s.DeleteNetwork(admin, n.ID))
	first := f.follow(t)
	if len(first) != 2 || f.objects[fast.Ref()] == nil {
		t.Fatalf("while the slow one runs: %v", first)
	}
	during := f.position
	close(finish)
	group.Wait()
	if during.Revision >= slowRevision {
		t.Fatalf("position %d claims to include revision %d, which was not committed", during.Revision, slowRevision)
	}
	second := f.follow(t)
	if len(second) != 1 || second[0].Object.(*model.Network).Name != "slow" {
		t.Fatalf("after the slow one: %v", second)
	}
	if f.position.Revision < slowRevision {
		t.Fatal("the position does not include the slow one")
	}
	f.equalsLoad(t)
}

// Many writers, one follower who polls all the time: it never sees an object older than before, and ends up with
// what is there.
func TestFollowUnderCompetition(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		n := newNetwork(t, s)
		newSubnet(t, s, n, "10.0.0.0/24")
		f := newFollower(t, s)
		var group sync.WaitGroup
		for w := range 4 {
			group.Go(func() {
				p := portRequest(n)
				if err := createPort(admin, s, p); err != nil {
					t.Error(err)
					return
				}
				for i := range 10 {
					_, err := s.UpdatePort(admin, p.ID, func(p *model.Port) error { p.Name = fmt.Sprint(w, i); return nil })
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		done := make(chan struct{})
		go func() { group.Wait(); close(done) }()
		for running := true; running; {
			select {
			case <-done:
				running = false
			default:
			}
			before := maps.Clone(f.objects)
			for _, c := range f.follow(t) {
				if old, ok := before[c.Ref].(*model.Port); ok && c.Object.(*model.Port).RevisionNumber <= old.RevisionNumber {
					t.Fatalf("%v came again as it was", c.Ref)
				}
			}
		}
		f.equalsLoad(t)
	})
}

// A follower that is fed by Follow has what Load gives, whatever happened.
func TestFollowEqualsLoad(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		f := newFollower(t, s)
		rapid.Check(t, func(r *rapid.T) {
			for range rapid.IntRange(1, 12).Draw(r, "steps") {
				randomOperation(r, s)
				if rapid.Bool().Draw(r, "follow") {
					f.follow(t)
				}
			}
			f.follow(t)
			f.equalsLoad(t)
		})
	})
}

func randomOperation(r *rapid.T, s *Store) {
	pick := func(ids []string) string { return rapid.SampledFrom(append(ids, "nope")).Draw(r, "id") }
	networks, _ := s.ListNetworks(admin, Query{})
	subnets, _ := s.ListSubnets(admin, Query{})
	ports, _ := s.ListPorts(admin, Query{})
	networkIDs, subnetIDs, portIDs := []string{}, []string{}, []string{}
	for _, n := range networks {
		networkIDs = append(networkIDs, n.ID)
	}
	for _, n := range subnets {
		subnetIDs = append(subnetIDs, n.ID)
	}
	for _, p := range ports {
		portIDs = append(portIDs, p.ID)
	}
	host := rapid.SampledFrom([]string{"", "a", "b"}).Draw(r, "host")
	var err error
	switch operation := rapid.IntRange(0, 24).Draw(r, "operation"); operation {
	case 0:
		n := &model.Network{ProjectID: "alpha"}
		if rapid.Bool().Draw(r, "vlan") {
			n.NetworkType, n.PhysicalNetwork = model.NetworkVLAN, "public"
			n.SegmentationID = uint32(rapid.IntRange(1, 3).Draw(r, "vlan id"))
			n.External = rapid.Bool().Draw(r, "external")
		}
		err = s.CreateNetworks(admin, []*model.Network{n})
	case 1:
		cidr := fmt.Sprintf("10.0.%d.0/28", rapid.IntRange(0, 3).Draw(r, "cidr"))
		subnet := subnetRequest(&model.Network{ID: pick(networkIDs), ProjectID: "alpha"}, cidr)
		subnet.EnableDHCP = rapid.Bool().Draw(r, "dhcp")
		err = s.CreateSubnets(admin, []*model.Subnet{subnet})
	case 2, 3, 4:
		p := portRequest(&model.Network{ID: pick(networkIDs), ProjectID: "alpha"})
		p.HostID = host
		err = createPort(admin, s, p)
	case 5:
		_, err = s.UpdatePort(admin, pick(portIDs), func(p *model.Port) error {
			p.HostID = host
			if rapid.Bool().Draw(r, "no addresses") {
				p.FixedIPs = []model.FixedIP{}
			}
			return nil
		})
	case 6:
		_, err = s.UpdateSubnet(admin, pick(subnetIDs), func(s *model.Subnet) error { s.EnableDHCP = !s.EnableDHCP; return nil })
	case 7:
		err = s.DeletePort(admin, pick(portIDs))
	case 8:
		err = s.DeleteSubnet(admin, pick(subnetIDs))
	case 9:
		err = s.DeleteNetwork(admin, pick(networkIDs))
	case 10:
		report := model.Node{SystemID: "sys-" + host, Hostname: host}
		if rapid.Bool().Draw(r, "mapping") {
			report.Mappings = []model.Mapping{{PhysicalNetwork: "public", Bridge: "br-ex"}}
		}
		for i := range rapid.IntRange(0, 3).Draw(r, "interfaces") {
			report.Interfaces = append(report.Interfaces, model.Interface{Name: fmt.Sprint("tap", i), PortID: pick(portIDs), Ofport: uint32(i + 1)})
		}
		err = reportNode(s, report)
	case 11:
		err = s.DeleteNode(context.Background(), model.Number(rapid.IntRange(1, 20).Draw(r, "node")))
	case 21, 22, 23, 24:
		err = randomGroups(r, s, pick(portIDs))
	default:
		err = randomRouting(r, s, operation, pick(networkIDs), pick(subnetIDs), pick(portIDs))
	}
	var refusal *model.Error
	var claim *ConflictError
	if err != nil && !errors.As(err, &refusal) && !errors.As(err, &claim) {
		r.Fatalf("neither done nor refused: %v", err)
	}
}

func randomRouting(r *rapid.T, s *Store, operation int, network, subnet, port string) (err error) {
	routers, _ := s.ListRouters(admin, Query{})
	floating, _ := s.ListFloatingIPs(admin, Query{})
	router, floatingID := &model.Router{ID: "nope"}, "nope"
	if len(routers) > 0 {
		router = rapid.SampledFrom(routers).Draw(r, "router")
	}
	if len(floating) > 0 {
		floatingID = rapid.SampledFrom(floating).Draw(r, "floating IP").ID
	}
	switch operation {
	case 12:
		request := RouterRequest{Router: &model.Router{ProjectID: "alpha"}}
		if rapid.Bool().Draw(r, "gateway") {
			through(&model.Network{ID: network})(&request)
		}
		return s.CreateRouters(admin, []RouterRequest{request})
	case 13:
		_, err = s.UpdateRouter(admin, router.ID, func(u *RouterUpdate) error {
			u.Router.AdminStateUp = !u.Router.AdminStateUp
			if u.GatewaySaid = rapid.Bool().Draw(r, "gateway"); u.GatewaySaid && rapid.Bool().Draw(r, "set") {
				u.Gateway = &ExternalGateway{NetworkID: network}
			}
			return nil
		})
	case 14:
		_, err = s.AddRouterInterface(admin, router.ID, subnet, "")
	case 15:
		_, err = s.AddRouterInterface(admin, router.ID, "", port)
	case 16:
		if _, err = s.RemoveRouterInterface(admin, router.ID, subnet, ""); err != nil {
			err = s.DeleteRouter(admin, router.ID)
		}
	case 17:
		return s.CreateFloatingIPs(admin, []FloatingIPRequest{{FloatingIP: &model.FloatingIP{ProjectID: "alpha", FloatingNetworkID: network}}})
	case 18:
		if rapid.Bool().Draw(r, "delete") {
			return s.DeleteFloatingIP(admin, floatingID)
		}
		_, err = associate(admin, s, floatingID, &model.Port{ID: port})
	case 19:
		if g := router.Gateway; g != nil {
			if _, err := s.SetGatewayNode(context.Background(), router.Number, g.Generation, model.Number(rapid.IntRange(0, 20).Draw(r, "node"))); err != nil {
				return err
			}
			_, err = s.LearnNeighbour(context.Background(), model.Neighbour{RouterID: router.ID, NetworkID: g.NetworkID, Address: addr("10.0.0.9"),
				MAC: model.MAC{2, 0, 0, 0, 0, byte(rapid.IntRange(0, 3).Draw(r, "mac"))}})
		}
	case 20:
		p, err := s.Port(admin, port)
		if err != nil || len(p.FixedIPs) == 0 {
			return err
		}
		_, err = s.SetHolder(context.Background(), model.Holder{NetworkID: p.NetworkID, Address: p.FixedIPs[0].IPAddress, PortID: p.ID})
		return err
	}
	return err
}

func TestPrunedJournal(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		f := newFollower(t, s)
		newNetwork(t, s)
		check(t, s.PruneJournal(ctx, time.Hour))
		old := f.position
		if changes := f.follow(t); len(changes) != 2 { // the network, and its project's default group
			t.Fatalf("lines younger than an hour were pruned: %v", changes)
		}
		check(t, s.PruneJournal(ctx, 0))
		if _, _, err := s.Follow(ctx, old); !errors.Is(err, ErrTooOld) {
			t.Fatalf("older than the journal: %v", err)
		}
		if changes := f.follow(t); len(changes) != 0 { // up to date, so nothing is missing
			t.Fatalf("%v", changes)
		}
		n := newNetwork(t, s)
		if changes := f.follow(t); len(changes) != 1 || changes[0].Ref != n.Ref() {
			t.Fatalf("after the pruning: %v", changes)
		}
	})
}

func TestWake(t *testing.T) {
	received := func(s *Store) func() bool {
		return func() bool {
			select {
			case <-s.Wake():
				return true
			default:
				return false
			}
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		s := open(t, sqliteURL(t), Options{})
		newNetwork(t, s)
		within(t, 5*time.Second, "wake-up", received(s))
	})
	t.Run("postgres", func(t *testing.T) {
		url := postgresURL(t)
		writer, reader := open(t, url, Options{}), open(t, url, Options{})
		<-reader.Wake() // its connection is made
		f := newFollower(t, reader)
		for range 3 {
			n := newNetwork(t, writer)
			within(t, 5*time.Second, "wake-up of the other replica and the change", func() bool {
				if !received(reader)() {
					return false
				}
				f.follow(t)
				return f.objects[n.Ref()] != nil
			})
			within(t, 5*time.Second, "wake-up of the writer", received(writer))
		}
		// Nothing but the journal wakes.
		check(t, writer.SetPortStatus(context.Background(), []PortStatus{{1, 1, model.StatusActive, ""}}))
		if received(writer)() {
			t.Fatal("a status woke a follower")
		}
	})
}

// A list of any length, a load and a follow cost a constant number of statements.
func TestStatementsAreConstant(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		statements := listStatements(t, s.reader)
		must(s.SetQuota(admin, "alpha", map[string]int{"security_group": Unlimited}))(t)
		n := newNetwork(t, s)
		newSubnet(t, s, n, "10.0.0.0/24")
		_, position, err := s.Load(context.Background())
		check(t, err)
		measure := func() (counts [7]int) {
			for i, f := range []func(){
				func() { must(s.ListPorts(listed(admin), Query{Sort: []SortKey{{"name", false}}}))(t) },
				func() { must(s.ListNetworks(listed(tenant("alpha")), Query{}))(t) },
				func() { must(s.ListSubnets(listed(tenant("alpha")), Query{}))(t) },
				func() { must(s.ListSecurityGroups(listed(tenant("alpha")), Query{}))(t) },
				func() { must(s.ListSecurityGroupRules(listed(tenant("alpha")), Query{}))(t) },
				func() {
					var err error
					_, position, err = s.Follow(listed(context.Background()), position)
					check(t, err)
				},
				func() { _, _, err := s.Load(listed(context.Background())); check(t, err) },
			} {
				*statements = nil
				f()
				counts[i] = len(*statements)
			}
			return counts
		}
		newPort(t, s, n)
		newGroup(t, s, "alpha")
		few := measure()
		for range 30 {
			newPort(t, s, n)
			newGroup(t, s, "alpha")
		}
		if many := measure(); many != few || few[0] != 1 || slices.Contains(few[:], 0) {
			t.Fatalf("statements with few and many ports: %v, %v", few, many)
		}
	})
}
