package flow

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// SwitchConfig is how a Switch differs from Open vSwitch left alone. The zero value is Open vSwitch.
type SwitchConfig struct {
	// Standard makes it a switch of OpenFlow 1.3 and nothing else: it refuses Nicira's fields and actions, groups
	// that refer to groups that are not there, and bundles.
	Standard bool
	// Refuse, if set, is asked about each change first; an error refuses the change with its text as the reason.
	Refuse func(Change) error
	// Now, if set, gives the time that EntryInfo.AddedAt is taken from.
	Now func() time.Time
	// MeterDrops, if set, says whether a meter drops the packet that it is given; otherwise all meters let
	// everything pass.
	MeterDrops func(meter uint32) bool
	// Looked, if set, is told of each lookup of Execute and Send, and of what the packet has at it.
	Looked func(step Step, value func(Field) uint64)
}

// Switch is a switch in memory: it holds what Apply was given as strictly as Open vSwitch 3.1 and OpenFlow 1.3.5 do, and
// executes it on packets. Timeouts do not run. It is not safe for concurrent use.
type Switch struct {
	config SwitchConfig
	flows  map[Key]*installed
	tables [maxTable + 1]classifier
	groups map[uint32]Group
	meters map[uint32]Meter

	// How many entries name a group, or a meter in a meter instruction.
	groupUsers, meterUsers map[uint32]int

	zones     map[uint16]connections // conntrack
	datagrams map[datagram]judgement

	messages Messages
	undo     []func() // what ApplyAtomic takes back; nil outside of it
}

// Messages counts what a switch was sent, refused messages included.
type Messages struct {
	Flow, Group, Meter, Zone int
}

// installed is an entry on a switch. It is replaced and not changed, but for its counters.
type installed struct {
	clause  bool // holds conjunctions
	encoded Encoded
	entry   Entry
	added   uint64
	addedAt time.Time
	packets uint64
}

// EntryInfo is what a switch knows of an entry.
type EntryInfo struct {
	Entry   Encoded
	Added   uint64    // number of the message that added it, from 1: a modify keeps it, an add over it does not
	AddedAt time.Time // when, if the switch has a clock
	Packets uint64    // that Execute matched since it was added
}

// maxTable is the highest table number of a switch; Open vSwitch keeps 254 for itself (and OpenFlow 255 for "all").
const maxTable = 253

// NewSwitch makes an empty switch.
func NewSwitch(config SwitchConfig) *Switch {
	return &Switch{
		config:     config,
		flows:      map[Key]*installed{},
		groups:     map[uint32]Group{},
		meters:     map[uint32]Meter{},
		groupUsers: map[uint32]int{},
		meterUsers: map[uint32]int{},
		zones:      map[uint16]connections{},
		datagrams:  map[datagram]judgement{},
	}
}

// Tables is all that the switch holds: entries in the order of Encoded, groups and meters by number.
func (s *Switch) Tables() Tables {
	t := Tables{
		Flows:  make([]Encoded, 0, len(s.flows)),
		Groups: slices.SortedFunc(maps.Values(s.groups), func(a, b Group) int { return cmp.Compare(a.ID, b.ID) }),
		Meters: slices.SortedFunc(maps.Values(s.meters), func(a, b Meter) int { return cmp.Compare(a.ID, b.ID) }),
	}
	for _, f := range s.flows {
		t.Flows = append(t.Flows, f.encoded)
	}
	slices.Sort(t.Flows)
	return t
}

// Messages is how many messages of each kind the switch was sent.
func (s *Switch) Messages() Messages { return s.messages }

// Info is what the switch knows of an entry, and false if it does not hold it.
func (s *Switch) Info(k Key) (EntryInfo, bool) {
	f, ok := s.flows[k]
	if !ok {
		return EntryInfo{}, false
	}
	return EntryInfo{f.encoded, f.added, f.addedAt, f.packets}, true
}

