package pipeline

import (
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

const verdictMask = 1<<allowedBit | 1<<newBit | 1<<inboundBit

// Ask are the actions that have a port's security groups say whether they allow a packet: by their rules of direction ingress, or else of
// egress. begins tells that the packet begins a connection. The answer is Allowed.
func Ask(ingress, begins bool) []flow.Action {
	var bits uint64
	if ingress {
		bits |= 1 << inboundBit
	}
	if begins {
		bits |= 1 << newBit
	}
	return []flow.Action{flow.SetField{Field: flags, Value: bits, Mask: verdictMask}, flow.Resubmit{Table: Groups.ID}}
}

// AskGroup are the actions that ask one group.
func AskGroup(g model.Number) []flow.Action {
	return []flow.Action{Set(group, uint64(g)).(flow.Action), flow.Resubmit{Table: GroupRules.ID}}
}

// InGroup matches packets about which a group's rules of a direction are asked.
func InGroup(g model.Number, ingress bool) []flow.FieldMatch {
	var bits uint64
	if ingress {
		bits = 1 << inboundBit
	}
	return []flow.FieldMatch{flow.Exact(group, uint64(g)), flow.Masked(flags, bits, 1<<inboundBit)}
}

// Allow says that a packet may pass, and does not begin a connection unless Ask has said so.
func Allow() flow.Action {
	return flow.SetField{Field: flags, Value: 1 << allowedBit, Mask: 1 << allowedBit}
}

// AllowUnasked says that a packet may pass without conntrack.
func AllowUnasked() flow.Action {
	return flow.SetField{Field: flags, Value: 1 << allowedBit, Mask: verdictMask}
}

// Allowed matches packets that may pass, and that begin a connection or do not.
func Allowed(begins bool) flow.FieldMatch {
	bits := uint64(1 << allowedBit)
	if begins {
		bits |= 1 << newBit
	}
	return flow.Masked(flags, bits, 1<<allowedBit|1<<newBit)
}

// Forget takes the answer off a packet, for the next one who asks.
func Forget() flow.Action { return flow.SetField{Field: flags, Mask: verdictMask} }

// Track has conntrack say what it knows of a packet in the zone of the port in metadata, and goes on in a table.
func Track(next *Table) flow.Action {
	return flow.Conntrack{ZoneFrom: flow.Metadata, Next: next.ID}
}

// Commit notes the packet's connection in the zone of the port in metadata.
func Commit() flow.Action {
	return flow.Conntrack{ZoneFrom: flow.Metadata, Commit: true, Next: flow.NoTable}
}

// ZoneOwned is the conntrack zone that belongs to the owner of an entry of Groups, because the entry's port has it; false for other entries.
func ZoneOwned(e *flow.Entry) (uint16, bool) {
	if e.Table != Groups.ID {
		return 0, false
	}
	for _, m := range e.Match {
		if m.Field == flow.Metadata && m.Mask&portMask == portMask {
			return uint16(m.Value & portMask), true
		}
	}
	return 0, false
}
