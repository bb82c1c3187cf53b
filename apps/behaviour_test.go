package apps_test

import (
	"testing"

	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// rack is three nodes and a network with two ports on the first, one on the second and one on the third.
type rack struct {
	example.Cloud
	n1, n2, n3 *model.Node
	net        *model.Network
	a, b, c, d *model.Port // 10.1.0.11 to 14; a and b on n1, c on n2, d on n3
}

const physnet = "dc"

// kinds makes a rack's network in each way that there is.
var kinds = map[string]func(c *example.Cloud) *model.Network{
	"vxlan": func(c *example.Cloud) *model.Network { return c.Network("net1") },
	"vlan":  func(c *example.Cloud) *model.Network { return c.VLAN("net1", physnet, 101) },
	"flat":  func(c *example.Cloud) *model.Network { return c.Flat("net1", physnet) },
}

func newRack(kind string) *rack {
	r := &rack{}
	r.n1, r.n2, r.n3 = r.Node("n1", physnet), r.Node("n2", physnet), r.Node("n3", physnet)
	r.net = kinds[kind](&r.Cloud)
	r.Subnet(r.net, "10.1.0.0/24")
	r.a, r.b = r.VM(r.net, r.n1, "a", "10.1.0.11"), r.VM(r.net, r.n1, "b", "10.1.0.12")
	r.c, r.d = r.VM(r.net, r.n2, "c", "10.1.0.13"), r.VM(r.net, r.n3, "d", "10.1.0.14")
	return r
}

// crossing is what is seen on the wire of a frame that goes from node to node.
func (r *rack) crossing(frame []byte) []arrival {
	switch r.net.NetworkType {
	case model.NetworkVLAN:
		return onWire(tagged(uint16(r.net.SegmentationID), frame), physnet)
	case model.NetworkFlat:
		return onWire(frame, physnet)
	}
	return nil
}

// eachKind runs a test on every kind of network.
func eachKind(t *testing.T, f func(t *testing.T, r *rack)) {
	for kind := range kinds {
		t.Run(kind, func(t *testing.T) { f(t, newRack(kind)) })
	}
}

func TestUnicast(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rack) {
		w := build(t, &r.Cloud)
		same := ipv4(r.a.MAC, r.b.MAC, "10.1.0.11", "10.1.0.12")
		w.send(r.a, same, at(same, r.b))
		other := ipv4(r.a.MAC, r.c.MAC, "10.1.0.11", "10.1.0.13")
		w.send(r.a, other, at(other, r.c), r.crossing(other))
		back := ipv4(r.c.MAC, r.a.MAC, "10.1.0.13", "10.1.0.11")
		w.send(r.c, back, at(back, r.a), r.crossing(back))
		own := ipv4(r.a.MAC, r.a.MAC, "10.1.0.11", "10.1.0.11")
		w.send(r.a, own)
	})
}

func TestBroadcastReachesEachMemberOnce(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rack) {
		stranger := r.Network("net2")
		r.Subnet(stranger, "10.1.0.0/24")
		r.VM(stranger, r.n1, "x", "10.1.0.12")
		w := build(t, &r.Cloud)
		for _, dst := range []model.MAC{broadcast, {1, 0, 0x5e, 0, 0, 1}} {
			frame := ipv4(r.a.MAC, dst, "10.1.0.11", "10.1.0.255")
			w.send(r.a, frame, at(frame, r.b, r.c, r.d), r.crossing(frame))
			frame = ipv4(r.c.MAC, dst, "10.1.0.13", "10.1.0.255")
			w.send(r.c, frame, at(frame, r.a, r.b, r.d), r.crossing(frame))
		}
	})
}

