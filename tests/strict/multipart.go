package strict

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/planck-sdn/planck/model/flow"
)

// Types of multipart messages (OpenFlow 1.3.5, 7.3.5).
const (
	partDescription   = 0
	partFlow          = 1
	partAggregate     = 2
	partTable         = 3
	partGroup         = 6
	partGroupDesc     = 7
	partGroupFeatures = 8
	partMeter         = 9
	partMeterConfig   = 10
	partMeterFeatures = 11
	partTableFeatures = 12
	partPortDesc      = 13
	partExperimenter  = 0xffff
)

const partMore = 1

func (k *conn) multipartRequest(m, b []byte) error {
	if len(b) < 8 {
		return badLength
	}
	kind, more, body := be16(b), be16(b[2:])&partMore != 0, b[8:]
	if kind == partTableFeatures {
		return k.tableFeatures(m, body, more)
	}
	if more {
		return partsOverflow
	}
	s := k.s
	if kind >= partMeter && kind <= partMeterFeatures && s.cfg.Meters == 0 {
		return badMultipart
	}
	length := 0
	switch kind {
	case partFlow, partAggregate:
		length = len(body)
	case partGroup, partMeter, partMeterConfig:
		length = 8
	}
	if len(body) != length {
		return badLength
	}
	var items [][]byte
	var err error
	switch kind {
	case partDescription:
		items = [][]byte{s.description()}
	case partFlow:
		items, err = s.flowStats(body)
	case partAggregate:
		items, err = s.aggregate(body)
	case partTable:
		items = s.tableStats()
	case partGroup:
		items = s.groupStats(be32(body))
	case partGroupDesc:
		items = s.groupDescriptions()
	case partGroupFeatures:
		items = [][]byte{s.groupFeatures()}
	case partMeter, partMeterConfig:
		items, err = s.meters(be32(body), kind == partMeter)
	case partMeterFeatures:
		items = [][]byte{s.meterFeatures()}
	case partPortDesc:
		for _, p := range s.sortedPorts() {
			items = append(items, p.encode(nil))
		}
	case partExperimenter:
		return badExperimenter
	default:
		return badMultipart
	}
	if err == nil {
		k.replyParts(m, kind, items)
	}
	return err
}

// replyParts sends items in as many messages as it takes.
func (k *conn) replyParts(m []byte, kind uint16, items [][]byte) {
	for {
		b := put32(put16(put16(nil, kind), 0), 0)
		for len(items) > 0 && headerLen+len(b)+len(items[0]) <= maxMessage {
			b, items = append(b, items[0]...), items[1:]
		}
		if len(items) > 0 {
			b[3] = partMore
		}
		k.reply(typeMultipart+1, m, b)
		if len(items) == 0 {
			return
		}
	}
}

func (s *Switch) description() []byte {
	const long, short = 256, 32
	d := s.cfg.Description
	return slices.Concat(fixedText(d.Manufacturer, long), fixedText(d.Hardware, long), fixedText(d.Software, long),
		fixedText(d.SerialNumber, short), fixedText(d.Datapath, long))
}

// wanted are the entries that a request for statistics asks for (OpenFlow 1.3.5, 7.3.5.2), in order.
func (s *Switch) wanted(b []byte) ([]*entry, error) {
	const fixed = 32
	if len(b) < fixed+8 {
		return nil, badLength
	}
	m := flowMod{
		command: flowDelete, outPort: be32(b[4:]), outGroup: be32(b[8:]), cookie: be64(b[16:]), mask: be64(b[24:]),
		entry: flow.Entry{Table: b[0]},
	}
	if s.tables[m.entry.Table] == nil && m.entry.Table != allTables {
		return nil, badTable
	}
	var rest []byte
	var err error
	if m.entry.Match, _, rest, err = readMatch(b[fixed:]); err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, badLength
	}
	list := s.inForce.selected(&m, false)
	slices.SortFunc(list, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.number, b.number))
	})
	return list, nil
}

func (s *Switch) flowStats(b []byte) ([][]byte, error) {
	list, err := s.wanted(b)
	items := make([][]byte, len(list))
	now := time.Now()
	for i, e := range list {
		b := put16(nil, uint16(48+len(e.match)+len(e.instructions)))
		b = putDuration(append(b, e.Table, 0), now.Sub(e.added))
		b = put16(put16(put16(b, e.Priority), e.IdleTimeout), e.HardTimeout)
		b = put32(put16(b, e.Flags), 0)
		b = put64(put64(put64(b, uint64(e.Cookie)), e.packets), e.bytes)
		items[i] = slices.Concat(b, e.match, e.instructions)
	}
	return items, err
}

