package store

import (
	"cmp"
	"context"
	"slices"
	"strings"

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

// SetPortStatus writes the statuses that differ, all ports in one statement. Ports that are gone or bound anew are
// left alone. The topology's journal does not mention statuses.
func (s *Store) SetPortStatus(ctx context.Context, statuses []PortStatus) error {
	if len(statuses) == 0 {
		return nil
	}
	sorted := slices.SortedFunc(slices.Values(statuses), func(a, b PortStatus) int { return cmp.Compare(a.Number, b.Number) })
	return s.write(ctx, func(t *tx) error {
		for chunk := range slices.Chunk(sorted, maxStatuses) {
			args := []any{t.now}
			for _, p := range chunk {
				args = append(args, p.Number, p.BindingGeneration, p.Status, p.Reason)
			}
			const row = "(CAST(? AS bigint), CAST(? AS bigint), ?, ?)"
			err := t.Exec(`UPDATE ports SET status = v.column3, status_reason = v.column4,
				revision_number = revision_number + 1, updated_at = ?
				FROM (VALUES `+row+strings.Repeat(", "+row, len(chunk)-1)+`) AS v
				WHERE ports.number = v.column1 AND ports.binding_generation = v.column2
				AND (ports.status <> v.column3 OR ports.status_reason <> v.column4)`, args...).Error
			if err != nil {
				return err
			}
		}
		return nil
	})
}
