package trace

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

var update = flag.Bool("update", false, "write testdata anew")

// stage is a cloud for packets: two tenants' networks, a router, the outside, and everything that can be wrong with them.
type stage struct {
	*example.Cloud
	node1, node2, node3   *model.Node
	net1, net2, wire      *model.Network
	public                *model.Network
	web1, web2, db, spare *model.Port
	vlan1, vlan2          *model.Port
	router                *model.Router
	web, data             *model.SecurityGroup
	away                  string                     // hostname of a node that cannot be asked
	hand                  func(string, *flow.Tables) // what somebody does to a node's tables by hand
}

func newStage() *stage {
	c := &example.Cloud{}
	s := &stage{Cloud: c}
	s.node1, s.node2, s.node3 = c.Node("node1", "dc"), c.Node("node2", "dc", "outer"), c.Node("node3", "dc", "outer")
	s.net1, s.net2, s.wire = c.Network("net1"), c.Network("net2"), c.VLAN("wire", "dc", 101)
	c.Subnet(s.net1, "10.1.0.0/24")
	c.Subnet(s.net2, "10.2.0.0/24")
	c.Subnet(s.wire, "10.3.0.0/24")
	s.public = c.External("public", "outer", "203.0.113.0/24")
	s.router = c.Router("r1")
	c.Interface(s.router, s.net1, "10.1.0.1")
	c.Interface(s.router, s.net2, "10.2.0.1")
	c.Gateway(s.router, s.public, "203.0.113.10", s.node3)

	everything := example.Rule("egress any")
	s.web = c.Group("web", everything, example.Rule("ingress tcp 80"), example.Rule("ingress icmp 8"))
	s.data = c.Group("data", example.Rule("ingress udp 53 from web"), example.Rule("egress udp"))
	port := func(n *model.Network, at *model.Node, name, ip string, g *model.SecurityGroup) *model.Port {
		p := c.VM(n, at, name, ip)
		example.Join(p, g)
		return p
	}
	s.web1, s.web2 = port(s.net1, s.node1, "web1", "10.1.0.11", s.web), port(s.net1, s.node2, "web2", "10.1.0.12", s.web)
	s.db = port(s.net2, s.node2, "db", "10.2.0.12", s.data)
	s.vlan1, s.vlan2 = port(s.wire, s.node1, "vlan1", "10.3.0.11", s.web), port(s.wire, s.node2, "vlan2", "10.3.0.12", s.web)
	s.spare = c.Port(s.net1, "spare", "10.1.0.99")
	example.Join(s.spare, s.web)
	c.FloatingIP(s.public, "203.0.113.20", s.web2, s.router)
	c.Neighbour(s.router, "203.0.113.1", model.MAC{0x02, 0, 0, 0, 0, 1})
	return s
}

func ip(a string) netip.Addr { return netip.MustParseAddr(a) }

// ping and so on are packets to an address.
func ping(from *model.Port, to string) Packet {
	return Packet{From: from, To: ip(to), Protocol: model.ProtocolICMP, Number: 7}
}

func to(from *model.Port, address string, protocol uint8, port uint16) Packet {
	return Packet{From: from, To: ip(address), Protocol: protocol, DestinationPort: port}
}

const (
	tcpP = model.ProtocolTCP
	udpP = model.ProtocolUDP
)

// with changes a packet.
func (p Packet) with(change func(*Packet)) Packet { change(&p); return p }

// cloud is what a packet of the stage goes through.
func (s *stage) cloud(t testing.TB) Cloud {
	t.Helper()
	v := s.View()
	return Cloud{View: v, Apps: apps.All(), Now: time.Unix(0, 0), Tables: func(n *model.Node) (*flow.Tables, error) {
		if n.Hostname == s.away {
			return nil, fmt.Errorf("the switch is not connected")
		}
		return tablesOf(t, v, n, s.hand)
	}}
}

