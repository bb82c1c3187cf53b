package pipeline

import (
	"fmt"
	"slices"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// Context is what an app renders one unit with: the topology, the node, and where the entries go.
type Context struct {
	View *topology.View
	Node *model.Node
	Unit topology.Unit

	app    string
	result Rendered
}

// Rendered is what a unit needs on a switch.
type Rendered struct {
	Flows  []flow.Encoded
	Groups []flow.Group
	Meters []flow.Meter
	// Effects follow the coming of entries.
	Effects []Effect
	// Err is the first entry that breaks a table's declaration: a defect of the app. The unit is not sent.
	Err error
}

// Effect is what happens once when an entry has come to a switch that did not have it: packets that leave it, such as an ARP
// announcement. It happens after the switch has confirmed the entry, at least once, and does no harm twice.
type Effect struct {
	Entry   flow.Key
	Packets []flow.PacketOut
}

// Flow adds an entry. Matches on the same field are joined; their bits must not overlap. Actions run in the order
// given, instructions in OpenFlow's. A match whose mask is zero is left out.
func (c *Context) Flow(rule *Rule, t *Table, priority uint16, match []flow.FieldMatch, steps ...Step) {
	e := flow.Entry{
		Table:    t.ID,
		Priority: priority,
		Cookie:   flow.NewCookie(rule.Number, uint8(c.Unit.Kind), uint64(c.Unit.Number)),
		Match:    join(match),
		Flags:    flow.FlagSendFlowRemoved, // so that a deletion by somebody else is noticed
	}
	for _, s := range steps {
		switch s := s.(type) {
		case writeMetadata:
			e.WriteMetadata, e.MetadataMask = s.value, s.mask
		case gotoTable:
			e.Goto, e.HasGoto = s.table.ID, true
		case meter:
			e.Meter = s.id
		case []flow.Action:
			e.Apply = append(e.Apply, s...)
		case flow.Action:
			e.Apply = append(e.Apply, s)
		default:
			c.fail(fmt.Errorf("rule %s: %T is no step", rule.Name, s))
		}
	}
	if err := check(t, c.app, rule, &e); err != nil {
		c.fail(err)
		return
	}
	c.result.Flows = append(c.result.Flows, flow.Encode(e))
}

// Announce makes packets leave the switch when the entry that was added last has come to it.
func (c *Context) Announce(packets ...flow.PacketOut) {
	if n := len(c.result.Flows); n > 0 {
		c.result.Effects = append(c.result.Effects, Effect{c.result.Flows[n-1].Key(), packets})
	}
}

// Group adds a group.
func (c *Context) Group(g flow.Group) { c.result.Groups = append(c.result.Groups, g) }

// Meter adds a meter, once.
func (c *Context) Meter(m flow.Meter) {
	if !slices.Contains(c.result.Meters, m) {
		c.result.Meters = append(c.result.Meters, m)
	}
}

func (c *Context) fail(err error) {
	if c.result.Err == nil {
		c.result.Err = err
	}
}

// Match is shorthand for a list of matches.
func Match(m ...flow.FieldMatch) []flow.FieldMatch { return m }

func join(list []flow.FieldMatch) flow.Match {
	m := make(flow.Match, 0, len(list))
	for _, f := range list {
		if f.Mask == 0 {
			continue // a prefix of length 0 matches everything
		}
		i, found := slices.BinarySearchFunc(m, f, func(a, b flow.FieldMatch) int { return int(a.Field) - int(b.Field) })
		if found {
			m[i].Value |= f.Value
			m[i].Mask |= f.Mask
		} else {
			m = slices.Insert(m, i, f)
		}
	}
	return m
}
