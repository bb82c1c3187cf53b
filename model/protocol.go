package model

import (
	"maps"
	"slices"
	"strconv"
)

// IP protocols whose rules have ports, or types and codes.
const (
	ProtocolICMP = 1
	ProtocolTCP  = 6
	ProtocolUDP  = 17

	protocolDCCP    = 33
	protocolICMPv6  = 58
	protocolSCTP    = 132
	protocolUDPLite = 136
)

// protocols are the names of IP protocols in Neutron's API reference ("Security group rules").
var protocols = map[string]uint8{
	"ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "hopopt": 0, "icmp": 1, "icmpv6": 58, "igmp": 2, "ipip": 4, "ipv6-encap": 41,
	"ipv6-frag": 44, "ipv6-icmp": 58, "ipv6-nonxt": 59, "ipv6-opts": 60, "ipv6-route": 43, "ospf": 89, "pgm": 113, "rsvp": 46,
	"sctp": 132, "tcp": 6, "udp": 17, "udplite": 136, "vrrp": 112,
}

// ProtocolNumber is the number of an IP protocol that is given by name or as a number in decimal; false for what is neither, and for "".
func ProtocolNumber(protocol string) (uint8, bool) {
	if n, ok := protocols[protocol]; ok {
		return n, true
	}
	n, err := strconv.ParseUint(protocol, 10, 8)
	return uint8(n), err == nil
}

// protocolNames are the names that ProtocolNumber knows, sorted.
func protocolNames() []string { return slices.Sorted(maps.Keys(protocols)) }
