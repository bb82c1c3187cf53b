package openflow

import (
	"slices"

	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/model/flow"
)

// entries are random entries that Open vSwitch takes, provided that it has the meters 1, 262144 and 1<<24|5 and the groups
// 1 to 3.
var entries = rapid.Custom(func(r *rapid.T) flow.Entry {
	m := matches.Draw(r, "match")
	e := flow.Entry{
		Table:    uint8(rapid.IntRange(0, 200).Draw(r, "table")),
		Priority: rapid.Uint16().Draw(r, "priority"),
		Cookie:   flow.Cookie(rapid.Uint64Range(0, 1<<64-2).Draw(r, "cookie")), // all ones is reserved
		Match:    m,
		Flags:    rapid.SampledFrom([]uint16{0, flow.FlagSendFlowRemoved}).Draw(r, "flags"),
		Meter:    rapid.SampledFrom([]uint32{0, 0, 1, 262144, 1<<24 | 5}).Draw(r, "meter"),
		Apply:    actionsFor(r, m),
	}
	if rapid.IntRange(0, 9).Draw(r, "conjunctions") == 0 {
		e.Meter, e.Apply = 0, rapid.SliceOfN(conjunctions, 1, 4).Draw(r, "conjunctions")
		return e
	}
	e.MetadataMask = rapid.SampledFrom([]uint64{0, 0, 0xffffff, 1 << 63, ^uint64(0)}).Draw(r, "metadata mask")
	e.WriteMetadata = rapid.Uint64().Draw(r, "metadata") & e.MetadataMask
	if rapid.Bool().Draw(r, "goto") {
		e.Goto, e.HasGoto = e.Table+uint8(rapid.IntRange(1, 50).Draw(r, "by")), true
	}
	e.HardTimeout = rapid.SampledFrom([]uint16{0, 0, 300}).Draw(r, "hard timeout")
	return e
})

var conjunctions = rapid.Custom(func(r *rapid.T) flow.Action {
	n := rapid.Uint8Range(2, 64).Draw(r, "clauses")
	return flow.Conjunction{ID: rapid.Uint32().Draw(r, "conj_id"), Clause: rapid.Uint8Range(1, n).Draw(r, "clause"), Clauses: n}
})

var matches = rapid.Custom(func(r *rapid.T) flow.Match {
	var m flow.Match
	exact := func(f flow.Field, v uint64) { m = append(m, flow.Exact(f, v)) }
	some := func(fields ...flow.Field) {
		for _, f := range fields {
			if !rapid.Bool().Draw(r, "match "+f.String()) {
				continue
			}
			value, mask := rapid.Uint64().Draw(r, "value")&f.AllOnes(), f.AllOnes()
			if info, _ := f.Info(); info.Maskable && rapid.Bool().Draw(r, "masked") {
				mask &= rapid.Uint64Range(1, f.AllOnes()).Draw(r, "mask")
			}
			m = append(m, flow.Masked(f, value, mask))
		}
	}
	some(flow.Metadata, flow.Reg0, flow.Reg1, flow.Reg2, flow.Reg3, flow.ConjunctionID, flow.TunnelID, flow.TunnelSrc, flow.TunnelDst, flow.EthDst, flow.EthSrc)
	if rapid.Bool().Draw(r, "match in_port") {
		exact(flow.InPort, uint64(rapid.Uint32Range(1, 0xfeff).Draw(r, "in_port")))
	}
	switch rapid.IntRange(0, 3).Draw(r, "vlan") {
	case 0:
		exact(flow.VLANVID, 0)
	case 1:
		exact(flow.VLANVID, 0x1000|rapid.Uint64Range(0, 4095).Draw(r, "vlan id"))
		some(flow.VLANPCP)
	case 2:
		m = append(m, flow.Masked(flow.VLANVID, 0x1000, 0x1000))
	}
	switch rapid.IntRange(0, 4).Draw(r, "layer 3") {
	case 0:
		exact(flow.EthType, 0x0800)
		some(flow.IPv4Src, flow.IPv4Dst, flow.IPDSCP, flow.IPTTL, flow.IPFrag)
		m = append(m, connections.Draw(r, "conntrack")...)
		switch rapid.IntRange(0, 4).Draw(r, "layer 4") {
		case 0:
			exact(flow.IPProto, 1)
			some(flow.ICMPType, flow.ICMPCode)
		case 1:
			exact(flow.IPProto, 6)
			some(flow.TCPSrc, flow.TCPDst)
		case 2:
			exact(flow.IPProto, 17)
			some(flow.UDPSrc, flow.UDPDst)
		case 3:
			exact(flow.IPProto, rapid.Uint64Range(18, 255).Draw(r, "protocol"))
		}
	case 1:
		exact(flow.EthType, 0x0806)
		some(flow.ARPOp, flow.ARPSPA, flow.ARPTPA, flow.ARPSHA, flow.ARPTHA)
	case 2:
		exact(flow.EthType, rapid.Uint64Range(0x9000, 0xffff).Draw(r, "ethertype"))
	}
	later := slices.ContainsFunc(m, laterFragments)
	m = slices.DeleteFunc(m, func(f flow.FieldMatch) bool {
		// Open vSwitch knows ARP opcodes of 8 bits only, and no ports of later fragments.
		return f.Field == flow.ARPOp && f.Value > 255 || later && f.Field >= flow.TCPSrc && f.Field <= flow.ICMPCode
	})
	slices.SortFunc(m, func(a, b flow.FieldMatch) int { return int(a.Field) - int(b.Field) })
	return m
})

