package model

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
)

// String gives the range as Neutron's messages do.
func (r AddressRange) String() string { return fmt.Sprintf("%s-%s", r.Start, r.End) }

// DefaultGateway is the gateway of a subnet whose request leaves it out: the first address after the network's.
func DefaultGateway(cidr netip.Prefix) netip.Addr { return cidr.Masked().Addr().Next() }

// DefaultPools gives the pools of a subnet whose request leaves them out: every host address but the gateway.
func DefaultPools(cidr netip.Prefix, gateway netip.Addr) []AddressRange {
	first, last := hostRange(cidr)
	switch {
	case first == last:
		return []AddressRange{{first, last}}
	case cidr.Addr().BitLen()-cidr.Bits() == 1:
		return []AddressRange{}
	case !gateway.IsValid() || gateway.Less(first) || last.Less(gateway):
		return []AddressRange{{first, last}}
	}
	pools := []AddressRange{}
	if first.Less(gateway) {
		pools = append(pools, AddressRange{first, gateway.Prev()})
	}
	if gateway.Less(last) {
		pools = append(pools, AddressRange{gateway.Next(), last})
	}
	return pools
}

// hostRange is the lowest and the highest address of cidr that a port may have: not the network's own, and in IPv4
// not the broadcast address, which subnets of one or two addresses do not have (RFC 3021).
func hostRange(cidr netip.Prefix) (first, last netip.Addr) {
	first, last = cidr.Masked().Addr(), lastAddress(cidr)
	if cidr.Addr().BitLen()-cidr.Bits() <= 1 {
		return first, last
	}
	if cidr.Addr().Is4() {
		last = last.Prev()
	}
	return first.Next(), last
}

// HasHost tells whether a port may have the address on this subnet, inside an allocation pool or not.
func (s *Subnet) HasHost(addr netip.Addr) bool {
	first, last := hostRange(s.CIDR)
	return s.CIDR.Contains(addr) && !addr.Less(first) && !last.Less(addr)
}

// Validate checks everything that can be known without the network's other subnets.
func (s *Subnet) Validate() error {
	if err := s.validateCIDR(); err != nil {
		return err // the rest needs a CIDR that makes sense
	}
	return firstError(
		validateText("name", s.Name, MaxNameLength),
		validateText("description", s.Description, MaxDescriptionLength),
		validateTags(s.Tags),
		s.validateDHCP(),
		s.validateGateway(),
		s.validatePools(),
		s.validateNameservers(),
		s.validateHostRoutes(),
	)
}

func (s *Subnet) validateCIDR() error {
	if s.IPVersion != 4 && s.IPVersion != 6 {
		return invalidAttribute("ip_version", "'%d' is not in [4, 6]", s.IPVersion)
	}
	if s.IPVersion == 6 {
		return invalidInput("IPv6 subnets are not supported yet")
	}
	if !s.CIDR.IsValid() {
		return invalidInput("a subnet requires a cidr")
	}
	if !s.CIDR.Addr().Is4() {
		return invalidInput("cidr '%s' does not match the ip_version '%d'", s.CIDR, s.IPVersion)
	}
	if s.CIDR.Bits() == 0 {
		return invalidInput("0 is not allowed as CIDR prefix length")
	}
	if s.CIDR != s.CIDR.Masked() {
		return invalidInput("cidr '%s' has host bits, '%s' is meant", s.CIDR, s.CIDR.Masked())
	}
	return nil
}

func (s *Subnet) validateDHCP() error {
	switch {
	case !s.EnableDHCP:
		return nil
	case s.CIDR.Bits() > 30:
		return invalidInput("Subnet has a prefix length that is incompatible with DHCP service enabled")
	case s.CIDR.Addr().IsMulticast():
		return invalidInput("Multicast IP subnet is not supported if enable_dhcp is True")
	case s.CIDR.Addr().IsLoopback():
		return invalidInput("Loopback IP subnet is not supported if enable_dhcp is True")
	}
	return nil
}

