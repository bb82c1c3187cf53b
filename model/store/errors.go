package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/planck-sdn/planck/model"
)

// ErrUnavailable is in the chain of every error that says that the database is away or overwhelmed. Nothing was
// changed, or, when the connection broke during a commit, it is not known whether something was: the answer is 503.
var ErrUnavailable = errors.New("database unavailable")

// ErrTooOld is Follow's answer to a position that the journal does not reach back to: Load and compare.
var ErrTooOld = errors.New("the journal does not reach back to this position")

// ConflictError says why a node's report is refused: it claims what another node has.
type ConflictError struct{ Reason string }

func (e *ConflictError) Error() string { return e.Reason }

// beginError marks a failure before anything was done, or at least before it was committed.
type beginError struct{ error }

func (e beginError) Unwrap() error { return e.error }

// beforeCommit marks the loss of the database while a transaction could not have been committed yet.
func beforeCommit(err error) error {
	if lost(err) {
		return beginError{err}
	}
	return err
}

// retryable tells whether the transaction left no trace and may succeed when tried again. A violated foreign key or
// unique index means that another transaction was faster: the next attempt sees its effects and refuses in words.
func retryable(err error) bool {
	var begin beginError
	if errors.As(err, &begin) {
		return lost(err)
	}
	if errors.Is(err, errNearLimit) || errors.Is(err, errOvertaken) {
		return true
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case "40001", "40P01", "23503", "23505", "55P03": // serialization, deadlock, foreign key, unique, lock
			return true
		}
	}
	switch sqliteCode(err) {
	case 5, 6: // SQLITE_BUSY, SQLITE_LOCKED
		return true
	}
	return false
}

// lost tells whether err means that the database cannot serve now.
func lost(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code[:2] {
		case "08", "53": // connection exception, insufficient resources
			return true
		case "40": // rolled back, and still so after all attempts
			return true
		}
		switch pg.Code {
		case "57P01", "57P02", "57P03", "25006", "25P03": // shutdown, crash, starting, read-only standby, idle in transaction
			return true
		}
		return false
	}
	switch sqliteCode(err) {
	case 5, 6, 8, 10, 13, 14: // BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN
		return true
	}
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.As(err, &network) || errors.As(err, &connect) || pgconn.SafeToRetry(err) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// sqliteCode gives SQLite's primary result code, 0 for other errors.
func sqliteCode(err error) int {
	var coded interface{ Code() int }
	if errors.As(err, &coded) {
		return coded.Code() & 0xff
	}
	return 0
}

// classify adds ErrUnavailable where it belongs.
func classify(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || !lost(err) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// readError is classify for a statement under ctx: a driver's own words for a cancelled request are replaced.
func (s *Store) readError(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return classify(err)
}

func conflict(typ, format string, args ...any) error {
	return model.Errorf(http.StatusConflict, typ, format, args...)
}

// invalid is Neutron's InvalidInput.
func invalid(format string, args ...any) error {
	return model.Errorf(http.StatusBadRequest, "InvalidInput", "Invalid input for operation: %s.", fmt.Sprintf(format, args...))
}

func forbidden(rule string) error {
	return model.Errorf(http.StatusForbidden, "PolicyNotAuthorized", "rule:%s is disallowed by policy", rule)
}

func readOnly(attribute string) error {
	return model.Errorf(http.StatusBadRequest, "HTTPBadRequest", "Cannot update read-only attribute %s", attribute)
}
