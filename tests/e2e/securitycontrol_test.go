package e2e

import (
	"testing"
)

// withoutControl: what is allowed and what is not stays so without planckd, and planckd's return changes nothing.
func (s *secured) withoutControl(t *testing.T) {
	talks := []*Talk{s.talks(s.near, "tcp4", s.server.IP, talkPort), s.talks(s.far, "tcp4", s.server.IP, talkPort),
		s.talks(s.server, "tcp4", farIP, talkPort)}
	s.WaitConverged()
	entries := s.EntryAges()
	ping := s.far.StartPing(s.server.IP, pingInterval)
	s.Answered(ping, 3, "before")
	s.nodes[0].CutControl()
	s.Planckd.Kill()
	s.goesOn(talks...)
	s.Passable(s.routed.to(s.server)) // what is new, too
	s.Impassable(s.loner.to(s.server), s.farLoner.to(s.server))
	s.Planckd.Start()
	s.WaitReady(s.nodes[1])
	s.goesOn(talks...)
	s.nodes[0].RestoreControl()
	s.WaitReady(s.nodes...)
	s.WaitConverged()
	s.goesOn(talks...)
	s.Answered(ping, 20, "with the new controller")
	lostNothing(t, ping)
	s.sentNothing()
	s.Kept(entries)
}

// forgotten: a node that has lost its connections, and its entries, lets go on what may begin, and nothing else.
func (s *secured) forgotten(t *testing.T) {
	talks := []*Talk{s.talks(s.near, "tcp4", s.server.IP, talkPort), s.talks(s.far, "tcp4", s.server.IP, talkPort),
		s.talks(s.server, "tcp4", s.far.IP, talkPort)}
	if err := s.nodes[0].RestartVswitchd(); err != nil {
		t.Fatal(err)
	}
	s.goesOn(talks...)
	s.WaitReady(s.nodes...)
	s.WaitConverged()
	s.Passable(s.routed.to(s.server))
	s.Impassable(s.loner.to(s.server), s.farLoner.to(s.server))
}
