package verify

import (
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model/flow"
)

// state is that packets with a label come to a table or a group, and how the first of them got there.
type state struct {
	at     int32 // a table, or anyGroup and the index of a group
	label  label
	parent int32 // none: it comes to the switch
	via    int32 // the entry of the parent's table that led here; none: the parent is a group
}

// spot is a state without its history.
type spot struct {
	at    int32
	label label
}

// outcome is where an entry or a bucket leads.
type outcome struct {
	spot
	via int32
}

// job is what the entries of one kind in one table do with all packets that are alike to them.
type job struct {
	kind uint8
	spot
}

// explorer follows packets through the tables until no new state turns up.
type explorer struct {
	*tables
	states   []state
	seen     map[spot]struct{}
	done     map[job][2]int32 // where in outcomes the job's are
	outcomes []outcome
	label    label                 // of the packets that meet an entry or a bucket just now
	guards   map[[2]uint32][]int32 // entries of the guard that drop, by network and port
	found    map[finding]int32     // where among the violations; none: it is not listed
	seenBy   []int                 // how many suspects a violation has
	suspects []suspect
	result   *Result
}

func newExplorer(t *tables, r *Result) *explorer {
	size := len(t.entries) / 2
	return &explorer{tables: t, result: r, seen: make(map[spot]struct{}, size), done: make(map[job][2]int32, size),
		guards: map[[2]uint32][]int32{}, found: map[finding]int32{}}
}

func (x *explorer) run() {
	x.reach(0, entering(), none, none)
	for i := 0; i < len(x.states); i++ {
		if at := x.states[i].at; at >= anyGroup {
			x.group(int32(i), at-anyGroup)
		} else {
			x.table(int32(i))
		}
	}
}

// reach notes a state.
func (x *explorer) reach(at int32, l label, parent, via int32) {
	l.retain(x.live[min(at, anyGroup)])
	s := spot{at, l}
	if _, known := x.seen[s]; known {
		return
	}
	x.seen[s] = struct{}{}
	x.states = append(x.states, state{at, l, parent, via})
}

func (x *explorer) group(i, g int32) {
	from := len(x.outcomes)
	for _, b := range x.groups[g] {
		x.label = x.states[i].label
		e := execution{explorer: x, state: i, entry: none, l: &x.label, group: x.groupIDs[g]}
		e.actions(b)
	}
	x.follow(i, from, len(x.outcomes))
	x.outcomes = x.outcomes[:from]
}

// table has a state meet the entries of its table, kind by kind. Those of a kind do the same with all packets that have in common what
// the kind knows: that is done once, and what the kind does not know is put in afterwards.
func (x *explorer) table(i int32) {
	at := x.states[i].at
	for k := range x.kinds[at] {
		kind := &x.kinds[at][k]
		l := x.states[i].label
		every := false // meets all entries of the kind: it is not known which
		p := place{table: uint8(at), kind: uint8(k)}
		for f := idNet; f < idAll; f <<= 1 {
			value := l.id(f)
			if kind.sel&f != 0 {
				every = every || *value == unknown
				*p.id(f) = *value
			} else if kind.need&f == 0 {
				*value = keep
			}
		}
		head, some := none, true
		if !every {
			head, some = x.heads[p]
		}
		if !some {
			continue
		}
		j := job{uint8(k), spot{at, l}}
		span, known := x.done[j]
		if !known {
			span[0] = int32(len(x.outcomes))
			if every {
				for _, e := range kind.all {
					x.meet(i, e, l)
				}
			} else {
				for e := head; e != none; e = x.entries[e].next {
					x.meet(i, e, l)
				}
			}
			span[1] = int32(len(x.outcomes))
			x.done[j] = span
		}
		x.follow(i, int(span[0]), int(span[1]))
	}
}

func (p *place) id(f idField) *uint32 {
	switch f {
	case idNet:
		return &p.net
	case idKey:
		return &p.key
	}
	return &p.router
}

