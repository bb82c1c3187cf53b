package strict

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/planck-sdn/planck/model/flow"
)

// Switch is a switch. Its methods may be called from any goroutine.
type Switch struct {
	cfg    Config
	output func(port uint32, frame []byte) // what leaves by a port that is up; it is called without mu

	mu       sync.Mutex
	tables   map[uint8]*flow.TableFeatures
	accepted *plane
	inForce  *plane // accepted, or what that was a lag ago
	lagging  []lagging
	ports    map[uint32]*port
	conns    map[*conn]bool
	messages uint64    // flow-mods, in all
	changed  time.Time // of the last change of the tables
	refused  map[refusal]int

	generation    uint64 // of the newest master
	hadGeneration bool

	expiry, lag *time.Timer
	stop        context.CancelFunc // of those that dial
	dialling    sync.WaitGroup
	controllers []string
}

type port struct {
	Port
	down bool
}

// lagging is a change that was accepted and is not in force yet.
type lagging struct {
	due time.Time
	do  func(*plane) ([]removed, error)
}

// New makes a switch. output, if not nil, is given what leaves by a port that is up. The frame is not to be written.
func New(cfg Config, output func(port uint32, frame []byte)) *Switch {
	s := &Switch{cfg: cfg, output: output, ports: map[uint32]*port{}, conns: map[*conn]bool{}, refused: map[refusal]int{}}
	for _, p := range cfg.Ports {
		s.ports[p.Number] = &port{Port: p}
	}
	s.expiry = time.AfterFunc(time.Hour, s.expire)
	s.lag = time.AfterFunc(time.Hour, s.catchUp)
	s.clear()
	return s
}

// DatapathID is the switch's.
func (s *Switch) DatapathID() uint64 { return s.cfg.DatapathID }

// clear makes everything as it is after a start. mu is held, or nobody else has the switch.
func (s *Switch) clear() {
	s.setTables(s.cfg.Tables)
	s.accepted = newPlane()
	s.inForce = s.accepted
	if s.cfg.Lag > 0 {
		s.inForce = newPlane()
	}
	s.lagging = nil
	s.generation, s.hadGeneration = 0, false
}

func (s *Switch) setTables(tables []flow.TableFeatures) {
	s.tables = map[uint8]*flow.TableFeatures{}
	for _, t := range tables {
		s.tables[t.ID] = &t
	}
}

// Connect dials controllers, and again when a connection ends, until Cut.
func (s *Switch) Connect(controllers ...string) {
	const again = 50 * time.Millisecond
	ctx, stop := context.WithCancel(context.Background())
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stop != nil {
		panic("connected twice")
	}
	s.stop, s.controllers = stop, controllers
	for _, address := range controllers {
		s.dialling.Go(func() {
			for ctx.Err() == nil {
				var d net.Dialer
				if c, err := d.DialContext(ctx, "tcp", address); err == nil {
					s.Serve(ctx, c)
				}
				select {
				case <-ctx.Done():
				case <-time.After(again):
				}
			}
		})
	}
}

// Cut ends all connections, and makes no new ones until Connect. The switch goes on forwarding.
func (s *Switch) Cut() {
	s.mu.Lock()
	stop := s.stop
	s.stop = nil
	s.mu.Unlock()
	if stop != nil {
		stop()
	}
	s.dialling.Wait()
}

// Restart empties the switch and connects it again to the controllers that it had.
func (s *Switch) Restart() {
	s.Cut()
	s.mu.Lock()
	s.clear()
	controllers := s.controllers
	s.mu.Unlock()
	s.Connect(controllers...)
}

// Close ends all that the switch does.
func (s *Switch) Close() {
	s.Cut()
	s.expiry.Stop()
	s.lag.Stop()
}

// Connected tells with how many controllers the switch has agreed on OpenFlow 1.3.
func (s *Switch) Connected() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// Tables is what is in force.
func (s *Switch) Tables() flow.Tables {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inForce.executes.Tables()
}

// Entries is how many entries are in force in a table.
func (s *Switch) Entries(table uint8) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int(s.inForce.count[table])
}

// Refusals lists the errors that the switch has sent, each with how often, by type and code.
func (s *Switch) Refusals() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]int{}
	for r, n := range s.refused {
		all[fmt.Sprintf("type %d, code %d", r.kind, r.code)] = n
	}
	return all
}

// FlowMods is how many flow-mods the switch has taken.
func (s *Switch) FlowMods() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.messages
}

// LastChange is when the switch last took something that changes its tables.
func (s *Switch) LastChange() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// change does a change to the tables: at once, or after the lag. mu is held.
func (s *Switch) change(do func(*plane) ([]removed, error)) error {
	gone, err := do(s.accepted)
	if err != nil {
		return err
	}
	s.changed = time.Now()
	if s.inForce == s.accepted {
		s.tellRemoved(gone)
		s.armExpiry()
		return nil
	}
	s.lagging = append(s.lagging, lagging{time.Now().Add(s.cfg.Lag), do})
	if len(s.lagging) == 1 {
		s.lag.Reset(s.cfg.Lag)
	}
	return nil
}

// catchUp puts into force what is due.
func (s *Switch) catchUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.putIntoForce(time.Now())
}

func (s *Switch) putIntoForce(until time.Time) {
	for len(s.lagging) > 0 && !s.lagging[0].due.After(until) {
		gone, err := s.lagging[0].do(s.inForce)
		if err != nil {
			panic(fmt.Sprintf("a change that was accepted is refused: %v", err))
		}
		s.tellRemoved(gone)
		s.lagging = s.lagging[1:]
	}
	if len(s.lagging) > 0 {
		s.lag.Reset(time.Until(s.lagging[0].due))
	}
	s.armExpiry()
}

// expire removes entries whose time is over.
func (s *Switch) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := s.inForce.expired(time.Now())
	s.tellRemoved(gone)
	if s.accepted != s.inForce {
		for _, g := range gone {
			if e := s.accepted.entries[flow.Encode(g.Entry).Key()]; e != nil && e.number == g.number {
				s.accepted.remove(e, g.reason)
			}
		}
	}
	s.armExpiry()
}

// armExpiry waits for the next entry that may time out.
func (s *Switch) armExpiry() {
	if next := s.inForce.nextExpiry(); !next.IsZero() {
		s.expiry.Reset(time.Until(next))
	}
}
