package lab

import "time"

// replug is a time during which an interface was plugged into a bridge or unplugged from one. The userspace datapath
// may lose a packet of others then: in 30 pluggings and as many unpluggings without any controller it lost 2 of 792.
type replug struct{ from, to time.Time }

// settling is how long after ovs-vsctl has returned that may still happen, and how long a packet may be on its way before.
const settling = 100 * time.Millisecond

// replugging notes the time of an action that plugs or unplugs.
func (l *Lab) replugging(action func() error) error {
	r := replug{from: time.Now().Add(-settling)}
	err := action()
	r.to = time.Now().Add(settling)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.replugs = append(l.replugs, r)
	return err
}

func (l *Lab) replugged(at time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.replugs {
		if at.After(r.from) && at.Before(r.to) {
			return true
		}
	}
	return false
}
