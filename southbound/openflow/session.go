package openflow

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"slices"
	"sync"

	of "github.com/netrack/openflow"
	"github.com/netrack/openflow/ofp"
	"go.uber.org/zap"
)

// Session is an OpenFlow connection with one switch. Its methods may be called from any goroutine.
type Session struct {
	cfg     Config
	log     *zap.Logger
	handler Handler
	raw     net.Conn // for writing, once the handshake is done
	conn    of.Conn  // for reading, and for writing during the handshake

	datapathID uint64

	control  chan []byte   // single messages
	bulk     chan *[]byte  // chunks of messages that Apply builds
	applying chan struct{} // holds a token while an Apply runs
	done     chan struct{}
	counters counters

	mu       sync.Mutex
	reason   error // why it was closed
	nextXID  uint32
	requests map[uint32]*request
	batch    *batch // of the Apply that runs, or nil
	ports    map[uint32]Port
	bundles  uint32 // bundle ids given out
}

// Errors that end sessions.
var (
	ErrEchoTimeout = errors.New("no answer to an echo request")
	ErrPeerClosed  = errors.New("switch closed the connection")
)

// ErrQueueFull: a switch does not take messages as fast as they come.
var ErrQueueFull = errors.New("queue of messages to the switch is full")

func newSession(cfg Config, h Handler, c net.Conn) *Session {
	return &Session{
		cfg:      cfg,
		log:      cfg.Log.With(zap.Stringer("remote", c.RemoteAddr())),
		handler:  h,
		raw:      c,
		conn:     of.NewConn(c),
		applying: make(chan struct{}, 1),
		done:     make(chan struct{}),
	}
}

// DatapathID is the switch's, from its features.
func (s *Session) DatapathID() uint64 { return s.datapathID }

// RemoteAddr is the switch's address.
func (s *Session) RemoteAddr() net.Addr { return s.raw.RemoteAddr() }

// Done is closed when the session ends.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err is why the session ended, or nil.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reason
}

// Ports returns the switch's ports by number, as last reported.
func (s *Session) Ports() []Port {
	s.mu.Lock()
	defer s.mu.Unlock()
	ports := make([]Port, 0, len(s.ports))
	for _, p := range s.ports {
		ports = append(ports, p)
	}
	slices.SortFunc(ports, func(a, b Port) int { return cmp.Compare(a.Number, b.Number) })
	return ports
}

// Close ends the session. It does not block; the first reason counts.
func (s *Session) Close(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reason != nil {
		return
	}
	s.reason = reason
	close(s.done)
	abort(s.raw)
}

// abort closes c without a TLS close-notify, which would wait for a peer that does not read.
func abort(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	_ = c.Close()
}

// run serves the connection until it ends. It calls ready once the handshake is done.
func (s *Session) run(ready func()) {
	connected := false
	var writing sync.WaitGroup
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic in an OpenFlow session", zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
			s.Close(fmt.Errorf("panic: %v", p))
		}
		writing.Wait()
		reason := s.Err()
		s.log.Info("OpenFlow session closed", zap.String("datapath", fmt.Sprintf("%016x", s.datapathID)), zap.Error(reason))
		if connected {
			s.handler.Disconnected(s, reason)
		}
	}()
	if err := s.handshake(); err != nil {
		s.Close(fmt.Errorf("handshake: %w", err))
		return
	}
	ready()
	s.requests = map[uint32]*request{}
	s.control = make(chan []byte, s.cfg.QueueLength)
	s.bulk = make(chan *[]byte)
	writing.Go(s.write)
	connected = true
	s.handler.Connected(s)
	s.Close(s.read())
}

// read handles messages until one cannot be.
func (s *Session) read() error {
	for {
		m, err := s.receive()
		if err != nil {
			return err
		}
		if err := s.handle(m); err != nil {
			return fmt.Errorf("%v from the switch: %w", m.Header.Type, err)
		}
	}
}

// receive reads a message of our version.
func (s *Session) receive() (*of.Request, error) {
	m, err := s.conn.Receive()
	if err != nil {
		return nil, readError(err)
	}
	s.counters.received.Add(1)
	if m.Header.Version != version && m.Header.Type != of.TypeHello && m.Header.Type != of.TypeError {
		return nil, fmt.Errorf("message of version %#02x, type %d, where OpenFlow 1.3 was agreed", m.Header.Version, m.Header.Type)
	}
	return m, nil
}

// handle does what one message asks for. An error means that the peer does not speak OpenFlow as it should.
func (s *Session) handle(m *of.Request) error {
	body, xid := payload(m), m.Header.Transaction
	switch t := m.Header.Type; t {
	case of.TypeEchoRequest:
		// A peer that floods us with echo requests and does not read the replies loses some.
		_ = s.trySend(encodeEcho(of.TypeEchoReply, xid, body))
		return nil
	case of.TypeError:
		e, err := parseError(xid, body)
		if err != nil {
			return err
		}
		s.counters.errors.Add(1)
		if !s.refused(e) {
			s.handler.Error(s, e)
		}
		return nil
	case of.TypePacketIn:
		p, err := parsePacketIn(body)
		if errors.Is(err, errTruncated) {
			s.counters.packetInsDropped.Add(1)
			return nil
		}
		if err != nil {
			return err
		}
		s.counters.packetIns.Add(1)
		s.handler.PacketIn(s, p)
		return nil
	case of.TypePortStatus:
		p, err := parsePortStatus(body)
		if err != nil {
			return err
		}
		s.setPort(p)
		s.handler.PortStatus(s, p)
		return nil
	case of.TypeFlowRemoved:
		r, err := parseFlowRemoved(body)
		if err != nil {
			return err
		}
		s.handler.FlowRemoved(s, r)
		return nil
	case of.TypeMultipartReply:
		more := len(body) >= multipartHeaderLen && body[3]&byte(ofp.MultipartReplyMode) != 0
		return s.reply(xid, t, body, more)
	case of.TypeEchoReply, of.TypeBarrierReply, of.TypeRoleReply, of.TypeExperiment, of.TypeFeaturesReply,
		of.TypeGetConfigReply, of.TypeGetAsyncReply, of.TypeQueueGetConfigReply:
		return s.reply(xid, t, body, false)
	case of.TypeHello: // a second one changes nothing
		return nil
	default:
		return errors.New("a switch does not send such messages")
	}
}

// reply counts replies that nobody waits for; some switches send them.
func (s *Session) reply(xid uint32, t of.Type, body []byte, more bool) error {
	known, err := s.replied(xid, t, body, more)
	if !known {
		s.counters.unknownReplies.Add(1)
	}
	return err
}

func (s *Session) setPort(p PortStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.Reason == PortDeleted {
		delete(s.ports, p.Port.Number)
		return
	}
	s.ports[p.Port.Number] = p.Port
}
