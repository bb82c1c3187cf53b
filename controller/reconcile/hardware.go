package reconcile

import (
	"time"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model/flow"
)

// driver is that of a physical switch; nil of Open vSwitch on a node.
func (s *Switch) driver() *pipeline.Driver {
	if s.rendered == nil {
		return nil
	}
	n := s.rendered.Node(s.cfg.Node)
	if n == nil || n.Switch == nil {
		return nil
	}
	return pipeline.DriverOf(n)
}

// hardware is what a plan has to know of a physical switch; nil of Open vSwitch on a node.
func (s *Switch) hardware() *hardware {
	d := s.driver()
	if d == nil {
		return nil
	}
	h := &hardware{room: map[uint8]int{}, groupsFirst: d.DeleteGroupsFirst}
	for _, t := range s.rendered.Node(s.cfg.Node).Switch.Tables {
		if t.MaxEntries > 0 { // otherwise it has promised nothing
			h.room[t.ID] = int(t.MaxEntries)
		}
	}
	return h
}

// patience is how long a switch may take for what takes Open vSwitch a while: hardware enters a thousand entries a second, or fewer.
func (s *Switch) patience(usual time.Duration) time.Duration {
	if s.driver() != nil {
		return 10 * usual
	}
	return usual
}

// names are those of the switch's tables.
func (s *Switch) names() flow.TableNames { return pipeline.NamesOf(s.rendered.Node(s.cfg.Node)) }
