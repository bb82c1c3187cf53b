package openflow

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	of "github.com/netrack/openflow"

	"github.com/planck-sdn/planck/model/flow"
)

// connectPeer starts a server and a peer that has done the handshake.
func connectPeer(t testing.TB, cfg Config) (net.Listener, *peer, *Session, *recorder) {
	t.Helper()
	r := newRecorder()
	l, _ := serve(t, cfg, r, nil)
	p := dial(t, l)
	p.handshake(1)
	return l, p, r.session(t), r
}

func TestHelloFailed(t *testing.T) {
	for name, hello := range map[string][]byte{
		"bitmap without 1.3":            {5, 0, 0, 16, 0, 0, 0, 9, 0, 1, 0, 8, 0, 0, 0, 0x22},
		"OpenFlow 1.0 without elements": {1, 0, 0, 8, 0, 0, 0, 9},
		"bad element":                   {4, 0, 0, 12, 0, 0, 0, 9, 0, 1, 0, 3},
	} {
		r := newRecorder()
		l, _ := serve(t, Config{HandshakeTimeout: time.Hour}, r, nil)
		p := dial(t, l)
		p.sendRaw(hello)
		xid, body := p.expect(of.TypeError)
		if xid != 9 || !bytes.HasPrefix(body, []byte{0, 0, 0, 0}) { // OFPET_HELLO_FAILED, OFPHFC_INCOMPATIBLE
			t.Errorf("%s: error % x for %d", name, body, xid)
		}
		p.expectClosed()
		if len(r.connected) > 0 {
			t.Errorf("%s: connected", name)
		}
	}
}

