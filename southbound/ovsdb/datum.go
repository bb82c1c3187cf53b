package ovsdb

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	libovsdb "github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// datum is the value of one column. It is never changed once it is made, so that a State may share it. Atoms are kept
// as text: strings as they are, integers in decimal, booleans as true and false, references as the row's UUID.
type datum struct {
	atoms []string          // of a scalar exactly one; of a set any number, sorted
	pairs map[string]string // of a map
}

func one(atom string) datum                 { return datum{atoms: []string{atom}} }
func several(atoms ...string) datum         { return datum{atoms: slices.Sorted(slices.Values(atoms))} }
func mapping(pairs map[string]string) datum { return datum{pairs: pairs} }

// first is the value of a scalar or of a set of at most one; empty if there is none.
func (d datum) first() string {
	if len(d.atoms) == 0 {
		return ""
	}
	return d.atoms[0]
}

func (d datum) equal(e datum) bool {
	return slices.Equal(d.atoms, e.atoms) && maps.Equal(d.pairs, e.pairs)
}

// size is about the memory that the datum takes, in bytes.
func (d datum) size() int {
	n := 32
	for _, a := range d.atoms {
		n += 16 + len(a)
	}
	for k, v := range d.pairs {
		n += 64 + len(k) + len(v)
	}
	return n
}

// zero is the value of a column that an insert leaves out.
func (c column) zero() datum {
	if c.shape != scalar {
		return datum{}
	}
	switch c.atom {
	case integer:
		return one("0")
	case boolean:
		return one("false")
	default:
		return one("")
	}
}

// parse decodes a value of the column (RFC 7047, section 5.1).
func (c column) parse(raw json.RawMessage) (datum, error) {
	d, err := c.parseValue(raw)
	if err != nil {
		return datum{}, fmt.Errorf("column %s: %w", c.name, err)
	}
	return d, nil
}

func (c column) parseValue(raw json.RawMessage) (datum, error) {
	if c.shape == pairs {
		return parsePairs(raw)
	}
	items := []json.RawMessage{raw}
	if tag, body, ok := tagged(raw); ok && tag == "set" && c.shape != scalar {
		items = nil // or the first item would be decoded into raw
		if err := json.Unmarshal(body, &items); err != nil {
			return datum{}, err
		}
	}
	if c.shape == optional && len(items) > 1 {
		return datum{}, errors.New("more than one value")
	}
	d := datum{atoms: make([]string, len(items))}
	for i, item := range items {
		atom, err := c.atom.parse(item)
		if err != nil {
			return datum{}, err
		}
		d.atoms[i] = atom
	}
	slices.Sort(d.atoms)
	return d, nil
}

func parsePairs(raw json.RawMessage) (datum, error) {
	tag, body, ok := tagged(raw)
	if !ok || tag != "map" {
		return datum{}, errors.New("not a map")
	}
	var list [][]string
	if err := json.Unmarshal(body, &list); err != nil {
		return datum{}, err
	}
	d := datum{pairs: make(map[string]string, len(list))}
	for _, pair := range list {
		if len(pair) != 2 {
			return datum{}, errors.New("not a pair of strings in a map")
		}
		d.pairs[pair[0]] = pair[1]
	}
	return d, nil
}

// tagged splits ["tag", body].
func tagged(raw json.RawMessage) (tag string, body json.RawMessage, ok bool) {
	if len(raw) == 0 || raw[0] != '[' {
		return "", nil, false
	}
	var parts []json.RawMessage
	if json.Unmarshal(raw, &parts) != nil || len(parts) != 2 || json.Unmarshal(parts[0], &tag) != nil {
		return "", nil, false
	}
	return tag, parts[1], true
}

func (t atomType) parse(raw json.RawMessage) (string, error) {
	switch t {
	case integer:
		n, err := strconv.ParseInt(string(raw), 10, 64)
		return strconv.FormatInt(n, 10), err
	case boolean:
		b, err := strconv.ParseBool(string(raw))
		return strconv.FormatBool(b), err
	case reference:
		tag, body, ok := tagged(raw)
		if !ok || tag != "uuid" {
			return "", errors.New("not a reference to a row")
		}
		var id string
		if err := json.Unmarshal(body, &id); err != nil {
			return "", err
		}
		return id, libovsdb.ValidateUUID(id)
	default:
		if len(raw) == 0 || raw[0] != '"' {
			return "", errors.New("not a string")
		}
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	}
}

// apply changes old by a difference as update2 tells it (ovsdb-server(7), section 4.1.14).
func (c column) apply(old, diff datum) datum {
	switch c.shape {
	case set:
		var atoms []string
		for _, a := range old.atoms {
			if _, changed := slices.BinarySearch(diff.atoms, a); !changed {
				atoms = append(atoms, a)
			}
		}
		for _, a := range diff.atoms {
			if _, had := slices.BinarySearch(old.atoms, a); !had {
				atoms = append(atoms, a)
			}
		}
		slices.Sort(atoms)
		return datum{atoms: atoms}
	case pairs:
		merged := make(map[string]string, len(old.pairs)+len(diff.pairs))
		maps.Copy(merged, old.pairs)
		for k, v := range diff.pairs {
			if had, ok := merged[k]; ok && had == v {
				delete(merged, k)
			} else {
				merged[k] = v
			}
		}
		return datum{pairs: merged}
	default:
		return diff
	}
}

// encode is the column's value as libovsdb puts it on the wire.
func (c column) encode(d datum) any {
	if c.shape == pairs {
		m := libovsdb.OvsMap{GoMap: make(map[any]any, len(d.pairs))}
		for k, v := range d.pairs {
			m.GoMap[k] = v
		}
		return m
	}
	if c.shape == scalar {
		return c.atom.encode(d.first())
	}
	s := libovsdb.OvsSet{GoSet: make([]any, len(d.atoms))}
	for i, a := range d.atoms {
		s.GoSet[i] = c.atom.encode(a)
	}
	return s
}

func (t atomType) encode(atom string) any {
	switch t {
	case integer:
		return json.Number(atom)
	case boolean:
		return atom == "true"
	case reference:
		return libovsdb.UUID{GoUUID: atom} // not a UUID: the name of a row that the same transaction inserts
	default:
		return atom
	}
}