func TestARPIsAnsweredWhereItIsAsked(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rack) {
		w := build(t, &r.Cloud)
		ask := func(of *model.Port, address string) {
			t.Helper()
			answer := arp(reply, of.MAC, r.a.MAC, address, r.a.MAC, "10.1.0.11")
			w.send(r.a, who(r.a.MAC, "10.1.0.11", address), at(answer, r.a))
			unicast := arp(request, r.a.MAC, of.MAC, "10.1.0.11", model.MAC{}, address) // RFC 1122, 2.3.2.1
			w.send(r.a, unicast, at(answer, r.a))
		}
		ask(r.b, "10.1.0.12")
		ask(r.c, "10.1.0.13")
		ask(w.view.DHCPPort(r.net.Number), "10.1.0.2")
		nobody := who(r.a.MAC, "10.1.0.11", "10.1.0.99")
		w.send(r.a, nobody, r.floodedARP(nobody))
	})
}

// floodedARP is where an ARP request goes that nobody here can answer: to the wire, if there is one, and from it to all.
func (r *rack) floodedARP(frame []byte) []arrival {
	if r.net.NetworkType == model.NetworkVXLAN {
		return nil
	}
	return append(r.crossing(frame), at(frame, r.c, r.d)...)
}

func TestARPFromOutsideIsAnsweredByTheNodeThatHasTheTarget(t *testing.T) {
	stranger := model.MAC{2, 0, 0, 0, 0, 9}
	for kind, outside := range map[string]func(frame []byte) []byte{
		"vlan": func(f []byte) []byte { return tagged(101, f) },
		"flat": func(f []byte) []byte { return f },
	} {
		t.Run(kind, func(t *testing.T) {
			r := newRack(kind)
			w := build(t, &r.Cloud)
			ask := who(stranger, "10.1.0.200", "10.1.0.13")
			answer := arp(reply, r.c.MAC, stranger, "10.1.0.13", stranger, "10.1.0.200")
			// The node that has the target answers and asks no further; the others only flood to their own.
			w.sendByWire(physnet, outside(ask), onWire(outside(answer), physnet), at(ask, r.a, r.b, r.d))
			unknown := who(stranger, "10.1.0.200", "10.1.0.99")
			w.sendByWire(physnet, outside(unknown), at(unknown, r.a, r.b, r.c, r.d))
			server := who(stranger, "10.1.0.200", "10.1.0.2") // the DHCP port is for ports of the network only
			w.sendByWire(physnet, outside(server), at(server, r.a, r.b, r.c, r.d))
		})
	}
}

func TestDuplicateAddressDetection(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rack) {
		w := build(t, &r.Cloud)
		w.send(r.a, who(r.a.MAC, "0.0.0.0", "10.1.0.11")) // for its own: free
		taken := arp(reply, r.c.MAC, r.a.MAC, "10.1.0.13", r.a.MAC, "0.0.0.0")
		w.send(r.a, who(r.a.MAC, "0.0.0.0", "10.1.0.13"), at(taken, r.a)) // another's: taken
		for _, announcement := range [][]byte{
			who(r.a.MAC, "10.1.0.11", "10.1.0.11"),
			arp(reply, r.a.MAC, broadcast, "10.1.0.11", r.a.MAC, "10.1.0.11"),
		} {
			w.send(r.a, announcement, at(announcement, r.b, r.c, r.d), r.crossing(announcement))
		}
	})
}

func TestRARPAnnouncesAMigratedVM(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rack) {
		w := build(t, &r.Cloud)
		frame := rarp(r.a.MAC, r.a.MAC)
		w.send(r.a, frame, at(frame, r.b, r.c, r.d), r.crossing(frame))
		w.send(r.a, rarp(r.a.MAC, r.b.MAC))
		w.send(r.a, rarp(r.b.MAC, r.a.MAC))
	})
}

