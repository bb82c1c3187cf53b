package api

import (
	"net/http"
	"net/netip"

	"github.com/planck-sdn/planck/model"
)

// subnets declares the subnets (Neutron API reference, "Subnets"). Version 6 is refused until it has its issue.
func subnets(operations Operations[model.Subnet]) *Resource[model.Subnet] {
	type subnet = model.Subnet
	return &Resource[subnet]{
		Name: "subnet", Collection: "subnets", Title: "Subnet",
		Create: Anyone, Read: Anyone, Update: Anyone, Delete: Anyone,
		ID:        func(s *subnet) string { return s.ID },
		Revision:  func(s *subnet) int64 { return s.RevisionNumber },
		Tags:      func(s *subnet) *[]string { return &s.Tags },
		NetworkOf: func(s *subnet) string { return s.NetworkID },
		Complete:  completeSubnet,
		Store:     operations,
		Attributes: standard(
			func(s *subnet) standardFields {
				return standardFields{&s.ID, &s.ProjectID, &s.Description, &s.Tags, &s.RevisionNumber, &s.CreatedAt, &s.UpdatedAt}
			},
			Attribute[subnet]{Name: "name", Value: of(name, func(s *subnet) *string { return &s.Name }),
				Post: Anyone, Put: Anyone, Get: Anyone, Default: "", Filter: true, Sort: true},
			Attribute[subnet]{Name: "ip_version", Value: of(ipVersion, func(s *subnet) *int { return &s.IPVersion }),
				Post: Anyone, Get: Anyone, Required: true, Filter: true, Sort: true},
			Attribute[subnet]{Name: "network_id", Value: of(identifier, func(s *subnet) *string { return &s.NetworkID }),
				Post: Anyone, Get: Anyone, Required: true, Filter: true, Sort: true},
			Attribute[subnet]{Name: "cidr", Value: of(cidr, func(s *subnet) *netip.Prefix { return &s.CIDR }),
				Post: Anyone, Get: Anyone, Filter: true, Sort: true},
			Attribute[subnet]{Name: "gateway_ip", Value: of(ipOrNull, func(s *subnet) *netip.Addr { return &s.GatewayIP }),
				Post: Anyone, Put: Anyone, Get: Anyone, Filter: true, Sort: true},
			Attribute[subnet]{Name: "allocation_pools", Value: of(pools, func(s *subnet) *[]model.AddressRange { return &s.AllocationPools }),
				Post: Anyone, Put: Anyone, Get: Anyone},
			Attribute[subnet]{Name: "dns_nameservers", Value: of(nameservers, func(s *subnet) *[]netip.Addr { return &s.DNSNameservers }),
				Post: Anyone, Put: Anyone, Get: Anyone},
			Attribute[subnet]{Name: "host_routes", Value: of(hostRoutes, func(s *subnet) *[]model.HostRoute { return &s.HostRoutes }),
				Post: Anyone, Put: Anyone, Get: Anyone},
			Attribute[subnet]{Name: "enable_dhcp", Value: of(boolean, func(s *subnet) *bool { return &s.EnableDHCP }),
				Post: Anyone, Put: Anyone, Get: Anyone, Default: true, Filter: true, Sort: true},
			Attribute[subnet]{Name: "shared", Value: Value[subnet]{filter: boolean.Filter}, // as its network is
				Filter: true},
			Attribute[subnet]{Name: "subnetpool_id", Value: only[subnet](nullableText, "", "subnet pools are not supported"),
				Post: Anyone, Get: Anyone},
			Attribute[subnet]{Name: "ipv6_ra_mode", Value: only[subnet](nullableText, "", "ipv6_ra_mode is not valid when ip_version is 4"),
				Post: Anyone, Get: Anyone},
			Attribute[subnet]{Name: "ipv6_address_mode", Value: only[subnet](nullableText, "", "ipv6_address_mode is not valid when ip_version is 4"),
				Post: Anyone, Get: Anyone},
		),
	}
}

