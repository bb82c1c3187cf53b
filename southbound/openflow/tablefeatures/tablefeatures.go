// Package tablefeatures is the wire form of table features (OpenFlow 1.3.5, 7.3.5.5.2), which is the same in requests and
// replies. (netrack's reads properties of lengths that the message does not have, and leaves NULs in names.)
package tablefeatures

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/openflow/oxm"
)

// Form is how features are written down for a switch that takes them in one form only.
type Form struct {
	// FieldIDs: fields are listed. Without it the lists of fields are empty, for switches that take what they have and refuse to be asked.
	FieldIDs bool
	// Required: properties of which nothing is to be listed are there, and empty, as the standard demands. Some switches refuse them.
	Required bool
}

// Properties. Those of the table-miss entry have the next number.
const (
	Instructions  = 0
	NextTables    = 2
	WriteActions  = 4
	ApplyActions  = 6
	Match         = 8
	Wildcards     = 10
	WriteSetField = 12
	ApplySetField = 14
	Experimenter  = 0xfffe
)

const (
	fixed      = 64
	nameLen    = 32
	idLen      = 4 // of an instruction, an action, or a field
	headerLen  = 4 // of a property
	miss       = 1
	maxFeature = 0xffff
)

// kind is an instruction or action on the wire (OpenFlow 1.3.5, 7.2.4 and 7.2.5).
type kind struct {
	can    flow.Capability
	number uint16
}

var (
	instructions = []kind{{flow.CanGoto, 1}, {flow.CanWriteMetadata, 2}, {flow.CanApply, 4}, {flow.CanMeter, 6}}
	actions      = []kind{
		{flow.CanOutput, 0}, {flow.CanPushVLAN, 17}, {flow.CanPopVLAN, 18}, {flow.CanGroup, 22}, {flow.CanDecTTL, 24}, {flow.CanSetField, 25},
	}
)

// Append appends the features of one table. What is the same for the table-miss entry as for others is not written for it.
func Append(b []byte, f *flow.TableFeatures, form Form) ([]byte, error) {
	if len(f.Name) >= nameLen {
		return b, fmt.Errorf("name %q of a table has more than %d octets", f.Name, nameLen-1)
	}
	start := len(b)
	b = append(b, 0, 0, f.ID, 0, 0, 0, 0, 0)
	b = append(b, f.Name...)
	b = append(b, make([]byte, nameLen-len(f.Name))...)
	b = binary.BigEndian.AppendUint64(b, f.MetadataMatch)
	b = binary.BigEndian.AppendUint64(b, f.MetadataWrite)
	b = binary.BigEndian.AppendUint32(b, 0) // config: deprecated
	b = binary.BigEndian.AppendUint32(b, f.MaxEntries)
	match := make([]uint32, len(f.Match))
	for i, m := range f.Match {
		match[i] = fieldID(m)
	}
	entry, missed := lists(&f.Entry), lists(&f.Miss)
	entry[Match], entry[Wildcards] = binaryList(match), fieldList(f.Wildcards)
	for property := uint16(Instructions); property <= ApplySetField; property += 2 {
		list := entry[property]
		if !form.FieldIDs && property >= Match {
			list = nil
		}
		if len(list) > 0 || form.Required {
			b = appendProperty(b, property, list)
		}
		other, differs := missed[property], !bytes.Equal(entry[property], missed[property])
		if property == Match || property == Wildcards || !differs || !form.FieldIDs && property > Match {
			continue
		}
		// An empty list for the table-miss entry says that it can do less: it may not be left out.
		b = appendProperty(b, property|miss, other)
	}
	if len(b)-start > maxFeature {
		return b[:start], fmt.Errorf("features of table %d have %d octets", f.ID, len(b)-start)
	}
	binary.BigEndian.PutUint16(b[start:], uint16(len(b)-start))
	return b, nil
}

// lists are the elements of the properties, by property.
func lists(e *flow.EntryFeatures) map[uint16][]byte {
	return map[uint16][]byte{
		Instructions: kindList(instructions, e.Can), NextTables: e.Next, ApplyActions: kindList(actions, e.Can), ApplySetField: fieldList(e.Set),
	}
}

func kindList(kinds []kind, can flow.Capability) (b []byte) {
	for _, k := range kinds {
		if can&k.can != 0 {
			b = binary.BigEndian.AppendUint32(b, uint32(k.number)<<16|idLen)
		}
	}
	return b
}

func fieldList(fields []flow.Field) []byte {
	ids := make([]uint32, len(fields))
	for i, f := range fields {
		ids[i] = fieldID(flow.FieldFeature{Field: f})
	}
	return binaryList(ids)
}

func binaryList(ids []uint32) (b []byte) {
	for _, id := range ids {
		b = binary.BigEndian.AppendUint32(b, id)
	}
	return b
}

// fieldID is an OXM header, the length of which is that of the payload that is not there.
func fieldID(f flow.FieldFeature) uint32 {
	h := oxm.Header(f.Field)
	if f.Masked {
		h = h&^0xff | 0x100 | h&0xff*2
	}
	return h
}

// appendProperty appends a property, padded to a multiple of 8 octets that its length does not count.
func appendProperty(b []byte, property uint16, list []byte) []byte {
	n := headerLen + len(list)
	b = binary.BigEndian.AppendUint16(b, property)
	b = binary.BigEndian.AppendUint16(b, uint16(n))
	b = append(b, list...)
	return append(b, make([]byte, -n&7)...)
}