func (s *Switch) aggregate(b []byte) ([][]byte, error) {
	list, err := s.wanted(b)
	var packets, bytes uint64
	for _, e := range list {
		packets, bytes = packets+e.packets, bytes+e.bytes
	}
	return [][]byte{put32(put32(put64(put64(nil, packets), bytes), uint32(len(list))), 0)}, err
}

func (s *Switch) tableStats() (items [][]byte) {
	p := s.inForce
	for _, id := range slices.Sorted(maps.Keys(s.tables)) {
		items = append(items, put64(put64(put32([]byte{id, 0, 0, 0}, p.count[id]), p.lookups[id]), p.matched[id]))
	}
	return items
}

// notCounted stands for counters that a switch does not have (OpenFlow 1.3.5, 7.3.5).
const notCounted = ^uint64(0)

func (s *Switch) groupStats(wanted uint32) (items [][]byte) {
	p, now := s.inForce, time.Now()
	for _, id := range slices.Sorted(maps.Keys(p.groups)) {
		if id != wanted && wanted != allGroups {
			continue
		}
		users := uint32(0)
		for _, e := range p.entries {
			if e.sendsTo(anyPort, id) {
				users++
			}
		}
		for _, g := range p.groups {
			if slices.Contains(g.refers, id) {
				users++
			}
		}
		g := p.groups[id]
		b := put32(put32(put32(append(put16(nil, uint16(40+16*g.count)), 0, 0), id), users), 0)
		b = putDuration(put64(put64(b, notCounted), notCounted), now.Sub(g.added))
		for range g.count {
			b = put64(put64(b, notCounted), notCounted)
		}
		items = append(items, b)
	}
	return items
}

func (s *Switch) groupDescriptions() (items [][]byte) {
	for _, id := range slices.Sorted(maps.Keys(s.inForce.groups)) {
		g := s.inForce.groups[id]
		b := put16(nil, uint16(8+len(g.buckets)))
		items = append(items, append(put32(append(b, g.kind, 0), id), g.buckets...))
	}
	return items
}

func (s *Switch) groupFeatures() []byte {
	limits := [4]uint32{groupAll: s.cfg.Groups.All, groupIndirect: s.cfg.Groups.Indirect}
	types, actions, capabilities := uint32(0), uint32(0), uint32(0)
	for kind, n := range limits {
		if n > 0 {
			types |= 1 << kind
		}
	}
	for can, number := range actionNumbers {
		if s.groupCan()&can != 0 {
			actions |= 1 << number
		}
	}
	if s.cfg.Groups.Chaining {
		capabilities = 1<<2 | 1<<3 // OFPGFC_CHAINING, OFPGFC_CHAINING_CHECKS
	}
	b := put32(put32(nil, types), capabilities)
	for _, n := range limits {
		b = put32(b, n)
	}
	for _, n := range limits {
		if n > 0 {
			b = put32(b, actions)
		} else {
			b = put32(b, 0)
		}
	}
	return b
}

var actionNumbers = map[flow.Capability]int{
	flow.CanOutput: 0, flow.CanPushVLAN: 17, flow.CanPopVLAN: 18, flow.CanGroup: 22, flow.CanDecTTL: 24, flow.CanSetField: 25,
}

// meters are statistics of meters (OpenFlow 1.3.5, 7.3.5.12), or their configuration.
func (s *Switch) meters(wanted uint32, stats bool) (items [][]byte, err error) {
	p, now := s.inForce, time.Now()
	if wanted != allMeters && p.meters[wanted] == nil {
		return nil, meterUnknown
	}
	for _, id := range slices.Sorted(maps.Keys(p.meters)) {
		m := p.meters[id]
		if wanted != allMeters && wanted != id {
			continue
		}
		var b []byte
		if stats {
			users := uint32(0)
			for _, e := range p.entries {
				if e.Meter == id {
					users++
				}
			}
			b = append(put32(nil, id), 0, 56, 0, 0, 0, 0, 0, 0)
			b = put64(put64(put32(b, users), m.packets), notCounted)
			b = put64(put64(putDuration(b, now.Sub(m.added)), m.dropped), notCounted)
		} else {
			b = put32(put16([]byte{0, 24}, m.flags), id)
			b = put32(put32(put32(append(put16(b, m.bandType), 0, 16), m.rate), m.burst), 0)
		}
		items = append(items, b)
	}
	return items, nil
}

func (s *Switch) meterFeatures() []byte {
	b := put32(put32(put32(nil, s.cfg.Meters), 1<<bandDrop), meterPackets|meterBurst|meterStats)
	return append(b, 1, 0, 0, 0) // one band each
}
