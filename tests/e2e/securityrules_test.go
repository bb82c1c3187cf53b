package e2e

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
)

// packets are what the tests of rules send, see Named.
var packets = []string{"tcp 21", "tcp 22", "tcp 23", "tcp 999", "tcp 1000", "tcp 1005", "tcp 1010", "tcp 1011",
	"udp 22", "udp 53", "udp 1005", "icmp 8", "icmp 13", "47"}

// forMarks lets marks through, by which a test knows that all has come in: see Settle.
const forMarks = "udp 9"

// ingressRules: a rule lets in what it says, and from nobody else, whether the sender is on the node or on another.
func (s *secured) ingressRules(t *testing.T) {
	near, far := s.near, s.far
	all := func(v *VM, words ...string) (names []string) {
		for _, w := range words {
			names = append(names, v.Name+" "+w)
		}
		return names
	}
	both := func(words ...string) []string { return append(all(near, words...), all(far, words...)...) }
	tcp := packets[:8]
	s.as(nil, []Attrs{Rule("ingress " + forMarks)}, func(g Group) {
		for _, c := range []struct {
			name  string
			rules []Attrs
			in    []string
		}{
			{"none", nil, nil},
			{"tcp 22", []Attrs{Rule("ingress tcp 22")}, both("tcp 22")},
			{"a range", []Attrs{Rule("ingress tcp 1000-1010")}, both("tcp 1000", "tcp 1005", "tcp 1010")},
			{"a protocol", []Attrs{Rule("ingress tcp")}, both(tcp...)},
			{"a protocol by number", []Attrs{Rule("ingress 47")}, both("47")},
			{"udp 53", []Attrs{Rule("ingress udp 53")}, both("udp 53")},
			{"echo", []Attrs{Rule("ingress icmp 8")}, both("icmp 8")},
			{"icmp", []Attrs{Rule("ingress icmp")}, both("icmp 8", "icmp 13")},
			{"an address", []Attrs{Rule("ingress any").from(near.IP)}, all(near, packets...)},
			{"a prefix", []Attrs{Rule("ingress udp 53").from("10.1.0.0/24"), Rule("ingress tcp 22").from("10.2.0.0/24")}, both("udp 53")},
			{"a group", []Attrs{Rule("ingress any").from(s.group)}, both(packets...)},
			{"a group, and ports", []Attrs{Rule("ingress tcp 22").from(s.group), Rule("ingress tcp 1005-1011").from(s.group), Rule("ingress icmp 8").from(g)},
				both("tcp 22", "tcp 1005", "tcp 1010", "tcp 1011")},
			{"for IPv6", []Attrs{Rule("ingress any").with(Attrs{"ethertype": "IPv6"})}, nil},
			{"for the other way", []Attrs{Rule("egress tcp 22")}, nil},
			{"everything", []Attrs{Rule("ingress any")}, both(packets...)},
		} {
			var rules []string
			for _, r := range c.rules {
				rules = append(rules, s.red.CreateRule(g, r))
			}
			s.WaitConverged()
			witness := s.server.Watch("")
			for _, v := range []*VM{near, far} {
				for _, words := range packets {
					v.SendFrames(v.Named(s.server, words))
				}
				v.Settle(witness)
			}
			t.Log(c.name)
			witness.Got(c.in...)
			for _, id := range rules {
				s.red.DeleteRule(id)
			}
		}
	})
}

// egressRules: without rules a VM sends nothing but replies; with one, what it says, to whom it says.
func (s *secured) egressRules(t *testing.T) {
	open := s.red.CreateGroup("open", nil, Rule("ingress any"))
	// Without the protocol without ports that was let in: what is sent back is a reply.
	packets := append(slices.Clone(packets[:len(packets)-1]), "50")
	s.in(s.near, s.group, open)
	s.in(s.far, s.group, open)
	s.as(nil, []Attrs{Rule("ingress any")}, func(g Group) {
		for _, r := range g.Rules { // the two that let everything out
			s.red.DeleteRule(r.ID)
		}
		s.red.CreateRule(g, Rule("egress "+forMarks))
		sends := func(expected map[*VM][]string) {
			t.Helper()
			s.WaitConverged()
			for _, to := range []*VM{s.near, s.far} {
				witness := to.Watch("src host " + s.server.IP + " or src host " + to.IP)
				for _, words := range packets {
					s.server.SendFrames(s.server.Named(to, words))
				}
				s.server.Settle(witness)
				var names []string
				for _, words := range expected[to] {
					names = append(names, s.server.Name+" "+words)
				}
				witness.Got(names...)
			}
		}
		sends(nil)
		s.Passable(s.near.to(s.server), s.far.to(s.server)) // it may answer
		s.Impassable(s.server.to(s.near), s.server.to(s.far), s.server.to(s.w.Host))
		first := s.red.CreateRule(g, Rule("egress udp 53"))
		second := s.red.CreateRule(g, Rule("egress tcp 1000-1005").from(s.far.IP))
		sends(map[*VM][]string{s.near: {"udp 53"}, s.far: {"udp 53", "tcp 1000", "tcp 1005"}})
		s.red.DeleteRule(first)
		s.red.DeleteRule(second)
		sends(nil)
		s.red.CreateRule(g, Rule("egress any").from(open))
		sends(map[*VM][]string{s.near: packets, s.far: packets})
		s.Impassable(s.server.to(s.w.Host))
	})
	s.in(s.near, s.group)
	s.in(s.far, s.group)
	s.red.DeleteGroup(open.ID)
}

// stateless: what comes in and what goes out each needs a rule, and nothing is remembered.
func (s *secured) stateless(t *testing.T) {
	s.as(Attrs{"stateful": false}, []Attrs{Rule("ingress udp 7000"), Rule("ingress icmp 8")}, func(g Group) {
		for _, r := range g.Rules {
			s.red.DeleteRule(r.ID)
		}
		s.WaitConverged()
		for _, v := range []*VM{s.near, s.far} {
			witness := s.server.Watch("inbound and udp dst port 7000 and src host " + v.IP)
			if h, err := v.Hears("udp4", s.server.IP, talkPort); err == nil {
				t.Errorf("%s answers without a rule for it", h.By)
			}
			if err := witness.capture.Seen(1); err != nil {
				t.Errorf("%s: %v", v.Name, err)
			}
			v.MustNotReach(s.server.IP)
		}
		s.red.CreateRule(g, Rule("egress udp 1024-65535").from(s.far.IP))
		s.red.CreateRule(g, Rule("egress icmp 0"))
		s.WaitConverged()
		s.near.MustReach(s.server.IP)
		talk := s.talks(s.far, "udp4", s.server.IP, talkPort)
		if h, err := s.near.Hears("udp4", s.server.IP, talkPort); err == nil {
			t.Errorf("%s answers although the rule is for another", h.By)
		}
		port := talk.conn.LocalAddr().(*net.UDPAddr).Port
		if all := s.tracked(s.server); strings.Contains(all, fmt.Sprintf("sport=%d,", port)) {
			t.Errorf("conntrack remembers of a stateless port\n%s", all)
		}
		if all := s.tracked(s.far); !strings.Contains(all, fmt.Sprintf("sport=%d,", port)) {
			t.Errorf("conntrack remembers of a stateful port\n%s", all)
		}
	})
}
