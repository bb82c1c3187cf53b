package openflow

import (
	"container/list"
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model/flow"
)

// Config of a Server. Zero values mean the defaults.
type Config struct {
	Log              *zap.Logger
	EchoInterval     time.Duration // between the answer to an echo request and the next; default 5 s
	EchoTimeout      time.Duration // for an answer, and for a write to make progress; default 10 s
	HandshakeTimeout time.Duration // from accept to Connected, TLS included; default 5 s
	QueueLength      int           // messages waiting to be written to a switch; default 1024
	MaxConnections   int           // further ones are closed at once; default 4096
	MaxHandshakes    int           // a further one takes the place of the oldest that is not done; default 256
	// Admit, if not nil, may refuse a switch before it is used. It runs in the new session's goroutine and may take
	// up to HandshakeTimeout, for instance to Ping the session that has the datapath id now.
	Admit func(datapathID uint64, remote net.Addr) error
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	setDefault(&c.EchoInterval, 5*time.Second)
	setDefault(&c.EchoTimeout, 10*time.Second)
	setDefault(&c.HandshakeTimeout, 5*time.Second)
	setDefault(&c.QueueLength, 1024)
	setDefault(&c.MaxConnections, 4096)
	setDefault(&c.MaxHandshakes, 256)
	return c
}

func setDefault[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Handler is told what switches send. All calls for one session come from its one reading goroutine, Connected first
// and Disconnected last, and must not block: while one runs, nothing else is read from that switch.
type Handler interface {
	Connected(*Session)
	PacketIn(*Session, flow.PacketIn)
	PortStatus(*Session, PortStatus)
	FlowRemoved(*Session, FlowRemoved)
	// Error reports an error that belongs to no request that someone waits for.
	Error(*Session, Error)
	Disconnected(*Session, error)
}

// Server accepts switches.
type Server struct {
	cfg     Config
	handler Handler

	mu          sync.Mutex
	sessions    map[*Session]*list.Element // the element is in handshakes, or nil
	handshakes  *list.List                 // of *Session, oldest first
	connections sync.WaitGroup
}

// Errors that end sessions.
var (
	ErrServerClosed = errors.New("server closed")
	errEvicted      = errors.New("handshake was not done when too many newer ones came")
)

// NewServer returns a server for Serve.
func NewServer(cfg Config, h Handler) *Server {
	return &Server{cfg: cfg.withDefaults(), handler: h, sessions: map[*Session]*list.Element{}, handshakes: list.New()}
}

// Serve accepts switches on l, which may be a TLS listener, until ctx ends or l fails. Then it closes l and every
// session, and returns once their goroutines are gone. It may be called once per server.
func (v *Server) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	err := v.accept(ctx, l)
	stop()
	_ = l.Close()
	v.mu.Lock()
	for s := range v.sessions {
		s.Close(ErrServerClosed)
	}
	v.mu.Unlock()
	v.connections.Wait()
	return err
}

func (v *Server) accept(ctx context.Context, l net.Listener) error {
	const pause = 50 * time.Millisecond
	for {
		c, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = c.Close()
			}
			return ctx.Err()
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil: // out of file descriptors, or a peer that was gone at once
			v.cfg.Log.Warn("accepting a switch", zap.Error(err))
			time.Sleep(pause)
		default:
			v.start(c)
		}
	}
}

func (v *Server) start(c net.Conn) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.sessions) >= v.cfg.MaxConnections {
		v.cfg.Log.Warn("switch refused: too many connections", zap.Stringer("remote", c.RemoteAddr()))
		abort(c)
		return
	}
	if v.handshakes.Len() >= v.cfg.MaxHandshakes {
		// Switches are done within milliseconds, so the oldest is the least likely to be one.
		oldest := v.handshakes.Front()
		v.handshakes.Remove(oldest)
		evicted := oldest.Value.(*Session)
		v.sessions[evicted] = nil
		evicted.Close(errEvicted)
	}
	s := newSession(v.cfg, v.handler, c)
	v.sessions[s] = v.handshakes.PushBack(s)
	v.connections.Go(func() {
		defer v.remove(s)
		s.run(func() { v.handshakeDone(s) })
	})
}

func (v *Server) handshakeDone(s *Session) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if e := v.sessions[s]; e != nil {
		v.handshakes.Remove(e)
		v.sessions[s] = nil
	}
}

func (v *Server) remove(s *Session) {
	v.handshakeDone(s)
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.sessions, s)
}
