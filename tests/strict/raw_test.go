package strict

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

const limit = 10 * time.Second

// raw is a controller that a test plays by hand.
type raw struct {
	t testing.TB
	net.Conn
	r   *bufio.Reader
	xid uint32
}

// accept makes a switch connect, and agrees on the version with it.
func accept(t testing.TB, cfg Config) (*Switch, *raw) {
	t.Helper()
	s := New(cfg, nil)
	t.Cleanup(s.Close)
	l := listen(t)
	s.Connect(l.Addr().String())
	return s, shake(t, l)
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func shake(t testing.TB, l net.Listener) *raw {
	t.Helper()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	k := &raw{t: t, Conn: c, r: bufio.NewReader(c)}
	k.write(message(typeHello, 0, nil))
	if m := k.read(); m[1] != typeHello {
		t.Fatalf("first message is of type %d", m[1])
	}
	return k
}

func (k *raw) write(m []byte) {
	k.t.Helper()
	if _, err := k.Write(m); err != nil {
		k.t.Fatal(err)
	}
}

func (k *raw) read() []byte {
	k.t.Helper()
	m, err := k.tryRead()
	if err != nil {
		k.t.Fatal(err)
	}
	return m
}

func (k *raw) tryRead() ([]byte, error) {
	_ = k.SetReadDeadline(time.Now().Add(limit))
	header, err := k.r.Peek(headerLen)
	if err != nil {
		return nil, err
	}
	m := make([]byte, be16(header[2:]))
	_, err = io.ReadFull(k.r, m)
	return m, err
}

// ask sends a message and a barrier, and returns what came before the barrier's reply.
func (k *raw) ask(kind uint8, body []byte) (answers [][]byte) {
	k.t.Helper()
	k.xid += 2
	k.write(append(message(kind, k.xid, body), message(typeBarrier, k.xid+1, nil)...))
	for {
		m := k.read()
		if m[1] == typeBarrier+1 && xidOf(m) == k.xid+1 {
			return answers
		}
		answers = append(answers, m)
	}
}

// refusal sends a message and returns the error that it causes, or the zero refusal.
func (k *raw) refusal(kind uint8, body []byte) refusal {
	k.t.Helper()
	for _, m := range k.ask(kind, body) {
		if m[1] != typeError {
			continue
		}
		sent := message(kind, k.xid, body)
		if data := m[headerLen+4:]; xidOf(m) != k.xid || string(data) != string(sent[:min(64, len(sent))]) {
			k.t.Errorf("error about % x, xid %d", data, xidOf(m))
		}
		return refusal{be16(m[headerLen:]), be16(m[headerLen+2:])}
	}
	return refusal{}
}

// must sends a message that is not refused, and returns what answered it.
func (k *raw) must(kind uint8, body []byte) [][]byte {
	k.t.Helper()
	answers := k.ask(kind, body)
	for _, m := range answers {
		if m[1] == typeError {
			k.t.Fatalf("message of type %d % x refused: % x", kind, body, m[headerLen:])
		}
	}
	return answers
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// mod is the body of a flow-mod. Its match and instructions are hexadecimal; the match is the fields alone.
type mod struct {
	table, command uint8
	priority       uint16
	flags          uint16
	buffer         uint32
	match          string
	instructions   string
}

func (m mod) body(t testing.TB) []byte {
	t.Helper()
	b := make([]byte, 16, 100)
	b = append(b, m.table, m.command, 0, 0, 0, 0)
	b = put32(put16(b, m.priority), ^m.buffer)
	b = put32(put32(b, anyPort), anyGroup)
	b = append(put16(b, m.flags), 0, 0)
	fields := unhex(t, m.match)
	b = append(put16(put16(b, 1), uint16(4+len(fields))), fields...)
	b = append(b, make([]byte, -(4+len(fields))&7)...)
	return append(b, unhex(t, m.instructions)...)
}

// apply is an apply-actions instruction.
func apply(actions string) string {
	n := 8 + len(strings.ReplaceAll(actions, " ", ""))/2
	return "0004" + hex.EncodeToString(binary.BigEndian.AppendUint16(nil, uint16(n))) + "00000000" + actions
}

const (
	inPort1   = "80000004 00000001"
	ipv4      = "80000a02 0800"
	vlan10    = "80000c02 100a"
	output1   = "0000 0010 00000001 0000 000000000000"
	output2   = "0000 0010 00000002 0000 000000000000"
	pushVLAN  = "0011 0008 8100 0000"
	popVLAN   = "0012 0008 00000000"
	decTTL    = "0018 0008 00000000"
	setVLAN10 = "0019 0010 80000c02 100a 000000000000"
	toGroup9  = "0016 0008 00000009"
	goto1     = "0001 0008 01 000000"
	meter1    = "0006 0008 00000001"
)
