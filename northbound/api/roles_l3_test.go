package api

import (
	"fmt"
	"slices"
	"testing"
)

// mineOf is whose the object is that a requester looks at: the guest has its own.
func mineOf(requester int) string {
	if requester == guest {
		return "green"
	}
	return "red"
}

func TestRolesOfRouters(t *testing.T) {
	const see, create, change = "vhvvvh", "yyyypy", "yhyyph"
	const adminSees, adminCreates, adminChanges = "vh---h", "yppppp", "yhppph"
	s := newServer(t)
	external, _ := s.external()
	own := func(requester int) string {
		return "/v2.0/routers/" + s.create("router", fmt.Sprintf(`{"tenant_id":%q}`, mineOf(requester)))["id"].(string)
	}
	gateway := fmt.Sprintf(`{"network_id":%q}`, external)
	checkRoles(s, routers(s.backend.routers()), append(standardRoles(see, create, change, "ypnnnn"),
		roleRow{"admin_state_up", see, "b", "false", create, "false", change},
		roleRow{"status", see, "s", `"ACTIVE"`, "n", `"ACTIVE"`, "n"},
		roleRow{"external_gateway_info", see, "-", gateway, create, gateway, change},
		roleRow{"routes", see, "-", "[]", "n", "[]", change},
		roleRow{"distributed", adminSees, "-", "true", adminCreates, "true", adminChanges},
		roleRow{"ha", adminSees, "-", "false", adminCreates, "false", adminChanges},
		roleRow{"flavor_id", see, "-", "null", create, "null", "n"},
		roleRow{"availability_zone_hints", see, "-", `["nova"]`, create, `["nova"]`, "n"},
		roleRow{"availability_zones", see, "-", `["nova"]`, "n", `["nova"]`, "n"},
	), place{func(int) string { return "/v2.0/routers" }, own, func(int) string { return "{}" }})

	// Of the gateway, tenants choose the network, and administrators the rest.
	for _, part := range []string{`"enable_snat":true`, `"enable_snat":false`, `"external_fixed_ips":[]`} {
		body := wrap("router", fmt.Sprintf(`{"external_gateway_info":{"network_id":%q,%s}}`, external, part))
		for i, who := range requesters {
			if got, want := s.outcomeLetter("POST", "/v2.0/routers", body, who.headers), letter(adminCreates, i); got != want {
				t.Errorf("%s creates with %s: %s, not %s", who.name, part, got, want)
			}
			if got, want := s.outcomeLetter("PUT", own(i), body, who.headers), letter(adminChanges, i); got != want {
				t.Errorf("%s changes %s: %s, not %s", who.name, part, got, want)
			}
		}
	}
	for _, action := range []string{"add_router_interface", "remove_router_interface"} {
		for i, who := range requesters {
			want := letter("hhhhph", i) // no such subnet, or no such router
			if got := s.outcomeLetter("PUT", own(i)+"/"+action, fmt.Sprintf(`{"subnet_id":%q}`, someUUID), who.headers); got != want {
				t.Errorf("%s %s: %s, not %s", who.name, action, got, want)
			}
		}
	}
	for _, action := range []string{"add_extraroutes", "remove_extraroutes"} {
		for i, who := range requesters {
			if got, want := s.outcomeLetter("PUT", own(i)+"/"+action, `{"router":{"routes":[]}}`, who.headers), letter(change, i); got != want {
				t.Errorf("%s %s: %s, not %s", who.name, action, got, want)
			}
		}
	}
	for i, who := range requesters {
		want := "403 PolicyNotAuthorized"
		if i == 0 {
			want = "200"
		}
		s.expect(want, "GET", own(i)+"/l3-agents", "", who.headers...)
	}
}

func TestRolesOfFloatingIPs(t *testing.T) {
	const see, create, change = "vvvvvh", "yyyypy", "ypyyph" // Nova shows them with its servers
	s := newServer(t)
	external, _ := s.external()
	body := func(int) string { return fmt.Sprintf(`{"floating_network_id":%q}`, external) }
	own := func(requester int) string {
		return "/v2.0/floatingips/" + s.create("floatingip", with(t, body(0), "tenant_id", quoted(mineOf(requester))))["id"].(string)
	}
	rows := slices.DeleteFunc(standardRoles(see, create, change, "ypnnnn"), func(r roleRow) bool { return r.attribute == "name" })
	checkRoles(s, floatingIPs(s.backend.floatingIPs()), append(rows,
		roleRow{"floating_network_id", see, "b", quoted(someUUID), "hhhhph", quoted(someUUID), "n"},
		roleRow{"floating_ip_address", see, "b", `"192.0.2.250"`, "yppppp", `"192.0.2.250"`, "n"},
		roleRow{"subnet_id", "-----h", "-", "null", create, "null", "n"},
		roleRow{"port_id", see, "f", "null", create, "null", change},
		roleRow{"fixed_ip_address", see, "b", "null", create, "null", change},
		roleRow{"router_id", see, "b", quoted(someUUID), "n", quoted(someUUID), "n"},
		roleRow{"status", see, "b", `"DOWN"`, "n", `"DOWN"`, "n"},
		roleRow{"dns_name", see, "-", `"web"`, create, `"web"`, "n"},
		roleRow{"dns_domain", see, "-", `"example.org."`, create, `"example.org."`, "n"},
		roleRow{"port_details", see, "-", "{}", "n", "{}", "n"},
	), place{func(int) string { return "/v2.0/floatingips" }, own, body})
	s.expect("201", "POST", "/v2.0/floatingips", wrap("floatingip", with(t, body(0), "floating_ip_address", "null")), as("red", "member")...)
}