func tablesOf(t testing.TB, v *topology.View, n *model.Node, hand func(string, *flow.Tables)) (*flow.Tables, error) {
	t.Helper()
	tables, err := example.Tables(apps.All(), v, n.Number)
	if err != nil {
		t.Fatal(err)
	}
	if hand != nil {
		hand(n.Hostname, &tables)
	}
	return &tables, nil
}

// without deletes entries of a table of a node by hand: those whose text has a word.
func without(node string, table *pipeline.Table, word string) func(string, *flow.Tables) {
	return func(name string, t *flow.Tables) {
		if name == node {
			t.Flows = slices.DeleteFunc(t.Flows, func(f flow.Encoded) bool {
				return f.Table() == table.ID && strings.Contains(example.Text(f), word)
			})
		}
	}
}

// added adds an entry to a node by hand.
func added(t testing.TB, node, line string) func(string, *flow.Tables) {
	e, err := flow.Parse(line, pipeline.Names)
	if err != nil {
		t.Fatal(err)
	}
	return func(name string, tables *flow.Tables) {
		if name == node {
			tables.Flows = append(tables.Flows, flow.Encode(e))
		}
	}
}

// TestVerdicts holds what is said of packets against testdata.
func TestVerdicts(t *testing.T) {
	var b strings.Builder
	tell := func(name string, s *stage, p Packet) {
		if err := p.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		w := Follow(s.cloud(t), p)
		fmt.Fprintf(&b, "%s\n  %s\n  %s: %s\n", name, Text(w.Frame), w.Outcome, w.Verdict)
	}
	for _, c := range []struct {
		name   string
		packet func(*stage) Packet
	}{
		{"neighbour on another node", func(s *stage) Packet { return ping(s.web1, "10.1.0.12") }},
		{"neighbour, TCP that is allowed", func(s *stage) Packet { return to(s.web1, "10.1.0.12", tcpP, 80) }},
		{"neighbour, TCP that is not", func(s *stage) Packet { return to(s.web1, "10.1.0.12", tcpP, 22) }},
		{"neighbour, UDP that is not", func(s *stage) Packet { return to(s.web1, "10.1.0.12", udpP, 53) }},
		{"neighbour, another protocol", func(s *stage) Packet { return to(s.web1, "10.1.0.12", 47, 0) }},
		{"what the sender's group forbids", func(s *stage) Packet { return to(s.db, "10.1.0.12", tcpP, 80) }},
		{"a sender without groups", func(s *stage) Packet { s.web1.SecurityGroups = []string{}; return ping(s.web1, "10.1.0.12") }},
		{"a receiver in several groups", func(s *stage) Packet { example.Join(s.web2, s.data); return to(s.web1, "10.1.0.12", tcpP, 22) }},
		{"through a router", func(s *stage) Packet { return to(s.web1, "10.2.0.12", udpP, 53) }},
		{"through a router, not allowed", func(s *stage) Packet { return ping(s.web1, "10.2.0.12") }},
		{"a port asked for by itself", func(s *stage) Packet { return ping(s.web1, "10.1.0.12").with(func(p *Packet) { p.Port = s.web2 }) }},
		{"an address that has moved", func(s *stage) Packet { return ping(s.web1, "10.1.0.12").with(func(p *Packet) { p.Port = s.spare }) }},
		{"a port that is plugged nowhere", func(s *stage) Packet { return ping(s.web1, "10.1.0.99") }},
		{"from a port that is plugged nowhere", func(s *stage) Packet { return ping(s.spare, "10.1.0.11") }},
		{"from a port that is down", func(s *stage) Packet { s.web1.AdminStateUp = false; return ping(s.web1, "10.1.0.12") }},
		{"from a network that is down", func(s *stage) Packet { s.net1.AdminStateUp = false; return ping(s.web1, "10.1.0.12") }},
		{"from a port bound elsewhere", func(s *stage) Packet { s.web1.HostID = "node2"; return ping(s.web1, "10.1.0.12") }},
		{"from a node without the bridge", func(s *stage) Packet { s.node1.Mappings = nil; return ping(s.vlan1, "10.3.0.12") }},
		{"an address of nobody", func(s *stage) Packet { return ping(s.web1, "10.1.0.77") }},
		{"behind a router, nobody", func(s *stage) Packet { return ping(s.web1, "10.2.0.77") }},
		{"behind a router, plugged nowhere", func(s *stage) Packet { s.Port(s.net2, "idle", "10.2.0.50"); return ping(s.web1, "10.2.0.50") }},
		{"a spoofed address", func(s *stage) Packet {
			return ping(s.web1, "10.1.0.12").with(func(p *Packet) { p.Source = ip("10.1.0.9") })
		}},
		{"a spoofed MAC", func(s *stage) Packet {
			return ping(s.web1, "10.1.0.12").with(func(p *Packet) { p.SourceMAC = model.MAC{2, 0, 0, 0, 0, 9} })
		}},
		{"a router itself", func(s *stage) Packet { return ping(s.web1, "10.1.0.1") }},
		{"a router's other side", func(s *stage) Packet { return ping(s.web1, "10.2.0.1") }},
		{"a router, by TCP", func(s *stage) Packet { return to(s.web1, "10.1.0.1", tcpP, 80) }},
		{"a router, by UDP", func(s *stage) Packet { return to(s.web1, "10.1.0.1", udpP, 161) }},
		{"a TTL that ends", func(s *stage) Packet {
			return to(s.web1, "10.2.0.12", udpP, 53).with(func(p *Packet) { p.TTL = 1 })
		}},
		{"too large for the next network", func(s *stage) Packet {
			s.net2.MTU = 1200
			return to(s.web1, "10.2.0.12", udpP, 53).with(func(p *Packet) { p.Size = 1300 })
		}},
		{"too large for the tunnel", func(s *stage) Packet {
			return ping(s.web1, "10.1.0.12").with(func(p *Packet) { p.Size = 1500 })
		}},
		{"too large for the wire", func(s *stage) Packet {
			return ping(s.vlan1, "10.3.0.12").with(func(p *Packet) { p.Size = 1501 })
		}},
		{"the outside, by source NAT", func(s *stage) Packet { return ping(s.web1, "198.51.100.1") }},
		{"the outside, from a floating IP", func(s *stage) Packet { return ping(s.web2, "198.51.100.1") }},
		{"a neighbour outside that is not known", func(s *stage) Packet { return ping(s.web2, "203.0.113.77") }},
		{"a floating IP from inside", func(s *stage) Packet { return to(s.web1, "203.0.113.20", tcpP, 80) }},
		{"a floating IP from inside, not allowed", func(s *stage) Packet { return to(s.web1, "203.0.113.20", tcpP, 22) }},
		{"no gateway node", func(s *stage) Packet { s.router.Gateway.Node = 0; return ping(s.web1, "198.51.100.1") }},
		{"no route", func(s *stage) Packet {
			r := s.Router("lonely")
			n := s.Network("island")
			s.Subnet(n, "10.9.0.0/24")
			s.Interface(r, n, "10.9.0.1")
			p := s.VM(n, s.node1, "robinson", "10.9.0.11")
			return ping(p, "10.1.0.11")
		}},
		{"no gateway in the subnet", func(s *stage) Packet {
			n := s.Network("island")
			sub := s.Subnet(n, "10.9.0.0/24")
			sub.GatewayIP = netip.Addr{}
			return ping(s.VM(n, s.node1, "robinson", "10.9.0.11"), "10.1.0.11")
		}},
		{"a gateway without a router", func(s *stage) Packet { return ping(s.vlan1, "10.1.0.11") }},
		{"a host route", func(s *stage) Packet {
			n := s.Network("routed")
			sub := s.Subnet(n, "10.9.0.0/24")
			sub.HostRoutes = []model.HostRoute{{Destination: netip.MustParsePrefix("10.1.0.0/16"), NextHop: ip("10.9.0.12")}}
			s.VM(n, s.node2, "firewall", "10.9.0.12")
			return ping(s.VM(n, s.node1, "robinson", "10.9.0.11"), "10.1.0.11")
		}},
		{"over a wire", func(s *stage) Packet { return ping(s.vlan1, "10.3.0.12") }},
		{"over a wire, not allowed", func(s *stage) Packet { return to(s.vlan1, "10.3.0.12", tcpP, 22) }},
		{"over a wire, to somebody outside", func(s *stage) Packet { return ping(s.vlan1, "10.3.0.200") }},
		{"who has a port's address", func(s *stage) Packet { return Packet{From: s.web1, To: ip("10.1.0.12"), Kind: ARP} }},
		{"who has an address of nobody", func(s *stage) Packet { return Packet{From: s.web1, To: ip("10.1.0.77"), Kind: ARP} }},
		{"who has an address that anybody may use", func(s *stage) Packet {
			example.Pair(s.web2, "10.1.8.0/24")
			return Packet{From: s.web1, To: ip("10.1.8.5"), Kind: ARP}
		}},
		{"DHCP", func(s *stage) Packet { return Packet{From: s.web1, Kind: DHCP} }},
		{"DHCP that is off", func(s *stage) Packet {
			n := s.Network("quiet")
			s.BareSubnet(n, "10.9.0.0/24")
			s.VM(n, s.node2, "other", "10.9.0.12")
			return Packet{From: s.VM(n, s.node1, "robinson", "10.9.0.11"), Kind: DHCP}
		}},
		{"broadcast", func(s *stage) Packet { return to(s.web1, "255.255.255.255", udpP, 9) }},
		{"broadcast that is allowed", func(s *stage) Packet {
			s.web.Rules = append(s.web.Rules, example.Rule("ingress udp 9"))
			return to(s.web1, "10.1.0.255", udpP, 9)
		}},
		{"multicast", func(s *stage) Packet { return to(s.web1, "239.1.2.3", udpP, 9) }},
		{"its own address", func(s *stage) Packet { return ping(s.web1, "10.1.0.11") }},
		{"a node that is away", func(s *stage) Packet { s.away = "node2"; return ping(s.web1, "10.1.0.12") }},
		{"the sender's node is away", func(s *stage) Packet { s.away = "node1"; return ping(s.web1, "10.1.0.12") }},
		{"a tunnel address that is wrong", func(s *stage) Packet {
			s.hand = func(node string, t *flow.Tables) {
				for i, f := range t.Flows {
					if e, err := f.Decode(); err == nil && node == "node1" && strings.Contains(example.Text(f), "set_field:192.0.2.2->tun_dst") {
						for j, a := range e.Apply {
							if set, ok := a.(flow.SetField); ok && set.Field == flow.TunnelDst {
								set.Value = pipeline.IPv4(ip("192.0.2.99"))
								e.Apply[j] = set
							}
						}
						t.Flows[i] = flow.Encode(e)
					}
				}
			}
			return ping(s.web1, "10.1.0.12")
		}},
		{"an unknown interface", func(s *stage) Packet {
			s.hand = without("node1", pipeline.Classify, "in_port=10")
			return ping(s.web1, "10.1.0.12")
		}},
		{"a tunnel that is not taken", func(s *stage) Packet {
			s.hand = without("node2", pipeline.Classify, "tun_src=192.0.2.1,")
			return ping(s.web1, "10.1.0.12")
		}},
		{"a network that is not there", func(s *stage) Packet {
			s.hand = without("node2", pipeline.FromTunnel, "tun_id=0x1389 ")
			return ping(s.web1, "10.1.0.12")
		}},
		{"a guard that is not there", func(s *stage) Packet {
			s.hand = without("node1", pipeline.Guard, "nw_src=10.1.0.11")
			return ping(s.web1, "10.1.0.12")
		}},
		{"no output", func(s *stage) Packet {
			s.hand = without("node2", pipeline.Output, "metadata=0x1389")
			return ping(s.web1, "10.1.0.12")
		}},
		{"no deliver", func(s *stage) Packet {
			s.hand = without("node2", pipeline.Deliver, "metadata=0x1389")
			return ping(s.web1, "10.1.0.12")
		}},
		{"no answer", func(s *stage) Packet {
			s.hand = without("node1", pipeline.Answer, "arp_tpa=10.1.0.12")
			return ping(s.web1, "10.1.0.12")
		}},
		{"no way to the gateway node", func(s *stage) Packet {
			s.hand = without("node1", pipeline.SourceNAT, "")
			return ping(s.web1, "198.51.100.1")
		}},
		{"no router", func(s *stage) Packet {
			s.hand = without("node1", pipeline.Route, "reg1=")
			return ping(s.web1, "10.2.0.12")
		}},
		{"no next hop", func(s *stage) Packet {
			s.hand = without("node1", pipeline.Neighbour, "")
			return ping(s.web1, "10.2.0.12")
		}},
		{"no default", func(s *stage) Packet {
			s.hand = without("node1", pipeline.Service, "priority=0")
			return ping(s.web1, "10.1.0.12")
		}},
		{"an entry that drops, by hand", func(s *stage) Packet {
			s.hand = added(t, "node2", "table=ingress,priority=1000,ip,nw_src=10.1.0.11 actions=drop")
			return ping(s.web1, "10.1.0.12")
		}},
		{"an entry that leads astray, by hand", func(s *stage) Packet {
			s.hand = added(t, "node2", "table=deliver,priority=1000,ip,nw_src=10.1.0.11 actions=output:11")
			return ping(s.web1, "10.1.0.12").with(func(p *Packet) { p.Port = s.web2 })
		}},
		{"a reply that is lost", func(s *stage) Packet {
			s.hand = added(t, "node1", "table=deliver,priority=1000,icmp,icmp_type=0 actions=drop")
			return ping(s.web1, "10.1.0.12")
		}},
		{"port security off", func(s *stage) Packet {
			s.web1.PortSecurityEnabled, s.web1.SecurityGroups = false, nil
			return ping(s.web1, "10.1.0.12").with(func(p *Packet) { p.Source = ip("10.1.0.250") })
		}},
	} {
		s := newStage()
		tell(c.name, s, c.packet(s))
	}
	golden(t, "verdicts.golden", b.String())
}