// spoofed is what port a must not send: to b, who is on the same node, to c, who is not, and to all.
func spoofed(r *rack) [][]byte {
	a, foreign := r.a.MAC, model.MAC{2, 0, 0, 0, 0, 9}
	var list [][]byte
	for _, dst := range []model.MAC{r.b.MAC, r.c.MAC, broadcast} {
		list = append(list,
			ipv4(foreign, dst, "10.1.0.11", "10.1.0.12"),
			ipv4(r.c.MAC, dst, "10.1.0.13", "10.1.0.12"),
			ipv4(a, dst, "10.1.0.13", "10.1.0.12"),
			ipv4(a, dst, "0.0.0.0", "10.1.0.12"),
			arp(request, foreign, dst, "10.1.0.11", model.MAC{}, "10.1.0.99"),
			arp(request, a, dst, "10.1.0.13", model.MAC{}, "10.1.0.99"),
			arpFrom(a, request, foreign, dst, "10.1.0.11", model.MAC{}, "10.1.0.99"),
			arpFrom(foreign, request, a, dst, "10.1.0.11", model.MAC{}, "10.1.0.99"),
			arp(reply, a, dst, "10.1.0.1", r.b.MAC, "10.1.0.12"),
			arp(reply, a, dst, "0.0.0.0", r.b.MAC, "10.1.0.12"),
			arp(request, foreign, dst, "0.0.0.0", model.MAC{}, "10.1.0.99"),
			udp(foreign, dst, "0.0.0.0", "255.255.255.255", 68, 67),
			udp(a, dst, "10.1.0.11", "10.1.0.12", 67, 68), // a DHCP server
			udp(a, dst, "10.1.0.11", "10.1.0.12", 1067, 68),
			of(a, dst, 0x86dd), of(a, dst, 0x8847), of(a, dst, 0x88cc), of(a, dst, 0x8863),
		)
	}
	return list
}

func TestSpoofedSourcesAreDropped(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rack) {
		r.d.PortSecurityEnabled = false // whom unknown destinations would reach
		w := build(t, &r.Cloud)
		for _, frame := range spoofed(r) {
			w.send(r.a, frame)
		}
	})
}

func TestNobodySendsTagsOrLinkLocalFrames(t *testing.T) {
	for _, secure := range []bool{true, false} {
		eachKind(t, func(t *testing.T, r *rack) {
			r.a.PortSecurityEnabled = secure
			w := build(t, &r.Cloud)
			frame := ipv4(r.a.MAC, r.b.MAC, "10.1.0.11", "10.1.0.12")
			for _, vid := range []uint16{0, 1, 101, 4095} {
				w.send(r.a, tag(0x8100, vid, frame))
				w.send(r.a, tag(0x88a8, vid, frame))
				w.send(r.a, tag(0x88a8, vid, tagged(101, frame)))
			}
			w.send(r.a, bpdu(r.a.MAC))
			for last := range byte(16) {
				w.send(r.a, ipv4(r.a.MAC, model.MAC{1, 0x80, 0xc2, 0, 0, last}, "10.1.0.11", "10.1.0.12"))
			}
		})
	}
}

func TestDHCPGoesUp(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rack) {
		r.b.PortSecurityEnabled = false
		w := build(t, &r.Cloud)
		server := w.view.DHCPPort(r.net.Number).MAC
		for _, p := range []*model.Port{r.a, r.b} {
			discover := udp(p.MAC, broadcast, "0.0.0.0", "255.255.255.255", 68, 67)
			w.send(p, discover, up(discover, p))
			renew := udp(p.MAC, server, p.FixedIPs[0].IPAddress.String(), "10.1.0.2", 68, 67)
			w.send(p, renew, up(renew, p))
		}
		rebind := udp(r.a.MAC, broadcast, "10.1.0.11", "255.255.255.255", 68, 67)
		w.send(r.a, rebind, up(rebind, r.a))
	})
}

func TestWithoutDHCPRequestsAreBroadcasts(t *testing.T) {
	r := &rack{}
	r.n1, r.n2 = r.Node("n1"), r.Node("n2")
	r.net = r.Network("net1")
	r.Subnet(r.net, "10.1.0.0/24").EnableDHCP = false
	r.a, r.b = r.VM(r.net, r.n1, "a", "10.1.0.11"), r.VM(r.net, r.n2, "b", "10.1.0.12")
	r.b.PortSecurityEnabled = false // a tenant's own server
	w := build(t, &r.Cloud)
	discover := udp(r.a.MAC, broadcast, "0.0.0.0", "255.255.255.255", 68, 67)
	w.send(r.a, discover, at(discover, r.b))
	offer := udp(r.b.MAC, r.a.MAC, "10.1.0.12", "10.1.0.11", 67, 68)
	w.send(r.b, offer, at(offer, r.a))
}

