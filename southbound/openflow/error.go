package openflow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/netrack/openflow/ofp"
)

// Error is an error that a switch sent (OpenFlow 1.3.5, 7.4.4).
type Error struct {
	XID          uint32
	Type         uint16
	Code         uint16 // for type 0xffff: the experimenter's own type
	Experimenter uint32 // for type 0xffff
	Data         []byte // of the message that caused it, at least its first 64 octets
}

// Errors of switches that callers tell apart with errors.Is.
var (
	// ErrStaleGeneration: another controller has become master with a higher generation.
	ErrStaleGeneration = errors.New("generation id is stale")
	// ErrNoBundles: the switch does not have ONF's bundles.
	ErrNoBundles = errors.New("switch has no bundles")
	// ErrUnsupported: the switch does not know what a multipart request asks for.
	ErrUnsupported = errors.New("switch does not know the request")
)

const (
	experimenterError = uint16(ofp.ErrTypeExperimenter)
	experimenterONF   = 0x4f4e4600
)

// onfErrors names the errors of ONF EXT-230, and Open vSwitch's use of them.
var onfErrors = map[uint16]string{
	2300: "BundleUnknown", 2301: "BundlePerm", 2302: "BadBundleID", 2303: "BundleExists", 2304: "BundleClosed",
	2305: "OutOfBundles", 2306: "BadBundleType", 2307: "BadBundleFlags", 2308: "BadBundleMessageLength",
	2309: "BadBundleMessageXID", 2310: "UnsupportedBundleMessage", 2311: "BundleMessageConflict",
	2312: "TooManyBundleMessages", 2313: "BundleMessageFailed", 2314: "BundleTimeout", 2315: "BundleInProgress",
}

// Error is the error's name with its type and code.
func (e Error) Error() string {
	if e.Type == experimenterError {
		name := "experimenter error"
		if n, ok := onfErrors[e.Code]; ok && e.Experimenter == experimenterONF {
			name = n
		}
		return fmt.Sprintf("%s (experimenter %#08x, type %d)", name, e.Experimenter, e.Code)
	}
	name := ofp.Error{Type: ofp.ErrType(e.Type), Code: ofp.ErrCode(e.Code)}.String()
	return fmt.Sprintf("%s (type %d, code %d)", strings.TrimPrefix(name, "ErrCode"), e.Type, e.Code)
}

// Is makes errors.Is find the errors that callers tell apart.
func (e Error) Is(target error) bool {
	switch target {
	case ErrStaleGeneration:
		return e.is(ofp.ErrTypeRoleRequestFailed, ofp.ErrCodeRoleRequestFailedStale)
	case ErrNoBundles:
		return e.is(ofp.ErrTypeBadRequest, ofp.ErrCodeBadRequestBadExperimenter) ||
			e.is(ofp.ErrTypeBadRequest, ofp.ErrCodeBadRequestBadExpType)
	case ErrUnsupported:
		return e.is(ofp.ErrTypeBadRequest, ofp.ErrCodeBadRequestBadMultipart)
	}
	return false
}

func (e Error) is(t ofp.ErrType, c ofp.ErrCode) bool {
	return e.Type == uint16(t) && e.Code == uint16(c)
}

func parseError(xid uint32, b []byte) (Error, error) {
	if len(b) < 4 {
		return Error{}, errors.New("error message cut short")
	}
	e := Error{XID: xid, Type: binary.BigEndian.Uint16(b), Code: binary.BigEndian.Uint16(b[2:]), Data: b[4:]}
	if e.Type == experimenterError {
		if len(b) < 8 {
			return Error{}, errors.New("experimenter error cut short")
		}
		e.Experimenter, e.Data = binary.BigEndian.Uint32(b[4:]), b[8:]
	}
	return e, nil
}
