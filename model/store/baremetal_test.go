package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/planck-sdn/planck/model"
)

// onFabric makes a network one of the fabric dc.
func onFabric(vlan uint32) func(*model.Network) {
	return func(n *model.Network) {
		n.NetworkType, n.PhysicalNetwork, n.SegmentationID = model.NetworkVLAN, "dc", vlan
	}
}

var switchIDs = map[string]string{"leaf1": "0000000000000001", "leaf2": "0000000000000002"}

// profile is what Ironic writes. A tag of 0 is none.
func profile(switchName, port string, tag int) map[string]any {
	id := switchIDs[switchName]
	if id == "" {
		id = switchName
	}
	p := map[string]any{"local_link_information": []any{map[string]any{"switch_id": id, "port_id": port, "switch_info": switchName}}}
	if tag != 0 {
		p["tag"] = float64(tag)
	}
	return p
}

// bareMetal makes a port one of bare metal at a switch's port.
func bareMetal(switchName, port string, tag int) func(*model.Port) {
	return func(p *model.Port) {
		p.VNICType, p.HostID, p.Profile = model.VNICTypeBareMetal, "ironic-node", profile(switchName, port, tag)
	}
}

// bound tells how a port is bound: its VIF type, and why it is no better.
func bound(t testing.TB, s *Store, id string) (text string) {
	t.Helper()
	p := must(s.Port(admin, id))(t)
	if (p.VIFType == model.VIFTypeBindingFailed) != (p.StatusReason != "") {
		t.Errorf("port %s is %s because %q", id, p.VIFType, p.StatusReason)
	}
	if p.StatusReason != "" {
		return p.VIFType + ": " + p.StatusReason
	}
	return p.VIFType
}

func isBound(t testing.TB, s *Store, id, want string) {
	t.Helper()
	if got := bound(t, s, id); !strings.Contains(got, want) {
		t.Errorf("port %s is %s, want %s", id, got, want)
	}
}

