package e2e

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/planck-sdn/planck/tests/lab"
)

// TestICMPErrors: what goes wrong on the way is told to the program that sent the packet, through every translation, and though
// security groups let none of it in but as part of a connection.
func TestICMPErrors(t *testing.T) {
	t.Parallel()
	s := startFloating(t, Options{ClosedGroups: true})
	for _, project := range []*Client{s.red, s.blue} {
		for _, words := range []string{"ingress tcp", "ingress udp", "ingress icmp 8"} {
			project.CreateRule(project.DefaultGroup(), Rule(words))
		}
	}
	s.WaitConverged()
	host, far := s.w.Host, s.w.Far
	// A VM whose network takes larger packets than the others'.
	wide := s.CreateNetwork("wide", Attrs{"project_id": "red", "provider:network_type": "vlan", "provider:physical_network": "public", "provider:segmentation_id": 300})
	s.red.AddInterface(s.router.ID, s.red.CreateSubnet(wide, "10.5.0.0/24", nil))
	large := s.Boot(s.nodes[1], s.red.CreatePort(wide, "large", nil))
	s.of[large] = s.red.CreateFloatingIP(s.w.Net, Attrs{"port_id": large.Port.ID})
	s.WaitConverged()
	f := func(v *VM) string { return s.of[v].Address }

	s.Run("a closed port", func(t *testing.T) {
		pairs := []struct {
			from *VM
			to   string
		}{
			// Through source NAT, out of and into floating IPs, between floating IPs on one node, on two and on the gateway node.
			{s.bare, hostIP}, {s.bare, farIP}, {s.plain, hostIP}, {s.plain, farIP},
			{s.here, hostIP}, {s.here, farIP}, {s.there, hostIP}, {s.there, farIP},
			{host, f(s.here)}, {far, f(s.here)}, {host, f(s.there)}, {far, f(s.there)},
			{s.here, f(s.there)}, {s.there, f(s.here)}, {s.here, f(s.other)}, {s.other, f(s.here)}, {s.there, f(s.other)}, {s.other, f(s.there)},
			{s.here, f(s.here)}, {s.there, f(s.there)},
			{s.bare, f(s.here)}, {s.bare, f(s.there)}, {s.plain, f(s.here)}, {s.plain, f(s.other)},
			{large, f(s.here)}, {s.here, f(large)},
		}
		for _, p := range pairs {
			if err := p.from.UDPError(p.to, closedPort); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%s sends to a closed port of %s: %v", p.from.Name, p.to, err)
			}
		}
	})

	s.Run("nobody there", func(t *testing.T) {
		if _, err := s.w.Gateway.Exec("ip", "route", "add", "unreachable", "192.0.2.0/24"); err != nil {
			t.Fatal(err)
		}
		for _, v := range []*VM{s.bare, s.plain, s.here, s.there} {
			if err := v.UDPError("192.0.2.1", closedPort); !errors.Is(err, syscall.EHOSTUNREACH) {
				t.Errorf("%s sends to where the gateway knows no way: %v", v.Name, err)
			}
		}
		for _, v := range []*VM{s.bare, s.plain, s.here, s.there} {
			// What comes in the second after an unanswered question is dropped: programs send again.
			lab.Eventually(t, 4*patience, v.Name+" sends to nobody outside", func() error {
				if err := v.UDPError("203.0.113.251", closedPort); !errors.Is(err, syscall.EHOSTUNREACH) {
					return fmt.Errorf("it is told %v", err)
				}
				return nil
			})
		}
	})

	s.Run("traceroute", func(t *testing.T) {
		for _, options := range [][]string{nil, {"-I"}} {
			for _, v := range []*VM{s.bare, s.plain, s.here, s.there} {
				v.MustTrace(farIP, options, "10.1.0.1", gatewayIP, farIP)
			}
			for _, v := range []*VM{s.here, s.there} {
				far.MustTrace(f(v), options, "198.51.100.1", s.router.GatewayIP(), f(v))
			}
			// Out of the router, and into it again or into another.
			s.here.MustTrace(f(s.there), options, "10.1.0.1", "", f(s.there))
			s.there.MustTrace(f(s.other), options, "10.1.0.1", "", f(s.other))
			s.bare.MustTrace(f(s.other), options, "10.1.0.1", "", f(s.other))
		}
	})

	s.Run("too big", func(t *testing.T) {
		const headers = 20 + 8 // IPv4, ICMP
		for _, p := range []struct {
			from *VM
			to   string
			mtu  int
		}{
			{s.bare, farIP, narrowMTU}, {s.plain, farIP, narrowMTU}, {s.here, farIP, narrowMTU}, {s.there, farIP, narrowMTU},
			{host, f(s.here), s.net.MTU}, {host, f(s.there), s.net.MTU},
			{large, f(s.here), s.net.MTU}, {large, f(s.there), s.net.MTU}, {large, f(s.other), s.net.MTU},
			{large, s.here.IP, s.net.MTU}, {large, s.there.IP, s.net.MTU}, // by the router alone
			{large, farIP, narrowMTU},
		} {
			size, err := p.from.linkMTU()
			if err != nil {
				t.Fatal(err)
			}
			// What may be fragmented arrives, and so does its answer: by a router, or by the sender. (By both, a piece from the middle
			// is shorter than the 1,200 bytes that the conntrack of Open vSwitch's userspace datapath wants of all but the last.)
			pings := []lab.PingOptions{{Size: size - headers, Fragment: true}, {Size: 2000}}
			if p.mtu == s.net.MTU {
				pings = pings[:1]
			}
			for _, o := range pings {
				if r, err := p.from.Ping(p.to, o); err != nil || r.Lost() != 0 {
					t.Errorf("%s pings %s with %d bytes in fragments: %v, %v", p.from.Name, p.to, o.Size, r, err)
				}
			}
			if mtu, err := p.from.PathMTU(p.to, size); err != nil || mtu != p.mtu {
				t.Errorf("%s finds a path MTU of %d to %s, %v; expected %d", p.from.Name, mtu, p.to, err, p.mtu)
			}
		}
	})

	s.Run("a stream finds its size", func(t *testing.T) {
		for _, p := range []struct {
			from, to *VM
			ip       string
		}{
			{s.plain, far, farIP}, {s.here, far, farIP}, {s.there, far, farIP}, {far, s.there, f(s.there)},
			{host, s.here, f(s.here)}, {large, s.there, f(s.there)}, {s.there, large, f(large)}, {large, s.here, s.here.IP},
		} {
			if _, err := p.from.Exec("ip", "route", "flush", "cache"); err != nil {
				t.Fatal(err)
			}
			const size = 1 << 19
			if n, err := p.from.Transfer(p.to, p.ip, size); err != nil || n != size {
				t.Errorf("%s sends to %s at %s: %d of %d bytes, %v", p.from.Name, p.to.Name, p.ip, n, size, err)
			}
		}
	})
}
