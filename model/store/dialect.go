package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/glebarez/sqlite"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/zap"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	gormlogger "gorm.io/gorm/logger"
)

//go:embed migrations
var migrations embed.FS

const (
	postgresName = "postgres"
	sqliteName   = "sqlite"

	postgresConnections = 24
	sqliteReaders       = 4
	slowStatement       = 200 * time.Millisecond
)

// dialect is where the two databases differ, as SQL expressions.
type dialect struct {
	name string
	// now is the database's clock in seconds since 1970.
	now string
	// txid numbers the current transaction.
	txid string
	// horizon is such that every transaction below it has ended, and its effects are visible.
	horizon string
	// next is above every transaction that is visible.
	next string
	// epoch changes when the database may have lost transactions that a follower has seen.
	epoch string
	// snapshot is what is visible now, as text that unseen understands.
	snapshot string
	// unseen selects journal lines that were not visible in a snapshot; parameters are its horizon and the snapshot.
	unseen string
	// fixedIPs is the JSON list of a port's fixed IPs.
	fixedIPs string
	// interfaces is the JSON list of a node's interfaces, by name, with the names of model.Interface's fields.
	interfaces string
	migrations fs.FS
}

// The txid_ functions are those that PostgreSQL 12 has. They count beyond 32 bits and do not wrap.
var postgresDialect = dialect{
	name:     postgresName,
	now:      "CAST(extract(epoch FROM clock_timestamp()) AS double precision)",
	txid:     "txid_current()",
	horizon:  "txid_snapshot_xmin(txid_current_snapshot())",
	next:     "txid_snapshot_xmax(txid_current_snapshot())",
	epoch:    "CAST(pg_postmaster_start_time() AS text)",
	snapshot: "CAST(txid_current_snapshot() AS text)",
	unseen:   "txid >= ? AND NOT txid_visible_in_snapshot(txid, CAST(? AS txid_snapshot))",
	fixedIPs: `COALESCE((SELECT CAST(json_agg(json_build_object('subnet_id', subnet_id, 'ip_address', ip_address) ORDER BY position) AS text)
		FROM ip_allocations WHERE port_number = ports.number), '[]')`,
	interfaces: `COALESCE((SELECT CAST(json_agg(json_build_object('Name', name, 'PortID', port_id, 'Ofport', ofport, 'Sequence', sequence) ORDER BY name) AS text)
		FROM node_interfaces WHERE node_number = nodes.number), '[]')`,
}

// SQLite commits one transaction after the other, so the journal itself numbers them.
const sqliteNext = "(SELECT COALESCE(MAX(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'journal')"

var sqliteDialect = dialect{
	name:     sqliteName,
	now:      "((julianday('now') - 2440587.5) * 86400.0)",
	txid:     sqliteNext,
	horizon:  sqliteNext,
	next:     sqliteNext,
	epoch:    "''",
	snapshot: "''",
	unseen:   "txid >= ? AND ? = ''",
	fixedIPs: `(SELECT json_group_array(json_object('subnet_id', subnet_id, 'ip_address', ip_address))
		FROM (SELECT subnet_id, ip_address FROM ip_allocations WHERE port_number = ports.number ORDER BY position))`,
	interfaces: `(SELECT json_group_array(json_object('Name', name, 'PortID', port_id, 'Ofport', ofport, 'Sequence', sequence))
		FROM (SELECT * FROM node_interfaces WHERE node_number = nodes.number ORDER BY name))`,
}

// seconds is now in whole seconds.
func (d dialect) seconds() string { return "CAST(" + d.now + " AS bigint)" }

func (s *Store) connect(url string, readOnly bool) error {
	path, isFile := strings.CutPrefix(url, "sqlite:")
	switch {
	case isFile && readOnly:
		return s.connectSQLiteReadOnly(path)
	case isFile:
		return s.connectSQLite(path)
	case strings.HasPrefix(url, "postgres://"), strings.HasPrefix(url, "postgresql://"):
		return s.connectPostgres(url, readOnly)
	}
	return errors.New("a database is sqlite:/path/to/file or postgres://user@host/database")
}

func (s *Store) connectPostgres(url string, readOnly bool) error {
	s.dialect = postgresDialect
	s.dialect.migrations, _ = fs.Sub(migrations, "migrations/postgres") // the path is valid, see fs.Sub
	config, err := postgresConfig(url)
	if err != nil {
		return err
	}
	if readOnly {
		config.RuntimeParams["default_transaction_read_only"] = "on"
	}
	pool := stdlib.OpenDB(*config)
	pool.SetMaxOpenConns(postgresConnections)
	pool.SetMaxIdleConns(postgresConnections)
	if s.db, err = s.open(postgres.New(postgres.Config{Conn: pool})); err != nil {
		return errors.Join(err, pool.Close())
	}
	s.reader = s.db
	return nil
}

