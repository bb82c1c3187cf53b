package apps_test

import (
	"fmt"
	"testing"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/apps/l2"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// campus is two networks and a router between them: a and b on n1, c on n2, where b and c are in the second network; e on n3, which has no
// mapped bridge, in the first.
type campus struct {
	example.Cloud
	n1, n2, n3   *model.Node
	net1, net2   *model.Network
	router       *model.Router
	if1, if2     *model.Port // 10.1.0.1, 10.2.0.1
	a, b, c, e   *model.Port // 10.1.0.11, 10.2.0.12, 10.2.0.13, 10.1.0.14
	ext          *model.Network
	host, beyond model.MAC // outside: 203.0.113.50, and the way to the rest of the world
}

const outer = "outer" // the physical network of ext

func newCampus(second func(c *example.Cloud) *model.Network) *campus {
	s := &campus{host: model.MAC{2, 0, 0, 0, 0, 0x50}, beyond: model.MAC{2, 0, 0, 0, 0, 1}}
	s.n1, s.n2, s.n3 = s.Node("n1", physnet, outer), s.Node("n2", physnet, outer), s.Node("n3")
	s.net1, s.net2 = s.Network("net1"), second(&s.Cloud)
	s.ext = s.External("ext", outer, "203.0.113.0/24")
	s.Subnet(s.net1, "10.1.0.0/24")
	s.Subnet(s.net2, "10.2.0.0/24")
	s.router = s.Router("r")
	s.if1, s.if2 = s.Interface(s.router, s.net1, "10.1.0.1"), s.Interface(s.router, s.net2, "10.2.0.1")
	s.a = s.VM(s.net1, s.n1, "a", "10.1.0.11")
	s.b, s.c = s.VM(s.net2, s.n1, "b", "10.2.0.12"), s.VM(s.net2, s.n2, "c", "10.2.0.13")
	s.e = s.VM(s.net1, s.n3, "e", "10.1.0.14")
	return s
}

// secondKinds are the kinds of networks that the second one may be.
var secondKinds = map[string]func(c *example.Cloud) *model.Network{
	"vxlan": func(c *example.Cloud) *model.Network { return c.Network("net2") },
	"vlan":  func(c *example.Cloud) *model.Network { return c.VLAN("net2", physnet, 102) },
	"flat":  func(c *example.Cloud) *model.Network { return c.Flat("net2", physnet) },
}

func vxlan() *campus { return newCampus(secondKinds["vxlan"]) }

// nodeMAC is what a node's routed frames have on a wire.
func nodeMAC(n *model.Node, r *model.Router) model.MAC {
	return model.MAC{0x0e, byte(n.Number >> 8), byte(n.Number), byte(r.Key >> 16), byte(r.Key >> 8), byte(r.Key)}
}

// crossing is what a routed frame looks like on the wire of net2, if it has one.
func (s *campus) crossing(by *model.Node, frame []byte) []arrival {
	if s.net2.NetworkType == model.NetworkVXLAN {
		return nil
	}
	mac := nodeMAC(by, s.router)
	frame = append(append(frame[:6:6], mac[:]...), frame[12:]...)
	if s.net2.NetworkType == model.NetworkVLAN {
		frame = tagged(uint16(s.net2.SegmentationID), frame)
	}
	return onWire(frame, physnet)
}

func TestRouting(t *testing.T) {
	for kind, second := range secondKinds {
		t.Run(kind, func(t *testing.T) {
			s := newCampus(second)
			w := build(t, &s.Cloud)
			frame := ipv4(s.a.MAC, s.if1.MAC, "10.1.0.11", "10.2.0.12")
			w.send(s.a, frame, at(routed(frame, s.if2.MAC, s.b.MAC, 1), s.b))
			frame = ipv4(s.a.MAC, s.if1.MAC, "10.1.0.11", "10.2.0.13")
			there := routed(frame, s.if2.MAC, s.c.MAC, 1)
			w.send(s.a, frame, at(there, s.c), s.crossing(s.n1, there))
			frame = ipv4(s.c.MAC, s.if2.MAC, "10.2.0.13", "10.1.0.11")
			w.send(s.c, frame, at(routed(frame, s.if1.MAC, s.a.MAC, 1), s.a))
			// n3 has no port in net2, and nothing but tunnels.
			frame = ipv4(s.e.MAC, s.if1.MAC, "10.1.0.14", "10.2.0.13")
			w.send(s.e, frame, at(routed(frame, s.if2.MAC, s.c.MAC, 1), s.c))
			frame = ipv4(s.c.MAC, s.if2.MAC, "10.2.0.13", "10.1.0.14")
			w.send(s.c, frame, at(routed(frame, s.if1.MAC, s.e.MAC, 1), s.e))
		})
	}
}

func TestWhatARouterDoesNotRoute(t *testing.T) {
	s := vxlan()
	w := build(t, &s.Cloud)
	for _, dst := range []string{"224.0.0.1", "255.255.255.255", "127.0.0.1", "169.254.169.254", "0.0.0.0"} {
		w.send(s.a, ipv4(s.a.MAC, s.if1.MAC, "10.1.0.11", dst))
	}
	w.send(s.a, arp(reply, s.a.MAC, s.if1.MAC, "10.1.0.11", s.if1.MAC, "10.1.0.1"))
	w.send(s.a, rarp(s.a.MAC, s.a.MAC), at(rarp(s.a.MAC, s.a.MAC), s.e))
	for dst, rule := range map[string]string{
		"10.2.0.99": "nobody there", "192.168.0.1": "no route", "10.1.0.1": "to the router itself", "10.2.0.1": "to the router itself",
	} {
		frame := ipv4(s.a.MAC, s.if1.MAC, "10.1.0.11", dst)
		up := frame
		if rule == "nobody there" {
			up = routed(frame, s.if2.MAC, s.if1.MAC, 1)
		}
		w.send(s.a, frame, upBy(up, rule))
	}
	for ttl := range uint8(2) {
		frame := withTTL(ipv4(s.a.MAC, s.if1.MAC, "10.1.0.11", "10.2.0.12"), ttl)
		w.send(s.a, frame, upBy(frame, "TTL expired"))
	}
	last := withTTL(ipv4(s.a.MAC, s.if1.MAC, "10.1.0.11", "10.2.0.12"), 2)
	w.send(s.a, last, at(routed(last, s.if2.MAC, s.b.MAC, 1), s.b))
}

func TestRouterThatIsDown(t *testing.T) {
	s := vxlan()
	s.router.AdminStateUp = false
	w := build(t, &s.Cloud)
	w.send(s.a, ipv4(s.a.MAC, s.if1.MAC, "10.1.0.11", "10.2.0.12"))
	w.send(s.a, who(s.a.MAC, "10.1.0.11", "10.1.0.1"))
}

func TestRouterAnswers(t *testing.T) {
	for kind, second := range secondKinds {
		t.Run(kind, func(t *testing.T) {
			s := newCampus(second)
			w := build(t, &s.Cloud)
			w.send(s.a, who(s.a.MAC, "10.1.0.11", "10.1.0.1"), at(arp(reply, s.if1.MAC, s.a.MAC, "10.1.0.1", s.a.MAC, "10.1.0.11"), s.a))
			w.send(s.b, who(s.b.MAC, "10.2.0.12", "10.2.0.1"), at(arp(reply, s.if2.MAC, s.b.MAC, "10.2.0.1", s.b.MAC, "10.2.0.12"), s.b))
			for _, own := range []string{"10.1.0.1", "10.2.0.1"} {
				for _, x := range []struct{ from, by *model.Port }{{s.a, s.if1}, {s.b, s.if2}, {s.c, s.if2}, {s.e, s.if1}} {
					ip := x.from.FixedIPs[0].IPAddress.String()
					for _, ttl := range []uint8{1, 64} { // traceroute's last hop
						answer := icmp(x.by.MAC, x.from.MAC, own, ip, layers.ICMPv4TypeEchoReply)
						w.send(x.from, withTTL(ping(x.from.MAC, x.by.MAC, ip, own), ttl), at(answer, x.from))
					}
				}
			}
		})
	}
}

// TestChains sends through rows of up to four routers: each has a network of its own with a VM, and one in common with the next.
func TestChains(t *testing.T) {
	const count = 4
	c := &example.Cloud{}
	nodes := []*model.Node{c.Node("n1"), c.Node("n2")}
	var routers [count]*model.Router
	var vms, gateways [count]*model.Port
	leaf := func(i int) string { return fmt.Sprintf("10.0.%d.", i) }
	between := func(i int) string { return fmt.Sprintf("10.1.%d.", i) } // i-1 and i
	for i := range count {
		n := c.Network(fmt.Sprint("leaf", i))
		c.BareSubnet(n, leaf(i)+"0/24")
		routers[i] = c.Router(fmt.Sprint("r", i))
		gateways[i] = c.Interface(routers[i], n, leaf(i)+"1")
		vms[i] = c.VM(n, nodes[i%2], fmt.Sprint("vm", i), leaf(i)+"9")
		if i == 0 {
			continue
		}
		n = c.Network(fmt.Sprint("between", i))
		c.BareSubnet(n, between(i)+"0/24")
		c.Interface(routers[i-1], n, between(i)+"1")
		c.Interface(routers[i], n, between(i)+"2")
		for j := range count {
			if j < i {
				c.Route(routers[i], leaf(j)+"0/24", between(i)+"1")
			} else {
				c.Route(routers[i-1], leaf(j)+"0/24", between(i)+"2")
			}
		}
	}
	w := build(t, c)
	for i, src := range vms {
		for j, dst := range vms {
			if i == j {
				continue
			}
			passed := max(i-j, j-i) + 1
			frame := ipv4(src.MAC, gateways[i].MAC, leaf(i)+"9", leaf(j)+"9")
			if passed > pipeline.MaxHops+1 {
				w.send(src, frame)
				continue
			}
			w.send(src, frame, at(routed(frame, gateways[j].MAC, dst.MAC, uint8(passed)), dst))
		}
	}
}

func TestStaticRoutes(t *testing.T) {
	s := vxlan()
	s.Route(s.router, "192.168.0.0/16", "10.2.0.12")
	s.Route(s.router, "192.168.1.0/24", "10.2.0.13")
	s.Route(s.router, "192.168.1.128/25", "10.1.0.11")
	s.Route(s.router, "10.2.0.0/24", "10.1.0.11")  // connected is better
	s.Route(s.router, "172.16.0.0/12", "10.9.0.1") // nowhere
	s.Route(s.router, "172.20.0.0/16", "10.1.0.1") // the router itself
	w := build(t, &s.Cloud)
	for dst, x := range map[string]struct{ out, to *model.Port }{
		"192.168.2.1": {s.if2, s.b}, "192.168.1.1": {s.if2, s.c}, "192.168.1.200": {s.if1, s.a}, "10.2.0.13": {s.if2, s.c},
	} {
		frame := ipv4(s.e.MAC, s.if1.MAC, "10.1.0.14", dst)
		w.send(s.e, frame, at(routed(frame, x.out.MAC, x.to.MAC, 1), x.to))
	}
	for _, dst := range []string{"172.16.0.1", "172.20.0.1"} {
		frame := ipv4(s.e.MAC, s.if1.MAC, "10.1.0.14", dst)
		w.send(s.e, frame, upBy(frame, "no route"))
	}
	// Back out by the port that it came in by.
	frame := ipv4(s.a.MAC, s.if1.MAC, "10.1.0.11", "192.168.1.200")
	w.send(s.a, frame, at(routed(frame, s.if1.MAC, s.a.MAC, 1), s.a))
}

func TestTenantsWithTheSameAddresses(t *testing.T) {
	s := vxlan()
	other1, other2 := s.Network("other1"), s.Network("other2")
	s.Subnet(other1, "10.1.0.0/24")
	s.Subnet(other2, "10.2.0.0/24")
	r := s.Router("other")
	gw1, gw2 := s.Interface(r, other1, "10.1.0.1"), s.Interface(r, other2, "10.2.0.1")
	x, y := s.VM(other1, s.n1, "x", "10.1.0.11"), s.VM(other2, s.n1, "y", "10.2.0.12")
	w := build(t, &s.Cloud)
	frame := ipv4(s.a.MAC, s.if1.MAC, "10.1.0.11", "10.2.0.12")
	w.send(s.a, frame, at(routed(frame, s.if2.MAC, s.b.MAC, 1), s.b))
	frame = ipv4(x.MAC, gw1.MAC, "10.1.0.11", "10.2.0.12")
	w.send(x, frame, at(routed(frame, gw2.MAC, y.MAC, 1), y))
	w.send(x, ipv4(x.MAC, s.if1.MAC, "10.1.0.11", "10.2.0.12"))
	frame = ipv4(x.MAC, gw1.MAC, "10.1.0.11", "10.2.0.13") // only the first tenant has it
	w.send(x, frame, upBy(routed(frame, gw2.MAC, gw1.MAC, 1), "nobody there"))
}

func TestAddressOfSeveralPortsFollowsItsHolder(t *testing.T) {
	const virtual = "10.2.0.100"
	for _, holder := range []string{"", "b", "c"} {
		s := vxlan()
		example.Pair(s.b, virtual+"/32")
		example.Pair(s.c, virtual+"/32")
		at1 := map[string]*model.Port{"b": s.b, "c": s.c}[holder]
		if at1 != nil {
			s.Holder(at1, virtual)
		}
		w := build(t, &s.Cloud)
		frame := ipv4(s.a.MAC, s.if1.MAC, "10.1.0.11", virtual)
		if at1 == nil {
			w.send(s.a, frame, upBy(routed(frame, s.if2.MAC, s.if1.MAC, 1), "nobody there"))
			continue
		}
		w.send(s.a, frame, at(routed(frame, s.if2.MAC, at1.MAC, 1), at1))
	}
}

func TestTooBig(t *testing.T) {
	s := vxlan()
	s.net1.MTU, s.net2.MTU = 1500, 100
	w := build(t, &s.Cloud)
	big := serialize(ethernet(s.a.MAC, s.if1.MAC, layers.EthernetTypeIPv4),
		&layers.IPv4{Version: 4, TTL: 64, Protocol: 99, SrcIP: addr("10.1.0.11").AsSlice(), DstIP: addr("10.2.0.13").AsSlice()}, payload(81))
	w.send(s.a, big, upBy(routed(big, s.if2.MAC, s.if1.MAC, 1), "too big"))
	fits := serialize(ethernet(s.a.MAC, s.if1.MAC, layers.EthernetTypeIPv4),
		&layers.IPv4{Version: 4, TTL: 64, Protocol: 99, SrcIP: addr("10.1.0.11").AsSlice(), DstIP: addr("10.2.0.13").AsSlice()}, payload(80))
	w.send(s.a, fits, at(routed(fits, s.if2.MAC, s.c.MAC, 1), s.c))
}

func TestProbe(t *testing.T) {
	s := vxlan()
	w := build(t, &s.Cloud)
	probe := l2.Probe(s.n1, s.n2, 7)
	back := append(l2.ProbeAnswer[:], probe.Data[6:]...)
	tunnel := flow.Tunnel{Src: uint32(pipeline.IPv4(s.n1.EncapIP)), Dst: uint32(pipeline.IPv4(s.n2.EncapIP))}
	w.enter(s.n2, flow.Input{Frame: probe.Data, InPort: s.n2.TunnelPort, Tunnel: tunnel}, upBy(back, "probe that has come back"))
}
