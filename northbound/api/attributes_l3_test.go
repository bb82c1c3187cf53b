package api

import (
	"fmt"
	"slices"
	"testing"
)

func TestRouterAttributes(t *testing.T) {
	s := newServer(t)
	external, subnet := s.external()
	inside := s.create("network", `{}`)["id"].(string)
	insideSubnet := s.subnet(inside, "10.0.0.0/24")
	tunnelled := s.create("network", `{"router:external":true}`)["id"].(string)
	s.subnet(tunnelled, "198.51.100.0/24")
	s.portAt(external, "192.0.2.77")
	to := func(rest string) string { return fmt.Sprintf(`{"network_id":%q%s}`, external, rest) }
	at := func(ip, snat string) string {
		return fmt.Sprintf(`{"network_id":%q,"enable_snat":%s,"external_fixed_ips":[{"subnet_id":%q,"ip_address":%q}]}`, external, snat, subnet, ip)
	}
	refused := []try{{"7", badValue, ""}, {`"x"`, badValue, ""}, {`{"enable_snat":true}`, badValue, ""}, {`{"network_id":"x"}`, badValue, ""}, {`{"network_id":null}`, badValue, ""}, {to(`,"x":1`), badValue, ""},
		{to(`,"enable_snat":"maybe"`), badValue, ""}, {to(`,"enable_snat":null`), badValue, ""}, {to(`,"external_fixed_ips":7`), badValue, ""}, {to(`,"external_fixed_ips":null`), badValue, ""}, {to(`,"external_fixed_ips":[{"ip_address":"x"}]`), badValue, ""},
		{to(`,"external_fixed_ips":[{"ip_address":"10.0.0.9"}]`), "400 InvalidIpForNetwork", ""}, {to(`,"external_fixed_ips":[{"ip_address":"192.0.2.77"}]`), "409 IpAddressAlreadyAllocated", ""},
		{to(fmt.Sprintf(`,"external_fixed_ips":[{"subnet_id":%q}]`, insideSubnet)), badInput, ""}, {to(fmt.Sprintf(`,"external_fixed_ips":[{"subnet_id":%q}]`, someUUID)), "404 SubnetNotFound", ""},
		{fmt.Sprintf(`{"network_id":%q}`, someUUID), "404 NetworkNotFound", ""}, {fmt.Sprintf(`{"network_id":%q}`, inside), "400 BadRequest", ""}, {fmt.Sprintf(`{"network_id":%q}`, tunnelled), "400 BadRequest", ""}}
	constant := func(name, value, other string) attributeTries {
		return attributeTries{name,
			[]try{{absent, created, value}, {"null", created, value}, {value, created, value}, {other, badInput, ""}, {`"x"`, badInput, ""}},
			[]try{{absent, updated, value}, {"null", updated, value}, {value, updated, value}, {other, badInput, ""}, {"{}", badInput, ""}}}
	}
	tryAttributes(t, s, routers(s.backend.routers()), append(standardTries(true),
		flag("admin_state_up", true, "true"),
		attributeTries{"external_gateway_info",
			append([]try{{absent, created, "null"}, {"null", created, "null"}, {"{}", created, "null"}, {to(""), created, ""}, {at("192.0.2.50", "false"), created, at("192.0.2.50", "false")}, {at("192.0.2.51", "true"), created, at("192.0.2.51", "true")},
				{to(`,"enable_snat":"off","external_fixed_ips":[{"ip_address":"192.0.2.52"}]`), created, at("192.0.2.52", "false")}, {to(`,"external_fixed_ips":[]`), created, ""}}, refused...),
			append([]try{{absent, updated, "null"}, {"null", updated, "null"}, {"{}", updated, "null"}, {to(""), updated, ""}, {at("192.0.2.53", "false"), updated, at("192.0.2.53", "false")}}, refused...)},
		attributeTries{"routes",
			[]try{{absent, created, "[]"}, {"null", notAllowed, ""}, {"[]", notAllowed, ""}, {"7", notAllowed, ""}},
			[]try{{absent, updated, "[]"}, {"null", updated, "[]"}, {"[]", updated, "[]"}, {"7", badValue, ""}, {"[7]", badValue, ""}, {`[{"destination":"192.0.2.0/24"}]`, badValue, ""}, {`[{"destination":"192.0.2.9/24","nexthop":"10.0.0.7"}]`, badValue, ""},
				{`[{"destination":"192.0.2.0/24","nexthop":"x"}]`, badValue, ""}, {`[{"destination":"192.0.2.0/24","nexthop":"10.0.0.7","x":1}]`, badValue, ""}, {`[{"destination":"10.7.0.0/16","nexthop":"10.0.0.7"}]`, "400 InvalidRoutes", ""}}},
		constant("distributed", "true", "false"),
		constant("ha", "false", "true"),
		onlyNull("flavor_id", quoted(someUUID)),
		attributeTries{"availability_zone_hints",
			[]try{{absent, created, "[]"}, {"null", badValue, ""}, {`["nova"]`, created, `["nova"]`}, {"[]", created, "[]"}, {"7", badValue, ""}, {`["mars"]`, "404 AvailabilityZoneNotFound", ""}},
			[]try{{absent, updated, "[]"}, {"null", notAllowed, ""}, {`["nova"]`, notAllowed, ""}, {"7", notAllowed, ""}}},
		readOnly("availability_zones", `["nova"]`, "7"),
	), func() string { return "{}" })
}

