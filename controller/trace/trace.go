package trace

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// Cloud is what a packet goes through.
type Cloud struct {
	View *topology.View
	Apps []*pipeline.App // whom packets that go up are given to
	Now  time.Time
	// Tables is what the switch of a node holds, or should hold. It is called for nodes on the way alone, once each.
	Tables func(*model.Node) (*flow.Tables, error)
}

// Outcome is what became of a packet, in a word.
type Outcome string

// Outcomes.
const (
	Delivered  Outcome = "delivered"  // to a port
	Answered   Outcome = "answered"   // by Planck
	Left       Outcome = "left"       // by a mapped bridge
	Controller Outcome = "controller" // where it waits
	Dropped    Outcome = "dropped"
	Unknown    Outcome = "unknown" // a node on the way could not be asked
)

// Way is what a packet meets.
type Way struct {
	Outcome Outcome
	Verdict string // the same in words
	Frame   []byte // as the sender sends it; nil: it does not get so far
	Stages  []Stage
	Arrived []Place // where copies came out
	// Tables of the nodes on the way.
	Tables map[model.Number]*flow.Tables
}

// Stage is one lookup in a table, or with a Note what happens between lookups.
type Stage struct {
	Node  *model.Node // nil for some notes
	Table uint8
	Depth int          // how many groups and resubmits it is inside of
	Entry flow.Encoded // what matched; empty: nothing did
	Note  string
	// Packet is what comes to the node's switch, in the syntax of ofproto/trace; of a Note about that.
	Packet string
}

// Place is where a packet came out.
type Place struct {
	Node    *model.Node
	Port    *model.Port   // nil: a mapped bridge, or an interface that is no port's
	Ofport  uint32        // where it came out of br-int
	Mapping model.Mapping // of the mapped bridge
	Frame   []byte
}

// Follow follows a packet. A cloud's switches are empty of connections when it begins: the packet is the first of its own.
func Follow(c Cloud, p Packet) Way {
	t := &tracer{Cloud: c, packet: p, switches: map[model.Number]*flow.Switch{}, tables: map[model.Number]*flow.Tables{}}
	t.way.Outcome, t.way.Verdict = t.trace()
	t.way.Tables = t.tables
	return t.way
}

// tracer is the state of a Follow.
type tracer struct {
	Cloud
	packet   Packet
	at       topology.Attachment // of the sender
	node     *model.Node         // where the sender is
	network  *model.Network      // of the sender
	switches map[model.Number]*flow.Switch
	tables   map[model.Number]*flow.Tables
	looks    []look // of the lookups of the present Execute
	way      Way
}

func (t *tracer) trace() (Outcome, string) {
	if problem := t.locate(); problem != "" {
		return Dropped, "dropped: " + problem
	}
	if t.packet.Kind == DHCP {
		return t.send(t.packet.discover(), nil)
	}
	if t.packet.To == t.packet.source() && t.packet.Kind != ARP {
		return Answered, fmt.Sprintf("answered: %s is port %s's own address, and the packet does not leave the VM", t.packet.To, nameOf(t.packet.From))
	}
	hop, problem := t.nextHop()
	if problem != "" {
		return Dropped, "dropped: " + problem
	}
	if t.packet.Kind == ARP {
		return t.send(t.packet.arp(t.packet.To), t.target())
	}
	mac, outcome, problem := t.resolve(hop)
	if problem != "" {
		return outcome, problem
	}
	if t.packet.bytes() > t.network.MTU && t.network.MTU > 0 {
		t.note("%d bytes are more than the MTU of network %s, %d: a VM that knows it sends no such packet", t.packet.bytes(), nameOfNetwork(t.network), t.network.MTU)
	}
	return t.send(t.packet.Frame(mac), t.target())
}

// locate finds where the sender is, or says why it is nowhere.
func (t *tracer) locate() (problem string) {
	p := t.packet.From
	t.network = t.View.NetworkByID(p.NetworkID)
	at, ok := t.View.Location(p.Number)
	if !ok || t.network == nil {
		return t.nowhere(p)
	}
	t.at, t.node = at, t.View.Node(at.Node)
	return ""
}

