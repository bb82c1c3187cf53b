package reconcile

import (
	"time"

	"github.com/planck-sdn/planck/model/flow"
)

// effects are those that are to happen once their entries are confirmed. They outlive a session: whether the switch has taken what it did
// not answer for shows when it is read again, and then they happen.
type effects struct {
	owed  map[flow.Key]debt
	retry time.Time // when the next of them is due, or the switch may take packets again that it had no room for; zero: none wait
}

// debt is an effect that is still to happen.
type debt struct {
	times int       // how often it has
	due   time.Time // when it may again
}

// effectRetry is the wait after a switch did not take a packet.
const effectRetry = time.Second

// repeats are the waits after which an effect happens again (RFC 5227, 2.3, has an address announced twice). The node that had the
// address before may have sent from it after the first time, until it was told, and the bridges between have learned from that.
var repeats = [...]time.Duration{300 * time.Millisecond, 2 * time.Second}

// owe notes the effects of entries that are about to be sent, and that the switch does not have or that did something else: an address
// that is answered with another MAC has to be announced too.
func (e *effects) owe(t *tables, changes []planned) {
	for _, c := range changes {
		if c.Op == flow.OpDelete || c.Flow == "" {
			continue
		}
		for _, effect := range t.units[c.unit].Effects {
			if effect.Entry != c.Flow.Key() {
				continue
			}
			if had, there := t.flows.have(effect.Entry); !there || had.Instructions() != c.Flow.Instructions() {
				e.owed[effect.Entry] = debt{}
			}
		}
	}
}

// happen sends the packets of the entries that the switch has confirmed.
func (e *effects) happen(t *tables, session Session, now time.Time) {
	e.retry = time.Time{}
	for key, d := range e.owed {
		want, wanted := t.flows.want(key)
		if !wanted {
			delete(e.owed, key)
			continue
		}
		if have, held := t.flows.have(key); !held || have != want {
			continue
		}
		if !d.due.After(now) {
			if sendAll(session, packetsOf(t, key)) != nil {
				e.retry = now.Add(effectRetry)
				return
			}
			if d.times == len(repeats) {
				delete(e.owed, key)
				continue
			}
			d = debt{d.times + 1, now.Add(repeats[d.times])}
			e.owed[key] = d
		}
		if e.retry.IsZero() || d.due.Before(e.retry) {
			e.retry = d.due
		}
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
