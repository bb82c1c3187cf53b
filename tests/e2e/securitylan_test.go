package e2e

import (
	"encoding/binary"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/tests/lab"
)

// broadcast: copies of what is for everybody pass the rules of each who gets one.
func (s *secured) broadcast(t *testing.T) {
	to := []*VM{s.server, s.far, s.loner, s.farLoner}
	sends := func(from *VM) map[*VM]*Witness {
		t.Helper()
		watch := map[*VM]*Witness{}
		for _, v := range to {
			watch[v] = v.Watch("")
		}
		from.SendFrames(from.IPv4Broadcast("broadcast"),
			IPv4("subnet broadcast", from.MAC, Broadcast, from.IP, "10.1.0.255"),
			IPv4("multicast", from.MAC, "01:00:5e:00:00:fb", from.IP, "224.0.0.251"),
			IPv4("unicast to everybody", from.MAC, Broadcast, from.IP, s.server.IP),
			ARP("announcement", Broadcast, layers.ARPRequest, from.MAC, from.IP, nobody, from.IP))
		for v, w := range watch {
			if v != from {
				w.Await("announcement") // is no packet of IP, and the last
			}
		}
		return watch
	}
	all := []string{"broadcast", "subnet broadcast", "multicast", "unicast to everybody", "announcement"}
	watch := sends(s.near)
	s.near.Settle(watch[s.server], watch[s.far])
	for v, w := range watch {
		if v == s.server || v == s.far {
			w.Got(all...)
		} else {
			w.Got("announcement")
		}
	}
	for _, stranger := range []*VM{s.loner, s.farLoner} {
		watch := sends(stranger)
		s.near.Settle(watch[s.server], watch[s.far])
		for v, w := range watch {
			if v != stranger {
				w.Got("announcement")
			}
		}
	}
}

// ipv6: frames of IPv6 come neither from a port with port security nor to one, whatever its groups.
func (s *secured) ipv6(t *testing.T) {
	everything := s.red.CreateGroup("everything", nil, Rule("ingress any"), Rule("ingress any").with(Attrs{"ethertype": "IPv6"}))
	s.in(s.server, everything)
	s.in(s.far, everything)
	off := Attrs{"port_security_enabled": false}
	raw := s.Boot(s.nodes[0], s.red.CreatePort(s.inside, "raw", off))
	other := s.Boot(s.nodes[1], s.red.CreatePort(s.inside, "other", off))
	witnesses := []*Witness{s.server.Watch(""), s.far.Watch(""), other.Watch(""), raw.Watch("")}
	frames := func(from *VM) (list []Frame) {
		for _, to := range []*VM{s.server, s.far, other, raw} {
			for _, dst := range []string{to.MAC, Broadcast, "33:33:00:00:00:01"} {
				list = append(list, Ethernet(fmt.Sprintf("for %s from %s, to %s", to.Name, from.Name, dst), from.MAC, dst, layers.EthernetTypeIPv6),
					Ethernet(fmt.Sprintf("LLDP for %s from %s, to %s", to.Name, from.Name, dst), from.MAC, dst, layers.EthernetTypeLinkLayerDiscovery))
			}
		}
		return list
	}
	raw.SendFrames(frames(raw)...)
	raw.Settle(witnesses[:3]...)
	s.near.SendFrames(frames(s.near)...)
	s.near.Settle(witnesses...)
	witnesses[0].Got()
	witnesses[1].Got()
	witnesses[3].Got()
	if got := witnesses[2].Names(); len(got) != 18 { // its own six, and of the others' what is for everybody
		t.Errorf("a port without port security got %q", got)
	}
	for _, v := range []*VM{raw, other} {
		v.Close()
		s.DeletePort(v.Port.ID)
	}
	s.in(s.server, s.group)
	s.in(s.far, s.group)
	s.red.DeleteGroup(everything.ID)
}

// fragments: a datagram in fragments is judged as a whole, also the first of its connection.
func (s *secured) fragments(t *testing.T) {
	const size = 4000
	s.as(nil, []Attrs{Rule("ingress udp 7000"), Rule("ingress icmp 8").from(s.far.IP), Rule("ingress icmp 8").from(s.routed.IP)}, func(Group) {
		for _, from := range []*VM{s.far, s.routed} {
			if r, err := from.Ping(s.server.IP, lab.PingOptions{Size: size}); err != nil || r.Lost() != 0 {
				t.Errorf("%s pings with fragments: %v, %v", from.Name, r, err)
			}
		}
		for _, from := range []*VM{s.near, s.far, s.routed} {
			seen := s.server.Capture("inbound and src host " + from.IP + " and ip[6:2] & 0x3fff != 0") // fragments
			var allowed net.Conn
			for _, port := range []int{closedPort, talkPort} {
				conn, err := from.Dial(t.Context(), "udp4", net.JoinHostPort(s.server.IP, fmt.Sprint(port)))
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				if _, err := conn.Write(make([]byte, size)); err != nil {
					t.Fatal(err)
				}
				allowed = conn
			}
			if err := allowed.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			if _, err := allowed.Read(make([]byte, 100)); err != nil {
				t.Errorf("%s: a datagram in fragments is not answered: %v", from.Name, err)
			}
			if _, err := from.Hears("udp4", s.server.IP, talkPort); err != nil { // behind all of them
				t.Error(err)
			}
			frames, err := seen.Frames()
			if err != nil {
				t.Fatal(err)
			}
			total := 0
			for _, f := range frames {
				ip := ipv4(f)
				if ip.FragOffset == 0 && binary.BigEndian.Uint16(ip.Payload[2:]) != talkPort {
					t.Errorf("%s: a datagram to a port that is closed came in", from.Name)
				}
				total += len(ip.Payload)
			}
			const header = 8
			if total != size+header {
				t.Errorf("%s: fragments of %d bytes came in, expected %d", from.Name, total, size+header)
			}
		}
	})
}
