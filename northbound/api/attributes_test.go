package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// try is one value of one attribute in one request: what is sent, and what comes of it. An answer is a status, and a
// refusal's also has its type. shown is the attribute's JSON in the answer; empty: it is not looked at.
type try struct{ sent, answer, shown string }

// attributeTries are all the tries of one attribute.
type attributeTries struct {
	attribute string
	post, put []try
}

// absent is sent as nothing.
const absent = ""

// Answers that come up often.
const (
	created    = "201"
	updated    = "200"
	badValue   = "400 HTTPBadRequest"
	badInput   = "400 InvalidInput"
	notAllowed = "400 HTTPBadRequest"
)

func quoted(s string) string { return `"` + s + `"` }

func text256() string { return quoted(strings.Repeat("x", 256)) }
func text255() string { return quoted(strings.Repeat("ü", 255)) }

const someUUID = "5d9ae29b-b1ff-4a8b-9be6-b2a8dd6df0f5"

// readOnly is an attribute that no request may mention.
func readOnly(name, value, wrong string) attributeTries {
	return attributeTries{name,
		[]try{{absent, created, ""}, {"null", notAllowed, ""}, {value, notAllowed, ""}, {wrong, notAllowed, ""}},
		[]try{{absent, updated, ""}, {"null", notAllowed, ""}, {value, notAllowed, ""}, {wrong, notAllowed, ""}}}
}

// The tries of what every resource has.
func standardTries(status bool) []attributeTries {
	tries := []attributeTries{
		readOnly("id", quoted(someUUID), "7"),
		{"tenant_id",
			[]try{{absent, created, `"red"`}, {"null", created, `"red"`}, {`"blue"`, created, `"blue"`}, {"7", badValue, ""}, {text256(), badValue, ""}},
			[]try{{absent, updated, `"red"`}, {"null", notAllowed, ""}, {`"red"`, notAllowed, ""}, {`"blue"`, notAllowed, ""}, {"7", notAllowed, ""}}},
		{"project_id",
			[]try{{absent, created, `"red"`}, {"null", created, `"red"`}, {`"blue"`, created, `"blue"`}, {"[]", badValue, ""}, {text256(), badValue, ""}},
			[]try{{absent, updated, `"red"`}, {"null", notAllowed, ""}, {`"red"`, notAllowed, ""}, {`"blue"`, notAllowed, ""}, {"7", notAllowed, ""}}},
		{"description",
			[]try{{absent, created, `""`}, {"null", badValue, ""}, {`"two\nlines"`, created, `"two\nlines"`}, {"true", badValue, ""}, {text255(), created, text255()}, {text256(), badValue, ""}, {`"\u0000"`, badValue, ""}},
			[]try{{absent, updated, `"before"`}, {"null", badValue, ""}, {`""`, updated, `""`}, {`"<&>\u2028"`, updated, `"<&>\u2028"`}, {"{}", badValue, ""}, {text256(), badValue, ""}}},
		{"name",
			[]try{{absent, created, `""`}, {"null", badValue, ""}, {`"web"`, created, `"web"`}, {"5", badValue, ""}, {`["web"]`, badValue, ""}, {text255(), created, text255()}, {text256(), badValue, ""}, {`" web"`, badValue, ""}, {`"a\tb"`, badValue, ""}, {`"a\u0000b"`, badValue, ""}},
			[]try{{absent, updated, `"before"`}, {"null", badValue, ""}, {`"web"`, updated, `"web"`}, {`""`, updated, `""`}, {"5", badValue, ""}, {text256(), badValue, ""}}},
		readOnly("tags", `["a"]`, "7"),
		readOnly("revision_number", "3", `"3"`),
		readOnly("created_at", `"2026-01-02T03:04:05Z"`, "7"),
		readOnly("updated_at", `"2026-01-02T03:04:05Z"`, "7"),
	}
	if status {
		tries = append(tries, readOnly("status", `"ACTIVE"`, "7"))
	}
	return tries
}

// flag is a boolean with a default.
func flag(name string, byDefault bool, before string) attributeTries {
	return attributeTries{name,
		[]try{{absent, created, fmt.Sprint(byDefault)}, {"null", badInput, ""}, {"false", created, "false"}, {`"True"`, created, "true"}, {"0", created, "false"}, {"2", badInput, ""}, {`"maybe"`, badInput, ""}, {"[]", badInput, ""}},
		[]try{{absent, updated, before}, {"null", badInput, ""}, {"false", updated, "false"}, {"true", updated, "true"}, {`"off"`, updated, "false"}, {"{}", badInput, ""}}}
}

