package store

import (
	"context"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"gorm.io/gorm"
)

// migrationLock is the key of the advisory lock under which one replica at a time migrates: "planck" in ASCII.
const migrationLock = 0x706c616e636b

type migration struct {
	version int
	name    string
	sql     string
}

// migrate runs what files hold beyond the database's version, all in one transaction. It refuses a database that is
// newer than files.
func migrate(ctx context.Context, db *gorm.DB, dialect dialect, files fs.FS) error {
	known, err := readMigrations(files)
	if err != nil {
		return err
	}
	return classify(db.WithContext(ctx).Transaction(func(tx *gorm.DB) error { return applyMigrations(tx, dialect, known) }))
}

func applyMigrations(tx *gorm.DB, dialect dialect, known []migration) error {
	if dialect.name == postgresName {
		if err := tx.Exec("SELECT pg_advisory_xact_lock(?)", int64(migrationLock)).Error; err != nil {
			return err
		}
	}
	if err := tx.Exec("CREATE TABLE IF NOT EXISTS schema_migrations (version integer PRIMARY KEY, name text NOT NULL)").Error; err != nil {
		return err
	}
	var version int
	if err := tx.Raw("SELECT COALESCE(MAX(version), 0) FROM schema_migrations").Scan(&version).Error; err != nil {
		return err
	}
	if version > len(known) {
		return fmt.Errorf("the database's schema is version %d, this planckd knows none above %d: use a newer planckd", version, len(known))
	}
	for _, m := range known[version:] {
		if err := tx.Exec(m.sql).Error; err != nil {
			return fmt.Errorf("migration %s: %w", m.name, err)
		}
		if err := tx.Exec("INSERT INTO schema_migrations (version, name) VALUES (?, ?)", m.version, m.name).Error; err != nil {
			return err
		}
	}
	return nil
}

// readMigrations reads files named 0001_some_words.sql, numbered from 1 without a gap.
func readMigrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "*.sql") // sorted
	if err != nil {
		return nil, err
	}
	known := make([]migration, len(names))
	for i, name := range names {
		digits, _, _ := strings.Cut(name, "_")
		if version, err := strconv.Atoi(digits); err != nil || version != i+1 {
			return nil, fmt.Errorf("migration %s should have number %d", name, i+1)
		}
		sql, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		known[i] = migration{i + 1, name, string(sql)}
	}
	return known, nil
}
