package trace

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// switchOut sees where a copy goes that leaves a physical switch: over a link to another one, to a node's mapped bridge, to the world outside, or
// to a host.
func (r *run) switchOut(h hop, e flow.Emission, say func(string, ...any)) {
	name := h.node.Hostname
	end := model.LinkEnd{Node: h.node.Number, Port: e.Port}
	fabric := r.View.Fabric(h.node.Switch.PhysicalNetwork)
	var next *model.LinkEnd
	for _, l := range fabric.Links {
		switch end {
		case l.A:
			next = &l.B
		case l.B:
			next = &l.A
		default:
			continue
		}
		if !l.Up {
			say("out by port %d of %s, whose link is down: lost", e.Port, name)
			r.end(end0(h))
			return
		}
	}
	if next != nil {
		peer := r.View.Node(next.Node)
		r.todo = append(r.todo, hop{node: peer, nth: h.nth + 1, ask: h.ask, note: fmt.Sprintf("over the link from %s port %d to %s port %d", name, e.Port, peer.Hostname, next.Port),
			in: flow.Input{Frame: e.Frame, InPort: next.Port}})
		return
	}
	if node, m := r.behind(fabric, end); node != nil {
		r.todo = append(r.todo, hop{node: node, nth: h.nth + 1, aside: true, ask: h.ask, note: fmt.Sprintf("by the uplink at port %d of %s to %s", e.Port, name, node.Hostname),
			in: flow.Input{Frame: e.Frame, InPort: m.PatchPort}})
		return
	}
	place := Place{Node: h.node, Ofport: e.Port, Frame: e.Frame}
	if slices.Contains(fabric.Outside(), topology.Uplink{Switch: end.Node, Port: end.Port}) {
		place.Mapping = model.Mapping{PhysicalNetwork: fabric.PhysicalNetwork, Bridge: fmt.Sprintf("port %d of %s", e.Port, name)}
	} else {
		tag := pipeline.VLANOf(e.Frame)
		place.Port, place.Frame = r.hostAt(end, tag), pipeline.WithoutTag(e.Frame)
	}
	say("out by %s", place.String())
	r.arrive(h, place)
}

// end0 is the end of a copy after its last lookup.
func end0(h hop) end { return end{h, look{Step: flow.Step{Table: linkEnd}}} }

// behind finds the node whose mapped bridge hangs on a port.
func (r *run) behind(f *topology.Fabric, end model.LinkEnd) (node *model.Node, m model.Mapping) {
	r.View.Nodes(func(n *model.Node) {
		if u, ok := f.UplinkOf(n.Number); ok && u.Switch == end.Node && u.Port == end.Port {
			if mapping, ok := n.Mapping(f.PhysicalNetwork); ok && mapping.PatchPort != 0 {
				node, m = n, mapping
			}
		}
	})
	return node, m
}

// hostAt is the port whose host hangs on a switch's port with a tag.
func (r *run) hostAt(end model.LinkEnd, tag uint32) (found *model.Port) {
	r.View.Networks(func(n *model.Network) {
		r.View.AttachedOn(n.Number, end.Node, func(a topology.Attachment) {
			if a.Ofport == end.Port && a.Tag == tag {
				found = r.View.Port(a.Port)
			}
		})
	})
	return found
}

// intoFabric brings what a node sends to its mapped bridge to the switch that this hangs on; false: it hangs on none.
func (r *run) intoFabric(h hop, p Place, n *model.Network) bool {
	f := r.View.FabricOf(n)
	if f == nil {
		return false
	}
	u, ok := f.UplinkOf(h.node.Number)
	if !ok {
		return false
	}
	s := r.View.Node(u.Switch)
	r.todo = append(r.todo, hop{node: s, nth: h.nth + 1, ask: h.ask, note: fmt.Sprintf("by the uplink from %s to port %d of %s", h.node.Hostname, u.Port, s.Hostname),
		in: flow.Input{Frame: p.Frame, InPort: u.Port}})
	return true
}

// enters is the hop of a frame that a port sends, with the tag that it has to have there.
func (t *tracer) enters(n *model.Node, p *model.Port, ofport uint32, frame []byte) hop {
	if at, ok := t.View.AttachmentOn(p.Number, n.Number); ok {
		frame = pipeline.WithTag(frame, at.Tag)
	}
	return hop{node: n, in: flow.Input{Frame: frame, InPort: ofport}, note: fmt.Sprintf("in by %s", nameOf(p))}
}

// whySwitch says why a copy has ended on a physical switch.
func (r *run) whySwitch(e *end) string {
	switch e.look.Table {
	case pipeline.SwitchPort.ID:
		return "the port has no binding, or the tag has no business there"
	case pipeline.SwitchGuard.ID:
		return fmt.Sprintf("%s is not a source that the port may send from", addr(e.look.get(flow.IPv4Src)))
	case pipeline.SwitchForward.ID:
		return fmt.Sprintf("there is no way to %s", mac(e.look.get(flow.EthDst)))
	case pipeline.SwitchFlood.ID:
		return fmt.Sprintf("no port of the network has %s, and none takes unknown destinations", mac(e.look.get(flow.EthDst)))
	}
	return "an entry drops it"
}

// towardGateway has a host's reply go to its gateway, if the packet came from another subnet: by the wire that has the MAC address of the
// node that has routed it, and hosts do not answer to that but to the one that they know by ARP.
func (t *tracer) towardGateway(host *model.Port, frame []byte) {
	n, ip := t.View.NetworkByID(host.NetworkID), ipv4Of(frame)
	if n == nil || ip == nil {
		return
	}
	to, _ := netip.AddrFromSlice(ip.DstIP.To4())
	subnets := t.View.SubnetsOf(n.Number)
	if slices.ContainsFunc(subnets, func(s *model.Subnet) bool { return s.CIDR.Contains(to) }) {
		return
	}
	for _, s := range subnets {
		if p := t.View.RoutersAddress(n.Number, s.GatewayIP); p != nil && slices.ContainsFunc(host.FixedIPs, func(f model.FixedIP) bool { return f.SubnetID == s.ID }) {
			copy(frame, p.MAC[:])
		}
	}
}
