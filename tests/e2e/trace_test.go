package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/northbound/admin"
	"github.com/planck-sdn/planck/tests/lab"
)

// Trace asks what becomes of a packet; parameters are those of /planck/v1/trace.
func (c *Client) Trace(method string, parameters map[string]string) (t admin.Trace, err error) {
	query := url.Values{}
	for k, v := range parameters {
		query.Set(k, v)
	}
	err = c.request(method, admin.Prefix+"/trace?"+query.Encode(), nil, &t)
	return t, err
}

// traced is a random cloud: VMs without addresses of their own, that answer nothing, so that whatever comes in was sent on purpose.
type traced struct {
	*Cloud
	nodes    []*lab.Node
	w        *World
	random   *rand.Rand
	vms      []*VM
	tenant   map[*VM]*Client
	routed   map[*VM]bool // its network has a router
	floating []FloatingIP
	groups   map[*Client][]Group // the first of each lets everything pass
	source   uint16              // port of the last packet
	lost     int                 // packets that were sent again
}

const traceNodes = 3

func startTraced(t *testing.T) *traced {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := &traced{Cloud: Start(t, Options{ClosedGroups: true}), random: rand.New(rand.NewPCG(seed, 0)), tenant: map[*VM]*Client{}, routed: map[*VM]bool{}, groups: map[*Client][]Group{}, source: 20000}
	mapped := lab.NodeOptions{Mappings: map[string]string{"public": "br-ex", "dc": "br-dc"}}
	for i := range traceNodes {
		s.nodes = append(s.nodes, s.Lab.AddNode(fmt.Sprintf("compute%d", i+1), mapped))
		s.Attach(s.nodes[i])
	}
	s.WaitReady(s.nodes...)
	s.Lab.WarmTunnels()
	s.w = s.World(s.nodes[0], "br-ex")
	s.UpdateNetwork(s.w.Net.ID, Attrs{"mtu": 1450}) // so that no table checks sizes: ofproto/trace shows both ways of that

	red, blue := s.Project("red"), s.Project("blue")
	router := red.CreateRouter("router", Via(s.w.Net, nil))
	inside, _ := red.Routed(router.ID, "inside", "10.1.0.0/24", nil)
	south, _ := red.Routed(router.ID, "south", "10.2.0.0/24", nil)
	wire := s.CreateNetwork("wire", Attrs{"project_id": "red", "provider:network_type": "vlan", "provider:physical_network": "dc", "provider:segmentation_id": 101, "mtu": 1450})
	s.CreateSubnet(wire, "10.3.0.0/24", Attrs{"project_id": "red"})
	island, _ := blue.Routed("", "island", "10.1.0.0/24", nil)
	for _, tenant := range []*Client{red, blue} {
		s.groups[tenant] = groupsOf(tenant)
	}
	for i, n := range []Network{inside, inside, inside, south, south, south, wire, wire, island, island} {
		tenant := red
		if n.ID == island.ID {
			tenant = blue
		}
		attributes := Port{}.insecure()
		if i != 2 { // one port is without security
			list := s.groups[tenant]
			attributes = In(list[s.random.IntN(len(list))])
			if s.random.IntN(3) == 0 {
				attributes = In(list[0], list[1+s.random.IntN(len(list)-1)])
			}
		}
		v := s.Plug(s.nodes[s.random.IntN(traceNodes)], tenant.CreatePort(n, fmt.Sprintf("%s%d", n.Name, i), attributes))
		s.vms, s.tenant[v], s.routed[v] = append(s.vms, v), tenant, n.ID == inside.ID || n.ID == south.ID
		if i == 1 || i == 4 {
			s.floating = append(s.floating, red.CreateFloatingIP(s.w.Net, Attrs{"port_id": v.Port.ID}))
		}
	}
	s.WaitGatewayNode(router.ID, s.nodes...)
	s.WaitConverged()
	return s
}