// follow goes on from a state with outcomes, for its own network, port and router.
func (x *explorer) follow(i int32, from, to int) {
	for o := from; o < to; o++ {
		l := x.outcomes[o].label
		for f := idNet; f < idAll; f <<= 1 {
			if *l.id(f) == keep {
				*l.id(f) = *x.states[i].label.id(f)
			}
		}
		x.reach(x.outcomes[o].at, l, i, x.outcomes[o].via)
	}
}

// meet executes an entry if packets with the label may match it.
func (x *explorer) meet(i, at int32, l label) {
	e := &x.entries[at]
	x.label = l
	run := execution{explorer: x, state: i, entry: at, l: &x.label}
	if !run.match(e) {
		return
	}
	if e.foreign {
		run.violation(ContractReadable, "does something that Planck cannot read")
		return
	}
	before := x.label.stage
	if before == labelled && e.passes() {
		run.guard(e)
	}
	run.meter = e.Meter
	run.actions(e.Apply)
	if e.MetadataMask != 0 {
		run.metadata(e.WriteMetadata, e.MetadataMask)
	}
	if before == unlabelled && x.label.stage != unlabelled {
		run.labelledWhole()
	}
	if e.HasGoto {
		run.to(int32(e.Goto))
	}
}

// match tells whether packets with the label may match an entry, and learns from it.
func (r *execution) match(e *entry) bool {
	l := r.l
	for _, m := range e.Match {
		v := m.Value
		switch m.Field {
		case flow.InPort:
			switch {
			case l.in == unknown:
				l.in = uint32(v)
			case l.in == sender:
				if r.site.ports[uint32(v)] == nil {
					return false
				}
			case uint64(l.in) != v:
				return false
			}
		case flow.Metadata:
			if !narrow(&l.net, m, networkMask) || !narrow(&l.key, m, portMask) {
				return false
			}
			value, mask := uint32(v>>restBit), uint32(m.Mask>>restBit)
			if (value^l.meta)&mask&l.metaOf != 0 {
				return false
			}
			l.meta, l.metaOf = l.meta|value, l.metaOf|mask
		case pipeline.Router:
			if !narrow(&l.router, m, m.Field.AllOnes()) {
				return false
			}
		case flags:
			value, mask := uint32(v), uint32(m.Mask)
			if (value^l.flags)&mask&l.flagsOf != 0 {
				return false
			}
			l.flags, l.flagsOf = l.flags|value, l.flagsOf|mask
		case flow.TunnelID:
			if l.tunnel != anyTunnel {
				if (l.tunnel^v)&m.Mask != 0 {
					return false
				}
			} else if m.Mask == m.Field.AllOnes() {
				l.tunnel = v
			}
		case flow.TunnelSrc:
			l.peer = l.peer || m.Mask == m.Field.AllOnes() && r.site.isPeer(v)
		case flow.VLANVID:
			if l.vlan != unknown {
				if (uint64(l.vlan)^v)&m.Mask != 0 {
					return false
				}
			} else if m.Mask == m.Field.AllOnes() {
				l.vlan = uint32(v)
			}
		case flow.EthType:
			r.arp = v == pipeline.EthTypeARP || v == pipeline.EthTypeRARP
		}
	}
	allowed := l.flags&l.flagsOf&allowedMask != 0
	switch {
	case l.stage == asked && allowed, r.arp && (l.stage == guarded || l.stage == asked):
		l.stage = sent
	case l.stage == askedThere && allowed, r.arp && (l.stage == addressed || l.stage == askedThere):
		l.stage = cleared
	}
	return true
}

// narrow holds a field of a label against its part of a match; false: they differ.
func narrow(field *uint32, m flow.FieldMatch, part uint64) bool {
	mask := m.Mask & part
	if mask == 0 || *field == keep {
		return true
	}
	shift := shiftOf(part)
	if *field != unknown {
		return (uint64(*field)<<shift^m.Value)&mask == 0
	}
	if mask == part {
		*field = uint32(m.Value & part >> shift)
	}
	return true
}
