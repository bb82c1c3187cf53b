package flow

import (
	"errors"
	"fmt"
)

// Input is a packet that arrives at a switch.
type Input struct {
	Frame  []byte // Ethernet header first; it is not changed
	InPort uint32
	Tunnel Tunnel // what the tunnel port took from the outer header; zero on other ports
}

// Tunnel is the tunnel metadata of a packet: where it came from, or where it is to go.
type Tunnel struct {
	ID       uint64
	Src, Dst uint32 // IPv4 addresses of the outer header
}

// Result is what became of a packet. Frames in it share memory with each other and with the Input: they are not to be
// written.
type Result struct {
	Emissions []Emission // in the order in which they leave
	Steps     []Step     // the tables that it met, in order
}

// Emission is one copy of a packet that leaves the switch.
type Emission struct {
	Port   uint32 // a real port or PortLocal; PortController for PacketIn
	Frame  []byte
	Tunnel Tunnel // as the packet had it when it left; only tunnel ports look at it

	PacketIn *PacketIn // for PortController only
	Meter    uint32    // of the Punt that sent it up; 0: none
}

// Step is one lookup in a table.
type Step struct {
	Table uint8
	Depth int     // how many groups and resubmits it is inside of
	Entry Encoded // what matched; empty: nothing, and the packet is dropped
}

// Reasons of a PacketIn (OpenFlow 1.3.5, 7.4.1).
const (
	ReasonNoMatch    uint8 = 0 // sent by the table-miss entry
	ReasonAction     uint8 = 1
	ReasonInvalidTTL uint8 = 2
)

// Limits on what one packet may cost; those on depth and lookups are Open vSwitch's.
const (
	maxDepth   = 64
	maxLookups = 4096
	maxCopies  = 4096 // emissions and buckets
)

// Errors of Execute.
var (
	ErrTooDeep    = errors.New("groups and resubmits are nested too deeply")
	ErrTooMuch    = errors.New("packet causes too many lookups or copies")
	ErrShortFrame = errors.New("frame is shorter than an Ethernet header")
)

// errDropped ends the execution of a packet that a meter or conntrack keeps.
var errDropped = errors.New("dropped")

// Execute sends a packet through the switch, beginning in table 0. After an error nothing is emitted, as in Open
// vSwitch, but the steps tell how far the packet got. Output to any port counts as possible: a Switch has no list of ports.
//
// A packet whose TTL dec_ttl cannot decrement goes up with ReasonInvalidTTL, although switches are usually told not to
// send these.
func (s *Switch) Execute(in Input) (Result, error) {
	return s.run(in, func(x *execution, p *packet) error { return x.table(p, 0) })
}

// Send executes a packet-out.
func (s *Switch) Send(out PacketOut) (Result, error) {
	if err := s.checkActions(out.Actions); err != nil {
		return Result{}, err
	}
	return s.run(Input{Frame: out.Data, InPort: out.InPort}, func(x *execution, p *packet) error {
		_, err := x.actions(p, out.Actions)
		return err
	})
}

func (s *Switch) run(in Input, start func(*execution, *packet) error) (Result, error) {
	p, ok := parse(in.Frame)
	if !ok {
		return Result{}, ErrShortFrame
	}
	p.values[InPort] = uint64(in.InPort)
	p.values[TunnelID] = in.Tunnel.ID
	p.values[TunnelSrc] = uint64(in.Tunnel.Src)
	p.values[TunnelDst] = uint64(in.Tunnel.Dst)
	x := execution{s: s}
	if err := start(&x, &p); err != nil && !errors.Is(err, errDropped) {
		return Result{Steps: x.result.Steps}, err
	}
	return x.result, nil
}

// execution is the way of one packet. Its methods change the packet in place, as resubmit keeps what the tables did.
type execution struct {
	s       *Switch
	result  Result
	nesting int // groups and resubmits that are being done
	depth   int // those of them that do not end by themselves
	copies  int
	at      *installed // the entry being executed; nil for a packet-out
	forked  *packet    // before the first CheckLarger in the table that was resubmitted to; nil: there was none
}

