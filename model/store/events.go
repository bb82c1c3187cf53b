package store

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/planck-sdn/planck/model"
)

// Names of events (Compute API reference, "Create External Events").
const (
	EventVIFPlugged     = "network-vif-plugged"
	EventVIFUnplugged   = "network-vif-unplugged"
	EventVIFDeleted     = "network-vif-deleted"
	EventNetworkChanged = "network-changed"
)

// Event is what Nova has still to be told of a server's port. It was committed together with what it tells of.
type Event struct {
	Seq      int64 // of one port's events: in the order of what happened
	Name     string
	ServerID string // the port's device_id, whatever somebody wrote there
	PortID   string
	At       time.Time
}

// ofServers selects, of ports as they are after a change, those whose changes Nova is told of.
const ofServers = "device_owner LIKE 'compute:%' AND device_id <> ''"

// tell tells Nova of those of the selected ports that are servers'.
func (t *tx) tell(event, selected string, args ...any) error {
	if !t.store.options.Events {
		return nil
	}
	result := t.Exec(`INSERT INTO nova_events (name, server_id, port_id, at) SELECT '`+event+`', device_id, id, ? FROM ports
		WHERE `+selected+` AND `+ofServers+` ORDER BY number`, append([]any{t.now}, args...)...)
	t.told = t.told || result.RowsAffected > 0
	return result.Error
}

// tellDown tells Nova of a port that a change of its binding has made DOWN.
func (t *tx) tellDown(port model.Number, before, now string) error {
	if before != model.StatusActive || now != model.StatusDown {
		return nil
	}
	return t.tell(EventVIFUnplugged, "number = ?", port)
}

// tellUpdate tells Nova of a port's update that was written.
func (t *tx) tellUpdate(old, p *model.Port) error {
	if err := t.tellDown(p.Number, old.Status, p.Status); err != nil {
		return err
	}
	if p.MAC == old.MAC && slices.Equal(p.FixedIPs, old.FixedIPs) {
		return nil
	}
	return t.tell(EventNetworkChanged, "number = ?", p.Number)
}

// TellPlugged tells Nova that ports are plugged where they have an inactive binding, and have their entries there: before it moves a server
// there, it may wait for that. Ports that are gone or bound anew are left alone.
func (s *Store) TellPlugged(ctx context.Context, ports []PortStatus) error {
	if !s.options.Events || len(ports) == 0 {
		return nil
	}
	return s.write(ctx, func(t *tx) error {
		for _, p := range ports {
			if err := t.tell(EventVIFPlugged, "number = ? AND binding_generation = ?", p.Number, p.BindingGeneration); err != nil {
				return err
			}
		}
		return nil
	})
}

// A status that differs is the other one of ACTIVE and DOWN.
const (
	confirmedPort = "number = v.column1 AND binding_generation = v.column2"
	statusEvent   = "CASE v.column3 WHEN '" + model.StatusActive + "' THEN '" + EventVIFPlugged + "' ELSE '" + EventVIFUnplugged + "' END"
)

// setStatusesAndTell is setStatuses with events. values are the lists of what PortStatus has, as SQL, of which args are the parameters.
func (s *Store) setStatusesAndTell(ctx context.Context, now time.Time, values string, args []any) error {
	if s.dialect.name != postgresName {
		return s.write(ctx, func(t *tx) error { // nobody else writes meanwhile
			result := t.Exec(`INSERT INTO nova_events (name, server_id, port_id, at) SELECT `+statusEvent+`, device_id, id, ?
				FROM (`+values+`) AS v JOIN ports ON `+confirmedPort+` WHERE status <> v.column3 AND `+ofServers+` ORDER BY number`,
				append([]any{now}, args...)...)
			if result.Error != nil {
				return result.Error
			}
			t.told = result.RowsAffected > 0
			return setStatuses(t.DB, now, values, args)
		})
	}
	// One update returns what it has changed. The other is of other rows: both go by the statement's snapshot.
	return s.statement(ctx, s.db, func(db *gorm.DB) error {
		result := db.Exec(`WITH v AS (`+values+`), changed AS (
				UPDATE ports SET status = v.column3, status_reason = `+newReason+`, revision_number = revision_number + 1, updated_at = ?
				FROM v WHERE `+confirmedPort+` AND status <> v.column3
				RETURNING number, id, device_id, device_owner, `+statusEvent+` AS event
			), explained AS (
				UPDATE ports SET status_reason = `+newReason+`, revision_number = revision_number + 1, updated_at = ?
				FROM v WHERE `+confirmedPort+` AND status = v.column3 AND status_reason <> `+newReason+`
			)
			INSERT INTO nova_events (name, server_id, port_id, at) SELECT event, device_id, id, ? FROM changed
			WHERE `+ofServers+` ORDER BY number`, append(slices.Clone(args), now, now, now)...)
		if result.RowsAffected > 0 {
			offer(s.events)
		}
		return result.Error
	})
}

// EventsWritten gives the channel that receives after this process has written events. Several may share one wake-up, and those that
// other replicas have written have none.
func (s *Store) EventsWritten() <-chan struct{} { return s.events }

// EventBacklog tells how many events wait, and since when the oldest does.
func (s *Store) EventBacklog(ctx context.Context) (count int, oldest time.Time, err error) {
	var backlog struct {
		Count  int
		Oldest sql.NullTime
	}
	err = s.statement(ctx, s.reader, func(db *gorm.DB) error {
		return db.Raw("SELECT (SELECT COUNT(*) FROM nova_events) AS count, (SELECT at FROM nova_events ORDER BY seq LIMIT 1) AS oldest").
			Scan(&backlog).Error
	})
	return backlog.Count, backlog.Oldest.Time.UTC(), err
}

// TakeEvents gives the oldest events, at most limit, unless another replica has taken some (then ours is false): from now on for ttl
// no other gets any, so that two never send the events of one port at once. Whoever is done with them deletes them. Names of replicas must
// be unique; one that was restarted has what it had taken.
func (s *Store) TakeEvents(ctx context.Context, replica string, ttl time.Duration, limit int) (events []Event, ours bool, err error) {
	var sender []int
	now := s.dialect.now
	err = s.statement(ctx, s.db, func(db *gorm.DB) error {
		return db.Raw(`INSERT INTO nova_sender (id, replica, expires_at) VALUES (1, ?, `+now+` + ?)
			ON CONFLICT (id) DO UPDATE SET replica = excluded.replica, expires_at = excluded.expires_at
			WHERE nova_sender.replica = excluded.replica OR nova_sender.expires_at < `+now+` RETURNING id`,
			replica, ttl.Seconds()).Scan(&sender).Error
	})
	if err != nil || len(sender) == 0 {
		return nil, false, err
	}
	err = s.statement(ctx, s.reader, func(db *gorm.DB) error {
		return db.Raw("SELECT seq, name, server_id, port_id, at FROM nova_events ORDER BY seq LIMIT ?", limit).Scan(&events).Error
	})
	return events, true, err
}

// DeleteEvents deletes what was told.
func (s *Store) DeleteEvents(ctx context.Context, seqs []int64) error {
	return s.statement(ctx, s.db, func(db *gorm.DB) error {
		return db.Exec("DELETE FROM nova_events WHERE seq IN ?", seqs).Error
	})
}

// ReleaseEvents lets the other replicas take events at once.
func (s *Store) ReleaseEvents(ctx context.Context, replica string) error {
	return s.statement(ctx, s.db, func(db *gorm.DB) error {
		return db.Exec("DELETE FROM nova_sender WHERE replica = ?", replica).Error
	})
}