func TestBareMetalBinding(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		reportHost(t, s, "compute1", "system", "dc")
		leaf := newSwitch(t, s, 1, model.Uplink{Port: "eth7"}, model.Uplink{Port: "8", Hostname: "compute1"})
		spine := newSwitch(t, s, 2)
		must2(s.AddLink(context.Background(), model.LinkEnd{Node: leaf.Number, Port: 6}, model.LinkEnd{Node: spine.Number, Port: 6}))(t)
		declareSwitch(t, s, declaration(3)) // it has not called yet
		vlan := newNetwork(t, s, onFabric(100))
		vxlan := newNetwork(t, s)
		elsewhere := newNetwork(t, s, func(n *model.Network) {
			n.NetworkType, n.PhysicalNetwork, n.SegmentationID = model.NetworkVLAN, "lab", 100
		})
		p := newPort(t, s, vlan, bareMetal("leaf1", "eth1", 0))
		if p.VIFType != model.VIFTypeOther || p.Status != model.StatusDown || p.StatusReason != "" || p.DatapathType != "" || len(p.SecurityGroups) != 0 {
			t.Fatalf("bound %+v", p)
		}
		if list, _, err := s.NotActivePorts(context.Background(), 9); err != nil || len(list) != 1 || list[0].ID != p.ID || list[0].PluggedOn != "leaf1" {
			t.Errorf("not active: %+v, %v", list, err)
		}
		for _, c := range []struct {
			network *model.Network
			change  func(*model.Port)
			want    string
		}{
			{vlan, bareMetal("leaf1", "eth2", 0), "other"},
			{vlan, bareMetal("leaf1", "3", 0), "other"},
			{vlan, bareMetal("0x1", "eth4", 0), "other"},
			{vlan, bareMetal("02:00:00:00:09:02", "eth5", 0), "other"}, // the MAC address of a port
			{vlan, bareMetal("leaf1", "eth1", 7), "other"},             // beside the one without a tag
			{vlan, bareMetal("leaf1", "eth1", 8), "other"},
			{vlan, bareMetal("leaf1", "1", 0), "binding_failed: port " + p.ID + " is bound there already, without a tag"},
			{vlan, bareMetal("leaf1", "eth1", 7), "is bound there already, with tag 7"},
			{vlan, bareMetal("0xbeef", "eth1", 0), "binding_failed: no physical switch is declared with the datapath id or MAC address 0xbeef"},
			{vlan, bareMetal("nonsense", "eth1", 0), "no physical switch is declared"},
			{vlan, bareMetal("leaf1", "eth9", 0), "binding_failed: switch leaf1 has no port eth9"},
			{vlan, bareMetal("0000000000000003", "eth1", 0), "binding_failed: switch leaf3 has not told its ports yet"},
			{vlan, bareMetal("leaf1", "eth7", 0), "binding_failed: port eth7 of switch leaf1 is declared to be an uplink"},
			{vlan, bareMetal("leaf1", "eth8", 0), "is declared to be an uplink"},
			{vlan, bareMetal("leaf1", "eth6", 0), "binding_failed: port eth6 of switch leaf1 is a link to another switch"},
			{vxlan, bareMetal("leaf1", "eth2", 9), "carries vlan networks of the physical network dc, and network " + vxlan.ID + " is none of these"},
			{elsewhere, bareMetal("leaf1", "eth2", 9), "of the physical network dc, and network " + elsewhere.ID},
			{vlan, func(p *model.Port) { p.VNICType = model.VNICTypeBareMetal }, "unbound"},
			{vlan, func(p *model.Port) { p.VNICType, p.HostID = model.VNICTypeBareMetal, "compute1" }, "binding_failed: binding:profile has no local_link_information"},
			{vlan, func(p *model.Port) { bareMetal("leaf2", "eth1", 0)(p); p.HostID = "" }, "other"},
			{vlan, func(p *model.Port) { p.HostID = "leaf1" }, "binding_failed: leaf1 is a physical switch: only ports with binding:vnic_type baremetal can be bound there"},
			{vlan, func(p *model.Port) { p.HostID = "nobody" }, "binding_failed: no node has the hostname nobody"},
			{elsewhere, func(p *model.Port) { p.HostID = "compute1" }, "binding_failed: node compute1 has no bridge for the physical network lab"},
			{vlan, func(p *model.Port) { p.HostID, p.Profile = "compute1", profile("leaf1", "eth2", 0) }, "ovs"}, // a VM's profile is nobody's business
		} {
			made := newPort(t, s, c.network, c.change)
			isBound(t, s, made.ID, c.want)
		}
		for words, change := range map[string]func(*model.Port){
			"bonds are not supported": func(p *model.Port) {
				p.Profile = map[string]any{"local_link_information": []any{map[string]any{}, map[string]any{}}}
			},
			"no switch_id": func(p *model.Port) {
				p.Profile = map[string]any{"local_link_information": []any{map[string]any{"port_id": "1"}}}
			},
			"not a list":      func(p *model.Port) { p.Profile = map[string]any{"local_link_information": "eth1"} },
			"VLAN id":         func(p *model.Port) { p.Profile = profile("leaf1", "eth2", 4095) },
			"is for servers":  func(p *model.Port) { p.DeviceOwner = "network:other" },
			"security groups": func(p *model.Port) { p.SecurityGroups = []string{defaultGroup(t, s, "alpha").ID} },
		} {
			bad := portRequest(vlan)
			bareMetal("leaf1", "eth2", 0)(bad)
			change(bad)
			var refusal *model.Error
			if err := createPort(admin, s, bad); !errors.As(err, &refusal) || refusal.Status != 400 || !strings.Contains(refusal.Message, words) {
				t.Errorf("got %v, want 400: %s", err, words)
			}
		}
		healthy(t, s)
	})
}