// validateGateway lets a gateway be outside the subnet, as Neutron does: its own subnet is then unknown here.
func (s *Subnet) validateGateway() error {
	if !s.GatewayIP.IsValid() {
		return nil
	}
	if !s.GatewayIP.Is4() {
		return invalidInput("gateway_ip '%s' does not match the ip_version '%d'", s.GatewayIP, s.IPVersion)
	}
	if s.CIDR.Contains(s.GatewayIP) && !s.HasHost(s.GatewayIP) {
		return invalidInput("Gateway is not valid on subnet")
	}
	return nil
}

func (s *Subnet) validatePools() error {
	first, last := hostRange(s.CIDR)
	for _, pool := range s.AllocationPools {
		if !pool.Start.IsValid() || !pool.End.IsValid() || pool.Start.BitLen() != s.CIDR.Addr().BitLen() ||
			pool.End.BitLen() != pool.Start.BitLen() || pool.End.Less(pool.Start) {
			return Errorf(http.StatusBadRequest, "InvalidAllocationPool", "The allocation pool %s is not valid.", pool)
		}
		if pool.Start.Less(first) || last.Less(pool.End) {
			return Errorf(http.StatusBadRequest, "OutOfBoundsAllocationPool",
				"The allocation pool %s spans beyond the subnet cidr %s.", pool, s.CIDR)
		}
	}
	sorted := slices.SortedFunc(slices.Values(s.AllocationPools), func(a, b AddressRange) int { return a.Start.Compare(b.Start) })
	for i, pool := range sorted {
		if i > 0 && !sorted[i-1].End.Less(pool.Start) {
			return Errorf(http.StatusConflict, "OverlappingAllocationPools",
				"Found overlapping allocation pools: %s %s for subnet %s.", sorted[i-1], pool, s.CIDR)
		}
		if s.GatewayIP.IsValid() && !s.GatewayIP.Less(pool.Start) && !pool.End.Less(s.GatewayIP) {
			return Errorf(http.StatusConflict, "GatewayConflictWithAllocationPools",
				"Gateway ip %s conflicts with allocation pool %s.", s.GatewayIP, pool)
		}
	}
	return nil
}

func (s *Subnet) validateNameservers() error {
	if len(s.DNSNameservers) > MaxDNSNameservers {
		return Errorf(http.StatusBadRequest, "DNSNameServersExhausted",
			"Unable to complete operation for %s. The number of DNS nameservers exceeds the limit %d.", s.ID, MaxDNSNameservers)
	}
	for i, server := range s.DNSNameservers {
		if !server.Is4() {
			return invalidInput("dns_nameserver '%s' does not match the ip_version '%d'", server, s.IPVersion)
		}
		if slices.Contains(s.DNSNameservers[:i], server) {
			return invalidAttribute("dns_nameservers", "Duplicate nameserver '%s'", server)
		}
	}
	return nil
}

func (s *Subnet) validateHostRoutes() error {
	if len(s.HostRoutes) > MaxHostRoutes {
		return Errorf(http.StatusBadRequest, "HostRoutesExhausted",
			"Unable to complete operation for %s. The number of host routes exceeds the limit %d.", s.ID, MaxHostRoutes)
	}
	for i, route := range s.HostRoutes {
		if !route.Destination.IsValid() || !route.Destination.Addr().Is4() || !route.NextHop.Is4() {
			return invalidInput("host route to '%s' via '%s' does not match the ip_version '%d'",
				route.Destination, route.NextHop, s.IPVersion)
		}
		if slices.Contains(s.HostRoutes[:i], route) {
			return invalidAttribute("host_routes", "Duplicate hostroute '%s' via '%s'", route.Destination, route.NextHop)
		}
	}
	return nil
}

// ValidateOverlap refuses a subnet whose addresses another subnet of the same network has.
func (s *Subnet) ValidateOverlap(others []*Subnet) error {
	for _, other := range others {
		if other.ID != s.ID && other.CIDR.Overlaps(s.CIDR) {
			return invalidInput("Requested subnet with cidr: %s for network: %s overlaps with another subnet", s.CIDR, s.NetworkID)
		}
	}
	return nil
}
