package pipeline

import (
	"encoding/binary"
	"slices"
)

const (
	addressesLen = 12 // of an Ethernet header
	tagLen       = 4  // IEEE Std 802.1Q, 9.3
)

// VLANOf is the VLAN id of a frame's outermost tag; 0: it has none.
func VLANOf(frame []byte) uint32 {
	if !isTagged(frame) {
		return 0
	}
	return uint32(binary.BigEndian.Uint16(frame[addressesLen+2:])) & 0xfff
}

// WithTag is a frame with a tag of a VLAN id; 0: as it is.
func WithTag(frame []byte, vid uint32) []byte {
	if vid == 0 {
		return frame
	}
	return slices.Concat(frame[:addressesLen], []byte{EthTypeVLAN >> 8, EthTypeVLAN & 0xff, byte(vid >> 8), byte(vid)}, frame[addressesLen:])
}

// WithoutTag is a frame without its outermost tag, if it has one.
func WithoutTag(frame []byte) []byte {
	if !isTagged(frame) {
		return frame
	}
	return slices.Concat(frame[:addressesLen], frame[addressesLen+tagLen:])
}

func isTagged(frame []byte) bool {
	return len(frame) >= addressesLen+tagLen && binary.BigEndian.Uint16(frame[addressesLen:]) == EthTypeVLAN
}
