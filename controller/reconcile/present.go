package reconcile

import "github.com/planck-sdn/planck/model/flow"

// present is what the switch has confirmed to hold.
type present struct {
	flows  map[flow.Key]flow.Encoded
	groups map[uint32]flow.Group
	meters map[uint32]flow.Meter
}

// readBack takes what a switch said it holds. Entries equal to wanted ones share their bytes.
func readBack(t *flow.Tables, w *wanted) *present {
	p := &present{
		flows:  make(map[flow.Key]flow.Encoded, len(t.Flows)),
		groups: make(map[uint32]flow.Group, len(t.Groups)),
		meters: make(map[uint32]flow.Meter, len(t.Meters)),
	}
	for _, f := range t.Flows {
		if same, ok := w.flows.wanted(f.Key()); ok && same == f {
			f = same
		}
		p.flows[f.Key()] = f
	}
	for _, g := range t.Groups {
		p.groups[g.ID] = g
	}
	for _, m := range t.Meters {
		p.meters[m.ID] = m
	}
	return p
}

// record notes a change that the switch has confirmed.
func (p *present) record(c flow.Change) {
	switch {
	case c.Group != nil && c.Op == flow.OpDelete:
		delete(p.groups, c.Group.ID)
	case c.Group != nil:
		p.groups[c.Group.ID] = *c.Group
	case c.Meter != nil && c.Op == flow.OpDelete:
		delete(p.meters, c.Meter.ID)
	case c.Meter != nil:
		p.meters[c.Meter.ID] = *c.Meter
	case c.Op == flow.OpDelete:
		delete(p.flows, c.Flow.Key())
	default:
		p.flows[c.Flow.Key()] = c.Flow
	}
}
