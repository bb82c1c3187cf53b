package ovsdb

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// peer is a hand-made other end, for what a real ovsdb-server never does.
type peer struct {
	t    testing.TB
	conn net.Conn
	dec  *json.Decoder
}

func dial(t testing.TB, l net.Listener) *peer {
	t.Helper()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &peer{t, conn, json.NewDecoder(conn)}
}

func (p *peer) send(s string) {
	p.t.Helper()
	if _, err := io.WriteString(p.conn, s); err != nil {
		p.t.Fatal(err)
	}
}

// request reads the next message and returns its method and id.
func (p *peer) request() (method string, id uint64) {
	p.t.Helper()
	var m struct {
		Method string
		ID     uint64
	}
	if err := p.dec.Decode(&m); err != nil {
		p.t.Fatal(err)
	}
	return m.Method, m.ID
}

const rootUUID = "00000000-0000-4000-8000-000000000001"

// open answers the monitor_cond request with the smallest database there is.
func (p *peer) open(systemID string) {
	p.t.Helper()
	method, id := p.request()
	if method != "monitor_cond" {
		p.t.Fatalf("the first request is %s", method)
	}
	p.send(fmt.Sprintf(`{"id":%d,"error":null,"result":{"Open_vSwitch":{"%s":{"initial":{"external_ids":["map",[["system-id","%s"]]]}}}}}`,
		id, rootUUID, systemID))
}

// closed waits for the server to close the connection, whatever it sends before.
func (p *peer) closed() error {
	if err := p.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, p.conn)
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		return err
	}
	return nil
}

func updateOf(systemID string) string {
	return fmt.Sprintf(`{"method":"update2","id":null,"params":[null,{"Open_vSwitch":{"%s":{"modify":{"external_ids":["map",[["system-id","%s"]]]}}}}]}`,
		rootUUID, systemID)
}

func nested(n int) string { return `{"method":` + strings.Repeat("[", n) }
