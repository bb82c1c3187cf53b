package e2e

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/tests/lab"
)

// tracked is what conntrack on its node remembers of a VM's port.
func (s *secured) tracked(v *VM) string {
	s.t.Helper()
	return s.zone(v.Node(), s.ofport(v))
}

func (s *secured) ofport(v *VM) uint32 {
	s.t.Helper()
	ofport, err := v.Node().Ofport(v.Interface())
	if err != nil {
		s.t.Fatal(err)
	}
	return ofport
}

// zone is what conntrack remembers in a zone.
func (s *secured) zone(n *lab.Node, number uint32) string {
	s.t.Helper()
	out, err := n.Appctl("dpctl/dump-conntrack", fmt.Sprint("zone=", number))
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// twins: connections of two tenants from the same addresses and ports to the same addresses and ports, through the same nodes.
// The rules of one cut its own.
func (s *secured) twins(t *testing.T) {
	n := s.blue.CreateNetwork("inside", nil)
	s.blue.CreateSubnet(n, "10.1.0.0/24", nil)
	twin := func(node *lab.Node, of *VM) *VM {
		p := s.blue.CreatePort(n, "twin", Attrs{"mac_address": of.MAC, "fixed_ips": []Attrs{{"ip_address": of.IP}}})
		v := s.Boot(node, p)
		v.Serve(talkPort)
		return v
	}
	client, server := twin(s.nodes[1], s.near), twin(s.nodes[0], s.far) // where red's are not
	s.Passable(client.to(server), s.near.to(s.far))
	const from = 20000
	talk := func(v *VM) (talks []*Talk) {
		for network, local := range map[string]net.Addr{"tcp4": &net.TCPAddr{Port: from}, "udp4": &net.UDPAddr{Port: from}} {
			talk, err := v.TalkFrom(local, network, s.far.IP, talkPort)
			if err != nil {
				t.Fatal(err)
			}
			talks = append(talks, talk)
		}
		return talks
	}
	red, blue := talk(s.near), talk(client)
	for range 2 {
		for by, talks := range map[*VM][]*Talk{s.far: red, server: blue} {
			for _, talk := range talks {
				if h, err := talk.Say(); err != nil || h.By != by.Name || h.From.Port() != from {
					t.Errorf("%s: %+v, %v; expected %s to answer", talk.what, h, err, by.Name)
				}
			}
		}
	}
	for _, v := range []*VM{s.near, s.far, client, server} { // each in a zone of its own
		if n := strings.Count(s.tracked(v), fmt.Sprintf("src=%s,dst=%s,sport=%d,dport=%d", s.near.IP, s.far.IP, from, talkPort)); n != 2 {
			t.Errorf("%s: conntrack remembers %d connections, expected 2", v.Name, n)
		}
	}
	for _, r := range s.group.Rules {
		if r.Direction == "ingress" && r.EtherType == "IPv4" {
			s.red.DeleteRule(r.ID)
		}
	}
	s.WaitConverged()
	s.cut(red...)
	s.goesOn(blue...)
	s.red.CreateRule(s.group, Rule("ingress any").from(s.group))
	s.WaitConverged()
	s.goesOn(red...)
	s.goesOn(blue...)
	for _, talk := range append(red, blue...) {
		talk.Close()
	}
	for _, v := range []*VM{client, server} {
		v.Close()
		s.DeletePort(v.Port.ID)
	}
	s.DeleteNetwork(n.ID)
}

// successor: a port is deleted and its address and MAC are given to another at once, on the same interface of Open vSwitch and on
// another node. What the first one was part of is nothing to the second.
func (s *secured) successor(t *testing.T) {
	served := s.red.CreateGroup("served", nil, Rule("ingress tcp 7000"), Rule("ingress udp 7000"))
	closed := s.red.CreateGroup("closed", nil)
	s.in(s.near, s.group, served)
	s.in(s.far, s.group, served)
	port := s.red.CreatePort(s.inside, "first", In(served))
	same := Attrs{"mac_address": port.MAC, "fixed_ips": []Attrs{{"ip_address": port.IP()}}}.with(In(closed))
	v := s.Boot(s.nodes[0], port)
	v.Serve(talkPort)
	successor := func(name string, plug func(p Port) *VM) {
		t.Helper()
		begun := []*Talk{s.talks(s.near, "tcp4", v.IP, talkPort), s.talks(s.far, "tcp4", v.IP, talkPort)}
		// What it asked for comes in by the connections that it began. A successor that inherited them would get it, too.
		answers := map[*VM]Frame{}
		for _, from := range []*VM{s.near, s.far} {
			port := s.talks(v, "udp4", from.IP, talkPort).conn.LocalAddr().(*net.UDPAddr).Port
			answers[from] = UDP(from.Name+" answers", from.MAC, v.MAC, from.IP, v.IP, talkPort, layers.UDPPort(port))
			witness := v.Watch("")
			from.SendFrames(answers[from])
			witness.Await(answers[from].Name)
		}
		node, zone := v.Node(), s.ofport(v)
		if s.zone(node, zone) == "" {
			t.Errorf("%s: conntrack remembers nothing of a port that has connections", name)
		}
		s.DeletePort(v.Port.ID)
		v = plug(s.red.CreatePort(s.inside, name, same))
		s.WaitConverged()
		if left := s.zone(v.Node(), s.ofport(v)); strings.Contains(left, v.IP) {
			t.Errorf("%s: conntrack remembers of its predecessor\n%s", name, left)
		}
		witness := v.Watch("")
		for from, f := range answers {
			from.SendFrames(f)
		}
		s.cut(begun...)
		s.in(v, served) // the next may come in again; by then all others have, or never will
		for _, from := range []*VM{s.near, s.far} {
			mark := from.Named(v, "udp 7000")
			from.SendFrames(mark)
			witness.Await(mark.Name)
		}
		witness.Got(s.near.Name+" udp 7000", s.far.Name+" udp 7000")
		for _, talk := range begun {
			talk.Close()
		}
	}
	successor("sameinterface", func(p Port) *VM {
		if _, err := v.Node().Vsctl("set", "Interface", v.Interface(), "external_ids:iface-id="+p.ID); err != nil {
			t.Fatal(err)
		}
		next := *v
		next.Port = s.WaitActive(p.ID)
		return &next
	})
	successor("othernode", func(p Port) *VM {
		old := v
		next := s.Boot(s.nodes[1], p)
		next.Serve(talkPort)
		old.Close()
		return next
	})
	v.Close()
	s.DeletePort(v.Port.ID)
	s.in(s.near, s.group)
	s.in(s.far, s.group)
	s.red.DeleteGroup(served.ID)
	s.red.DeleteGroup(closed.ID)
}
