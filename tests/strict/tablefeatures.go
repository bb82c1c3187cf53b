package strict

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/openflow/tablefeatures"
)

// tableFeatures tells the features of the tables, or sets them (OpenFlow 1.3.5, 7.3.5.5).
func (k *conn) tableFeatures(m, body []byte, more bool) error {
	s, xid := k.s, xidOf(m)
	body = append(k.multipart[xid], body...)
	if more {
		k.multipart[xid] = body
		return nil
	}
	delete(k.multipart, xid)
	if len(body) > 0 {
		switch {
		case k.role == roleSlave:
			return isSlave
		case !s.cfg.Negotiable:
			return featuresDenied
		}
		wanted, err := s.readFeatures(body)
		if err != nil {
			return err
		}
		s.replaceTables(wanted)
	}
	var items [][]byte
	for _, id := range slices.Sorted(maps.Keys(s.tables)) {
		items = append(items, encodeFeatures(s.tables[id]))
	}
	k.replyParts(m, partTableFeatures, items)
	return nil
}

func encodeFeatures(f *flow.TableFeatures) []byte {
	b, err := tablefeatures.Append(nil, f, tablefeatures.Form{FieldIDs: true, Required: true})
	if err != nil {
		panic(err)
	}
	return b
}

// readFeatures reads what is asked for, if the switch can have it.
func (s *Switch) readFeatures(b []byte) ([]flow.TableFeatures, error) {
	wanted, err := tablefeatures.Parse(nil, b)
	if err != nil {
		return nil, featuresLength
	}
	for rest := b; len(rest) > 0; {
		_, properties, after, err := tablefeatures.Split(rest)
		if err != nil {
			return nil, featuresLength
		}
		if err := checkProperties(properties); err != nil {
			return nil, err
		}
		rest = after
	}
	for i, w := range wanted {
		if indexOf(wanted[:i], w.ID) >= 0 || indexOf(s.cfg.Tables, w.ID) < 0 {
			return nil, featuresTable
		}
	}
	for _, w := range wanted {
		has := &s.cfg.Tables[indexOf(s.cfg.Tables, w.ID)]
		switch {
		case w.MetadataMatch&^has.MetadataMatch != 0, w.MetadataWrite&^has.MetadataWrite != 0:
			return nil, featuresMetadata
		case w.MaxEntries > has.MaxEntries, !matches(w.Match, has.Match), !subset(w.Wildcards, has.Wildcards), !can(&w.Entry, &has.Entry), !can(&w.Miss, &has.Miss):
			return nil, featuresArgument
		}
		for _, next := range slices.Concat(w.Entry.Next, w.Miss.Next) {
			if next <= w.ID || indexOf(wanted, next) < 0 {
				return nil, featuresArgument
			}
		}
	}
	return wanted, nil
}

func indexOf(tables []flow.TableFeatures, id uint8) int {
	return slices.IndexFunc(tables, func(t flow.TableFeatures) bool { return t.ID == id })
}

// checkProperties refuses what is not known, and lists in which a property is missing or there twice.
func checkProperties(b []byte) error {
	seen := map[uint16]bool{}
	for len(b) > 0 {
		property, list, rest, err := tablefeatures.SplitProperty(b)
		if err != nil {
			return featuresLength
		}
		switch {
		case property >= tablefeatures.Experimenter:
			return featuresType
		case property > tablefeatures.ApplySetField|1, property == tablefeatures.Match|1, property == tablefeatures.Wildcards|1:
			return featuresType
		case seen[property]:
			return featuresArgument
		}
		seen[property] = true
		if property >= tablefeatures.Match {
			unknown := false
			if err := tablefeatures.EachField(list, func(id uint32, _ flow.Field) {
				_, known := basicField(id)
				unknown = unknown || !known
			}); err != nil {
				return featuresLength
			}
			if unknown {
				return featuresArgument
			}
		}
		b = rest
	}
	for property := uint16(0); property <= tablefeatures.ApplySetField; property += 2 {
		if !seen[property] {
			return featuresArgument
		}
	}
	return nil
}

// matches tells whether a table that matches has can be had as one that matches wanted.
func matches(wanted, has []flow.FieldFeature) bool {
	return !slices.ContainsFunc(wanted, func(w flow.FieldFeature) bool {
		return !slices.Contains(has, w) && !slices.Contains(has, flow.FieldFeature{Field: w.Field, Masked: true})
	})
}

// subset tells whether all of a are in b.
func subset[T comparable](a, b []T) bool {
	return !slices.ContainsFunc(a, func(v T) bool { return !slices.Contains(b, v) })
}

func can(wanted, has *flow.EntryFeatures) bool {
	return wanted.Can&^has.Can == 0 && subset(wanted.Set, has.Set) && subset(wanted.Next, has.Next)
}

// replaceTables gives the switch these tables and no others. Entries of tables that are gone or changed go, without a flow-removed.
func (s *Switch) replaceTables(wanted []flow.TableFeatures) {
	s.putIntoForce(time.Now().Add(s.cfg.Lag))
	old := s.tables
	s.setTables(wanted)
	for _, p := range []*plane{s.accepted, s.inForce} {
		for _, e := range p.entries {
			if now := s.tables[e.Table]; now == nil || !bytes.Equal(encodeFeatures(now), encodeFeatures(old[e.Table])) {
				p.remove(e, deleted)
			}
		}
	}
}