// Split finds the features of the table at the front of b: everything before its properties, these, and what follows.
func Split(b []byte) (head, properties, rest []byte, err error) {
	if len(b) < fixed {
		return nil, nil, nil, errors.New("table features cut short")
	}
	n := int(binary.BigEndian.Uint16(b))
	if n < fixed || n > len(b) {
		return nil, nil, nil, fmt.Errorf("table features of %d octets in %d", n, len(b))
	}
	return b[:fixed], b[fixed:n], b[n:], nil
}

// SplitProperty finds the property at the front of b, and what follows.
func SplitProperty(b []byte) (property uint16, list, rest []byte, err error) {
	if len(b) < headerLen {
		return 0, nil, nil, errors.New("table property cut short")
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if n < headerLen || n > len(b) {
		return 0, nil, nil, fmt.Errorf("table property of %d octets in %d", n, len(b))
	}
	return binary.BigEndian.Uint16(b), b[headerLen:n], b[min((n+7)&^7, len(b)):], nil
}

// Parse appends the features in b, the body of a request or reply, to dst. Fields, instructions and actions that flow has no name for are left
// out, and so is what concerns write-actions.
func Parse(dst []flow.TableFeatures, b []byte) ([]flow.TableFeatures, error) {
	for len(b) > 0 {
		head, properties, rest, err := Split(b)
		if err != nil {
			return nil, err
		}
		name, _, _ := bytes.Cut(head[8:8+nameLen], []byte{0})
		f := flow.TableFeatures{
			ID:            head[2],
			Name:          strings.ToValidUTF8(string(name), "\ufffd"),
			MetadataMatch: binary.BigEndian.Uint64(head[40:]),
			MetadataWrite: binary.BigEndian.Uint64(head[48:]),
			MaxEntries:    binary.BigEndian.Uint32(head[60:]),
		}
		if err := parseProperties(&f, properties); err != nil {
			return nil, fmt.Errorf("table %d: %w", f.ID, err)
		}
		dst, b = append(dst, f), rest
	}
	return dst, nil
}

func parseProperties(f *flow.TableFeatures, b []byte) error {
	told := map[uint16]bool{}
	for len(b) > 0 {
		property, list, rest, err := SplitProperty(b)
		if err != nil {
			return err
		}
		b = rest
		told[property] = true
		e := &f.Entry
		if property&miss != 0 {
			e = &f.Miss
		}
		switch property {
		case Instructions, Instructions | miss:
			err = parseKinds(&e.Can, instructions, list)
		case ApplyActions, ApplyActions | miss:
			err = parseKinds(&e.Can, actions, list)
		case NextTables, NextTables | miss:
			e.Next = bytes.Clone(list)
		case ApplySetField, ApplySetField | miss:
			e.Set, err = parseFields(list)
		case Wildcards:
			f.Wildcards, err = parseFields(list)
		case Match:
			f.Match, err = parseMatch(list)
		}
		if err != nil {
			return err
		}
	}
	inherit(f, told)
	return nil
}

// inherit fills in what was not told of the table-miss entry: it is the same as for others.
func inherit(f *flow.TableFeatures, told map[uint16]bool) {
	if !told[Instructions|miss] {
		f.Miss.Can |= f.Entry.Can & all(instructions)
	}
	if !told[ApplyActions|miss] {
		f.Miss.Can |= f.Entry.Can & all(actions)
	}
	if !told[NextTables|miss] {
		f.Miss.Next = slices.Clone(f.Entry.Next)
	}
	if !told[ApplySetField|miss] {
		f.Miss.Set = slices.Clone(f.Entry.Set)
	}
}

func all(kinds []kind) (c flow.Capability) {
	for _, k := range kinds {
		c |= k.can
	}
	return c
}

// parseKinds reads ids of instructions or actions. Those of experimenters are longer than others.
func parseKinds(can *flow.Capability, kinds []kind, b []byte) error {
	*can &^= all(kinds)
	for len(b) > 0 {
		if len(b) < idLen {
			return errors.New("id of an instruction or action cut short")
		}
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < idLen || n > len(b) {
			return fmt.Errorf("id of an instruction or action of %d octets in %d", n, len(b))
		}
		number := binary.BigEndian.Uint16(b)
		if i := slices.IndexFunc(kinds, func(k kind) bool { return k.number == number }); i >= 0 {
			*can |= kinds[i].can
		}
		b = b[n:]
	}
	return nil
}

func parseFields(b []byte) ([]flow.Field, error) {
	var fields []flow.Field
	err := EachField(b, func(id uint32, f flow.Field) {
		if f != 0 {
			fields = append(fields, f)
		}
	})
	return fields, err
}

func parseMatch(b []byte) ([]flow.FieldFeature, error) {
	var fields []flow.FieldFeature
	err := EachField(b, func(id uint32, f flow.Field) {
		if f != 0 {
			fields = append(fields, flow.FieldFeature{Field: f, Masked: id&0x100 != 0})
		}
	})
	return fields, err
}

// EachField calls do for the ids in a list of fields; f is 0 if flow has no name for it. An id of an experimenter's has 4 octets more.
func EachField(b []byte, do func(id uint32, f flow.Field)) error {
	for len(b) > 0 {
		if len(b) < idLen {
			return errors.New("id of a field cut short")
		}
		id, n := binary.BigEndian.Uint32(b), idLen
		if id>>16 == 0xffff {
			if n += 4; len(b) < n {
				return errors.New("id of an experimenter's field cut short")
			}
		}
		f, _ := flow.FieldByOXM(uint16(id>>16), uint8(id>>9)&0x7f)
		do(id, f)
		b = b[n:]
	}
	return nil
}