// nowhere says why a port is on no node.
func (t *tracer) nowhere(p *model.Port) string {
	name, n := "port "+nameOf(p), t.View.NetworkByID(p.NetworkID)
	switch {
	case p.BelongsToRouter():
		return name + " is a router's or a floating IP's, and plugged nowhere"
	case p.DeviceOwner == model.DeviceOwnerDHCP:
		return name + " is the network's DHCP server, which has no interface"
	case !p.AdminStateUp:
		return name + " is down: its admin_state_up is false"
	case n == nil || !n.AdminStateUp:
		return name + " is in a network that is down: its admin_state_up is false"
	}
	var plugged *model.Node
	t.View.Nodes(func(node *model.Node) {
		if slices.ContainsFunc(node.Interfaces, func(i model.Interface) bool { return i.PortID == p.ID }) {
			plugged = node
		}
	})
	switch {
	case plugged == nil:
		return name + " is plugged nowhere"
	case p.HostID != "" && p.HostID != plugged.Hostname:
		return fmt.Sprintf("%s is plugged on %s, but bound to %s", name, plugged.Hostname, p.HostID)
	}
	return fmt.Sprintf("%s is plugged on %s, which has no bridge for physical network %s", name, plugged.Hostname, n.PhysicalNetwork)
}

// nextHop is the address whose MAC the VM asks for.
func (t *tracer) nextHop() (hop netip.Addr, problem string) {
	to, from := t.packet.To, t.packet.From
	var own []*model.Subnet
	for _, f := range from.FixedIPs {
		for _, s := range t.View.SubnetsOf(t.network.Number) {
			if s.ID == f.SubnetID && s.CIDR.Addr().Is4() {
				own = append(own, s)
			}
		}
	}
	if !t.packet.source().IsValid() {
		return hop, fmt.Sprintf("port %s has no IPv4 address to send from", nameOf(from))
	}
	if len(own) == 0 || isGroup(to) || slices.ContainsFunc(own, func(s *model.Subnet) bool { return s.CIDR.Contains(to) }) {
		return to, ""
	}
	best := netip.Prefix{}
	for _, r := range own[0].HostRoutes {
		if r.NextHop.Is4() && r.Destination.Contains(to) && (!best.IsValid() || r.Destination.Bits() > best.Bits()) {
			best, hop = r.Destination, r.NextHop
		}
	}
	if hop.IsValid() {
		return hop, ""
	}
	if !own[0].GatewayIP.Is4() {
		return hop, fmt.Sprintf("port %s has no way to %s: its subnet %s has no gateway", nameOf(from), to, own[0].CIDR)
	}
	return own[0].GatewayIP, ""
}

// outside stands for the MAC address of a host that is not in the cloud.
var outside = model.MAC{0x02, 0, 0, 0, 0, 0xfe}

// resolve finds the MAC address that the VM sends to, by an ARP request if need be.
func (t *tracer) resolve(hop netip.Addr) (model.MAC, Outcome, string) {
	switch {
	case hop == broadcastIP || t.isBroadcast(hop):
		return broadcast, "", ""
	case hop.IsMulticast(): // RFC 1112, 6.4
		b := hop.As4()
		return model.MAC{0x01, 0x00, 0x5e, b[1] & 0x7f, b[2], b[3]}, "", ""
	}
	t.note("%s asks by ARP who has %s", nameOf(t.packet.From), hop)
	own := t.packet // whoever forges a source asks as itself
	if own.Source, own.SourceMAC = (netip.Addr{}), (model.MAC{}); !own.source().IsValid() {
		own.Source = t.packet.Source
	}
	r := t.follow(t.enters(t.node, t.packet.From, t.at.Ofport, own.arp(hop)))
	t.way.Stages = append(t.way.Stages, r.stages(false)...)
	if r.problem != "" {
		return model.MAC{}, Unknown, r.problem
	}
	for _, a := range r.arrived {
		if mac, ok := arpAnswer(a.Frame, hop); ok && a.Port == t.packet.From {
			t.note("%s is at %s", hop, mac)
			return mac, "", ""
		}
	}
	for _, a := range r.arrived {
		if a.Port != nil && a.Port != t.packet.From {
			if mac, ok := t.mayAnswer(a.Port, hop); ok {
				t.note("the request is delivered to %s, which is taken to answer", a.String())
				return mac, "", ""
			}
		}
	}
	if slices.ContainsFunc(r.arrived, func(a Place) bool { return a.Port == nil }) {
		t.note("the request leaves for the outside: that somebody there answers is taken for granted")
		return outside, "", ""
	}
	nobody := fmt.Sprintf("dropped: nobody answers ARP for %s", hop)
	if end := r.worst(nil); end != nil && r.counts(end, nil) && !slices.Contains(routine, end.look.Table) {
		return model.MAC{}, Dropped, nobody + ": the request is dropped " + r.where(end)
	}
	return model.MAC{}, Dropped, nobody + t.whyNobody(hop)
}