func TestUnknownDestinationsGoToOpenPorts(t *testing.T) {
	nobody := model.MAC{2, 0, 0, 0, 0, 9}
	eachKind(t, func(t *testing.T, r *rack) {
		r.b.PortSecurityEnabled, r.d.PortSecurityEnabled = false, false
		w := build(t, &r.Cloud)
		for _, from := range []*model.Port{r.a, r.c} {
			frame := ipv4(from.MAC, nobody, from.FixedIPs[0].IPAddress.String(), "10.1.0.99")
			w.send(from, frame, at(frame, r.b, r.d), r.crossing(frame))
		}
		frame := ipv4(r.b.MAC, nobody, "10.1.0.12", "10.1.0.99")
		w.send(r.b, frame, at(frame, r.d), r.crossing(frame))
	})
	eachKind(t, func(t *testing.T, r *rack) {
		w := build(t, &r.Cloud)
		frame := ipv4(r.a.MAC, nobody, "10.1.0.11", "10.1.0.99")
		w.send(r.a, frame, r.crossing(frame))
	})
}

func TestUnansweredARPGoesToOpenPorts(t *testing.T) {
	r := newRack("vxlan")
	r.b.PortSecurityEnabled = false
	w := build(t, &r.Cloud)
	ask := who(r.a.MAC, "10.1.0.11", "10.1.0.99")
	w.send(r.a, ask, at(ask, r.b))
	ask = who(r.d.MAC, "10.1.0.14", "10.1.0.99")
	w.send(r.d, ask, at(ask, r.b), r.bystanders(ask, r.a, nil))
	answer := arp(reply, model.MAC{2, 0, 0, 0, 0, 9}, r.a.MAC, "10.1.0.99", r.a.MAC, "10.1.0.11")
	w.send(r.b, answer, at(answer, r.a))
}

func TestOpenPortSendsWhatItLikes(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rack) {
		r.a.PortSecurityEnabled = false
		w := build(t, &r.Cloud)
		foreign := model.MAC{2, 0, 0, 0, 0, 9}
		for _, frame := range [][]byte{
			ipv4(foreign, r.b.MAC, "172.16.0.1", "10.1.0.12"),
			udp(r.a.MAC, r.b.MAC, "10.1.0.11", "10.1.0.12", 67, 68),
			arp(reply, foreign, r.b.MAC, "172.16.0.1", r.b.MAC, "10.1.0.12"),
		} {
			w.send(r.a, frame, at(frame, r.b))
		}
		w.send(r.a, of(r.a.MAC, r.b.MAC, 0x86dd)) // what groups know nothing of, ports with groups do not get
		r.b.PortSecurityEnabled, r.b.SecurityGroups = false, nil
		frame := of(r.a.MAC, r.b.MAC, 0x86dd)
		build(t, &r.Cloud).send(r.a, frame, at(frame, r.b))
	})
}

