package strict

import (
	"slices"

	"github.com/planck-sdn/planck/model/flow"
)

// Commands of a flow-mod (OpenFlow 1.3.5, 7.3.4.1).
const (
	flowAdd = iota
	flowModify
	flowModifyStrict
	flowDelete
	flowDeleteStrict
)

// Flags of a flow-mod that are about the message.
const (
	checkOverlap = 1 << 1
	resetCounts  = 1 << 2
	knownFlags   = 1<<5 - 1
)

type flowMod struct {
	command           uint8
	flags             uint16
	cookie, mask      uint64
	outPort, outGroup uint32
	entry             flow.Entry
	match             []byte
	instructions      []byte
}

// selects tells whether the entry passes the filters of modify and delete.
func (m *flowMod) selects(e *entry) bool {
	if uint64(e.Cookie)&m.mask != m.cookie&m.mask {
		return false
	}
	return m.command == flowModify || m.command == flowModifyStrict || e.sendsTo(m.outPort, m.outGroup)
}

// flowMod does a flow-mod.
func (s *Switch) flowMod(b []byte) error {
	m, err := s.readFlowMod(b)
	if err != nil {
		return err
	}
	s.messages++
	number := s.messages
	return s.change(func(p *plane) ([]removed, error) { return s.doFlowMod(p, m, number) })
}

func (s *Switch) readFlowMod(b []byte) (*flowMod, error) {
	const fixed = 40
	if len(b) < fixed+8 {
		return nil, badLength
	}
	m := &flowMod{
		cookie: be64(b), mask: be64(b[8:]), command: b[17], outPort: be32(b[28:]), outGroup: be32(b[32:]), flags: be16(b[36:]),
		entry: flow.Entry{
			Table: b[16], Cookie: flow.Cookie(be64(b)), IdleTimeout: be16(b[18:]), HardTimeout: be16(b[20:]), Priority: be16(b[22:]), Flags: be16(b[36:]),
		},
	}
	removes := m.command == flowDelete || m.command == flowDeleteStrict
	switch {
	case m.command > flowDeleteStrict:
		return nil, flowCommand
	case m.flags&^knownFlags != 0:
		return nil, flowFlags
	case !removes && be32(b[24:]) != noBuffer:
		return nil, bufferUnknown
	case s.tables[m.entry.Table] == nil && !(removes && m.entry.Table == allTables):
		return nil, flowTable
	}
	var err error
	if m.entry.Match, m.match, m.instructions, err = readMatch(b[fixed:]); err != nil {
		return nil, err
	}
	if removes {
		return m, nil
	}
	if err := s.readInstructions(&m.entry, m.instructions); err != nil {
		return nil, err
	}
	return m, s.declared(&m.entry, m.command)
}

// readInstructions reads the instructions that fill b (OpenFlow 1.3.5, 7.2.4).
func (s *Switch) readInstructions(e *flow.Entry, b []byte) error {
	var seen []uint16
	for len(b) > 0 {
		if len(b) < 8 {
			return instructionLength
		}
		kind, n := be16(b), int(be16(b[2:]))
		if n < 8 || n%8 != 0 || n > len(b) {
			return instructionLength
		}
		if slices.Contains(seen, kind) {
			return instructionUnsupported // at most one of each (OpenFlow 1.3.5, 5.9)
		}
		seen = append(seen, kind)
		length := 8
		switch kind {
		case 1:
			e.Goto, e.HasGoto = b[4], true
		case 2:
			if length = 24; n == length {
				e.WriteMetadata, e.MetadataMask = be64(b[8:])&be64(b[16:]), be64(b[16:])
			}
		case 3, 5:
			return instructionUnsupported // write-actions and clear-actions
		case 4:
			length = n
			var err error
			if e.Apply, err = s.readActions(b[8:n], false); err != nil {
				return err
			}
		case 6:
			if e.Meter = be32(b[4:]); e.Meter == 0 {
				return meterInvalid
			}
		case 0xffff:
			return instructionExperimenter
		default:
			return instructionUnknown
		}
		if n != length {
			return instructionLength
		}
		b = b[n:]
	}
	return nil
}

// declared checks an entry against the features of its table.
func (s *Switch) declared(e *flow.Entry, command uint8) error {
	table := s.tables[e.Table]
	features := &table.Entry
	if e.Priority == 0 && len(e.Match) == 0 && command != flowModify {
		features = &table.Miss
	} else if err := matchDeclared(table, e.Match, command); err != nil {
		return err
	}
	needs := flow.Capability(0)
	for _, i := range []struct {
		there bool
		needs flow.Capability
	}{{len(e.Apply) > 0, flow.CanApply}, {e.HasGoto, flow.CanGoto}, {e.Meter != 0, flow.CanMeter}, {e.MetadataMask != 0, flow.CanWriteMetadata}} {
		if i.there {
			needs |= i.needs
		}
	}
	switch {
	case needs&^features.Can != 0:
		return instructionUnsupported
	case e.MetadataMask != 0 && table.MetadataWrite == 0:
		return instructionMetadata
	case e.MetadataMask&^table.MetadataWrite != 0:
		return instructionMetadataMask
	case e.HasGoto && (e.Goto <= e.Table || s.tables[e.Goto] == nil || !slices.Contains(features.Next, e.Goto)):
		return instructionTable
	}
	return actionsDeclared(features, e.Apply)
}

// matchDeclared checks a match against the features of a table.
func matchDeclared(table *flow.TableFeatures, m flow.Match, command uint8) error {
	for _, f := range m {
		i := slices.IndexFunc(table.Match, func(d flow.FieldFeature) bool { return d.Field == f.Field })
		switch {
		case i < 0:
			return matchField
		case f.Mask != f.Field.AllOnes() && !table.Match[i].Masked:
			return matchMask
		case f.Field == flow.Metadata && f.Mask&^table.MetadataMatch != 0:
			return matchMask
		}
	}
	if command == flowModify { // it says which entries are meant, and is none
		return nil
	}
	for _, d := range table.Match {
		if !slices.Contains(table.Wildcards, d.Field) && !slices.ContainsFunc(m, func(f flow.FieldMatch) bool { return f.Field == d.Field }) {
			return matchWildcards
		}
	}
	return nil
}

func (s *Switch) doFlowMod(p *plane, m *flowMod, number uint64) (gone []removed, err error) {
	reset := m.flags&resetCounts != 0
	switch m.command {
	case flowAdd:
		key := flow.Encode(m.entry).Key()
		if m.flags&checkOverlap != 0 {
			for _, e := range p.entries {
				if e.Table == m.entry.Table && e.Priority == m.entry.Priority && overlap(e.Match, m.entry.Match) {
					return nil, flowOverlap
				}
			}
		}
		if p.entries[key] == nil && p.count[m.entry.Table] >= s.tables[m.entry.Table].MaxEntries {
			return nil, tableFull
		}
		return nil, p.add(entry{Entry: m.entry, number: number, match: m.match, instructions: m.instructions}, reset)
	case flowModify, flowModifyStrict:
		for _, e := range p.selected(m, m.command == flowModifyStrict) {
			if err := p.modify(e, &m.entry, m.instructions, reset); err != nil {
				return nil, err
			}
		}
	default:
		for _, e := range p.selected(m, m.command == flowDeleteStrict) {
			gone = append(gone, p.remove(e, deleted))
		}
	}
	return gone, nil
}
