package reconcile

import (
	"fmt"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model/topology"
)

// leaveOut quarantines units for whose entries the switch has no room, instead of sending it what it would refuse. The API admits only what
// fits, but a port may have been there before its switch, and a network comes to a switch by a link, too.
func (s *Switch) leaveOut(h *hardware) {
	for {
		u, table, wanted := s.tables.tooMany(s.dirty, h.room)
		if wanted == 0 {
			return
		}
		reason := fmt.Sprintf("the switch has room for %d entries in table %s, and %d are wanted", h.room[table], s.names()[table], wanted)
		s.log.Error("an object is left out", zap.Stringer("kind", u.Kind), zap.Uint64("number", uint64(u.Number)), zap.String("reason", reason))
		s.quarantine(u, reason)
	}
}

// tooMany finds the last unit that is about to enter something into a table that has not enough room for all that is wanted there, and how much
// that is; 0: there is none.
func (t *tables) tooMany(d *dirty, room map[uint8]int) (last topology.Unit, table uint8, wanted int) {
	if len(room) == 0 || len(d.flows) == 0 {
		return last, 0, 0
	}
	count := t.byTable()
	for key := range d.flows {
		limit, limited := room[key.Table()]
		_, wantIt := t.flows.want(key)
		if _, haveIt := t.flows.have(key); !limited || !wantIt || haveIt || count[key.Table()] <= limit {
			continue
		}
		if u := t.flows.owner(key); wanted == 0 || compareUnits(u, last) > 0 || u == last && key.Table() < table {
			last, table, wanted = u, key.Table(), count[key.Table()]
		}
	}
	return last, table, wanted
}