// groupsOf makes a tenant's groups; the first lets everything pass.
func groupsOf(tenant *Client) []Group {
	list := []Group{tenant.CreateGroup("open", nil, Rule("ingress any"))}
	for _, name := range []string{"some", "few"} {
		g := tenant.CreateGroup(name, nil, Rule("ingress icmp 8"), Rule("ingress tcp 1000-1001"), Rule("ingress udp 1000").from(list[0]))
		if name == "few" {
			for _, r := range g.Rules { // those that it has by itself: everything may go out
				tenant.DeleteRule(r.ID)
			}
			tenant.CreateRule(g, Rule("egress udp"))
		}
		list = append(list, g)
	}
	return list
}

// shot is a packet: what is asked about it, what was answered, and whom it came to.
type shot struct {
	name       string
	from       *VM
	parameters map[string]string
	answer     admin.Trace
	frame      Frame
}

// draw draws a packet from a VM to an address that somebody in reach may have.
func (s *traced) draw(i int) *shot {
	from := s.vms[s.random.IntN(len(s.vms))]
	var targets []string
	for _, v := range s.vms {
		if v != from && s.tenant[v] == s.tenant[from] && (v.Port.NetworkID == from.Port.NetworkID || s.routed[v] && s.routed[from]) {
			targets = append(targets, v.IP, v.IP)
		}
	}
	if s.routed[from] {
		targets = append(targets, s.floating[0].Address, s.floating[1].Address, "10.1.0.1", "10.2.0.1", farAway, hostIP)
		if from.IP[:5] == "10.1." {
			targets = append(targets, "10.2.0.222") // nobody's
		}
	}
	p := map[string]string{"from": from.Port.ID, "to": targets[s.random.IntN(len(targets))], "protocol": "udp"}
	s.source++
	switch s.random.IntN(4) {
	case 0:
		p["protocol"] = "tcp"
	case 1:
		if p["to"] != hostIP { // whose kernel answers
			p["protocol"] = "icmp"
		}
	}
	if p["protocol"] != "icmp" {
		p["port"], p["source_port"] = fmt.Sprint(1000+s.random.IntN(3)), fmt.Sprint(s.source)
	}
	if s.random.IntN(10) == 0 {
		p["source"] = fmt.Sprintf("10.1.0.%d", 200+s.random.IntN(20))
	}
	return &shot{name: fmt.Sprintf("shot %d", i), from: from, parameters: p}
}

// load makes the frame that the trace says the VM sends.
func (x *shot) load(source uint16) {
	_, dst, _ := strings.Cut(x.answer.Packet, "dl_dst=")
	dst = dst[:len(nobody)]
	src := x.from.IP
	if spoofed := x.parameters["source"]; spoofed != "" {
		src = spoofed
	}
	eth := &layers.Ethernet{SrcMAC: hw(x.from.MAC), DstMAC: hw(dst), EthernetType: layers.EthernetTypeIPv4}
	number := map[string]uint8{"icmp": model.ProtocolICMP, "tcp": model.ProtocolTCP, "udp": model.ProtocolUDP}[x.parameters["protocol"]]
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocol(number), SrcIP: ip4(src), DstIP: ip4(x.parameters["to"])}
	var port, sport uint16
	_, _ = fmt.Sscan(x.parameters["port"], &port)
	_, _ = fmt.Sscan(x.parameters["source_port"], &sport)
	switch number {
	case model.ProtocolICMP:
		x.frame = frame(x.name, eth, ip, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeEchoRequest, 0), Id: source})
	case model.ProtocolTCP:
		syn := &layers.TCP{SrcPort: layers.TCPPort(sport), DstPort: layers.TCPPort(port), SYN: true, Window: 1024}
		_ = syn.SetNetworkLayerForChecksum(ip)
		x.frame = frame(x.name, eth, ip, syn)
	default:
		udp := &layers.UDP{SrcPort: layers.UDPPort(sport), DstPort: layers.UDPPort(port)}
		_ = udp.SetNetworkLayerForChecksum(ip)
		x.frame = frame(x.name, eth, ip, udp)
	}
}