// A port follows its switch: whatever that says and is declared to be.
func TestBareMetalFollowsItsSwitch(t *testing.T) {
	onBothWith(t, Options{Events: true}, func(t *testing.T, s *Store) {
		ctx := context.Background()
		n := newNetwork(t, s, onFabric(100))
		p := newPort(t, s, n, bareMetal("leaf1", "eth5", 0), func(p *model.Port) { p.DeviceOwner, p.DeviceID = "compute:nova", "server" })
		vm := newPort(t, s, n, func(p *model.Port) { p.HostID = "leaf1" })
		generation := int64(1)
		is := func(when, want string, moved bool) {
			t.Helper()
			now := must(s.Port(admin, p.ID))(t)
			if isBound(t, s, p.ID, want); now.BindingGeneration > generation != moved || now.Status != model.StatusDown {
				t.Errorf("%s: generation %d after %d, %s", when, now.BindingGeneration, generation, now.Status)
			}
			generation = now.BindingGeneration
			healthy(t, s)
		}
		confirm := func() {
			t.Helper()
			check(t, s.SetPortStatus(ctx, []PortStatus{{Number: p.Number, BindingGeneration: generation, Status: model.StatusActive}}))
		}
		is("at first", "no physical switch is declared", false)
		isBound(t, s, vm.ID, "no node has the hostname leaf1")
		// A late word that it is nowhere does not hide why.
		check(t, s.SetPortStatus(ctx, []PortStatus{{Number: p.Number, BindingGeneration: 1, Status: model.StatusDown}}))
		is("after a word of the controller", "no physical switch is declared", false)
		leaf := declareSwitch(t, s, declaration(1))
		is("declared", "has not told its ports yet", false)
		isBound(t, s, vm.ID, "leaf1 is a physical switch")
		ports := ethernet(8)
		reportSwitch(t, s, leaf.Number, model.Switch{Ports: ports})
		is("reported", "other", true)
		confirm()
		_, position := load(t, s)
		ports = ethernet(8)
		ports[4].Up = false
		reportSwitch(t, s, leaf.Number, model.Switch{Ports: ports})
		if changes, _ := changed(t, s, position); len(changes) != 1 || must(s.Port(admin, p.ID))(t).Status != model.StatusActive {
			t.Errorf("its cable is out, and changed are %v", changes)
		}
		ports[4].Number, ports[4].Name, ports[7].Number = 8, "eth5", 5 // and out of order
		reportSwitch(t, s, leaf.Number, model.Switch{Ports: ports})
		is("its number is another", "other", true)
		if events, _, err := s.TakeEvents(ctx, "r", 1e9, 9); err != nil || len(events) == 0 || events[len(events)-1].Name != EventVIFUnplugged {
			t.Errorf("events %+v, %v", events, err)
		}
		reportSwitch(t, s, leaf.Number, model.Switch{Ports: ethernet(4)})
		is("its port is gone", "has no port eth5", true)
		reportSwitch(t, s, leaf.Number, model.Switch{Ports: ethernet(8)})
		is("and back", "other", true)
		declareSwitch(t, s, declaration(1, model.Uplink{Port: "5"}))
		is("declared an uplink", "is declared to be an uplink", true)
		declareSwitch(t, s, declaration(1))
		is("and no uplink", "other", true)
		other := declaration(1)
		other.Switch.PhysicalNetwork = "lab"
		declareSwitch(t, s, other)
		is("of another fabric", "of the physical network lab", true)
		declareSwitch(t, s, declaration(1))
		is("and again of its own", "other", true)
		weak := model.Switch{Ports: ethernet(8), Tables: []model.TableLimits{{ID: 1, Name: "guard", Lacks: []string{"nw_src"}}}}
		reportSwitch(t, s, leaf.Number, weak)
		is("it cannot guard", "port security is not available", true)
		reportSwitch(t, s, leaf.Number, model.Switch{Ports: ethernet(8)})
		is("it can", "other", true)
		check(t, s.DeleteNode(ctx, leaf.Number))
		is("it is gone", "no physical switch is declared", true)
		isBound(t, s, vm.ID, "no node has the hostname leaf1")

		// A link leaves the port to a server when it goes.
		leaf, spine := newSwitch(t, s, 1), newSwitch(t, s, 2)
		is("declared again", "other", true)
		must(s.UpdatePort(admin, p.ID, func(p *model.Port) error { p.Profile = profile("leaf1", "eth4", 0); return nil }))(t)
		is("moved", "other", true)
		link := must2(s.AddLink(ctx, model.LinkEnd{Node: leaf.Number, Port: 5}, model.LinkEnd{Node: spine.Number, Port: 5}))(t)
		must(s.UpdatePort(admin, p.ID, func(p *model.Port) error { p.Profile = profile("leaf1", "eth5", 0); return nil }))(t)
		is("onto a link", "is a link to another switch", true)
		check(t, s.RemoveLinks(ctx, []model.Number{link.Number}))
		is("the link is gone", "other", true)
		must(s.UpdatePort(admin, p.ID, func(p *model.Port) error {
			p.VNICType, p.HostID = model.VNICTypeNormal, ""
			return nil
		}))(t)
		is("a VM's", "unbound", true)
		must(s.UpdatePort(admin, p.ID, func(p *model.Port) error { p.VNICType = model.VNICTypeBareMetal; return nil }))(t)
		is("bare metal again", "other", true)
		confirm()
		// What does not move it leaves it ACTIVE.
		same := must(s.UpdatePort(admin, p.ID, func(p *model.Port) error { p.Name, p.HostID = "named", "another-ironic-node"; return nil }))(t)
		if same.Status != model.StatusActive || same.VIFType != model.VIFTypeOther {
			t.Errorf("after another host: %+v", same)
		}
		check(t, s.DeleteBinding(admin, p.ID, "another-ironic-node"))
		if p := must(s.Port(admin, p.ID))(t); p.VIFType != model.VIFTypeUnbound || p.Status != model.StatusDown {
			t.Errorf("without a binding %+v", p)
		}
		healthy(t, s)
	})
}

