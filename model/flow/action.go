package flow

// Action is one element of an apply-actions list or of a bucket. The types below are all there are.
type Action interface{ isAction() }

// Output sends to a port: a number, or one of the reserved ports. For PortController, MaxLen is how many bytes of
// the packet go up (0xffff: all, unbuffered); otherwise MaxLen is 0.
type Output struct {
	Port   uint32
	MaxLen uint16
}

// ToGroup hands the packet to a group.
type ToGroup struct{ ID uint32 }

// SetField writes the bits in Mask of a field. All bits: OpenFlow's set-field; some bits: Nicira's reg_load, as
// OpenFlow 1.3 has no masked set-field.
type SetField struct {
	Field Field
	Value uint64
	Mask  uint64
}

// Move copies Bits bits between fields, from bit 0 of each (Nicira's reg_move).
type Move struct {
	From, To Field
	Bits     int
}

// PushVLAN adds a tag of ethertype 0x8100; the VLAN id is set by a SetField of VLANVID after it.
type PushVLAN struct{}

// PopVLAN removes the outermost tag.
type PopVLAN struct{}

// DecTTL is OpenFlow's dec_nw_ttl.
type DecTTL struct{}

// Resubmit looks the packet up in Table, and then goes on with the next action (Nicira's resubmit with the
// packet's own in_port).
type Resubmit struct{ Table uint8 }

// Punt sends to the controller with a meter of its own (Nicira's controller action with meter_id), so that the packet can go on
// although its copy was not let up.
type Punt struct {
	MaxLen uint16
	Meter  uint32
}

// Conntrack is Nicira's ct: the packet is tracked in Zone, translated as NAT says, and goes on in table Next with what
// conntrack made of it. The rest of the list, and all tables after it, have the packet as it was before, but untracked: without CTState
// and original tuple, even if it had them. In a bucket it is the last choice of all that are final.
type Conntrack struct {
	Zone     uint16
	ZoneFrom Field // not 0: the zone is bits 0 to 15 of this field, and Zone is 0
	Commit   bool  // a new connection becomes known; without it only packets of known ones are translated
	NAT      NAT
	Addr     uint32 // IPv4 address of NATSource
	Next     uint8  // NoTable: a copy goes on nowhere
}

// zoneBits is how many bits a conntrack zone has.
const zoneBits = 16

// NoTable is the Next of a Conntrack that only tracks.
const NoTable uint8 = 0xff

// Conjunction is Nicira's conjunction: the entry is one of the alternatives in clause Clause of Clauses, from 1. A packet that meets an
// entry of each clause of ID, all of one priority, is looked up again with conj_id ID. An entry that has conjunctions has nothing else.
type Conjunction struct {
	ID              uint32
	Clause, Clauses uint8
}

// NAT is what a Conntrack does to addresses.
type NAT uint8

// Translations.
const (
	NATNone   NAT = iota // none, not even those of a known connection
	NATKnown             // that of the packet's connection, if it has one, in either direction
	NATSource            // NATKnown; a new connection gets the source address Addr and a free port
)

// CheckLarger is Nicira's check_pkt_larger: it sets a bit of a field to whether the frame is longer than Bytes, Ethernet header
// included, and clears it otherwise.
type CheckLarger struct {
	Bytes uint16
	To    Field
	Bit   uint8
}

func (Output) isAction()      {}
func (ToGroup) isAction()     {}
func (SetField) isAction()    {}
func (Move) isAction()        {}
func (PushVLAN) isAction()    {}
func (PopVLAN) isAction()     {}
func (DecTTL) isAction()      {}
func (Resubmit) isAction()    {}
func (Punt) isAction()        {}
func (Conntrack) isAction()   {}
func (CheckLarger) isAction() {}
func (Conjunction) isAction() {}