func TestNetworkAttributes(t *testing.T) {
	s := newServer(t)
	tryAttributes(t, s, networks(s.backend.networks()), append(standardTries(true),
		flag("admin_state_up", true, "true"),
		flag("shared", false, "false"),
		flag("port_security_enabled", true, "true"),
		readOnly("subnets", "[]", "7"),
		attributeTries{"mtu",
			[]try{{absent, created, "1450"}, {"null", badInput, ""}, {"0", created, "1450"}, {"1400", created, "1400"}, {`"1400"`, created, "1400"}, {`"x"`, badInput, ""}, {"-1", badValue, ""}, {"67", badInput, ""}, {"1451", badInput, ""}, {"1e3", badInput, ""}},
			[]try{{absent, updated, "1450"}, {"null", badInput, ""}, {"0", updated, "1450"}, {"1400", updated, "1400"}, {`"x"`, badInput, ""}, {"-1", badValue, ""}, {"9000", badInput, ""}}},
		attributeTries{"router:external",
			[]try{{absent, created, "false"}, {"null", badInput, ""}, {"false", created, "false"}, {"true", created, "true"}, {`"x"`, badInput, ""}},
			[]try{{absent, updated, "false"}, {"null", badInput, ""}, {"false", updated, "false"}, {"true", updated, "true"}, {"7", badInput, ""}}},
		attributeTries{"dns_domain",
			[]try{{absent, created, `""`}, {"null", badValue, ""}, {`"example.org."`, created, `"example.org."`}, {"7", badValue, ""}, {`"no dot at its end"`, badValue, ""}, {text256(), badValue, ""}},
			[]try{{absent, updated, `""`}, {"null", badValue, ""}, {`"example.org."`, updated, `"example.org."`}, {"[]", badValue, ""}, {`"-x."`, badValue, ""}}},
		attributeTries{"availability_zone_hints",
			[]try{{absent, created, "[]"}, {"null", badValue, ""}, {`["nova"]`, created, `["nova"]`}, {"[]", created, "[]"}, {"7", badValue, ""}, {`["mars"]`, "404 AvailabilityZoneNotFound", ""}},
			[]try{{absent, updated, "[]"}, {"null", notAllowed, ""}, {`["nova"]`, notAllowed, ""}, {"7", notAllowed, ""}}},
		readOnly("availability_zones", `["nova"]`, "7"),
		attributeTries{"provider:network_type",
			[]try{{absent, created, `"vxlan"`}, {"null", created, `"vxlan"`}, {`"vxlan"`, created, `"vxlan"`}, {`"gre"`, badInput, ""}, {"7", badValue, ""}, {text256(), badValue, ""}, {`"vlan"`, badInput, ""}, {`"flat"`, badInput, ""}},
			[]try{{absent, updated, `"vxlan"`}, {"null", notAllowed, ""}, {`"vxlan"`, notAllowed, ""}, {"7", notAllowed, ""}}},
		attributeTries{"provider:physical_network",
			[]try{{absent, created, "null"}, {"null", created, "null"}, {`"public"`, badInput, ""}, {"7", badValue, ""}, {text256(), badValue, ""}},
			[]try{{absent, updated, "null"}, {"null", notAllowed, ""}, {`"public"`, notAllowed, ""}, {"7", notAllowed, ""}}},
		attributeTries{"provider:segmentation_id",
			[]try{{absent, created, ""}, {"null", created, ""}, {`"x"`, badInput, ""}, {"1.5", badInput, ""}, {"true", badInput, ""}, {"16777216", badInput, ""}, {"99999999999999999999", badInput, ""}, {"-1", badInput, ""}, {"0", badInput, ""}},
			[]try{{absent, updated, ""}, {"null", notAllowed, ""}, {"5", notAllowed, ""}, {`"x"`, notAllowed, ""}}},
	), func() string { return "{}" })
}