// table looks p up in a table, and executes what it meets there and wherever goto leads.
func (x *execution) table(p *packet, id uint8) error {
	outer := x.at
	defer func() { x.at = outer }()
	for {
		if len(x.result.Steps) >= maxLookups {
			return ErrTooMuch
		}
		step := Step{Table: id, Depth: x.nesting}
		x.at = nil
		if id <= maxTable {
			x.at = x.s.tables[id].lookup(&p.values)
		}
		if x.at != nil {
			step.Entry = x.at.encoded
			x.at.packets++
		}
		x.result.Steps = append(x.result.Steps, step)
		if looked := x.s.config.Looked; looked != nil {
			looked(step, func(f Field) uint64 { return p.values[f] })
		}
		if x.at == nil {
			return nil
		}
		e := &x.at.entry
		if err := x.meter(e.Meter); err != nil {
			return err
		}
		if done, err := x.actions(p, e.Apply); done || err != nil {
			return err
		}
		p.values[Metadata] = p.values[Metadata]&^e.MetadataMask | e.WriteMetadata
		if !e.HasGoto {
			return nil
		}
		id = e.Goto
	}
}

// meter is a meter instruction. What it drops is dropped for good, with all that an outer list or bucket would still do:
// Open vSwitch compiles them into one list.
func (x *execution) meter(id uint32) error {
	if id != 0 && x.s.config.MeterDrops != nil && x.s.config.MeterDrops(id) {
		return errDropped
	}
	return nil
}

// actions does a list. It returns true if the rest of the entry is not to be done.
func (x *execution) actions(p *packet, list []Action) (done bool, err error) {
	for _, a := range list {
		switch a := a.(type) {
		case Output:
			err = x.output(p, a)
		case ToGroup:
			err = x.group(p, a.ID)
		case SetField:
			p.set(a.Field, a.Value, a.Mask)
		case Move:
			p.move(a)
		case PushVLAN:
			p.pushVLAN()
		case PopVLAN:
			p.popVLAN()
		case DecTTL:
			if p.has(IPTTL) {
				if p.values[IPTTL] <= 1 {
					return true, x.punt(p, ReasonInvalidTTL, 0)
				}
				p.set(IPTTL, p.values[IPTTL]-1, IPTTL.AllOnes())
			}
		case Resubmit:
			err = x.resubmit(p, a.Table)
		case Punt:
			err = x.puntMetered(p, a)
		case Conntrack:
			err = x.conntrack(p, a)
		case Conjunction: // what a packet-out has of it; entries with conjunctions are not executed
		case CheckLarger:
			x.fork(p)
			p.set(a.To, larger(p, a.Bytes)<<a.Bit, 1<<a.Bit)
		default:
			err = fmt.Errorf("action %T is not known", a)
		}
		if err != nil {
			return true, err
		}
	}
	return false, nil
}

func (x *execution) output(p *packet, o Output) error {
	switch o.Port {
	case PortController:
		reason := ReasonAction
		if x.at != nil && x.at.entry.Priority == 0 && len(x.at.entry.Match) == 0 {
			reason = ReasonNoMatch
		}
		return x.punt(p, reason, 0)
	case PortInPort:
		if p.values[InPort] == 0 {
			return nil // no port has this number
		}
		return x.emit(p, Emission{Port: uint32(p.values[InPort])})
	case uint32(p.values[InPort]):
		return nil // never back to where it came from (OpenFlow 1.3.5, 4.5: IN_PORT must be said)
	}
	return x.emit(p, Emission{Port: o.Port})
}

func (x *execution) puntMetered(p *packet, a Punt) error {
	if x.meter(a.Meter) != nil {
		return nil // only the copy is dropped
	}
	return x.punt(p, ReasonAction, a.Meter)
}

func (x *execution) punt(p *packet, reason uint8, meter uint32) error {
	in := &PacketIn{
		Reason:   reason,
		InPort:   uint32(p.values[InPort]),
		Metadata: p.values[Metadata],
		TunnelID: p.values[TunnelID],
		Reg:      [3]uint32{uint32(p.values[Reg0]), uint32(p.values[Reg1]), uint32(p.values[Reg2])},
		Data:     p.frame,
	}
	if x.at != nil {
		in.Cookie, in.Table = x.at.entry.Cookie, x.at.entry.Table
	}
	return x.emit(p, Emission{Port: PortController, PacketIn: in, Meter: meter})
}

