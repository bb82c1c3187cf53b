package strict

import (
	"slices"
	"time"

	"github.com/planck-sdn/planck/model/flow"
)

// plane is the tables of a switch. One with lag has two: what was accepted, and what is in force.
type plane struct {
	executes *flow.Switch
	entries  map[flow.Key]*entry
	mortal   map[flow.Key]*entry // those with a timeout
	groups   map[uint32]*group
	meters   map[uint32]*meter
	count    [256]uint32 // entries, by table
	lookups  [256]uint64
	matched  [256]uint64
	frame    int // octets of the frame that is being executed
}

// entry is a flow entry as it was sent, with its counters.
type entry struct {
	flow.Entry
	number         uint64 // of the message that added it
	match          []byte // ofp_match
	instructions   []byte
	added, used    time.Time
	packets, bytes uint64
}

type group struct {
	kind    uint8
	buckets []byte
	count   int      // of buckets
	refers  []uint32 // to groups
	added   time.Time
}

type meter struct {
	flags, bandType uint16
	rate, burst     uint32
	added           time.Time
	tokens          float64 // packets that may pass now
	filled          time.Time
	packets         uint64 // that came
	dropped         uint64
}

// removed is an entry that is gone, and why (OpenFlow 1.3.5, 7.4.2).
type removed struct {
	*entry
	reason uint8
}

const (
	idleTimeout  = 0
	hardTimeout  = 1
	deleted      = 2
	groupDeleted = 3
)

func newPlane() *plane {
	p := &plane{entries: map[flow.Key]*entry{}, mortal: map[flow.Key]*entry{}, groups: map[uint32]*group{}, meters: map[uint32]*meter{}}
	p.executes = flow.NewSwitch(flow.SwitchConfig{Standard: true, Looked: p.looked, MeterDrops: p.drops})
	return p
}

func (p *plane) looked(step flow.Step, _ func(flow.Field) uint64) {
	p.lookups[step.Table]++
	if e := p.entries[step.Entry.Key()]; e != nil {
		p.matched[step.Table]++
		e.packets, e.bytes, e.used = e.packets+1, e.bytes+uint64(p.frame), time.Now()
	}
}

// drops is a token bucket (OpenFlow 1.3.5, 5.7.1: a band of type drop).
func (p *plane) drops(id uint32) bool {
	m := p.meters[id]
	if m == nil {
		return false
	}
	now := time.Now()
	m.tokens = min(m.tokens+now.Sub(m.filled).Seconds()*float64(m.rate), max(float64(m.burst), 1))
	m.filled = now
	m.packets++
	if m.tokens < 1 {
		m.dropped++
		return true
	}
	m.tokens--
	return false
}

// apply does a change, and finds the error in what the switch in memory says of it.
func (p *plane) apply(c flow.Change) error {
	refusals := p.executes.Apply([]flow.Change{c})
	if len(refusals) == 0 {
		return nil
	}
	return asRefusal(refusals[0].Reason)
}

// add adds an entry, or puts it in the place of one with the same table, priority and match. Counters are copied over unless
// they are to be reset (OpenFlow 1.3.5, 6.4).
func (p *plane) add(e entry, reset bool) error {
	encoded := flow.Encode(e.Entry)
	if err := p.apply(flow.Change{Op: flow.OpAdd, Flow: encoded}); err != nil {
		return err
	}
	old := p.entries[encoded.Key()]
	if old == nil {
		p.count[e.Table]++
	} else if !reset {
		e.packets, e.bytes = old.packets, old.bytes
	}
	e.added = time.Now()
	e.used = e.added
	p.entries[encoded.Key()] = &e
	delete(p.mortal, encoded.Key())
	if e.IdleTimeout != 0 || e.HardTimeout != 0 {
		p.mortal[encoded.Key()] = &e
	}
	return nil
}

// modify gives the entry other instructions.
func (p *plane) modify(e *entry, with *flow.Entry, instructions []byte, reset bool) error {
	changed := e.Entry
	changed.Meter, changed.Apply, changed.Goto, changed.HasGoto = with.Meter, with.Apply, with.Goto, with.HasGoto
	changed.WriteMetadata, changed.MetadataMask = with.WriteMetadata, with.MetadataMask
	if err := p.apply(flow.Change{Op: flow.OpModify, Flow: flow.Encode(changed)}); err != nil {
		return err
	}
	e.Entry, e.instructions = changed, instructions
	if reset {
		e.packets, e.bytes = 0, 0
	}
	return nil
}

func (p *plane) remove(e *entry, reason uint8) removed {
	encoded := flow.Encode(e.Entry)
	if err := p.apply(flow.Change{Op: flow.OpDelete, Flow: encoded}); err != nil {
		panic(err) // nothing forbids it
	}
	p.forget(encoded.Key())
	return removed{e, reason}
}

func (p *plane) forget(k flow.Key) {
	p.count[k.Table()]--
	delete(p.entries, k)
	delete(p.mortal, k)
}

// sweep forgets the entries that went with a group or a meter.
func (p *plane) sweep(reason uint8) []removed {
	var gone []removed
	for k, e := range p.entries {
		if _, there := p.executes.Info(k); !there {
			p.forget(k)
			gone = append(gone, removed{e, reason})
		}
	}
	return gone
}

// selected are the entries that a message with these means, in no order.
func (p *plane) selected(m *flowMod, strict bool) []*entry {
	if strict {
		e := p.entries[flow.Encode(m.entry).Key()]
		if e == nil || !m.selects(e) {
			return nil
		}
		return []*entry{e}
	}
	var list []*entry
	for _, e := range p.entries {
		if (m.entry.Table == allTables || e.Table == m.entry.Table) && covers(m.entry.Match, e.Match) && m.selects(e) {
			list = append(list, e)
		}
	}
	return list
}

// sendsTo tells whether an entry has the output to a port or group that a request asks for.
func (e *entry) sendsTo(port, groupID uint32) bool {
	has := func(a flow.Action) bool {
		return slices.ContainsFunc(e.Apply, func(b flow.Action) bool {
			if o, ok := b.(flow.Output); ok {
				o.MaxLen = 0
				b = o
			}
			return a == b
		})
	}
	return (port == anyPort || has(flow.Output{Port: port})) && (groupID == anyGroup || has(flow.ToGroup{ID: groupID}))
}

// timeout is when an entry goes, and why; the zero Time: it stays.
func (e *entry) timeout() (due time.Time, reason uint8) {
	if e.HardTimeout != 0 {
		due, reason = e.added.Add(time.Duration(e.HardTimeout)*time.Second), hardTimeout
	}
	if idle := e.used.Add(time.Duration(e.IdleTimeout) * time.Second); e.IdleTimeout != 0 && (due.IsZero() || idle.Before(due)) {
		due, reason = idle, idleTimeout
	}
	return due, reason
}

// expired removes what has timed out.
func (p *plane) expired(now time.Time) (gone []removed) {
	for _, e := range p.mortal {
		if due, reason := e.timeout(); !due.After(now) {
			gone = append(gone, p.remove(e, reason))
		}
	}
	return gone
}

// nextExpiry is when the next entry may time out, or the zero Time.
func (p *plane) nextExpiry() (next time.Time) {
	for _, e := range p.mortal {
		if due, _ := e.timeout(); next.IsZero() || due.Before(next) {
			next = due
		}
	}
	return next
}