// TestTenantsWithEqualAddresses gives two networks the same subnet, the same MACs and the same addresses, on the same
// nodes and of all pairs of kinds.
func TestTenantsWithEqualAddresses(t *testing.T) {
	others := map[string]func(c *example.Cloud) *model.Network{
		"vxlan": func(c *example.Cloud) *model.Network { return c.Network("net2") },
		"vlan":  func(c *example.Cloud) *model.Network { return c.VLAN("net2", physnet, 102) },
		"flat":  func(c *example.Cloud) *model.Network { return c.Flat("net2", "other") },
	}
	for other, add := range others {
		eachKind(t, func(t *testing.T, r *rack) {
			for _, n := range []*model.Node{r.n1, r.n2, r.n3} {
				n.Mappings = append(n.Mappings, model.Mapping{PhysicalNetwork: "other", Bridge: "br-other", PatchPort: 9})
			}
			net2 := add(&r.Cloud)
			r.Subnet(net2, "10.1.0.0/24")
			twin := func(p *model.Port, n *model.Node) *model.Port {
				x := r.VM(net2, n, p.Name+"2", p.FixedIPs[0].IPAddress.String())
				x.MAC, x.PortSecurityEnabled = p.MAC, false // it may send and gets whatever is unknown
				return x
			}
			a2, b2, c2 := twin(r.a, r.n1), twin(r.b, r.n1), twin(r.c, r.n2)
			w := build(t, &r.Cloud)
			second := &rack{net: net2}
			crossing2 := func(frame []byte) []arrival {
				if other == "flat" {
					return onWire(frame, "other")
				}
				return second.crossing(frame)
			}

			frame := ipv4(r.a.MAC, r.c.MAC, "10.1.0.11", "10.1.0.13")
			w.send(r.a, frame, at(frame, r.c), r.crossing(frame))
			w.send(a2, frame, at(frame, c2), crossing2(frame))
			frame = ipv4(r.a.MAC, broadcast, "10.1.0.11", "10.1.0.255")
			w.send(r.a, frame, at(frame, r.b, r.c, r.d), r.crossing(frame))
			w.send(a2, frame, at(frame, b2, c2), crossing2(frame))
			frame = ipv4(r.a.MAC, r.d.MAC, "10.1.0.11", "10.1.0.14") // unknown in the second network
			w.send(r.a, frame, at(frame, r.d), r.crossing(frame))
			w.send(a2, frame, at(frame, b2, c2), crossing2(frame))
			ask := who(r.a.MAC, "10.1.0.11", "10.1.0.13")
			answer := arp(reply, r.c.MAC, r.a.MAC, "10.1.0.13", r.a.MAC, "10.1.0.11")
			w.send(r.a, ask, at(answer, r.a))
			w.send(a2, ask, at(answer, a2))
			for _, spoof := range spoofed(r) {
				w.send(r.a, spoof)
			}
		})
	}
}

// TestAddressesOfSeveralPorts is VRRP: a on n1 and c on n2 may both use an address, with their own MACs or with a virtual
// one.
func TestAddressesOfSeveralPorts(t *testing.T) {
	const virtualIP = "10.1.0.100"
	virtual := model.MAC{0, 0, 0x5e, 0, 1, 7}
	eachKind(t, func(t *testing.T, r *rack) {
		for _, p := range []*model.Port{r.a, r.c} {
			example.Pair(p, virtualIP+"/32")
			p.AllowedAddressPairs = append(p.AllowedAddressPairs, model.AddressPair{IP: p.AllowedAddressPairs[0].IP, MAC: virtual})
		}
		w := build(t, &r.Cloud)

		ask := who(r.d.MAC, "10.1.0.14", virtualIP) // from a node that has neither
		w.send(r.d, ask, at(ask, r.a, r.c), r.crossing(ask), r.bystanders(ask, r.b, nil))
		ask = who(r.b.MAC, "10.1.0.12", virtualIP) // from a node that has one of them
		w.send(r.b, ask, at(ask, r.a, r.c), r.crossing(ask), r.bystanders(ask, nil, r.d))

		answer := arp(reply, virtual, r.b.MAC, virtualIP, r.b.MAC, "10.1.0.12")
		w.send(r.a, answer, at(answer, r.b))
		announcement := arp(request, virtual, broadcast, virtualIP, model.MAC{}, virtualIP)
		w.send(r.a, announcement, at(announcement, r.b, r.c, r.d), r.crossing(announcement), up(announcement, r.a))

		frame := ipv4(r.b.MAC, virtual, "10.1.0.12", virtualIP)
		w.send(r.b, frame, at(frame, r.a, r.c), r.crossing(frame))
		frame = ipv4(r.d.MAC, virtual, "10.1.0.14", virtualIP)
		w.send(r.d, frame, at(frame, r.a, r.c), r.crossing(frame))
		frame = ipv4(virtual, r.d.MAC, virtualIP, "10.1.0.14")
		w.send(r.a, frame, at(frame, r.d), r.crossing(frame))
		w.send(r.b, ipv4(virtual, r.d.MAC, virtualIP, "10.1.0.14")) // not its to use
	})
}