var ipVersion = Type[int]{
	Parse: func(j any) (int, error) {
		v, err := parseInt(j)
		switch {
		case err != nil:
			return 0, err
		case v == 6:
			return 0, invalidInput("subnets of IP version 6 are not supported yet")
		case v != 4:
			return 0, because("%d is not in [4, 6]", v)
		}
		return v, nil
	},
	Append: integer.Append,
	Schema: schema{"type": "integer", "enum": []int{4}},
	Filter: filterInt,
}

// fields takes apart a JSON object that must have these keys and no others.
func fields(j any, keys ...string) ([]any, error) {
	m, ok := j.(map[string]any)
	if !ok {
		return nil, because("Invalid input. '%s' must be a dictionary with keys: %s", show(j), showStrings(keys))
	}
	values := make([]any, len(keys))
	for i, key := range keys {
		v, ok := m[key]
		if !ok || len(m) != len(keys) {
			return nil, because("Validation of dictionary's keys failed. Expected keys: %s Provided keys: %s", showStrings(keys), show(j))
		}
		values[i] = v
	}
	return values, nil
}

var pools = listOf(Type[model.AddressRange]{
	Parse: func(j any) (r model.AddressRange, err error) {
		v, err := fields(j, "start", "end")
		if err != nil {
			return r, err
		}
		if r.Start, err = parseIP(v[0]); err != nil {
			return r, err
		}
		r.End, err = parseIP(v[1])
		return r, err
	},
	Append: func(dst []byte, r model.AddressRange) []byte {
		dst = appendIP(append(dst, `{"start":`...), r.Start)
		return append(appendIP(append(dst, `,"end":`...), r.End), '}')
	},
	Schema: record(schema{"start": addressSchema, "end": addressSchema}, nil),
}, "Invalid data format for IP pool: '%s'", false)

var nameservers = listOf(Type[netip.Addr]{
	Parse: func(j any) (netip.Addr, error) {
		ip, err := parseIP(j)
		if err != nil {
			err = because("'%s' is not a valid nameserver. %v", show(j), err)
		}
		return ip, err
	},
	Append: appendIP,
	Schema: addressSchema,
}, "Invalid data format for nameserver: '%s'", true)

var hostRoutes = listOf(Type[model.HostRoute]{
	Parse: func(j any) (model.HostRoute, error) {
		var r model.HostRoute
		v, err := fields(j, "destination", "nexthop")
		if err != nil {
			return r, err
		}
		s, _ := v[0].(string)
		if r.Destination, err = netip.ParsePrefix(s); err != nil || r.Destination != r.Destination.Masked() {
			return r, because("'%s' is not a valid CIDR", show(v[0]))
		}
		if r.Destination.Addr().IsLoopback() {
			return r, because("'%s' is not a routable CIDR", show(v[0]))
		}
		r.NextHop, err = parseIP(v[1])
		return r, err
	},
	Append: func(dst []byte, r model.HostRoute) []byte {
		dst = cidr.Append(append(dst, `{"destination":`...), r.Destination)
		return append(appendIP(append(dst, `,"nexthop":`...), r.NextHop), '}')
	},
	Schema: record(schema{"destination": cidr.Schema, "nexthop": addressSchema}, nil),
}, "Invalid data format for hostroute: '%s'", true)

// completeSubnet fills in what a new subnet leaves to its CIDR: a gateway that is absent is the first address, one
// that is null is none.
func completeSubnet(s *model.Subnet, said said[model.Subnet]) error {
	if !s.CIDR.IsValid() {
		return model.Errorf(http.StatusBadRequest, "BadRequest", "Bad subnets request: a subnetpool must be specified in the absence of a cidr.")
	}
	if !said.says("gateway_ip") {
		s.GatewayIP = model.DefaultGateway(s.CIDR)
	}
	if !said.says("allocation_pools") {
		s.AllocationPools = model.DefaultPools(s.CIDR, s.GatewayIP)
	}
	return nil
}