// A place that becomes free goes to whoever waits for it.
func TestBareMetalWaitsForAPlace(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		ctx := context.Background()
		leaf := newSwitch(t, s, 1)
		n := newNetwork(t, s, onFabric(100))
		requests := make([]PortRequest, 4)
		for i := range requests {
			requests[i].Port = portRequest(n)
			bareMetal("leaf1", "eth1", 0)(requests[i].Port)
		}
		check(t, s.CreatePorts(admin, requests))
		has := func(when string, want int) {
			t.Helper()
			for i, r := range requests {
				if p, err := s.Port(admin, r.Port.ID); err == nil && (p.VIFType == model.VIFTypeOther) != (i == want) {
					t.Errorf("%s: port %d is %s, %s", when, i, p.VIFType, p.StatusReason)
				}
			}
			healthy(t, s)
		}
		has("at first", 0)
		check(t, s.DeletePort(admin, requests[0].Port.ID))
		has("the first is gone", 1)
		must(s.UpdatePort(admin, requests[1].Port.ID, func(p *model.Port) error { p.Profile = profile("leaf1", "eth2", 0); return nil }))(t)
		isBound(t, s, requests[1].Port.ID, "other")
		isBound(t, s, requests[2].Port.ID, "other")
		must(s.UpdatePort(admin, requests[2].Port.ID, func(p *model.Port) error { p.HostID, p.Profile = "", nil; return nil }))(t)
		isBound(t, s, requests[2].Port.ID, "unbound")
		isBound(t, s, requests[3].Port.ID, "other")
		isBound(t, s, requests[1].Port.ID, "other")
		// Ports that change places meanwhile keep them.
		ports := ethernet(8)
		ports[0].Name, ports[1].Name = ports[1].Name, ports[0].Name
		reportSwitch(t, s, leaf.Number, model.Switch{Ports: ports})
		for _, i := range []int{1, 3} {
			isBound(t, s, requests[i].Port.ID, "other")
		}
		healthy(t, s)
		check(t, s.DeleteNode(ctx, leaf.Number))
		newSwitch(t, s, 1)
		for _, i := range []int{1, 3} {
			isBound(t, s, requests[i].Port.ID, "other")
		}
		healthy(t, s)
	})
}

