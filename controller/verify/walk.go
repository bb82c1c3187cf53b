package verify

import (
	"errors"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model/flow"
)

// copyOf is a copy of a packet that leaves the switch: by a port, with a tag, or under a key to an address.
type copyOf struct {
	port   uint32
	vlan   uint64
	tunnel uint64
	to     uint64
}

// walk is the way of one packet through the tables, in which conntrack knows no connection and security groups let everything pass that
// they are asked about.
type walk struct {
	*probe
	copies []copyOf
	steps  []Passed
	depth  int
	work   int // lookups and buckets
}

// Limits on a walk. Open vSwitch has the same for the depth.
const (
	maxDepth = 64
	maxWork  = 1 << 16
)

var errEndless = errors.New("its way has no end")

func (w *walk) table(p *packet, id uint8) error {
	for {
		if w.work++; w.work > maxWork || w.depth > maxDepth {
			return errEndless
		}
		i := w.find(id, p)
		if i == none {
			w.steps = append(w.steps, Passed{Table: id})
			return nil
		}
		e := &w.lookup.entries[i]
		w.steps = append(w.steps, Passed{id, e.encoded})
		if err := w.actions(p, e.Apply, id); err != nil {
			return err
		}
		p[flow.Metadata] = p[flow.Metadata]&^e.MetadataMask | e.WriteMetadata
		if !e.HasGoto {
			return nil
		}
		id = e.Goto
	}
}

func (w *walk) actions(p *packet, list []flow.Action, table uint8) (err error) {
	for _, a := range list {
		switch a := a.(type) {
		case flow.Output:
			w.output(p, a.Port)
		case flow.ToGroup:
			err = w.group(p, a.ID, table)
		case flow.SetField:
			p[a.Field] = p[a.Field]&^a.Mask | a.Value
		case flow.Move:
			mask := uint64(1)<<a.Bits - 1
			p[a.To] = p[a.To]&^mask | p[a.From]&mask
		case flow.PushVLAN:
			p[flow.VLANVID] = 0x1000
		case flow.PopVLAN:
			p[flow.VLANVID] = 0
		case flow.DecTTL:
			p[flow.IPTTL]--
		case flow.Resubmit:
			err = w.resubmit(p, a.Table, table)
		case flow.CheckLarger:
			p[a.To] &^= 1 << a.Bit
		case flow.Conntrack:
			if a.Next != flow.NoTable {
				c := *p
				c[flow.CTState] = flow.CTTracked | flow.CTNew
				err = w.nested(&c, a.Next)
			}
			p[flow.CTState] = 0
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) nested(p *packet, table uint8) error {
	w.depth++
	defer func() { w.depth-- }()
	return w.table(p, table)
}

func (w *walk) resubmit(p *packet, to, from uint8) error {
	switch to {
	case 255:
		to = from
	case pipeline.Groups.ID:
		i := w.find(to, p)
		if i == none {
			w.steps = append(w.steps, Passed{Table: to})
			return nil
		}
		w.steps = append(w.steps, Passed{to, w.lookup.entries[i].encoded})
		p[flags] |= uint64(allowedMask)
		return nil
	}
	return w.nested(p, to)
}

func (w *walk) group(p *packet, id uint32, table uint8) error {
	g, ok := w.groupAt[id]
	if !ok {
		return nil
	}
	w.depth++
	defer func() { w.depth-- }()
	for _, b := range w.groups[g] {
		if w.work++; w.work > maxWork || w.depth > maxDepth {
			return errEndless
		}
		c := *p
		if err := w.actions(&c, b, table); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) output(p *packet, port uint32) {
	switch {
	case port == flow.PortController, uint64(port) == p[flow.InPort]:
		return
	case port == flow.PortInPort:
		if port = uint32(p[flow.InPort]); port == 0 {
			return
		}
	}
	c := copyOf{port: port, vlan: p[flow.VLANVID]}
	if port == w.site.node.TunnelPort {
		c.tunnel, c.to = p[flow.TunnelID], p[flow.TunnelDst]
	}
	w.copies = append(w.copies, c)
}
