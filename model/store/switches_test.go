package store

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/model"
)

// declaration is of the switch with a datapath id, called leaf and it, in the fabric dc.
func declaration(datapathID uint64, uplinks ...model.Uplink) model.Node {
	return model.Node{Hostname: fmt.Sprintf("leaf%d", datapathID), DatapathID: datapathID, Switch: &model.Switch{PhysicalNetwork: "dc", Uplinks: uplinks}}
}

func declareSwitch(t testing.TB, s *Store, declared model.Node) *model.Node {
	t.Helper()
	node, _, err := s.DeclareSwitch(context.Background(), declared)
	check(t, err)
	return node
}

// ethernet are ports eth1 and so on, all up.
func ethernet(count uint32) []model.SwitchPort {
	ports := make([]model.SwitchPort, count)
	for i := range ports {
		n := uint32(i) + 1
		ports[i] = model.SwitchPort{Number: n, Name: fmt.Sprintf("eth%d", n), MAC: model.MAC{2, 0, 0, 0, 9, byte(n)}, Up: true}
	}
	return ports
}

func reportSwitch(t testing.TB, s *Store, number model.Number, report model.Switch) *model.Node {
	t.Helper()
	node, _, err := s.ReportSwitch(context.Background(), number, report)
	check(t, err)
	return node
}

// newSwitch is declared and has reported eight ports.
func newSwitch(t testing.TB, s *Store, datapathID uint64, uplinks ...model.Uplink) *model.Node {
	t.Helper()
	return reportSwitch(t, s, declareSwitch(t, s, declaration(datapathID, uplinks...)).Number, model.Switch{Driver: "generic", Ports: ethernet(8)})
}

// refusedBecause checks that err is a *ConflictError, and what it says.
func refusedBecause(t testing.TB, err error, words string) {
	t.Helper()
	var refusal *ConflictError
	if !errors.As(err, &refusal) || !strings.Contains(refusal.Reason, words) {
		t.Errorf("got %v, want a refusal because %s", err, words)
	}
}

// changed gives what has changed since a position, and the position after it.
func changed(t testing.TB, s *Store, from Position) ([]model.Change, Position) {
	t.Helper()
	changes, position, err := s.Follow(context.Background(), from)
	check(t, err)
	return changes, position
}

