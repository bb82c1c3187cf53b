package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"
)

// channel is the PostgreSQL notification channel of the journal.
const channel = "planck_journal"

const (
	minReconnect = 100 * time.Millisecond
	maxReconnect = 5 * time.Second
)

// waker tells this process's follower, and those of other replicas, that the journal has grown. Neither part of it
// can lose a change: a wake-up only spares the follower a wait.
type waker struct {
	signal chan struct{} // read by the follower
	notify chan struct{} // nil for SQLite
}

// Wake gives the channel that receives after the journal has grown, by any replica, and after a connection to the
// database was made again. Several changes may share one wake-up. It is for one follower; a follower must also look
// by itself from time to time.
func (s *Store) Wake() <-chan struct{} { return s.waker.signal }

func (w *waker) wake() { offer(w.signal) }

// journalWritten is called after each commit and does not wait.
func (w *waker) journalWritten() {
	w.wake()
	if w.notify != nil {
		offer(w.notify)
	}
}

func offer(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // one is pending, which will do
	}
}

// startWaker runs the two connections to PostgreSQL: one that listens, one that notifies. Notifying inside the
// writing transactions would make them queue for one lock.
func (s *Store) startWaker(ctx context.Context, url string) {
	s.waker.notify = make(chan struct{}, 1)
	ownBackend := make(chan uint32, 1)
	s.running.Go(func() {
		s.keepConnected(ctx, url, func(conn *pgx.Conn) error { return s.sendNotifications(ctx, conn, ownBackend) })
	})
	s.running.Go(func() {
		s.keepConnected(ctx, url, func(conn *pgx.Conn) error { return s.listen(ctx, conn, ownBackend) })
	})
}

func (s *Store) keepConnected(ctx context.Context, url string, use func(*pgx.Conn) error) {
	for wait := minReconnect; ctx.Err() == nil; wait = min(2*wait, maxReconnect) {
		err := func() error {
			config, err := postgresConfig(url)
			if err != nil {
				return err
			}
			conn, err := pgx.ConnectConfig(ctx, config)
			if err != nil {
				return err
			}
			defer conn.Close(context.WithoutCancel(ctx))
			wait = minReconnect
			return use(conn)
		}()
		if ctx.Err() != nil {
			return
		}
		s.options.Log.Warn("connection for wake-ups lost", zap.Error(err))
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

func (s *Store) sendNotifications(ctx context.Context, conn *pgx.Conn, ownBackend chan uint32) error {
	select {
	case <-ownBackend: // of the connection before this one
	default:
	}
	ownBackend <- conn.PgConn().PID()
	for {
		if _, err := conn.Exec(ctx, "NOTIFY "+channel); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.waker.notify:
		}
	}
}

// listen passes on what other replicas send; what this one sent was a wake-up at once.
func (s *Store) listen(ctx context.Context, conn *pgx.Conn, ownBackend chan uint32) error {
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	s.waker.wake() // whatever was sent before
	var own uint32
	for {
		notification, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		select {
		case own = <-ownBackend:
		default:
		}
		if notification.PID != own {
			s.waker.wake()
		}
	}
}