// Of ports that are made at once for one place, one has it.
func TestBareMetalRace(t *testing.T) {
	s := open(t, postgresURL(t), Options{})
	leaf := newSwitch(t, s, 1)
	n := newNetwork(t, s, onFabric(100))
	var workers sync.WaitGroup
	for i := range 12 {
		workers.Go(func() {
			p := portRequest(n)
			bareMetal("leaf1", "eth1", 0)(p)
			if err := createPort(admin, s, p); err != nil {
				t.Error(err)
			}
			ports := ethernet(8)
			ports[0].Up = i%2 == 0
			if _, _, err := s.ReportSwitch(context.Background(), leaf.Number, model.Switch{Ports: ports}); err != nil {
				t.Error(err)
			}
			if i%3 == 0 {
				if err := s.DeletePort(admin, p.ID); err != nil {
					t.Error(err)
				}
			}
		})
	}
	workers.Wait()
	var placed int
	for _, p := range must(s.ListPorts(admin, Query{}))(t) {
		if p.VIFType == model.VIFTypeOther {
			placed++
		}
	}
	if placed != 1 {
		t.Errorf("%d ports have the place", placed)
	}
	healthy(t, s)
}

func TestPortSecurityOfBareMetal(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		leaf := newSwitch(t, s, 1)
		reportSwitch(t, s, leaf.Number, model.Switch{Ports: ethernet(8), Tables: []model.TableLimits{{ID: 1, Name: "guard", Lacks: []string{"eth_src", "nw_src"}}}})
		n := newNetwork(t, s, onFabric(100))
		p := portRequest(n)
		bareMetal("leaf1", "eth1", 0)(p)
		err := createPort(admin, s, p)
		refused(t, err, 409, "PortSecurityNotAvailable")
		if !strings.Contains(err.Error(), "port eth1 of the physical switch: switch leaf1 cannot match IPv4 source addresses") {
			t.Error(err)
		}
		p.PortSecurityEnabled = false
		check(t, createPort(admin, s, p))
		isBound(t, s, p.ID, "other")
		_, err = s.UpdatePort(admin, p.ID, func(p *model.Port) error { p.PortSecurityEnabled = true; return nil })
		refused(t, err, 409, "PortSecurityNotAvailable")
		later := newPort(t, s, n, func(p *model.Port) { p.VNICType = model.VNICTypeBareMetal })
		_, err = s.UpdatePort(admin, later.ID, func(p *model.Port) error { p.Profile = profile("leaf1", "eth2", 0); return nil })
		refused(t, err, 409, "PortSecurityNotAvailable")
		isBound(t, s, later.ID, "unbound")
		healthy(t, s)
	})
}

// Bare metal has one binding, through the API of bindings too.
func TestBindingsOfBareMetal(t *testing.T) {
	onBoth(t, func(t *testing.T, s *Store) {
		reportHost(t, s, "compute1", "system", "dc")
		newSwitch(t, s, 1)
		n := newNetwork(t, s, onFabric(100))
		p := newPort(t, s, n, serverPort("ironic-node"), bareMetal("leaf1", "eth1", 0))
		vm := newPort(t, s, n, serverPort("compute1"))
		_, err := s.CreateBinding(novas, p.ID, model.Binding{HostID: "compute1"})
		refused(t, err, 400, "InvalidInput")
		_, err = s.CreateBinding(novas, vm.ID, model.Binding{HostID: "x", VNICType: model.VNICTypeBareMetal, Profile: profile("leaf1", "eth2", 0)})
		refused(t, err, 400, "InvalidInput")
		_, err = s.UpdateBinding(novas, p.ID, "ironic-node", func(b *model.Binding) error { b.Profile = profile("leaf1", "eth9", 0); return nil })
		refused(t, err, 500, "PortBindingError")
		var refusal *model.Error
		if errors.As(err, &refusal); !strings.Contains(refusal.Detail, "has no port eth9") {
			t.Errorf("%+v", refusal)
		}
		moved := must(s.UpdateBinding(novas, p.ID, "ironic-node", func(b *model.Binding) error { b.Profile = profile("leaf1", "eth2", 0); return nil }))(t)
		if !moved.Active || moved.VIFType != model.VIFTypeOther {
			t.Errorf("moved %+v", moved)
		}
		isBound(t, s, newPort(t, s, n, bareMetal("leaf1", "eth1", 0)).ID, "other")
		isBound(t, s, newPort(t, s, n, bareMetal("leaf1", "eth2", 0)).ID, "is bound there already")
		lost := newPort(t, s, n, serverPort("nowhere"), bareMetal("leaf1", "eth9", 0))
		if list := must(s.Bindings(novas, lost.ID))(t); len(list) != 1 || list[0].Reason != "switch leaf1 has no port eth9" {
			t.Errorf("bindings %+v", list)
		}
		_, err = s.CreateBinding(novas, vm.ID, model.Binding{HostID: "leaf1"})
		refused(t, err, 500, "PortBindingError")
		must(s.UpdatePort(admin, vm.ID, func(p *model.Port) error { p.SecurityGroups = nil; return nil }))(t)
		reportHost(t, s, "compute2", "system", "dc")
		must(s.CreateBinding(novas, vm.ID, model.Binding{HostID: "compute2"}))(t)
		_, err = s.UpdatePort(admin, vm.ID, func(p *model.Port) error { p.VNICType = model.VNICTypeBareMetal; return nil })
		refused(t, err, 400, "InvalidInput")
		router := newRouter(t, s)
		newSubnet(t, s, n, "10.0.0.0/24")
		alone := newPort(t, s, n, func(p *model.Port) { p.VNICType = model.VNICTypeBareMetal })
		if _, err := s.AddRouterInterface(admin, router.ID, "", alone.ID); err == nil || !strings.Contains(err.Error(), "bare metal") {
			t.Errorf("bare metal as a router's interface: %v", err)
		}
		healthy(t, s)
	})
}

