package topology

import (
	"net/netip"
	"slices"

	"github.com/planck-sdn/planck/model"
)

// aspect is what of a router may differ.
type aspect uint8

const (
	ofEntries aspect = 1 << iota // its unit, and its floating IPs'
	ofOutside                    // its neighbours' units
	ofReach                      // which nodes need it, which networks they know by it, and which routers it leads to
)

// address is an address on a network.
type address struct {
	networkID string
	addr      netip.Addr
}

func put(t table[named, struct{}], id string, n model.Number) { t.set(named{id, n}, struct{}{}) }

func (s *step) router(n model.Number, now *model.Router) {
	before := s.new.Router(n)
	if before != nil {
		s.new.routerByID.delete(before.ID)
		if g := before.Gateway; g != nil {
			s.new.gatewaysOn.delete(named{g.NetworkID, n})
			s.new.gatewaysAt.delete(pair{g.Node, n})
		}
	}
	if now == nil {
		s.new.routers.delete(n)
	} else {
		s.new.routers.set(n, now)
		s.new.routerByID.set(now.ID, n)
		if g := now.Gateway; g != nil {
			put(s.new.gatewaysOn, g.NetworkID, n)
			s.new.gatewaysAt.set(pair{g.Node, n}, struct{}{})
		}
	}
	if sameRouter(before, now) {
		return
	}
	for _, r := range []*model.Router{before, now} {
		if r != nil {
			s.routers[r.ID] |= ofEntries | ofOutside | ofReach
		}
	}
}

// sameRouter tells whether two versions of a router are rendered alike. The generation of its gateway node only orders moves.
func sameRouter(a, b *model.Router) bool {
	if a == nil || b == nil || a.ID != b.ID || a.AdminStateUp != b.AdminStateUp || a.Key != b.Key || !slices.Equal(a.Routes, b.Routes) {
		return false
	}
	if a.Gateway == nil || b.Gateway == nil {
		return a.Gateway == b.Gateway
	}
	x, y := *a.Gateway, *b.Gateway
	x.Generation, y.Generation = 0, 0
	return x == y
}

// routersAround marks the routers with an interface on a network, or their gateway, for what they read of it.
func (s *step) routersAround(networkID string, comesOrGoes bool) {
	inside, outside := ofEntries, ofEntries|ofOutside
	if comesOrGoes {
		inside |= ofReach
	}
	for _, n := range membersOf(s.new.interfacesOn, networkID) {
		s.routers[s.new.Port(n).DeviceID] |= inside
	}
	for _, n := range membersOf(s.new.gatewaysOn, networkID) {
		s.routers[s.new.Router(n).ID] |= outside
	}
}

// routerPort takes in a port's new row as far as routers are concerned.
func (s *step) routerPort(before, now *model.Port) {
	if before != nil && before.DeviceOwner == model.DeviceOwnerRouterInterface {
		s.new.interfacesOf.delete(named{before.DeviceID, before.Number})
		s.new.interfacesOn.delete(named{before.NetworkID, before.Number})
	}
	if now != nil && now.DeviceOwner == model.DeviceOwnerRouterInterface {
		put(s.new.interfacesOf, now.DeviceID, now.Number)
		put(s.new.interfacesOn, now.NetworkID, now.Number)
	}
	if samePort(before, now) {
		return
	}
	for _, p := range []*model.Port{before, now} {
		switch {
		case p == nil:
		case p.DeviceOwner == model.DeviceOwnerRouterInterface:
			s.routers[p.DeviceID] |= ofEntries | ofReach
		case p.DeviceOwner == model.DeviceOwnerRouterGateway:
			s.routers[p.DeviceID] |= ofEntries | ofOutside
		}
	}
}

func (s *step) floatingIP(n model.Number, now *model.FloatingIP) {
	before := s.new.FloatingIP(n)
	if before != nil {
		s.new.floatingOf.delete(named{before.RouterID, n})
		s.new.floatingToPort.delete(named{before.PortID, n})
		s.new.floatingByPort.delete(named{before.FloatingPortID, n})
	}
	if now == nil {
		s.new.floatingIPs.delete(n)
	} else {
		s.new.floatingIPs.set(n, now)
		if now.PortID != "" {
			put(s.new.floatingOf, now.RouterID, n)
			put(s.new.floatingToPort, now.PortID, n)
		}
		put(s.new.floatingByPort, now.FloatingPortID, n)
	}
	if before == nil || now == nil || before.FloatingNetworkID != now.FloatingNetworkID || before.Address != now.Address ||
		before.FloatingPortID != now.FloatingPortID || before.PortID != now.PortID || before.FixedIP != now.FixedIP || before.RouterID != now.RouterID {
		s.floating[n] = struct{}{}
	}
}

func (s *step) neighbour(n model.Number, now *model.Neighbour) {
	before := s.new.Neighbour(n)
	if before != nil {
		s.new.neighboursOf.delete(named{before.RouterID, n})
		s.new.neighbourAt.delete(atKey{before.RouterID, before.Address, n})
	}
	if now == nil {
		s.new.neighbours.delete(n)
	} else {
		s.new.neighbours.set(n, now)
		put(s.new.neighboursOf, now.RouterID, n)
		s.new.neighbourAt.set(atKey{now.RouterID, now.Address, n}, struct{}{})
	}
	if before == nil || now == nil || before.RouterID != now.RouterID || before.NetworkID != now.NetworkID ||
		before.Address != now.Address || before.MAC != now.MAC {
		s.neighbours[n] = struct{}{}
	}
}

func (s *step) holder(n model.Number, now *model.Holder) {
	before, _ := s.new.holders.get(n)
	if before != nil {
		s.new.holderAt.delete(atKey{before.NetworkID, before.Address, n})
		s.addresses[address{before.NetworkID, before.Address}] = struct{}{}
	}
	if now == nil {
		s.new.holders.delete(n)
		return
	}
	s.new.holders.set(n, now)
	s.new.holderAt.set(atKey{now.NetworkID, now.Address, n}, struct{}{})
	s.addresses[address{now.NetworkID, now.Address}] = struct{}{}
}
