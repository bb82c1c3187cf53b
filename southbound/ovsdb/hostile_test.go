package ovsdb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Whatever a stranger sends before the first snapshot ends its own connection and nothing else.
func TestGarbage(t *testing.T) {
	n, r := startNode(t), newRecorder()
	l := serve(t, Config{MessageTimeout: 300 * time.Millisecond, HandshakeTimeout: 2 * time.Second, MaxMessage: 1 << 20}, r)
	n.vsctl("add-br", "br-ex")
	n.attach(l.target())
	real, _ := r.until(t, "the real node", func() bool { return r.updates > 0 })

	snapshot := func(result string) string { return `{"id":1,"error":null,"result":` + result + `}` }
	row := func(update string) string { return snapshot(`{"Bridge":{"` + rootUUID + `":` + update + `}}`) }
	for name, bytes := range map[string]string{
		"http":                   "GET / HTTP/1.0\r\n\r\n",
		"tls":                    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"zeros":                  strings.Repeat("\x00", 64<<10),
		"empty object":           `{}`,
		"null id":                `{"id":null,"result":[]}`,
		"id that is text":        `{"id":"1","result":[]}`,
		"negative id":            `{"id":-1,"result":[]}`,
		"method that is no text": `{"method":5,"id":1}`,
		"array":                  `[]`,
		"unbalanced":             `{"a":]}`,
		"echo without params":    `{"method":"echo","id":7}`,
		"deep":                   nested(100000),
		"endless text":           `{"method":"` + strings.Repeat("x", 2<<20),
		"half a message":         `{"method":"ec`,
		"64 KiB, half":           `{"method":"` + strings.Repeat("x", 64<<10),
		"update first":           updateOf("early"),
		"update2 of nothing":     `{"method":"update2","id":null,"params":[]}`,
		"no result":              `{"id":1,"result":null,"error":null}`,
		"an error":               `{"id":1,"result":null,"error":{"error":"unknown database"}}`,
		"a result of text":       snapshot(`"x"`),
		"a table unasked for":    snapshot(`{"SSL":{}}`),
		"a row without a UUID":   snapshot(`{"Bridge":{"x":{"initial":{}}}}`),
		"a row of nothing":       row(`{}`),
		"a change of nothing":    row(`{"modify":{}}`),
		"a column unasked for":   row(`{"initial":{"stp_enable":true}}`),
		"an empty array":         row(`{"initial":{"name":[]}}`),
		"a set for a scalar":     row(`{"initial":{"name":["set",["a","b"]]}}`),
		"a bad reference":        row(`{"initial":{"ports":["uuid","x"]}}`),
		"a reference of one":     row(`{"initial":{"ports":["uuid"]}}`),
		"a set of nothing":       row(`{"initial":{"ports":["set"]}}`),
		"a map of numbers":       row(`{"initial":{"other_config":["map",[[1,2]]]}}`),
		"a map of triples":       row(`{"initial":{"other_config":["map",[["a","b","c"]]]}}`),
	} {
		p := dial(t, l)
		_, _ = p.conn.Write([]byte(bytes)) // the server may close before it has read all
		if err := p.closed(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s, _ := r.until(t, "no other session", func() bool { return r.ended == 0 }); s != real {
		t.Error("a stranger became a session")
	}
	ensure(t, real, wanted(), true)
}

// What a node sends after its snapshot is refused as well, and the handler learns why it went.
func TestBadUpdates(t *testing.T) {
	for _, update := range []string{
		`{"Bridge":{"` + rootUUID + `":{"modify":{"name":"x"}}}}`,
		`{"Open_vSwitch":{"` + rootUUID + `":{"modify":{"external_ids":"x"}}}}`,
		`[]`,
	} {
		r := newRecorder()
		l := serve(t, Config{}, r)
		p := dial(t, l)
		p.open("bad")
		r.sees(t, "the peer", func(st State) bool { return st.SystemID == "bad" })
		p.send(`{"method":"update2","id":null,"params":[null,` + update + `]}`)
		r.until(t, "the end", func() bool { return r.ended == 1 && strings.HasPrefix(r.reason.Error(), "update2: ") })
	}
}

func TestUnknownMethods(t *testing.T) {
	r := newRecorder()
	p := dial(t, serve(t, Config{}, r))
	p.open("a")
	p.send(`{"method":"stolen","id":null,"params":["x"]}`)
	p.send(`{"method":"surprise","id":"seven","params":[]}`)
	var answer struct{ ID, Error string }
	if err := p.dec.Decode(&answer); err != nil || answer.ID != "seven" || answer.Error == "" {
		t.Errorf("%+v, %v", answer, err)
	}
	big := strings.Repeat("x", 64<<10)
	p.send(`{"method":"echo","id":["any","JSON"],"params":["` + big + `"]}`)
	var echo struct {
		ID     []string
		Result []string
	}
	if err := p.dec.Decode(&echo); err != nil || len(echo.ID) != 2 || len(echo.Result) != 1 || echo.Result[0] != big {
		t.Errorf("echo: %v", err)
	}
	p.send(updateOf("b"))
	r.sees(t, "the update after them", func(st State) bool { return st.SystemID == "b" })
}

// A peer that answers no echo is dropped; so is one that does not read.
func TestSilentPeer(t *testing.T) {
	r := newRecorder()
	l := serve(t, Config{ProbeInterval: 100 * time.Millisecond}, r)
	p := dial(t, l)
	began := time.Now()
	p.open("silent")
	r.until(t, "the end", func() bool { return r.ended == 1 && errors.Is(r.reason, errSilent) })
	if took := time.Since(began); took < 200*time.Millisecond || took > 2*time.Second {
		t.Errorf("dropped after %v", took)
	}
}

func TestPeerThatDoesNotRead(t *testing.T) {
	r := newRecorder()
	l := serve(t, Config{MessageTimeout: 200 * time.Millisecond}, r)
	p := dial(t, l)
	p.open("deaf")
	r.sees(t, "the peer", func(State) bool { return true })
	echo := `{"method":"echo","id":1,"params":["` + strings.Repeat("x", 64<<10) + `"]}`
	go func() {
		for {
			if _, err := p.conn.Write([]byte(echo)); err != nil {
				return
			}
		}
	}()
	r.until(t, "the end", func() bool { return r.ended == 1 })
}

// blocking is a Handler that does not return for one node, until released.
type blocking struct {
	*recorder
	systemID string
	blocked  chan struct{} // takes a token when it hangs
	release  chan struct{}
}

func (b blocking) Updated(s *Session, st State) {
	if st.SystemID == b.systemID {
		select {
		case b.blocked <- struct{}{}:
		default:
		}
		<-b.release
	}
	b.recorder.Updated(s, st)
}

// A handler that hangs on one node, and a node that hangs, hold up nobody else; what piles up is told as one.
func TestOneSlowNode(t *testing.T) {
	h := blocking{newRecorder(), "slow", make(chan struct{}, 1), make(chan struct{})}
	l := serve(t, Config{}, h)
	slow := dial(t, l)
	slow.open("slow")
	<-h.blocked // otherwise what comes next could be told before it hangs
	for range 1000 {
		slow.send(updateOf("x"))
		slow.send(updateOf("slow"))
	}
	slow.send(`{"method":"echo","id":1,"params":[]}`)
	if _, id := slow.request(); id != 1 { // so all updates are applied
		t.Fatalf("reply to %d", id)
	}
	fast := dial(t, l)
	began := time.Now()
	fast.open("fast")
	h.sees(t, "the fast node", func(st State) bool { return st.SystemID == "fast" })
	t.Logf("the other node is seen after %v", time.Since(began))
	slow.send(updateOf("last"))
	close(h.release)
	h.sees(t, "the last state of the slow node", func(st State) bool { return st.SystemID == "last" })
	h.until(t, "few calls for 2,003 updates", func() bool { return h.updates < 20 })
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// A thousand connections that say nothing cost little, do not keep a node out, and are closed.
func TestIdleConnections(t *testing.T) {
	const idle = 1000
	n, r := startNode(t), newRecorder()
	l := serve(t, Config{HandshakeTimeout: 4 * time.Second}, r)
	before := heap()
	began := time.Now()
	peers := make([]*peer, idle)
	for i := range peers {
		peers[i] = dial(t, l)
		peers[i].request() // so it is being served
	}
	each := (int64(heap()) - int64(before)) / idle
	t.Logf("%d idle connections in %v, about %d bytes each, with the test's own end", idle, time.Since(began), each)
	if each > 64<<10 {
		t.Errorf("%d bytes for an idle connection", each)
	}
	n.vsctl("add-br", "br-ex")
	began = time.Now()
	n.attach(l.target())
	s, _ := r.until(t, "the node among idle connections", func() bool { return r.updates > 0 })
	ensure(t, s, wanted(), true)
	t.Logf("the node attached in %v", time.Since(began))
	for i, p := range peers {
		if err := p.closed(); err != nil {
			t.Fatalf("idle connection %d: %v", i, err)
		}
	}
	if err := s.Ping(within(t)); err != nil {
		t.Errorf("the node after that: %v", err)
	}
}

// With all places taken, a new connection displaces the one that waits longest, but never a node.
func TestMaxConnections(t *testing.T) {
	const places = 5
	r := newRecorder()
	l := serve(t, Config{MaxConnections: places}, r)
	var peers []*peer
	for range places {
		p := dial(t, l)
		p.request()
		peers = append(peers, p)
	}
	first := dial(t, l)
	first.open("first")
	r.sees(t, "the node", func(st State) bool { return st.SystemID == "first" })
	if err := peers[0].closed(); err != nil {
		t.Errorf("the connection that waited longest: %v", err)
	}
	for i := range places - 1 {
		p := dial(t, l)
		p.open(fmt.Sprint(i))
		r.sees(t, "another node", func(st State) bool { return st.SystemID == fmt.Sprint(i) })
	}
	if err := dial(t, l).closed(); err != nil { // all places have nodes now
		t.Errorf("the connection too many: %v", err)
	}
	r.until(t, "all nodes", func() bool { return r.ended == 0 && len(r.sessions) == places })
}

// Messages being received and databases share one budget, and give it back.
func TestBudget(t *testing.T) {
	r := newRecorder()
	l := serve(t, Config{MaxMemory: 600 << 10}, r)
	greedy := dial(t, l)
	greedy.request()
	greedy.send(`{"method":"` + strings.Repeat("x", 500<<10)) // and nothing more
	await(t, "the half message", func() bool { return l.server.budget.used.Load() > 500<<10 })
	text := strings.Repeat("y", 200<<10)
	refused := func() bool {
		p := dial(t, l)
		p.request()
		_, _ = p.conn.Write([]byte(`{"method":"echo","id":1,"params":["` + text + `"]}`)) // the server may close first
		var echo struct{ Result []string }
		return p.dec.Decode(&echo) != nil
	}
	if !refused() {
		t.Error("an answer while the budget is used")
	}
	greedy.conn.Close()
	await(t, "an answer when it is free", func() bool { return !refused() })

	hoarder := dial(t, l)
	hoarder.open("hoarder")
	r.sees(t, "the hoarder", func(st State) bool { return st.SystemID == "hoarder" })
	for i := range 100 {
		_, err := fmt.Fprintf(hoarder.conn, `{"method":"update2","id":null,"params":[null,{"Interface":{"00000000-0000-4000-8000-%012x":{"insert":{"name":"%s"}}}}]}`,
			i, text[:32<<10])
		if err != nil {
			break
		}
	}
	r.until(t, "the hoarder's end", func() bool { return r.ended == 1 && strings.Contains(r.reason.Error(), errBudget.Error()) })
	await(t, "the budget given back", func() bool { return l.server.budget.used.Load() == 0 })
}

// Serve ends every session before it returns.
func TestShutdown(t *testing.T) {
	r := newRecorder()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- NewServer(Config{}, r).Serve(ctx, listener) }()
	open, opening := dial(t, listener), dial(t, listener)
	open.open("a")
	opening.request()
	s, _ := r.until(t, "the node", func() bool { return r.updates > 0 })
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if r.ended != 1 {
		t.Errorf("%d sessions ended", r.ended)
	}
	if err := s.Ping(within(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("Ping on an ended session: %v", err)
	}
	if _, err := s.Ensure(within(t), wanted()); err == nil {
		t.Error("Ensure on an ended session succeeds")
	}
}
