package api

import (
	"fmt"
	"testing"
)

// TestRBACPolicies: red lets blue use a network.
func TestRBACPolicies(t *testing.T) {
	s := newServer(t)
	red, blue, green := as("red", "member"), as("blue", "member"), as("green", "member")
	n := s.create("network", `{"name":"n"}`, red...)["id"].(string)
	s.create("subnet", fmt.Sprintf(`{"network_id":%q,"ip_version":4,"cidr":"10.0.0.0/24"}`, n), red...)
	body := func(action, target string) string {
		return fmt.Sprintf(`{"rbac_policy":{"object_type":"network","object_id":%q,"action":%q,"target_tenant":%q}}`, n, action, target)
	}
	s.expect("404 NetworkNotFound", "GET", "/v2.0/networks/"+n, "", blue...)
	id := s.expect("201", "POST", "/v2.0/rbac-policies", body("access_as_shared", "blue"), red...).object("rbac_policy")["id"].(string)
	s.expect("200", "GET", "/v2.0/networks/"+n, "", blue...)
	s.expect("404 NetworkNotFound", "GET", "/v2.0/networks/"+n, "", green...)
	if got := s.names("subnets", "", "cidr", blue...); len(got) != 1 {
		t.Errorf("blue sees the subnets %v", got)
	}
	for _, tt := range []struct {
		who  []string
		want string
	}{{red, "false"}, {blue, "true"}} {
		if got := s.do("GET", "/v2.0/networks/"+n, "", tt.who...).object("network")["shared"]; fmt.Sprint(got) != tt.want {
			t.Errorf("shared is %v to %v", got, tt.who)
		}
	}
	port := s.expect("201", "POST", "/v2.0/ports", fmt.Sprintf(`{"port":{"network_id":%q}}`, n), blue...).object("port")["id"].(string)
	// Who has ports there keeps it.
	s.expect("409 RbacPolicyInUse", "DELETE", "/v2.0/rbac-policies/"+id, "", red...)
	s.expect("409 RbacPolicyInUse", "PUT", "/v2.0/rbac-policies/"+id, `{"rbac_policy":{"target_tenant":"green"}}`, red...)
	// Everybody, and what opens it to routers, is for administrators.
	const forbidden = "403 PolicyNotAuthorized"
	s.expect(forbidden, "POST", "/v2.0/rbac-policies", body("access_as_shared", "*"), red...)
	s.expect(forbidden, "PUT", "/v2.0/rbac-policies/"+id, `{"rbac_policy":{"target_tenant":"*"}}`, red...)
	s.expect(forbidden, "POST", "/v2.0/rbac-policies", body("access_as_external", "blue"), red...)
	s.expect("404 RbacPolicyNotFound", "GET", "/v2.0/rbac-policies/"+id, "", green...)
	s.expect("404 RbacPolicyNotFound", "DELETE", "/v2.0/rbac-policies/"+id, "", green...)
	for sent, want := range map[string]string{
		`{}`: badValue,
		fmt.Sprintf(`{"object_type":"qos_policy","object_id":%q,"action":"access_as_shared","target_tenant":"blue"}`, n): badInput,
		fmt.Sprintf(`{"object_type":"network","object_id":%q,"action":"eat","target_tenant":"blue"}`, n):                 "400 InvalidActionForType",
		fmt.Sprintf(`{"object_type":"network","object_id":%q,"action":"access_as_shared","target_tenant":7}`, n):         badValue,
		`{"object_type":"network","object_id":"x","action":"access_as_shared","target_tenant":"blue"}`:                   badValue,
	} {
		s.expect(want, "POST", "/v2.0/rbac-policies", wrap("rbac_policy", sent), red...)
	}
	s.expect("409 RbacPolicyInUse", "DELETE", "/v2.0/rbac-policies/"+id, "")
	s.expect("204", "DELETE", "/v2.0/ports/"+port, "", blue...)
	s.expect("204", "DELETE", "/v2.0/rbac-policies/"+id, "", red...)
	s.expect("404 NetworkNotFound", "GET", "/v2.0/networks/"+n, "", blue...)

	// What is external is seen, and not used.
	s.expect("200", "PUT", "/v2.0/networks/"+n, `{"network":{"router:external":true}}`)
	if got := s.names("networks", "router:external=True", "name", blue...); fmt.Sprint(got) != "[n]" {
		t.Errorf("blue sees the external networks %v", got)
	}
	if got := s.names("subnets", "", "cidr", blue...); len(got) != 1 {
		t.Errorf("blue sees the external subnets %v", got)
	}
	if list := s.do("GET", "/v2.0/rbac-policies", "").list("rbac_policies"); len(list) != 1 || list[0]["action"] != "access_as_external" || list[0]["target_tenant"] != "*" {
		t.Errorf("policies %v", list)
	}
}

func TestRBACPolicyAttributes(t *testing.T) {
	s := newServer(t)
	network := s.create("network", `{}`)["id"].(string)
	fixed := func(name, value, wrong string) attributeTries { // set once, and required
		return attributeTries{name,
			[]try{{absent, badValue, ""}, {"null", badValue, ""}, {value, created, value}, {"7", badValue, ""}, {text256(), badValue, ""}, {wrong, badInput, ""}},
			[]try{{absent, updated, ""}, {"null", notAllowed, ""}, {value, notAllowed, ""}, {"7", notAllowed, ""}}}
	}
	action := fixed("action", `"access_as_shared"`, `"eat"`)
	action.post[5].answer = "400 InvalidActionForType"
	tryAttributes(t, s, rbacPolicies(s.backend.rbacPolicies()), []attributeTries{
		readOnly("id", quoted(someUUID), "7"),
		{"tenant_id",
			[]try{{absent, created, `"red"`}, {"null", created, `"red"`}, {`"blue"`, created, `"blue"`}, {"7", badValue, ""}, {text256(), badValue, ""}},
			[]try{{absent, updated, `"red"`}, {"null", notAllowed, ""}, {`"red"`, notAllowed, ""}, {"7", notAllowed, ""}}},
		{"project_id",
			[]try{{absent, created, `"red"`}, {"null", created, `"red"`}, {`"blue"`, created, `"blue"`}, {"[]", badValue, ""}, {text256(), badValue, ""}},
			[]try{{absent, updated, `"red"`}, {"null", notAllowed, ""}, {`"red"`, notAllowed, ""}, {"7", notAllowed, ""}}},
		fixed("object_type", `"network"`, `"qos_policy"`),
		action,
		{"object_id",
			[]try{{absent, badValue, ""}, {"null", badValue, ""}, {quoted(network), created, quoted(network)}, {"7", badValue, ""}, {`"x"`, badValue, ""}, {quoted(someUUID), "404 NetworkNotFound", ""}},
			[]try{{absent, updated, ""}, {"null", notAllowed, ""}, {quoted(network), notAllowed, ""}, {"7", notAllowed, ""}}},
		{"target_tenant",
			[]try{{absent, badValue, ""}, {"null", badValue, ""}, {`"green"`, created, `"green"`}, {`"*"`, created, `"*"`}, {`""`, badInput, ""}, {"7", badValue, ""}, {text256(), badValue, ""}},
			[]try{{absent, updated, `"blue"`}, {"null", badValue, ""}, {`"green"`, updated, `"green"`}, {`"*"`, updated, `"*"`}, {`""`, badInput, ""}, {"[]", badValue, ""}, {text256(), badValue, ""}}},
	}, func() string {
		return fmt.Sprintf(`{"object_type":"network","object_id":%q,"action":"access_as_shared","target_tenant":"blue"}`, network)
	})
}
