package api

import (
	"math/big"

	"github.com/planck-sdn/planck/model/store"
)

type (
	availability       = store.NetworkIPAvailability
	subnetAvailability = store.SubnetIPAvailability
)

// availabilities declares how many addresses networks have and use (Neutron API reference, "Network IP availability and usage stats").
func availabilities(operations Operations[availability]) *Resource[availability] {
	project := computed(text, func(a *availability) string { return a.ProjectID })
	return &Resource[availability]{
		Name: "network_ip_availability", Collection: "network_ip_availabilities", Path: "network-ip-availabilities", Title: "NetworkIPAvailability",
		Read:  Service,
		ID:    func(a *availability) string { return a.NetworkID },
		Store: operations,
		Attributes: []Attribute[availability]{
			{Name: "network_id", Value: computed(identifier, func(a *availability) string { return a.NetworkID }), Get: Anyone, Filter: true},
			{Name: "network_name", Value: computed(text, func(a *availability) string { return a.NetworkName }), Get: Anyone, Filter: true},
			{Name: "tenant_id", Value: project, Get: Anyone, Filter: true},
			{Name: "project_id", Value: project, Get: Anyone, Filter: true},
			{Name: "total_ips", Value: computed(count, func(a *availability) *big.Int { return a.TotalIPs }), Get: Anyone},
			{Name: "used_ips", Value: computed(used, func(a *availability) int64 { return a.UsedIPs }), Get: Anyone},
			{Name: "subnet_ip_availability", Value: computed(subnetAvailabilities, func(a *availability) []subnetAvailability { return a.Subnets }), Get: Anyone},
			{Name: "ip_version", Value: Value[availability]{filter: filterInt}, Filter: true}, // of the subnets that are counted
		},
	}
}

// count is a number of addresses, which IPv6 has more of than an integer.
var count = Type[*big.Int]{
	Append: func(dst []byte, n *big.Int) []byte { return n.Append(dst, 10) },
	Schema: schema{"type": "integer"},
}

var subnetAvailabilities = listOf(Type[subnetAvailability]{
	Append: func(dst []byte, s subnetAvailability) []byte {
		dst = appendString(append(dst, `{"subnet_id":`...), s.SubnetID)
		dst = appendString(append(dst, `,"subnet_name":`...), s.SubnetName)
		dst = integer.Append(append(dst, `,"ip_version":`...), s.IPVersion)
		dst = cidr.Append(append(dst, `,"cidr":`...), s.CIDR)
		dst = count.Append(append(dst, `,"total_ips":`...), s.TotalIPs)
		return append(used.Append(append(dst, `,"used_ips":`...), s.UsedIPs), '}')
	},
	Schema: record(schema{"subnet_id": identifier.Schema, "subnet_name": text.Schema, "ip_version": integer.Schema, "cidr": cidr.Schema,
		"total_ips": count.Schema, "used_ips": used.Schema}, nil),
}, "", false)

var used = Type[int64]{Append: revision.Append, Schema: schema{"type": "integer", "minimum": 0}}
