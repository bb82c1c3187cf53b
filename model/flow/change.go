package flow

// Op is what a Change does.
type Op uint8

// Operations.
const (
	// OpAdd adds, and overwrites a flow entry of the same table, priority and match (resetting its counters and
	// duration).
	OpAdd Op = iota + 1
	// OpModify changes the instructions of the one flow entry of the same table, priority and match, and keeps its
	// cookie, counters and duration (MODIFY_STRICT); for groups and meters it replaces buckets or bands.
	OpModify
	// OpDelete removes exactly one flow entry (DELETE_STRICT), group or meter.
	OpDelete
)

// Change is one message to a switch. Exactly one of Flow, Group, Meter and Zone is set (Flow not empty, Group and Meter not nil).
type Change struct {
	Op    Op
	Flow  Encoded
	Group *Group
	Meter *Meter
	// Zone is a conntrack zone that forgets all its connections (OpDelete). Like a meter it cannot be part of a bundle, and
	// takes effect before the bundle.
	Zone uint16
}

// Refusal is a Change that the switch refused, and why.
type Refusal struct {
	Index  int    // into the list that was sent
	Reason string // the OpenFlow error in words, with type and code
}

// Tables is all that a switch holds, or should.
type Tables struct {
	Flows  []Encoded
	Groups []Group
	Meters []Meter
}

// PacketIn is a packet that a switch sent up (OpenFlow 1.3.5, 7.4.1).
type PacketIn struct {
	Cookie   Cookie
	Table    uint8
	Reason   uint8
	InPort   uint32
	Metadata uint64
	TunnelID uint64
	Reg      [3]uint32 // Reg0 to Reg2
	Data     []byte    // whole frame, Ethernet header first
}

// PacketOut is a packet to send (OpenFlow 1.3.5, 7.3.7).
type PacketOut struct {
	InPort  uint32 // PortController unless Actions need a real one
	Actions []Action
	Data    []byte
}