// TestTrace: what is said of packets is what becomes of real ones.
func TestTrace(t *testing.T) {
	t.Parallel()
	s := startTraced(t)
	s.Run("neighbours outside", s.meet)
	s.Run("as real packets", s.asReal)
	s.Run("live", s.live)
}

// live: a packet that is sent is seen where it would come out, and does not; one that is dropped is not seen.
func (s *traced) live(t *testing.T) {
	from, to := s.vms[0], s.vms[3] // in two networks with a router between
	red := s.tenant[from]
	red.SetGroups(from.Port, s.groups[red][0])
	red.SetGroups(to.Port, s.groups[red][0])
	s.WaitConverged()
	inside := to.Capture("inbound and udp")
	ask := func() admin.Trace {
		t.Helper()
		a, err := s.Trace(http.MethodPost, map[string]string{"from": from.Port.ID, "to": to.Port.ID, "protocol": "udp", "port": "4242", "live": "true"})
		if err != nil || a.Live == nil {
			t.Fatalf("%+v, %v", a, err)
		}
		t.Log(a.Live.Verdict)
		return a
	}
	for range 2 { // the second while the entries for the first are still there
		if a := ask(); len(a.Live.Arrived) != 1 || a.Live.Arrived[0].Port != to.Port.ID || !strings.Contains(a.Live.Arrived[0].Packet, "udp_dst=4242") {
			t.Errorf("%s; live: %+v", a.Verdict, a.Live)
		}
	}
	red.SetGroups(to.Port, s.groups[red][1])
	s.WaitConverged()
	if a := ask(); len(a.Live.Arrived) != 0 || a.Outcome != "dropped" || !strings.HasPrefix(a.Live.Verdict, "did not come out, as the tables say") {
		t.Errorf("%s; live: %+v", a.Verdict, a.Live)
	}
	if err := inside.Nothing(); err != nil {
		t.Error(err)
	}
}

// meet has the router learn who is outside: before, a packet for somebody there waits, and then it leaves.
func (s *traced) meet(t *testing.T) {
	from := s.vms[0]
	s.tenant[from].SetGroups(from.Port, s.groups[s.tenant[from]][0])
	s.WaitConverged()
	for i, to := range []string{hostIP, farAway, s.floating[0].Address, s.floating[1].Address} {
		x := &shot{name: "first to " + to, from: from, parameters: map[string]string{"from": from.Port.ID, "to": to, "protocol": "udp", "port": "1002", "source_port": "9"}}
		ask := func() (err error) {
			x.answer, err = s.Trace(http.MethodGet, x.parameters)
			return err
		}
		if err := ask(); err != nil {
			t.Fatal(err)
		}
		if i < 2 && x.answer.Outcome != "controller" {
			t.Errorf("to %s, whom nobody knows: %s: %s", to, x.answer.Outcome, x.answer.Verdict)
		}
		x.load(1)
		from.SendFrames(x.frame)
		lab.Eventually(t, limit, "the way to "+to+" is known", func() error {
			if err := ask(); err != nil {
				return err
			}
			if i < 2 && x.answer.Outcome != "left" {
				return fmt.Errorf("%s: %s", x.answer.Outcome, x.answer.Verdict)
			}
			for _, stage := range x.answer.Present.Stages {
				if strings.Contains(stage.Note, "asks by ARP who has "+to) {
					return fmt.Errorf("%s", stage.Note)
				}
			}
			return nil
		})
	}
}

// farAway is behind the gateway outside.
const farAway = "10.9.9.9"

const (
	shots        = 500
	mostLost     = 3
	batchOfShots = 25 // what goes at once: sockets of a busy machine hold some hundreds of frames, and lose what is more
)

