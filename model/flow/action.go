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

func (Output) isAction()   {}
func (ToGroup) isAction()  {}
func (SetField) isAction() {}
func (Move) isAction()     {}
func (PushVLAN) isAction() {}
func (PopVLAN) isAction()  {}
func (DecTTL) isAction()   {}
func (Resubmit) isAction() {}
func (Punt) isAction()     {}
