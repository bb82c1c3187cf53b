package explain

import (
	"fmt"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model/flow"
)

// allPorts and allOrigins are the masks of a port's key and of the origin.
const (
	allPorts   uint32          = 0xffff
	allOrigins pipeline.Origin = 3
)

// metadata says what the bits of metadata that are matched tell of a packet.
func (w *words) metadata(m flow.FieldMatch) []string {
	keyMask, portMask, originMask := pipeline.MetadataParts(m.Mask)
	key, port, origin := pipeline.MetadataParts(m.Value)
	var parts []string
	rest := m.Mask
	take := func(mask uint64) { rest &^= mask }
	if portMask == allPorts {
		take(uint64(allPorts))
		parts = append(parts, w.portRole()+w.portKey(port))
	}
	if keyMask == allKeys {
		take(pipeline.InNetwork(allKeys).Mask)
		parts = append(parts, "in "+w.networkKey(key))
	}
	if originMask == allOrigins {
		take(pipeline.CameFrom(0).Mask)
		if portMask != allPorts || origin != pipeline.FromPort || w.isReceiver() {
			parts = append(parts, "that came in "+originName(origin))
		}
	}
	if routed := pipeline.Routed(true); m.Mask&routed.Mask != 0 {
		take(routed.Mask)
		if m.Value&routed.Mask != 0 {
			parts = append(parts, "that a router here has sent on")
		} else {
			parts = append(parts, "that no router here has sent on")
		}
	}
	if hops := pipeline.Hops(3).Mask; m.Mask&hops == hops {
		take(hops)
		for n := range 4 {
			if pipeline.Hops(n).Value == m.Value&hops {
				parts = append(parts, fmt.Sprintf("that %s handed to another here", counted(uint64(n), "router has", "routers have")))
			}
		}
	}
	if rest != 0 {
		parts = append(parts, fmt.Sprintf("with metadata %#x/%#x", m.Value&rest, rest))
	}
	return parts
}

// isReceiver tells whether the port key in metadata is the receiver's when the entry is met: from table ingress on.
func (w *words) isReceiver() bool {
	switch w.entry.Table {
	case pipeline.Ingress.ID, pipeline.IngressTracked.ID, pipeline.IngressVerdict.ID, pipeline.Output.ID:
		return true
	}
	return false
}

func (w *words) portRole() string {
	switch {
	case w.entry.Table == pipeline.Groups.ID: // from and to alike
		return "from or to "
	case w.isReceiver():
		return "to "
	}
	return "from "
}

func originName(o pipeline.Origin) string {
	switch o {
	case pipeline.FromPort:
		return "from a port here"
	case pipeline.FromTunnelPeer:
		return "through the tunnel from another node"
	case pipeline.FromBridge:
		return "from a mapped bridge"
	}
	return "in an unknown way"
}

// What the bits of register 2 say, set and clear. Bits that no word is for are shown as they are.
var (
	inbound   = pipeline.InGroup(0, true)[1].Mask
	allowed   = pipeline.Allowed(false).Value
	begins    = pipeline.Allowed(true).Mask &^ allowed
	flagWords = []struct {
		bit        uint64
		set, clear string
	}{
		{pipeline.TooBig().Mask, "too big for where they are to go", "not too big for where they are to go"},
		{pipeline.NotTracked().Mask, "that have been through the router's conntrack zone", "that have not been through the router's conntrack zone yet"},
		{pipeline.NotReturned().Mask, "about which a router's conntrack zone has been asked", "about which no router's conntrack zone has been asked yet"},
		{allowed, "that a security group lets through", "that no security group has let through"},
		{begins, "that begin a connection", "that do not begin a connection"},
		{inbound, "by the rules of direction ingress", "by the rules of direction egress"},
	}
)

// flags says which notes of the pipeline's a packet must have.
func (w *words) flags(m flow.FieldMatch) []string {
	var parts []string
	rest := m.Mask
	for _, f := range flagWords {
		if m.Mask&f.bit == 0 {
			continue
		}
		rest &^= f.bit
		if m.Value&f.bit != 0 {
			parts = append(parts, f.set)
		} else {
			parts = append(parts, f.clear)
		}
	}
	if rest != 0 {
		parts = append(parts, fmt.Sprintf("with %s %#x/%#x", m.Field, m.Value&rest, rest))
	}
	return parts
}
