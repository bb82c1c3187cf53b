package flow

// Match is what a packet must have: a list sorted by Field, each field at most once. An empty match matches all.
// Prerequisites (OpenFlow 1.3.5, 7.2.3.6) are written out: whoever matches nw_src also matches dl_type.
type Match []FieldMatch

// FieldMatch matches the bits of one field that are set in Mask. Value has no bit outside Mask, and Mask is not
// zero. Values are right-aligned numbers, the first octet on the wire most significant. (Fields wider than 64 bits come with IPv6.)
type FieldMatch struct {
	Field Field
	Value uint64
	Mask  uint64
}

// Exact matches all bits of f.
func Exact(f Field, v uint64) FieldMatch { return FieldMatch{f, v, f.AllOnes()} }

// Masked matches the bits of f in mask; bits of v outside it are dropped.
func Masked(f Field, v, mask uint64) FieldMatch { return FieldMatch{f, v & mask, mask} }

// Entry is a flow entry (OpenFlow 1.3.5, 5.2). Timeouts do not exist in Planck's entries but for the one that
// DESIGN permits; flags are those of 7.3.4.1.
type Entry struct {
	Table       uint8
	Priority    uint16
	Cookie      Cookie
	Match       Match
	HardTimeout uint16 // seconds; 0: none
	IdleTimeout uint16 // seconds; 0: none, as always for Planck's own
	Flags       uint16 // FlagSendFlowRemoved and so on

	// Instructions, in the order in which OpenFlow executes them (5.9). All empty: drop.
	Meter         uint32   // 0: none
	Apply         []Action // apply-actions
	WriteMetadata uint64
	MetadataMask  uint64 // 0: no write-metadata
	Goto          uint8
	HasGoto       bool
}

// FlagSendFlowRemoved asks for a FLOW_REMOVED message (OFPFF_SEND_FLOW_REM).
const FlagSendFlowRemoved uint16 = 1

// Reserved ports (OpenFlow 1.3.5, 4.5) and the absence of a port or group in a request.
const (
	PortInPort     uint32 = 0xfffffff8
	PortTable      uint32 = 0xfffffff9 // of packet-outs only: through the tables, from the first on
	PortController uint32 = 0xfffffffd
	PortLocal      uint32 = 0xfffffffe
	PortAny        uint32 = 0xffffffff
)
