package main

import (
	"bytes"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/apps/l2"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// page is text in the making.
type page struct{ bytes.Buffer }

func (p *page) add(format string, a ...any) { fmt.Fprintf(p, format, a...) }

// pipelinePage writes docs/pipeline.md.
func pipelinePage(apps []*pipeline.App) ([]byte, error) {
	s, err := show(apps)
	if err != nil {
		return nil, err
	}
	p := &page{}
	p.add("# The pipeline\n\n")
	p.add("Written by `go run ./tools/gendocs` from the code, and not by hand: `apps/pipeline/tables.go` declares the tables, ")
	p.add("and each app registers its rules beside the code that builds their entries. ")
	p.add("Nodes with Open vSwitch have profile ovs; physical switches have [profile openflow13](#profile-openflow13), which is at the end.\n\n# Profile ovs\n\n")
	p.add("A packet enters at table %d and goes down:\n\n```\n%s```\n\n", pipeline.OVS[0].ID, picture(pipeline.OVS))
	p.add("The examples below are all entries of node1 in this topology: two nodes with tunnels, a vxlan network with a subnet ")
	p.add("with DHCP, and a port with an address plugged into each node. ")
	p.add("For the tables of routers they are those of node1 in another: two vxlan networks, a router with a gateway on node1, a static ")
	p.add("route, and a floating IP on node2. Names of tables stand where `ovs-ofctl` has numbers.\n\n")
	for _, t := range pipeline.OVS {
		p.table(t, s)
	}
	p.metadata()
	p.groups(s.first.Groups)
	p.meters(s.first.Meters)
	p.cookies()
	p.version()
	p.openflow13(s)
	return p.Bytes(), nil
}

func (p *page) table(t *pipeline.Table, s *shown) {
	p.add("## %s (table %d)\n\n%s\n\n", t.Name, t.ID, t.Purpose)
	p.add("- App: %s\n", t.App)
	fields := make([]string, len(t.Match))
	for i, f := range t.Match {
		if fields[i] = f.Field.String(); f.Masked {
			fields[i] += " (also masked)"
		}
	}
	p.add("- May match: %s\n", list(fields))
	actions := make([]string, len(t.Actions))
	for i, a := range t.Actions {
		actions[i] = a.String()
	}
	p.add("- May do: %s\n", list(actions))
	p.add("- Goes to: %s\n", list(names(t.Next)))
	if len(t.Resubmit) > 0 {
		p.add("- Resubmits to, and comes back: %s\n", list(names(t.Resubmit)))
	}
	p.add("- Without a match: %s\n\n", t.Miss)

	p.add("| rule | | what an entry of it does | source |\n|---|---|---|---|\n")
	for _, r := range s.writes[t] {
		file, _, _ := strings.Cut(r.Source, ":")
		p.add("| %d | %s | %s | %s |\n", r.Number, r.Name, r.Doc, file)
	}
	p.add("\n```\n")
	flows := s.first.Flows
	if t.App == "router" || t.App == "nat" {
		flows = s.router.Flows
	}
	names := pipeline.Names
	if slices.Contains(pipeline.OpenFlow13, t) {
		flows, names = s.fabric.Flows, pipeline.SwitchNames
	}
	for _, f := range flows {
		if f.Table() == t.ID {
			p.add("%s\n", example.TextWith(f, names))
		}
	}
	p.add("```\n\n")
}

// openflow13 shows the tables of physical switches.
func (p *page) openflow13(s *shown) {
	p.add("# Profile openflow13\n\nWhat physical switches have: OpenFlow 1.3 and no extension of it. The VLAN is the network.\n\n```\n%s```\n\n", picture(pipeline.OpenFlow13))
	p.add("The examples are all entries of the second of three switches in a ring (driver generic): bare metal hangs on its ports 3 (with tag 7) and 4, the other switches on its ports 1 ")
	p.add("and 2; a node and the world outside hang on the third. The network has VLAN id 101. The version of the pipeline is in the rule of table port's last entry.\n\n")
	for _, t := range pipeline.OpenFlow13 {
		p.table(t, s)
	}
	p.add("Groups and meters:\n\n```\n")
	for _, g := range s.fabric.Groups {
		p.add("%s\n", flow.FormatGroup(g, pipeline.SwitchNames))
	}
	for _, m := range s.fabric.Meters {
		p.add("%s\n", flow.FormatMeter(m))
	}
	p.add("```\n\n")
}

func names(tables []*pipeline.Table) []string {
	list := make([]string, len(tables))
	for i, t := range tables {
		list[i] = t.Name
	}
	return list
}

func list(words []string) string {
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, ", ")
}

