package apps_test

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// guarded is a random cloud whose ports are in random security groups.
type guarded struct {
	example.Cloud
	rt     *rapid.T
	groups []*model.SecurityGroup
	vms    []*model.Port
	tables map[model.Number]flow.Tables // what each node has
}

// TestSecurityGroups: random packets pass random security groups exactly when a plain reading of the rules says so, while rules, members
// and groups change around their connections.
func TestSecurityGroups(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := drawGuarded(rt)
		w := &world{T: t, switches: map[model.Number]*flow.Switch{}}
		g.install(w)
		judge := example.NewJudge()
		judge.Rules(w.view)
		var sent []example.Packet
		for range 40 {
			if rapid.IntRange(0, 3).Draw(rt, "step") == 0 {
				g.change()
				g.install(w)
				judge.Rules(w.view)
				continue
			}
			p := g.drawPacket(sent)
			sent = append(sent, p)
			from, to := g.at(p.Src), g.at(p.Dst)
			passes := judge.Passes(from, p, true) && judge.Passes(to, p, false)
			if got := w.arrives(from, to, p); got != passes {
				rt.Fatalf("%+v arrives: %v, not %v", p, got, passes)
			}
		}
	})
}

func drawGuarded(rt *rapid.T) *guarded {
	g := &guarded{rt: rt, tables: map[model.Number]flow.Tables{}}
	nodes := []*model.Node{g.Node("n1"), g.Node("n2")}
	n := g.Network("net")
	g.BareSubnet(n, "10.1.0.0/24")
	for i := range 4 {
		g.groups = append(g.groups, g.Group(fmt.Sprint("group", i)))
	}
	g.groups[3].Stateful = false
	for i := range 4 {
		p := g.VM(n, nodes[i/2%2], fmt.Sprint("vm", i), fmt.Sprintf("10.1.0.%d", 11+i))
		g.vms = append(g.vms, p)
		g.regroup(p)
	}
	for _, group := range g.groups {
		g.rewrite(group)
	}
	return g
}

func (g *guarded) change() {
	switch rapid.IntRange(0, 2).Draw(g.rt, "change") {
	case 0:
		g.regroup(rapid.SampledFrom(g.vms).Draw(g.rt, "port"))
	default:
		g.rewrite(rapid.SampledFrom(g.groups).Draw(g.rt, "group"))
	}
}

// regroup puts a port into other groups, or none, or switches its port security off.
func (g *guarded) regroup(p *model.Port) {
	p.PortSecurityEnabled, p.SecurityGroups = true, []string{}
	switch rapid.IntRange(0, 7).Draw(g.rt, "groups") {
	case 0:
		p.PortSecurityEnabled, p.SecurityGroups = false, nil
	case 1:
		example.Join(p, g.groups[3])
	case 2, 3:
		example.Join(p, g.groups[0], g.groups[1])
	default:
		example.Join(p, g.groups[rapid.IntRange(0, 2).Draw(g.rt, "group")])
	}
}

// rewrite gives a group other rules.
func (g *guarded) rewrite(group *model.SecurityGroup) {
	words := []string{
		"any", "any from 10.1.0.12/32", "any from 10.1.0.12/31", "any from group0", "any from group1", "udp", "udp 1000", "udp 999-1001", "udp 1000 from group0", "udp 1001 from group2",
		"udp 1000-1001 from group0", "udp 1000 from 10.1.0.12/30", "udp from group1", "tcp 1000", "tcp from group0", "tcp 1001 from group1", "icmp", "icmp 8", "icmp 0", "icmp 8 from group2", "gre", "gre from group0",
	}
	var rules []model.SecurityGroupRule
	for range rapid.IntRange(0, 5).Draw(g.rt, "rules") {
		direction := rapid.SampledFrom([]string{"ingress ", "egress "}).Draw(g.rt, "direction")
		rules = append(rules, example.Rule(direction+rapid.SampledFrom(words).Draw(g.rt, "rule")))
	}
	if rapid.IntRange(0, 1).Draw(g.rt, "egress") == 0 { // as most groups
		rules = append(rules, example.Rule("egress any"))
	}
	group.Rules = rules
}

// drawPacket draws a new packet, one that was sent already, or its answer.
func (g *guarded) drawPacket(sent []example.Packet) example.Packet {
	if len(sent) > 0 {
		switch p := rapid.SampledFrom(sent).Draw(g.rt, "again"); rapid.IntRange(0, 2).Draw(g.rt, "packet") {
		case 0:
			return p
		case 1:
			return p.Reply()
		}
	}
	i := rapid.IntRange(0, 3).Draw(g.rt, "from")
	j := (i + rapid.IntRange(1, 3).Draw(g.rt, "to")) % 4
	p := example.Packet{Src: g.vms[i].FixedIPs[0].IPAddress, Dst: g.vms[j].FixedIPs[0].IPAddress}
	p.Proto = rapid.SampledFrom([]uint8{model.ProtocolUDP, model.ProtocolUDP, model.ProtocolTCP, model.ProtocolICMP, 47}).Draw(g.rt, "protocol")
	switch p.Proto {
	case model.ProtocolICMP:
		p.Type, p.SrcPort, p.DstPort = 8, 7, 7
	case model.ProtocolTCP, model.ProtocolUDP:
		p.SrcPort, p.DstPort = uint16(rapid.IntRange(998, 1002).Draw(g.rt, "from port")), uint16(rapid.IntRange(998, 1002).Draw(g.rt, "to port"))
	}
	return p
}

