package store

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/planck-sdn/planck/model"
)

// PortStatus is what the master of a port's node says of it.
type PortStatus struct {
	Number            model.Number
	BindingGeneration int64 // the binding that was confirmed; another one by now makes this void
	Status            string
	Reason            string // why it is not ACTIVE; empty otherwise
}

// maxStatuses is how many ports one statement changes.
const maxStatuses = 5000

// SetPortStatus writes the statuses that differ, many ports in one statement. Ports that are gone or bound anew are
// left alone. The topology's journal does not mention statuses.
func (s *Store) SetPortStatus(ctx context.Context, statuses []PortStatus) error {
	if len(statuses) == 0 {
		return nil
	}
	sorted := slices.SortedFunc(slices.Values(statuses), func(a, b PortStatus) int { return cmp.Compare(a.Number, b.Number) })
	now := s.options.Source.Now().UTC().Truncate(time.Second)
	for chunk := range slices.Chunk(sorted, maxStatuses) {
		args := make([]any, 0, 4*len(chunk))
		for _, p := range chunk {
			args = append(args, p.Number, p.BindingGeneration, p.Status, p.Reason)
		}
		const row = "(CAST(? AS bigint), CAST(? AS bigint), ?, ?)"
		values := "VALUES " + row + strings.Repeat(", "+row, len(chunk)-1)
		var err error
		if s.options.Events {
			err = s.setStatusesAndTell(ctx, now, values, args)
		} else {
			err = s.statement(ctx, s.db, func(db *gorm.DB) error { return setStatuses(db, now, values, args) })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// newReason is what a port's status_reason becomes: why its binding failed stays, while nobody knows better.
const newReason = "CASE WHEN v.column3 = 'DOWN' AND v.column4 = '' AND ports.vif_type = 'binding_failed' THEN ports.status_reason ELSE v.column4 END"

func setStatuses(db *gorm.DB, now time.Time, values string, args []any) error {
	return db.Exec(`UPDATE ports SET status = v.column3, status_reason = `+newReason+`,
		revision_number = revision_number + 1, updated_at = ?
		FROM (`+values+`) AS v
		WHERE ports.number = v.column1 AND ports.binding_generation = v.column2
		AND (ports.status <> v.column3 OR ports.status_reason <> `+newReason+`)`, append([]any{now}, args...)...).Error
}
