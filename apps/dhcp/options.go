package dhcp

import (
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/gopacket/layers"
)

// leaseTime is as long as Neutron's, in seconds.
const leaseTime = 86400

// Values that are the same in every answer: T1 and T2 are the parts of the lease that RFC 2131, 4.4.5 names, the domain is
// Neutron's default.
var (
	leaseSeconds     = number(leaseTime)
	renewalSeconds   = number(leaseTime / 2)
	rebindingSeconds = number(leaseTime / 8 * 7)
	domainName       = []byte("openstacklocal")
)

// optMicrosoftRoutes is option 121 under the number that Windows had for it before RFC 3442.
const optMicrosoftRoutes layers.DHCPOpt = 249

// Sizes in bytes. The IP datagram that every client takes is RFC 2131's (section 2): 312 of options.
const (
	minMaxSize   = 576
	udpIPHeaders = 28
	maxOption    = 255
	minMTU       = 68 // RFC 2132, 5.1
)

// optionField is what a message carries beside its header, as long as there is room.
type optionField struct {
	list    layers.DHCPOptions
	room    int // bytes
	leftOut []layers.DHCPOpt
}

// add adds an option. What is longer than a length octet can say is split (RFC 3396, section 7).
func (o *optionField) add(code layers.DHCPOpt, value []byte) {
	pieces := (len(value) + maxOption - 1) / maxOption
	need := len(value) + 2*pieces
	if need > o.room {
		o.leftOut = append(o.leftOut, code)
		return
	}
	o.room -= need
	for piece := range slices.Chunk(value, maxOption) {
		o.list = append(o.list, layers.NewDHCPOption(code, piece))
	}
}

// optionsFor composes an answer's options: what must be there, then what the client asked for in its order (RFC
// 2132, 9.8), then the rest, because a client that does not ask for its MTU or its routes needs them all the same.
func (s *service) optionsFor(r *request, a answer) optionField {
	o := optionField{list: make(layers.DHCPOptions, 0, 16), room: s.roomFor(r)}
	o.add(layers.DHCPOptMessageType, []byte{byte(a.kind)})
	o.add(layers.DHCPOptServerID, a.lease.server.AsSlice())
	if len(r.clientID) > 0 {
		o.add(layers.DHCPOptClientID, r.clientID) // RFC 6842, section 3
	}
	if a.kind == layers.DHCPMsgTypeNak {
		o.add(layers.DHCPOptMessage, []byte(a.refused.String()+" is not an address of this port"))
		return o
	}
	leased := r.kind != layers.DHCPMsgTypeInform
	if leased {
		o.add(layers.DHCPOptLeaseTime, leaseSeconds)
	}
	o.add(layers.DHCPOptSubnetMask, mask(a.lease.subnet.CIDR)) // before the router: RFC 2132, 3.3

	rest := s.configuration(a.lease, r.wanted)
	if leased {
		rest = append(rest, layers.NewDHCPOption(layers.DHCPOptT1, renewalSeconds), layers.NewDHCPOption(layers.DHCPOptT2, rebindingSeconds))
	}
	for _, code := range r.wanted {
		if i := slices.IndexFunc(rest, func(c layers.DHCPOption) bool { return byte(c.Type) == code }); i >= 0 {
			o.add(rest[i].Type, rest[i].Data)
			rest = slices.Delete(rest, i, i+1)
		}
	}
	for _, c := range rest {
		o.add(c.Type, c.Data)
	}
	return o
}

// roomFor is how many bytes of options, but for the end, a client and its network take.
func (s *service) roomFor(r *request) int {
	size := max(minMaxSize, min(r.maxSize, s.network.MTU))
	return size - udpIPHeaders - headerLen - 1
}

// configuration lists what the port's subnet and network say, the most important first.
func (s *service) configuration(l lease, wanted []byte) layers.DHCPOptions {
	list := make(layers.DHCPOptions, 0, 10) // all of them, with T1 and T2
	add := func(code layers.DHCPOpt, value []byte) {
		if len(value) > 0 {
			list = append(list, layers.DHCPOption{Type: code, Data: value})
		}
	}
	gateway, routes := routesOf(l)
	if gateway.IsValid() {
		add(layers.DHCPOptRouter, gateway.AsSlice())
	}
	if s.network.MTU >= minMTU && s.network.MTU <= math.MaxUint16 {
		add(layers.DHCPOptInterfaceMTU, binary.BigEndian.AppendUint16(nil, uint16(s.network.MTU)))
	}
	if slices.Contains(wanted, byte(optMicrosoftRoutes)) && !slices.Contains(wanted, byte(layers.DHCPOptClasslessStaticRoute)) {
		add(optMicrosoftRoutes, routes)
	} else {
		add(layers.DHCPOptClasslessStaticRoute, routes)
	}
	add(layers.DHCPOptDNS, nameservers(l))
	add(layers.DHCPOptHostname, []byte("host-"+strings.ReplaceAll(l.address.String(), ".", "-")))
	add(layers.DHCPOptDomainName, domainName)
	if cidr := l.subnet.CIDR; cidr.Bits() < 31 {
		add(layers.DHCPOptBroadcastAddr, lastOf(cidr))
	}
	return list
}

// routesOf gives the default gateway and, if there are others, the classless static routes (RFC 3442): the host
// routes, and after them the default, since a client that takes these ignores the router option. As in
// Neutron, a default among the host routes counts only where the subnet has no gateway.
func routesOf(l lease) (gateway netip.Addr, routes []byte) {
	gateway = l.subnet.GatewayIP
	for _, r := range l.subnet.HostRoutes {
		switch {
		case !r.Destination.Addr().Is4() || !r.NextHop.Is4():
		case r.Destination.Bits() > 0:
			routes = appendRoute(routes, r.Destination, r.NextHop)
		case !gateway.IsValid():
			gateway = r.NextHop
		}
	}
	if !gateway.Is4() {
		return netip.Addr{}, routes
	}
	if len(routes) > 0 {
		routes = appendRoute(routes, netip.PrefixFrom(netip.IPv4Unspecified(), 0), gateway)
	}
	return gateway, routes
}

// appendRoute writes the width of a destination, those of its octets that count, and the router.
func appendRoute(b []byte, to netip.Prefix, via netip.Addr) []byte {
	octets := to.Masked().Addr().As4()
	b = append(b, byte(to.Bits()))
	b = append(b, octets[:(to.Bits()+7)/8]...)
	return append(b, via.AsSlice()...)
}

// nameservers are the subnet's; 0.0.0.0 is Neutron's way to say "none".
func nameservers(l lease) []byte {
	var b []byte
	for _, a := range l.subnet.DNSNameservers {
		if a.Is4() && !a.IsUnspecified() {
			b = append(b, a.AsSlice()...)
		}
	}
	return b
}

func number(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }

func mask(p netip.Prefix) []byte { return number(netmask(p)) }

func netmask(p netip.Prefix) uint32 { return ^(uint32(math.MaxUint32) >> p.Bits()) }

func lastOf(p netip.Prefix) []byte {
	a := p.Addr().As4()
	return number(binary.BigEndian.Uint32(a[:]) | ^netmask(p))
}
