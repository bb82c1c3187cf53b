package store

import (
	"context"
	"strings"

	"github.com/planck-sdn/planck/model"
)

// Confirm notes that each node's switch has everything of the transactions below a Position's Horizon. A lower one
// than was confirmed before changes nothing, nor does one of a node that is gone.
func (s *Store) Confirm(ctx context.Context, horizons map[model.Number]uint64) error {
	if len(horizons) == 0 {
		return nil
	}
	const row = "(CAST(? AS bigint), CAST(? AS bigint))"
	args := make([]any, 0, 2*len(horizons))
	for node, horizon := range horizons {
		args = append(args, node, horizon)
	}
	return s.write(ctx, func(t *tx) error {
		return t.Exec(`UPDATE node_confirmations SET horizon = v.column2
			FROM (VALUES `+row+strings.Repeat(", "+row, len(horizons)-1)+`) AS v
			WHERE node_number = v.column1 AND horizon < v.column2`, args...).Error
	})
}

// Reclaim makes the segmentation ids, keys and conntrack zones available again whose freeing every node has confirmed, and tells how
// many they are. A node that came after the freeing, or was declared gone, is not waited for.
func (s *Store) Reclaim(ctx context.Context) (freed int, err error) {
	err = s.write(ctx, func(t *tx) error {
		result := t.Exec("DELETE FROM segments WHERE network_number IS NULL AND freed_txid < " +
			"COALESCE((SELECT MIN(horizon) FROM node_confirmations), " + s.dialect.horizon + ")")
		freed = int(result.RowsAffected)
		return result.Error
	})
	return freed, err
}

// PendingReclaims tells whether a freed identifier waits for nodes to confirm.
func (s *Store) PendingReclaims(ctx context.Context) (bool, error) {
	var pending bool
	err := s.reader.WithContext(ctx).Raw("SELECT EXISTS (SELECT 1 FROM segments WHERE network_number IS NULL AND freed_txid IS NOT NULL)").Scan(&pending).Error
	return pending, s.readError(ctx, err)
}
