package verify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model/flow"
)

// finding names a violation, so that each is told once.
type finding struct {
	contract Contract
	entry    int32
	text     string
}

// violation notes that the entry breaks a contract. The text goes on from "An entry of table x".
func (r *execution) violation(c Contract, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if r.entry == none {
		text = fmt.Sprintf("Group %#x %s.", r.group, text)
	} else {
		e := &r.entries[r.entry]
		if r.shadowed(e) {
			return
		}
		text = "An entry of table " + tableName(e.Table) + " " + text + "."
	}
	f := finding{c, r.entry, text}
	at, known := r.found[f]
	if known && (at == none || r.seenBy[at] == maxSuspects) {
		return
	}
	s := suspect{list: r.entriesTo(r.state, r.entry), extra: r.extra}
	if !known {
		var way []Passed
		for _, i := range s.list {
			way = append(way, Passed{r.entries[i].Table, r.entries[i].encoded})
		}
		at = r.note(f, Violation{Contract: c, Text: text, Way: way, Packet: matchText(r.wanted(s).match())})
	}
	if at != none {
		s.at = at
		r.seenBy[at]++
		r.suspects = append(r.suspects, s)
	}
}

// note lists a violation, unless it is known, and returns where; none: there are too many.
func (x *explorer) note(f finding, v Violation) int32 {
	if at, known := x.found[f]; known {
		return at
	}
	at := none
	if len(x.result.Violations) < maxViolations {
		at = int32(len(x.result.Violations))
		x.result.Violations, x.seenBy = append(x.result.Violations, v), append(x.seenBy, 0)
	} else {
		x.result.More++
	}
	x.found[f] = at
	return at
}

// shadowed tells whether an entry matches nothing, as one of higher priority matches all that it does.
func (x *explorer) shadowed(e *entry) bool {
	if e.foreign && len(e.Match) == 0 {
		return false
	}
	var h headers
	h.add(e.Match)
	for _, k := range x.kinds[e.Table] {
		for _, i := range k.all {
			if other := &x.entries[i]; other.Priority > e.Priority && len(other.Match) <= len(e.Match) && !other.unsure() && h.is(other.Match...) {
				return true
			}
		}
	}
	return false
}

// unsure tells whether it cannot be said from its match alone what meets an entry.
func (e *entry) unsure() bool {
	if _, foreign := e.encoded.Key().ForeignMatch(); foreign {
		return true
	}
	return slices.ContainsFunc(e.Apply, func(a flow.Action) bool { _, is := a.(flow.Conjunction); return is }) ||
		slices.ContainsFunc(e.Match, func(m flow.FieldMatch) bool { return m.Field == flow.ConjunctionID })
}

// entriesTo lists the entries that lead to a state, and the one met there.
func (x *explorer) entriesTo(at, entry int32) []int32 {
	var list []int32
	if entry != none {
		list = append(list, entry)
	}
	for ; at != none; at = x.states[at].parent {
		if via := x.states[at].via; via != none {
			list = append(list, via)
		}
	}
	slices.Reverse(list)
	return list
}

// incoming is what entries that packets meet one after the other say of them as they come in: of fields that none before has written.
func (x *explorer) incoming(list []int32) [][]flow.FieldMatch {
	var all [][]flow.FieldMatch
	written := map[flow.Field]bool{}
	for f := flow.Metadata; f <= flow.CTDstPort; f++ { // zero as they come in
		written[f] = true
	}
	for _, i := range list {
		var match []flow.FieldMatch
		for _, m := range x.entries[i].Match {
			if !written[m.Field] {
				match = append(match, m)
			}
		}
		all = append(all, match)
		for _, a := range x.entries[i].Apply {
			switch a := a.(type) {
			case flow.SetField:
				written[a.Field] = true
			case flow.Move:
				written[a.To] = true
			case flow.PopVLAN, flow.PushVLAN:
				written[flow.VLANVID] = true
			case flow.DecTTL:
				written[flow.IPTTL] = true
			}
		}
	}
	return all
}

// match is the same as a match.
func (h *headers) match() flow.Match {
	var m flow.Match
	for f := flow.InPort; int(f) < len(h.mask); f++ {
		if h.mask[f] != 0 {
			m = append(m, flow.Masked(f, h.value[f], h.mask[f]))
		}
	}
	return m
}

func tableName(id uint8) string {
	return cmp.Or(pipeline.TableName(id), fmt.Sprint(id))
}

// matchText is a match in ovs-ofctl syntax.
func matchText(m flow.Match) string {
	text := flow.Format(flow.Entry{Match: m}, nil)
	text, _, _ = strings.Cut(text, " actions=")
	_, text, _ = strings.Cut(text, "priority=0")
	return strings.TrimPrefix(text, ",")
}
