package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/northbound/admin"
	"github.com/planck-sdn/planck/tests/lab"
)

// verify is planckctl verify.
func (c *Client) verify(node string) map[string]admin.NodeProof {
	c.t.Helper()
	query := url.Values{}
	if node != "" {
		query.Set("node", node)
	}
	var answer struct{ Nodes []admin.NodeProof }
	c.must(c.request(http.MethodGet, admin.Prefix+"/verify?"+query.Encode(), nil, &answer))
	byName := map[string]admin.NodeProof{}
	for _, n := range answer.Nodes {
		byName[n.Node] = n
	}
	return byName
}

// mustBeProved fails the test unless all nodes are, and returns how many pairs were seen to reach each other.
func (c *Cloud) mustBeProved() (pairs int) {
	c.t.Helper()
	proofs := c.verify("")
	for _, n := range c.Lab.Nodes() {
		p, answered := proofs[n.Name]
		if !answered || p.Problem != "" || p.Entries == 0 || len(p.Violations) > 0 {
			c.t.Errorf("proof of %s: %+v", n.Name, p)
		}
		pairs += p.Pairs
	}
	return pairs
}

// proved is a cloud of two tenants to which things happen.
type proved struct {
	*Cloud
	nodes  []*lab.Node
	random *rand.Rand
	vms    []*VM
	tenant map[*VM]*Client
	groups map[*Client]Group
	red    *Client

	wire     Network
	south    Subnet
	router   Router
	routed   bool // the router is on south
	floating FloatingIP
}

func startProved(t *testing.T) *proved {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := &proved{Cloud: Start(t, Options{ClosedGroups: true}), random: rand.New(rand.NewPCG(seed, 0)),
		tenant: map[*VM]*Client{}, groups: map[*Client]Group{}, routed: true}
	mapped := lab.NodeOptions{Mappings: map[string]string{"public": "br-ex", "dc": "br-dc"}}
	for i := range 3 {
		s.nodes = append(s.nodes, s.Lab.AddNode(fmt.Sprintf("compute%d", i+1), mapped))
		s.Attach(s.nodes[i])
	}
	s.WaitReady(s.nodes...)

	public := s.CreateNetwork("public", Attrs{"router:external": true, "provider:network_type": "flat", "provider:physical_network": "public"})
	s.CreateSubnet(public, "203.0.113.0/24", Attrs{"enable_dhcp": false})
	blue := s.Project("blue")
	s.red = s.Project("red")
	s.router = s.red.CreateRouter("router", Via(public, nil))
	north, _ := s.red.Routed(s.router.ID, "north", "10.1.0.0/24", nil)
	south, subnet := s.red.Routed(s.router.ID, "south", "10.2.0.0/24", nil)
	s.south = subnet
	s.wire = s.CreateNetwork("wire", Attrs{"project_id": "red", "provider:network_type": "vlan", "provider:physical_network": "dc", "provider:segmentation_id": 101})
	s.CreateSubnet(s.wire, "10.3.0.0/24", Attrs{"project_id": "red"})
	island, _ := blue.Routed("", "island", "10.1.0.0/24", nil) // the same addresses
	for _, tenant := range []*Client{s.red, blue} {
		s.groups[tenant] = tenant.CreateGroup("web", nil, Rule("ingress tcp 80"))
	}
	for i, n := range []Network{north, north, south, south, s.wire, s.wire, island, island} {
		tenant := s.red
		if n.ID == island.ID {
			tenant = blue
		}
		v := s.Plug(s.nodes[i%2], tenant.CreatePort(n, fmt.Sprintf("%s%d", n.Name, i), Attrs{"device_owner": "compute:nova", "device_id": "server"}))
		s.vms, s.tenant[v] = append(s.vms, v), tenant
	}
	s.floating = s.red.CreateFloatingIP(public, Attrs{"port_id": s.vms[0].Port.ID})
	s.WaitGatewayNode(s.router.ID, s.nodes...)
	return s
}

