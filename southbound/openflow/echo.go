package openflow

import (
	"context"

	of "github.com/netrack/openflow"
)

// encodeEcho encodes an echo request or reply (OpenFlow 1.3.5, 7.5.2 and 7.5.3) by hand, as neither can fail.
// data comes from a message, so it fits one.
func encodeEcho(t of.Type, xid uint32, data []byte) []byte {
	m := append(appendHeader(make([]byte, 0, headerLen+len(data)), t, xid), data...)
	m, _ = endMessage(m, 0)
	return m
}

// Ping sends an echo request and waits for the reply.
func (s *Session) Ping(ctx context.Context) error {
	_, err := s.call(ctx, of.TypeEchoReply, func(xid uint32) ([]byte, error) {
		return encodeEcho(of.TypeEchoRequest, xid, nil), nil
	})
	return err
}