func (s *traced) asReal(t *testing.T) {
	began := time.Now()
	list := make([]*shot, shots)
	for i := range list {
		list[i] = s.draw(i)
	}
	var group sync.WaitGroup
	next := make(chan *shot)
	for range 4 {
		group.Go(func() {
			for x := range next {
				var err error
				if x.answer, err = s.Trace(http.MethodGet, x.parameters); err != nil {
					t.Errorf("%v: %v", x.parameters, err)
				}
			}
		})
	}
	for _, x := range list {
		next <- x
	}
	close(next)
	group.Wait()
	if t.Failed() {
		return
	}
	t.Logf("%d traces took %s", shots, time.Since(began).Round(time.Millisecond))

	watch := map[string]*Witness{}
	names := map[string]string{} // of ports by id
	for _, v := range append(slices.Clone(s.vms), s.w.Host) {
		watch[v.Name] = v.Watch("")
		names[v.Port.ID] = v.Name
	}
	expected := map[string][]string{}
	outcomes := map[string]int{}
	for batch := range slices.Chunk(list, batchOfShots) {
		sent := map[*VM][]Frame{}
		for _, x := range batch {
			if x.answer.Difference != "" {
				t.Errorf("%v: %s", x.parameters, x.answer.Difference)
			}
			outcomes[x.answer.Outcome]++
			if x.answer.Packet == "" { // nobody answers ARP
				t.Errorf("%v: %s", x.parameters, x.answer.Verdict)
				continue
			}
			x.load(s.source)
			s.source++
			sent[x.from] = append(sent[x.from], x.frame)
			for _, a := range x.answer.Present.Arrived {
				switch {
				case x.answer.Outcome == "dropped": // an ICMP error, which quotes the packet
				case a.Port != "":
					expected[names[a.Port]] = append(expected[names[a.Port]], x.name)
				case x.parameters["to"] == hostIP:
					expected[s.w.Host.Name] = append(expected[s.w.Host.Name], x.name)
				}
			}
		}
		for v, frames := range sent {
			v.SendFrames(frames...)
		}
		s.awaitShots(list, watch, expected)
	}
	t.Logf("outcomes: %v", outcomes)
	if s.lost > mostLost {
		t.Errorf("%d packets did not come at first that should have", s.lost)
	}
	if min(outcomes["delivered"], outcomes["dropped"]) < shots/20 {
		t.Error("that shows little")
	}
	s.settle(watch)
	for name, w := range watch {
		for _, x := range w.Names() {
			if !slices.Contains(expected[name], x) && strings.HasPrefix(x, "shot") {
				t.Errorf("%s gets %s: %s", name, x, s.verdictOf(list, x))
			}
		}
	}
	s.asOpenVSwitch(t, list)
	t.Logf("all took %s", time.Since(began).Round(time.Millisecond))
}

// awaitShots waits until all watchers got what they should. What is lost on the way is sent once more: frames in sockets of a busy machine may be,
// and OpenFlow promises no more; what is not let through never is.
func (s *traced) awaitShots(list []*shot, watch map[string]*Witness, expected map[string][]string) {
	t := s.t
	t.Helper()
	for name, w := range watch {
		missing := func() (names []string) {
			got := w.Names()
			return slices.DeleteFunc(slices.Clone(expected[name]), func(x string) bool { return slices.Contains(got, x) })
		}
		deadline := time.Now().Add(limit / 3)
		again := false
		lab.Eventually(t, limit, name+" gets what it should", func() error {
			lost := missing()
			if len(lost) == 0 {
				return nil
			}
			if !again && time.Now().After(deadline) {
				again = true
				for _, x := range list {
					if slices.Contains(lost, x.name) {
						s.lost++
						t.Logf("lost, and sent again: %s to %s, %v: %s", x.name, name, x.parameters, x.answer.Verdict)
						x.from.SendFrames(x.frame)
					}
				}
			}
			return fmt.Errorf("not %s, of %d: %s", lost, len(expected[name]), s.verdictOf(list, lost[0]))
		})
	}
}

func (s *traced) verdictOf(list []*shot, name string) string {
	for _, x := range list {
		if x.name == name {
			return fmt.Sprintf("%v: %s", x.parameters, x.answer.Verdict)
		}
	}
	return ""
}

