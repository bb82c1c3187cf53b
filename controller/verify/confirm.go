package verify

import (
	"slices"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// suspect is one of the ways by which a violation was found.
type suspect struct {
	at    int32             // of the violations
	list  []int32           // entries on the way
	extra []flow.FieldMatch // what packets have that must not get through
}

// maxSuspects is how many ways to a violation are tried.
const maxSuspects = 8

// confirm looks for packets that break contracts, and sends them through a switch in memory with these tables. One that meets the entry that
// the violation is about takes the place of what is known of such packets.
func (x *explorer) confirm(held *flow.Tables) {
	if len(x.suspects) == 0 {
		return
	}
	s := flow.NewSwitch(flow.SwitchConfig{})
	var changes []flow.Change
	for i := range held.Meters {
		changes = append(changes, flow.Change{Op: flow.OpAdd, Meter: &held.Meters[i]})
	}
	for i := range held.Groups {
		changes = append(changes, flow.Change{Op: flow.OpAdd, Group: &held.Groups[i]})
	}
	for _, f := range held.Flows {
		changes = append(changes, flow.Change{Op: flow.OpAdd, Flow: f})
	}
	s.Apply(changes) // what it refuses cannot be read, which is a violation of its own
	for _, suspect := range x.suspects {
		v := &x.result.Violations[suspect.at]
		if v.Confirmed {
			continue
		}
		for _, p := range x.candidates(v.Contract, suspect) {
			if way := x.try(s, p, suspect.list[len(suspect.list)-1]); way != nil {
				v.Way, v.Packet, v.Confirmed = way, matchText(p.match()), true
				break
			}
		}
	}
}

// try sends a packet, and returns its way up to an entry; nil: it does not meet that.
func (x *explorer) try(s *flow.Switch, p packet, entry int32) []Passed {
	frame := p.frame()
	if frame == nil {
		return nil
	}
	r, err := s.Execute(flow.Input{Frame: frame, InPort: uint32(p[flow.InPort]),
		Tunnel: flow.Tunnel{ID: p[flow.TunnelID], Src: uint32(p[flow.TunnelSrc]), Dst: uint32(p[flow.TunnelDst])}})
	if err != nil {
		return nil
	}
	var way []Passed
	for _, step := range r.Steps {
		way = append(way, Passed{step.Table, step.Entry})
		if step.Entry == x.entries[entry].encoded {
			return way
		}
	}
	return nil
}

// candidates are packets that may take a way: what they must have by the entries there, and otherwise what packets usually have.
func (x *explorer) candidates(c Contract, s suspect) []packet {
	h := x.wanted(s)
	base := h.value
	known := func(f flow.Field) bool { return h.mask[f] != 0 }
	usual := func(f flow.Field, v uint64) {
		if !known(f) {
			base[f] = v
		}
	}
	if !known(flow.InPort) {
		base[flow.InPort] = uint64(flow.PortLocal)
	}
	src, own := uint64(nobody), uint64(0xcb007163) // RFC 5737: nobody's
	var destinations []uint64
	if l := x.site.ports[uint32(base[flow.InPort])]; l != nil {
		if c != ContractSource {
			src = l.MAC.Uint64()
			for _, s := range l.from {
				if s.prefix.IsValid() {
					src, own = s.mac, address(s.prefix.Addr())
					break
				}
			}
		}
		for _, m := range x.site.membersOf(l.network).members {
			destinations = append(destinations, m.MAC.Uint64())
		}
	}
	usual(flow.EthSrc, src)
	usual(flow.EthType, pipeline.EthTypeIPv4)
	switch base[flow.EthType] {
	case pipeline.EthTypeIPv4:
		usual(flow.IPv4Src, own)
		usual(flow.IPTTL, 64)
		if known(flow.IPv4Dst) && h.mask[flow.IPv4Dst] != flow.IPv4Dst.AllOnes() {
			base[flow.IPv4Dst] |= 2 &^ h.mask[flow.IPv4Dst] // some host of the prefix
		}
		usual(flow.IPv4Dst, 0xc6336401)
	case pipeline.EthTypeARP, pipeline.EthTypeRARP:
		usual(flow.ARPOp, 1)
		usual(flow.ARPSHA, base[flow.EthSrc])
		usual(flow.ARPSPA, own)
	}
	var list []packet
	for _, dst := range append([]uint64{broadcast, nobody + 1}, destinations[:min(len(destinations), 16)]...) {
		usual(flow.EthDst, dst)
		for _, proto := range []uint8{model.ProtocolTCP, model.ProtocolUDP, model.ProtocolICMP} {
			p := base
			if base[flow.EthType] == pipeline.EthTypeIPv4 && !known(flow.IPProto) {
				p[flow.IPProto] = uint64(proto)
			}
			switch p[flow.IPProto] {
			case uint64(model.ProtocolTCP):
				p.usual(h, flow.TCPSrc, 40000)
				p.usual(h, flow.TCPDst, 80)
			case uint64(model.ProtocolUDP):
				p.usual(h, flow.UDPSrc, 40000)
				p.usual(h, flow.UDPDst, 53)
			case uint64(model.ProtocolICMP):
				p.usual(h, flow.ICMPType, pipeline.ICMPEchoRequest)
			}
			if !slices.Contains(list, p) {
				list = append(list, p)
			}
		}
	}
	return list
}

func (p *packet) usual(h *headers, f flow.Field, v uint64) {
	if h.mask[f] == 0 {
		p[f] = v
	}
}

// wanted is what packets must have as they come in, to take a way. Where entries contradict each other, as they do where the way is put
// together from those of different packets, the later ones hold.
func (x *explorer) wanted(s suspect) *headers {
	lists := [][]flow.FieldMatch{s.extra}
	for _, match := range slices.Backward(x.incoming(s.list)) {
		lists = append(lists, match)
	}
	h := &headers{}
	for _, list := range lists {
		h.add(list)
	}
	return h
}
