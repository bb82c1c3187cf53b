package apps_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/apps"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
)

// outside gives a campus's router a gateway on ext, at n2, and its neighbours there.
func (s *campus) outside() (gateway *model.Port) {
	gateway = s.Gateway(s.router, s.ext, "203.0.113.10", s.n2)
	s.Neighbour(s.router, "203.0.113.50", s.host)
	s.Neighbour(s.router, "203.0.113.1", s.beyond)
	return gateway
}

func TestSourceNAT(t *testing.T) {
	s := vxlan()
	gw := s.outside()
	w := build(t, &s.Cloud)
	for _, x := range []struct{ from, by *model.Port }{{s.a, s.if1}, {s.c, s.if2}, {s.e, s.if1}} { // by tunnel, and on the gateway node
		ip := x.from.FixedIPs[0].IPAddress.String()
		for dst, hop := range map[string]model.MAC{"203.0.113.50": s.host, "8.8.8.8": s.beyond} {
			for _, frame := range [][]byte{ipv4(x.from.MAC, x.by.MAC, ip, dst), ping(x.from.MAC, x.by.MAC, ip, dst)} {
				s := build(t, &s.Cloud) // with no connection yet, so that ports stay the same
				s.send(x.from, frame, onWire(routed(frame, gw.MAC, hop, 1, from("203.0.113.10")), outer))
				reply := udp(hop, gw.MAC, dst, "203.0.113.10", 2000, 1000)
				if frame[23] == 1 {
					reply = icmp(hop, gw.MAC, dst, "203.0.113.10", layers.ICMPv4TypeEchoReply)
				}
				s.sendByWire(outer, reply, at(routed(reply, x.by.MAC, x.from.MAC, 1, to(ip)), x.from))
			}
		}
	}
	// Nothing gets in unasked.
	for _, dst := range []string{"10.1.0.11", "10.2.0.13", "8.8.8.8"} {
		w.sendByWire(outer, ipv4(s.host, gw.MAC, "203.0.113.50", dst))
	}
	unasked := ipv4(s.host, gw.MAC, "203.0.113.50", "203.0.113.10")
	w.sendByWire(outer, unasked, upBy(unasked, "to the router itself"))
	// Whom nobody has asked for yet.
	frame := ipv4(s.c.MAC, s.if2.MAC, "10.2.0.13", "203.0.113.77")
	w.send(s.c, frame, upBy(routed(frame, gw.MAC, s.if2.MAC, 1, from("203.0.113.10")), "unknown neighbour outside"))
	// What conntrack cannot translate does not leave with its fixed address.
	stray := serialize(ethernet(s.c.MAC, s.if2.MAC, layers.EthernetTypeIPv4),
		&layers.IPv4{Version: 4, TTL: 64, Protocol: 6, SrcIP: addr("10.2.0.13").AsSlice(), DstIP: addr("8.8.8.8").AsSlice()}, payload(3))
	w.send(s.c, stray)
}

func TestGatewayAddressAnswers(t *testing.T) {
	s := vxlan()
	gw := s.outside()
	w := build(t, &s.Cloud)
	ask := who(s.host, "203.0.113.50", "203.0.113.10")
	w.sendByWire(outer, ask, onWire(arp(reply, gw.MAC, s.host, "203.0.113.10", s.host, "203.0.113.50"), outer))
	echo := ping(s.host, gw.MAC, "203.0.113.50", "203.0.113.10")
	w.sendByWire(outer, echo, onWire(icmp(gw.MAC, s.host, "203.0.113.10", "203.0.113.50", layers.ICMPv4TypeEchoReply), outer))
	for _, x := range []struct{ from, by *model.Port }{{s.a, s.if1}, {s.c, s.if2}} {
		ip := x.from.FixedIPs[0].IPAddress.String()
		w.send(x.from, ping(x.from.MAC, x.by.MAC, ip, "203.0.113.10"),
			at(icmp(x.by.MAC, x.from.MAC, "203.0.113.10", ip, layers.ICMPv4TypeEchoReply), x.from))
		frame := ipv4(x.from.MAC, x.by.MAC, ip, "203.0.113.10")
		w.send(x.from, frame, upBy(frame, "to the router itself"))
	}
	sighting := arp(reply, s.host, gw.MAC, "203.0.113.50", gw.MAC, "203.0.113.10")
	w.sendByWire(outer, sighting, upBy(sighting, "answer from outside"))
}

