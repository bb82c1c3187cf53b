package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
)

// DamageError lists what Check finds in a backup's contents. Nothing was restored.
type DamageError struct{ Problems []string }

func (e *DamageError) Error() string {
	const shown = 10
	list := e.Problems[:min(len(e.Problems), shown)]
	return fmt.Sprintf("what the backup holds is not consistent; %d problems:\n  %s", len(e.Problems), strings.Join(list, "\n  "))
}

// Restore reads what Backup wrote into a database that is empty: one without tables, or one of Planck's without any objects. All of it is
// there in the end, checked, or nothing is. No planckd may run on the database. A backup of an older schema is brought up to date.
func Restore(ctx context.Context, url string, in io.Reader, progress func(rows int64)) (BackupSummary, error) {
	backup, err := newBackupReader(in)
	if err != nil {
		return BackupSummary{}, err
	}
	s := offline()
	undo := func() {}
	if path, isFile := strings.CutPrefix(url, "sqlite:"); isFile {
		undo = removeIfNew(path)
	}
	if err := s.connect(url, false); err != nil {
		return BackupSummary{}, err
	}
	err = s.restoreOnce(ctx, &restore{store: s, backup: backup, progress: progress})
	if err != nil {
		undo() // the lock is still held
	}
	err = errors.Join(err, s.closeDatabases())
	return BackupSummary{backup.header, backup.tables, backup.rows}, s.readError(ctx, err)
}

// removeIfNew gives what removes an SQLite database that is not there yet.
func removeIfNew(path string) func() {
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		return func() {}
	}
	return func() {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			_ = os.Remove(path + suffix) // what stays is an empty database
		}
	}
}

func (s *Store) restoreOnce(ctx context.Context, r *restore) error {
	known, err := readMigrations(s.dialect.migrations)
	if err != nil {
		return err
	}
	if r.backup.header.Schema > len(known) {
		return fmt.Errorf("the backup's schema is version %d, this program knows none above %d: use a newer one", r.backup.header.Schema, len(known))
	}
	db := s.db.WithContext(ctx).Begin()
	if db.Error != nil {
		return db.Error
	}
	defer db.Rollback() // does nothing after Commit
	if err := r.run(db, known); err != nil {
		return err
	}
	return db.Commit().Error
}

// restore is one attempt, in a transaction.
type restore struct {
	store    *Store
	backup   *backupReader
	progress func(rows int64)
	tables   map[string]*storedTable // those that the backup has to bring
	last     map[string]int64        // highest numbers given
}

func (r *restore) run(db *gorm.DB, known []migration) error {
	d := r.store.dialect
	if d.name == postgresName { // what we read from may be slow
		if err := db.Exec("SET LOCAL idle_in_transaction_session_timeout = 0").Error; err != nil {
			return err
		}
	}
	if err := r.prepare(db, known[:r.backup.header.Schema], len(known)); err != nil {
		return err
	}
	if err := r.load(db); err != nil {
		return err
	}
	for name, last := range r.last {
		if err := setLastNumber(db, d, r.tables[name], last); err != nil {
			return err
		}
	}
	if err := applyMigrations(db, d, known); err != nil {
		return err
	}
	if err := r.settle(db); err != nil {
		return err
	}
	problems, err := r.store.check(db)
	if err == nil && len(problems) > 0 {
		err = &DamageError{problems}
	}
	return err
}