func (x *execution) emit(p *packet, e Emission) error {
	if err := x.countCopy(); err != nil {
		return err
	}
	p.shared = true
	e.Frame = p.frame
	e.Tunnel = Tunnel{p.values[TunnelID], uint32(p.values[TunnelSrc]), uint32(p.values[TunnelDst])}
	x.result.Emissions = append(x.result.Emissions, e)
	return nil
}

func (x *execution) countCopy() error {
	if x.copies++; x.copies > maxCopies {
		return ErrTooMuch
	}
	return nil
}

// resubmit looks p up in a table, and comes back. Table 255 is the current one (nicira-ext.h). Only going back
// deepens, as a way forward ends by itself.
func (x *execution) resubmit(p *packet, id uint8) error {
	from := uint8(0)
	if x.at != nil {
		from = x.at.entry.Table
	}
	if id == 255 {
		id = from
	}
	outer := x.forked
	x.forked = nil
	err := x.nested(id <= from, func() error { return x.table(p, id) })
	if x.forked != nil {
		*p = *x.forked
	}
	x.forked = outer
	return err
}

// fork notes what p was before a CheckLarger. Open vSwitch compiles what follows it, as far as the table that was resubmitted to leads,
// twice, and comes back from a resubmit with the packet as it was before.
func (x *execution) fork(p *packet) {
	if x.forked == nil {
		p.shared = true
		before := *p
		x.forked = &before
	}
}

// group gives each bucket a copy of p. A group that is not there drops it.
func (x *execution) group(p *packet, id uint32) error {
	return x.nested(true, func() error {
		for _, bucket := range x.s.groups[id].Buckets {
			if err := x.countCopy(); err != nil {
				return err
			}
			p.shared = true
			c := *p
			if _, err := x.actions(&c, actionSet(bucket)); err != nil {
				return err
			}
		}
		return nil
	})
}

// conntrack tracks a copy of p, which goes on in another table; p itself stays as it is, but is untracked from here on. What a
// meter there drops is only the copy: Open vSwitch recirculates it.
func (x *execution) conntrack(p *packet, a Conntrack) error {
	p.shared = true
	c := *p
	if !x.s.track(&c, a) {
		return errDropped
	}
	p.setTracked(judgement{})
	if a.Next == NoTable {
		return nil
	}
	err := x.nested(true, func() error { return x.table(&c, a.Next) })
	if errors.Is(err, errDropped) {
		return nil
	}
	return err
}

// larger is 1 if the frame is longer than n bytes, and otherwise 0.
func larger(p *packet, n uint16) uint64 {
	if len(p.frame) > int(n) {
		return 1
	}
	return 0
}

func (x *execution) nested(deepens bool, f func() error) error {
	deeper := 0
	if deepens {
		deeper = 1
	}
	if x.depth+deeper > maxDepth {
		return ErrTooDeep
	}
	x.nesting, x.depth = x.nesting+1, x.depth+deeper
	err := f()
	x.nesting, x.depth = x.nesting-1, x.depth-deeper
	return err
}

// actionSet puts a bucket in the order of execution (OpenFlow 1.3.5, 5.10; Group says it in words). A Punt is
// not done in a bucket: Open vSwitch leaves it out.
func actionSet(bucket []Action) []Action {
	var pop, push, ttl, sets, final []Action
	rank := 0
	for i, a := range bucket {
		one, r := bucket[i:i+1:i+1], 0
		switch a.(type) {
		case PopVLAN:
			pop = one
		case PushVLAN:
			push = one
		case DecTTL:
			ttl = one
		case SetField, Move:
			sets = append(sets, a)
		case ToGroup:
			r = 4
		case Output:
			r = 3
		case Resubmit:
			r = 2
		case Conntrack:
			r = 1
		}
		if r > 0 && r >= rank {
			final, rank = one, r
		}
	}
	list := make([]Action, 0, len(bucket))
	for _, part := range [][]Action{pop, push, ttl, sets, final} {
		list = append(list, part...)
	}
	return list
}
