package icmp_test

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/apps/example"
	"github.com/planck-sdn/planck/apps/icmp"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/apps/router"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// town is a router between two networks and the outside, with VMs on three nodes. n1 is the gateway node; n2 has the bridge too, n3 has not.
type town struct {
	example.Cloud
	n1, n2, n3       *model.Node
	red, blue, ext   *model.Network
	router           *model.Router
	red1, red2, red3 *model.Port // VMs of network red by node; red2 has a floating IP
	blue1, blue3     *model.Port // VMs of network blue; blue3 has a floating IP
	inRed, inBlue    *model.Port // interfaces
	gateway          *model.Port
	floating2        *model.FloatingIP // of red2
	floating3        *model.FloatingIP // of blue3, served by n1
	host             model.MAC         // 203.0.113.9, outside
	upstream         model.MAC         // 203.0.113.1
}

func newTown() *town {
	c := &town{host: model.MAC{0x52, 0x54, 0, 0, 0, 9}, upstream: model.MAC{0x52, 0x54, 0, 0, 0, 1}}
	c.n1, c.n2, c.n3 = c.Node("n1", "public"), c.Node("n2", "public"), c.Node("n3")
	c.red, c.blue = c.Network("red"), c.Network("blue")
	c.BareSubnet(c.red, "10.0.0.0/24")
	c.BareSubnet(c.blue, "10.0.1.0/24")
	c.ext = c.External("ext", "public", "203.0.113.0/24")
	c.router = c.Router("r")
	c.inRed, c.inBlue = c.Interface(c.router, c.red, "10.0.0.1"), c.Interface(c.router, c.blue, "10.0.1.1")
	c.gateway = c.Gateway(c.router, c.ext, "203.0.113.70", c.n1)
	c.red1, c.red2, c.red3 = c.VM(c.red, c.n1, "red1", "10.0.0.11"), c.VM(c.red, c.n2, "red2", "10.0.0.12"), c.VM(c.red, c.n3, "red3", "10.0.0.13")
	c.blue1, c.blue3 = c.VM(c.blue, c.n1, "blue1", "10.0.1.11"), c.VM(c.blue, c.n3, "blue3", "10.0.1.13")
	for _, vm := range []*model.Port{c.red1, c.red2, c.red3, c.blue1, c.blue3} {
		vm.PortSecurityEnabled = false // no conntrack, which takes an error about nothing that was sent for invalid
	}
	c.floating2 = c.FloatingIP(c.ext, "203.0.113.72", c.red2, c.router)
	c.floating3 = c.FloatingIP(c.ext, "203.0.113.73", c.blue3, c.router)
	c.Neighbour(c.router, "203.0.113.9", c.host)
	c.Neighbour(c.router, "203.0.113.1", c.upstream)
	return c
}

func (c *town) mac(f *model.FloatingIP) model.MAC {
	return c.View().PortByID(f.FloatingPortID).MAC
}

func expect(t testing.TB, frame []byte, want heard) {
	t.Helper()
	if got := hear(t, frame); got != want {
		t.Errorf("heard\n%+v, not\n%+v", got, want)
	}
}

// The sender of what a router cannot send on is told so, where it is.
func TestTold(t *testing.T) {
	c := newTown()
	c.router.Gateway = nil // so that there is a destination without a route
	for _, n := range []struct {
		name string
		ip
		what layers.ICMPv4TypeCode
		told string
	}{
		{"no route", ip{dst: "8.8.8.8"}, icmp.NetUnreachable, "10.0.0.1"},
		{"no such host", ip{dst: "10.0.1.99"}, icmp.HostUnreachable, "10.0.0.1"},
		{"no such host, TCP", ip{dst: "10.0.1.99", tcp: true, df: true}, icmp.HostUnreachable, "10.0.0.1"},
		{"no such host, long", ip{dst: "10.0.1.99", payload: make([]byte, 1200)}, icmp.HostUnreachable, "10.0.0.1"},
		{"ping without a route", ip{dst: "8.8.8.8", icmp: []byte{8, 0}}, icmp.NetUnreachable, "10.0.0.1"},
		{"TTL 1", ip{dst: "10.0.1.11", ttl: 1}, icmp.TimeExceeded, "10.0.0.1"},
		{"UDP to the router", ip{dst: "10.0.0.1"}, icmp.PortUnreachable, "10.0.0.1"},
		{"UDP to the router's other interface", ip{dst: "10.0.1.1"}, icmp.PortUnreachable, "10.0.0.1"},
		{"TCP to the router", ip{dst: "10.0.0.1", tcp: true}, icmp.ProtocolUnreachable, "10.0.0.1"},
	} {
		t.Run(n.name, func(t *testing.T) {
			for _, vm := range []*model.Port{c.red1, c.red3} {
				w := build(t, &c.Cloud)
				n.ip.from, n.to, n.src = vm.MAC, c.inRed.MAC, vm.FixedIPs[0].IPAddress.String()
				w.from(vm, n.frame(t))
				expect(t, w.take(vm.Name, 1)[0], heard{c.inRed.MAC, vm.MAC, n.told, n.src, 64, n.what, 0, n.src, n.dst})
			}
		})
	}
}

