package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/northbound/admin"
)

// switchesOf lists the physical switches that a packet meets, in order.
func switchesOf(w admin.Way, r *Ring) (names []string) {
	for _, s := range w.Stages {
		known := slices.ContainsFunc(r.Switches, func(h *Hardware) bool { return h.Name == s.Node })
		if known && !slices.Contains(names, s.Node) {
			names = append(names, s.Node)
		}
	}
	return names
}

// TestBareMetalOperators: what operators are told of a cloud with bare metal is so.
func TestBareMetalOperators(t *testing.T) {
	t.Parallel()
	c := Start(t, Options{})
	node := c.AddNode("compute1", onFabric)
	ring := c.Ring(node)
	leaf1, leaf2, leaf3 := ring.Switches[0], ring.Switches[1], ring.Switches[2]
	red, subnet := c.VLAN(100, "10.1.0.0/24")
	router := c.CreateRouter("router", nil)
	c.AddInterface(router.ID, subnet)
	green, _ := c.Routed(router.ID, "green", "10.3.0.0/24", nil)
	blue, _ := c.VLAN(200, "10.2.0.0/24")
	near := leaf1.Server(red, "near", hostPort, 0)
	far := leaf2.Server(red, "far", hostPort, 300)
	farther := leaf3.Server(red, "farther", hostPort, 0)
	leaf2.Server(blue, "stranger", hostPort+1, 0)
	vm := c.Boot(node, c.CreatePort(red, "vm", nil))
	behind := c.Boot(node, c.CreatePort(green, "behind", nil))
	for _, v := range []*VM{near, far, farther} {
		v.Route("default", "10.1.0.1")
		v.MustReach(behind.IP)
		v.MustReach(vm.IP)
	}
	c.WaitConverged()
	nodes := []string{node.Name}
	for _, s := range ring.Switches {
		nodes = append(nodes, s.Name)
	}

	c.Run("trace", func(t *testing.T) {
		for _, x := range []struct {
			from, to    *VM
			first, last *Hardware // on the way
		}{
			{near, vm, leaf1, leaf1},
			{vm, near, leaf1, leaf1},
			{far, vm, leaf2, leaf1},
			{vm, far, leaf1, leaf2},
			{far, near, leaf2, leaf1},
			{near, farther, leaf1, leaf3},
			{farther, behind, leaf3, leaf1},
			{behind, far, leaf1, leaf2},
		} {
			answer, err := c.Trace(http.MethodGet, map[string]string{"from": x.from.Port.ID, "to": x.to.Port.ID, "protocol": "udp", "port": "9"})
			if err != nil {
				t.Errorf("%s to %s: %v", x.from.Name, x.to.Name, err)
				continue
			}
			met := switchesOf(answer.Present, ring)
			if answer.Outcome != "delivered" || answer.Difference != "" || len(answer.Present.Arrived) != 1 || answer.Present.Arrived[0].Port != x.to.Port.ID {
				t.Errorf("%s to %s: %s: %s (%s); arrived %+v", x.from.Name, x.to.Name, answer.Outcome, answer.Verdict, answer.Difference, answer.Present.Arrived)
			}
			// The tree may lead by the third one.
			if len(met) == 0 || met[0] != x.first.Name || !slices.Contains(met, x.last.Name) {
				t.Errorf("%s to %s goes by %q, expected %s and %s", x.from.Name, x.to.Name, met, x.first.Name, x.last.Name)
			}
			x.from.MustReach(x.to.IP) // as it is said
		}
		spoofed, err := c.Trace(http.MethodGet, map[string]string{"from": far.Port.ID, "to": near.IP, "protocol": "udp", "port": "9", "source": "10.1.0.99"})
		if err != nil || spoofed.Outcome != "dropped" {
			t.Errorf("with another's address: %s: %s, %v", spoofed.Outcome, spoofed.Verdict, err)
		}
	})

	c.Run("live", func(t *testing.T) {
		for _, x := range []struct{ from, to *VM }{{near, vm}, {far, vm}, {farther, behind}, {vm, near}, {near, far}} {
			answer, err := c.Trace(http.MethodPost, map[string]string{"from": x.from.Port.ID, "to": x.to.Port.ID, "protocol": "udp", "port": "9", "live": "true"})
			if err != nil || answer.Live == nil {
				t.Fatalf("%s to %s: %+v, %v", x.from.Name, x.to.Name, answer.Live, err)
			}
			t.Log(answer.Live.Verdict)
			if x.to == near || x.to == far { // switches catch nothing
				if len(answer.Live.Arrived) != 0 || !strings.HasPrefix(answer.Live.Verdict, "not sent: "+x.to.Name+" ") {
					t.Errorf("%s to %s: %+v", x.from.Name, x.to.Name, answer.Live)
				}
			} else if len(answer.Live.Arrived) != 1 || answer.Live.Arrived[0].Port != x.to.Port.ID {
				t.Errorf("%s to %s: %+v", x.from.Name, x.to.Name, answer.Live)
			}
		}
	})

	c.Run("verify and check", func(t *testing.T) {
		proofs, checks := c.verify(""), c.check("", false)
		for _, name := range nodes {
			if p, ok := proofs[name]; !ok || p.Problem != "" || p.Entries == 0 || p.Pairs == 0 || len(p.Violations) > 0 {
				t.Errorf("proof of %s: %+v", name, p)
			}
			if f, ok := checks[name]; !ok || f.Problem != "" || f.Entries == 0 || len(f.Stale)+len(f.Differences) > 0 {
				t.Errorf("check of %s: %+v", name, f)
			}
		}
	})

	c.Run("damage", func(t *testing.T) {
		if _, err := leaf2.Ofctl("mod-flows", "br0", "table=4,actions=drop"); err != nil {
			t.Fatal(err)
		}
		if f := c.check(leaf2.Name, false)[leaf2.Name]; len(f.Differences) == 0 || len(f.Stale) > 0 {
			t.Errorf("check of a switch that forwards nothing: %+v", f)
		}
		if p := c.verify(leaf2.Name)[leaf2.Name]; len(p.Violations) == 0 {
			t.Errorf("proof of a switch that forwards nothing: %+v", p)
		}
		answer, err := c.Trace(http.MethodGet, map[string]string{"from": near.Port.ID, "to": far.IP, "protocol": "udp", "port": "9"})
		if err != nil || answer.Outcome == "delivered" || answer.Wanted.Outcome != "delivered" || answer.Difference == "" {
			t.Errorf("trace by a switch that forwards nothing: %s: %s (%s), %v", answer.Outcome, answer.Verdict, answer.Difference, err)
		}
		if f := c.check(leaf2.Name, true)[leaf2.Name]; !f.Repaired {
			t.Errorf("repair: %+v", f)
		}
		c.WaitConverged()
		if f := c.check(leaf2.Name, false)[leaf2.Name]; len(f.Differences)+len(f.Stale) > 0 {
			t.Errorf("check after the repair: %+v", f)
		}
		near.MustReach(far.IP)
	})

	c.Run("switches", func(t *testing.T) {
		var list struct{ Switches []admin.Switch }
		c.must(c.request(http.MethodGet, admin.Prefix+"/switches", nil, &list))
		if len(list.Switches) != 3 {
			t.Errorf("%d switches are listed: %+v", len(list.Switches), list.Switches)
		}
		for _, s := range list.Switches {
			if s.State != "ready" || !s.Declared || !s.OpenFlowConnected || s.Driver != "openvswitch" || s.Flows == 0 || s.PortsUp < 3 || s.PhysicalNetwork != fabric {
				t.Errorf("listed: %+v", s)
			}
		}
		s, err := leaf2.Shown()
		if err != nil {
			t.Fatal(err)
		}
		roles := map[uint32]string{1: "link", 2: "link", hostPort: "bare metal", hostPort + 1: "bare metal"}
		for _, p := range s.Ports {
			if p.Role != roles[p.Number] || !p.Up || (p.Role == "bare metal") != (len(p.Hosts) == 1) {
				t.Errorf("port %+v", p)
			}
			if p.Number == hostPort && (len(p.Hosts) != 1 || p.Hosts[0].PortID != far.Port.ID || p.Hosts[0].Tag != 300 || p.Hosts[0].Status != "ACTIVE") {
				t.Errorf("hosts at port %d: %+v", p.Number, p.Hosts)
			}
		}
		held, err := leaf2.Entries()
		if err != nil {
			t.Fatal(err)
		}
		wanted := s.Groups + s.Meters
		for _, table := range s.Tables {
			wanted += table.Flows
		}
		if len(s.Ports) != len(roles) || len(s.Tables) != 6 || wanted != len(held) || len(s.Links) != 2 {
			t.Errorf("%+v; it holds %d flow entries, groups and meters", s, len(held))
		}
		f := c.Fabric()
		tree := 0
		for _, l := range f.Links {
			if l.InTree {
				tree++
			}
		}
		uplink := admin.FabricUplink{Switch: leaf1.Name, Port: 20, Name: "eth20", Node: node.Name}
		if tree != 2 || !slices.Equal(f.Switches, nodes[1:]) || !slices.Equal(f.Uplinks, []admin.FabricUplink{uplink}) {
			t.Errorf("fabric %+v", f)
		}
	})

	c.Run("why", func(t *testing.T) {
		for _, v := range []*VM{near, far, farther} {
			if w := c.Why(v.Port.ID); w.Cause != "" {
				t.Errorf("of a port that is well: %+v", w)
			}
		}
		p := c.CreatePort(red, "nowhere", BareMetal("02:00:00:00:09:09", leaf1.Profile(77, 0)))
		if w := c.Why(p.ID); !strings.Contains(w.Cause, "switch leaf1 has no port eth77") {
			t.Errorf("of a port that is bound nowhere: %+v", w)
		}
	})
}