// bystanders are who else hears a request for a shared address: what came through a tunnel is a broadcast to all ports of the
// node, as entries cannot tell it from an announcement; on a wire it is one to the nodes that have nobody to ask.
func (r *rack) bystanders(frame []byte, tunnel, wire *model.Port) []arrival {
	p := wire
	if r.net.NetworkType == model.NetworkVXLAN {
		p = tunnel
	}
	if p == nil {
		return nil
	}
	return at(frame, p)
}

// TestAllowedPrefix lets a use a whole prefix. Who has which of its addresses is not known, so that requests for them are not
// answered: they reach a (and on its node, behind the tunnel, whoever else is there), and what a says of them reaches all.
func TestAllowedPrefix(t *testing.T) {
	r := newRack("vxlan")
	example.Pair(r.a, "10.1.8.0/24")
	w := build(t, &r.Cloud)
	frame := ipv4(r.a.MAC, r.c.MAC, "10.1.8.77", "10.1.0.13")
	w.send(r.a, frame, at(frame, r.c))
	w.send(r.a, ipv4(r.a.MAC, r.c.MAC, "10.1.9.77", "10.1.0.13"))
	ask := who(r.c.MAC, "10.1.0.13", "10.1.8.77")
	w.send(r.c, ask, at(ask, r.a), r.bystanders(ask, r.b, nil))
	announcement := who(r.a.MAC, "10.1.8.77", "10.1.8.77")
	w.send(r.a, announcement, at(announcement, r.b, r.c, r.d))
	w.send(r.a, who(r.a.MAC, "10.1.9.77", "10.1.9.77"))
}

func TestAllowedAddressOfOnePortIsAnswered(t *testing.T) {
	r := newRack("vxlan")
	example.Pair(r.a, "10.1.0.100/32")
	w := build(t, &r.Cloud)
	w.send(r.c, who(r.c.MAC, "10.1.0.13", "10.1.0.100"), at(arp(reply, r.a.MAC, r.c.MAC, "10.1.0.100", r.c.MAC, "10.1.0.13"), r.c))
}

func TestWireAcceptsOnlyTheNetworksOwnTag(t *testing.T) {
	stranger := model.MAC{2, 0, 0, 0, 0, 9}
	for kind, own := range map[string]func([]byte) []byte{
		"vlan": func(f []byte) []byte { return tagged(101, f) },
		"flat": func(f []byte) []byte { return f },
	} {
		t.Run(kind, func(t *testing.T) {
			r := newRack(kind)
			w := build(t, &r.Cloud)
			frame := ipv4(stranger, r.a.MAC, "10.1.0.200", "10.1.0.11")
			w.sendByWire(physnet, own(frame), at(frame, r.a))
			flood := ipv4(stranger, broadcast, "10.1.0.200", "10.1.0.255")
			w.sendByWire(physnet, own(flood), at(flood, r.a, r.b, r.c, r.d))
			w.sendByWire(physnet, own(ipv4(stranger, model.MAC{2, 0, 0, 0, 0, 8}, "10.1.0.200", "10.1.0.11"))) // unknown
			for _, foreign := range [][]byte{
				tagged(102, frame), tagged(0, frame), tag(0x88a8, 102, frame),
				tagged(101, tagged(101, frame)), tagged(101, tag(0x88a8, 5, frame)), tag(0x88a8, 101, tagged(101, frame)),
				own(tagged(7, frame)), own(bpdu(stranger)),
			} {
				w.sendByWire(physnet, foreign)
			}
			if kind == "vlan" {
				w.sendByWire(physnet, frame) // untagged
			}
			if kind == "flat" {
				w.sendByWire(physnet, tagged(101, frame))
			}
		})
	}
}

