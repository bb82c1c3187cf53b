package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/planck-sdn/planck/tests/lab"
)

// membership: who leaves a remote group is cut off at once, in the middle of what it does, and nobody else is.
func (s *secured) membership(t *testing.T) {
	clients := s.red.CreateGroup("clients", nil)
	for _, v := range []*VM{s.near, s.far, s.routed} {
		s.in(v, s.group, clients)
	}
	s.as(nil, []Attrs{Rule("ingress tcp 7000").from(clients), Rule("ingress udp 7000").from(clients), Rule("ingress icmp 8").from(clients)}, func(g Group) {
		talks := map[*VM][]*Talk{}
		pings := map[*VM]*lab.Pinger{}
		for _, v := range []*VM{s.near, s.far, s.routed} {
			v.MustReach(s.server.IP)
			for _, network := range []string{"tcp4", "udp4"} {
				talks[v] = append(talks[v], s.talks(v, network, s.server.IP, talkPort))
			}
			pings[v] = v.StartPing(s.server.IP, pingInterval)
			s.Answered(pings[v], 3, "a member's pings")
		}
		for _, leaver := range []*VM{s.far, s.routed} {
			s.in(leaver, s.group)
			since := time.Now()
			s.cut(talks[leaver]...)
			s.Answered(pings[s.near], 10, "the other member's pings")
			if pings[leaver].AnsweredAfter(since, 1) == nil {
				t.Errorf("pings of %s are still answered", leaver.Name)
			}
			s.goesOn(talks[s.near]...)
		}
		for _, leaver := range []*VM{s.far, s.routed} { // which come back
			s.in(leaver, s.group, clients)
			s.goesOn(talks[leaver]...)
			s.Answered(pings[leaver], 3, "the pings of a member that has come back")
		}
		lostAtMostSingles(t, pings[s.near])
		pings[s.far].Stop()
		pings[s.routed].Stop()
	})
	for _, v := range []*VM{s.near, s.far, s.routed} {
		s.in(v, s.group)
	}
	s.red.DeleteGroup(clients.ID)
}

// groupsOfAPort: with a group, or a rule, goes what it let through, and nothing else.
func (s *secured) groupsOfAPort(t *testing.T) {
	const other = talkPort + 1
	s.server.Serve(other)
	one := s.red.CreateGroup("one", nil, Rule("ingress tcp 7000"), Rule("ingress icmp 8"))
	two := s.red.CreateGroup("two", nil, Rule("ingress tcp 7001"))
	s.in(s.server, one, two)
	first, second := s.talks(s.farLoner, "tcp4", s.server.IP, talkPort), s.talks(s.farLoner, "tcp4", s.server.IP, other)
	outside := s.talks(s.w.Host, "tcp4", s.floating.Address, talkPort)
	ping := s.loner.StartPing(s.server.IP, pingInterval)
	s.Answered(ping, 3, "pings that the group lets in")
	s.in(s.server, two)
	since := time.Now()
	s.goesOn(second)
	s.cut(first, outside)
	if ping.AnsweredAfter(since, 1) == nil {
		t.Error("pings are still answered")
	}
	s.in(s.server, one)
	s.Answered(ping, 3, "pings that the group lets in again")
	s.goesOn(first, outside)
	s.cut(second)
	ping.Stop()
	s.in(s.server)
	s.cut(first, second, outside)
	s.Impassable(s.server.to(s.w.Host)) // without groups nothing passes
	s.in(s.server, s.group)
	s.red.DeleteGroup(one.ID)
	s.red.DeleteGroup(two.ID)
}

// stream: rules, members and groups that do not concern a stream come and go, and it loses nothing.
func (s *secured) stream(t *testing.T) {
	clients := s.red.CreateGroup("clients", nil)
	other := s.red.CreateGroup("other", nil)
	s.as(nil, []Attrs{Rule("ingress tcp 5201-5202"), Rule("ingress udp 5202"), Rule("ingress icmp 8")}, func(g Group) {
		for _, port := range []string{"5201", "5202"} {
			p, err := s.server.Start("iperf3", "-s", "-p", port)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Kill()
			lab.Eventually(t, limit, "iperf3 listens", func() error {
				out, err := s.server.Exec("ss", "-Hltn", "sport = :"+port)
				if err == nil && out == "" {
					err = errors.New("not yet")
				}
				return err
			})
		}
		ping := s.far.StartPing(s.server.IP, pingInterval)
		results := make(chan error, 2)
		go func() { results <- steady(s.far, s.server.IP, "-p", "5201", "-b", "10M") }()
		go func() { results <- steady(s.far, s.server.IP, "-p", "5202", "-b", "400k", "-u", "-l", "200") }()
		changes := 0
		for left := 2; left > 0; {
			rules := []string{s.red.CreateRule(g, Rule("ingress tcp 22")), s.red.CreateRule(g, Rule("ingress tcp 5201").from(clients)),
				s.red.CreateRule(g, Rule("ingress tcp 5000-6000").from("192.0.2.0/24")), s.red.CreateRule(g, Rule("ingress any").from(other))}
			s.in(s.near, s.group, clients)
			s.in(s.far, s.group, other)
			s.in(s.server, g, s.group)
			s.in(s.server, g)
			s.in(s.far, s.group)
			for _, id := range rules {
				s.red.DeleteRule(id)
			}
			s.in(s.near, s.group)
			changes++
			for more := true; more; {
				select {
				case err := <-results:
					if left--; err != nil {
						t.Error(err)
					}
				default:
					more = false
				}
			}
		}
		t.Logf("%d rounds of changes", changes)
		lostAtMostSingles(t, ping)
	})
	s.red.DeleteGroup(clients.ID)
	s.red.DeleteGroup(other.ID)
}

// lostAtMostSingles ends a ping during which a dozen changes and more were made, and fails the test unless all but three packets were
// answered, and of two in a row always one: a loaded machine was seen to lose one of 3,505 while iperf3 ran and nothing changed.
func lostAtMostSingles(t *testing.T, p *lab.Pinger) {
	t.Helper()
	r := p.Stop()
	t.Log(r)
	if r.Lost() > 3 || r.Outage >= 2*pingInterval {
		t.Errorf("lost %d packets, %v of them in a row", r.Lost(), r.Outage)
	}
}

// steady has iperf3 send to an address for three seconds, slowly, and returns an error if more was lost or sent again than it loses
// without any change: up to 3 of 750 datagrams, and 6 segments, when both begin at once.
func steady(v *VM, ip string, options ...string) error {
	out, err := v.Exec(append([]string{"iperf3", "-c", ip, "-t", "3", "-J"}, options...)...)
	if err != nil {
		return err
	}
	var report struct {
		Error string
		End   struct {
			Sent struct {
				Bytes       int64
				Retransmits int
			} `json:"sum_sent"`
			Sum struct {
				Packets int
				Lost    int `json:"lost_packets"`
			}
		}
	}
	switch err := json.Unmarshal([]byte(out), &report); {
	case err != nil:
		return err
	case report.Error != "":
		return errors.New(report.Error)
	}
	if e := report.End; e.Sent.Retransmits > 10 || e.Sum.Lost > 5 || e.Sent.Bytes == 0 && e.Sum.Packets == 0 {
		return fmt.Errorf("iperf3 %v: %+v", options, e)
	}
	return nil
}