func laterFragments(m flow.FieldMatch) bool {
	return m.Field == flow.IPFrag && m.Value&flow.FragLater != 0
}

// connections are matches of what conntrack knows of an IPv4 packet.
var connections = rapid.Custom(func(r *rapid.T) flow.Match {
	const bits = flow.CTNew | flow.CTEstablished | flow.CTRelated | flow.CTReply | flow.CTInvalid | flow.CTTracked
	var m flow.Match
	switch rapid.IntRange(0, 4).Draw(r, "ct_state") {
	case 0, 1:
		return nil
	case 2:
		value, mask := rapid.Uint64Range(0, bits).Draw(r, "state"), rapid.Uint64Range(1, bits).Draw(r, "state mask")
		return append(m, flow.Masked(flow.CTState, value, mask))
	case 3:
		m = append(m, flow.Exact(flow.CTState, flow.CTTracked|flow.CTNew))
	case 4:
		m = append(m, flow.Masked(flow.CTState, flow.CTTracked, flow.CTTracked|flow.CTInvalid))
	}
	fields := []flow.Field{flow.CTSrc, flow.CTDst}
	if rapid.Bool().Draw(r, "ct_nw_proto") {
		m = append(m, flow.Exact(flow.CTProto, rapid.Uint64Range(1, 255).Draw(r, "protocol")))
		fields = append(fields, flow.CTSrcPort, flow.CTDstPort)
	}
	for _, f := range fields {
		if mask := rapid.Uint64Range(0, f.AllOnes()).Draw(r, f.String()+" mask"); mask != 0 {
			m = append(m, flow.Masked(f, rapid.Uint64Range(0, f.AllOnes()).Draw(r, f.String()), mask))
		}
	}
	return m
})

