package openflow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	of "github.com/netrack/openflow"
	"github.com/netrack/openflow/ofp"
	"go.uber.org/zap"
)

// handshake agrees on the version, learns which switch this is and what ports it has, and asks for what it shall
// tell. Nothing else runs in the session yet.
func (s *Session) handshake() error {
	if err := s.raw.SetDeadline(time.Now().Add(s.cfg.HandshakeTimeout)); err != nil {
		return err
	}
	if err := s.sendNow(of.TypeHello, 0, hello()); err != nil {
		return readError(err)
	}
	if err := s.receiveHello(); err != nil {
		return err
	}
	features, err := s.ask(of.TypeFeaturesRequest, nil, of.TypeFeaturesReply)
	if err != nil {
		return err
	}
	if len(features) < 24 {
		return errors.New("features reply cut short")
	}
	if auxiliary := features[13]; auxiliary != 0 {
		return fmt.Errorf("auxiliary connection %d, which nobody asked for", auxiliary)
	}
	s.datapathID = binary.BigEndian.Uint64(features)
	if s.cfg.Admit != nil {
		if err := s.cfg.Admit(s.datapathID, s.RemoteAddr()); err != nil {
			return fmt.Errorf("not admitted: %w", err)
		}
	}
	// A switch that refuses one of these two says so in an error that reaches Handler.Error or the log.
	if err := s.sendNow(of.TypeSetConfig, 0, &ofp.SwitchConfig{MissSendLength: uint16(ofp.ContentLenNoBuffer)}); err != nil {
		return readError(err)
	}
	if err := s.sendNow(of.TypeSetAsync, 0, asyncConfig()); err != nil {
		return readError(err)
	}
	if err := s.askPorts(); err != nil {
		return err
	}
	return s.raw.SetDeadline(time.Time{})
}

// asyncConfig: a master is told all there is to tell, a slave about ports (OpenFlow 1.3.5, 7.3.10). The default
// leaves packets out whose TTL ran out.
func asyncConfig() *ofp.AsyncConfig {
	const (
		packetIns    = 1<<ofp.PacketInReasonNoMatch | 1<<ofp.PacketInReasonAction | 1<<ofp.PacketInReasonInvalidTTL
		portStatus   = 1<<ofp.PortReasonAdd | 1<<ofp.PortReasonDelete | 1<<ofp.PortReasonModify
		flowsRemoved = 1<<ofp.FlowReasonIdleTimeout | 1<<ofp.FlowReasonHardTimeout | 1<<ofp.FlowReasonDelete |
			1<<ofp.FlowReasonGroupDelete
	)
	return &ofp.AsyncConfig{
		PacketInMask:    [2]uint32{packetIns, 0},
		PortStatusMask:  [2]uint32{portStatus, portStatus},
		FlowRemovedMask: [2]uint32{flowsRemoved, 0},
	}
}

func (s *Session) receiveHello() error {
	m, err := s.conn.Receive()
	if err != nil {
		return readError(err)
	}
	if m.Header.Type != of.TypeHello {
		return fmt.Errorf("first message is of type %d, not a hello", m.Header.Type)
	}
	reason := negotiate(m.Header.Version, payload(m))
	if reason == nil {
		return nil
	}
	failed := &ofp.Error{
		Type: ofp.ErrTypeHelloFailed, Code: ofp.ErrCodeHelloFailedIncompatible, Data: []byte(reason.Error()),
	}
	if err := s.sendNow(of.TypeError, m.Header.Transaction, failed); err != nil {
		s.log.Debug("sending hello failed", zap.Error(err))
	}
	return reason
}

func (s *Session) askPorts() error {
	const kind = ofp.MultipartTypePortDescription
	xid := s.newXIDs(1)
	s.ports = map[uint32]Port{}
	if err := s.sendNow(of.TypeMultipartRequest, xid, multipartBody(kind, nil)); err != nil {
		return readError(err)
	}
	for more := true; more; {
		body, err := s.await(xid, of.TypeMultipartReply)
		if err != nil {
			return err
		}
		if more, body, err = splitMultipart(body, kind); err != nil {
			return err
		}
		ports, err := parsePorts(nil, body)
		if err != nil {
			return err
		}
		for _, p := range ports {
			s.ports[p.Number] = p
		}
		if len(s.ports) > maxPorts {
			return fmt.Errorf("more than %d ports", maxPorts)
		}
	}
	return nil
}

// maxPorts is as many ports as OpenFlow 1.3's physical port numbers that Open vSwitch uses.
const maxPorts = 0xff00

// ask sends a request and waits for its reply. For the handshake only.
func (s *Session) ask(t of.Type, body io.WriterTo, reply of.Type) ([]byte, error) {
	xid := s.newXIDs(1)
	if err := s.sendNow(t, xid, body); err != nil {
		return nil, readError(err)
	}
	return s.await(xid, reply)
}

// await reads until the reply comes. Packets that come up before it are dropped, as nobody is there for them.
func (s *Session) await(xid uint32, reply of.Type) ([]byte, error) {
	for {
		m, err := s.receive()
		if err != nil {
			return nil, err
		}
		body := payload(m)
		switch t := m.Header.Type; {
		case t == reply && m.Header.Transaction == xid:
			return body, nil
		case t == of.TypeEchoRequest:
			err = s.sendNow(of.TypeEchoReply, m.Header.Transaction, &ofp.EchoReply{Data: body})
		case t == of.TypePortStatus && s.ports != nil:
			var p PortStatus
			if p, err = parsePortStatus(body); err == nil {
				s.setPort(p)
			}
		case t == of.TypeError:
			var e Error
			if e, err = parseError(m.Header.Transaction, body); err == nil && e.XID == xid {
				return nil, e
			}
			s.counters.errors.Add(1)
			s.log.Warn("error from a switch during the handshake", zap.NamedError("refusal", e))
		}
		if err != nil {
			return nil, readError(err)
		}
	}
}

// sendNow writes a message at once. For the handshake only.
func (s *Session) sendNow(t of.Type, xid uint32, body io.WriterTo) error {
	r := of.NewRequest(t, body)
	r.Header.Transaction = xid
	return of.Send(s.conn, r)
}

// readError says what the end of a connection means.
func readError(err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ErrPeerClosed
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("switch is too slow: %w", err)
	case errors.Is(err, net.ErrClosed):
		return net.ErrClosed
	}
	return err
}
