package ovsdb

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"time"

	"github.com/cenkalti/rpc2"
	libovsdb "github.com/ovn-kubernetes/libovsdb/ovsdb"
	"go.uber.org/zap"
)

// Session is one connection that a node has opened. Its methods may be called from any goroutine.
type Session struct {
	server *Server
	conn   net.Conn
	log    *zap.Logger

	ctx    context.Context // until the session ends; its cause says why
	cancel context.CancelCauseFunc
	rpc    *rpc2.Client
	codec  *codec

	changed chan struct{} // holds one token while there is something that Updated has not told

	mu      sync.Mutex // guards what follows
	replica *replica
	share   share
	since   time.Time // when the first change came in that Updated has not told; zero: there is none

	ensuring sync.Mutex // one Ensure or Remove at a time
}

// Why a session ended, when it was not the peer.
var (
	errSilent   = errors.New("no answer to an echo request")
	errCrowded  = errors.New("too many connections")
	errShutdown = errors.New("server is shutting down")
)

func newSession(ctx context.Context, srv *Server, conn net.Conn) *Session {
	s := &Session{
		server:  srv,
		conn:    conn,
		log:     srv.log.With(zap.Stringer("remote", conn.RemoteAddr())),
		changed: make(chan struct{}, 1),
		replica: newReplica(),
		share:   share{budget: &srv.budget},
		codec: &codec{conn: conn, timeout: srv.config.MessageTimeout, frames: framer{
			r: bufio.NewReader(conn), max: srv.config.MaxMessage, share: share{budget: &srv.budget},
		}},
	}
	s.ctx, s.cancel = context.WithCancelCause(ctx)
	context.AfterFunc(s.ctx, func() { _ = conn.Close() }) // an error would mean that it is closed already
	s.rpc = rpc2.NewClientWithCodec(s.codec)
	s.rpc.SetBlocking(true) // updates are to be applied in order
	s.rpc.Handle("echo", func(_ *rpc2.Client, params []json.RawMessage, result *[]json.RawMessage) error {
		*result = params
		return nil
	})
	s.rpc.Handle("update2", func(_ *rpc2.Client, params []json.RawMessage, _ *struct{}) error {
		if len(params) != 2 {
			s.Close(errors.New("update2 without two parameters"))
		} else if err := s.apply(params[1]); err != nil {
			s.Close(fmt.Errorf("update2: %w", err))
		}
		return nil
	})
	return s
}

// RemoteAddr is the node's end of the connection.
func (s *Session) RemoteAddr() net.Addr { return s.conn.RemoteAddr() }

// LocalAddr is the address at which the node reached us.
func (s *Session) LocalAddr() net.Addr { return s.conn.LocalAddr() }

// Close makes the session end; it does not wait for that. The first reason given is the one that Disconnected tells.
func (s *Session) Close(reason error) { s.cancel(reason) }

// Ping asks the node for an echo.
func (s *Session) Ping(ctx context.Context) error {
	var echo json.RawMessage
	return s.call(ctx, "echo", []any{}, &echo)
}

// run serves the session until it has ended.
func (s *Session) run(opened func()) {
	defer s.Close(nil)
	reading := make(chan struct{})
	if err := s.open(reading); err != nil {
		s.Close(err)
		<-reading
		s.log.Info("no OVSDB session", zap.Error(context.Cause(s.ctx)))
	} else {
		opened()
		last := s.dispatch()
		<-reading
		s.log.Info("OVSDB session ended", zap.String("system-id", last.SystemID), zap.Error(context.Cause(s.ctx)))
		s.server.handler.Disconnected(s, last, context.Cause(s.ctx))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.share.resize(0) // giving back cannot fail
}

// open brings the session to its first snapshot. The channel is closed when nothing reads from the connection.
func (s *Session) open(reading chan struct{}) error {
	ctx, cancel := context.WithTimeout(s.ctx, s.server.config.HandshakeTimeout)
	defer cancel()
	if c, ok := s.conn.(*tls.Conn); ok {
		if err := c.HandshakeContext(ctx); err != nil {
			close(reading)
			return err
		}
	}
	go s.read(reading)
	return s.call(ctx, "monitor_cond", monitorArgs(), &snapshot{s})
}

// snapshot is the reply to monitor_cond. It is applied where it is decoded, in the goroutine that reads, so that an
// update right behind it is applied after it.
type snapshot struct{ session *Session }

func (r *snapshot) UnmarshalJSON(raw []byte) error { return r.session.apply(raw) }

func (s *Session) apply(updates []byte) error {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.replica.apply(updates); err != nil {
		return err
	}
	if err := s.share.resize(s.replica.size); err != nil {
		return err
	}
	if s.since.IsZero() {
		s.since = now
	}
	select {
	case s.changed <- struct{}{}:
	default:
	}
	return nil
}

// read runs rpc2's read loop. Whatever goes wrong in it ends this session only.
func (s *Session) read(done chan<- struct{}) {
	defer close(done)
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic in an OVSDB session", zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
			s.Close(fmt.Errorf("panic: %v", p))
		}
		_ = s.codec.frames.share.resize(0) // giving back cannot fail
	}()
	s.rpc.Run()
	s.Close(s.codec.err)
}

