package reconcile

import "github.com/planck-sdn/planck/model/topology"

// Standing is what a switch has last published of itself. Unlike Summary it is to be had at any time: nobody waits for the switch.
type Standing struct {
	State       State
	Flows       int // wanted
	Groups      int
	Meters      int
	Quarantined int // units

	// Of a physical switch:
	ByTable map[uint8]int  // flow entries wanted
	View    *topology.View // that asks for them
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
	now := &Standing{State: s.state, Flows: len(s.tables.flows.wanted), Groups: len(s.tables.groups.wanted),
		Meters: len(s.tables.meters.wanted), Quarantined: len(s.quarantined), View: s.rendered}
	if s.hardware() != nil {
		if before := s.standing.Load(); before != nil && s.counted == s.tables.sets {
			now.ByTable = before.ByTable
		} else {
			now.ByTable, s.counted = s.tables.byTable(), s.tables.sets
		}
	}
	s.standing.Store(now)
}

// byTable counts the wanted flow entries.
func (t *tables) byTable() map[uint8]int {
	count := map[uint8]int{}
	for key := range t.flows.wanted {
		count[key.Table()]++
	}
	return count
}
