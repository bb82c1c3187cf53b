package icmp

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/apps/routing"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// Answer has a packet of a router's that came up answered, if it is one.
func Answer(in pipeline.PacketIn, answer func(*model.Router, Packet) pipeline.Reply) pipeline.Reply {
	r := in.Router()
	if r == nil || in.Node == nil {
		return pipeline.Reply{}
	}
	p, err := Parse(in.Data)
	if err != nil {
		return pipeline.Reply{Observed: "ignored: " + err.Error()}
	}
	return answer(r, p)
}

// Refuse is the answer to a packet that a router does not send on: see Tell.
func Refuse(in pipeline.PacketIn, r *model.Router, p Packet, what layers.ICMPv4TypeCode) pipeline.Reply {
	return pipeline.Reply{Packets: Tell(in, r, p, what, 0), Observed: fmt.Sprintf("%s: %s", &p, what)}
}

// Tell tells a packet's sender why a router does not send it on; mtu is for FragmentationNeeded (bytes). There is nothing to send
// about packets that errors must not be about (RFC 1812, 4.3.2.7), or if the sender cannot be reached.
func Tell(in pipeline.PacketIn, r *model.Router, p Packet, what layers.ICMPv4TypeCode, mtu int) []flow.PacketOut {
	gateway := routing.GatewayOf(in.View, r)
	if !p.mayReport() || isOwn(in, r, gateway, p.Src) || isBroadcast(in, r, gateway, p.Src) || isBroadcast(in, r, gateway, p.Dst) {
		return nil
	}
	p = asSent(in, r, p)
	back, ok := routing.RouteTo(in.View, r, p.Src)
	if !ok {
		return nil
	}
	if back.Via != nil {
		frame, err := p.report(back.Via.Port.MAC, back.Via.Address, ttl+1, what, mtu)
		return out(frame, err, IntoRouter(r))
	}
	from := gateway.Toward(p.Src)
	mac, _, here := routing.Sender(in.View, r, gateway, in.Node.Number, p.Src)
	if !here { // the gateway node sends it
		frame, err := p.report(gateway.Port.MAC, from, ttl+1, what, mtu)
		return out(frame, err, IntoRouter(r))
	}
	hop := back.NextHop
	if !hop.IsValid() {
		hop = p.Src
	}
	frame, err := p.report(mac, from, ttl, what, mtu)
	return out(frame, err, toOutside(r, gateway, hop))
}

func out(frame []byte, err error, actions []flow.Action) []flow.PacketOut {
	if err != nil {
		return nil
	}
	return []flow.PacketOut{{InPort: flow.PortController, Actions: actions, Data: frame}}
}

// IntoRouter are the actions that hand a packet to a router, as if it had come from one of its networks.
func IntoRouter(r *model.Router) []flow.Action {
	return []flow.Action{pipeline.EnterRouter(r.Key), flow.Resubmit{Table: pipeline.Route.ID}}
}

// toOutside are the actions that put a packet of a router's on the external network, on its way to a next hop. It may be for somebody
// who is served here.
func toOutside(r *model.Router, g *routing.Gateway, hop netip.Addr) []flow.Action {
	return []flow.Action{pipeline.SendOn(g.Network.Key), pipeline.EnterRouter(r.Key),
		flow.SetField{Field: pipeline.NextHop, Value: pipeline.IPv4(hop), Mask: pipeline.NextHop.AllOnes()},
		flow.Resubmit{Table: pipeline.External.ID}}
}

// isOwn tells whether a packet comes from the router itself. With source NAT it may be anybody's who has the router's address outside.
func isOwn(in pipeline.PacketIn, r *model.Router, g *routing.Gateway, src netip.Addr) bool {
	if g != nil && slices.Contains(g.Addresses, src) {
		return !g.EnableSNAT || g.Node != in.Node.Number
	}
	return slices.ContainsFunc(routing.Interfaces(in.View, r), func(i routing.Interface) bool { return i.Address == src })
}

func isBroadcast(in pipeline.PacketIn, r *model.Router, g *routing.Gateway, a netip.Addr) bool {
	if g != nil && slices.ContainsFunc(g.Subnets, func(s *model.Subnet) bool { return routing.IsBroadcast(s.CIDR, a) }) {
		return true
	}
	return slices.ContainsFunc(routing.Interfaces(in.View, r), func(i routing.Interface) bool { return routing.IsBroadcast(i.Subnet.CIDR, a) })
}

// asSent undoes what floating IPs have done to a packet: its sender knows it by the addresses that it had when it was sent.
func asSent(in pipeline.PacketIn, r *model.Router, p Packet) Packet {
	floating := slices.DeleteFunc(in.View.FloatingIPsOf(r.Number), func(f *model.FloatingIP) bool { return routing.ServiceOf(in.View, f) == nil })
	if route, ok := routing.RouteTo(in.View, r, p.Src); ok && route.Via == nil { // who is inside sends to fixed IPs
		for _, f := range floating {
			if f.FixedIP == p.Dst {
				p = p.translated(destination, f.Address)
			}
		}
	}
	for _, f := range floating {
		if f.Address == p.Src {
			p = p.translated(source, f.FixedIP)
		}
	}
	return p
}
