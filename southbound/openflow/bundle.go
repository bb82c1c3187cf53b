package openflow

import (
	"encoding/binary"
	"errors"

	of "github.com/netrack/openflow"
)

// ONF EXT-230, bundles for OpenFlow 1.3.
const (
	bundleControlType = 2300
	bundleAddType     = 2301
)

// Types of a bundle control message.
const (
	bundleOpen    = 0
	bundleCommit  = 4
	bundleDiscard = 6
)

const bundleFlags = 1<<0 | 1<<1 // atomic, ordered

func appendBundleHeader(b []byte, xid uint32, expType, id uint32) []byte {
	b = appendHeader(b, of.TypeExperiment, xid)
	b = binary.BigEndian.AppendUint32(b, experimenterONF)
	b = binary.BigEndian.AppendUint32(b, expType)
	return binary.BigEndian.AppendUint32(b, id)
}

// bundleControl encodes a bundle control message.
func bundleControl(xid, id uint32, control uint16) []byte {
	b := appendBundleHeader(nil, xid, bundleControlType, id)
	b = binary.BigEndian.AppendUint16(b, control)
	b = binary.BigEndian.AppendUint16(b, bundleFlags)
	b, _ = endMessage(b, 0) // 24 octets
	return b
}

// appendBundleAdd appends an add to the bundle. encode appends the message to be added, which has the same xid as
// the add around it (EXT-230).
func appendBundleAdd(b []byte, xid, id uint32, encode func([]byte) ([]byte, error)) ([]byte, error) {
	start := len(b)
	b = appendBundleHeader(b, xid, bundleAddType, id)
	b = append(b, 0, 0, 0, bundleFlags)
	b, err := encode(b)
	if err != nil {
		return b[:start], err
	}
	return endMessage(b, start)
}

// parseBundleReply checks that b, the body of an experimenter message, is a bundle control reply to a request.
func parseBundleReply(b []byte, id uint32, control uint16) error {
	if len(b) < 16 || binary.BigEndian.Uint32(b) != experimenterONF || binary.BigEndian.Uint32(b[4:]) != bundleControlType {
		return errors.New("not a bundle control reply")
	}
	if binary.BigEndian.Uint32(b[8:]) != id || binary.BigEndian.Uint16(b[12:]) != control+1 {
		return errors.New("reply to another bundle control message")
	}
	return nil
}