// prepare brings an empty database to the backup's schema, and refuses one that is not empty.
func (r *restore) prepare(db *gorm.DB, migrations []migration, newest int) error {
	d := r.store.dialect
	before, err := tables(db, d)
	if err != nil {
		return err
	}
	if len(before) > 0 && !slices.ContainsFunc(before, func(t *storedTable) bool { return t.name == "schema_migrations" }) {
		return fmt.Errorf("the database is not empty: it has tables that are not Planck's, such as %s", before[0].name)
	}
	if len(before) > 0 {
		var version int
		if err := db.Raw("SELECT COALESCE(MAX(version), 0) FROM schema_migrations").Scan(&version).Error; err != nil {
			return err
		}
		switch {
		case version > newest:
			return fmt.Errorf("the database's schema is version %d, this program knows none above %d: use a newer one", version, newest)
		case version > len(migrations):
			return fmt.Errorf("the database's schema is version %d already, and the backup's %d: restore it into a database without any tables", version, len(migrations))
		}
	}
	if err := refuseCompany(db, d); err != nil {
		return err
	}
	if err := refuseRows(db, before); err != nil {
		return err
	}
	if err := applyMigrations(db, d, migrations); err != nil {
		return err
	}
	stored, err := tables(db, d)
	if err != nil {
		return err
	}
	r.tables, r.last = map[string]*storedTable{}, map[string]int64{}
	for _, t := range stored {
		if !isEphemeral(t.name) {
			r.tables[t.name] = t
		}
	}
	for _, t := range stored { // the traces of an empty cloud
		if t.name == "cloud" || t.name == "journal" || t.name == "nova_sender" {
			if err := db.Exec("DELETE FROM " + quoted(t.name)).Error; err != nil {
				return err
			}
		}
	}
	return nil
}

// refuseRows refuses a database in which there is anything but what a planckd leaves that has just been started.
func refuseRows(db *gorm.DB, stored []*storedTable) error {
	var found []string
	for _, t := range stored {
		if isEphemeral(t.name) || t.name == "cloud" {
			continue
		}
		var rows int64
		if err := db.Raw("SELECT COUNT(*) FROM " + quoted(t.name)).Scan(&rows).Error; err != nil {
			return err
		}
		if rows > 0 {
			found = append(found, fmt.Sprintf("%d %s", rows, strings.ReplaceAll(t.name, "_", " ")))
		}
	}
	if len(found) > 0 {
		return fmt.Errorf("the database is not empty: it has %s", strings.Join(found, ", "))
	}
	return nil
}

// closingTime is how long PostgreSQL may take to end the server process of a connection that was closed.
const closingTime = 2 * time.Second

// refuseCompany refuses a database that a planckd has open: it would go on with the cloud that it knows. Of an SQLite file the lock tells.
func refuseCompany(db *gorm.DB, d dialect) error {
	if d.name != postgresName {
		return nil
	}
	for limit := time.Now().Add(closingTime); ; time.Sleep(20 * time.Millisecond) {
		var others int
		err := db.Raw(`SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'planckd' AND pid <> pg_backend_pid()`).Scan(&others).Error
		switch {
		case err != nil || others == 0:
			return err
		case time.Now().After(limit):
			return fmt.Errorf("a planckd has the database open (%d connections): stop it first", others)
		}
		if err := db.Exec("SELECT pg_stat_clear_snapshot()").Error; err != nil { // or the transaction sees the same again
			return err
		}
	}
}

// settle replaces what was true in the backup's database only. Transactions are numbered anew: what was freed is free when every node has
// confirmed this one. Leases have run out.
func (r *restore) settle(db *gorm.DB) error {
	s := r.store
	if s.dialect.name == sqliteName { // revisions do not go back
		if err := setLastNumber(db, s.dialect, &storedTable{name: "journal"}, int64(r.backup.header.Transaction)-1); err != nil {
			return err
		}
	}
	var horizon int64
	if err := db.Raw("SELECT " + s.dialect.horizon).Scan(&horizon).Error; err != nil {
		return err
	}
	for _, statement := range []string{
		"UPDATE segments SET freed_txid = ? WHERE freed_txid IS NOT NULL",
		"UPDATE node_confirmations SET horizon = ?",
		"UPDATE journal_pruned SET txid = ?",
	} {
		if err := db.Exec(statement, horizon-1).Error; err != nil {
			return err
		}
	}
	// Switches may have seen higher generations since the backup was made.
	now := s.dialect.seconds()
	return db.Exec("UPDATE masters SET expires_at = 0, generation = 1 + CASE WHEN generation < " + now + " THEN " + now + " ELSE generation END").Error
}
