package openflow

import "sync/atomic"

// Counters are how many messages of some kinds a session has seen.
type Counters struct {
	// Sent.
	FlowMods    uint64
	GroupMods   uint64
	MeterMods   uint64
	ZoneFlushes uint64
	PacketOuts  uint64
	// Received.
	Received         uint64 // of all types
	Errors           uint64
	PacketIns        uint64
	PacketInsDropped uint64 // those without the whole frame
	UnknownReplies   uint64 // to no request that waits
}

type counters struct {
	flowMods, groupMods, meterMods, zoneFlushes, packetOuts       atomic.Uint64
	received, errors, packetIns, packetInsDropped, unknownReplies atomic.Uint64
}

// Counters returns the present values.
func (s *Session) Counters() Counters {
	c := &s.counters
	return Counters{
		FlowMods:         c.flowMods.Load(),
		GroupMods:        c.groupMods.Load(),
		MeterMods:        c.meterMods.Load(),
		ZoneFlushes:      c.zoneFlushes.Load(),
		PacketOuts:       c.packetOuts.Load(),
		Received:         c.received.Load(),
		Errors:           c.errors.Load(),
		PacketIns:        c.packetIns.Load(),
		PacketInsDropped: c.packetInsDropped.Load(),
		UnknownReplies:   c.unknownReplies.Load(),
	}
}
