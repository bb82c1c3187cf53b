package trace

import (
	"fmt"
	"slices"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// run is the way of one frame and all its copies.
type run struct {
	*tracer
	todo    []hop
	done    []passed
	arrived []Place
	ends    []end
	told    []told // but for questions
	asked   []told // questions that nobody in the cloud has answered
	problem string // why a node on the way could not be asked; empty: all could
}

// hop is a frame that comes to a switch.
type hop struct {
	node *model.Node
	in   flow.Input
	out  *flow.PacketOut // instead of in: the controller sends it
	note string          // how it got here
	nth  int             // how many switches it has been through
	// aside: by a wire, which all nodes on it hear. That one does not take it is nothing to tell.
	aside bool
	// ask: it is a question of the controller's about a neighbour, of which only the answer counts.
	ask bool
}

// passed is what a frame has met at a hop.
type passed struct {
	stages []Stage
	idle   bool // it was not for this node
}

// end is where a copy has ended without leaving the switch.
type end struct {
	hop  hop
	look look
}

// look is a lookup, and the packet as it was then.
type look struct {
	flow.Step
	values [fields]uint64
}

const fields = flow.ARPTHA + 1

func (l *look) get(f flow.Field) uint64 { return l.values[f] }

// Limits of a trace. The longest way that is right is from node to gateway node to node, by wires and tunnels, and back.
const (
	maxNth  = 16
	maxHops = 10000
)

// follow follows a frame until it is nowhere any more.
func (t *tracer) follow(first hop) *run {
	r := &run{tracer: t, todo: []hop{first}}
	for n := 0; len(r.todo) > 0 && n < maxHops; n++ {
		h := r.todo[0]
		r.todo = r.todo[1:]
		r.through(h)
	}
	return r
}

// through has a switch execute a frame.
func (r *run) through(h hop) {
	log := passed{}
	defer func() { r.done = append(r.done, log) }()
	say := func(format string, args ...any) {
		log.stages = append(log.stages, Stage{Node: h.node, Note: fmt.Sprintf(format, args...)})
	}
	coming := Stage{Node: h.node, Note: h.note}
	if h.out == nil {
		coming.Packet = inputText(h.in)
	}
	log.stages = append(log.stages, coming)
	if h.nth > maxNth {
		say("it goes round in circles")
		return
	}
	s, err := r.switchOf(h.node)
	if err != nil {
		say("%s cannot be asked: %v", h.node.Hostname, err)
		if !h.aside && !h.ask {
			r.problem = fmt.Sprintf("unknown: %s cannot be asked: %v", h.node.Hostname, err)
		}
		return
	}
	r.looks = r.looks[:0]
	var result flow.Result
	if h.out != nil {
		result, err = s.Send(*h.out)
	} else {
		result, err = s.Execute(h.in)
	}
	for _, l := range r.looks {
		log.stages = append(log.stages, Stage{Node: h.node, Table: l.Table, Depth: l.Depth, Entry: l.Entry})
	}
	if err != nil {
		say("the switch gives up: %v", err)
	}
	if len(result.Emissions) == 0 && len(r.looks) > 0 {
		e := end{h, r.looks[len(r.looks)-1]}
		r.end(e)
		log.idle = h.aside && slices.Contains(notForMe, e.look.Table)
	}
	for _, e := range result.Emissions {
		r.emitted(h, e, say)
	}
}

func (r *run) end(e end) {
	if !e.hop.ask {
		r.ends = append(r.ends, e)
	}
}

func (r *run) arrive(h hop, p Place) {
	if !h.ask {
		r.arrived = append(r.arrived, p)
	}
}

// notForMe are the tables in which what a wire brings ends at a node that it is not for.
var notForMe = []uint8{pipeline.Classify.ID, pipeline.FromWire.ID, pipeline.External.ID, pipeline.Deliver.ID, pipeline.Output.ID}

// switchOf is a node's switch in memory.
func (t *tracer) switchOf(n *model.Node) (*flow.Switch, error) {
	if s, known := t.switches[n.Number]; known {
		return s, nil
	}
	tables, err := t.Tables(n)
	if err != nil {
		return nil, err
	}
	s := flow.NewSwitch(flow.SwitchConfig{Looked: func(step flow.Step, value func(flow.Field) uint64) {
		l := look{Step: step}
		for f := flow.InPort; f < fields; f++ {
			l.values[f] = value(f)
		}
		t.looks = append(t.looks, l)
	}})
	// What it refuses is somebody else's, which the switch in memory does not have: such an entry counts as none.
	s.Apply(changes(tables))
	t.switches[n.Number], t.tables[n.Number] = s, tables
	return s, nil
}

// changes are the messages that install tables on an empty switch. Groups may name others that come later, as on Open vSwitch.
func changes(t *flow.Tables) []flow.Change {
	list := make([]flow.Change, 0, len(t.Meters)+len(t.Groups)+len(t.Flows))
	for i := range t.Meters {
		list = append(list, flow.Change{Op: flow.OpAdd, Meter: &t.Meters[i]})
	}
	for i := range t.Groups {
		list = append(list, flow.Change{Op: flow.OpAdd, Group: &t.Groups[i]})
	}
	for _, f := range t.Flows {
		list = append(list, flow.Change{Op: flow.OpAdd, Flow: f})
	}
	return list
}

// emitted sees where a copy goes that leaves the switch.
func (r *run) emitted(h hop, e flow.Emission, say func(string, ...any)) {
	if e.Port == flow.PortController {
		r.up(h, e, say)
		return
	}
	if h.node.Switch != nil {
		r.switchOut(h, e, say)
		return
	}
	place := Place{Node: h.node, Ofport: e.Port, Frame: e.Frame}
	if e.Port == h.node.TunnelPort && e.Port != 0 {
		r.tunnel(h, e, say)
		return
	}
	for _, m := range h.node.Mappings {
		if m.PatchPort == e.Port {
			place.Mapping = m
			r.wire(h, place, say)
			return
		}
	}
	for _, i := range h.node.Interfaces {
		if i.Ofport == e.Port {
			place.Port = r.View.PortByID(i.PortID)
		}
	}
	say("out by %s", place.String())
	r.arrive(h, place)
}

// tunnel carries a frame to the node that has the address that it is sent to.
func (r *run) tunnel(h hop, e flow.Emission, say func(string, ...any)) {
	var peer *model.Node
	r.View.Nodes(func(n *model.Node) {
		if n.EncapIP.Is4() && pipeline.IPv4(n.EncapIP) == uint64(e.Tunnel.Dst) && n != h.node {
			peer = n
		}
	})
	key := model.NetworkKey(e.Tunnel.ID)
	carries := fmt.Sprintf("key %d, %s", key, r.keyed(key))
	switch n := r.networkWith(key); {
	case peer == nil:
		say("into the tunnel to %s, which is no other node, %s", addr(uint64(e.Tunnel.Dst)), carries)
		r.end(end{h, look{Step: flow.Step{Table: tunnelEnd}, values: [fields]uint64{flow.TunnelDst: uint64(e.Tunnel.Dst)}}})
	case n != nil && tooBig(e.Frame, n):
		r.tooBig(h, e.Frame, n, say)
	default:
		var src uint64
		if h.node.EncapIP.Is4() {
			src = pipeline.IPv4(h.node.EncapIP)
		}
		r.todo = append(r.todo, hop{node: peer, nth: h.nth + 1, ask: h.ask, note: fmt.Sprintf("through the tunnel from %s to %s, %s", h.node.Hostname, peer.Hostname, carries),
			in: flow.Input{Frame: e.Frame, InPort: peer.TunnelPort, Tunnel: flow.Tunnel{ID: e.Tunnel.ID, Src: uint32(src), Dst: e.Tunnel.Dst}}})
	}
}

// Ends that are no tables.
const (
	tunnelEnd = 0xfe // a tunnel that leads nowhere
	linkEnd   = 0xfd // a link that is down
	mtuEnd    = 0xff // an underlay that the packet does not fit
)

// tooBig tells whether an Ethernet frame holds more than a network takes.
func tooBig(frame []byte, n *model.Network) bool {
	size := len(frame) - 14
	if pipeline.VLANOf(frame) != 0 {
		size -= 4
	}
	return n.MTU > 0 && size > n.MTU
}

func (r *run) tooBig(h hop, frame []byte, n *model.Network, say func(string, ...any)) {
	say("too large for network %s, whose MTU is %d: lost between the nodes", nameOfNetwork(n), n.MTU)
	r.end(end{h, look{Step: flow.Step{Table: mtuEnd}, values: [fields]uint64{flow.Metadata: uint64(n.Key)}}})
}

// wire carries a frame to the world outside, and to the other nodes on which a network of that wire comes in.
func (r *run) wire(h hop, p Place, say func(string, ...any)) {
	n := r.networkOn(p.Mapping.PhysicalNetwork, pipeline.VLANOf(p.Frame))
	say("out by %s", p.String())
	if n != nil && tooBig(p.Frame, n) {
		r.tooBig(h, p.Frame, n, say)
		return
	}
	if n != nil && r.intoFabric(h, p, n) {
		return
	}
	r.arrive(h, p)
	if n == nil {
		return
	}
	for _, number := range r.hears(n, p.Frame) {
		other := r.View.Node(number)
		if m, ok := other.Mapping(p.Mapping.PhysicalNetwork); ok && m.PatchPort != 0 && other != h.node {
			r.todo = append(r.todo, hop{node: other, nth: h.nth + 1, aside: true, ask: h.ask,
				note: fmt.Sprintf("over the wire of %s from %s to %s", p.Mapping.PhysicalNetwork, h.node.Hostname, other.Hostname),
				in:   flow.Input{Frame: p.Frame, InPort: m.PatchPort}})
		}
	}
}

// hears lists the nodes to which the switches of a wire bring a frame, as far as they matter: where the destination is, or the address that is
// asked for, if the model knows that; otherwise all on which the network comes in.
func (t *tracer) hears(n *model.Network, frame []byte) []model.Number {
	var list []model.Number
	known := false
	add := func(node model.Number) {
		if known = true; node != 0 && !slices.Contains(list, node) {
			list = append(list, node)
		}
	}
	mac, asked := model.MAC(frame[:6]), arpQuestion(frame)
	wanted := func(p *model.Port) bool {
		return p != nil && (p.MAC == mac || slices.ContainsFunc(p.FixedIPs, func(f model.FixedIP) bool { return f.IPAddress == asked }))
	}
	owners := t.View.OwnersOf(n.Number, mac)
	if p := t.portWith(n, asked); p != nil {
		owners = append(owners, p)
	}
	for _, p := range owners {
		if at, ok := t.View.Location(p.Number); ok {
			add(at.Node)
		}
	}
	if n.External {
		t.View.Routers(func(r *model.Router) {
			if r.Gateway == nil || r.Gateway.NetworkID != n.ID {
				return
			}
			if wanted(t.View.GatewayPort(r.Number)) {
				add(t.View.GatewayNode(r.Number))
			}
			for _, f := range t.View.FloatingIPsOf(r.Number) {
				if wanted(t.View.PortByID(f.FloatingPortID)) {
					add(t.View.ServesFloatingIP(f.Number))
				}
			}
			for _, neighbour := range t.View.NeighboursOf(r.Number) {
				known = known || neighbour.MAC == mac
			}
		})
	}
	if known {
		return list
	}
	return t.View.WiredOn(n.Number)
}

// told is what the controller makes of a packet that came up.
type told struct {
	rule  *pipeline.Rule
	in    pipeline.PacketIn
	look  look
	reply pipeline.Reply
}

// up has the app answer that asked for the packet, and follows what it sends.
func (r *run) up(h hop, e flow.Emission, say func(string, ...any)) {
	rule := pipeline.RuleByNumber(e.PacketIn.Cookie.Rule())
	if rule == nil || !e.PacketIn.Cookie.IsPlanck() {
		say("up to the controller by an entry that is not Planck's: nobody answers")
		return
	}
	in := pipeline.PacketIn{View: r.View, Node: h.node, Now: r.Now, PacketIn: *e.PacketIn,
		Ref: model.Ref{Kind: model.Kind(e.PacketIn.Cookie.Kind()), Number: model.Number(e.PacketIn.Cookie.Number())}}
	if in.Ref.Kind == model.KindPort {
		in.Port = r.View.Port(in.Ref.Number)
	}
	t := told{rule: rule, in: in}
	for i := range r.looks { // the one that sent it up
		if l := r.looks[i]; l.Table == e.PacketIn.Table && l.Entry.Cookie() == e.PacketIn.Cookie {
			t.look = l
		}
	}
	for _, app := range r.Apps {
		if app.Name == rule.App && app.PacketIn != nil {
			t.reply = app.PacketIn(in)
		}
	}
	if t.reply.Observed != "" {
		say("up to the controller, app %s: %s", rule.App, t.reply.Observed)
	} else {
		say("up to the controller, app %s", rule.App)
	}
	switch q, s := t.reply.Question, t.reply.Sighting; {
	case q != nil:
		r.asked = append(r.asked, t)
		r.todo = append(r.todo, hop{node: h.node, out: &q.Ask, nth: h.nth + 1, ask: true, note: fmt.Sprintf("%s asks by ARP who has %s", h.node.Hostname, q.Address)})
		return
	case s != nil:
		r.sighted(h, s)
		return
	case h.ask:
		return
	}
	r.told = append(r.told, t)
	for _, out := range t.reply.Packets {
		r.todo = append(r.todo, hop{node: h.node, out: &out, nth: h.nth + 1, note: fmt.Sprintf("%s sends what the controller answers", h.node.Hostname)})
	}
}

// sighted releases the packets that have waited for a neighbour.
func (r *run) sighted(h hop, s *pipeline.Sighting) {
	r.asked = slices.DeleteFunc(r.asked, func(t told) bool {
		q := t.reply.Question
		if q.Router != s.Router || q.Address != s.Address {
			return false
		}
		out := q.Release(s.MAC)
		r.todo = append(r.todo, hop{node: t.in.Node, out: &out, nth: h.nth + 1, note: fmt.Sprintf("%s is at %s: %s sends the packet on", s.Address, s.MAC, t.in.Node.Hostname)})
		return true
	})
}

// stages lists what the frame has met; all: also at nodes that it was not for.
func (r *run) stages(all bool) []Stage {
	var list []Stage
	for _, p := range r.done {
		if all || !p.idle {
			list = append(list, p.stages...)
		}
	}
	return list
}
