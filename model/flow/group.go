package flow

import "encoding/binary"

// Group is a group of type all (OpenFlow 1.3.5, 5.6.1): each bucket gets a copy of the packet.
//
// A bucket is an action set (5.10), not a list: whatever their order, tags are popped and pushed first, then the TTL is
// decremented, then fields are set in the order written; and of all its groups, outputs and resubmits only one
// is done, in this order of preference, the last of its kind. So one bucket is one copy.
type Group struct {
	ID      uint32
	Buckets [][]Action
}

// Meter drops packets above a rate (one band of type drop). Meters are equal when they are ==.
type Meter struct {
	ID    uint32
	Rate  uint32 // packets per second
	Burst uint32 // packets
}

// Canonical is a string that is equal for equal groups, in the sense of Encode. Buckets keep their order: it is the
// order in which copies leave.
func (g Group) Canonical() string {
	var buf [512]byte
	dst := binary.BigEndian.AppendUint32(buf[:0], g.ID)
	for _, bucket := range g.Buckets {
		length := len(dst)
		dst = append(dst, 0, 0, 0, 0)
		dst = appendActions(dst, bucket)
		binary.BigEndian.PutUint32(dst[length:], uint32(len(dst)-length-4))
	}
	return string(dst)
}

// Equal tells whether two groups are equal in the sense of Encode.
func (g Group) Equal(other Group) bool { return g.ID == other.ID && g.Canonical() == other.Canonical() }
