package dhcp

import (
	"net/netip"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
)

// service is what the topology has for a port's DHCP client.
type service struct {
	network *model.Network
	port    *model.Port
	server  *model.Port // the network's DHCP port, in whose name the answers are given
	leases  []lease     // in the order of the port's fixed IPs; empty: no service
}

// lease is a fixed IP that DHCP hands out.
type lease struct {
	address netip.Addr
	subnet  *model.Subnet
	server  netip.Addr // the DHCP port's address in the subnet, the server identifier
}

// serviceOf collects the port's IPv4 addresses in subnets with DHCP. A subnet in which the DHCP port has no address (yet)
// has none to answer with, and is left out.
func serviceOf(v *topology.View, network *model.Network, p *model.Port) service {
	s := service{network: network, port: p, server: v.DHCPPort(network.Number)}
	if s.server == nil {
		return s
	}
	subnets := v.SubnetsOf(network.Number)
	for _, fixed := range p.FixedIPs {
		for _, subnet := range subnets {
			if subnet.ID != fixed.SubnetID || !subnet.EnableDHCP || !fixed.IPAddress.Is4() {
				continue
			}
			for _, own := range s.server.FixedIPs {
				if own.SubnetID == subnet.ID && own.IPAddress.Is4() {
					s.leases = append(s.leases, lease{fixed.IPAddress, subnet, own.IPAddress})
					break
				}
			}
		}
	}
	return s
}

// leaseOf finds the lease of an address.
func (s *service) leaseOf(a netip.Addr) (lease, bool) {
	return s.find(func(l lease) bool { return l.address == a })
}

// leaseFrom finds the first lease that a server address gives.
func (s *service) leaseFrom(server netip.Addr) (lease, bool) {
	return s.find(func(l lease) bool { return l.server == server })
}

// leaseBeside finds the first lease in whose subnet an address is.
func (s *service) leaseBeside(a netip.Addr) (lease, bool) {
	return s.find(func(l lease) bool { return l.subnet.CIDR.Contains(a) })
}

func (s *service) find(is func(lease) bool) (lease, bool) {
	for _, l := range s.leases {
		if is(l) {
			return l, true
		}
	}
	return lease{}, false
}