// Some are not told.
func TestNotTold(t *testing.T) {
	c := newTown()
	for name, p := range map[string]ip{
		"an ICMP error":            {dst: "10.0.1.99", icmp: []byte{3, 1}},
		"an answer to the router":  {dst: "10.0.0.1", icmp: []byte{0, 0}},
		"directed broadcast":       {dst: "10.0.1.255"},
		"broadcast of the outside": {dst: "203.0.113.255"},
	} {
		w := build(t, &c.Cloud)
		p.from, p.to, p.src = c.red1.MAC, c.inRed.MAC, "10.0.0.11"
		w.from(c.red1, p.frame(t))
		if len(w.arrived)+len(w.questions) > 0 {
			t.Errorf("%s: %v, %d questions", name, w.arrived, len(w.questions))
		}
	}
}

// What does not fit is cut in pieces, or its sender is told what would fit.
func TestTooBigInside(t *testing.T) {
	c := newTown()
	c.blue.MTU = 1000
	w := build(t, &c.Cloud)
	big := ip{from: c.red1.MAC, to: c.inRed.MAC, src: "10.0.0.11", dst: "10.0.1.13", payload: bytes.Repeat([]byte("planck"), 200)}
	w.from(c.red1, big.frame(t))
	reassembled(t, w.take("blue3", 2), big, 1000, 19)

	big.df = true
	w.from(c.red1, big.frame(t))
	expect(t, w.take("red1", 1)[0], heard{c.inRed.MAC, c.red1.MAC, "10.0.0.1", "10.0.0.11", 64, icmp.FragmentationNeeded, 1000, "10.0.0.11", "10.0.1.13"})
}

func reassembled(t testing.TB, frames [][]byte, p ip, mtu int, ttl uint8) {
	t.Helper()
	var data []byte
	for _, f := range frames {
		var head layers.IPv4
		if err := head.DecodeFromBytes(f[14:], gopacket.NilDecodeFeedback); err != nil {
			t.Fatal(err)
		}
		if int(head.Length) > mtu || int(head.FragOffset)*8 != len(data) || head.TTL != ttl {
			t.Errorf("%+v", head)
		}
		data = append(data, head.Payload...)
	}
	if len(data) < 8 || !bytes.Equal(data[8:], p.payload) {
		t.Errorf("%d bytes arrived", len(data))
	}
}

// A packet from outside that does not fit the network behind a floating IP: the sender knows only the floating IP. A node that is not the gateway
// node needs that for nothing.
func TestTooBigForFloatingIP(t *testing.T) {
	c := newTown()
	w := build(t, &c.Cloud)
	for _, x := range []struct {
		f    *model.FloatingIP
		wire string
		by   model.MAC
	}{{c.floating2, "wire n2", c.mac(c.floating2)}, {c.floating3, "wire n1", c.gateway.MAC}} {
		big := ip{from: c.host, to: c.mac(x.f), src: "203.0.113.9", dst: x.f.Address.String(), df: true, payload: make([]byte, 1460)}
		w.fromWire(big.frame(t))
		expect(t, w.take(x.wire, 1)[0], heard{x.by, c.host, "203.0.113.70", "203.0.113.9", 64, icmp.FragmentationNeeded, 1450, "203.0.113.9", x.f.Address.String()})
		big.tcp = true
		w.fromWire(big.frame(t))
		expect(t, w.take(x.wire, 1)[0], heard{x.by, c.host, "203.0.113.70", "203.0.113.9", 64, icmp.FragmentationNeeded, 1450, "203.0.113.9", x.f.Address.String()})
	}
	big := ip{from: c.host, to: c.mac(c.floating2), src: "203.0.113.9", dst: "203.0.113.72", payload: bytes.Repeat([]byte("planck"), 240)}
	w.fromWire(big.frame(t))
	reassembled(t, w.take("red2", 2), big, 1450, 19)
}

// And one from a host further away, in answer to which the next hop is the upstream router.
func TestTimeExceededAtFloatingIP(t *testing.T) {
	c := newTown()
	w := build(t, &c.Cloud)
	w.fromWire(ip{from: c.upstream, to: c.mac(c.floating2), src: "198.51.100.1", dst: "203.0.113.72", ttl: 1}.frame(t))
	expect(t, w.take("wire n2", 1)[0],
		heard{c.mac(c.floating2), c.upstream, "203.0.113.70", "198.51.100.1", 64, icmp.TimeExceeded, 0, "198.51.100.1", "203.0.113.72"})
}

