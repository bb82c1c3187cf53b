package model

import (
	"net/netip"
	"slices"
)

// MayUse tells whether the address is one of the port's own or within its allowed address pairs.
func (p *Port) MayUse(addr netip.Addr) bool {
	return slices.ContainsFunc(p.FixedIPs, func(ip FixedIP) bool { return ip.IPAddress == addr }) ||
		slices.ContainsFunc(p.AllowedAddressPairs, func(pair AddressPair) bool { return pair.IP.Contains(addr) })
}

// BelongsToRouter tells whether the port is an interface or the gateway of a router, or a floating IP's: DeviceID says of which. Such ports
// come and go with them.
func (p *Port) BelongsToRouter() bool {
	switch p.DeviceOwner {
	case DeviceOwnerRouterInterface, DeviceOwnerRouterGateway, DeviceOwnerFloatingIP:
		return p.DeviceID != ""
	}
	return false
}