// Apply does one change after the other. A refused one changes nothing, and the others are done all the same.
func (s *Switch) Apply(changes []Change) []Refusal {
	var refusals []Refusal
	for i, c := range changes {
		if err := s.apply(c); err != nil {
			refusals = append(refusals, Refusal{Index: i, Reason: err.Error()})
		}
	}
	return refusals
}

// ApplyAtomic does all changes or none, as a bundle does (ONF EXT-230). Meters and zones are refused in it, all of
// them; of other changes the first that is refused ends the bundle.
func (s *Switch) ApplyAtomic(changes []Change) []Refusal {
	var refusals []Refusal
	for i, c := range changes {
		switch {
		case s.config.Standard:
			refusals = append(refusals, Refusal{i, errBadExperimenter.Error()})
		case c.Meter != nil, c.Zone != 0:
			refusals = append(refusals, Refusal{i, errNotInBundle.Error()})
		}
	}
	if refusals != nil {
		return refusals
	}
	s.undo = make([]func(), 0, len(changes))
	defer func() { s.undo = nil }()
	for i, c := range changes {
		if err := s.apply(c); err != nil {
			undo := s.undo
			s.undo = nil
			for _, f := range slices.Backward(undo) {
				f()
			}
			return []Refusal{{i, err.Error()}}
		}
	}
	return nil
}

func (s *Switch) apply(c Change) error {
	switch {
	case c.Flow != "":
		s.messages.Flow++
	case c.Group != nil:
		s.messages.Group++
	case c.Meter != nil:
		s.messages.Meter++
	case c.Zone != 0:
		s.messages.Zone++
	}
	if s.config.Refuse != nil {
		if err := s.config.Refuse(c); err != nil {
			return err
		}
	}
	switch n := c.parts(); {
	case n != 1:
		return fmt.Errorf("change of %d things at once, or of nothing", n)
	case c.Group != nil:
		return s.applyGroup(c.Op, *c.Group)
	case c.Meter != nil:
		return s.applyMeter(c.Op, *c.Meter)
	case c.Zone != 0:
		return s.applyZone(c.Op, c.Zone)
	}
	return s.applyFlow(c.Op, c.Flow)
}

func (c Change) parts() (n int) {
	for _, set := range []bool{c.Flow != "", c.Group != nil, c.Meter != nil, c.Zone != 0} {
		if set {
			n++
		}
	}
	return n
}

// applyFlow does a flow-mod (OpenFlow 1.3.5, 6.4).
func (s *Switch) applyFlow(op Op, e Encoded) error {
	key := e.Key()
	if op == OpDelete {
		s.setFlow(key, nil) // DELETE_STRICT of what is not there is no error
		return nil
	}
	entry, err := e.Decode()
	if err != nil {
		return fmt.Errorf("%w: %w", errFlowUnknown, err)
	}
	if err := s.checkEntry(&entry); err != nil {
		return err
	}
	old := s.flows[key]
	switch op {
	case OpAdd:
		added := &installed{encoded: e, entry: entry, added: uint64(s.messages.Flow)}
		if s.config.Now != nil {
			added.addedAt = s.config.Now()
		}
		s.setFlow(key, added)
	case OpModify:
		if old == nil {
			return nil // MODIFY_STRICT of what is not there does nothing
		}
		changed := *old
		changed.entry.Meter, changed.entry.Apply = entry.Meter, entry.Apply
		changed.entry.WriteMetadata, changed.entry.MetadataMask = entry.WriteMetadata, entry.MetadataMask
		changed.entry.Goto, changed.entry.HasGoto = entry.Goto, entry.HasGoto
		changed.encoded = Encode(changed.entry)
		s.setFlow(key, &changed)
	default:
		return errFlowCommand
	}
	return nil
}

