package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// client sends prepared requests over one connection that stays open, and reads of an answer no more than it must, so
// that it takes little of the processors that it shares with planckd.
type client struct {
	conn   net.Conn
	reader *bufio.Reader
	body   []byte
}

// clients connects to planckd. The returned function closes the connections.
func (b *testbed) clients(ctx context.Context, count int) ([]*client, func(), error) {
	list := make([]*client, 0, count)
	closeAll := func() {
		for _, c := range list {
			_ = c.conn.Close()
		}
	}
	for range count {
		conn, err := b.Lab.DialController(ctx, "tcp", b.API)
		if err != nil {
			closeAll()
			return nil, nil, err
		}
		list = append(list, &client{conn: conn, reader: bufio.NewReaderSize(conn, 64<<10)})
	}
	return list, closeAll, nil
}

// request is the bytes of a request. header is complete lines, each with its end.
func (b *testbed) request(method, path, header, body string) []byte {
	return fmt.Appendf(nil, "%s %s HTTP/1.1\r\nHost: %s\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		method, path, b.API, header, len(body), body)
}

const answerLimit = 30 * time.Second

// do sends a request and returns the answer's body, which is good until the next call. Any status but 2xx is an error.
func (c *client) do(request []byte) ([]byte, error) {
	if err := c.conn.SetDeadline(time.Now().Add(answerLimit)); err != nil {
		return nil, err
	}
	if _, err := c.conn.Write(request); err != nil {
		return nil, err
	}
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	if len(line) < len("HTTP/1.1 200") {
		return nil, fmt.Errorf("not an answer of HTTP: %q", line)
	}
	status := string(line[9:12])
	length := 0
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		if len(line) <= 2 {
			break
		}
		if name, value, _ := bytes.Cut(line, []byte(": ")); bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return nil, err
			}
		} else if bytes.EqualFold(name, []byte("Transfer-Encoding")) {
			return nil, errors.New("an answer in chunks is not understood")
		}
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	if _, err := io.ReadFull(c.reader, c.body); err != nil {
		return nil, err
	}
	if status[0] != '2' {
		return nil, fmt.Errorf("status %s: %s", status, c.body)
	}
	return c.body, nil
}

// share has the clients send n requests between them, as fast as they are answered, and returns how long each took and all of
// them together. answered gets the bodies; it may be nil.
func share(clients []*client, n int, request func(i int) []byte, answered func(i int, body []byte) error) ([]time.Duration, time.Duration, error) {
	took, errs := make([]time.Duration, n), make([]error, len(clients))
	var group sync.WaitGroup
	began := time.Now()
	for k, c := range clients {
		group.Go(func() {
			for i := k; i < n && errs[k] == nil; i += len(clients) {
				text := request(i)
				start := time.Now()
				body, err := c.do(text)
				took[i] = time.Since(start)
				if err == nil && answered != nil {
					err = answered(i, body)
				}
				errs[k] = err
			}
		})
	}
	group.Wait()
	return took, time.Since(began), errors.Join(errs...)
}