func (g *guarded) at(a netip.Addr) *model.Port {
	for _, p := range g.vms {
		if p.FixedIPs[0].IPAddress == a {
			return p
		}
	}
	return nil
}

func frameOf(from, to *model.Port, p example.Packet) []byte {
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocol(p.Proto), SrcIP: net.IP(p.Src.AsSlice()), DstIP: net.IP(p.Dst.AsSlice())}
	list := []gopacket.SerializableLayer{ethernet(from.MAC, to.MAC, layers.EthernetTypeIPv4), ip}
	switch p.Proto {
	case model.ProtocolICMP:
		list = append(list, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(p.Type, 0), Id: p.SrcPort, Seq: 1})
	case model.ProtocolTCP:
		tcp := &layers.TCP{SrcPort: layers.TCPPort(p.SrcPort), DstPort: layers.TCPPort(p.DstPort), ACK: true, Seq: 1, Ack: 1, Window: 1000}
		_ = tcp.SetNetworkLayerForChecksum(ip)
		list = append(list, tcp)
	case model.ProtocolUDP:
		udp := &layers.UDP{SrcPort: layers.UDPPort(p.SrcPort), DstPort: layers.UDPPort(p.DstPort)}
		_ = udp.SetNetworkLayerForChecksum(ip)
		list = append(list, udp)
	}
	return serialize(append(list, gopacket.Payload("hello"))...)
}

// arrives sends a packet, and tells whether it gets where it is addressed to.
func (w *world) arrives(from, to *model.Port, p example.Packet) bool {
	frame := frameOf(from, to, p)
	l, _ := w.view.Location(from.Number)
	r := run{world: w, todo: []hop{{w.view.Node(l.Node), flow.Input{Frame: frame, InPort: l.Ofport}}}}
	r.drain(frame)
	for _, a := range r.got {
		if a.where != to.Name || string(a.frame) != string(frame) {
			w.Errorf("%+v arrives as %v", p, a)
		}
	}
	return len(r.got) > 0
}

// install brings the world's switches to what the cloud is now. Connections stay.
func (g *guarded) install(w *world) {
	w.view = g.View()
	w.view.Nodes(func(n *model.Node) {
		wanted, err := example.Tables(apps.All(), w.view, n.Number)
		if err != nil {
			g.rt.Fatal(err)
		}
		if w.switches[n.Number] == nil {
			w.switches[n.Number] = flow.NewSwitch(flow.SwitchConfig{})
		}
		present := g.tables[n.Number]
		g.tables[n.Number] = wanted
		var changes []flow.Change
		for _, f := range present.Flows {
			if !slices.Contains(wanted.Flows, f) {
				changes = append(changes, flow.Change{Op: flow.OpDelete, Flow: f})
			}
		}
		for _, c := range example.Changes(wanted) {
			switch {
			case c.Meter != nil && slices.Contains(present.Meters, *c.Meter):
				continue
			case c.Group != nil && slices.ContainsFunc(present.Groups, func(g flow.Group) bool { return g.ID == c.Group.ID }):
				c.Op = flow.OpModify
			}
			changes = append(changes, c)
		}
		for _, gone := range present.Groups {
			if !slices.ContainsFunc(wanted.Groups, func(g flow.Group) bool { return g.ID == gone.ID }) {
				changes = append(changes, flow.Change{Op: flow.OpDelete, Group: &gone})
			}
		}
		for _, r := range w.switches[n.Number].Apply(changes) {
			g.rt.Fatalf("%s refuses %+v: %s", n.Hostname, changes[r.Index], r.Reason)
		}
	})
}

// TestGroupsCost: what groups cost a node is the sum of their rules and of the members that these name, never a product.
func TestGroupsCost(t *testing.T) {
	entries := func(groups, rules, members int) int {
		var c example.Cloud
		n1, n2 := c.Node("n1"), c.Node("n2")
		n := c.Network("net")
		c.BareSubnet(n, "10.0.0.0/16")
		remote := c.Group("remote")
		for i := range members {
			example.Join(c.VM(n, n2, fmt.Sprint("member", i), fmt.Sprintf("10.0.%d.%d", 1+i/200, 1+i%200)), remote)
		}
		for i := range groups {
			var list []model.SecurityGroupRule
			for j := range rules {
				list = append(list, example.Rule(fmt.Sprintf("ingress tcp %d from remote", 1000+j)))
			}
			example.Join(c.VM(n, n1, fmt.Sprint("vm", i), fmt.Sprintf("10.0.100.%d", 1+i)), c.Group(fmt.Sprint("group", i), list...))
		}
		tables, err := example.Tables(apps.All(), c.View(), n1.Number)
		if err != nil {
			t.Fatal(err)
		}
		count := 0
		for _, f := range tables.Flows {
			if f.Table() == pipeline.GroupRules.ID {
				count++
			}
		}
		t.Logf("%d groups of %d rules for a remote group of %d: %d entries in rules, %d in all", groups, rules, members, count, len(tables.Flows))
		return count
	}
	const perGroup = 2 // the conjunction, and fragments
	for _, x := range [][3]int{{50, 20, 200}, {25, 20, 200}, {50, 10, 200}, {50, 20, 100}, {50, 20, 400}} {
		if got, want := entries(x[0], x[1], x[2]), x[0]*(x[1]+x[2]+perGroup); got != want {
			t.Errorf("%d entries, not %d", got, want)
		}
	}
}