func TestTunnelPacketsOfStrangersAreDropped(t *testing.T) {
	r := newRack("vxlan")
	other := r.Network("net2") // only on n2
	r.Subnet(other, "10.2.0.0/24")
	x := r.VM(other, r.n2, "x", "10.2.0.11")
	w := build(t, &r.Cloud)
	frame := ipv4(r.c.MAC, r.a.MAC, "10.1.0.13", "10.1.0.11")
	peer := uint32(pipeline.IPv4(r.n2.EncapIP))
	enter := func(frame []byte, key uint64, src uint32, expected ...[]arrival) {
		t.Helper()
		w.enter(r.n1, flow.Input{Frame: frame, InPort: r.n1.TunnelPort, Tunnel: flow.Tunnel{ID: key, Src: src}}, expected...)
	}
	key := uint64(r.net.SegmentationID)
	enter(frame, key, peer, at(frame, r.a))
	enter(frame, key, peer+100)                               // no node's
	enter(frame, key, uint32(pipeline.IPv4(r.n1.EncapIP)))    // its own
	enter(frame, key, 0)                                      // none
	enter(frame, uint64(other.SegmentationID), peer)          // a network that has no port here
	enter(frame, key+1<<24, peer)                             // a key that differs above its 24 bits
	enter(frame, 0, peer)                                     // no network
	unknown := ipv4(r.c.MAC, r.d.MAC, "10.1.0.13", "1.2.3.4") // for a port elsewhere: never out again
	enter(unknown, key, peer)
	w.enter(r.n1, flow.Input{Frame: frame, InPort: r.n1.TunnelPort}) // not even tunnelled
	w.enter(r.n1, flow.Input{Frame: frame, InPort: 77})              // from where nothing is plugged
	toX := ipv4(r.a.MAC, x.MAC, "10.1.0.11", "10.2.0.11")
	w.send(r.a, toX)
}

func TestAdminDownCutsOff(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rack) {
		r.c.AdminStateUp = false
		w := build(t, &r.Cloud)
		frame := ipv4(r.a.MAC, broadcast, "10.1.0.11", "10.1.0.255")
		w.send(r.a, frame, at(frame, r.b, r.d), r.crossing(frame))
		toC := ipv4(r.a.MAC, r.c.MAC, "10.1.0.11", "10.1.0.13")
		w.send(r.a, toC, r.crossing(toC)) // it is unknown, and might be somewhere on the wire
		w.enter(r.n2, flow.Input{Frame: ipv4(r.c.MAC, r.a.MAC, "10.1.0.13", "10.1.0.11"), InPort: r.n2.Interfaces[0].Ofport})
	})
	eachKind(t, func(t *testing.T, r *rack) {
		r.net.AdminStateUp = false
		w := build(t, &r.Cloud)
		w.enter(r.n1, flow.Input{Frame: ipv4(r.a.MAC, r.b.MAC, "10.1.0.11", "10.1.0.12"), InPort: r.n1.Interfaces[0].Ofport})
	})
}

// TestMigration has a port plugged on two nodes: others reach it where it was plugged last, and it can send from both.
func TestMigration(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rack) {
		r.Plug(r.a, r.n3)
		w := build(t, &r.Cloud)
		if l, _ := w.view.Location(r.a.Number); l.Node != r.n3.Number {
			t.Fatalf("it is on node %d", l.Node)
		}
		frame := ipv4(r.b.MAC, r.a.MAC, "10.1.0.12", "10.1.0.11")
		w.send(r.b, frame, at(frame, r.a), r.crossing(frame))
		frame = ipv4(r.a.MAC, r.d.MAC, "10.1.0.11", "10.1.0.14")
		w.send(r.a, frame, at(frame, r.d))
		old := flow.Input{Frame: frame, InPort: r.n1.Interfaces[0].Ofport}
		w.enter(r.n1, old, at(frame, r.d), r.crossing(frame))
	})
}

