package verify

import (
	"fmt"
	"slices"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// A physical switch has few kinds of entries, and no metadata: the VLAN id is the label. So each entry is held against what it may do by itself,
// and packets are executed for what has to be reached:
//
//	label     what goes on from the first table comes by the tree with the tag that it has, or from a host, and gets the tag of its port's network
//	source    what goes on from guard has a source of its port
//	deliver   what leaves has matched a tag, and leaves by ports that lead to members of that tag's network, with the tag that it has to have there
//	punt      what goes to the controller passes a meter, if the switch has meters
//	readable  every entry can be read
//	reach     what comes for a MAC address of a network, by the tree or from a host, leaves by the port behind which it is; what is for all, and
//	          what is for an unknown one, by each port behind which there is a member that takes it, once
type fabricProof struct {
	view   *topology.View
	node   *model.Node
	held   *flow.Tables
	result *Result
	groups map[uint32]flow.Group
	hosts  map[way]topology.Attachment // by the port that they hang on, and their tag
	meters bool
	// silenced are ports of which something is dropped for a while: see l2.Hush and the rule for ports of the tree that went down.
	silenced map[uint32]bool
}

// way is a port of a switch and a tag there.
type way struct{ port, tag uint32 }

// physical proves what a physical switch holds.
func (i *Intent) physical(n *model.Node, held *flow.Tables) Result {
	var r Result
	p := &fabricProof{view: i.view, node: n, held: held, result: &r, groups: map[uint32]flow.Group{}, hosts: map[way]topology.Attachment{}, silenced: map[uint32]bool{},
		meters: n.Switch.Meters > 0 && pipeline.DriverOf(n).Meters}
	for _, g := range held.Groups {
		p.groups[g.ID] = g
	}
	i.view.Networks(func(network *model.Network) {
		i.view.AttachedOn(network.Number, n.Number, func(a topology.Attachment) {
			p.hosts[way{a.Ofport, a.Tag}] = a
			r.Ports++
		})
	})
	for _, f := range held.Flows {
		e, err := f.Decode()
		if err != nil {
			p.violation(ContractReadable, f, "cannot be read: "+err.Error())
			continue
		}
		p.entry(f, e)
	}
	p.reach()
	return r
}

func (p *fabricProof) violation(c Contract, f flow.Encoded, text string) {
	e, _ := f.Decode()
	if len(p.result.Violations) == maxViolations {
		p.result.More++
		return
	}
	p.result.Violations = append(p.result.Violations, Violation{Contract: c, Text: "An entry of table " + pipeline.SwitchNames[f.Table()] + " " + text + ".",
		Packet: matchText(e.Match), Way: []Passed{{f.Table(), f}}, Confirmed: true})
}

// valueOf is the value that an entry matches all of a field with.
func valueOf(m flow.Match, field flow.Field) (uint64, bool) {
	for _, x := range m {
		if x.Field == field && x.Mask == field.AllOnes() {
			return x.Value, true
		}
	}
	return 0, false
}

const present = 0x1000 // of a VLAN id, as OpenFlow has it: there is a tag

// entry holds one entry against its contracts.
func (p *fabricProof) entry(f flow.Encoded, e flow.Entry) {
	if port, ok := valueOf(e.Match, flow.InPort); ok && e.HardTimeout > 0 && e.Cookie.IsPlanck() {
		p.silenced[uint32(port)] = true
	}
	leaves, up, tag, known := p.outcome(e)
	if up && p.meters && e.Meter == 0 {
		p.violation(ContractPunt, f, "sends packets to the controller, and no meter limits them")
	}
	for _, w := range leaves {
		if !known {
			p.violation(ContractDeliver, f, fmt.Sprintf("sends packets out of port %d whatever network they are of", w.port))
			return
		}
		vid, _ := valueOf(e.Match, flow.VLANVID)
		if n := p.strays(uint32(vid)&^present, w); n != "" {
			p.violation(ContractDeliver, f, n)
		}
	}
	if !e.HasGoto {
		return
	}
	switch e.Table {
	case pipeline.SwitchPort.ID:
		p.label(f, e, tag)
	case pipeline.SwitchGuard.ID:
		p.source(f, e)
	default:
		if len(e.Apply) > 0 {
			p.violation(ContractLabel, f, "changes packets and has them go on")
		}
	}
}

// outcome is by which ports packets leave, with which tags, whether they go up, and the tag that they have as they go on. known: the entry
// has matched a tag.
func (p *fabricProof) outcome(e flow.Entry) (leaves []way, up bool, tag uint32, known bool) {
	vid, known := valueOf(e.Match, flow.VLANVID)
	tag = uint32(vid) &^ present
	run := func(actions []flow.Action) {
		for _, a := range actions {
			switch a := a.(type) {
			case flow.PopVLAN:
				tag = 0
			case flow.SetField:
				if a.Field == flow.VLANVID {
					tag = uint32(a.Value) &^ present
				} else {
					known = false
				}
			case flow.Output:
				if a.Port == flow.PortController {
					up = true
				} else {
					leaves = append(leaves, way{a.Port, tag})
				}
			}
		}
	}
	for _, a := range e.Apply {
		if g, ok := a.(flow.ToGroup); ok {
			before := tag
			for _, bucket := range p.groups[g.ID].Buckets {
				tag = before
				run(bucket)
			}
			tag = before
			continue
		}
		run([]flow.Action{a})
	}
	return leaves, up, tag, known
}

// strays says why packets with a network's tag must not leave by a port with a tag; "" if they may.
func (p *fabricProof) strays(vid uint32, w way) string {
	var list []string
	found := false
	p.view.Networks(func(n *model.Network) {
		if found || n.SegmentationID != vid || n.NetworkType != model.NetworkVLAN || n.PhysicalNetwork != p.node.Switch.PhysicalNetwork {
			return
		}
		if f := p.view.FabricOf(n); f != nil {
			found = slices.Contains(f.Ways(p.node.Number, vid, p.view.PointsOf(n.Number)), topology.Way{Port: w.port, Tag: w.tag})
			list = append(list, n.ID)
		}
	})
	switch {
	case found:
		return ""
	case len(list) == 0:
		return fmt.Sprintf("sends packets with VLAN id %d, which is no network's, out of port %d", vid, w.port)
	}
	return fmt.Sprintf("sends packets of network %s out of port %d with tag %d, where nothing of that network is", list[0], w.port, w.tag)
}

// label holds an entry of the first table that has packets go on against where they come from.
func (p *fabricProof) label(f flow.Encoded, e flow.Entry, tag uint32) {
	port, exact := valueOf(e.Match, flow.InPort)
	if !exact {
		p.violation(ContractLabel, f, "lets in what comes by any port")
		return
	}
	vid, tagged := valueOf(e.Match, flow.VLANVID)
	if tagged {
		if a, ok := p.hosts[way{uint32(port), uint32(vid) &^ present}]; ok {
			if n := p.view.Network(a.Network); tag != n.SegmentationID {
				p.violation(ContractLabel, f, fmt.Sprintf("puts what a host of network %s sends into the network with VLAN id %d", n.ID, tag))
			}
			if p.view.Port(a.Port).PortSecurityEnabled && e.Goto != pipeline.SwitchGuard.ID {
				p.violation(ContractSource, f, "has what a host sends pass by its guard")
			}
			return
		}
	}
	fabric := p.view.Fabric(p.node.Switch.PhysicalNetwork)
	if fabric == nil || !slices.Contains(fabric.TreePorts(p.node.Number), uint32(port)) {
		p.violation(ContractLabel, f, fmt.Sprintf("lets in what comes by port %d, where no host is and which is not in the tree", port))
	} else if len(e.Apply) > 0 {
		p.violation(ContractLabel, f, "changes what comes by the tree")
	}
}

// source holds an entry of guard against what belongs to the ports that it lets pass.
func (p *fabricProof) source(f flow.Encoded, e flow.Entry) {
	port, exact := valueOf(e.Match, flow.InPort)
	vid, tagged := valueOf(e.Match, flow.VLANVID)
	mac, named := valueOf(e.Match, flow.EthSrc)
	for w, a := range p.hosts {
		n, owner := p.view.Network(a.Network), p.view.Port(a.Port)
		if !owner.PortSecurityEnabled || exact && uint32(port) != w.port || tagged && uint32(vid)&^present != n.SegmentationID {
			continue
		}
		if named && p.mayUse(w, n, mac) {
			continue
		}
		p.violation(ContractSource, f, fmt.Sprintf("lets port %s send from MAC addresses that are not its own", nameOf(owner.ID, owner.Name)))
	}
}

// mayUse tells whether a port of a network that hangs there may send from a MAC address.
func (p *fabricProof) mayUse(at way, n *model.Network, mac uint64) bool {
	for w, a := range p.hosts {
		if w.port != at.port || a.Network != n.Number {
			continue
		}
		owner := p.view.Port(a.Port)
		if owner.MAC.Uint64() == mac || slices.ContainsFunc(owner.AllowedAddressPairs, func(x model.AddressPair) bool { return x.MAC.Uint64() == mac }) {
			return true
		}
	}
	return false
}

// reach executes frames as they come by the tree and from hosts: for each MAC address that the switch has to know, for everybody, and for nobody.
func (p *fabricProof) reach() {
	memory := flow.NewSwitch(flow.SwitchConfig{})
	var changes []flow.Change
	for i := range p.held.Meters {
		changes = append(changes, flow.Change{Op: flow.OpAdd, Meter: &p.held.Meters[i]})
	}
	for i := range p.held.Groups {
		changes = append(changes, flow.Change{Op: flow.OpAdd, Group: &p.held.Groups[i]})
	}
	for _, f := range p.held.Flows {
		changes = append(changes, flow.Change{Op: flow.OpAdd, Flow: f})
	}
	memory.Apply(changes)
	fabric := p.view.Fabric(p.node.Switch.PhysicalNetwork)
	if fabric == nil {
		return
	}
	tree := slices.DeleteFunc(fabric.TreePorts(p.node.Number), func(port uint32) bool { return p.silenced[port] })
	p.view.Networks(func(n *model.Network) {
		if p.view.FabricOf(n) != fabric || !p.view.Knows(n.Number, p.node.Number) {
			return
		}
		byTree, hosts := p.byTree(n, tree), p.senders(n)
		p.view.PortsOf(n.Number, func(number model.Number) {
			port := p.view.Port(number)
			place, ok := p.view.PlaceOf(n, port)
			if !ok || len(p.view.OwnersOf(n.Number, port.MAC)) > 1 {
				return
			}
			ways := fabric.Ways(p.node.Number, n.SegmentationID, []topology.Point{place})
			if len(ways) == 0 {
				return
			}
			elsewhere := func(a arrival) bool { return a.in != ways[0].Port }
			from := byTree
			if i := slices.IndexFunc(hosts, elsewhere); i >= 0 {
				from = append(slices.Clone(byTree), hosts[i])
			}
			for _, a := range from {
				if elsewhere(a) && !p.arrives(memory, a, port.MAC.Uint64(), ways) {
					p.missing(a, port.MAC.Uint64(), "for port "+nameOf(port.ID, port.Name)+" does not get there.")
					return
				}
			}
		})
		points := p.view.PointsOf(n.Number)
		all := fabric.Ways(p.node.Number, n.SegmentationID, points)
		takers := fabric.Ways(p.node.Number, n.SegmentationID, topology.Takers(points))
		for _, a := range append(byTree, hosts...) {
			if !p.arrives(memory, a, broadcast, all) {
				p.missing(a, broadcast, "for all of network "+nameOf(n.ID, n.Name)+" does not reach each of them once.")
			}
			if !p.arrives(memory, a, nobody, takers) {
				p.missing(a, nobody, "for an unknown member of network "+nameOf(n.ID, n.Name)+" does not reach each once that takes such packets.")
			}
		}
	})
}

// arrival is a packet without a destination, as it comes in by a port.
type arrival struct {
	packet
	in   uint32
	text string
}

// byTree is what comes of a network by ports of the tree.
func (p *fabricProof) byTree(n *model.Network, tree []uint32) []arrival {
	var list []arrival
	for _, in := range tree {
		pkt := ip(nobody+1, 0)
		pkt[flow.VLANVID] = uint64(n.SegmentationID) | present
		list = append(list, arrival{pkt, in, fmt.Sprintf("What comes by port %d ", in)})
	}
	return list
}

// senders is what hosts of a network that hang here send from their own addresses. Those without an IPv4 address are left out.
func (p *fabricProof) senders(n *model.Network) []arrival {
	var list []arrival
	p.view.AttachedOn(n.Number, p.node.Number, func(a topology.Attachment) {
		owner := p.view.Port(a.Port)
		i := slices.IndexFunc(owner.FixedIPs, func(x model.FixedIP) bool { return x.IPAddress.Is4() })
		if i < 0 || p.silenced[a.Ofport] {
			return
		}
		pkt := ip(owner.MAC.Uint64(), 0)
		pkt[flow.IPv4Src] = address(owner.FixedIPs[i].IPAddress)
		if a.Tag != 0 {
			pkt[flow.VLANVID] = uint64(a.Tag) | present
		}
		list = append(list, arrival{pkt, a.Ofport, "What port " + nameOf(owner.ID, owner.Name) + " sends "})
	})
	return list
}

// arrives tells whether a packet leaves by all these ways, once, and by no other. None leads back.
func (p *fabricProof) arrives(memory *flow.Switch, a arrival, to uint64, ways []topology.Way) bool {
	a.packet[flow.EthDst] = to
	out, err := memory.Execute(flow.Input{InPort: a.in, Frame: a.packet.frame()})
	if err != nil {
		return false
	}
	want := 0
	for _, w := range ways {
		if w.Port == a.in {
			continue
		}
		want++
		p.result.Pairs++
		if !slices.ContainsFunc(out.Emissions, func(e flow.Emission) bool { return e.Port == w.Port && pipeline.VLANOf(e.Frame) == w.Tag }) {
			return false
		}
	}
	return len(out.Emissions) == want
}

func (p *fabricProof) missing(a arrival, to uint64, text string) {
	if len(p.result.Violations) == maxViolations {
		p.result.More++
		return
	}
	packet := fmt.Sprintf("in_port=%d,dl_dst=%s", a.in, hardware(to))
	if tag := a.packet[flow.VLANVID]; tag != 0 {
		packet += fmt.Sprintf(",dl_vlan=%d", tag&^present)
	}
	p.result.Violations = append(p.result.Violations, Violation{Contract: ContractReach, Confirmed: true, Text: a.text + text, Packet: packet})
}