// step does something to the cloud.
func (s *proved) step() string {
	v := s.vms[s.random.IntN(len(s.vms))]
	port, tenant := v.Port, s.tenant[v]
	switch s.random.IntN(9) {
	case 0:
		up := s.random.IntN(2) == 0
		tenant.UpdatePort(port.ID, Attrs{"admin_state_up": up})
		return fmt.Sprintf("%s is up: %v", port.Name, up)
	case 1:
		attributes := port.insecure().with(Attrs{"allowed_address_pairs": []Attrs{}})
		if s.random.IntN(2) == 0 {
			attributes = port.secure()
		}
		s.UpdatePort(port.ID, attributes)
		return fmt.Sprintf("%s has %v", port.Name, attributes)
	case 2:
		pairs := [][]Attrs{{}, {{"ip_address": "10.9.0.9"}}, {{"ip_address": "10.9.0.0/24"}}, {{"ip_address": "10.9.0.9", "mac_address": "00:00:5e:00:01:07"}}}
		chosen := pairs[s.random.IntN(len(pairs))]
		s.UpdatePort(port.ID, Attrs{"port_security_enabled": true, "allowed_address_pairs": chosen})
		return fmt.Sprintf("%s may use %v", port.Name, chosen)
	case 3:
		s.UpdatePort(port.ID, Attrs{"port_security_enabled": true})
		if s.random.IntN(2) == 0 {
			s.SetGroups(port, s.groups[tenant])
		} else {
			s.SetGroups(port, s.groups[tenant], tenant.DefaultGroup())
		}
		return port.Name + " has other groups"
	case 4:
		if s.routed = !s.routed; s.routed {
			s.red.AddInterface(s.router.ID, s.south)
		} else {
			s.red.RemoveInterface(s.router.ID, s.south)
		}
		return fmt.Sprintf("router is on south: %v", s.routed)
	case 5:
		if s.random.IntN(2) == 0 {
			s.red.Disassociate(s.floating.ID)
			return "floating IP stands for nothing"
		}
		s.red.Associate(s.floating.ID, s.vms[s.random.IntN(2)].Port)
		return "floating IP stands for a port of north"
	case 6:
		up := s.random.IntN(2) == 0
		s.UpdateNetwork(s.wire.ID, Attrs{"admin_state_up": up})
		return fmt.Sprintf("wire is up: %v", up)
	case 7:
		snat := s.random.IntN(2) == 0
		s.UpdateRouter(s.router.ID, Attrs{"external_gateway_info": Attrs{"network_id": s.floating.NetworkID, "enable_snat": snat}})
		return fmt.Sprintf("router translates: %v", snat)
	}
	return s.migrate(v)
}

// migrate has a VM move to another node; in the middle of it the port is on two.
func (s *proved) migrate(v *VM) string {
	from, to := v.Node(), s.nodes[s.random.IntN(len(s.nodes))]
	if from == to {
		return "nobody moves"
	}
	s.UpdatePort(v.Port.ID, Attrs{"binding:host_id": from.Name})
	s.CreateBinding(v.Port.ID, to.Name)
	v.PrepareMove(to)
	s.Client.WaitConverged()
	s.mustBeProved()
	s.ActivateBinding(v.Port.ID, to.Name)
	v.Move(to)
	s.DeleteBinding(v.Port.ID, from.Name)
	v.FinishMove(from)
	return fmt.Sprintf("%s moves from %s to %s", v.Port.Name, from.Name, to.Name)
}

// TestVerify: whatever happens to a cloud, its tables are proved; and what is planted in them is found.
func TestVerify(t *testing.T) {
	t.Parallel()
	s := startProved(t)
	s.Client.WaitConverged()
	if pairs := s.mustBeProved(); pairs < 20 {
		t.Errorf("only %d pairs were seen to reach each other", pairs)
	}
	var steps []string
	for range 40 {
		steps = append(steps, s.step())
		s.Client.WaitConverged()
		if s.mustBeProved(); t.Failed() {
			t.Fatalf("after\n%s", strings.Join(steps, "\n"))
		}
	}
	s.Run("leaks", func(t *testing.T) { s.leaks(t) })
}

