package security

import (
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// words are the fields in which rules are said: those of a connection's first packet, as conntrack tells them, or, for stateless groups,
// those of the packet itself.
type words struct {
	all    []flow.FieldMatch // what every entry matches
	remote flow.Field        // the other side's address
	proto  flow.Field
	ports  map[uint8]flow.Field // destination port, by protocol
	icmp   [2]flow.Field        // type and code
}

func wordsOf(stateful, ingress bool) words {
	w := words{
		all:    pipeline.Match(pipeline.IP(), flow.Masked(flow.CTState, flow.CTTracked, flow.CTTracked|flow.CTInvalid)),
		remote: flow.CTDst,
		proto:  flow.CTProto,
		ports:  map[uint8]flow.Field{model.ProtocolTCP: flow.CTDstPort, model.ProtocolUDP: flow.CTDstPort},
		icmp:   [2]flow.Field{flow.CTSrcPort, flow.CTDstPort},
	}
	if ingress {
		w.remote = flow.CTSrc
	}
	if stateful {
		return w
	}
	w = words{
		all:    pipeline.Match(pipeline.IP()),
		remote: flow.IPv4Dst,
		proto:  flow.IPProto,
		ports:  map[uint8]flow.Field{model.ProtocolTCP: flow.TCPDst, model.ProtocolUDP: flow.UDPDst},
		icmp:   [2]flow.Field{flow.ICMPType, flow.ICMPCode},
	}
	if ingress {
		w.remote = flow.IPv4Src
	}
	return w
}

// service is what a packet is, whatever its remote address: protocol, ports, type and code. What is zero does not count.
type service [3]flow.FieldMatch

// services lists the services of which a packet has one if it is what a rule is about. Fragments but the first have no ports: they pass if
// their datagram could, and are of no use without its beginning.
func (w words) services(r model.SecurityGroupRule) []service {
	if r.Protocol == "" {
		return []service{{}}
	}
	number, ok := model.ProtocolNumber(r.Protocol)
	if !ok {
		return nil
	}
	proto := flow.Exact(w.proto, uint64(number))
	var list []service
	switch port, ported := w.ports[number]; {
	case r.PortRangeMin == nil:
		return []service{{proto}}
	case number == model.ProtocolICMP:
		s := service{proto, flow.Exact(w.icmp[0], uint64(*r.PortRangeMin))}
		if r.PortRangeMax != nil {
			s[2] = flow.Exact(w.icmp[1], uint64(*r.PortRangeMax))
		}
		list = append(list, s)
	case ported && r.PortRangeMax != nil:
		for _, m := range portMasks(uint16(*r.PortRangeMin), uint16(*r.PortRangeMax)) {
			list = append(list, service{proto, flow.Masked(port, uint64(m.value), uint64(m.mask))})
		}
	}
	return append(list, service{proto, flow.Exact(flow.IPFrag, flow.FragAny|flow.FragLater)})
}

// masked is a number of which some bits count.
type masked struct{ value, mask uint16 }

// portMasks covers the ports from first to last with as few masked numbers as there can be, at most 30.
func portMasks(first, last uint16) []masked {
	var list []masked
	for at, end := uint32(first), uint32(last); at <= end; {
		size := uint32(1)
		for at&(2*size-1) == 0 && size < 1<<16 && at+2*size-1 <= end {
			size *= 2
		}
		list = append(list, masked{uint16(at), ^uint16(size - 1)})
		at += size
	}
	return list
}