func TestDeclareSwitch(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		compute := reportHost(t, s, "compute1", "system", "dc")
		_, position := load(t, s)
		declared := declaration(0x4e5f6a7b8c9d, model.Uplink{Port: "eth8", Hostname: "compute1"}, model.Uplink{Port: "7"})
		node, isNew, err := s.DeclareSwitch(ctx, declared)
		check(t, err)
		if !isNew || node.Hostname != declared.Hostname || node.DatapathID != declared.DatapathID || node.SystemID != "openflow:00004e5f6a7b8c9d" ||
			node.EncapIP.IsValid() || node.TunnelPort != 0 || len(node.Mappings)+len(node.Interfaces) != 0 || node.Switch.Uplinks[0].Port != "7" || node.Switch.Driver != "" {
			t.Fatalf("declared %+v, %+v", node, node.Switch)
		}
		changes, position := changed(t, s, position)
		if len(changes) != 1 || !reflect.DeepEqual(changes[0].Object, node) {
			t.Fatalf("followed %+v, want %+v", changes, node)
		}
		if got := must(s.Nodes(ctx))(t); len(got) != 2 || !reflect.DeepEqual(got[1], node) || got[0].Switch != nil || got[0].DatapathID != compute.DatapathID {
			t.Fatalf("read back %+v", got)
		}
		same, isNew, err := s.DeclareSwitch(ctx, declared)
		if err != nil || isNew || !reflect.DeepEqual(same, node) {
			t.Fatalf("the same again: %+v, %t, %v", same, isNew, err)
		}
		if changes, _ := changed(t, s, position); len(changes) != 0 {
			t.Fatalf("the same again was journalled: %v", changes)
		}

		// What it has reported stays when it is declared anew, with another name too.
		node = reportSwitch(t, s, node.Number, model.Switch{Driver: "generic", Ports: ethernet(2), Meters: 7})
		declared.Hostname, declared.Switch = "spine", &model.Switch{PhysicalNetwork: "lab", Override: "openvswitch"}
		renamed, isNew, err := s.DeclareSwitch(ctx, declared)
		if err != nil || !isNew || renamed.Number != node.Number || renamed.Hostname != "spine" || renamed.Switch.PhysicalNetwork != "lab" ||
			len(renamed.Switch.Uplinks) != 0 || renamed.Switch.Override != "openvswitch" || renamed.Switch.Driver != "generic" || renamed.Switch.Meters != 7 || len(renamed.Switch.Ports) != 2 {
			t.Fatalf("declared anew: %+v, %+v, %v", renamed, renamed.Switch, err)
		}

		other := declaration(5)
		for _, taken := range []string{"compute1", "spine"} {
			other.Hostname = taken
			_, _, err := s.DeclareSwitch(ctx, other)
			refused(t, err, 409, "SwitchNameInUse")
		}
		for words, change := range map[string]func(*model.Node){
			"0 is no datapath id":     func(n *model.Node) { n.DatapathID = 0 },
			"gives to nodes' bridges": func(n *model.Node) { n.DatapathID = compute.DatapathID },
			"needs a name":            func(n *model.Node) { n.Hostname = "" },
			"a physical network":      func(n *model.Node) { n.Switch.PhysicalNetwork = "" },
			"maximum length":          func(n *model.Node) { n.Switch.Override = strings.Repeat("x", 256) },
			"there twice":             func(n *model.Node) { n.Switch.Uplinks = []model.Uplink{{Port: "1"}, {Port: "1", Hostname: "compute1"}} },
			"no port":                 func(n *model.Node) { n.Switch.Uplinks = []model.Uplink{{}} },
			"NUL":                     func(n *model.Node) { n.Switch.Uplinks = []model.Uplink{{Port: "1", Hostname: "\x00"}} },
		} {
			bad := declaration(5)
			change(&bad)
			_, _, err := s.DeclareSwitch(ctx, bad)
			refused(t, err, 400, "HTTPBadRequest")
			if !strings.Contains(err.Error(), words) {
				t.Errorf("%v, want %s", err, words)
			}
		}
		if _, _, err := s.DeclareSwitch(ctx, model.Node{DatapathID: 5, Hostname: "x"}); err == nil {
			t.Error("a declaration without a physical network")
		}

		// Its name and its identity are nobody else's.
		refusedBecause(t, reportNode(s, model.Node{SystemID: "new", Hostname: "spine"}), "openflow:00004e5f6a7b8c9d")
		refusedBecause(t, reportNode(s, model.Node{SystemID: node.SystemID, Hostname: "x"}), "physical switches have")
		refusedBecause(t, reportNode(s, model.Node{SystemID: "openflow:7", Hostname: "x"}), "physical switches have")
		refused(t, s.ForgetNode(ctx, node.Number), 409, "NodeIsSwitch")
		held := must(s.AcquireMasters(ctx, "r", []model.Number{node.Number}, 1e9))(t)
		check(t, s.FreezeNodes(ctx, []model.Number{node.Number}, true))
		if again := reportSwitch(t, s, node.Number, model.Switch{}); len(held) != 1 || !again.Frozen {
			t.Errorf("a switch is no node: masters %v, %+v", held, again)
		}
		healthy(t, s)
		check(t, s.DeleteNode(ctx, node.Number))
		if got := must(s.Nodes(ctx))(t); len(got) != 1 {
			t.Errorf("deleted, and there are %+v", got)
		}
		healthy(t, s)
	})
}

