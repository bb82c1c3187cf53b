package openflow

import (
	"encoding/binary"
	"errors"
	"fmt"

	of "github.com/netrack/openflow"
	"github.com/netrack/openflow/ofp"

	"github.com/planck-sdn/planck/model/flow"
)

const bucketHeaderLen = 16

// appendGroupMod appends a group-mod (OpenFlow 1.3.5, 7.3.4.2).
func appendGroupMod(b []byte, xid uint32, op flow.Op, g *flow.Group) ([]byte, error) {
	var command ofp.GroupCommand
	switch op {
	case flow.OpAdd:
		command = ofp.GroupAdd
	case flow.OpModify:
		command = ofp.GroupModify
	case flow.OpDelete:
		command = ofp.GroupDelete
	default:
		return b, fmt.Errorf("unknown operation %d", op)
	}
	start := len(b)
	b = appendHeader(b, of.TypeGroupMod, xid)
	b = binary.BigEndian.AppendUint16(b, uint16(command))
	b = append(b, byte(ofp.GroupTypeAll), 0)
	b = binary.BigEndian.AppendUint32(b, g.ID)
	if op == flow.OpDelete {
		return endMessage(b, start)
	}
	for _, actions := range g.Buckets {
		bucket := len(b)
		b = append(b, 0, 0, 0, 0) // length; weight 0, as only groups of type select have weights
		b = binary.BigEndian.AppendUint32(b, uint32(ofp.PortAny))
		b = binary.BigEndian.AppendUint32(b, uint32(ofp.GroupAny))
		b = append(b, 0, 0, 0, 0)
		with, err := appendActions(b, actions)
		if err != nil {
			return b[:start], err
		}
		if b = with; len(b)-bucket > maxMessage {
			return b[:start], fmt.Errorf("bucket of %d octets", len(b)-bucket)
		}
		binary.BigEndian.PutUint16(b[bucket:], uint16(len(b)-bucket))
	}
	return endMessage(b, start)
}

// parseGroups appends the groups in a body of a group description reply (OpenFlow 1.3.5, 7.3.5.7). A group of
// another type than all comes back with one bucket of one flow.Opaque.
func parseGroups(dst []flow.Group, b []byte) ([]flow.Group, error) {
	for len(b) > 0 {
		if len(b) < 8 {
			return nil, errors.New("group description cut short")
		}
		n := int(binary.BigEndian.Uint16(b))
		if n < 8 || n > len(b) {
			return nil, fmt.Errorf("group description of %d octets in %d", n, len(b))
		}
		g := flow.Group{ID: binary.BigEndian.Uint32(b[4:])}
		if ofp.GroupType(b[2]) == ofp.GroupTypeAll {
			var err error
			if g.Buckets, err = parseBuckets(b[8:n]); err != nil {
				return nil, fmt.Errorf("group %d: %w", g.ID, err)
			}
		} else {
			g.Buckets = [][]flow.Action{{flow.Opaque{Wire: string(b[:n])}}}
		}
		dst, b = append(dst, g), b[n:]
	}
	return dst, nil
}

// parseBuckets reads the buckets that fill b. Weight and watched port say nothing in groups of type all.
func parseBuckets(b []byte) ([][]flow.Action, error) {
	var buckets [][]flow.Action
	for len(b) > 0 {
		if len(b) < bucketHeaderLen {
			return nil, errors.New("bucket cut short")
		}
		n := int(binary.BigEndian.Uint16(b))
		if n < bucketHeaderLen || n > len(b) {
			return nil, fmt.Errorf("bucket of %d octets in %d", n, len(b))
		}
		actions, err := parseActions(nil, b[bucketHeaderLen:n])
		if err != nil {
			return nil, err
		}
		buckets, b = append(buckets, actions), b[n:]
	}
	return buckets, nil
}
