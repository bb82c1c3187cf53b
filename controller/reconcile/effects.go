package reconcile

import (
	"time"

	"github.com/planck-sdn/planck/model/flow"
)

// effects are those that are to happen once their entries are confirmed. They outlive a session: whether the switch has taken what it did
// not answer for shows when it is read again, and then they happen.
type effects struct {
	owed  map[flow.Key]struct{}
	retry time.Time // when the switch may take packets again that it had no room for; zero: none wait
}

// effectRetry is the wait after a switch did not take a packet.
const effectRetry = time.Second

// owe notes the effects of entries that are about to be sent and that the switch does not have.
func (e *effects) owe(t *tables, changes []planned) {
	for _, c := range changes {
		if c.Op != flow.OpAdd || c.Flow == "" {
			continue
		}
		for _, effect := range t.units[c.unit].Effects {
			if effect.Entry != c.Flow.Key() {
				continue
			}
			if _, had := t.flows.have(effect.Entry); !had {
				e.owed[effect.Entry] = struct{}{}
			}
		}
	}
}

// happen sends the packets of the entries that the switch has confirmed.
func (e *effects) happen(t *tables, session Session, now time.Time) {
	e.retry = time.Time{}
	for key := range e.owed {
		want, wanted := t.flows.want(key)
		if !wanted {
			delete(e.owed, key)
			continue
		}
		if have, held := t.flows.have(key); !held || have != want {
			continue
		}
		if sendAll(session, packetsOf(t, key)) != nil {
			e.retry = now.Add(effectRetry)
			return
		}
		delete(e.owed, key)
	}
}

func packetsOf(t *tables, key flow.Key) []flow.PacketOut {
	var list []flow.PacketOut
	for _, effect := range t.units[t.flows.owner(key)].Effects {
		if effect.Entry == key {
			list = append(list, effect.Packets...)
		}
	}
	return list
}

func sendAll(session Session, packets []flow.PacketOut) error {
	for _, p := range packets {
		if err := session.PacketOut(p); err != nil {
			return err
		}
	}
	return nil
}