func TestReportSwitch(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		compute := reportHost(t, s, "compute1", "system", "dc")
		declared := declareSwitch(t, s, declaration(1, model.Uplink{Port: "eth3", Hostname: "compute1"}))
		report := model.Switch{PhysicalNetwork: "ignored", Override: "ignored", Uplinks: []model.Uplink{{Port: "9"}},
			Description: model.Description{Manufacturer: "ACME", Hardware: "T\xff48", Datapath: "a\x00b"}, Driver: "generic", Meters: 256,
			Ports:  []model.SwitchPort{{Number: 3, Name: "eth3", Up: true}, {Number: 1, Name: "eth\xfe1"}},
			Tables: []model.TableLimits{{ID: 1, Name: "guard", MaxEntries: 10, Lacks: []string{"nw_src"}}, {ID: 0, Name: "port", MaxEntries: 20}}}
		_, position := load(t, s)
		node, news, err := s.ReportSwitch(ctx, declared.Number, report)
		check(t, err)
		sw := node.Switch
		if !news || sw.PhysicalNetwork != "dc" || sw.Override != "" || !reflect.DeepEqual(sw.Uplinks, declared.Switch.Uplinks) || sw.Ports[0].Number != 1 ||
			sw.Tables[0].Name != "port" || sw.Tables[1].Lacks[0] != "nw_src" || sw.Meters != 256 || sw.GuardsAddresses() || node.Hostname != "leaf1" || node.Reports != 1 {
			t.Fatalf("stored %+v, %+v", node, sw)
		}
		changes, position := changed(t, s, position)
		if len(changes) != 1 || !reflect.DeepEqual(changes[0].Object, node) {
			t.Fatalf("followed %+v, want %+v", changes, node)
		}
		slices.Reverse(report.Ports)
		same, news, err := s.ReportSwitch(ctx, declared.Number, report)
		if err != nil || news || !reflect.DeepEqual(same, node) {
			t.Fatalf("an equal report: %+v, %t, %v", same, news, err)
		}
		if changes, _ := changed(t, s, position); len(changes) != 0 {
			t.Fatalf("an equal report was journalled: %v", changes)
		}
		for words, ports := range map[string][]model.SwitchPort{
			"port number 0":          {{Number: 0}},
			"port number 4294967040": nil,
			"port number 4294967041": {{Number: 0xffffff01}},
			"port number 2":          {{Number: 2}, {Number: 1}, {Number: 2}},
		} {
			_, _, err := s.ReportSwitch(ctx, declared.Number, model.Switch{Ports: ports})
			if ports == nil {
				_, _, err = s.ReportSwitch(ctx, declared.Number, model.Switch{Ports: []model.SwitchPort{{Number: 0xffffff00}}})
				check(t, err)
				continue
			}
			refusedBecause(t, err, words)
		}
		_, _, err = s.ReportSwitch(ctx, compute.Number, report)
		refusedBecause(t, err, "compute1 is no physical switch")
		_, _, err = s.ReportSwitch(ctx, 999, report)
		refused(t, err, 404, "NodeNotFound")
		healthy(t, s)
	})
}

// The key is made once for all who open the database.
func TestLLDPKey(t *testing.T) {
	keys := map[string]bool{}
	for _, url := range []string{sqliteURL(t), postgresURL(t)} {
		ctx := context.Background()
		s, err := Open(ctx, url, Options{Source: model.SystemSource()})
		check(t, err)
		key := must(s.LLDPKey(ctx))(t)
		check(t, s.Close())
		again := must(open(t, url, Options{}).LLDPKey(ctx))(t)
		if len(key) != 32 || !slices.Equal(key, again) || keys[string(key)] {
			t.Errorf("key %x, and then %x", key, again)
		}
		keys[string(key)] = true
	}
}

