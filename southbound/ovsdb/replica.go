package ovsdb

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	libovsdb "github.com/ovn-kubernetes/libovsdb/ovsdb"
)

// row is indexed by the column numbers of its table.
type row []datum

func (r row) size() int {
	n := 64
	for _, d := range r {
		n += d.size()
	}
	return n
}

// replica mirrors the node's database.
type replica struct {
	tables  map[string]map[string]row // by table and row UUID
	attach  map[string]attachment     // by UUID of the interface
	version uint64                    // counts updates
	size    int                       // about the memory it takes, in bytes
}

// attachment remembers since which update an interface names its iface-id.
type attachment struct {
	ifaceID string
	version uint64
}

func newReplica() *replica {
	r := &replica{tables: make(map[string]map[string]row, len(schema)), attach: map[string]attachment{}}
	for table := range schema {
		r.tables[table] = map[string]row{}
	}
	return r
}

// present is true where a member stands in the JSON, be it null.
type present bool

func (p *present) UnmarshalJSON([]byte) error {
	*p = true
	return nil
}

// rowUpdate is a <row-update2> of ovsdb-server(7).
type rowUpdate struct {
	Initial, Insert, Modify map[string]json.RawMessage
	Delete                  present
}

// apply takes over a <table-updates2>. After an error the replica is of no more use.
func (r *replica) apply(updates []byte) error {
	var tables map[string]map[string]rowUpdate
	if err := json.Unmarshal(updates, &tables); err != nil {
		return err
	}
	r.version++
	for table, rows := range tables {
		if schema[table] == nil {
			return fmt.Errorf("table %.64q was not asked for", table)
		}
		for id, u := range rows {
			if err := libovsdb.ValidateUUID(id); err != nil {
				return fmt.Errorf("table %s: row %.64q: %w", table, id, err)
			}
			if err := r.applyRow(table, id, u); err != nil {
				return fmt.Errorf("table %s: row %s: %w", table, id, err)
			}
		}
	}
	return nil
}

func (r *replica) applyRow(table, id string, u rowUpdate) error {
	old, known := r.tables[table][id]
	var next row
	switch {
	case u.Initial != nil || u.Insert != nil:
		fields := u.Initial
		if fields == nil {
			fields = u.Insert
		}
		next = make(row, len(schema[table]))
		for i, c := range schema[table] {
			next[i] = c.zero()
		}
		if err := next.set(table, fields, func(_ column, _, value datum) datum { return value }); err != nil {
			return err
		}
	case u.Modify != nil:
		if !known {
			return errors.New("a change of a row that is not there")
		}
		next = append(row(nil), old...)
		if err := next.set(table, u.Modify, column.apply); err != nil {
			return err
		}
	case !bool(u.Delete):
		return errors.New("neither a new row nor a change nor a deletion")
	}
	if known {
		r.size -= old.size()
	}
	if next == nil {
		delete(r.tables[table], id)
	} else {
		r.tables[table][id] = next
		r.size += next.size()
	}
	if table == tableInterface {
		r.noteAttachment(id, next)
	}
	return nil
}

// set puts each named column to what merge makes of its present and its received value.
func (r row) set(table string, fields map[string]json.RawMessage, merge func(c column, old, received datum) datum) error {
	for name, raw := range fields {
		i, err := columnIndex(table, name)
		if err != nil {
			return err
		}
		c := schema[table][i]
		d, err := c.parse(raw)
		if err != nil {
			return err
		}
		r[i] = merge(c, r[i], d)
	}
	return nil
}

func (r *replica) noteAttachment(id string, next row) {
	if next == nil {
		delete(r.attach, id)
		return
	}
	ifaceID := next[interfaceExternalIDs].pairs[keyIfaceID]
	if ifaceID == "" {
		delete(r.attach, id)
	} else if r.attach[id].ifaceID != ifaceID {
		r.attach[id] = attachment{ifaceID: ifaceID, version: r.version}
	}
}

// root is the one row of table Open_vSwitch.
func (r *replica) root() (id string, root row) {
	for id, root = range r.tables[tableRoot] {
		return id, root
	}
	return "", nil
}

// bridge finds a bridge by name.
func (r *replica) bridge(name string) (id string, bridge row) {
	for id, bridge := range r.tables[tableBridge] {
		if bridge[bridgeName].first() == name {
			return id, bridge
		}
	}
	return "", nil
}

// ofport of an interface, 0 while it has none or the switch refused it.
func (r row) ofport() uint32 {
	n, err := strconv.ParseUint(r[interfaceOfport].first(), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}
