package api

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// listen serves the API on loopback with the limits of NewHTTPServer, but with less patience.
func listen(t testing.TB, handler http.Handler) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := NewHTTPServer(handler)
	if server.ReadHeaderTimeout == 0 || server.ReadTimeout == 0 || server.WriteTimeout == 0 || server.IdleTimeout == 0 {
		t.Error("a requester may take for ever")
	}
	server.ReadHeaderTimeout, server.ReadTimeout = 200*time.Millisecond, 400*time.Millisecond
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-done; err != http.ErrServerClosed {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

func TestWhatARequesterCanHoldOnTo(t *testing.T) {
	s := newServer(t)
	address := listen(t, s.handler)
	const post = "POST /v2.0/networks HTTP/1.1\r\nHost: localhost\r\nX-Project-Id: red\r\n"
	tests := []struct{ name, sent, status string }{
		{"a long header", "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 80<<10) + "\r\n\r\n", "431"},
		{"a header that does not end", "GET / HTTP/1.1\r\nHost: localhost\r\n", ""},
		{"a body that does not end", post + "Content-Length: 100\r\n\r\n{", "400"},
		{"a long body", post + "Transfer-Encoding: chunked\r\n\r\n200000\r\n" + strings.Repeat(" ", 0x200000) + "\r\n0\r\n\r\n", "413"},
		{"two lengths", post + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "400"},
		{"a long query", "GET /v2.0/ports?" + strings.Repeat("id=x&", 16<<10) + " HTTP/1.1\r\nHost: localhost\r\n\r\n", "431"},
		{"no HTTP", "hello\r\n\r\n", "400"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(c, tt.sent) // the server may stop reading
			answer, err := http.ReadResponse(bufio.NewReader(c), nil)
			switch {
			case err != nil && tt.status != "":
				t.Fatal(err)
			case err == nil && tt.status == "":
				t.Fatalf("answered %s", answer.Status)
			case err == nil && !strings.HasPrefix(answer.Status, tt.status):
				t.Fatalf("answered %s", answer.Status)
			}
		})
	}
	for name, sent := range map[string]string{
		"a header that trickles": strings.ReplaceAll(post, "red", strings.Repeat("red", 2000)),
		"a body that trickles":   post + "Content-Length: 4000\r\n\r\n" + strings.Repeat(" ", 3980) + `{"network":{}}      `,
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			answered := make(chan struct{})
			go func() {
				_, _ = io.Copy(io.Discard, c) // until the server closes the connection
				close(answered)
			}()
			every := time.NewTicker(2 * time.Millisecond)
			defer every.Stop()
			for i := range len(sent) {
				select {
				case <-answered:
					return
				case <-every.C:
				}
				if _, err := c.Write([]byte{sent[i]}); err != nil {
					return
				}
			}
			t.Error("the server waited for all of it")
		})
	}
	if s.count("networks") != 0 {
		t.Error("one of them made a network")
	}
	answer, err := http.Get("http://" + address + "/")
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("others are answered %v, %v", answer, err)
	}
	_ = answer.Body.Close()
}