// Too big for the outside: with a floating IP, and with source NAT on another node.
func TestTooBigForOutside(t *testing.T) {
	c := newTown()
	c.ext.MTU = 1200
	w := build(t, &c.Cloud)
	for _, vm := range []*model.Port{c.red2, c.red3} {
		src := vm.FixedIPs[0].IPAddress.String()
		big := ip{from: vm.MAC, to: c.inRed.MAC, src: src, dst: "203.0.113.9", df: true, payload: make([]byte, 1300)}
		w.from(vm, big.frame(t))
		expect(t, w.take(vm.Name, 1)[0], heard{c.inRed.MAC, vm.MAC, "10.0.0.1", src, 64, icmp.FragmentationNeeded, 1200, src, "203.0.113.9"})
	}
	big := ip{from: c.red2.MAC, to: c.inRed.MAC, src: "10.0.0.12", dst: "203.0.113.9", payload: bytes.Repeat([]byte("planck"), 220)}
	w.from(c.red2, big.frame(t))
	reassembled(t, w.take("wire n2", 2), big, 1200, 19)
}

// ICMP errors through floating IPs.
func TestErrorsThroughFloatingIP(t *testing.T) {
	c := newTown()
	w := build(t, &c.Cloud)
	quoted := func(p ip) []byte { return p.frame(t)[14:] }

	in := ip{from: c.upstream, to: c.mac(c.floating2), src: "198.51.100.1", dst: "203.0.113.72", icmp: []byte{11, 0},
		payload: quoted(ip{src: "203.0.113.72", dst: "8.8.8.8", tcp: true, ttl: 1})}
	w.fromWire(in.frame(t))
	expect(t, w.take("red2", 1)[0], heard{c.inRed.MAC, c.red2.MAC, "198.51.100.1", "10.0.0.12", 19, icmp.TimeExceeded, 0, "10.0.0.12", "8.8.8.8"})

	in.to, in.dst, in.payload = c.mac(c.floating3), "203.0.113.73", quoted(ip{src: "203.0.113.73", dst: "8.8.8.8"})
	w.fromWire(in.frame(t))
	expect(t, w.take("blue3", 1)[0], heard{c.inBlue.MAC, c.blue3.MAC, "198.51.100.1", "10.0.1.13", 19, icmp.TimeExceeded, 0, "10.0.1.13", "8.8.8.8"})

	out := ip{from: c.red2.MAC, to: c.inRed.MAC, src: "10.0.0.12", dst: "203.0.113.9", icmp: []byte{3, 3}, payload: quoted(ip{src: "203.0.113.9", dst: "10.0.0.12"})}
	w.from(c.red2, out.frame(t))
	expect(t, w.take("wire n2", 1)[0],
		heard{c.mac(c.floating2), c.host, "203.0.113.72", "203.0.113.9", 19, icmp.PortUnreachable, 0, "203.0.113.9", "203.0.113.72"})

	out.ttl = 1
	w.from(c.red2, out.frame(t))
	w.take("nowhere", 0)
}

// Between two floating IPs of one router: the VM whose packet it was sees its own address, and the other's floating IP.
func TestErrorBetweenFloatingIPs(t *testing.T) {
	c := newTown()
	red4 := c.VM(c.red, c.n2, "red4", "10.0.0.14")
	f4 := c.FloatingIP(c.ext, "203.0.113.74", red4, c.router)
	c.Neighbour(c.router, "203.0.113.73", c.mac(c.floating3))
	w := build(t, &c.Cloud)
	w.from(c.red2, ip{from: c.red2.MAC, to: c.inRed.MAC, src: "10.0.0.12", dst: "203.0.113.74"}.frame(t))
	got := w.take("red4", 1)[0]
	answer := ip{from: red4.MAC, to: c.inRed.MAC, src: "10.0.0.14", dst: "203.0.113.72", icmp: []byte{3, 3}, payload: got[14:]}
	w.from(red4, answer.frame(t))
	expect(t, w.take("red2", 1)[0],
		heard{c.inRed.MAC, c.red2.MAC, f4.Address.String(), "10.0.0.12", 18, icmp.PortUnreachable, 0, "10.0.0.12", "203.0.113.74"})

	w.from(red4, ip{from: red4.MAC, to: c.inRed.MAC, src: "10.0.0.14", dst: "203.0.113.72", ttl: 2}.frame(t))
	expect(t, w.take("red4", 1)[0],
		heard{c.inRed.MAC, red4.MAC, "10.0.0.1", "10.0.0.14", 64, icmp.TimeExceeded, 0, "10.0.0.14", "203.0.113.72"})
}

