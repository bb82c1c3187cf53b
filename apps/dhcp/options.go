package dhcp

import (
	"cmp"
	"encoding/binary"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/dhcpopt"
)

// leaseTime is as long as Neutron's, in seconds.
const leaseTime = 86400

// Values that are the same in every answer: T1 and T2 are the parts of the lease that RFC 2131, 4.4.5 names.
var (
	leaseSeconds     = number(leaseTime)
	renewalSeconds   = number(leaseTime / 2)
	rebindingSeconds = number(leaseTime / 8 * 7)
)

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

	rest := s.configuration(a.lease, r)
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

// configuration lists what the port's subnet and network say, the most important first, and then what the port itself says besides.
func (s *service) configuration(l lease, r *request) layers.DHCPOptions {
	list := make(layers.DHCPOptions, 0, 10+len(s.port.ExtraDHCPOpts)) // all of them, with T1 and T2
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
	add(r.routesOption(), routes)
	add(layers.DHCPOptDNS, nameservers(l))
	host, domain := s.names(l)
	add(layers.DHCPOptHostname, []byte(host))
	add(layers.DHCPOptDomainName, []byte(domain))
	if cidr := l.subnet.CIDR; cidr.Bits() < 31 {
		add(layers.DHCPOptBroadcastAddr, lastOf(cidr))
	}
	for _, o := range s.extras(r) {
		code := layers.DHCPOpt(o.Code)
		switch code {
		case dhcpopt.NextServer:
			continue // the header's, see boot
		case layers.DHCPOptClasslessStaticRoute:
			code = r.routesOption()
		}
		list = slices.DeleteFunc(list, func(c layers.DHCPOption) bool { return c.Type == code })
		add(code, o.Value)
	}
	return list
}

// names are the host's at an address, and its domain's: a name that ends with a dot has its domain with it.
func (s *service) names(l lease) (host, domain string) {
	host = s.port.Hostname(l.address)
	if name, complete := strings.CutSuffix(host, "."); complete {
		host, domain, _ = strings.Cut(name, ".")
		return host, domain
	}
	return host, strings.TrimSuffix(cmp.Or(s.network.DNSDomain, model.DefaultDNSDomain), ".")
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
			routes = dhcpopt.AppendRoute(routes, r.Destination, r.NextHop)
		case !gateway.IsValid():
			gateway = r.NextHop
		}
	}
	if !gateway.Is4() {
		return netip.Addr{}, routes
	}
	if len(routes) > 0 {
		routes = dhcpopt.AppendRoute(routes, netip.PrefixFrom(netip.IPv4Unspecified(), 0), gateway)
	}
	return gateway, routes
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