func TestWithoutGateway(t *testing.T) {
	s := vxlan()
	w := build(t, &s.Cloud)
	frame := ipv4(s.a.MAC, s.if1.MAC, "10.1.0.11", "8.8.8.8")
	w.send(s.a, frame, upBy(frame, "no route"))
	s = vxlan()
	s.Gateway(s.router, s.ext, "203.0.113.10", nil) // and no node for it
	w = build(t, &s.Cloud)
	w.send(s.a, frame)
}

func TestWithoutSourceNAT(t *testing.T) {
	s := vxlan()
	gw := s.outside()
	s.router.Gateway.EnableSNAT = false
	w := build(t, &s.Cloud)
	frame := ipv4(s.a.MAC, s.if1.MAC, "10.1.0.11", "8.8.8.8")
	w.send(s.a, frame, onWire(routed(frame, gw.MAC, s.beyond, 1), outer))
	in := ipv4(s.beyond, gw.MAC, "8.8.8.8", "10.1.0.11")
	w.sendByWire(outer, in, at(routed(in, s.if1.MAC, s.a.MAC, 1), s.a))
}

// TestFloatingIP is in and out on a node with the bridge (n1), on the gateway node (n2), and on one without it (n3).
func TestFloatingIP(t *testing.T) {
	for _, vm := range []string{"a", "c", "e"} {
		t.Run(vm, func(t *testing.T) {
			s := vxlan()
			s.outside()
			p, by := map[string]*model.Port{"a": s.a, "c": s.c, "e": s.e}[vm], s.if1
			if vm == "c" {
				by = s.if2
			}
			f := s.FloatingIP(s.ext, "203.0.113.20", p, s.router)
			w := build(t, &s.Cloud)
			own := w.view.PortByID(f.FloatingPortID).MAC
			ip := f.FixedIP.String()

			out := ipv4(p.MAC, by.MAC, ip, "8.8.8.8")
			w.send(p, out, onWire(routed(out, own, s.beyond, 1, from("203.0.113.20")), outer))
			in := ipv4(s.beyond, own, "8.8.8.8", "203.0.113.20")
			w.sendByWire(outer, in, at(routed(in, by.MAC, p.MAC, 1, to(ip)), p))
			w.sendByWire(outer, who(s.host, "203.0.113.50", "203.0.113.20"),
				onWire(arp(reply, own, s.host, "203.0.113.20", s.host, "203.0.113.50"), outer))
			last := withTTL(in, 1)
			w.sendByWire(outer, last, upBy(last, "TTL expired before a floating IP"))
			failure := icmp(s.beyond, own, "8.8.8.8", "203.0.113.20", layers.ICMPv4TypeDestinationUnreachable)
			w.sendByWire(outer, failure, upBy(failure, "ICMP error to a floating IP"))
			// To itself.
			self := ipv4(p.MAC, by.MAC, ip, "203.0.113.20")
			w.send(p, self, at(routed(self, by.MAC, p.MAC, 2, from("203.0.113.20"), to(ip)), p))

			f.PortID, f.RouterID = "", "" // disassociated: cut in both directions
			w = build(t, &s.Cloud)
			w.sendByWire(outer, in)
			w.sendByWire(outer, who(s.host, "203.0.113.50", "203.0.113.20"))
		})
	}
}

