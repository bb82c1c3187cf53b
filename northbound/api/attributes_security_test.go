package api

import (
	"fmt"
	"slices"
	"testing"
)

const (
	noGroup      = "404 SecurityGroupNotFound"
	noPort       = "400 SecurityGroupInvalidPortValue"
	noProtocol   = "400 SecurityGroupRuleInvalidProtocol"
	noEtherType  = "400 SecurityGroupRuleInvalidEtherType"
	noCIDR       = "400 InvalidCIDR"
	defaultTaken = "409 SecurityGroupDefaultAlreadyExists"
)

func TestSecurityGroupAttributes(t *testing.T) {
	s := newServer(t)
	tryAttributes(t, s, securityGroups(s.backend.securityGroups()), append(standardTries(false),
		attributeTries{"name",
			[]try{{`"default"`, defaultTaken, ""}, {`"Default"`, defaultTaken, ""}},
			[]try{{`"default"`, defaultTaken, ""}, {`"DEFAULT"`, defaultTaken, ""}}},
		flag("stateful", true, "true"),
		readOnly("security_group_rules", "[]", "7"),
	), func() string { return "{}" })
}

// emptyGroup makes a group without any rule.
func (s *server) emptyGroup(body string) string {
	s.t.Helper()
	group := s.create("security_group", body)
	for _, rule := range group["security_group_rules"].([]any) {
		s.expect("204", "DELETE", fmt.Sprintf("/v2.0/security-group-rules/%s", rule.(map[string]any)["id"]), "")
	}
	return group["id"].(string)
}

func TestSecurityGroupRuleAttributes(t *testing.T) {
	s := newServer(t)
	group := s.emptyGroup(`{}`)
	other := s.create("security_group", `{"tenant_id":"blue"}`)["id"].(string)
	tries := slices.DeleteFunc(standardTries(false), func(a attributeTries) bool { return a.attribute == "name" || a.attribute == "tags" })
	port := func(name string) attributeTries {
		const alone = "400 SecurityGroupProtocolRequiredWithPorts"
		return attributeTries{name, []try{{absent, created, "null"}, {"null", created, "null"}, {"22", alone, ""}, {`"22"`, alone, ""}, {`"x"`, noPort, ""}, {`""`, noPort, ""}, {"65536", noPort, ""}, {"-1", noPort, ""},
			{"true", noPort, ""}, {"1.5", noPort, ""}, {"1e400", noPort, ""}, {"[]", noPort, ""}}, nil}
	}
	const conflict = "400 SecurityGroupEthertypeConflictWithProtocol"
	tries = append(tries,
		attributeTries{"security_group_id",
			[]try{{absent, badValue, ""}, {"null", badValue, ""}, {quoted(group), created, quoted(group)}, {quoted(other), created, quoted(other)}, {"7", badValue, ""}, {`"x"`, noGroup, ""}, {`""`, noGroup, ""}, {quoted(someUUID), noGroup, ""}, {quoted(someUUID + "0"), badValue, ""}, {`"\u0000"`, badValue, ""}}, nil},
		attributeTries{"direction",
			[]try{{absent, badValue, ""}, {"null", badValue, ""}, {`"ingress"`, created, `"ingress"`}, {`"egress"`, created, `"egress"`}, {`"INGRESS"`, badValue, ""}, {`"in"`, badValue, ""}, {"7", badValue, ""}, {"[]", badValue, ""}}, nil},
		attributeTries{"ethertype",
			[]try{{absent, created, `"IPv4"`}, {"null", noEtherType, ""}, {`"IPv4"`, created, `"IPv4"`}, {`"ipv6"`, created, `"IPv6"`}, {`"IPX"`, noEtherType, ""}, {`""`, noEtherType, ""}, {"4", noEtherType, ""}, {"{}", noEtherType, ""}}, nil},
		attributeTries{"protocol",
			[]try{{absent, created, "null"}, {"null", created, "null"}, {`"any"`, created, "null"}, {`"tcp"`, created, `"tcp"`}, {`"UDP"`, created, `"udp"`}, {"6", created, `"6"`}, {`"6"`, created, `"6"`}, {"0", created, "null"}, {`"ip"`, created, "null"}, {"255", created, `"255"`}, {`"icmp"`, created, `"icmp"`},
				{"256", noProtocol, ""}, {"-1", noProtocol, ""}, {"6.5", noProtocol, ""}, {"true", noProtocol, ""}, {`"xyz"`, noProtocol, ""}, {`["tcp"]`, noProtocol, ""}, {text256(), noProtocol, ""}, {`"\u0000"`, noProtocol, ""}, {`"ipv6-icmp"`, conflict, ""}, {`"icmpv6"`, conflict, ""}, {"58", conflict, ""}}, nil},
		port("port_range_min"), port("port_range_max"),
		attributeTries{"remote_ip_prefix",
			[]try{{absent, created, "null"}, {"null", created, "null"}, {`""`, created, "null"}, {`"192.0.2.0/24"`, created, `"192.0.2.0/24"`}, {`"192.0.2.9/24"`, created, `"192.0.2.9/24"`}, {`"192.0.2.9"`, created, `"192.0.2.9/32"`}, {`"0.0.0.0/0"`, created, `"0.0.0.0/0"`},
				{"7", noCIDR, ""}, {`"x"`, noCIDR, ""}, {`"192.0.2.0/33"`, noCIDR, ""}, {`"192.0.2"`, noCIDR, ""}, {`"fe80::1%eth0"`, noCIDR, ""}, {"[]", noCIDR, ""}, {`"fd00::/64"`, "400 SecurityGroupRuleParameterConflict", ""}}, nil},
		readOnly("normalized_cidr", `"192.0.2.0/24"`, "7"),
		attributeTries{"remote_group_id",
			[]try{{absent, created, "null"}, {"null", created, "null"}, {`""`, created, "null"}, {quoted(group), created, quoted(group)}, {"7", badValue, ""}, {`"x"`, noGroup, ""}, {quoted(someUUID), noGroup, ""}, {text256(), badValue, ""}}, nil},
	)
	for i := range tries {
		tries[i].put = nil
	}
	tryAttributes(t, s, securityGroupRules(s.backend.securityGroupRules()), tries, func() string {
		return fmt.Sprintf(`{"security_group_id":%q,"direction":"ingress"}`, group)
	})
	rule := s.create("security_group_rule", fmt.Sprintf(`{"security_group_id":%q,"direction":"ingress"}`, group))["id"].(string)
	s.expect("405 HTTPMethodNotAllowed", "PUT", "/v2.0/security-group-rules/"+rule, `{"security_group_rule":{"description":"x"}}`)
}
