package store

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"gorm.io/gorm"
)

const (
	// maxParameters of one statement are few: SQLite's driver takes a time that grows with their square.
	maxParameters = 1000
	// maxBatch is the length of the texts that one statement carries at most, and one row more.
	maxBatch = 1 << 20
)

// load reads all tables of the backup.
func (r *restore) load(db *gorm.DB) error {
	loaded := map[string]bool{}
	batch := &batch{db: db, overriding: catalogs[r.store.dialect.name].overriding}
	for {
		table, row, err := r.backup.next()
		switch {
		case err == io.EOF:
			return r.complete(batch, loaded)
		case err != nil:
			return err
		case table != nil:
			if err = batch.flush(); err == nil {
				err = r.begin(batch, table, loaded)
			}
		default:
			err = batch.add(row)
		}
		if err != nil {
			return fmt.Errorf("line %d of the backup: %w", r.backup.number, err)
		}
		if r.progress != nil && r.backup.rows%rowsPerReport == 0 {
			r.progress(r.backup.rows)
		}
	}
}

func (r *restore) complete(batch *batch, loaded map[string]bool) error {
	if err := batch.flush(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(r.tables)) {
		if !loaded[name] {
			return fmt.Errorf("the backup lacks table %s", name)
		}
	}
	return nil
}

// begin makes the batch one of another table.
func (r *restore) begin(batch *batch, table *backupTable, loaded map[string]bool) error {
	t := r.tables[table.Table]
	if t == nil {
		return fmt.Errorf("schema %d has no table %q", r.backup.header.Schema, table.Table)
	}
	if loaded[t.name] {
		return fmt.Errorf("table %s is there twice", t.name)
	}
	loaded[t.name] = true
	batch.table, batch.columns = t, nil
	for _, name := range table.Columns {
		i := slices.IndexFunc(t.columns, func(c storedColumn) bool { return c.name == name })
		if i < 0 || slices.Contains(batch.columns, t.columns[i]) {
			return fmt.Errorf("table %s has no column %q, or not twice", t.name, name)
		}
		batch.columns = append(batch.columns, t.columns[i])
	}
	if len(batch.columns) != len(t.columns) {
		return fmt.Errorf("table %s has columns %s, and not %s alone", t.name, strings.Join(t.columnNames(), ", "), strings.Join(table.Columns, ", "))
	}
	if t.identity != "" {
		r.last[t.name] = table.Last
	}
	return nil
}

// batch is rows of one table that are written by one statement.
type batch struct {
	db         *gorm.DB
	overriding string
	table      *storedTable
	columns    []storedColumn
	values     []any
	length     int // of texts
}

func (b *batch) add(row []any) error {
	if len(row) != len(b.columns) {
		return fmt.Errorf("a row of table %s has %d values, and the table %d columns", b.table.name, len(row), len(b.columns))
	}
	for i, c := range b.columns {
		value, err := c.fromBackup(row[i])
		if err != nil {
			return fmt.Errorf("table %s: %w", b.table.name, err)
		}
		if text, ok := value.(string); ok {
			b.length += len(text)
		}
		b.values = append(b.values, value)
	}
	if len(b.values)+len(b.columns) > maxParameters || b.length > maxBatch {
		return b.flush()
	}
	return nil
}

func (b *batch) flush() error {
	if len(b.values) == 0 {
		return nil
	}
	names := make([]string, len(b.columns))
	for i, c := range b.columns {
		names[i] = c.name
	}
	row := "(?" + strings.Repeat(", ?", len(names)-1) + ")"
	err := b.db.Exec("INSERT INTO "+quoted(b.table.name)+" ("+quoted(names...)+")"+b.overriding+" VALUES "+
		manyRows(row, len(b.values)/len(names)), b.values...).Error
	b.values, b.length = b.values[:0], 0
	if err != nil {
		return fmt.Errorf("table %s: %w", b.table.name, err)
	}
	return nil
}