func TestHelloAgreed(t *testing.T) {
	for name, hello := range map[string][]byte{
		"no elements":                  {4, 0, 0, 8, 0, 0, 0, 9},
		"1.5 with a bitmap":            {6, 0, 0, 16, 0, 0, 0, 9, 0, 1, 0, 8, 0, 0, 0, 0x72},
		"1.4 without a bitmap":         {5, 0, 0, 8, 0, 0, 0, 9},
		"unknown element, then bitmap": {4, 0, 0, 24, 0, 0, 0, 9, 0, 7, 0, 5, 1, 0, 0, 0, 0, 1, 0, 8, 0, 0, 0, 0x10},
	} {
		if err := negotiate(hello[0], hello[8:]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBadPeers: each of these ends its own session, with a reason that says what was wrong, and no other.
func TestBadPeers(t *testing.T) {
	l, other, bystander, r := connectPeer(t, Config{})
	go other.answerEchos()
	for name, c := range map[string]struct {
		send   []byte
		reason string
	}{
		"other version":           {[]byte{1, 2, 0, 8, 0, 0, 0, 1}, "version 0x01"},
		"unknown type":            {encode(99, 1), "does not send"},
		"a controller's message":  {encode(of.TypeFlowMod, 1, make([]byte, 48)...), "TypeFlowMod"},
		"length below the header": {[]byte{4, 10, 0, 4, 0, 0, 0, 1}, "Corrupted header"},
		"short error":             {encode(of.TypeError, 1, 0, 1), "error message cut short"},
		"short packet-in":         {encode(of.TypePacketIn, 1, 1, 2, 3), "packet-in cut short"},
		"packet-in with a match that is too long": {
			encode(of.TypePacketIn, 1, append(make([]byte, 16), 0, 1, 0xff, 0xff, 0, 0, 0, 0, 0, 0)...), "cut short",
		},
		"packet-in with half a field": {
			encode(of.TypePacketIn, 1, append(make([]byte, 16), 0, 1, 0, 10, 0x80, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)...), "cut short",
		},
		"short port status":  {encode(of.TypePortStatus, 1, 0), "port status of 1 octets"},
		"short flow-removed": {encode(of.TypeFlowRemoved, 1, 0), "flow-removed cut short"},
	} {
		p := dial(t, l)
		p.handshake(2)
		s := r.session(t)
		p.sendRaw(c.send)
		p.expectClosed()
		if err := r.end(t, s); !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: closed with %q", name, err)
		}
	}
	if err := bystander.Ping(timeLimit(t)); err != nil {
		t.Errorf("the other session: %v", err)
	}
}

func TestFirstMessageIsNoHello(t *testing.T) {
	r := newRecorder()
	l, _ := serve(t, Config{HandshakeTimeout: 50 * time.Millisecond}, r, nil)
	for _, first := range [][]byte{encode(of.TypeEchoRequest, 1), []byte("GET / HTTP/1.1\r\n\r\n"), {22, 3, 1}, nil} {
		p := dial(t, l)
		p.sendRaw(first)
		p.expectClosed()
	}
	if len(r.connected) > 0 {
		t.Error("connected")
	}
}

func TestAdmission(t *testing.T) {
	r := newRecorder()
	l, _ := serve(t, Config{HandshakeTimeout: time.Hour, Admit: func(id uint64, remote net.Addr) error {
		if id == 66 {
			return fmt.Errorf("%x at %v is not one of ours", id, remote)
		}
		return nil
	}}, r, nil)
	for _, reply := range [][]byte{features(66, 0), features(1, 5), {1, 2}} { // not admitted; auxiliary; cut short
		p := dial(t, l)
		p.send(of.TypeHello, 0)
		xid, _ := p.expect(of.TypeFeaturesRequest)
		p.send(of.TypeFeaturesReply, xid, reply...)
		p.expectClosed()
	}
	p := dial(t, l)
	p.handshake(67)
	if id := r.session(t).DatapathID(); id != 67 {
		t.Errorf("connected: %d", id)
	}
}

func TestEchoBothWays(t *testing.T) {
	_, p, s, _ := connectPeer(t, Config{})
	big := bytes.Repeat([]byte{7}, maxMessage-headerLen)
	message := encode(of.TypeEchoRequest, 44, big...)
	p.sendRaw(message[:3]) // in pieces
	p.sendRaw(message[3:9])
	p.sendRaw(message[9:30000])
	p.sendRaw(message[30000:])
	if xid, body := p.expect(of.TypeEchoReply); xid != 44 || !bytes.Equal(body, big) {
		t.Errorf("%d octets for xid %d came back", len(body), xid)
	}
	go p.answerEchos()
	if err := s.Ping(timeLimit(t)); err != nil {
		t.Error(err)
	}
}

func TestPeerThatAnswersNoEchoIsClosed(t *testing.T) {
	_, p, s, r := connectPeer(t, Config{EchoInterval: 20 * time.Millisecond, EchoTimeout: 50 * time.Millisecond})
	for range 3 { // for a while it does
		xid, body := p.expect(of.TypeEchoRequest)
		p.send(of.TypeEchoReply, xid, body...)
	}
	p.sendRaw(encode(of.TypePacketIn, 1)[:5]) // half a message, and silence
	if err := r.end(t, s); !errors.Is(err, ErrEchoTimeout) {
		t.Errorf("closed with %v", err)
	}
}

// TestStalledSwitch: a switch that reads nothing gets no more than a bounded number of octets, blocks no one but the Apply that
// waits for it, and is closed.
func TestStalledSwitch(t *testing.T) {
	l, _, stalled, r := connectPeer(t, Config{EchoInterval: time.Hour, EchoTimeout: 2 * time.Second, QueueLength: 64})
	healthy := dial(t, l)
	healthy.handshake(2)
	go healthy.answerEchos()
	other := r.session(t)

	applied := make(chan error, 1)
	go func() {
		_, err := stalled.Apply(timeLimit(t), manyEntries(200000), false)
		applied <- err
	}()
	eventually(t, "the Apply is under way", func() bool { return stalled.Counters().FlowMods > 1000 })
	full := make(chan int, 1)
	go func() { // until the session is closed
		n := 0
		for err := error(nil); err == nil || errors.Is(err, ErrQueueFull); {
			start := time.Now()
			err = stalled.PacketOut(flow.PacketOut{InPort: 1, Data: make([]byte, 1500)})
			if d := time.Since(start); d > time.Second {
				t.Errorf("PacketOut blocked for %v", d)
			}
			if errors.Is(err, ErrQueueFull) {
				n++
				time.Sleep(time.Millisecond)
			}
		}
		full <- n
	}()
	start := time.Now()
	mustApply(t, other, false, manyEntries(5000)...)
	if err := other.Ping(timeLimit(t)); err != nil {
		t.Error(err)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("another switch waited %v", d)
	}
	if err := r.end(t, stalled); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("closed with %v", err)
	}
	if err := receive(t, "Apply returns", applied); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Apply: %v", err)
	}
	if n := receive(t, "packet-outs are refused", full); n == 0 {
		t.Error("the queue has no end")
	}
	if n := stalled.Counters().FlowMods; n > 10000 {
		t.Errorf("%d flow-mods were built for a switch that reads nothing", n)
	}
}

