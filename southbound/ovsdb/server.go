package ovsdb

import (
	"container/list"
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Handler is told what the nodes' databases show. For one session the calls come one after the other; several sessions
// call at the same time. A call that blocks holds up its own session only.
type Handler interface {
	// Updated is called after the first snapshot and after changes; changes that come faster than it returns are
	// told as one.
	Updated(*Session, State)
	// Disconnected is the last call for a session that was Updated, with the state that was told last and the reason.
	Disconnected(*Session, State, error)
}

// Config limits what peers can make the server do. Zero values stand for the defaults in brackets.
type Config struct {
	Logger *zap.Logger // [none]
	// MaxConnections at a time [4096]. When it is reached, the connection that has been waiting longest for its first
	// snapshot makes way for a new one.
	MaxConnections   int
	HandshakeTimeout time.Duration // from accept to the first snapshot, TLS included [10 s]
	MessageTimeout   time.Duration // to send a message, or to receive one from its first byte on [10 s]
	ProbeInterval    time.Duration // between echo requests to a node; one unanswered ends the session [5 s]
	MaxMessage       int           // bytes of a message received [16 MiB]
	// MaxMemory, in bytes, is shared by all mirrored databases and by the messages beyond 64 KiB that are being
	// received [512 MiB].
	MaxMemory int64
}

func (c *Config) setDefaults() {
	if c.Logger == nil {
		c.Logger = zap.NewNop()
	}
	setDefault(&c.MaxConnections, 4096)
	setDefault(&c.HandshakeTimeout, 10*time.Second)
	setDefault(&c.MessageTimeout, 10*time.Second)
	setDefault(&c.ProbeInterval, 5*time.Second)
	setDefault(&c.MaxMessage, 16<<20)
	setDefault(&c.MaxMemory, 512<<20)
}

func setDefault[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

// Server accepts the connections that nodes open.
type Server struct {
	config  Config
	handler Handler
	log     *zap.Logger
	budget  budget

	mu       sync.Mutex
	sessions map[*Session]*list.Element // the element in opening, nil once the session has its first snapshot
	opening  list.List                  // of *Session, the longest waiting first
}

// NewServer makes a server that reports to handler.
func NewServer(config Config, handler Handler) *Server {
	config.setDefaults()
	// Strangers must not be able to fill the disk with log lines.
	sampled := zap.WrapCore(func(c zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(c, time.Second, 20, 100)
	})
	return &Server{
		config:   config,
		handler:  handler,
		log:      config.Logger.WithOptions(sampled),
		budget:   budget{limit: config.MaxMemory},
		sessions: map[*Session]*list.Element{},
	}
}

// Serve accepts connections until ctx is done or the listener is closed, closes the listener, ends all sessions, and
// returns when the last Disconnected has. The listener may be TCP or TLS.
func (srv *Server) Serve(ctx context.Context, listener net.Listener) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var sessions sync.WaitGroup
	defer sessions.Wait()
	defer cancel(errShutdown)
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()

	const pause = 50 * time.Millisecond
	for {
		conn, err := listener.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = conn.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // no file descriptor left, or a peer that gave up: the next may be accepted
			srv.log.Warn("accepting an OVSDB connection", zap.Error(err))
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
			continue
		}
		s := newSession(ctx, srv, conn)
		if !srv.admit(s) {
			s.Close(errCrowded)
			srv.log.Warn("OVSDB connection refused", zap.Stringer("remote", conn.RemoteAddr()), zap.Error(errCrowded))
			continue
		}
		sessions.Go(func() {
			defer srv.forget(s)
			s.run(func() { srv.opened(s) })
		})
	}
}

// admit makes room for the session, if it can.
func (srv *Server) admit(s *Session) bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if len(srv.sessions) >= srv.config.MaxConnections {
		oldest := srv.opening.Front()
		if oldest == nil {
			return false
		}
		victim := oldest.Value.(*Session)
		srv.opening.Remove(oldest)
		delete(srv.sessions, victim)
		victim.Close(errCrowded)
	}
	srv.sessions[s] = srv.opening.PushBack(s)
	return true
}

func (srv *Server) opened(s *Session) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if e := srv.sessions[s]; e != nil {
		srv.opening.Remove(e)
		srv.sessions[s] = nil
	}
}

func (srv *Server) forget(s *Session) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if e := srv.sessions[s]; e != nil {
		srv.opening.Remove(e)
	}
	delete(srv.sessions, s)
}
