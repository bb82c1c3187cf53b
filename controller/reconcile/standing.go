package reconcile

// Standing is what a switch has last published of itself. Unlike Summary it is to be had at any time: nobody waits for the switch.
type Standing struct {
	State       State
	Flows       int // wanted
	Groups      int
	Meters      int
	Quarantined int // units
}

// Standing returns what the switch has last published.
func (s *Switch) Standing() Standing {
	if p := s.standing.Load(); p != nil {
		return *p
	}
	return Standing{State: Away}
}

// publish is called by the owner of the tables.
func (s *Switch) publish() {
	s.standing.Store(&Standing{State: s.state, Flows: len(s.tables.flows.wanted), Groups: len(s.tables.groups.wanted),
		Meters: len(s.tables.meters.wanted), Quarantined: len(s.quarantined)})
}