func TestLinks(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		compute := reportHost(t, s, "compute1", "system", "dc") // its patch port is 2
		a, b := newSwitch(t, s, 1, model.Uplink{Port: "eth7"}), newSwitch(t, s, 2)
		far := declaration(3)
		far.Switch.PhysicalNetwork = "lab"
		c := reportSwitch(t, s, declareSwitch(t, s, far).Number, model.Switch{Ports: ethernet(8)})
		vlan := newNetwork(t, s, onFabric(100))
		host := newPort(t, s, vlan, bareMetal("leaf1", "eth5", 7))
		at := func(n *model.Node, port uint32) model.LinkEnd { return model.LinkEnd{Node: n.Number, Port: port} }
		down := ethernet(8)
		down[5].Up = false
		reportSwitch(t, s, b.Number, model.Switch{Driver: "generic", Ports: down})

		_, position := load(t, s)
		link, added, err := s.AddLink(ctx, at(b, 1), at(a, 1))
		check(t, err)
		if !added || link.A != at(a, 1) || link.B != at(b, 1) {
			t.Fatalf("added %+v, %t", link, added)
		}
		changes, position := changed(t, s, position)
		if len(changes) != 1 || !reflect.DeepEqual(changes[0].Object, link) {
			t.Fatalf("followed %+v, want %+v", changes, link)
		}
		for _, ends := range [][2]model.LinkEnd{{at(a, 1), at(b, 1)}, {at(b, 1), at(a, 1)}} {
			if same, added, err := s.AddLink(ctx, ends[0], ends[1]); err != nil || added || !reflect.DeepEqual(same, link) {
				t.Fatalf("the same again: %+v, %t, %v", same, added, err)
			}
		}
		uplink := must2(s.AddLink(ctx, at(a, 2), at(compute, 2)))(t)
		loop := must2(s.AddLink(ctx, at(a, 3), at(a, 4)))(t)
		for _, refusal := range []struct {
			a, b  model.LinkEnd
			words string
		}{
			{at(a, 8), at(a, 8), "face itself"},
			{at(a, 8), model.LinkEnd{Node: 999, Port: 1}, "no node number 999"},
			{at(a, 9), at(b, 8), "leaf1 has no port 9"},
			{at(a, 8), at(b, 6), "port 6 of switch leaf2 is down"},
			{at(a, 7), at(b, 8), "declared to be an uplink"},
			{at(a, 5), at(b, 8), host.ID},
			{at(a, 8), at(c, 8), "of lab"},
			{at(a, 8), at(compute, 3), "leads to no bridge"},
			{at(c, 8), at(compute, 2), "physical network"},
			{at(compute, 2), at(reportHost(t, s, "compute2", "system", "dc"), 2), "is a physical switch"},
		} {
			_, _, err := s.AddLink(ctx, refusal.a, refusal.b)
			refusedBecause(t, err, refusal.words)
		}
		healthy(t, s)
		links := func() (numbers []model.Number) {
			objects, _ := load(t, s)
			for _, o := range objects {
				if o.Ref().Kind == model.KindLink {
					numbers = append(numbers, o.Ref().Number)
				}
			}
			return numbers
		}
		want := func(when string, left ...model.Number) {
			t.Helper()
			if got := links(); !slices.Equal(got, left) {
				t.Fatalf("%s: links %v, want %v", when, got, left)
			}
			healthy(t, s)
		}
		want("at first", link.Number, uplink.Number, loop.Number)

		// A port that goes down takes its link with it in the same transaction.
		_, position = changed(t, s, position)
		ports := ethernet(8)
		ports[0].Up = false
		reportSwitch(t, s, a.Number, model.Switch{Driver: "generic", Ports: ports})
		changes, position = changed(t, s, position)
		if len(changes) != 2 || changes[0].Ref != a.Ref() || changes[1] != (model.Change{Ref: link.Ref()}) {
			t.Fatalf("followed %+v", changes)
		}
		want("port 1 is down", uplink.Number, loop.Number)
		reportSwitch(t, s, a.Number, model.Switch{Driver: "generic", Ports: ethernet(8)})
		younger := must2(s.AddLink(ctx, at(a, 1), at(b, 1)))(t)
		if younger.Number <= loop.Number {
			t.Fatalf("a link that comes back has number %d", younger.Number)
		}
		// A bridge that is mapped no more.
		reportHost(t, s, "compute1", "system")
		want("no mapping", loop.Number, younger.Number)
		// A port that is declared to be an uplink, and one that is gone.
		declareSwitch(t, s, declaration(1, model.Uplink{Port: "eth7"}, model.Uplink{Port: "eth3"}))
		want("an uplink", younger.Number)
		reportSwitch(t, s, b.Number, model.Switch{Driver: "generic", Ports: ethernet(8)[1:]})
		want("port is gone")
		// Another physical network.
		must2(s.AddLink(ctx, at(a, 2), at(b, 2)))(t)
		moved := declaration(1)
		moved.Switch.PhysicalNetwork = "lab"
		declareSwitch(t, s, moved)
		want("moved")
		declareSwitch(t, s, declaration(1))
		again := must2(s.AddLink(ctx, at(a, 2), at(b, 2)))(t)
		check(t, s.RemoveLinks(ctx, []model.Number{again.Number, 12345}))
		check(t, s.RemoveLinks(ctx, nil))
		want("removed")
		// A switch that goes.
		last := must2(s.AddLink(ctx, at(a, 2), at(b, 2)))(t)
		_, position = changed(t, s, position)
		check(t, s.DeleteNode(ctx, b.Number))
		changes, _ = changed(t, s, position)
		if !slices.ContainsFunc(changes, func(c model.Change) bool { return c == model.Change{Ref: last.Ref()} }) {
			t.Fatalf("followed %+v", changes)
		}
		want("a switch is gone")
	})
}

