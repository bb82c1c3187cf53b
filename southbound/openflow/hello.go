package openflow

import (
	"encoding/binary"
	"fmt"

	"github.com/netrack/openflow/ofp"
)

// hello is what we say first: OpenFlow 1.3 and nothing else.
func hello() *ofp.Hello {
	return &ofp.Hello{Elements: ofp.HelloElems{&ofp.HelloElemVersionBitmap{Bitmaps: []uint32{1 << version}}}}
}

// negotiate reads a peer's hello (OpenFlow 1.3.5, 6.3.1 and 7.5.1): with a bitmap the bit of 1.3 decides, without
// one both sides use the lower of their versions. It returns why 1.3 is not to be had, or nil.
func negotiate(peer uint8, body []byte) error {
	for len(body) >= 4 {
		t, n := binary.BigEndian.Uint16(body), int(binary.BigEndian.Uint16(body[2:]))
		if n < 4 || n > len(body) {
			return fmt.Errorf("hello element of %d octets in %d", n, len(body))
		}
		if t == uint16(ofp.HelloElemTypeVersionBitmap) && n >= 8 {
			if bitmap := binary.BigEndian.Uint32(body[4:]); bitmap&(1<<version) == 0 {
				return fmt.Errorf("peer speaks versions %#x (bitmap), not OpenFlow 1.3", bitmap)
			}
			return nil
		}
		body = body[min((n+7)&^7, len(body)):]
	}
	if peer < version {
		return fmt.Errorf("peer speaks at most version %#02x, not OpenFlow 1.3", peer)
	}
	return nil
}