// settle waits until what the VMs have sent has come in, or never will: a broadcast of ARP, which groups let pass, to all in the network.
func (s *traced) settle(watch map[string]*Witness) {
	for range 2 {
		for _, v := range s.vms {
			mark := fmt.Sprintf("mark %d of %s", marks.Add(1), v.Name)
			v.SendFrames(ARP(mark, Broadcast, layers.ARPRequest, v.MAC, v.IP, nobody, v.IP))
			for _, other := range s.vms {
				if other != v && other.Port.NetworkID == v.Port.NetworkID {
					watch[other.Name].Await(mark)
				}
			}
		}
	}
}

// Lookups as ofproto/trace prints them: " 0. in_port=5, priority 50, cookie 0x662…" or "104. No match."; and whose tables they are in.
var (
	lookupLine = regexp.MustCompile(`^ *(\d+)\. (?:No match|.*cookie (0x[0-9a-f]+))`)
	bridgeLine = regexp.MustCompile(`^ *bridge\("(.*)"\)`)
)

// asOpenVSwitch compares ways with ofproto/trace on each node: which tables a packet meets, and which entry in each. It cannot say what depends on
// a connection's first packet, as its packets have none.
func (s *traced) asOpenVSwitch(t *testing.T, list []*shot) {
	const enough = 120
	compared, packets := 0, 0
	for _, x := range list {
		if packets == enough {
			break
		}
		if slices.ContainsFunc(x.answer.Present.Stages, func(s admin.Stage) bool { return strings.Contains(s.Note, "up to the controller") }) {
			continue // which has learned from it
		}
		all := true
		for _, h := range hopsOf(x.answer.Present.Stages) {
			if !h.comparable() {
				all = false
				continue
			}
			out, err := s.Lab.Node(h.node).Appctl("ofproto/trace", "br-int", h.packet)
			if err != nil {
				t.Fatalf("%s: %v", h.packet, err)
			}
			var got []string
			bridge := "br-int"
			for line := range strings.Lines(out) {
				if m := bridgeLine.FindStringSubmatch(line); m != nil {
					bridge = m[1]
				} else if m := lookupLine.FindStringSubmatch(line); m != nil && bridge == "br-int" {
					got = append(got, fmt.Sprintf("%s %s", m[1], m[2]))
				}
			}
			if !slices.Equal(got, h.lookups) {
				t.Errorf("%s on %s meets %q, in Open vSwitch %q:\n%s", h.packet, h.node, h.lookups, got, out)
				return
			}
			compared++
		}
		if all {
			packets++
		}
	}
	t.Logf("%d packets took the same way as in Open vSwitch, on %d nodes", packets, compared)
	if packets < 50 {
		t.Error("that shows little")
	}
}

// nodeHop is what a packet meets on one node.
type nodeHop struct {
	node, packet string
	lookups      []string // table and cookie
	entries      []string
}

// hopsOf are the hops that begin with a packet that comes to a node.
func hopsOf(stages []admin.Stage) (list []nodeHop) {
	following := false
	for _, s := range stages {
		switch {
		case s.Packet != "":
			list, following = append(list, nodeHop{node: s.Node, packet: s.Packet}), true
		case s.Note != "":
			following = following && !strings.Contains(s.Note, "sends")
		case following:
			h := &list[len(list)-1]
			h.lookups, h.entries = append(h.lookups, fmt.Sprintf("%d %s", tableNumber(s.Table), s.Cookie)), append(h.entries, s.Entry)
		}
	}
	return list
}

// comparable: none of the entries asks what ofproto/trace does not know. To it each packet begins a connection.
func (h nodeHop) comparable() bool {
	return len(h.lookups) > 0 && !slices.ContainsFunc(h.entries, func(e string) bool {
		return strings.Contains(e, "ct_nw_") || strings.Contains(e, "ct_state=-new") || strings.Contains(e, "conj_id") || strings.Contains(e, "check_pkt_larger") || strings.Contains(e, "group:")
	})
}

func tableNumber(name string) uint8 {
	for id, n := range pipeline.Names {
		if n == name {
			return id
		}
	}
	return 0
}
