package store

import (
	"context"

	"gorm.io/gorm"
)

// statement runs fn, which is one statement and so a transaction by itself, on one snapshot. It runs it again when another transaction
// was in its way or the connection broke, so fn must do no harm when it has been done already.
func (s *Store) statement(ctx context.Context, db *gorm.DB, fn func(*gorm.DB) error) error {
	for attempt := 1; ; attempt++ {
		err := fn(db.WithContext(ctx))
		if err == nil || attempt == maxAttempts || !retryable(err) && !lost(err) || ctx.Err() != nil {
			return s.readError(ctx, err)
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
}