func TestSubnetAttributes(t *testing.T) {
	s := newServer(t)
	network := func() string { return s.create("network", `{}`)["id"].(string) }
	tryAttributes(t, s, subnets(s.backend.subnets()), append(standardTries(false),
		flag("enable_dhcp", true, "true"),
		readOnly("shared", "true", "7"),
		attributeTries{"ip_version",
			[]try{{absent, badValue, ""}, {"null", badInput, ""}, {"4", created, "4"}, {`"4"`, created, "4"}, {"6", badInput, ""}, {"5", badValue, ""}, {`"x"`, badInput, ""}},
			[]try{{absent, updated, "4"}, {"null", notAllowed, ""}, {"4", notAllowed, ""}, {`"x"`, notAllowed, ""}, {"6", notAllowed, ""}}},
		attributeTries{"network_id",
			[]try{{absent, badValue, ""}, {"null", badValue, ""}, {quoted(network()), created, ""}, {"7", badValue, ""}, {`"x"`, badValue, ""}, {quoted(someUUID), "404 NetworkNotFound", ""}},
			[]try{{absent, updated, ""}, {"null", notAllowed, ""}, {quoted(network()), notAllowed, ""}, {"7", notAllowed, ""}, {quoted(someUUID), notAllowed, ""}}},
		attributeTries{"cidr",
			[]try{{absent, "400 BadRequest", ""}, {"null", badInput, ""}, {`"192.168.7.0/24"`, created, `"192.168.7.0/24"`}, {`"192.168.7.9/24"`, created, `"192.168.7.0/24"`}, {"7", badInput, ""}, {`"192.168.7.0"`, badInput, ""}, {`"192.168.7.0/33"`, badInput, ""}, {`"0.0.0.0/0"`, badInput, ""}, {`"224.0.0.0/24"`, badInput, ""}, {`"127.0.0.0/24"`, badInput, ""}, {`"10.0.0.0/31"`, badInput, ""}, {`"fd00::/64"`, badInput, ""}},
			[]try{{absent, updated, `"10.0.0.0/24"`}, {"null", notAllowed, ""}, {`"192.168.7.0/24"`, notAllowed, ""}, {"7", notAllowed, ""}}},
		attributeTries{"gateway_ip",
			[]try{{absent, created, `"10.0.0.1"`}, {"null", created, "null"}, {`"10.0.0.254"`, created, `"10.0.0.254"`}, {`"192.0.2.1"`, created, `"192.0.2.1"`}, {"7", badValue, ""}, {`"10.0.0"`, badValue, ""}, {`"010.0.0.1"`, badValue, ""}, {`"10.0.0.0"`, badInput, ""}, {`"10.0.0.255"`, badInput, ""}, {`"fd00::1"`, badInput, ""}},
			[]try{{absent, updated, `"10.0.0.1"`}, {"null", updated, "null"}, {`"192.0.2.1"`, updated, `"192.0.2.1"`}, {`"10.0.0.9"`, "409 GatewayConflictWithAllocationPools", ""}, {"7", badValue, ""}, {`"10.0.0.255"`, badInput, ""}}},
		attributeTries{"allocation_pools",
			[]try{{absent, created, `[{"start":"10.0.0.2","end":"10.0.0.254"}]`}, {"null", badValue, ""}, {"[]", "409 IpAddressGenerationFailure", ""}, // the DHCP port finds none
				{`[{"start":"10.0.0.9","end":"10.0.0.12"}]`, created, `[{"start":"10.0.0.9","end":"10.0.0.12"}]`},
				{"7", badValue, ""}, {"[7]", badValue, ""}, {`[{"start":"10.0.0.9"}]`, badValue, ""}, {`[{"start":"10.0.0.9","end":"10.0.0.12","x":1}]`, badValue, ""}, {`[{"start":"10.0.0.9","end":9}]`, badValue, ""},
				{`[{"start":"10.0.0.12","end":"10.0.0.9"}]`, "400 InvalidAllocationPool", ""},
				{`[{"start":"10.0.0.9","end":"10.0.1.12"}]`, outOfBounds, ""},
				{`[{"start":"10.0.0.1","end":"10.0.0.12"}]`, "409 GatewayConflictWithAllocationPools", ""},
				{`[{"start":"10.0.0.9","end":"10.0.0.12"},{"start":"10.0.0.12","end":"10.0.0.20"}]`, "409 OverlappingAllocationPools", ""}},
			[]try{{absent, updated, ""}, {"null", badValue, ""}, {`[{"start":"10.0.0.9","end":"10.0.0.12"}]`, updated, `[{"start":"10.0.0.9","end":"10.0.0.12"}]`}, {"7", badValue, ""}, {`[{"start":"10.0.0.9","end":"10.0.1.12"}]`, outOfBounds, ""}}},
		attributeTries{"dns_nameservers",
			[]try{{absent, created, "[]"}, {"null", created, "[]"}, {`["192.0.2.53","192.0.2.54"]`, created, `["192.0.2.53","192.0.2.54"]`}, {`"192.0.2.53"`, badValue, ""}, {`[7]`, badValue, ""}, {`["192.0.2.53","192.0.2.53"]`, badValue, ""}, {`["ns.example"]`, badValue, ""}, {`["fd00::53"]`, badInput, ""}, {`["192.0.2.1","192.0.2.2","192.0.2.3","192.0.2.4","192.0.2.5","192.0.2.6"]`, "400 DNSNameServersExhausted", ""}},
			[]try{{absent, updated, "[]"}, {"null", updated, "[]"}, {`["192.0.2.53"]`, updated, `["192.0.2.53"]`}, {"7", badValue, ""}, {`["192.0.2.999"]`, badValue, ""}}},
		attributeTries{"host_routes",
			[]try{{absent, created, "[]"}, {"null", created, "[]"}, {`[{"destination":"192.0.2.0/24","nexthop":"10.0.0.7"}]`, created, `[{"destination":"192.0.2.0/24","nexthop":"10.0.0.7"}]`}, {"7", badValue, ""}, {"[7]", badValue, ""}, {`[{"destination":"192.0.2.0/24"}]`, badValue, ""}, {`[{"destination":"192.0.2.9/24","nexthop":"10.0.0.7"}]`, badValue, ""}, {`[{"destination":"127.0.0.0/8","nexthop":"10.0.0.7"}]`, badValue, ""}, {`[{"destination":"192.0.2.0/24","nexthop":7}]`, badValue, ""}, {`[{"destination":"fd00::/64","nexthop":"10.0.0.7"}]`, badInput, ""},
				{`[{"destination":"192.0.2.0/24","nexthop":"10.0.0.7"},{"destination":"192.0.2.0/24","nexthop":"10.0.0.7"}]`, badValue, ""}, {manyRoutes(21), "400 HostRoutesExhausted", ""}},
			[]try{{absent, updated, "[]"}, {"null", updated, "[]"}, {`[{"destination":"0.0.0.0/0","nexthop":"10.0.0.7"}]`, updated, `[{"destination":"0.0.0.0/0","nexthop":"10.0.0.7"}]`}, {"{}", badValue, ""}, {manyRoutes(21), "400 HostRoutesExhausted", ""}}},
		onlyNull("subnetpool_id", quoted(someUUID)),
		onlyNull("ipv6_ra_mode", `"slaac"`),
		onlyNull("ipv6_address_mode", `"slaac"`),
	), func() string {
		return fmt.Sprintf(`{"network_id":%q,"ip_version":4,"cidr":"10.0.0.0/24"}`, network())
	})
}