// TestStages holds two whole ways against testdata.
func TestStages(t *testing.T) {
	s := newStage()
	var b strings.Builder
	for _, p := range []Packet{to(s.web1, "10.2.0.12", udpP, 53), to(s.web1, "203.0.113.20", tcpP, 22)} {
		w := Follow(s.cloud(t), p)
		fmt.Fprintf(&b, "%s\n%s: %s\n", Text(w.Frame), w.Outcome, w.Verdict)
		for _, stage := range w.Stages {
			b.WriteString("  ")
			if stage.Node != nil {
				b.WriteString(stage.Node.Hostname + " ")
			}
			if stage.Note != "" {
				fmt.Fprintln(&b, strings.TrimSpace(stage.Note+" "+stage.Packet))
				continue
			}
			entry := "nothing"
			if stage.Entry != "" {
				entry = example.Text(stage.Entry)
			}
			fmt.Fprintf(&b, "%s%s: %s\n", strings.Repeat("  ", stage.Depth), pipeline.TableName(stage.Table), entry)
		}
	}
	golden(t, "stages.golden", b.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s (go test -update writes it anew):\n%s", path, got)
	}
}

// TestEveryEndHasWords: in each table in which packets can end there are words for it.
func TestEveryEndHasWords(t *testing.T) {
	for _, table := range pipeline.OVS {
		if _, ok := misses[table.ID]; !ok && table != pipeline.Marker {
			t.Errorf("table %s has none", table.Name)
		}
	}
}
