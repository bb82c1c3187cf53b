package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
	"github.com/planck-sdn/planck/northbound/auth"
	"github.com/planck-sdn/planck/tests/postgres"
)

// cluster is the PostgreSQL that the tests of the package share, started by the first one that needs it.
var cluster struct {
	sync.Mutex
	*postgres.Server
}

func TestMain(m *testing.M) {
	if address := os.Getenv(idleClientsEnvironment); address != "" {
		os.Exit(idleClients(address))
	}
	code := m.Run()
	if cluster.Server != nil {
		if err := cluster.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping the private PostgreSQL:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// postgresURL is that of a new database.
func postgresURL(t testing.TB) string {
	t.Helper()
	cluster.Lock()
	defer cluster.Unlock()
	if cluster.Server == nil {
		server, err := postgres.Start("fsync=off", "max_connections=100")
		if err != nil {
			t.Fatal(err)
		}
		cluster.Server = server
	}
	url, err := cluster.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// newServerOn is the API over the database at url.
func newServerOn(t testing.TB, url string) *server {
	t.Helper()
	st, err := store.Open(context.Background(), url, store.Options{Source: model.SystemSource(), Quotas: unlimited})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return &server{t: t, handler: New(st, auth.NewNone(), Options{}), store: st, backend: newBackend(st, Options{}), database: url}
}

// onBoth runs a test over an empty database of each kind.
func onBoth(t *testing.T, test func(t *testing.T, s *server)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, newServer(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, newServerOn(t, postgresURL(t))) })
}

// middleman stands between the store and PostgreSQL. It counts the statements that are executed, and loses connections when told
// (PostgreSQL 15, 55.7 "Message Formats": Execute and Query).
type middleman struct {
	statements atomic.Int64
	lose       atomic.Pointer[loss] // the connection that commits next what is named there; nil: none
	url        string               // of the database through it
}

// loss says how to lose a connection, and by what text in its transaction it is known: the store's housekeeping commits too.
type loss struct {
	how  int
	text string
}

const (
	loseNone = iota
	loseBeforeCommit
	loseAfterCommit // and before its answer
)

func newMiddleman(t testing.TB, database string) *middleman {
	t.Helper()
	to, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	through := *to
	through.Host = listener.Addr().String()
	m := &middleman{url: through.String()}
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Go(func() { m.pass(client, to.Host) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		connections.Wait()
	})
	return m
}

func (m *middleman) pass(client net.Conn, address string) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	var unanswered atomic.Bool // what the server says next is lost, and the connection with it
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer client.Close()
		for b := make([]byte, 1<<16); ; {
			n, err := server.Read(b)
			if err != nil || unanswered.Load() {
				return
			}
			if _, err := client.Write(b[:n]); err != nil {
				return
			}
		}
	}()
	from := bufio.NewReader(client)
	named := false           // what is to be lost, in the present transaction
	for kind := byte(0); ; { // the first message has no type
		head := make([]byte, 4, 5)
		if _, err := io.ReadFull(from, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head)-4)
		if _, err := io.ReadFull(from, body); err != nil {
			return
		}
		lose := loseNone
		want := m.lose.Load()
		named = named || want != nil && bytes.Contains(body, []byte(want.text))
		switch {
		case kind == 'Q' && strings.EqualFold(string(body), "commit\x00"):
			if named && want != nil {
				lose = want.how
				m.lose.Store(nil)
			}
			named = false
			fallthrough
		case kind == 'Q', kind == 'E':
			m.statements.Add(1)
		}
		if lose == loseBeforeCommit {
			return
		}
		if lose == loseAfterCommit { // and done: a client that sees its connection die has the server cancel what it is at
			unanswered.Store(true)
		}
		message := append(head, body...)
		if kind != 0 {
			message = append([]byte{kind}, message...)
		}
		if _, err := server.Write(message); err != nil {
			return
		}
		if lose == loseAfterCommit {
			<-ended
			return
		}
		if kind, err = from.ReadByte(); err != nil {
			return
		}
	}
}