func TestFloatingIPAttributes(t *testing.T) {
	s := newServer(t)
	external, subnet := s.external()
	_, network, _ := s.routed(external, "10.0.0.0/24")
	port := s.portAt(network, "10.0.0.5")
	two := s.create("port", fmt.Sprintf(`{"network_id":%q,"fixed_ips":[{"ip_address":"10.0.0.6"},{"ip_address":"10.0.0.7"}]}`, network))["id"].(string)
	none := s.create("port", fmt.Sprintf(`{"network_id":%q,"fixed_ips":[]}`, network))["id"].(string)
	taken := s.portAt(network, "10.0.0.8")
	s.create("floatingip", fmt.Sprintf(`{"floating_network_id":%q,"floating_ip_address":"192.0.2.77","port_id":%q}`, external, taken))
	elsewhere := s.create("network", `{}`)["id"].(string)
	insideSubnet := s.subnet(elsewhere, "10.0.0.0/24")
	unreachable := s.portAt(elsewhere, "10.0.0.5")
	tries := slices.DeleteFunc(standardTries(true), func(a attributeTries) bool { return a.attribute == "name" })
	port409 := "409 FloatingIPPortAlreadyAssociated"
	tryAttributes(t, s, floatingIPs(s.backend.floatingIPs()), append(tries,
		attributeTries{"floating_network_id",
			[]try{{absent, badValue, ""}, {"null", badValue, ""}, {quoted(external), created, quoted(external)}, {"7", badValue, ""}, {`"x"`, badValue, ""}, {quoted(someUUID), "404 NetworkNotFound", ""}, {quoted(elsewhere), "400 BadRequest", ""}},
			[]try{{absent, updated, quoted(external)}, {"null", notAllowed, ""}, {quoted(external), notAllowed, ""}, {"7", notAllowed, ""}}},
		attributeTries{"floating_ip_address",
			[]try{{absent, created, ""}, {"null", created, ""}, {`"192.0.2.50"`, created, `"192.0.2.50"`}, {"7", badValue, ""}, {`"192.0.2"`, badValue, ""}, {`"192.0.2.77"`, "409 IpAddressAlreadyAllocated", ""}, {`"10.0.0.9"`, "400 InvalidIpForNetwork", ""}},
			[]try{{absent, updated, ""}, {"null", notAllowed, ""}, {`"192.0.2.50"`, notAllowed, ""}, {"7", notAllowed, ""}}},
		attributeTries{"subnet_id",
			[]try{{absent, created, ""}, {"null", created, ""}, {quoted(subnet), created, ""}, {"7", badValue, ""}, {`"x"`, badValue, ""}, {quoted(someUUID), "404 SubnetNotFound", ""}, {quoted(insideSubnet), badInput, ""}},
			[]try{{absent, updated, ""}, {"null", notAllowed, ""}, {quoted(subnet), notAllowed, ""}}},
		attributeTries{"port_id",
			[]try{{absent, created, "null"}, {"null", created, "null"}, {quoted(port), created, quoted(port)}, {"7", badValue, ""}, {`"x"`, badValue, ""}, {quoted(someUUID), "404 PortNotFound", ""}, {quoted(two), "400 BadRequest", ""}, {quoted(none), "400 BadRequest", ""},
				{quoted(taken), port409, ""}, {quoted(unreachable), "404 ExternalGatewayForFloatingIPNotFound", ""}},
			[]try{{absent, updated, "null"}, {"null", updated, "null"}, {quoted(port), updated, quoted(port)}, {"[]", badValue, ""}, {quoted(someUUID), "404 PortNotFound", ""}, {quoted(two), "400 BadRequest", ""}, {quoted(taken), port409, ""}, {quoted(unreachable), "404 ExternalGatewayForFloatingIPNotFound", ""}}},
		attributeTries{"fixed_ip_address",
			[]try{{absent, created, "null"}, {"null", created, "null"}, {`"10.0.0.5"`, "400 BadRequest", ""}, {"7", badValue, ""}, {`"10.0.0"`, badValue, ""}},
			[]try{{absent, updated, "null"}, {"null", updated, "null"}, {`"10.0.0.5"`, "400 BadRequest", ""}, {"7", badValue, ""}, {`"10.0.0"`, badValue, ""}}},
		readOnly("router_id", quoted(someUUID), "7"),
		readOnly("port_details", "{}", "7"),
		attributeTries{"dns_name",
			[]try{{absent, created, `""`}, {"null", badValue, ""}, {`"Web"`, created, `"web"`}, {"7", badValue, ""}, {`"a b"`, badValue, ""}, {text256(), badValue, ""}},
			[]try{{absent, updated, `""`}, {"null", notAllowed, ""}, {`"web"`, notAllowed, ""}, {"7", notAllowed, ""}}},
		attributeTries{"dns_domain",
			[]try{{absent, created, `""`}, {"null", badValue, ""}, {`"example.org."`, created, `"example.org."`}, {"7", badValue, ""}, {`"no dot at its end"`, badValue, ""}, {text256(), badValue, ""}},
			[]try{{absent, updated, `""`}, {"null", notAllowed, ""}, {`"example.org."`, notAllowed, ""}, {"7", notAllowed, ""}}},
	), func() string { return fmt.Sprintf(`{"floating_network_id":%q}`, external) })

	// The address of a port that has several is said with the port.
	for body, want := range map[string]string{
		fmt.Sprintf(`{"port_id":%q,"fixed_ip_address":"10.0.0.7"}`, two):   `201 10.0.0.7`,
		fmt.Sprintf(`{"port_id":%q,"fixed_ip_address":"10.0.0.8"}`, two):   `400 BadRequest`,
		fmt.Sprintf(`{"port_id":%q,"fixed_ip_address":"fd00::1"}`, two):    `400 BadRequest`,
		fmt.Sprintf(`{"port_id":%q,"fixed_ip_address":null}`, port):        `201 10.0.0.5`,
		fmt.Sprintf(`{"port_id":null,"fixed_ip_address":%q}`, "10.0.0.7"):  `400 BadRequest`,
		fmt.Sprintf(`{"port_id":%q,"fixed_ip_address":"10.0.0.8"}`, taken): port409,
	} {
		a := s.do("POST", "/v2.0/floatingips", wrap("floatingip", with(t, body, "floating_network_id", quoted(external))))
		got := a.outcome()
		if f := a.object("floatingip"); a.status == 201 {
			got += fmt.Sprint(" ", f["fixed_ip_address"])
			s.expect("204", "DELETE", "/v2.0/floatingips/"+f["id"].(string), "")
		}
		if got != want {
			t.Errorf("%s: %s, not %s", body, got, want)
		}
	}
}