// A first packet to an unknown neighbour waits: the node asks, sends it on when it is answered, or tells the sender.
func TestQuestion(t *testing.T) {
	c := newTown()
	for _, x := range []struct {
		name string
		vm   *model.Port
		node *model.Node
		as   model.MAC
		addr string
		src  string
	}{
		{"floating IP", c.red2, c.n2, c.mac(c.floating2), "203.0.113.72", "203.0.113.72"},
		{"source NAT", c.red1, c.n1, c.gateway.MAC, "203.0.113.70", "203.0.113.70"},
		{"floating IP on the gateway node", c.blue3, c.n1, c.gateway.MAC, "203.0.113.70", "203.0.113.73"},
	} {
		t.Run(x.name, func(t *testing.T) {
			w := build(t, &c.Cloud)
			in, src := c.inRed, x.vm.FixedIPs[0].IPAddress.String()
			if x.vm == c.blue3 {
				in = c.inBlue
			}
			w.from(x.vm, ip{from: x.vm.MAC, to: in.MAC, src: src, dst: "203.0.113.44"}.frame(t))
			w.take("nowhere", 0)
			if len(w.questions) != 1 {
				t.Fatalf("%d questions", len(w.questions))
			}
			q := w.questions[0]
			if q.Router != c.router.Number || q.Address != netip.MustParseAddr("203.0.113.44") {
				t.Errorf("asks for %s of router %d", q.Address, q.Router)
			}
			again, ok := router.Ask(w.view, x.node, c.router, q.Address)
			if !ok || !bytes.Equal(again.Data, q.Ask.Data) {
				t.Errorf("refreshes with %x, %t", again.Data, ok)
			}
			w.by(x.node, q.Ask)
			asked := w.take("wire "+x.node.Hostname, 1)[0]
			var arp layers.ARP
			if err := arp.DecodeFromBytes(asked[14:], gopacket.NilDecodeFeedback); err != nil {
				t.Fatal(err)
			}
			if model.MAC(asked[6:12]) != x.as || model.MAC(arp.SourceHwAddress) != x.as || arp.Operation != layers.ARPRequest ||
				fmt.Sprint(arp.SourceProtAddress, arp.DstProtAddress) != fmt.Sprint(netip.MustParseAddr(x.addr).AsSlice(), q.Address.AsSlice()) {
				t.Errorf("asks %+v", arp)
			}

			w.by(x.node, q.Release(c.host))
			released := w.take("wire "+x.node.Hostname, 1)[0]
			if model.MAC(released[:6]) != c.host || fmt.Sprintf("%d.%d.%d.%d", released[26], released[27], released[28], released[29]) != x.src {
				t.Errorf("released %s", describe(released))
			}

			if len(q.Unreachable) != 1 {
				t.Fatalf("%d messages to the sender", len(q.Unreachable))
			}
			w.by(x.node, q.Unreachable[0])
			if x.vm == c.red1 { // by conntrack
				w.arrived = nil
			} else {
				expect(t, w.take(x.vm.Name, 1)[0],
					heard{in.MAC, x.vm.MAC, in.FixedIPs[0].IPAddress.String(), src, 64, icmp.HostUnreachable, 0, src, "203.0.113.44"})
			}

			for _, r := range w.switches[x.node.Number].Apply([]flow.Change{{Op: flow.OpAdd, Flow: q.Drop}}) {
				t.Fatal(r.Reason)
			}
			if e, err := q.Drop.Decode(); err != nil || e.HardTimeout != 1 || e.Table != pipeline.Neighbour.ID || len(e.Apply) > 0 || e.HasGoto {
				t.Errorf("drops by %+v, %v", e, err)
			}
			w.questions = nil
			w.from(x.vm, ip{from: x.vm.MAC, to: in.MAC, src: src, dst: "203.0.113.44"}.frame(t))
			if len(w.questions) != 0 {
				t.Error("asks again")
			}
			w.from(x.vm, ip{from: x.vm.MAC, to: in.MAC, src: src, dst: "203.0.113.45"}.frame(t))
			if len(w.questions) != 1 {
				t.Error("does not ask for another address")
			}
		})
	}
}

func TestAskWithoutAWay(t *testing.T) {
	c := newTown()
	v := c.View()
	if _, ok := router.Ask(v, v.Node(c.n3.Number), c.router, netip.MustParseAddr("203.0.113.44")); ok {
		t.Error("a node without the bridge asks")
	}
	if _, ok := router.Ask(v, v.Node(c.n1.Number), c.router, netip.MustParseAddr("2001:db8::1")); ok {
		t.Error("asks for an IPv6 address by ARP")
	}
}
