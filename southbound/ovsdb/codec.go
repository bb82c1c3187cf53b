package ovsdb

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/cenkalti/rpc2"
)

// codec puts rpc2's calls into JSON-RPC 1.0 messages as OVSDB has them (RFC 7047, section 4). It relies on rpc2's
// blocking mode: one request of the peer is answered before the next is read.
type codec struct {
	conn    net.Conn
	frames  framer
	timeout time.Duration // for a message to be sent, or received from its first byte on

	in  message // between ReadHeader and the reading of its body
	err error   // what ended the reading; rpc2 does not tell

	writing sync.Mutex
}

type message struct {
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	ID     json.RawMessage `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

type request struct {
	Method string `json:"method"`
	Params any    `json:"params"`
	ID     uint64 `json:"id"`
}

type reply struct {
	ID     json.RawMessage `json:"id"`
	Result any             `json:"result"`
	Error  any             `json:"error"`
}

var _ rpc2.Codec = (*codec)(nil)

func (c *codec) ReadHeader(req *rpc2.Request, resp *rpc2.Response) error {
	return c.note(c.readHeader(req, resp))
}

func (c *codec) readHeader(req *rpc2.Request, resp *rpc2.Response) error {
	if err := c.conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	if err := c.frames.begin(); err != nil {
		return err
	}
	if err := c.conn.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
		return err
	}
	raw, err := c.frames.message()
	if err != nil {
		return err
	}
	c.in = message{}
	if err := json.Unmarshal(raw, &c.in); err != nil {
		return err
	}
	if c.in.Method != "" {
		req.Method = c.in.Method
		if !isNull(c.in.ID) {
			req.Seq = 1 // any number but 0, which is a notification's
		}
		return nil
	}
	if err := json.Unmarshal(c.in.ID, &resp.Seq); err != nil {
		return fmt.Errorf("a message without a method, and with the id %.64q", c.in.ID)
	}
	if !isNull(c.in.Error) {
		resp.Error = fmt.Sprintf("%.256s", c.in.Error)
	} else if isNull(c.in.Result) {
		resp.Error = "a reply without a result"
	}
	return nil
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || bytes.Equal(raw, []byte("null")) }

func (c *codec) ReadRequestBody(x any) error { return c.readBody(c.in.Params, x) }

func (c *codec) ReadResponseBody(x any) error { return c.readBody(c.in.Result, x) }

func (c *codec) readBody(raw json.RawMessage, x any) error {
	if x == nil {
		return nil
	}
	return c.note(json.Unmarshal(raw, x))
}

func (c *codec) WriteRequest(r *rpc2.Request, params any) error {
	return c.write(request{Method: r.Method, Params: params, ID: r.Seq})
}

func (c *codec) WriteResponse(r *rpc2.Response, result any) error {
	if r.Seq == 0 {
		return nil // rpc2 would answer a notification of an unknown method
	}
	out := reply{ID: c.in.ID, Result: result}
	if r.Error != "" {
		out.Result, out.Error = nil, r.Error
	}
	return c.note(c.write(out))
}

// write sends one message. After an error the stream may have broken off inside it, so the connection is closed.
func (c *codec) write(x any) error {
	raw, err := json.Marshal(x)
	if err != nil {
		return err
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.conn.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return err
	}
	if _, err := c.conn.Write(raw); err != nil {
		return errors.Join(err, c.conn.Close())
	}
	return nil
}

// note keeps the first error of the reading goroutine.
func (c *codec) note(err error) error {
	if c.err == nil {
		c.err = err
	}
	return err
}

func (c *codec) Close() error { return c.conn.Close() }
