package store

import (
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// storedKind is what a column holds, in either dialect.
type storedKind string

const (
	storedInteger storedKind = "integer"
	storedReal    storedKind = "real"
	storedBoolean storedKind = "boolean"
	storedText    storedKind = "text"
	storedTime    storedKind = "time"
)

// storedKindOf translates a column's type, as either database gives it.
func storedKindOf(declared string) (storedKind, bool) {
	switch strings.ToLower(declared) {
	case "smallint", "integer", "bigint":
		return storedInteger, true
	case "double precision", "real":
		return storedReal, true
	case "boolean":
		return storedBoolean, true
	case "text":
		return storedText, true
	case "timestamp with time zone", "datetime":
		return storedTime, true
	}
	return "", false
}

// storedTable is a table as the database itself describes it.
type storedTable struct {
	name    string
	columns []storedColumn
	key     []string // columns of the primary key
	// identity is the column that the database numbers, never twice with the same; empty: there is none.
	identity   string
	references []string // tables that its foreign keys name, but for itself
}

type storedColumn struct {
	name string
	kind storedKind
}

func (t *storedTable) columnNames() []string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return names
}

// catalog asks a database for its tables and their numbering.
type catalog struct {
	// columns gives tab, name, type, key (position in the primary key, or 0) and identity, in order.
	columns string
	// references gives tab and parent for each foreign key.
	references string
	// overriding lets an INSERT say a number that the database would give.
	overriding string
}

var catalogs = map[string]catalog{
	postgresName: {
		columns: `SELECT c.relname AS tab, a.attname AS name, format_type(a.atttypid, NULL) AS type, a.attidentity <> '' AS identity,
			COALESCE(array_position(CAST(i.indkey AS smallint[]), a.attnum) + 1, 0) AS key
			FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
			WHERE c.relnamespace = CAST(current_schema() AS regnamespace) AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
			ORDER BY c.relname, a.attnum`,
		references: `SELECT DISTINCT c.relname AS tab, f.relname AS parent FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
			JOIN pg_class f ON f.oid = k.confrelid WHERE k.contype = 'f' AND c.relnamespace = CAST(current_schema() AS regnamespace)`,
		overriding: " OVERRIDING SYSTEM VALUE",
	},
	sqliteName: {
		columns: `SELECT m.name AS tab, p.name AS name, p.type AS type, p.pk AS key, p.pk = 1 AND instr(upper(m.sql), 'AUTOINCREMENT') > 0 AS identity
			FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.type = 'table' AND substr(m.name, 1, 7) <> 'sqlite_' ORDER BY m.name, p.cid`,
		references: `SELECT DISTINCT m.name AS tab, f."table" AS parent FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'`,
	},
}

// tables gives all tables of a database, each after those that its foreign keys name.
func tables(db *gorm.DB, d dialect) ([]*storedTable, error) {
	var columns []struct {
		Tab, Name, Type string
		Key             int
		Identity        bool
	}
	if err := db.Raw(catalogs[d.name].columns).Scan(&columns).Error; err != nil {
		return nil, err
	}
	byName := map[string]*storedTable{}
	var list []*storedTable
	keys := map[string]int{} // table and column, to the position in the key
	for _, c := range columns {
		t := byName[c.Tab]
		if t == nil {
			t = &storedTable{name: c.Tab}
			byName[c.Tab], list = t, append(list, t)
		}
		kind, ok := storedKindOf(c.Type)
		if !ok {
			return nil, fmt.Errorf("table %s: column %s has type %s, which no table of Planck's has", c.Tab, c.Name, c.Type)
		}
		t.columns = append(t.columns, storedColumn{c.Name, kind})
		if c.Key > 0 {
			t.key = append(t.key, c.Name)
			keys[c.Tab+" "+c.Name] = c.Key
		}
		if c.Identity {
			t.identity = c.Name
		}
	}
	for _, t := range list {
		slices.SortFunc(t.key, func(a, b string) int { return keys[t.name+" "+a] - keys[t.name+" "+b] })
	}
	var references []struct{ Tab, Parent string }
	if err := db.Raw(catalogs[d.name].references).Scan(&references).Error; err != nil {
		return nil, err
	}
	for _, r := range references {
		if t := byName[r.Tab]; t != nil && r.Tab != r.Parent {
			t.references = append(t.references, r.Parent)
		}
	}
	return parentsFirst(list)
}

// parentsFirst orders tables so that each comes after those that it refers to, and else as they were.
func parentsFirst(list []*storedTable) ([]*storedTable, error) {
	sorted, placed := make([]*storedTable, 0, len(list)), map[string]bool{}
	for len(sorted) < len(list) {
		before := len(sorted)
		for _, t := range list {
			if !placed[t.name] && !slices.ContainsFunc(t.references, func(parent string) bool { return !placed[parent] }) {
				sorted, placed[t.name] = append(sorted, t), true
			}
		}
		if len(sorted) == before {
			return nil, fmt.Errorf("foreign keys of tables go in a circle, or lead out of the database: %d tables cannot be put in order", len(list)-before)
		}
	}
	return sorted, nil
}

// sequenceOf names the sequence that numbers a table on PostgreSQL, quoted as SQL needs it.
func sequenceOf(db *gorm.DB, t *storedTable) (name string, err error) {
	err = db.Raw("SELECT pg_get_serial_sequence(quote_ident(?), ?)", t.name, t.identity).Scan(&name).Error
	return name, err
}

// lastNumber is the highest number that the database has given in a table with an identity; 0: none.
func lastNumber(db *gorm.DB, d dialect, t *storedTable) (last int64, err error) {
	if d.name == sqliteName {
		err = db.Raw("SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = ?", t.name).Scan(&last).Error
		return last, err
	}
	sequence, err := sequenceOf(db, t)
	if err != nil {
		return 0, err
	}
	err = db.Raw("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM " + sequence).Scan(&last).Error
	return last, err
}

// setLastNumber makes the next number that the database gives be above last.
func setLastNumber(db *gorm.DB, d dialect, t *storedTable, last int64) error {
	if d.name == sqliteName {
		result := db.Exec("UPDATE sqlite_sequence SET seq = MAX(seq, ?) WHERE name = ?", last, t.name)
		if result.Error != nil || result.RowsAffected > 0 {
			return result.Error
		}
		return db.Exec("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", t.name, last).Error
	}
	given, err := lastNumber(db, d, t)
	if err != nil || last <= given {
		return err
	}
	sequence, err := sequenceOf(db, t)
	if err != nil {
		return err
	}
	return db.Exec("SELECT setval(CAST(? AS regclass), ?)", sequence, last).Error
}
