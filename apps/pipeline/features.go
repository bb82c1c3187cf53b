package pipeline

import (
	"fmt"
	"slices"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// Wanted are the tables of profile openflow13 as they are asked for from a switch (OpenFlow 1.3.5, 7.3.5.5), which are also the least that it has to have:
// what is more is not used.
func Wanted(d *Driver) []flow.TableFeatures {
	var list []flow.TableFeatures
	for _, t := range OpenFlow13 {
		f := flow.TableFeatures{ID: t.ID, Name: t.Name, MaxEntries: d.DefaultSize, Entry: flow.EntryFeatures{Can: d.needs(t), Set: t.Set}}
		if size, ok := d.Sizes[t.Name]; ok {
			f.MaxEntries = size
		}
		for _, m := range t.Match {
			f.Match = append(f.Match, flow.FieldFeature{Field: m.Field, Masked: m.Masked && d.DeclareMasks})
			if !t.Exact {
				f.Wildcards = append(f.Wildcards, m.Field)
			}
		}
		for _, next := range t.Next {
			f.Entry.Next = append(f.Entry.Next, next.ID)
		}
		slices.Sort(f.Entry.Next)
		f.Miss = f.Entry
		list = append(list, f)
	}
	return list
}

// needs is what entries of a table have to be able to do on a driver's switches.
func (d *Driver) needs(t *Table) flow.Capability {
	var can flow.Capability
	for _, a := range t.Actions {
		switch a {
		case ActOutput, ActController:
			can |= flow.CanApply | flow.CanOutput
		case ActGroup:
			if d.GroupAll {
				can |= flow.CanApply | flow.CanGroup
			}
		case ActSetField:
			can |= flow.CanApply | flow.CanSetField
		case ActPushVLAN:
			can |= flow.CanApply | flow.CanPushVLAN
		case ActPopVLAN:
			can |= flow.CanApply | flow.CanPopVLAN
		case ActMeter:
			if d.Meters {
				can |= flow.CanMeter
			}
		}
	}
	if len(t.Next) > 0 {
		can |= flow.CanGoto
	}
	return can
}

// Fits holds what a switch promises against what profile openflow13 needs. The error says in words what is missing; without fields that are
// optional a switch can be used, and the limits say so. Meters do not count: a switch without them is known by having room for none.
func Fits(d *Driver, promised []flow.TableFeatures) ([]model.TableLimits, error) {
	byID := map[uint8]*flow.TableFeatures{}
	for i := range promised {
		byID[promised[i].ID] = &promised[i]
	}
	wanted := Wanted(d)
	for _, want := range wanted {
		if byID[want.ID] == nil {
			return nil, fmt.Errorf("the switch has no table %d, which is to be %s", want.ID, want.Name)
		}
	}
	var limits []model.TableLimits
	for i, want := range wanted {
		t, f := OpenFlow13[i], byID[want.ID]
		bad := func(format string, args ...any) error {
			return fmt.Errorf("table %d, which is to be %s, %s", want.ID, want.Name, fmt.Sprintf(format, args...))
		}
		l := model.TableLimits{ID: want.ID, Name: want.Name, MaxEntries: f.MaxEntries, Lacks: []string{}}
		for _, m := range t.Match {
			has := slices.IndexFunc(f.Match, func(x flow.FieldFeature) bool { return x.Field == m.Field })
			problem := ""
			switch {
			case has < 0:
				problem = "cannot match"
			case m.Masked && d.DeclareMasks && !f.Match[has].Masked:
				problem = "cannot match with a mask"
			case !t.Exact && !slices.Contains(f.Wildcards, m.Field):
				problem = "must always match"
			}
			switch {
			case problem == "":
			case slices.Contains(t.Optional, m.Field):
				l.Lacks = append(l.Lacks, m.Field.String())
			default:
				return nil, bad("%s %s", problem, m.Field)
			}
		}
		if lacks := want.Entry.Can &^ (f.Entry.Can | flow.CanMeter); lacks != 0 {
			return nil, bad("cannot do %s", lacks)
		}
		for _, field := range want.Entry.Set {
			if !slices.Contains(f.Entry.Set, field) {
				return nil, bad("cannot set %s", field)
			}
		}
		for _, next := range want.Entry.Next {
			if !slices.Contains(f.Entry.Next, next) {
				return nil, bad("cannot go to table %d", next)
			}
		}
		limits = append(limits, l)
	}
	return limits, nil
}