// applyGroup does a group-mod (OpenFlow 1.3.5, 6.5).
func (s *Switch) applyGroup(op Op, g Group) error {
	_, exists := s.groups[g.ID]
	switch op {
	case OpAdd, OpModify:
		if err := s.checkGroup(g); err != nil {
			return err
		}
		if op == OpAdd && exists {
			return errGroupExists
		}
		if op == OpModify && !exists {
			return errGroupUnknown
		}
		g.Buckets = slices.Clone(g.Buckets)
		for i := range g.Buckets {
			g.Buckets[i] = slices.Clone(g.Buckets[i])
		}
		s.setGroup(g.ID, &g)
	case OpDelete:
		if !exists {
			return nil
		}
		if s.config.Standard && s.chained(g.ID) {
			return errGroupChained
		}
		s.removeFlows(s.groupUsers[g.ID], func(e *Entry) bool { return usesGroup(e.Apply, g.ID) })
		s.setGroup(g.ID, nil)
	default:
		return errFlowCommand
	}
	return nil
}

// applyMeter does a meter-mod (OpenFlow 1.3.5, 6.6). As in Open vSwitch, deleting a meter leaves entries that name it
// only in a Punt.
func (s *Switch) applyMeter(op Op, m Meter) error {
	_, exists := s.meters[m.ID]
	switch {
	case op == OpDelete:
		s.removeFlows(s.meterUsers[m.ID], func(e *Entry) bool { return e.Meter == m.ID })
		s.setMeter(m.ID, nil)
	case m.ID == 0 || m.ID > maxMeter:
		return errMeterInvalid
	case op == OpAdd && exists:
		return errMeterExists
	case op == OpModify && !exists:
		return errMeterUnknown
	case op == OpAdd, op == OpModify:
		s.setMeter(m.ID, &m)
	default:
		return errFlowCommand
	}
	return nil
}

// applyZone makes a conntrack zone forget its connections (Nicira's NXT_CT_FLUSH_ZONE).
func (s *Switch) applyZone(op Op, id uint16) error {
	switch {
	case s.config.Standard:
		return errBadExperimenter
	case op != OpDelete:
		return errFlowCommand
	}
	delete(s.zones, id)
	return nil
}

func usesGroup(list []Action, id uint32) bool { return slices.Contains(list, Action(ToGroup{id})) }

// chained tells whether another group refers to the group.
func (s *Switch) chained(id uint32) bool {
	for _, g := range s.groups {
		for _, bucket := range g.Buckets {
			if g.ID != id && usesGroup(bucket, id) {
				return true
			}
		}
	}
	return false
}

// removeFlows removes the users entries of which uses is true.
func (s *Switch) removeFlows(users int, uses func(*Entry) bool) {
	if users == 0 {
		return
	}
	for key, f := range s.flows {
		if uses(&f.entry) {
			s.setFlow(key, nil)
		}
	}
}

// The setters below are the only writers of the switch's contents. nil removes.

func (s *Switch) setFlow(key Key, f *installed) {
	old := s.flows[key]
	if old == nil && f == nil {
		return
	}
	if old != nil {
		s.countUses(&old.entry, -1)
		s.tables[old.entry.Table].remove(old)
		delete(s.flows, key)
	}
	if f != nil {
		s.countUses(&f.entry, +1)
		s.tables[f.entry.Table].insert(f)
		s.flows[f.encoded.Key()] = f
	}
	s.undoBy(func() { s.setFlow(key, old) })
}

func (s *Switch) setGroup(id uint32, g *Group) { set(s, s.groups, id, g) }
func (s *Switch) setMeter(id uint32, m *Meter) { set(s, s.meters, id, m) }

func set[T any](s *Switch, all map[uint32]T, id uint32, v *T) {
	if old, exists := all[id]; exists {
		s.undoBy(func() { set(s, all, id, &old) })
	} else {
		s.undoBy(func() { set(s, all, id, nil) })
	}
	if v == nil {
		delete(all, id)
	} else {
		all[id] = *v
	}
}

func (s *Switch) undoBy(f func()) {
	if s.undo != nil {
		s.undo = append(s.undo, f)
	}
}

func (s *Switch) countUses(e *Entry, n int) {
	if e.Meter != 0 {
		s.meterUsers[e.Meter] += n
	}
	for _, a := range e.Apply {
		if g, ok := a.(ToGroup); ok {
			s.groupUsers[g.ID] += n
		}
	}
}