// postgresConfig makes sure that a replica that is stopped in the middle of a transaction does not hold its locks for ever. None of our
// statements is worth compiling, which takes PostgreSQL half a second where it overestimates one.
func postgresConfig(url string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{"application_name": "planckd", "idle_in_transaction_session_timeout": "30s", "jit": "off"} {
		if _, given := config.RuntimeParams[name]; !given {
			config.RuntimeParams[name] = value
		}
	}
	return config, nil
}

// connectSQLite opens one connection that writes, in transactions that take the write lock at their start, and
// some that read beside it.
func (s *Store) connectSQLite(path string) error {
	s.dialect = sqliteDialect
	s.dialect.migrations, _ = fs.Sub(migrations, "migrations/sqlite") // the path is valid, see fs.Sub
	var err error
	if s.unlock, err = lockFile(path + ".lock"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = s.closeDatabases()
		}
	}()
	if s.db, err = s.openSQLite(path, 1, "_txlock=immediate", "_pragma=journal_mode(wal)", "_pragma=synchronous(full)"); err != nil {
		return err
	}
	s.reader, err = s.openSQLite(path, sqliteReaders, "_pragma=query_only(1)")
	return err
}

// connectSQLiteReadOnly does without the lock: SQLite lets others read beside the planckd that has it.
func (s *Store) connectSQLiteReadOnly(path string) (err error) {
	s.dialect = sqliteDialect
	s.dialect.migrations, _ = fs.Sub(migrations, "migrations/sqlite") // the path is valid, see fs.Sub
	if _, err := os.Stat(path); err != nil {
		return err // SQLite's own words for it are "out of memory"
	}
	s.db, err = s.openSQLite(path, sqliteReaders, "mode=ro")
	s.reader = s.db
	return err
}

func (s *Store) openSQLite(path string, connections int, parameters ...string) (*gorm.DB, error) {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&" + strings.Join(parameters, "&")
	db, err := s.open(sqlite.Open(dsn))
	if err != nil {
		return nil, err
	}
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(connections)
	return db, nil
}

func (s *Store) open(dialector gorm.Dialector) (*gorm.DB, error) {
	db, err := gorm.Open(dialector, &gorm.Config{
		SkipDefaultTransaction: true, // every write is in a transaction of ours
		DisableAutomaticPing:   true,
		Logger:                 statementLog{s.options.Log},
	})
	return db, classify(err)
}

func (s *Store) closeDatabases() error {
	var errs []error
	for _, db := range []*gorm.DB{s.db, s.reader} {
		if db == nil {
			continue
		}
		pool, err := db.DB()
		if err == nil {
			err = pool.Close()
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, s.unlock())...)
}

// lockFile keeps a second daemon away. It is a file beside the database: closing any descriptor of the database
// itself would drop the locks that SQLite holds on it (POSIX fcntl).
func lockFile(path string) (unlock func() error, err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return func() error { return nil }, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		return func() error { return nil }, fmt.Errorf("%s is locked: another planckd has this database open", path)
	}
	return file.Close, nil
}

// statementLog sends what gorm has to say to zap: failed statements for debugging (their callers handle them), slow
// ones as warnings.
type statementLog struct{ *zap.Logger }

func (l statementLog) LogMode(gormlogger.LogLevel) gormlogger.Interface { return l }

func (l statementLog) Info(_ context.Context, format string, args ...any) {
	l.Logger.Sugar().Infof(format, args...)
}

func (l statementLog) Warn(_ context.Context, format string, args ...any) {
	l.Logger.Sugar().Warnf(format, args...)
}

func (l statementLog) Error(_ context.Context, format string, args ...any) {
	l.Logger.Sugar().Errorf(format, args...)
}

func (l statementLog) Trace(_ context.Context, begin time.Time, statement func() (sql string, rows int64), err error) {
	took := time.Since(begin)
	switch {
	case err != nil && l.Core().Enabled(zap.DebugLevel):
		sql, _ := statement()
		l.Debug("statement failed", zap.String("sql", sql), zap.Error(err))
	case took > slowStatement:
		sql, rows := statement()
		l.Logger.Warn("slow statement", zap.String("sql", sql), zap.Int64("rows", rows), zap.Duration("took", took))
	}
}
