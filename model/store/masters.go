package store

import (
	"context"
	"time"

	"github.com/planck-sdn/planck/model"
)

// AcquireMasters makes replica the master of those of the nodes that have none, whose master's lease has run out by
// the database's clock, or that are its own already, for ttl from now. It gives the nodes that replica is master of
// now, with the generation to put into OpenFlow's role request. Calling it again in time renews the leases: the generation stays as long
// as this Store holds one. A replica that was restarted takes its leases at once, with a higher generation. The first generation is the
// database's time in seconds: a switch remembers what it has seen of a row that was deleted, or came after the backup that was restored. Names of
// replicas must be unique.
func (s *Store) AcquireMasters(ctx context.Context, replica string, nodes []model.Number, ttl time.Duration) (map[model.Number]uint64, error) {
	held := make(map[model.Number]uint64, len(nodes))
	if len(nodes) == 0 {
		return held, nil
	}
	now := s.dialect.now
	var rows []struct {
		NodeNumber model.Number
		Generation uint64
	}
	err := s.write(ctx, func(t *tx) error {
		return t.Raw(`INSERT INTO masters (node_number, replica, incarnation, generation, expires_at)
			SELECT number, ?, ?, `+s.dialect.seconds()+`, `+now+` + ? FROM nodes WHERE number IN ? ORDER BY number
			ON CONFLICT (node_number) DO UPDATE SET replica = excluded.replica, incarnation = excluded.incarnation,
				expires_at = excluded.expires_at,
				generation = masters.generation + CASE WHEN masters.replica = excluded.replica
					AND masters.incarnation = excluded.incarnation THEN 0 ELSE 1 END
			WHERE masters.replica = excluded.replica OR masters.expires_at < `+now+`
			RETURNING node_number, generation`,
			replica, s.incarnation, ttl.Seconds(), nodes).Scan(&rows).Error
	})
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		held[r.NodeNumber] = r.Generation
	}
	return held, nil
}
