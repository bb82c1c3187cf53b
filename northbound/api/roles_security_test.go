package api

import (
	"fmt"
	"slices"
	"testing"
)

func TestRolesOfSecurityGroups(t *testing.T) {
	const see, create, change = "vvvvvh", "yyyypy", "ypyyph" // Nova shows them with its servers
	s := newServer(t)
	own := func(requester int) string {
		return "/v2.0/security-groups/" + s.create("security_group", fmt.Sprintf(`{"tenant_id":%q}`, mineOf(requester)))["id"].(string)
	}
	checkRoles(s, securityGroups(s.backend.securityGroups()), append(standardRoles(see, create, change, "ypnnnn"),
		roleRow{"stateful", see, "f", "false", create, "false", change},
		roleRow{"security_group_rules", see, "-", "[]", "n", "[]", "n"},
	), place{func(int) string { return "/v2.0/security-groups" }, own, func(int) string { return "{}" }})
	for i, who := range requesters {
		want := map[rune]string{'y': "204", 'h': "404 SecurityGroupNotFound", 'p': "403 PolicyNotAuthorized"}[rune(change[i])]
		s.expect(want, "DELETE", own(i), "", who.headers...)
	}
}

// A rule is its group's owner's, whoever made it.
func TestRolesOfSecurityGroupRules(t *testing.T) {
	const see, create = "vvvvvh", "ypyyph"
	s := newServer(t)
	body := func(requester int) string {
		group := s.create("security_group", fmt.Sprintf(`{"tenant_id":%q}`, mineOf(requester)))["id"]
		return fmt.Sprintf(`{"security_group_id":%q,"direction":"ingress"}`, group)
	}
	own := func(requester int) string {
		return "/v2.0/security-group-rules/" + s.create("security_group_rule", with(t, body(requester), "tenant_id", quoted(mineOf(requester))))["id"].(string)
	}
	rows := slices.DeleteFunc(standardRoles(see, create, "", "ypnnnn"), func(r roleRow) bool { return r.attribute == "name" || r.attribute == "tags" })
	rows = append(rows,
		roleRow{"security_group_id", see, "b", quoted(someUUID), "hhhhph", "", ""},
		roleRow{"direction", see, "b", `"ingress"`, create, "", ""},
		roleRow{"ethertype", see, "b", `"IPv6"`, create, "", ""},
		roleRow{"protocol", see, "b", `"tcp"`, create, "", ""},
		roleRow{"port_range_min", see, "b", "null", create, "", ""},
		roleRow{"port_range_max", see, "b", "null", create, "", ""},
		roleRow{"remote_ip_prefix", see, "b", `"192.0.2.0/24"`, create, "", ""},
		roleRow{"normalized_cidr", see, "-", "null", "n", "", ""},
		roleRow{"remote_group_id", see, "b", quoted(someUUID), "hphhph", "", ""},
	)
	for i := range rows {
		rows[i].change = ""
	}
	checkRoles(s, securityGroupRules(s.backend.securityGroupRules()), rows, place{func(int) string { return "/v2.0/security-group-rules" }, own, body})
	for i, who := range requesters {
		want := map[rune]string{'y': "204", 'h': "404 SecurityGroupRuleNotFound", 'p': "403 PolicyNotAuthorized"}[rune(create[i])]
		s.expect(want, "DELETE", own(i), "", who.headers...)
	}
}
