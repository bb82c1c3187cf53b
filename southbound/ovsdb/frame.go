package ovsdb

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

const (
	maxDepth = 32        // of arrays and objects; OVSDB nests about ten deep
	freeSize = 64 * 1024 // bytes that a message may take without asking the budget, and that a buffer keeps
)

// framer cuts the peer's bytes into JSON objects, which follow each other without any separator but white space.
type framer struct {
	r     *bufio.Reader
	max   int // bytes of a message
	share share
	buf   []byte
}

// begin waits for the first byte of the next message. Anything but an object is refused at its first byte.
func (f *framer) begin() error {
	f.buf = f.buf[:0]
	if cap(f.buf) > freeSize {
		f.buf = nil
	}
	if err := f.share.resize(0); err != nil {
		return err
	}
	for {
		c, err := f.r.ReadByte()
		switch {
		case err != nil:
			return err
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
		case c == '{':
			return f.r.UnreadByte()
		default:
			return fmt.Errorf("byte %#02x where a message should begin", c)
		}
	}
}

// message reads the message that begin found. It is valid until the next begin.
func (f *framer) message() ([]byte, error) {
	depth := 0
	inString, escaped := false, false
	for {
		if _, err := f.r.Peek(1); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		chunk, _ := f.r.Peek(f.r.Buffered())
		for i, c := range chunk {
			switch {
			case escaped:
				escaped = false
			case inString:
				escaped, inString = c == '\\', c != '"'
			case c == '"':
				inString = true
			case c == '{' || c == '[':
				if depth++; depth > maxDepth {
					return nil, fmt.Errorf("a message nested deeper than %d", maxDepth)
				}
			case c == '}' || c == ']':
				if depth--; depth == 0 {
					err := f.take(chunk[:i+1])
					return f.buf, err
				}
			}
		}
		if err := f.take(chunk); err != nil {
			return nil, err
		}
	}
}

func (f *framer) take(chunk []byte) error {
	n := len(f.buf) + len(chunk)
	if n > f.max {
		return fmt.Errorf("a message longer than %d bytes", f.max)
	}
	if n > freeSize {
		if err := f.share.resize(n); err != nil {
			return err
		}
	}
	f.buf = append(f.buf, chunk...)
	_, err := f.r.Discard(len(chunk))
	return err
}