// TestHairpins is from a floating IP to another and from behind source NAT to one, on one router and on two.
func TestHairpins(t *testing.T) {
	s := vxlan()
	gw := s.outside()
	fa, fb, fc := s.FloatingIP(s.ext, "203.0.113.21", s.a, s.router), s.FloatingIP(s.ext, "203.0.113.22", s.b, s.router), s.FloatingIP(s.ext, "203.0.113.23", s.c, s.router)
	other := s.Network("other")
	s.Subnet(other, "10.1.0.0/24") // as net1
	r := s.Router("r2")
	ifo := s.Interface(r, other, "10.1.0.1")
	s.Gateway(r, s.ext, "203.0.113.11", s.n1)
	x := s.VM(other, s.n1, "x", "10.1.0.11")
	fx := s.FloatingIP(s.ext, "203.0.113.24", x, r)
	v := s.View()
	at1 := func(f *model.FloatingIP) model.MAC { return v.PortByID(f.FloatingPortID).MAC }
	for _, from := range []*model.Router{s.router, r} { // as learned on the wire
		for _, f := range []*model.FloatingIP{fa, fb, fc, fx} {
			s.Neighbour(from, f.Address.String(), at1(f))
		}
		s.Neighbour(from, "203.0.113.10", gw.MAC)
	}
	w := build(t, &s.Cloud)

	frame := ipv4(s.a.MAC, s.if1.MAC, "10.1.0.11", "203.0.113.22") // same node, same router
	w.send(s.a, frame, at(routed(frame, s.if2.MAC, s.b.MAC, 2, from("203.0.113.21"), to("10.2.0.12")), s.b))
	frame = ipv4(s.a.MAC, s.if1.MAC, "10.1.0.11", "203.0.113.24") // same node, other router and tenant
	w.send(s.a, frame, at(routed(frame, ifo.MAC, x.MAC, 2, from("203.0.113.21"), to("10.1.0.11")), x))
	frame = ipv4(s.a.MAC, s.if1.MAC, "10.1.0.11", "203.0.113.23") // other node
	w.send(s.a, frame, onWire(routed(frame, at1(fa), at1(fc), 1, from("203.0.113.21")), outer),
		at(routed(frame, s.if2.MAC, s.c.MAC, 2, from("203.0.113.21"), to("10.2.0.13")), s.c))
	frame = ipv4(x.MAC, ifo.MAC, "10.1.0.11", "203.0.113.23") // other node, other router
	w.send(x, frame, onWire(routed(frame, at1(fx), at1(fc), 1, from("203.0.113.24")), outer),
		at(routed(frame, s.if2.MAC, s.c.MAC, 2, from("203.0.113.24"), to("10.2.0.13")), s.c))
	// e has no floating IP: by way of the gateway node, and back.
	frame = ipv4(s.e.MAC, s.if1.MAC, "10.1.0.14", "203.0.113.23")
	w.send(s.e, frame, at(routed(frame, s.if2.MAC, s.c.MAC, 2, from("203.0.113.10"), to("10.2.0.13")), s.c))
	back := udp(s.c.MAC, s.if2.MAC, "10.2.0.13", "203.0.113.10", 2000, 1000)
	w.send(s.c, back, at(routed(back, s.if1.MAC, s.e.MAC, 2, from("203.0.113.23"), to("10.1.0.14")), s.e))
	frame = ipv4(s.e.MAC, s.if1.MAC, "10.1.0.14", "203.0.113.21")
	w.send(s.e, frame, onWire(routed(frame, gw.MAC, at1(fa), 1, from("203.0.113.10")), outer),
		at(routed(frame, s.if1.MAC, s.a.MAC, 2, from("203.0.113.10"), to("10.1.0.11")), s.a))
	back = udp(s.a.MAC, s.if1.MAC, "10.1.0.11", "203.0.113.10", 2000, 1000)
	w.send(s.a, back, onWire(routed(back, at1(fa), gw.MAC, 1, from("203.0.113.21")), outer),
		at(routed(back, s.if1.MAC, s.e.MAC, 2, from("203.0.113.21"), to("10.1.0.14")), s.e))
}

// TestAnnouncements: whoever comes to serve an address outside says so on the wire, once; ports hear of their routers' addresses.
func TestAnnouncements(t *testing.T) {
	s := vxlan()
	gw := s.outside()
	f := s.FloatingIP(s.ext, "203.0.113.20", s.a, s.router)
	w := build(t, &s.Cloud)
	own := w.view.PortByID(f.FloatingPortID).MAC
	got := map[string][]string{}
	w.view.Nodes(func(n *model.Node) {
		for _, u := range w.view.Units(n.Number) {
			for _, e := range pipeline.Render(apps.All(), w.view, n.Number, u).Effects {
				for _, p := range e.Packets {
					got[n.Hostname] = append(got[n.Hostname], describe(p.Data))
				}
			}
		}
	})
	one, two := describe(who(s.if1.MAC, "10.1.0.1", "10.1.0.1")), describe(who(s.if2.MAC, "10.2.0.1", "10.2.0.1"))
	want := map[string][]string{
		"n1": {one, two, describe(who(own, "203.0.113.20", "203.0.113.20"))},
		"n2": {two, describe(who(gw.MAC, "203.0.113.10", "203.0.113.10"))},
		"n3": {one},
	}
	for _, list := range got {
		slices.Sort(list)
	}
	if !maps.EqualFunc(got, want, func(a, b []string) bool { slices.Sort(b); return slices.Equal(a, b) }) {
		t.Errorf("announced %v, not %v", got, want)
	}
}
