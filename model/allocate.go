package model

import (
	"net/http"
	"net/netip"
	"slices"
)

// AddressRequest is one address that a port is to have.
type AddressRequest struct {
	// Subnets are where it may come from: one, unless the request leaves the choice open; then the first with room.
	Subnets []*Subnet
	// Address is the one that was asked for; the zero Addr: any free one of the pools.
	Address netip.Addr
	// Held tells that the port has Address already and keeps it.
	Held bool
}

// PlanAddresses turns the fixed_ips of a request into what has to be allocated, in the order of the request.
// subnets are all subnets of the network in their order of creation, held is what the port has. An entry may lack
// its subnet or its address. A nil wanted asks for one address of any subnet that has room; an empty one for none.
// An entry with only a subnet keeps an address that the port has there. Errors are Neutron's: InvalidInput,
// InvalidIpForSubnet, InvalidIpForNetwork.
func PlanAddresses(p *Port, subnets []*Subnet, wanted, held []FixedIP) ([]AddressRequest, error) {
	if wanted == nil {
		if len(subnets) == 0 {
			return nil, nil
		}
		return []AddressRequest{{Subnets: subnets}}, nil
	}
	plan := make([]AddressRequest, len(wanted))
	for i, want := range wanted {
		subnet, err := subnetFor(p, subnets, want)
		if err != nil {
			return nil, err
		}
		plan[i] = AddressRequest{Subnets: []*Subnet{subnet}, Address: want.IPAddress}
	}
	keepHeld(plan, held)
	return plan, nil
}

// keepHeld first matches entries that name an address, then lets those that do not have what is left.
func keepHeld(plan []AddressRequest, held []FixedIP) {
	left := slices.Clone(held)
	take := func(r *AddressRequest, fits func(FixedIP) bool) {
		if i := slices.IndexFunc(left, fits); i >= 0 {
			r.Address, r.Held = left[i].IPAddress, true
			left = slices.Delete(left, i, i+1)
		}
	}
	for i := range plan {
		if r := &plan[i]; r.Address.IsValid() {
			take(r, func(ip FixedIP) bool { return ip.IPAddress == r.Address })
		}
	}
	for i := range plan {
		if r := &plan[i]; !r.Address.IsValid() {
			take(r, func(ip FixedIP) bool { return ip.SubnetID == r.Subnets[0].ID })
		}
	}
}

func subnetFor(p *Port, subnets []*Subnet, want FixedIP) (*Subnet, error) {
	if len(subnets) == 0 {
		return nil, invalidInput("IP allocation requires subnets for network")
	}
	if want.SubnetID != "" {
		i := slices.IndexFunc(subnets, func(s *Subnet) bool { return s.ID == want.SubnetID })
		if i < 0 {
			return nil, invalidInput("Failed to create port on network %s, because fixed_ips included invalid subnet %s",
				p.NetworkID, want.SubnetID)
		}
		if want.IPAddress.IsValid() && !subnets[i].HasHost(want.IPAddress) {
			return nil, Errorf(http.StatusBadRequest, "InvalidIpForSubnet",
				"IP address %s is not a valid IP for the specified subnet.", want.IPAddress)
		}
		return subnets[i], nil
	}
	if !want.IPAddress.IsValid() {
		return nil, invalidInput("IP allocation requires subnet_id or ip_address")
	}
	i := slices.IndexFunc(subnets, func(s *Subnet) bool { return s.HasHost(want.IPAddress) })
	if i < 0 {
		return nil, Errorf(http.StatusBadRequest, "InvalidIpForNetwork",
			"IP address %s is not a valid IP for any of the subnets on the specified network.", want.IPAddress)
	}
	return subnets[i], nil
}