// leaks plants entries and groups by hand, and takes entries away, on a node that planckd does not mend meanwhile.
func (s *proved) leaks(t *testing.T) {
	n := s.nodes[0]
	boot := func(as *Client, network string) (vm *VM, port uint32, key string) {
		var found Network
		for _, v := range s.vms {
			if x := s.Network(v.Port.NetworkID); x.Name == network {
				found = x
			}
		}
		vm = s.Plug(n, as.CreatePort(found, "last", nil))
		port, err := n.Ofport(vm.Interface())
		if err != nil {
			t.Fatal(err)
		}
		in := pipeline.InNetwork(model.NetworkKey(found.SegmentationID))
		return vm, port, fmt.Sprintf("metadata=%#x/%#x", in.Value, in.Mask)
	}
	mine, minePort, inNorth := boot(s.red, "north")
	_, otherPort, _ := boot(s.tenant[s.vms[7]], "island")
	s.Client.WaitConverged()
	s.mustBeProved()

	s.freeze(n.Name, true)
	defer func() {
		s.freeze(n.Name, false)
		s.WaitReady(n)
		s.Client.WaitConverged()
		s.mustBeProved()
	}()
	ofctl := func(args ...string) {
		t.Helper()
		if _, err := n.Ofctl(args...); err != nil {
			t.Fatal(err)
		}
	}
	add := func(entry string) func() { return func() { ofctl("add-flow", "br-int", entry) } }
	remove := func(entries string) func() { return func() { ofctl("del-flows", "br-int", entries) } }
	groups, err := n.Ofctl("dump-groups", "br-int")
	if err != nil {
		t.Fatal(err)
	}
	tunnel, err := n.Vsctl("--bare", "--columns=ofport", "find", "Interface", "type=vxlan")
	if err != nil {
		t.Fatal(err)
	}
	for _, leak := range []struct {
		name, contract string
		plant          func()
	}{
		{"an output to a foreign port", "deliver", add(fmt.Sprintf("table=76,priority=200,%s,actions=output:%d", inNorth, otherPort))},
		{"a flood group with a foreign member", "deliver", func() {
			for line := range strings.Lines(groups) {
				if bucket := fmt.Sprintf("load:%#x->OXM_OF_METADATA[0..15]", minePort); strings.Contains(line, bucket) || strings.Contains(line, fmt.Sprintf("set_field:%#x/0xffff->metadata", minePort)) {
					ofctl("mod-group", "br-int", strings.TrimSpace(line)+fmt.Sprintf(",bucket=actions=output:%d", otherPort))
					return
				}
			}
			t.Fatalf("no group has port %d: %s", minePort, groups)
		}},
		{"a wrong tunnel key", "tunnel", add(fmt.Sprintf("table=76,priority=200,%s,actions=set_field:77->tun_id,set_field:%s->tun_dst,output:%s", inNorth, s.nodes[1].EncapIP, strings.TrimSpace(tunnel)))},
		{"a guard entry that is too wide", "source", add(fmt.Sprintf("table=12,priority=60,metadata=%d/0xffff,ip,actions=goto_table:20", minePort))},
		{"a guard entry that is missing", "source", remove("table=12,udp,tp_dst=68")},
		{"an entry that changes the network", "router", add(fmt.Sprintf("table=40,priority=200,%s,actions=load:77->OXM_OF_METADATA[16..39],goto_table:76", inNorth))},
		{"what is for a port past its groups", "groups", add("table=80,priority=200,ip,actions=goto_table:92")},
		{"packets to the controller without a meter", "punt", add(fmt.Sprintf("table=20,priority=200,%s,actions=CONTROLLER:65535", inNorth))},
		{"an address that is missing", "reach", remove("table=76,dl_dst=" + mine.MAC)},
		{"what Planck cannot read", "readable", add(fmt.Sprintf("table=76,priority=200,%s,actions=learn(table=200),output:1", inNorth))},
	} {
		t.Run(leak.name, func(t *testing.T) {
			before, err := n.Entries("br-int")
			if err != nil {
				t.Fatal(err)
			}
			leak.plant()
			p := s.verify(n.Name)[n.Name]
			i := slices.IndexFunc(p.Violations, func(v admin.Violation) bool { return v.Contract == leak.contract })
			if i < 0 {
				t.Fatalf("contract %s is not violated, says %+v", leak.contract, p)
			}
			v := p.Violations[i]
			t.Logf("%s (confirmed: %v)", v.Text, v.Confirmed)
			if v.Packet == "" || len(v.Way) == 0 || !v.Confirmed && leak.contract != "readable" {
				t.Errorf("violation without a packet that takes the way: %+v", v)
			}
			s.restore(t, n, before)
		})
	}
}

// restore puts flow entries and groups of a node back.
func (s *proved) restore(t *testing.T, n *lab.Node, entries []string) {
	t.Helper()
	var flows []string
	for _, e := range entries {
		switch {
		case strings.HasPrefix(e, "group_id="):
			if _, err := n.Ofctl("mod-group", "br-int", e); err != nil {
				t.Fatal(err)
			}
		case strings.HasPrefix(e, "cookie="):
			parsed, err := flow.Parse(e, nil)
			if err != nil {
				t.Fatal(err)
			}
			flows = append(flows, "add "+flow.Format(parsed, nil))
		}
	}
	if err := n.AddFlows("br-int", append([]string{"delete"}, flows...)...); err != nil {
		t.Fatal(err)
	}
	if p := s.verify(n.Name)[n.Name]; p.Problem != "" || len(p.Violations) > 0 {
		t.Fatalf("after it: %+v", p)
	}
}
