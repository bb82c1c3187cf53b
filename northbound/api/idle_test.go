package api

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
)

const (
	idleClientsEnvironment = "PLANCK_TEST_IDLE_CLIENTS" // address of the server
	idleConnections        = 10_000
	maxIdleMemory          = 24 << 10 // bytes a connection
)

// idleClients opens connections, sends a request over each, says that it is ready, and stays until its input ends. It is a process of
// its own, so that its memory is not the server's.
func idleClients(address string) int {
	var open []net.Conn
	for range idleConnections {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		}
		if err == nil {
			var answer *http.Response
			if answer, err = http.ReadResponse(bufio.NewReader(c), nil); err == nil && answer.StatusCode != http.StatusOK {
				err = fmt.Errorf("answered %s", answer.Status)
			}
		}
		if err != nil {
			fmt.Println(len(open), "connections:", err)
			return 1
		}
		open = append(open, c)
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	for _, c := range open {
		_ = c.Close()
	}
	return 0
}

// Ten thousand requesters that hold their connections and ask for nothing cost little, and nobody else notices them.
func TestIdleConnections(t *testing.T) {
	s := newServer(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := NewHTTPServer(s.handler)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	defer func() {
		_ = server.Close()
		<-done
	}()
	before := memoryInUse()

	clients := exec.Command(os.Args[0])
	clients.Env = append(os.Environ(), idleClientsEnvironment+"="+listener.Addr().String())
	stay, err := clients.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := clients.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := clients.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = stay.Close()
		_ = clients.Wait()
	}()
	if line, err := bufio.NewReader(said).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the clients say %q, %v", line, err)
	}
	each := (memoryInUse() - before) / idleConnections
	t.Logf("%d bytes for each idle connection", each)
	if each > maxIdleMemory {
		t.Errorf("an idle connection takes %d bytes", each)
	}
	client := http.Client{Timeout: 5 * time.Second}
	for range 100 {
		answer, err := client.Get("http://" + listener.Addr().String() + "/v2.0/networks")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Fatal(answer.Status)
		}
	}
}

// memoryInUse is that of heap and stacks after a collection, in bytes.
func memoryInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