// actionsFor draws actions whose prerequisites m has.
func actionsFor(r *rapid.T, m flow.Match) []flow.Action {
	has := func(f flow.Field, v uint64) bool { return slices.Contains(m, flow.Exact(f, v)) }
	settable := []flow.Field{flow.Metadata, flow.Reg0, flow.Reg1, flow.Reg2, flow.Reg3, flow.TunnelID, flow.TunnelSrc, flow.TunnelDst, flow.EthDst, flow.EthSrc}
	kinds := []string{"output", "controller", "in_port", "group", "set", "set masked", "move", "resubmit", "punt", "push", "set in_port", "larger"}
	switch {
	case has(flow.EthType, 0x0800):
		settable = append(settable, flow.IPv4Src, flow.IPv4Dst, flow.IPDSCP, flow.IPTTL)
		kinds = append(kinds, "ttl", "ct", "ct")
		switch {
		case slices.ContainsFunc(m, laterFragments):
		case has(flow.IPProto, 6):
			settable = append(settable, flow.TCPSrc, flow.TCPDst)
		case has(flow.IPProto, 17):
			settable = append(settable, flow.UDPSrc, flow.UDPDst)
		case has(flow.IPProto, 1):
			settable = append(settable, flow.ICMPType, flow.ICMPCode)
		}
	case has(flow.EthType, 0x0806):
		settable = append(settable, flow.ARPOp, flow.ARPSPA, flow.ARPTPA, flow.ARPSHA, flow.ARPTHA)
	}
	var list []flow.Action
	for range rapid.IntRange(0, 6).Draw(r, "actions") {
		field := rapid.SampledFrom(settable).Draw(r, "field")
		value, ones := rapid.Uint64().Draw(r, "value"), field.AllOnes()
		if field == flow.ARPOp {
			value &= 0xff
		}
		switch rapid.SampledFrom(kinds).Draw(r, "kind") {
		case "output":
			list = append(list, flow.Output{Port: rapid.Uint32Range(1, 100).Draw(r, "port")})
		case "controller":
			list = append(list, flow.Output{Port: flow.PortController, MaxLen: rapid.Uint16().Draw(r, "max_len")})
		case "in_port":
			list = append(list, flow.Output{Port: flow.PortInPort})
		case "group":
			list = append(list, flow.ToGroup{ID: rapid.Uint32Range(1, 3).Draw(r, "group")})
		case "set":
			list = append(list, flow.SetField{Field: field, Value: value & ones, Mask: ones})
		case "set masked":
			mask := rapid.Uint64Range(1, ones).Draw(r, "mask")
			list = append(list, flow.SetField{Field: field, Value: value & mask, Mask: mask})
		case "move":
			to := rapid.SampledFrom(settable).Draw(r, "to")
			a, _ := field.Info()
			b, _ := to.Info()
			if field != to {
				list = append(list, flow.Move{From: field, To: to, Bits: rapid.IntRange(1, min(a.Bits, b.Bits)).Draw(r, "bits")})
			}
		case "resubmit":
			list = append(list, flow.Resubmit{Table: rapid.Uint8Range(0, 200).Draw(r, "table")})
		case "punt":
			list = append(list, flow.Punt{
				MaxLen: rapid.Uint16().Draw(r, "max_len"), Meter: rapid.SampledFrom([]uint32{1, 262144, 1<<24 | 5}).Draw(r, "meter"),
			})
		case "push":
			mask := rapid.SampledFrom([]uint64{0x1fff, 0x0fff, 0x00f0, 0x0a0a}).Draw(r, "vlan mask")
			list = append(list, flow.PushVLAN{},
				flow.SetField{Field: flow.VLANVID, Value: (0x1000 | value) & mask, Mask: mask},
				flow.SetField{Field: flow.VLANPCP, Value: value & 7, Mask: flow.VLANPCP.AllOnes()},
				flow.PopVLAN{})
		case "set in_port":
			port := rapid.SampledFrom([]uint64{0, 7, 0xfeff, uint64(flow.PortController)}).Draw(r, "in_port")
			list = append(list, flow.SetField{Field: flow.InPort, Value: port, Mask: flow.InPort.AllOnes()})
		case "larger":
			to := rapid.SampledFrom([]flow.Field{flow.Metadata, flow.Reg2, flow.EthSrc}).Draw(r, "larger to")
			list = append(list, flow.CheckLarger{Bytes: rapid.Uint16().Draw(r, "bytes"), To: to, Bit: rapid.Uint8Range(0, 31).Draw(r, "bit")})
		case "ct":
			a := flow.Conntrack{
				Zone: rapid.Uint16().Draw(r, "zone"), Commit: rapid.Bool().Draw(r, "commit"), Next: rapid.Uint8Range(0, 253).Draw(r, "next"),
				NAT: rapid.SampledFrom([]flow.NAT{flow.NATNone, flow.NATKnown, flow.NATSource}).Draw(r, "nat"),
			}
			if a.NAT == flow.NATSource {
				a.Commit, a.Addr = true, rapid.Uint32Min(1).Draw(r, "address")
			}
			if rapid.Bool().Draw(r, "zone from a field") {
				a.Zone, a.ZoneFrom = 0, rapid.SampledFrom([]flow.Field{flow.Metadata, flow.Reg3, flow.EthDst, flow.IPv4Src}).Draw(r, "zone from")
			}
			if slices.ContainsFunc(m, func(f flow.FieldMatch) bool { return f.Field == flow.CTState && f.Value&flow.CTInvalid != 0 }) {
				a.Commit, a.NAT, a.Addr = false, flow.NATNone, 0 // what is invalid is not committed
			}
			if rapid.Bool().Draw(r, "no table") {
				a.Next = flow.NoTable
			}
			list = append(list, a)
		case "ttl":
			list = append(list, flow.DecTTL{})
		}
	}
	return list
}
