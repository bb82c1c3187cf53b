package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/planck-sdn/planck/model"
)

// tx is a transaction that changes the database.
type tx struct {
	*gorm.DB
	store   *Store
	scope   Scope
	now     time.Time
	touched []model.Ref // for the journal
	told    bool        // it has written events
	// revision is the transaction's number when lines of the journal are written already.
	revision int64

	cabling    map[string]*model.Cabling  // see cablingFor
	placements map[string]model.Placement // of ports of bare metal that it binds, by id
	vacated    bool                       // there may be a place now for bare metal that is bound nowhere
}

// touch makes the journal say at commit that the object has changed or gone.
func (t *tx) touch(refs ...model.Ref) { t.touched = append(t.touched, refs...) }

// write runs fn in a transaction, again when another transaction was in its way. fn must not leave anything behind
// outside the transaction that would change a second run.
func (s *Store) write(ctx context.Context, fn func(*tx) error) error {
	for attempt := 1; ; attempt++ {
		revision, err := s.writeOnce(ctx, fn)
		switch {
		case err == nil:
			s.committed(ctx, revision)
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case attempt == maxAttempts || !retryable(err):
			return classify(err)
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
}

func (s *Store) writeOnce(ctx context.Context, fn func(*tx) error) (revision int64, err error) {
	db := s.db.WithContext(ctx).Begin()
	if db.Error != nil {
		return 0, beginError{db.Error}
	}
	committed := false
	defer func() {
		if !committed {
			db.Rollback() // after a panic too; its error says nothing that the first did not
		}
	}()
	t := &tx{DB: db, store: s, scope: scopeOf(ctx), now: s.options.Source.Now().UTC().Truncate(time.Second)}
	if err := fn(t); err != nil {
		return 0, beforeCommit(err)
	}
	if t.vacated {
		if err := t.rebindBareMetal(nil); err != nil {
			return 0, beforeCommit(err)
		}
	}
	if revision, err = t.writeJournal(); err != nil {
		return 0, beforeCommit(err)
	}
	committed = true
	err = db.Commit().Error
	if t.told {
		offer(s.events)
	}
	return revision, err
}

// committed tells the client which revision it wrote, and wakes the followers.
func (s *Store) committed(ctx context.Context, revision int64) {
	if revision == 0 {
		return
	}
	if out, ok := ctx.Value(revisionKey{}).(*int64); ok {
		*out = revision
	}
	s.waker.journalWritten()
}

// maxJournalRows keeps a statement well below PostgreSQL's 65,535 parameters.
const maxJournalRows = 10_000

// writeJournal gives the transaction's number, 0 when it changed nothing of the topology.
func (t *tx) writeJournal() (int64, error) {
	seen := make(map[model.Ref]bool, len(t.touched))
	lines := t.touched[:0:0]
	for _, ref := range t.touched {
		if !seen[ref] {
			seen[ref] = true
			lines = append(lines, ref)
		}
	}
	revision := t.revision
	for len(lines) > 0 {
		chunk := lines[:min(len(lines), maxJournalRows)]
		lines = lines[len(chunk):]
		txid, args := t.store.dialect.txid, make([]any, 0, 3*len(chunk))
		row := "(" + txid + ", ?, ?)"
		if revision != 0 { // SQLite's expression has moved on
			row = "(?, ?, ?)"
		}
		for _, ref := range chunk {
			if revision != 0 {
				args = append(args, revision)
			}
			args = append(args, int64(ref.Kind), int64(ref.Number))
		}
		rows := strings.Repeat(row+", ", len(chunk)-1) + row
		var txids []int64
		if err := t.Raw("INSERT INTO journal (txid, kind, number) VALUES "+rows+" RETURNING txid", args...).Scan(&txids).Error; err != nil {
			return 0, err
		}
		revision = txids[0]
	}
	return revision, nil
}

// read runs fn on one snapshot of the database.
func (s *Store) read(ctx context.Context, fn func(*gorm.DB) error) error {
	options := &sql.TxOptions{ReadOnly: true}
	if s.dialect.name == postgresName {
		options.Isolation = sql.LevelRepeatableRead
	}
	for attempt := 1; ; attempt++ {
		err := s.readOnce(ctx, options, fn)
		if err == nil || attempt == maxAttempts || !retryable(err) || ctx.Err() != nil {
			return s.readError(ctx, err)
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
}

func (s *Store) readOnce(ctx context.Context, options *sql.TxOptions, fn func(*gorm.DB) error) error {
	db := s.reader.WithContext(ctx).Begin(options)
	if db.Error != nil {
		return beginError{db.Error}
	}
	defer db.Rollback() // it wrote nothing
	return fn(db)
}

// first reads one row into out and tells whether there is one.
func first(db *gorm.DB, out any) (bool, error) {
	err := db.Take(out).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return false, nil
	}
	return err == nil, err
}