// bind gives a port an active binding on one node and inactive ones on others.
func bind(p *model.Port, active *model.Node, inactive ...*model.Node) {
	p.HostID, p.InactiveBindings = active.Hostname, nil
	for _, n := range inactive {
		p.InactiveBindings = append(p.InactiveBindings, model.Binding{HostID: n.Hostname})
	}
}

// TestMigrationByBindings has a port plugged on two nodes, bound to one and about to be to the other: everybody reaches it where the
// binding is active, it can send from both, and what is flooded comes to both.
func TestMigrationByBindings(t *testing.T) {
	eachKind(t, func(t *testing.T, r *rack) {
		r.Plug(r.a, r.n3)
		source, target := r.n1, r.n3
		onSource, onTarget := source.Interfaces[0].Ofport, target.Interfaces[len(target.Interfaces)-1].Ofport
		for _, activated := range []bool{false, true} {
			active, other := source, target
			if activated {
				active, other = target, source
			}
			bind(r.a, active, other)
			w := build(t, &r.Cloud)
			if l, _ := w.view.Location(r.a.Number); l.Node != active.Number {
				t.Fatalf("it is on node %d, want %d", l.Node, active.Number)
			}
			for _, p := range []*model.Port{r.b, r.c, r.d} { // on the source, on a third node, on the target
				frame := ipv4(p.MAC, r.a.MAC, p.FixedIPs[0].IPAddress.String(), "10.1.0.11")
				l, _ := w.view.Location(p.Number)
				var crossing []arrival
				if l.Node != active.Number {
					crossing = r.crossing(frame)
				}
				w.send(p, frame, at(frame, r.a), crossing)
			}
			out := ipv4(r.a.MAC, r.c.MAC, "10.1.0.11", "10.1.0.13")
			w.enter(source, flow.Input{Frame: out, InPort: onSource}, at(out, r.c), r.crossing(out))
			w.enter(target, flow.Input{Frame: out, InPort: onTarget}, at(out, r.c), r.crossing(out))
			spoofed := ipv4(r.b.MAC, r.c.MAC, "10.1.0.12", "10.1.0.13")
			w.enter(target, flow.Input{Frame: spoofed, InPort: onTarget})

			flooded := ipv4(r.c.MAC, broadcast, "10.1.0.13", "10.1.0.255")
			w.send(r.c, flooded, at(flooded, r.a, r.b, r.d), []arrival{{r.a.Name + " on " + other.Hostname, flooded}}, r.crossing(flooded))
		}
		// Bound elsewhere, its interface on the old node is nothing.
		bind(r.a, target)
		w := build(t, &r.Cloud)
		w.enter(source, flow.Input{Frame: ipv4(r.a.MAC, r.c.MAC, "10.1.0.11", "10.1.0.13"), InPort: onSource})
		// Bound where it is not plugged, and plugged where it may go: nobody reaches it.
		bind(r.a, r.n2, target)
		w = build(t, &r.Cloud)
		frame := ipv4(r.d.MAC, r.a.MAC, "10.1.0.14", "10.1.0.11")
		w.send(r.d, frame, r.crossing(frame)) // it is unknown, and might be somewhere on the wire
	})
}

func TestNodeWithoutTunnelsKeepsToItself(t *testing.T) {
	r := newRack("vxlan")
	r.n2.TunnelPort = 0
	r.n2.EncapIP = model.Node{}.EncapIP
	w := build(t, &r.Cloud)
	frame := ipv4(r.a.MAC, broadcast, "10.1.0.11", "10.1.0.255")
	w.send(r.a, frame, at(frame, r.b, r.d))
	w.send(r.a, ipv4(r.a.MAC, r.c.MAC, "10.1.0.11", "10.1.0.13"))
}