// isBroadcast tells whether an address is that of all hosts of a subnet of the sender's network.
func (t *tracer) isBroadcast(a netip.Addr) bool {
	return slices.ContainsFunc(t.View.SubnetsOf(t.network.Number), func(s *model.Subnet) bool {
		return s.CIDR.Bits() < 31 && s.CIDR.Contains(a) && !s.CIDR.Contains(a.Next())
	})
}

// mayAnswer is the MAC address with which a port that hears a request may answer it.
func (t *tracer) mayAnswer(p *model.Port, a netip.Addr) (model.MAC, bool) {
	for _, f := range p.FixedIPs {
		if f.IPAddress == a {
			return p.MAC, true
		}
	}
	for _, pair := range p.AllowedAddressPairs {
		if pair.IP.Contains(a) {
			return pair.MAC, true
		}
	}
	return p.MAC, !p.PortSecurityEnabled
}

// whyNobody says what the model knows of an address that nobody answers for.
func (t *tracer) whyNobody(a netip.Addr) string {
	if p := t.portWith(t.network, a); p != nil {
		if _, ok := t.View.Location(p.Number); !ok {
			return ": " + t.nowhere(p)
		}
		return fmt.Sprintf(": it is port %s's, but no entry of %s answers for it", nameOf(p), t.node.Hostname)
	}
	for _, s := range t.View.SubnetsOf(t.network.Number) {
		if s.GatewayIP == a {
			return fmt.Sprintf(": it is the gateway of subnet %s, and no router has it", s.CIDR)
		}
	}
	return fmt.Sprintf(": no port of network %s has it", nameOfNetwork(t.network))
}

// portWith is the port of a network that has a fixed IP.
func (t *tracer) portWith(n *model.Network, a netip.Addr) (found *model.Port) {
	t.View.PortsOf(n.Number, func(number model.Number) {
		p := t.View.Port(number)
		if slices.ContainsFunc(p.FixedIPs, func(f model.FixedIP) bool { return f.IPAddress == a }) {
			found = p
		}
	})
	return found
}

// target is the port that the packet should come to, as far as the model tells: asked for by the operator, or by its address in the sender's
// network, or in one behind the same routers, or by a floating IP. Nil: none is known.
func (t *tracer) target() *model.Port {
	if t.packet.Port != nil {
		return t.packet.Port
	}
	if p := t.portWith(t.network, t.packet.To); p != nil {
		return p
	}
	for _, number := range t.View.RoutersOn(t.network.Number) {
		for _, i := range t.View.InterfacesOf(number) {
			if n := t.View.NetworkByID(i.NetworkID); n != nil {
				if p := t.portWith(n, t.packet.To); p != nil {
					return p
				}
			}
		}
		for _, f := range t.View.FloatingIPsOf(number) {
			if f.Address == t.packet.To {
				return t.View.PortByID(f.PortID)
			}
		}
	}
	return nil
}

func (t *tracer) note(format string, args ...any) {
	t.way.Stages = append(t.way.Stages, Stage{Note: fmt.Sprintf(format, args...)})
}