// TestIdleConnections: connections that say nothing hold little memory, and make way for switches.
func TestIdleConnections(t *testing.T) {
	const idle, handshakes = 1000, 100
	l, p, s, r := connectPeer(t, Config{MaxHandshakes: handshakes, HandshakeTimeout: time.Hour})
	go p.answerEchos()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	peers := make([]*peer, idle)
	for i := range peers {
		peers[i] = dial(t, l)
	}
	for _, early := range peers[:idle-handshakes] {
		early.expectClosed()
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if used := int64(after.HeapAlloc+after.StackInuse) - int64(before.HeapAlloc+before.StackInuse); used > 8<<20 {
		t.Errorf("%d idle connections hold %d octets", idle, used)
	}
	if n := runtime.NumGoroutine(); n > handshakes+50 {
		t.Errorf("%d goroutines", n)
	}
	// A switch gets in all the same.
	late := dial(t, l)
	late.handshake(3)
	if id := r.session(t).DatapathID(); id != 3 {
		t.Errorf("connected: %d", id)
	}
	if err := s.Ping(timeLimit(t)); err != nil {
		t.Error(err)
	}
}

func TestMaxConnections(t *testing.T) {
	l, p, s, _ := connectPeer(t, Config{MaxConnections: 2})
	go p.answerEchos()
	dial(t, l).handshake(2)
	dial(t, l).expectClosed()
	if err := s.Ping(timeLimit(t)); err != nil {
		t.Error(err)
	}
}

func TestUnknownRepliesAreCounted(t *testing.T) {
	_, p, s, r := connectPeer(t, Config{})
	for _, m := range []of.Type{of.TypeBarrierReply, of.TypeMultipartReply, of.TypeExperiment, of.TypeRoleReply, of.TypeEchoReply} {
		p.send(m, 0xdead)
	}
	p.send(of.TypeError, 0xbeef, 0, 1, 0, 6, 'w', 'h', 'y')
	eventually(t, "the error came", func() bool { return len(recorded(r, &r.errors)) == 1 })
	if e := recorded(r, &r.errors)[0]; e.XID != 0xbeef || e.Error() != "BadRequestLen (type 1, code 6)" || string(e.Data) != "why" {
		t.Errorf("%+v %v", e, e)
	}
	if c := s.Counters(); c.UnknownReplies != 5 || c.Errors != 1 {
		t.Errorf("%+v", c)
	}
}

func TestReplyOfAnotherTypeEndsTheSession(t *testing.T) {
	_, p, s, r := connectPeer(t, Config{})
	go func() {
		xid, _ := p.expect(of.TypeRoleRequest)
		p.send(of.TypeBarrierReply, xid)
	}()
	if err := s.BecomeMaster(timeLimit(t), 1); err == nil {
		t.Error("became master")
	}
	if err := r.end(t, s); !strings.Contains(err.Error(), "was due") {
		t.Error(err)
	}
}

// TestStrictSwitch plays a switch without bundles, groups and meters, that sends its entries in several parts.
func TestStrictSwitch(t *testing.T) {
	_, p, s, _ := connectPeer(t, Config{})
	go func() {
		for range 2 { // the bundle is opened, and one entry added to it
			xid, _ := p.expect(of.TypeExperiment)
			p.send(of.TypeError, xid, 0, 1, 0, 3)
		}
		xid, _ := p.expect(of.TypeBarrierRequest)
		p.send(of.TypeBarrierReply, xid)
	}()
	if _, err := s.Apply(timeLimit(t), []flow.Change{goodEntry(1)}, true); !errors.Is(err, ErrNoBundles) {
		t.Error(err)
	}
	go func() {
		xid, _ := p.expect(of.TypeMultipartRequest)
		p.send(of.TypeMultipartReply, xid, append([]byte{0, 1, 0, 1, 0, 0, 0, 0}, statsOf(1)...)...)
		p.send(of.TypeMultipartReply, xid, 0, 1, 0, 1, 0, 0, 0, 0)
		p.send(of.TypeMultipartReply, xid, append([]byte{0, 1, 0, 0, 0, 0, 0, 0}, slices.Concat(statsOf(2), statsOf(3))...)...)
		for range 2 {
			xid, _ := p.expect(of.TypeMultipartRequest)
			p.send(of.TypeError, xid, 0, 1, 0, 2)
		}
	}()
	if tables := mustRead(t, s); len(tables.Flows) != 3 || tables.Flows[2].Priority() != 3 {
		t.Errorf("%+v", tables)
	}
	go func() {
		xid, _ := p.expect(of.TypeMultipartRequest)
		p.send(of.TypeMultipartReply, xid, 0, 1, 0, 0, 0, 0, 0, 0, 0, 55)
	}()
	if _, err := s.Read(timeLimit(t)); err == nil || s.Err() == nil {
		t.Errorf("half an entry was read: %v", err)
	}
}

// statsOf is an entry without match and instructions, in a flow statistics reply.
func statsOf(priority uint16) []byte {
	b := make([]byte, 56)
	b[1] = 56
	binary.BigEndian.PutUint16(b[12:], priority)
	copy(b[48:], []byte{0, 1, 0, 4})
	return b
}

// TestCommitIsNotSentAfterAnError: Open vSwitch would commit the rest.
func TestCommitIsNotSentAfterAnError(t *testing.T) {
	_, p, s, _ := connectPeer(t, Config{})
	controls := make(chan []byte, 8)
	go func() {
		for {
			kind, xid, body, err := p.read()
			switch {
			case err != nil:
				return
			case kind == of.TypeBarrierRequest:
				p.send(of.TypeBarrierReply, xid)
			case kind == of.TypeExperiment && binary.BigEndian.Uint32(body[4:]) == bundleAddType:
				if innerXID := binary.BigEndian.Uint32(body[16+4:]); innerXID != xid {
					t.Errorf("message %d inside add %d", innerXID, xid)
				}
				p.send(of.TypeError, xid, 0xff, 0xff, 0x09, 0x06, 0x4f, 0x4e, 0x46, 0)
			case kind == of.TypeExperiment:
				reply := bytes.Clone(body)
				reply[13]++
				p.send(of.TypeExperiment, xid, reply...)
				controls <- body[12:14]
			}
		}
	}()
	refusals, err := s.Apply(timeLimit(t), []flow.Change{goodEntry(1)}, true)
	if err != nil || len(refusals) != 1 || refusals[0].Reason != "UnsupportedBundleMessage (experimenter 0x4f4e4600, type 2310)" {
		t.Errorf("%v %v", refusals, err)
	}
	for _, want := range []byte{bundleOpen, bundleDiscard} {
		if got := receive(t, "a bundle control message", controls); got[1] != want {
			t.Errorf("bundle control %d where %d was due", got[1], want)
		}
	}
}

func TestTruncatedPacketInIsDropped(t *testing.T) {
	_, p, s, r := connectPeer(t, Config{})
	body := make([]byte, 16+8+2+60)
	binary.BigEndian.PutUint16(body[4:], 61)
	copy(body[16:], []byte{0, 1, 0, 4})
	p.send(of.TypePacketIn, 0, body...)
	binary.BigEndian.PutUint16(body[4:], 60)
	p.send(of.TypePacketIn, 0, body...)
	eventually(t, "the whole one came", func() bool { return len(recorded(r, &r.packets)) == 1 })
	if c := s.Counters(); c.PacketIns != 1 || c.PacketInsDropped != 1 || len(recorded(r, &r.packets)[0].Data) != 60 {
		t.Errorf("%+v", c)
	}
}

func TestReplyWithoutEndIsCutOff(t *testing.T) {
	s := newSession(Config{}.withDefaults(), newRecorder(), dialNothing(t))
	s.requests = map[uint32]*request{}
	r := s.newRequest(of.TypeMultipartReply)
	r.size = maxReply - 1
	if _, err := s.replied(r.xid, of.TypeMultipartReply, make([]byte, 1), true); err != nil {
		t.Error(err)
	}
	if _, err := s.replied(r.xid, of.TypeMultipartReply, make([]byte, 1), true); !errors.Is(err, errReplyTooLong) {
		t.Error(err)
	}
}

func dialNothing(t testing.TB) net.Conn {
	a, b := net.Pipe()
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return a
}

func TestXIDsWrap(t *testing.T) {
	s := &Session{nextXID: ^uint32(0) - 1}
	if first := s.newXIDs(5); first != 1 {
		t.Errorf("first of five is %d", first)
	}
	if first := s.newXIDs(1); first != 6 {
		t.Errorf("next is %d", first)
	}
}

// panicking is a Handler with a defect.
type panicking struct{ *recorder }

func (panicking) PacketIn(*Session, flow.PacketIn) { panic("defect") }

func TestPanicEndsOneSession(t *testing.T) {
	r := newRecorder()
	l, _ := serve(t, Config{}, panicking{r}, nil)
	p, other := dial(t, l), dial(t, l)
	p.handshake(1)
	s := r.session(t)
	other.handshake(2)
	bystander := r.session(t)
	go other.answerEchos()
	p.send(of.TypePacketIn, 0, append(make([]byte, 16), 0, 1, 0, 4, 0, 0, 0, 0, 0, 0)...)
	if err := r.end(t, s); !strings.Contains(err.Error(), "defect") {
		t.Error(err)
	}
	if err := bystander.Ping(timeLimit(t)); err != nil {
		t.Error(err)
	}
}