const outOfBounds = "400 OutOfBoundsAllocationPool"

// onlyNull is an attribute of a feature that does not exist.
func onlyNull(name, value string) attributeTries {
	return attributeTries{name,
		[]try{{absent, created, "null"}, {"null", created, "null"}, {value, badInput, ""}, {"7", badValue, ""}},
		[]try{{absent, updated, "null"}, {"null", notAllowed, ""}, {value, notAllowed, ""}, {"7", notAllowed, ""}}}
}

func manyRoutes(n int) string {
	routes := make([]string, n)
	for i := range routes {
		routes[i] = fmt.Sprintf(`{"destination":"198.51.%d.0/24","nexthop":"10.0.0.7"}`, i)
	}
	return "[" + strings.Join(routes, ",") + "]"
}

func manyPairs(n int) string {
	pairs := make([]string, n)
	for i := range pairs {
		pairs[i] = fmt.Sprintf(`{"ip_address":"198.51.100.%d"}`, i)
	}
	return "[" + strings.Join(pairs, ",") + "]"
}

func TestPortAttributes(t *testing.T) {
	s := newServer(t)
	network := s.create("network", `{}`)["id"].(string)
	subnet := s.create("subnet", fmt.Sprintf(`{"network_id":%q,"ip_version":4,"cidr":"10.0.0.0/16"}`, network))["id"].(string)
	other := s.create("network", `{}`)["id"].(string)
	foreign := s.create("subnet", fmt.Sprintf(`{"network_id":%q,"ip_version":4,"cidr":"10.0.0.0/16"}`, other))["id"].(string)
	group := s.create("security_group", `{}`)["id"].(string)
	stateless := s.create("security_group", `{"stateful":false}`)["id"].(string)
	byDefault := fmt.Sprintf("[%q]", s.names("security-groups", "name=default&tenant_id=red", "id")[0])
	groups := func(id string) string { return fmt.Sprintf("[%q]", id) }
	taken := s.create("port", fmt.Sprintf(`{"network_id":%q,"mac_address":"fa:16:3e:00:00:01","fixed_ips":[{"ip_address":"10.0.77.1"}]}`, network))
	if taken["mac_address"] != "fa:16:3e:00:00:01" {
		t.Fatalf("the port has %v", taken["mac_address"])
	}
	at := func(ip string) string { return fmt.Sprintf(`[{"subnet_id":%q,"ip_address":%q}]`, subnet, ip) }
	pair := func(mac, ip string) string { return fmt.Sprintf(`[{"mac_address":%q,"ip_address":%q}]`, mac, ip) }

	tryAttributes(t, s, ports(s.backend.ports()), append(standardTries(true),
		flag("admin_state_up", true, "true"),
		attributeTries{"port_security_enabled", flag("", true, "").post,
			[]try{{absent, updated, "true"}, {"null", badInput, ""}, {"true", updated, "true"}, {"false", "409 PortSecurityPortHasSecurityGroup", ""}, {`"off"`, "409 PortSecurityPortHasSecurityGroup", ""}, {"{}", badInput, ""}}},
		attributeTries{"network_id",
			[]try{{absent, badValue, ""}, {"null", badValue, ""}, {quoted(network), created, quoted(network)}, {"7", badValue, ""}, {`"x"`, badValue, ""}, {quoted(someUUID), "404 NetworkNotFound", ""}},
			[]try{{absent, updated, ""}, {"null", notAllowed, ""}, {quoted(network), notAllowed, ""}, {"7", notAllowed, ""}, {quoted(someUUID), notAllowed, ""}}},
		attributeTries{"mac_address",
			[]try{{absent, created, ""}, {"null", created, ""}, {`"FA:16:3E:00:01:01"`, created, `"fa:16:3e:00:01:01"`}, {`"fa-16-3e-00-01-02"`, created, `"fa:16:3e:00:01:02"`}, {`"fa163e000103"`, created, `"fa:16:3e:00:01:03"`}, {"7", badValue, ""}, {`"fa:16:3e:00:01"`, badValue, ""}, {`"fa:16:3e:00:01:01:02:03"`, badValue, ""}, {`"01:00:5e:00:00:01"`, badValue, ""}, {`"00:00:00:00:00:00"`, badValue, ""}, {`"ff:ff:ff:ff:ff:ff"`, badValue, ""}, {`"fa:16:3e:00:00:01"`, "409 MacAddressInUse", ""}},
			[]try{{absent, updated, ""}, {"null", updated, ""}, {`"fa:16:3e:00:01:09"`, updated, `"fa:16:3e:00:01:09"`}, {"{}", badValue, ""}, {`"zz:16:3e:00:00:01"`, badValue, ""}, {`"fa:16:3e:00:00:01"`, "409 MacAddressInUse", ""}}},
		attributeTries{"fixed_ips",
			[]try{{absent, created, ""}, {"null", badValue, ""}, {"[]", created, "[]"}, {`[{"ip_address":"10.0.7.1"}]`, created, at("10.0.7.1")}, {at("10.0.7.2"), created, at("10.0.7.2")}, {fmt.Sprintf(`[{"subnet_id":%q}]`, subnet), created, ""},
				{"7", badValue, ""}, {`[7]`, badValue, ""}, {`[{"ip_address":7}]`, badValue, ""}, {`[{"ip_address":null}]`, badValue, ""}, {`[{"subnet_id":"x"}]`, badValue, ""}, {`[{}]`, badInput, ""},
				{`[{"ip_address":"10.0.7.3"},{"ip_address":"10.0.7.3"}]`, badValue, ""},
				{`[{"ip_address":"10.9.0.1"}]`, "400 InvalidIpForNetwork", ""}, {at("10.9.0.1"), "400 InvalidIpForSubnet", ""}, {`[{"ip_address":"10.0.0.0"}]`, "400 InvalidIpForNetwork", ""},
				{`[{"ip_address":"fd00::1"}]`, badInput, ""}, {fmt.Sprintf(`[{"subnet_id":%q}]`, foreign), badInput, ""}, {fmt.Sprintf(`[{"subnet_id":%q}]`, someUUID), "404 SubnetNotFound", ""},
				{`[{"ip_address":"10.0.77.1"}]`, "409 IpAddressAlreadyAllocated", ""}},
			[]try{{absent, updated, ""}, {"null", badValue, ""}, {"[]", updated, "[]"}, {`[{"ip_address":"10.0.7.9"}]`, updated, at("10.0.7.9")}, {`"x"`, badValue, ""}, {`[{"ip_address":"10.9.0.1"}]`, "400 InvalidIpForNetwork", ""}, {`[{"ip_address":"10.0.77.1"}]`, "409 IpAddressAlreadyAllocated", ""}}},
		attributeTries{"device_id",
			[]try{{absent, created, `""`}, {"null", created, `""`}, {`"vm1"`, created, `"vm1"`}, {"7", badValue, ""}, {text256(), badValue, ""}},
			[]try{{absent, updated, `""`}, {"null", updated, `""`}, {`"vm1"`, updated, `"vm1"`}, {"[]", badValue, ""}, {text256(), badValue, ""}}},
		attributeTries{"device_owner",
			[]try{{absent, created, `""`}, {"null", created, `""`}, {`"compute:nova"`, created, `"compute:nova"`}, {"7", badValue, ""}, {text256(), badValue, ""}},
			[]try{{absent, updated, `""`}, {"null", updated, `""`}, {`"compute:nova"`, updated, `"compute:nova"`}, {"[]", badValue, ""}, {text256(), badValue, ""}}},
		attributeTries{"allowed_address_pairs",
			[]try{{absent, created, "[]"}, {"null", created, "[]"}, {pair("fa:16:3e:00:02:01", "10.0.8.1"), created, pair("fa:16:3e:00:02:01", "10.0.8.1")}, {pair("fa:16:3e:00:02:01", "10.0.8.0/24"), created, pair("fa:16:3e:00:02:01", "10.0.8.0/24")}, {`[{"ip_address":"10.0.8.1"}]`, created, ""},
				{"7", badValue, ""}, {"[7]", badValue, ""}, {`[{}]`, "400 AllowedAddressPairsMissingIP", ""}, {`[{"ip_address":7}]`, badValue, ""}, {`[{"ip_address":"10.0.8.1/33"}]`, badValue, ""}, {`[{"ip_address":"224.0.0.1"}]`, badValue, ""}, {pair("01:00:5e:00:00:01", "10.0.8.1"), badValue, ""}, {`[{"ip_address":"10.0.8.1","x":1}]`, badValue, ""}, {manyPairs(11), "400 AllowedAddressPairExhausted", ""},
				{`[{"ip_address":"10.0.8.1"},{"ip_address":"10.0.8.1"}]`, "400 DuplicateAddressPairInRequest", ""}},
			[]try{{absent, updated, "[]"}, {"null", updated, "[]"}, {pair("fa:16:3e:00:02:01", "10.0.8.1"), updated, pair("fa:16:3e:00:02:01", "10.0.8.1")}, {`"x"`, badValue, ""}, {manyPairs(11), "400 AllowedAddressPairExhausted", ""}}},
		attributeTries{"security_groups",
			[]try{{absent, created, byDefault}, {"null", created, "[]"}, {"[]", created, "[]"}, {groups(group), created, groups(group)}, {"7", badValue, ""}, {quoted(group), badValue, ""}, {"[7]", badValue, ""}, {`["x"]`, badValue, ""}, {groups(someUUID), noGroup, ""},
				{fmt.Sprintf("[%q,%q]", group, group), badValue, ""}, {fmt.Sprintf("[%q,%q]", group, stateless), "409 SecurityGroupConflict", ""}},
			[]try{{absent, updated, byDefault}, {"null", updated, "[]"}, {"[]", updated, "[]"}, {groups(group), updated, groups(group)}, {groups(stateless), updated, groups(stateless)}, {"{}", badValue, ""}, {groups(someUUID), noGroup, ""}, {fmt.Sprintf("[%q,%q]", group, stateless), "409 SecurityGroupConflict", ""}}},
		attributeTries{"binding:host_id",
			[]try{{absent, created, `""`}, {"null", created, `""`}, {`"compute1"`, created, `"compute1"`}, {"7", badValue, ""}, {text256(), badValue, ""}},
			[]try{{absent, updated, `""`}, {"null", updated, `""`}, {`"compute1"`, updated, `"compute1"`}, {"{}", badValue, ""}, {text256(), badValue, ""}}},
		attributeTries{"binding:vnic_type",
			[]try{{absent, created, `"normal"`}, {"null", badValue, ""}, {`"baremetal"`, created, `"baremetal"`}, {"7", badValue, ""}, {`"abnormal"`, badValue, ""}},
			[]try{{absent, updated, `"normal"`}, {"null", badValue, ""}, {`"direct"`, updated, `"direct"`}, {"[]", badValue, ""}, {`"abnormal"`, badValue, ""}}},
		attributeTries{"binding:profile",
			[]try{{absent, created, "{}"}, {"null", created, "{}"}, {`{"a":[1,2.5,{"b":null}]}`, created, `{"a":[1,2.5,{"b":null}]}`}, {"7", badValue, ""}, {"[]", badValue, ""}, {`{"a":"` + strings.Repeat("x", 4096) + `"}`, badInput, ""}},
			[]try{{absent, updated, "{}"}, {"null", updated, "{}"}, {`{"migrating_to":"compute2"}`, updated, `{"migrating_to":"compute2"}`}, {`"x"`, badValue, ""}, {`{"a":"` + strings.Repeat("x", 4096) + `"}`, badInput, ""}}},
		readOnly("binding:vif_type", `"ovs"`, "7"),
		readOnly("binding:vif_details", "{}", "7"),
		attributeTries{"dns_name",
			[]try{{absent, created, `""`}, {"null", badValue, ""}, {`"web"`, created, `"web"`}, {`"Web-1"`, created, `"web-1"`}, {"7", badValue, ""}, {`"a b"`, badValue, ""}, {`"-web"`, badValue, ""}, {text256(), badValue, ""}},
			[]try{{absent, updated, `""`}, {"null", badValue, ""}, {`"web"`, updated, `"web"`}, {`""`, updated, `""`}, {"[]", badValue, ""}, {`"web!"`, badValue, ""}}},
		readOnly("dns_assignment", "[]", "7"),
		attributeTries{"extra_dhcp_opts",
			[]try{{absent, created, "[]"}, {"null", created, "[]"}, {"[]", created, "[]"},
				{`[{"opt_name":"bootfile-name","opt_value":"pxelinux.0"}]`, created, `[{"opt_name":"bootfile-name","opt_value":"pxelinux.0","ip_version":4}]`},
				{`[{"opt_name":"dns-server","opt_value":"fd00::53","ip_version":"6"}]`, created, `[{"opt_name":"dns-server","opt_value":"fd00::53","ip_version":6}]`},
				{"7", badValue, ""}, {"[7]", badValue, ""}, {`[{"opt_name":"bootfile-name"}]`, badValue, ""}, {`[{"opt_value":"x"}]`, badValue, ""}, {`[{"opt_name":"mtu","opt_value":"many"}]`, badValue, ""}, {`[{"opt_name":"no-such-option","opt_value":"x"}]`, badValue, ""},
				{`[{"opt_name":"bootfile-name","opt_value":"x","ip_version":5}]`, badValue, ""}, {`[{"opt_name":"bootfile-name","opt_value":"x","more":1}]`, badValue, ""}},
			[]try{{absent, updated, "[]"}, {"null", updated, "[]"}, {`[{"opt_name":"mtu","opt_value":"1400"}]`, updated, `[{"opt_name":"mtu","opt_value":"1400","ip_version":4}]`}, {`[{"opt_name":"mtu","opt_value":null}]`, updated, "[]"}, {`"x"`, badValue, ""}, {`[{"opt_name":7,"opt_value":"x"}]`, badValue, ""}}},
	), func() string { return fmt.Sprintf(`{"network_id":%q}`, network) })
}

