package reconcile

import (
	"errors"
	"time"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
)

// ErrFrozen says that an operator wants nothing sent to the switch. What is wanted is rendered all the same, and packets are answered.
var ErrFrozen = errors.New("the node is frozen")

func (s *Switch) frozenIn(v *topology.View) bool {
	n := v.Node(s.cfg.Node)
	return n != nil && n.Frozen
}

// frozen tells whether the latest version of the topology wants nothing sent.
func (s *Switch) frozen() bool { return s.frozenIn(s.view.Load()) }

// freeze leaves the switch as it is, which was read, and tells what that means for the ports among units.
func (s *Switch) freeze(units map[topology.Unit]struct{}) {
	s.state, s.problem = Frozen, ""
	s.effects.retry = time.Time{} // what is owed is sent after the reconcile that follows
	for u := range units {
		if u.Kind == model.KindPort {
			s.reportFrozen(u)
		}
	}
}

// reportFrozen tells of a port that it is not plugged any more, or that it waits because the switch has none of its entries. One that
// the switch has entries of, although not all that are wanted, stays what it is.
func (s *Switch) reportFrozen(u topology.Unit) {
	location, plugged := s.rendered.Location(u.Number)
	if !plugged {
		s.report(u)
		return
	}
	p := s.rendered.Port(u.Number)
	if p == nil || location.Node != s.cfg.Node || s.cfg.Status == nil {
		return
	}
	mine := s.tables.units[u].Flows
	if len(mine) == 0 {
		return
	}
	for _, f := range mine {
		if have, held := s.tables.flows.have(f.Key()); held && have.Cookie() == f.Cookie() {
			return
		}
	}
	s.cfg.Status(PortStatus{Port: p.Number, Generation: p.BindingGeneration, Node: s.cfg.Node,
		Reason: "node " + s.rendered.Node(s.cfg.Node).Hostname + " is frozen"})
}