// span names the bits of a mask.
func span(mask uint64) string {
	low := bits.TrailingZeros64(mask)
	if bits.OnesCount64(mask) == 1 {
		return fmt.Sprint(low)
	}
	return fmt.Sprintf("%d to %d", low, low+bits.OnesCount64(mask)-1)
}

func (p *page) metadata() {
	p.add("## Metadata\n\n| bits | what |\n|---|---|\n")
	p.add("| %s | port key, which is the ofport: of the sender up to deliver, of the receiver from there |\n", span(pipeline.PortKey(0).Mask))
	p.add("| %s | network key |\n", span(pipeline.InNetwork(0).Mask))
	p.add("| %s | where the packet came in: %d from a port, %d from a tunnel, %d from a mapped bridge |\n", span(pipeline.CameFrom(0).Mask),
		pipeline.FromPort, pipeline.FromTunnelPeer, pipeline.FromBridge)
	p.add("| %s | whether a router has sent the packet on |\n", span(pipeline.Routed(true).Mask))
	p.add("| %s | how many routers have handed it to another here |\n\n", span(pipeline.Hops(0).Mask))
	p.add("Registers: %s is the next hop's IPv4 address, %s the key of the router that the packet is in; %s has bit %d set if the packet is ",
		pipeline.NextHop, pipeline.Router, pipeline.TooBig().Field, pipeline.TooBigBit)
	p.add("too big for where it is to go, and bit %s if it has been through its router's conntrack zone.\n\n", span(pipeline.NotTracked().Mask))
}

func (p *page) groups(examples []flow.Group) {
	const key, node = 0, 0
	p.add("## Groups\n\nAll groups are of type all. An id is the piece (bits %s) and the network's key (bits %s).\n\n",
		span(uint64(l2.GroupID(0, 0xff))), span(uint64(l2.GroupID(0xffffff, 0))))
	p.add("| piece | its buckets |\n|---|---|\n")
	for _, g := range []struct {
		piece uint8
		text  string
	}{
		{l2.Flood, "all members: the pieces of ports here and of other nodes, or the mapped bridge"},
		{l2.FloodHere, "members on this node: the pieces of ports here"},
		{l2.Unknown, "who takes unknown destinations: the pieces of open ports here and of nodes that have some, or the mapped bridge"},
		{l2.UnknownHere, "the same on this node: the pieces of open ports here"},
		{topology.LocalPartOf(0), "and up: ports here, 256 ofports a piece"},
		{topology.RemotePartOf(node), "and up: other nodes that have ports of the network, by node number"},
		{topology.LocalOpenPartOf(0), "and up: ports here with port security off, 1024 ofports a piece"},
		{topology.RemoteOpenPartOf(node), "and up: other nodes that have such ports, by node number"},
	} {
		p.add("| %#02x | %s |\n", g.piece, g.text)
	}
	p.add("\n```\n")
	for _, g := range examples {
		p.add("%s\n", flow.FormatGroup(g, pipeline.Names))
	}
	p.add("```\n\n")
}

func (p *page) meters(examples []flow.Meter) {
	p.add("## Meters\n\nAn id is the app (bits 16 to 23; 1 is dhcp, 2 l2, 3 arp) and the ofport (bits 0 to 15; 0 is the node), or bit 24 and a router's key.\n\n```\n")
	for _, m := range examples {
		p.add("%s\n", flow.FormatMeter(m))
	}
	p.add("```\n\n")
}

// owners are the kinds of objects that have entries.
var owners = []model.Kind{model.KindNode, model.KindNetwork, model.KindSubnet, model.KindPort, model.KindRouter, model.KindFloatingIP, model.KindNeighbour,
	model.KindSecurityGroup}

func (p *page) cookies() {
	mark := uint64(flow.NewCookie(0, 0, 0))
	p.add("## Cookies\n\n| bits | what |\n|---|---|\n")
	p.add("| 52 to 63 | %#x: the entry is Planck's |\n", mark>>52)
	p.add("| %s | the rule that built it, by its number in the tables above |\n", span(uint64(flow.NewCookie(0xfff, 0, 0))^mark))
	p.add("| %s | the kind of the object that it serves: ", span(uint64(flow.NewCookie(0, 0xf, 0))^mark))
	for i, k := range owners {
		if i > 0 {
			p.add(", ")
		}
		p.add("%d %s", k, k)
	}
	p.add(" |\n| %s | the object's number in the database |\n\n", span(uint64(flow.NewCookie(0, 0, 1<<36-1))^mark))
	p.add("An entry that several objects need is there once, with the lowest of them. `planckctl flow list --explain` reads cookies.\n\n")
}

func (p *page) version() {
	p.add("## Version\n\nThis is version %d. Every switch says which version it has, in the one entry of table %s.\n", pipeline.Version, pipeline.Marker.Name)
}