// tryAttributes runs the tries, each on an object of its own, and sees to it that every attribute has some. base is
// the body of an object that can be created.
func tryAttributes[T any](t *testing.T, s *server, r *Resource[T], all []attributeTries, base func() string) {
	t.Helper()
	tryAttributesAt(t, s, r, "/v2.0"+r.path(), "id", all, base)
}

// tryAttributesAt does so with the collection at path, whose objects are known by the attribute key.
func tryAttributesAt[T any](t *testing.T, s *server, r *Resource[T], path, key string, all []attributeTries, base func() string) {
	t.Helper()
	tried := map[string]bool{}
	for _, a := range all {
		tried[a.attribute] = true
		t.Run(a.attribute, func(t *testing.T) {
			for _, try := range a.post {
				body := with(t, base(), a.attribute, try.sent)
				before := s.do(http.MethodGet, path, "").body
				answer := s.do(http.MethodPost, path, wrap(r.Name, body))
				checkTry(t, http.MethodPost, a.attribute, try, answer, r.Name)
				if after := s.do(http.MethodGet, path, "").body; answer.status >= 400 && after != before {
					t.Errorf("POST %s refused, but there are now\n%s and not\n%s", try.sent, after, before)
				}
				if answer.status < 400 {
					s.expect("204", http.MethodDelete, fmt.Sprintf("%s/%s", path, answer.object(r.Name)[key]), "")
				}
			}
			for _, try := range a.put {
				body := base()
				for _, text := range []string{"name", "description"} {
					if r.attribute(text) != nil {
						body = with(t, body, text, `"before"`)
					}
				}
				object := s.expect("201", http.MethodPost, path, wrap(r.Name, body)).object(r.Name)
				own := fmt.Sprintf("%s/%s", path, object[key])
				tryPut(t, s, r.Name, own, a.attribute, try)
				s.expect("204", http.MethodDelete, own, "")
			}
		})
	}
	for _, a := range r.Attributes {
		if !tried[a.Name] {
			t.Errorf("%s has no tries", a.Name)
		}
	}
}

