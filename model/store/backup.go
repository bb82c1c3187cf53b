package store

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// ephemeral are the tables that mean nothing in another database: what its schema is, the journal of its transactions, and who does
// something at the moment. All others are in a backup, those too that do not exist yet.
var ephemeral = []string{"schema_migrations", "journal", "journal_pruned", "nova_sender"}

func isEphemeral(table string) bool { return slices.Contains(ephemeral, table) }

// BackupSummary tells what was written or read.
type BackupSummary struct {
	BackupHeader
	Tables int   `json:"tables"`
	Rows   int64 `json:"rows"`
}

// Backup writes all that a database holds, of one snapshot, as text that Restore reads into a database of either kind. It may run beside the
// planckd that serves it. A schema older than this program's is written as it is. progress, unless nil, is called now and then with the number
// of rows so far.
func Backup(ctx context.Context, url string, out io.Writer, progress func(rows int64)) (BackupSummary, error) {
	s, version, newest, err := openToRead(ctx, url)
	if err != nil {
		return BackupSummary{}, err
	}
	defer func() { _ = s.closeDatabases() }() // it was only read
	if version > newest {
		return BackupSummary{}, fmt.Errorf("the database's schema is version %d, this program knows none above %d: use a newer one", version, newest)
	}
	options := &sql.TxOptions{ReadOnly: true}
	if s.dialect.name == postgresName {
		options.Isolation = sql.LevelRepeatableRead
	}
	var summary BackupSummary
	buffered := bufio.NewWriterSize(out, 64<<10)
	err = s.readOnce(ctx, options, func(db *gorm.DB) (err error) {
		if s.dialect.name == postgresName { // whoever reads what we write may be slow
			if err := db.Exec("SET LOCAL idle_in_transaction_session_timeout = 0").Error; err != nil {
				return err
			}
		}
		summary, err = s.backup(db, buffered, progress)
		return err
	})
	if err == nil {
		if err = buffered.Flush(); err != nil {
			err = fileError{err}
		}
	}
	return summary, s.readError(ctx, err)
}

func (s *Store) backup(db *gorm.DB, out io.Writer, progress func(rows int64)) (BackupSummary, error) {
	// The first statement makes the snapshot. Numbers that are read after it are not lower than those in it.
	var mark struct {
		UUID    string
		Version int
		Next    uint64
	}
	err := db.Raw("SELECT uuid, (SELECT MAX(version) FROM schema_migrations) AS version, " + s.dialect.next + " AS next FROM cloud").Scan(&mark).Error
	if err != nil {
		return BackupSummary{}, err
	}
	if mark.UUID == "" {
		return BackupSummary{}, errors.New("the database has no cloud: no planckd has run on it yet")
	}
	header := BackupHeader{Format: backupFormat, Schema: mark.Version, Cloud: mark.UUID, Dialect: s.dialect.name, At: s.options.Source.Now().UTC(), Transaction: mark.Next}
	stored, err := tables(db, s.dialect)
	if err != nil {
		return BackupSummary{}, err
	}
	w, err := newBackupWriter(out, header)
	if err != nil {
		return BackupSummary{}, err
	}
	for _, t := range stored {
		if isEphemeral(t.name) {
			continue
		}
		if err := s.backupTable(db, w, t, progress); err != nil {
			return BackupSummary{}, fmt.Errorf("table %s: %w", t.name, err)
		}
	}
	return BackupSummary{header, w.tables, w.rows}, w.end()
}

// rowsPerReport is how many rows are written or read between two reports of progress.
const rowsPerReport = 1000

func (s *Store) backupTable(db *gorm.DB, w *backupWriter, t *storedTable, progress func(rows int64)) (err error) {
	head := backupTable{Table: t.name, Columns: t.columnNames()}
	if t.identity != "" {
		if head.Last, err = lastNumber(db, s.dialect, t); err != nil {
			return err
		}
	}
	if err := w.table(head); err != nil {
		return err
	}
	rows, err := db.Raw("SELECT " + quoted(head.Columns...) + " FROM " + quoted(t.name) + orderBy(t.key)).Rows()
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells
	values, into := make([]any, len(t.columns)), make([]any, len(t.columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for i, c := range t.columns {
			if values[i], err = c.toBackup(values[i]); err != nil {
				return err
			}
		}
		if err := w.row(values); err != nil {
			return err
		}
		if progress != nil && w.rows%rowsPerReport == 0 {
			progress(w.rows)
		}
	}
	return rows.Err()
}

// orderBy makes backups of the same rows be the same.
func orderBy(key []string) string {
	if len(key) == 0 {
		return ""
	}
	return " ORDER BY " + quoted(key...)
}

// quoted lists names as SQL needs them that may be words of its own.
func quoted(names ...string) string { return `"` + strings.Join(names, `", "`) + `"` }