// Who knows the switches is asked about every port, and may refuse each.
func TestAdmitPort(t *testing.T) {
	var asked []string
	var answer error
	options := Options{AdmitPort: func(_ context.Context, p *model.Port, n *model.Network) error {
		if p.Number == 0 || p.MAC == (model.MAC{}) || p.NetworkID != n.ID || n.Number == 0 {
			return fmt.Errorf("asked about %+v of %+v", p, n)
		}
		asked = append(asked, fmt.Sprint(p.Name, " ", p.HostID, " ", len(p.FixedIPs)))
		return answer
	}}
	onBothWith(t, options, func(t *testing.T, s *Store) {
		asked, answer = nil, nil
		reportHost(t, s, "b", "system")
		n := newNetwork(t, s)
		newSubnet(t, s, n, "10.0.0.0/24", withoutDHCP)
		var id string
		called := func(name string) PortRequest {
			p := portRequest(n)
			p.Name, p.HostID, p.DeviceOwner = name, "b", "compute:nova"
			return PortRequest{Port: p}
		}
		steps := []struct {
			do   func() error
			want []string
		}{
			{func() error {
				r := called("x")
				err := s.CreatePorts(admin, []PortRequest{r})
				id = r.Port.ID
				return err
			}, []string{"x b 1"}},
			{func() error { return s.CreatePorts(admin, []PortRequest{called("y"), called("z")}) }, []string{"y b 1", "z b 1"}},
			{func() error { return s.CreateSubnets(admin, []*model.Subnet{subnetRequest(n, "10.1.0.0/24")}) }, []string{"  1"}}, // its DHCP port
			{func() error {
				_, err := s.UpdatePort(admin, id, func(p *model.Port) error { p.FixedIPs = nil; return nil })
				return err
			}, []string{"x b 0"}},
			{func() error {
				_, err := s.UpdateBinding(admin, id, "b", func(b *model.Binding) error { b.Profile = map[string]any{"k": "v"}; return nil })
				return err
			}, []string{"x b 0"}},
		}
		for i, step := range steps {
			before := must(s.ListPorts(admin, Query{}))(t)
			asked, answer = nil, model.Errorf(409, "TableFull", "no room")
			if err := step.do(); err == nil || err.Error() != answer.Error() {
				t.Errorf("step %d: %v", i, err)
			}
			if after := must(s.ListPorts(admin, Query{}))(t); len(after) != len(before) || len(asked) != 1 || asked[0] != step.want[0] {
				t.Errorf("step %d: asked %q; there were %d ports, and are %d", i, asked, len(before), len(after))
			}
			asked, answer = nil, nil
			check(t, step.do())
			if fmt.Sprint(asked) != fmt.Sprint(step.want) {
				t.Errorf("step %d: asked %q, want %q", i, asked, step.want)
			}
		}
		healthy(t, s)
	})
}