// tryPut tries a change of the object at path. What is refused leaves it as it was, and what is not is what is seen afterwards.
func tryPut(t *testing.T, s *server, name, path, attribute string, try try) {
	t.Helper()
	before := s.do(http.MethodGet, path, "").body
	answer := s.do(http.MethodPut, path, wrap(name, with(t, "{}", attribute, try.sent)))
	checkTry(t, http.MethodPut, attribute, try, answer, name)
	if after := s.do(http.MethodGet, path, "").body; answer.status >= 400 && after != before {
		t.Errorf("PUT %s refused, but it is\n%s and not\n%s", try.sent, after, before)
	} else if answer.status == 200 && after != answer.body {
		t.Errorf("PUT %s answered\n%s, but it is\n%s", try.sent, answer.body, after)
	}
}

func checkTry(t *testing.T, method, attribute string, try try, a answered, name string) {
	t.Helper()
	sent := try.sent
	if len(sent) > 60 {
		sent = sent[:60] + "..."
	}
	if got := a.outcome(); got != try.answer {
		t.Errorf("%s %s=%s answers %s, not %s: %.300s", method, attribute, sent, got, try.answer, a.body)
		return
	}
	if a.status >= 400 || try.shown == "" {
		return
	}
	var want any
	if err := json.Unmarshal([]byte(try.shown), &want); err != nil {
		t.Fatal(err)
	}
	wanted, _ := json.Marshal(want)
	shown, _ := json.Marshal(a.object(name)[attribute])
	if string(shown) != string(wanted) {
		t.Errorf("%s %s=%s shows %s, not %s", method, attribute, sent, shown, wanted)
	}
}

// with sets an attribute of a body, or takes it away.
func with(t *testing.T, body, attribute, value string) string {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		t.Fatal(err)
	}
	if value == absent {
		delete(m, attribute)
	} else {
		m[attribute] = json.RawMessage(value)
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