// dispatch tells the handler each change and probes the peer, until the session ends. It returns the state that it
// told last.
func (s *Session) dispatch() State {
	probe := time.NewTicker(s.server.config.ProbeInterval)
	defer probe.Stop()
	var last State
	var echo *rpc2.Call
	for {
		select {
		case <-s.ctx.Done():
			return last
		case <-s.changed:
			s.mu.Lock()
			last = s.replica.state()
			last.Since, s.since = s.since, time.Time{}
			s.mu.Unlock()
			s.server.handler.Updated(s, last)
		case <-probe.C:
			if echo != nil && len(echo.Done) == 0 {
				s.Close(errSilent)
				return last
			}
			echo = s.rpc.Go("echo", []any{}, new(json.RawMessage), nil)
		}
	}
}

// call sends a request and waits for its reply, ctx, or the end of the session.
func (s *Session) call(ctx context.Context, method string, params []any, result any) error {
	call := s.rpc.Go(method, params, result, nil)
	select {
	case <-call.Done:
		if call.Error != nil && s.ctx.Err() != nil {
			return context.Cause(s.ctx)
		}
		return call.Error
	case <-ctx.Done():
		if s.ctx.Err() != nil {
			return context.Cause(s.ctx)
		}
		return fmt.Errorf("%s: %w", method, ctx.Err())
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	}
}

// Ensure brings the node to the set-up wanted, in one transaction, or none if it has it. It waits for the node, so it
// must not be called from a [Handler]. Calling it after each Updated makes good whatever others undo.
//
// It refuses, and changes nothing, with ErrForeignCloud, ErrForeignBridge, ErrForeignPort or ErrMapping.
func (s *Session) Ensure(ctx context.Context, d Desired) (changed bool, err error) {
	return s.converge(ctx, func(r *replica) ([]libovsdb.Operation, error) { return r.plan(d, s.LocalAddr().String()) })
}

// Remove takes away all that Ensure made: the ports that bear Planck's mark, planck-cloud, and the integration bridge
// with whatever is plugged into it. An adopted bridge stays, without its controllers and in fail_mode secure, since its
// former settings are not known. It refuses with ErrForeignCloud, and changes nothing, when the node is of another cloud.
func (s *Session) Remove(ctx context.Context, cloud string) (changed bool, err error) {
	return s.converge(ctx, func(r *replica) ([]libovsdb.Operation, error) { return r.planRemoval(cloud) })
}

// attempts is how often a plan may turn out to be made from a stale replica.
const attempts = 8

func (s *Session) converge(ctx context.Context, plan func(*replica) ([]libovsdb.Operation, error)) (bool, error) {
	s.ensuring.Lock()
	defer s.ensuring.Unlock()
	var err error
	for range attempts {
		if s.ctx.Err() != nil {
			return false, context.Cause(s.ctx)
		}
		s.mu.Lock()
		version := s.replica.version
		ops, planErr := plan(s.replica)
		s.mu.Unlock()
		if planErr != nil || len(ops) == 0 {
			return false, planErr
		}
		if err = s.transact(ctx, ops); err == nil {
			return true, nil
		}
		s.mu.Lock()
		stale := s.replica.version != version
		s.mu.Unlock()
		if !stale { // ovsdb-server tells updates before the reply, so the plan was wrong, not the replica
			break
		}
	}
	return false, err
}

// transact runs one transaction.
func (s *Session) transact(ctx context.Context, ops []libovsdb.Operation) error {
	var results []struct{ Error, Details string }
	if err := s.call(ctx, "transact", libovsdb.NewTransactArgs(database, ops...), &results); err != nil {
		return err
	}
	for _, r := range results {
		if r.Error != "" {
			return fmt.Errorf("ovsdb: transaction refused: %.64s: %.256s", r.Error, r.Details)
		}
	}
	return nil
}
