package openflow

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	of "github.com/netrack/openflow"
)

const (
	version    = 4 // OpenFlow 1.3
	headerLen  = 8
	maxMessage = 0xffff
)

// appendHeader starts a message, whose length endMessage fills in.
func appendHeader(b []byte, t of.Type, xid uint32) []byte {
	return binary.BigEndian.AppendUint32(append(b, version, byte(t), 0, 0), xid)
}

// endMessage writes the length of the message that starts at start. If it is too long for its length field, it is
// taken off again.
func endMessage(b []byte, start int) ([]byte, error) {
	n := len(b) - start
	if n > maxMessage {
		return b[:start], fmt.Errorf("message of %d octets, more than the %d that OpenFlow can carry", n, maxMessage)
	}
	binary.BigEndian.PutUint16(b[start+2:], uint16(n))
	return b, nil
}

// message encodes one of netrack's messages.
func message(t of.Type, xid uint32, body io.WriterTo) ([]byte, error) {
	r := of.NewRequest(t, body)
	r.Header.Transaction = xid
	var b bytes.Buffer
	_, err := r.WriteTo(&b)
	return b.Bytes(), err
}

// payload is what follows the header of a message that was received.
func payload(r *of.Request) []byte {
	if b, ok := r.Body.(*bytes.Buffer); ok {
		return b.Bytes()
	}
	return nil
}
