package strict

import (
	"slices"
	"time"

	"github.com/planck-sdn/planck/model/flow"
)

// Types of groups (OpenFlow 1.3.5, 5.6.1).
const (
	groupAll      = 0
	groupIndirect = 2
)

const (
	lastGroup = 0xffffff00 // OFPG_MAX
	allGroups = 0xfffffffc // OFPG_ALL
)

// groupMod does a group-mod (OpenFlow 1.3.5, 7.3.4.2).
func (s *Switch) groupMod(b []byte) error {
	if len(b) < 8 {
		return badLength
	}
	command, kind, id := be16(b), b[2], be32(b[4:])
	if command == 2 {
		if id > lastGroup && id != allGroups {
			return groupInvalid
		}
		return s.change(func(p *plane) ([]removed, error) { return p.deleteGroup(id) })
	}
	if command > 2 {
		return groupCommand
	}
	if limit := s.groupLimit(kind); limit == 0 {
		return groupType
	}
	if id > lastGroup {
		return groupInvalid
	}
	g := &group{kind: kind, buckets: b[8:]}
	value, err := s.readBuckets(g, id)
	if err != nil {
		return err
	}
	return s.change(func(p *plane) ([]removed, error) { return nil, p.putGroup(s, command == 0, g, value) })
}

func (s *Switch) groupLimit(kind uint8) uint32 {
	switch kind {
	case groupAll:
		return s.cfg.Groups.All
	case groupIndirect:
		return s.cfg.Groups.Indirect
	}
	return 0
}

func (s *Switch) readBuckets(g *group, id uint32) (flow.Group, error) {
	value := flow.Group{ID: id}
	for b := g.buckets; len(b) > 0; {
		const fixed = 16
		if len(b) < fixed {
			return value, groupBucket
		}
		n := int(be16(b))
		switch {
		case n < fixed || n%8 != 0 || n > len(b):
			return value, groupBucket
		case be16(b[2:]) != 0:
			return value, groupWeight
		case be32(b[4:]) != anyPort || be32(b[8:]) != anyGroup:
			return value, groupWatch
		}
		actions, err := s.readActions(b[fixed:n], false)
		if err == nil {
			err = actionsDeclared(&flow.EntryFeatures{Can: s.groupCan(), Set: s.groupSets()}, actions)
		}
		if err != nil {
			return value, err
		}
		for _, a := range actions {
			if to, ok := a.(flow.ToGroup); ok {
				g.refers = append(g.refers, to.ID)
			}
		}
		value.Buckets, b = append(value.Buckets, actions), b[n:]
	}
	if g.count = len(value.Buckets); g.kind == groupIndirect && g.count != 1 {
		return value, groupInvalid
	}
	if len(g.refers) > 0 && !s.cfg.Groups.Chaining {
		return value, groupChaining
	}
	return value, nil
}

// groupCan is what buckets can do: what entries of some table can.
func (s *Switch) groupCan() (can flow.Capability) {
	for _, t := range s.tables {
		can |= t.Entry.Can & (flow.CanOutput | flow.CanGroup | flow.CanSetField | flow.CanPushVLAN | flow.CanPopVLAN | flow.CanDecTTL)
	}
	return can
}

func (s *Switch) groupSets() (fields []flow.Field) {
	for _, t := range s.tables {
		fields = append(fields, t.Entry.Set...)
	}
	return fields
}

func (p *plane) putGroup(s *Switch, add bool, g *group, value flow.Group) error {
	old := p.groups[value.ID]
	same := uint32(0)
	for id, o := range p.groups {
		if o.kind == g.kind && id != value.ID {
			same++
		}
	}
	if (add || old != nil) && same >= s.groupLimit(g.kind) {
		return groupTooMany
	}
	if p.reaches(g.refers, value.ID) {
		return groupLoop
	}
	op := flow.OpModify
	if add {
		op = flow.OpAdd
	}
	if err := p.apply(flow.Change{Op: op, Group: &value}); err != nil {
		return err
	}
	put := *g // of which another plane has its own
	put.added = time.Now()
	if old != nil {
		put.added = old.added
	}
	p.groups[value.ID] = &put
	return nil
}

// reaches tells whether one of the groups leads to id.
func (p *plane) reaches(from []uint32, id uint32) bool {
	return slices.ContainsFunc(from, func(g uint32) bool {
		return g == id || p.groups[g] != nil && p.reaches(p.groups[g].refers, id)
	})
}

// deleteGroup deletes a group, or all, with the entries that use it.
func (p *plane) deleteGroup(id uint32) ([]removed, error) {
	if id != allGroups {
		if err := p.apply(flow.Change{Op: flow.OpDelete, Group: &flow.Group{ID: id}}); err != nil {
			return nil, err
		}
		delete(p.groups, id)
		return p.sweep(groupDeleted), nil
	}
	for len(p.groups) > 0 { // those that others refer to come later
		for id := range p.groups {
			if p.apply(flow.Change{Op: flow.OpDelete, Group: &flow.Group{ID: id}}) == nil {
				delete(p.groups, id)
			}
		}
	}
	return p.sweep(groupDeleted), nil
}
