package verify

import (
	"math/bits"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model/flow"
)

// Layout of metadata and of the register that carries the answer of security groups, as pipeline has it.
var (
	portMask    = pipeline.PortKey(0).Mask
	networkMask = pipeline.InNetwork(0).Mask
	networkBit  = bits.TrailingZeros64(networkMask)
	restBit     = bits.Len64(networkMask) // what is above: where the packet came from, whether and how often it was routed
	originMask  = uint32(pipeline.CameFrom(0).Mask >> restBit)
	routedMask  = uint32(pipeline.Routed(true).Mask >> restBit)

	flags       = pipeline.Allowed(false).Field
	allowedMask = uint32(pipeline.Allow().(flow.SetField).Mask)
)

// Values of a label's fields that are no values.
const (
	unknown = ^uint32(0)
	keep    = unknown - 1 // in what a table does with any packet: whatever it had
)

// sender is the in_port of a packet that came from the port whose label it has.
const sender = 0xffffff00 // OFPP_MAX: no port has it

// from is where a packet entered the switch, or the router that sent it on.
type from uint8

const (
	fromNowhere from = iota // not said yet
	fromPort
	fromTunnel
	fromWire
	fromRouter
)

// stage is how far a packet has come. What it still has to pass, it has to pass before it leaves.
type stage uint8

const (
	unlabelled stage = iota
	labelled         // has its network's label; the guard is next
	guarded          // the port's security groups are next
	asked            // those of the sender
	sent             // may go to its network
	addressed        // has a port here as its destination
	askedThere       // the security groups of that
	cleared          // may be output to that
)

// label is what is followed of a packet: where it is, in the sense of the model, and nothing of its headers.
type label struct {
	net, key uint32 // of metadata: network and port
	router   uint32 // register 1
	meta     uint32 // the rest of metadata
	metaOf   uint32 // which of its bits are known
	flags    uint32 // register 2
	flagsOf  uint32 // which of its bits are known
	vlan     uint32 // as vlan_vid has it
	popped   uint32 // the tag that was taken off before the packet got its label; 0: none
	in       uint32 // in_port
	tunnel   uint64 // tun_id; anyTunnel: not known
	to       uint64 // tun_dst; anyTunnel: not known
	peer     bool   // tun_src is another node's address
	from     from
	stage    stage
}

const anyTunnel = ^uint64(0)

// entering is any packet as it comes to table 0.
func entering() label {
	return label{metaOf: unknown, flagsOf: unknown, vlan: unknown, in: unknown, tunnel: anyTunnel, to: anyTunnel}
}

// idField names one of the fields of a label by which entries are indexed. There are as many of their values as objects.
type idField uint8

const (
	idNet idField = 1 << iota
	idKey
	idRouter
	idAll = idNet | idKey | idRouter
)

func (l *label) id(f idField) *uint32 {
	switch f {
	case idNet:
		return &l.net
	case idKey:
		return &l.key
	}
	return &l.router
}

// each visits the fields of a set.
func (f idField) each(visit func(idField)) {
	for one := idNet; one < idAll; one <<= 1 {
		if f&one != 0 {
			visit(one)
		}
	}
}

// fieldSet is a set of what a label has that matches, or contracts, look at, or actions write.
type fieldSet struct {
	ids         idField
	meta, flags uint32
	tunnel      bool
	to          bool
	vlan, in    bool
}

func (s fieldSet) union(o fieldSet) fieldSet {
	return fieldSet{s.ids | o.ids, s.meta | o.meta, s.flags | o.flags, s.tunnel || o.tunnel, s.to || o.to, s.vlan || o.vlan, s.in || o.in}
}

func (s fieldSet) intersect(o fieldSet) fieldSet {
	return fieldSet{s.ids & o.ids, s.meta & o.meta, s.flags & o.flags, s.tunnel && o.tunnel, s.to && o.to, s.vlan && o.vlan, s.in && o.in}
}

func (s fieldSet) without(o fieldSet) fieldSet {
	return fieldSet{s.ids &^ o.ids, s.meta &^ o.meta, s.flags &^ o.flags, s.tunnel && !o.tunnel, s.to && !o.to, s.vlan && !o.vlan, s.in && !o.in}
}

// write adds the bits of a field that an action writes. Of ids only a whole one counts as written if all is true; otherwise any part of it.
func (s *fieldSet) write(f flow.Field, mask uint64, all bool) {
	part := func(mask, of uint64) bool {
		if all {
			return mask&of == of
		}
		return mask&of != 0
	}
	switch f {
	case flow.Metadata:
		if part(mask, portMask) {
			s.ids |= idKey
		}
		if part(mask, networkMask) {
			s.ids |= idNet
		}
		s.meta |= uint32(mask >> restBit)
	case pipeline.Router:
		if part(mask, f.AllOnes()) {
			s.ids |= idRouter
		}
	case flags:
		s.flags |= uint32(mask)
	case flow.TunnelID:
		s.tunnel = s.tunnel || part(mask, f.AllOnes())
	case flow.TunnelDst:
		s.to = s.to || part(mask, f.AllOnes())
	case flow.VLANVID:
		s.vlan = s.vlan || part(mask, f.AllOnes())
	case flow.InPort:
		s.in = true
	}
}

// forget makes unknown what may have been written.
func (l *label) forget(s fieldSet) {
	s.ids.each(func(f idField) { *l.id(f) = unknown })
	l.metaOf &^= s.meta
	l.meta &= l.metaOf
	l.flagsOf &^= s.flags
	l.flags &= l.flagsOf
	if s.tunnel {
		l.tunnel = anyTunnel
	}
	if s.to {
		l.to = anyTunnel
	}
	if s.vlan {
		l.vlan = unknown
	}
	if s.in {
		l.in = unknown
	}
}

// retain forgets what nobody looks at any more, so that packets that are alike from here on have one label. The tag and in_port are
// looked at wherever a packet leaves.
func (l *label) retain(s fieldSet) {
	for f := idNet; f < idAll; f <<= 1 {
		if s.ids&f == 0 {
			*l.id(f) = unknown
		}
	}
	l.metaOf &= s.meta
	l.meta &= s.meta
	l.flagsOf &= s.flags
	l.flags &= s.flags
	if !s.tunnel {
		l.tunnel = anyTunnel
	}
	if !s.to {
		l.to = anyTunnel
	}
}
