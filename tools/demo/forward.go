package main

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
)

// apiAddress is where planckd's API is by default.
const apiAddress = "127.0.0.1:9696"

// listenAPI listens where users look for the API, or elsewhere on loopback if that is taken.
func listenAPI() (l net.Listener, taken bool, err error) {
	l, err = net.Listen("tcp", apiAddress)
	if errors.Is(err, syscall.EADDRINUSE) {
		l, err = net.Listen("tcp", "127.0.0.1:0")
		return l, true, err
	}
	return l, false, err
}

// forward passes each connection on to where dial leads, until the listener is closed.
func forward(l net.Listener, dial func() (net.Conn, error)) {
	for {
		near, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer near.Close()
			far, err := dial()
			if err != nil {
				return // the user sees the connection end; planckd may be down
			}
			defer far.Close()
			var both sync.WaitGroup
			both.Go(func() { pass(far, near) })
			both.Go(func() { pass(near, far) })
			both.Wait()
		}()
	}
}

// pass copies one direction to its end. An error of the one is the other's end.
func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	if t, ok := to.(*net.TCPConn); ok {
		_ = t.CloseWrite()
	}
}

// forwardAPI makes the API, which is in the lab's controller namespace, reachable from the host at the same address.
func (s *story) forwardAPI(l net.Listener) {
	address := l.Addr().String()
	s.lab.OnClose(func() { _ = l.Close() })
	go forward(l, func() (net.Conn, error) { return s.lab.DialController(context.Background(), "tcp", address) })
}
