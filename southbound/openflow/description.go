package openflow

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/netrack/openflow/ofp"
)

// Description is how a switch describes itself (OpenFlow 1.3.5, 7.3.5.1).
type Description struct {
	Manufacturer string
	Hardware     string
	Software     string
	SerialNumber string
	Datapath     string
}

// Description asks the switch what it is.
func (s *Session) Description(ctx context.Context) (d Description, err error) {
	err = s.query(ctx, ofp.MultipartTypeDescription, nil, func(b []byte) (err error) {
		d, err = parseDescription(b)
		return err
	})
	return d, err
}

func parseDescription(b []byte) (d Description, err error) {
	const long, short = 256, 32
	if len(b) != 4*long+short {
		return d, fmt.Errorf("description of %d octets", len(b))
	}
	for _, part := range []struct {
		to     *string
		length int
	}{{&d.Manufacturer, long}, {&d.Hardware, long}, {&d.Software, long}, {&d.SerialNumber, short}, {&d.Datapath, long}} {
		*part.to, b = text(b[:part.length]), b[part.length:]
	}
	return d, nil
}

// text is a string of fixed length on the wire, without the zeros at its end. Nothing says in which encoding it is.
func text(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return strings.ToValidUTF8(string(b), "\ufffd")
}
