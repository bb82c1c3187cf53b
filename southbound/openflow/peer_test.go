package openflow

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	of "github.com/netrack/openflow"
)

// peer is a switch that a test plays by hand.
type peer struct {
	t testing.TB
	net.Conn
}

func dial(t testing.TB, l net.Listener) *peer {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &peer{t, c}
}

func encode(t of.Type, xid uint32, body ...byte) []byte {
	m, err := endMessage(append(appendHeader(nil, t, xid), body...), 0)
	if err != nil {
		panic(err)
	}
	return m
}

func (p *peer) send(t of.Type, xid uint32, body ...byte) {
	p.t.Helper()
	p.sendRaw(encode(t, xid, body...))
}

func (p *peer) sendRaw(b []byte) {
	p.t.Helper()
	if _, err := p.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// read reads a message.
func (p *peer) read() (t of.Type, xid uint32, body []byte, err error) {
	_ = p.SetReadDeadline(time.Now().Add(limit))
	var h [headerLen]byte
	if _, err := io.ReadFull(p, h[:]); err != nil {
		return 0, 0, nil, err
	}
	body = make([]byte, int(binary.BigEndian.Uint16(h[2:]))-headerLen)
	_, err = io.ReadFull(p, body)
	return of.Type(h[1]), binary.BigEndian.Uint32(h[4:]), body, err
}

// expect reads messages until one of type t comes, and answers echo requests.
func (p *peer) expect(t of.Type) (xid uint32, body []byte) {
	p.t.Helper()
	for {
		got, xid, body, err := p.read()
		if err != nil {
			p.t.Fatalf("waiting for %v: %v", t, err)
		}
		if got == t {
			return xid, body
		}
		if got == of.TypeEchoRequest {
			p.send(of.TypeEchoReply, xid, body...)
		}
	}
}

// expectClosed reads until the other side closes.
func (p *peer) expectClosed() {
	p.t.Helper()
	for {
		_, _, _, err := p.read()
		if e, ok := err.(net.Error); ok && e.Timeout() {
			p.t.Fatal("the connection is still open")
		}
		if err != nil {
			return
		}
	}
}

// handshake plays it as a switch without ports, whose hello has no elements.
func (p *peer) handshake(datapathID uint64) {
	p.t.Helper()
	p.send(of.TypeHello, 0)
	xid, _ := p.expect(of.TypeFeaturesRequest)
	p.send(of.TypeFeaturesReply, xid, features(datapathID, 0)...)
	xid, _ = p.expect(of.TypeMultipartRequest)
	p.send(of.TypeMultipartReply, xid, 0, 13, 0, 0, 0, 0, 0, 0)
}

func features(datapathID uint64, auxiliary byte) []byte {
	b := binary.BigEndian.AppendUint64(nil, datapathID)
	return append(b, 0, 0, 0, 0, 254, auxiliary, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
}

// answerEchos serves as a switch that only answers echo requests and barriers, until the connection ends.
func (p *peer) answerEchos() {
	for {
		t, xid, body, err := p.read()
		if err != nil {
			return
		}
		switch t {
		case of.TypeEchoRequest:
			_, err = p.Write(encode(of.TypeEchoReply, xid, body...))
		case of.TypeBarrierRequest:
			_, err = p.Write(encode(of.TypeBarrierReply, xid))
		}
		if err != nil {
			return
		}
	}
}