// must2 is must for a call that also tells whether it changed something.
func must2[T any](value T, _ bool, err error) func(testing.TB) T { return must(value, err) }

func TestServices(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		a, b := reportHost(t, s, "compute1", "system", "dc"), reportHost(t, s, "compute2", "system", "dc")
		n := newNetwork(t, s, onFabric(100))
		subnet := newSubnet(t, s, n, "10.0.0.0/24")
		router := newRouter(t, s)
		port := must(s.Port(admin, join(t, s, router, subnet).PortID))(t)
		set := func(generation int64, node model.Number) bool {
			t.Helper()
			return must(s.SetService(ctx, port.Number, generation, node))(t)
		}
		_, position := load(t, s)
		if set(0, 0) || set(1, a.Number) || set(0, 999) || must(s.SetService(ctx, newPort(t, s, n).Number, 0, a.Number))(t) || must(s.SetService(ctx, 999, 0, a.Number))(t) {
			t.Fatal("a service came to be that cannot")
		}
		_, position = changed(t, s, position)
		if !set(0, a.Number) || set(0, b.Number) {
			t.Fatal("the first service, or a second one")
		}
		service := func() (found *model.Service) {
			t.Helper()
			changes, next := changed(t, s, position)
			position = next
			for _, c := range changes {
				if c.Ref.Kind == model.KindService {
					found, _ = c.Object.(*model.Service)
				}
			}
			return found
		}
		is := func(want model.Service) {
			t.Helper()
			got := service()
			if got == nil || got.Number == 0 {
				t.Fatalf("service %+v, want %+v", got, want)
			}
			want.Number, want.Port = got.Number, port.Number
			if *got != want {
				t.Fatalf("service %+v, want %+v", got, want)
			}
			healthy(t, s)
		}
		is(model.Service{Node: a.Number, Generation: 1})
		if set(2, b.Number) || set(1, a.Number) || !set(1, b.Number) {
			t.Fatal("moved by another generation, or to where it was, or not at all")
		}
		is(model.Service{Node: b.Number, Generation: 2})
		check(t, s.DeleteNode(ctx, b.Number))
		is(model.Service{Generation: 3})
		if !set(3, a.Number) || !set(4, 0) {
			t.Fatal("not moved")
		}
		is(model.Service{Generation: 5})
		objects, _ := load(t, s)
		count := func(objects []model.Object) (n int) {
			for _, o := range objects {
				if o.Ref().Kind == model.KindService {
					n++
				}
			}
			return n
		}
		if count(objects) != 1 {
			t.Fatalf("loaded %v", objects)
		}
		must(s.RemoveRouterInterface(admin, router.ID, subnet.ID, ""))(t)
		changes, _ := changed(t, s, position)
		gone := slices.ContainsFunc(changes, func(c model.Change) bool { return c.Ref.Kind == model.KindService && c.Object == nil })
		if objects, _ := load(t, s); !gone || count(objects) != 0 {
			t.Fatalf("the interface is gone, and followed %+v", changes)
		}
		healthy(t, s)
	})
}
