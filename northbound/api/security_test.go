package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
)

// shownRule is what a rule says, in short.
func shownRule(r map[string]any) string {
	return strings.TrimSpace(fmt.Sprintln(r["direction"], r["ethertype"], r["protocol"], r["port_range_min"], r["port_range_max"], r["remote_ip_prefix"], r["normalized_cidr"], r["remote_group_id"]))
}

// rulesOf are a group's rules, sorted.
func rulesOf(t *testing.T, group map[string]any) []string {
	t.Helper()
	list, ok := group["security_group_rules"].([]any)
	if !ok {
		t.Fatalf("the group is %v", group)
	}
	rules := make([]string, len(list))
	for i, r := range list {
		rules[i] = shownRule(r.(map[string]any))
	}
	return slices.Sorted(slices.Values(rules))
}

const (
	outIPv4 = "egress IPv4 <nil> <nil> <nil> <nil> <nil> <nil>"
	outIPv6 = "egress IPv6 <nil> <nil> <nil> <nil> <nil> <nil>"
)

// A project has its default group from when somebody looks, or needs it.
func TestDefaultSecurityGroup(t *testing.T) {
	s := newServer(t)
	red, blue := as("red", "member"), as("blue", "member")
	first := s.do("GET", "/v2.0/security-groups", "", red...).list("security_groups")
	if len(first) != 1 || first[0]["name"] != "default" || first[0]["project_id"] != "red" || first[0]["stateful"] != true || first[0]["description"] != "Default security group" {
		t.Fatalf("red sees %v first", first)
	}
	id := first[0]["id"].(string)
	want := []string{outIPv4, outIPv6, "ingress IPv4 <nil> <nil> <nil> <nil> <nil> " + id, "ingress IPv6 <nil> <nil> <nil> <nil> <nil> " + id}
	if got := rulesOf(t, first[0]); !slices.Equal(got, want) {
		t.Errorf("its rules are %q", got)
	}
	if again := s.names("security-groups", "name=default&tenant_id=red&fields=id", "id", red...); !slices.Equal(again, []string{id}) {
		t.Errorf("red sees %v the second time", again)
	}
	network := s.create("network", `{}`, red...)["id"].(string)
	if port := s.create("port", fmt.Sprintf(`{"network_id":%q}`, network), red...); fmt.Sprint(port["security_groups"]) != "["+id+"]" {
		t.Errorf("a port has %v", port["security_groups"])
	}
	if rules := s.names("security-group-rules", "", "project_id", blue...); !slices.Equal(rules, []string{"blue", "blue", "blue", "blue"}) {
		t.Errorf("blue sees the rules of %v", rules)
	}
	if made := s.create("security_group", `{"name":"web","tenant_id":"green"}`); !slices.Equal(rulesOf(t, made), []string{outIPv4, outIPv6}) {
		t.Errorf("a new group has %v", made)
	}
	if names := s.names("security-groups", "project_id=green&sort_key=name&sort_dir=asc", "name"); !slices.Equal(names, []string{"default", "web"}) {
		t.Errorf("green has %v", names)
	}

	own := "/v2.0/security-groups/" + id
	s.expect("409 SecurityGroupCannotUpdateDefault", "PUT", own, `{"security_group":{"name":"mine"}}`, red...)
	s.expect(defaultTaken, "PUT", own, `{"security_group":{"name":"default"}}`, red...)
	s.expect("200", "PUT", own, `{"security_group":{"description":"ours"}}`, red...)
	s.expect(defaultTaken, "POST", "/v2.0/security-groups", `{"security_group":{"name":"Default"}}`, red...)
	unused := "/v2.0/security-groups/" + s.names("security-groups", "name=default", "id", blue...)[0]
	s.expect("409 SecurityGroupCannotRemoveDefault", "DELETE", unused, "", blue...)
	s.expect("204", "DELETE", unused, "")
	if names := s.names("security-groups", "", "name", blue...); !slices.Equal(names, []string{"default"}) {
		t.Errorf("blue, without a default group, sees %v", names)
	}
}

func TestSecurityGroupsInUse(t *testing.T) {
	s := newServer(t)
	network := s.create("network", `{}`)["id"].(string)
	group := s.create("security_group", `{"name":"web"}`)["id"].(string)
	port := s.create("port", fmt.Sprintf(`{"network_id":%q,"security_groups":[%q]}`, network, group))["id"].(string)
	if got := s.names("ports", "security_groups="+group, "id"); !slices.Equal(got, []string{port}) {
		t.Errorf("the group's ports are %v", got)
	}
	own := "/v2.0/security-groups/" + group
	s.expect("409 SecurityGroupInUse", "DELETE", own, "")
	s.expect("409 SecurityGroupInUse", "PUT", own, `{"security_group":{"stateful":false}}`)
	s.expect("200", "PUT", own, `{"security_group":{"stateful":true,"name":"www"}}`)
	s.expect("412 RevisionNumberConstraintFailed", "PUT", own, `{"security_group":{"name":"x"}}`, "If-Match", "revision_number=1")
	s.expect("200", "PUT", "/v2.0/ports/"+port, `{"port":{"security_groups":[]}}`)
	s.expect("200", "PUT", own, `{"security_group":{"stateful":false}}`)

	// A rule about a group goes with it.
	other := s.create("security_group", `{}`)["id"].(string)
	rule := s.create("security_group_rule", fmt.Sprintf(`{"security_group_id":%q,"direction":"ingress","remote_group_id":%q}`, other, group))["id"].(string)
	s.expect("204", "DELETE", own, "")
	s.expect(noGroup, "DELETE", own, "")
	s.expect("404 SecurityGroupRuleNotFound", "GET", "/v2.0/security-group-rules/"+rule, "")
	s.expect("404 SecurityGroupRuleNotFound", "DELETE", "/v2.0/security-group-rules/"+rule, "")
	if got := rulesOf(t, s.do("GET", "/v2.0/security-groups/"+other, "").object("security_group")); !slices.Equal(got, []string{outIPv4, outIPv6}) {
		t.Errorf("the other group has %q", got)
	}
}

// What the attributes of a rule say together.
func TestSecurityGroupRules(t *testing.T) {
	s := newServer(t)
	group := s.create("security_group", `{}`)["id"].(string)
	for _, c := range []struct{ rule, want string }{
		{`"protocol":"tcp","port_range_min":22,"port_range_max":22`, "ingress IPv4 tcp 22 22 <nil> <nil> <nil>"},
		{`"protocol":"tcp","port_range_min":"80","port_range_max":"90"`, "ingress IPv4 tcp 80 90 <nil> <nil> <nil>"},
		{`"protocol":17,"port_range_min":53,"port_range_max":53,"remote_ip_prefix":"192.0.2.9/24"`, "ingress IPv4 17 53 53 192.0.2.9/24 192.0.2.0/24 <nil>"},
		{`"protocol":"udp","port_range_min":1,"port_range_max":65535`, "ingress IPv4 udp <nil> <nil> <nil> <nil> <nil>"},
		{`"protocol":"tcp","port_range_min":81,"port_range_max":80`, "400 SecurityGroupInvalidPortRange"},
		{`"protocol":"tcp","port_range_min":81`, "400 SecurityGroupInvalidPortRange"},
		{`"protocol":"6","port_range_max":81`, "400 SecurityGroupInvalidPortRange"},
		{`"protocol":"tcp","port_range_min":0,"port_range_max":81`, noPort},
		{`"protocol":"icmp","port_range_min":8,"port_range_max":0`, "ingress IPv4 icmp 8 0 <nil> <nil> <nil>"},
		{`"protocol":"icmp","port_range_min":0`, "ingress IPv4 icmp 0 <nil> <nil> <nil> <nil>"},
		{`"protocol":"icmp","port_range_min":256`, "400 SecurityGroupInvalidIcmpValue"},
		{`"protocol":1,"port_range_min":3,"port_range_max":256`, "400 SecurityGroupInvalidIcmpValue"},
		{`"protocol":"icmp","port_range_max":1`, "400 SecurityGroupMissingIcmpType"},
		{`"protocol":"gre","port_range_min":1,"port_range_max":2`, "400 SecurityGroupInvalidProtocolForPort"},
		{`"protocol":"sctp","port_range_min":1,"port_range_max":2`, "400 SecurityGroupInvalidProtocolForPort"}, // nothing could tell the ports apart
		{`"protocol":"sctp"`, "ingress IPv4 sctp <nil> <nil> <nil> <nil> <nil>"},
		{`"ethertype":"IPv6","protocol":"icmp"`, "ingress IPv6 ipv6-icmp <nil> <nil> <nil> <nil> <nil>"},
		{`"ethertype":"IPv6","remote_ip_prefix":"fd00::1"`, "ingress IPv6 <nil> <nil> <nil> fd00::1/128 fd00::1/128 <nil>"},
		{`"ethertype":"IPv6","remote_ip_prefix":"10.0.0.0/8"`, "400 SecurityGroupRuleParameterConflict"},
		{`"remote_group_id":"GROUP"`, "ingress IPv4 <nil> <nil> <nil> <nil> <nil> " + group},
		{`"remote_group_id":"GROUP","remote_ip_prefix":"10.0.0.0/8"`, "400 SecurityGroupMultipleRemoteEntites"},
	} {
		body := fmt.Sprintf(`{"security_group_id":%q,"direction":"ingress",%s}`, group, strings.ReplaceAll(c.rule, "GROUP", group))
		a := s.do("POST", "/v2.0/security-group-rules", wrap("security_group_rule", body))
		got := a.outcome()
		if a.status == 201 {
			got = shownRule(a.object("security_group_rule"))
		}
		if got != c.want {
			t.Errorf("%s is %s, not %s: %.300s", c.rule, got, c.want, a.body)
		}
	}
}

func TestDuplicateSecurityGroupRules(t *testing.T) {
	s := newServer(t)
	group, other := s.create("security_group", `{}`)["id"].(string), s.create("security_group", `{}`)["id"].(string)
	rule := func(group, rest string) string {
		return fmt.Sprintf(`{"security_group_id":%q,"direction":"ingress"%s}`, group, rest)
	}
	bulk := func(want string, rules ...string) {
		t.Helper()
		before := s.do("GET", "/v2.0/security-group-rules", "").body
		s.expect(want, "POST", "/v2.0/security-group-rules", fmt.Sprintf(`{"security_group_rules":[%s]}`, strings.Join(rules, ",")))
		if after := s.do("GET", "/v2.0/security-group-rules", "").body; want != "201" && after != before {
			t.Errorf("refused, but there are now %s", after)
		}
	}
	const exists, twice = "409 SecurityGroupRuleExists", "409 DuplicateSecurityGroupRuleInPost"
	first := s.create("security_group_rule", rule(group, `,"protocol":"tcp"`))["id"].(string)
	for _, same := range []string{`,"protocol":"TCP"`, `,"protocol":6`, `,"protocol":"tcp","description":"again"`, `,"protocol":"tcp","remote_ip_prefix":"0.0.0.0/0"`, `,"protocol":"tcp","port_range_min":1,"port_range_max":65535`} {
		a := s.expect(exists, "POST", "/v2.0/security-group-rules", wrap("security_group_rule", rule(group, same)))
		if !strings.Contains(a.body, first) {
			t.Errorf("%s does not tell which: %s", same, a.body)
		}
	}
	bulk(exists, rule(group, `,"protocol":"udp"`), rule(group, `,"protocol":"tcp"`))
	bulk(twice, rule(group, `,"protocol":"udp"`), rule(group, `,"protocol":"17"`))
	bulk("400 SecurityGroupNotSingleGroupRules", rule(group, ""), rule(other, ""))
	bulk("400 SecurityGroupRulesNotSingleProject", rule(group, `,"protocol":"udp"`), rule(group, `,"tenant_id":"blue"`))
	bulk(noProtocol, rule(group, `,"protocol":"udp"`), rule(group, `,"protocol":"x"`))
	bulk("201", rule(group, `,"protocol":"udp"`), rule(group, `,"protocol":"icmp"`))
	s.expect("201", "POST", "/v2.0/security-group-rules", wrap("security_group_rule", rule(other, `,"protocol":"tcp"`)))
	for query, want := range map[string]int{
		"security_group_id=" + group: 5, "security_group_id=" + group + "&protocol=TCP": 1, "direction=egress&security_group_id=" + group: 2, "ethertype=ipv6&security_group_id=" + group: 1,
		"id=" + first + "&limit=1": 1, "port_range_min=22&security_group_id=" + group: 0, "remote_ip_prefix=10.0.0.1&security_group_id=" + group: 0,
	} {
		if got := s.names("security-group-rules", query, "id"); len(got) != want {
			t.Errorf("?%s finds %d rules, not %d", query, len(got), want)
		}
	}
	s.expect(badValue, "GET", "/v2.0/security-group-rules?tags=x", "")
	s.expect(badInput, "GET", "/v2.0/security-group-rules?port_range_min=x", "")
}

// Security groups and port security of a port go together.
func TestPortSecurity(t *testing.T) {
	s := newServer(t)
	group := s.create("security_group", `{}`)["id"].(string)
	safe := s.create("network", `{}`)["id"].(string)
	open := s.create("network", `{"port_security_enabled":false}`)["id"].(string)
	byDefault := s.names("security-groups", "name=default&project_id=red", "id")[0]
	const both, left = "400 PortSecurityAndIPRequiredForSecurityGroups", "409 PortSecurityPortHasSecurityGroup"
	expand := strings.NewReplacer("GROUP", group, "SAFE", safe, "OPEN", open)
	for _, c := range []struct{ body, want string }{
		{`"network_id":"SAFE"`, "true [" + byDefault + "]"},
		{`"network_id":"OPEN"`, "false []"},
		{`"network_id":"OPEN","security_groups":["GROUP"]`, both},
		{`"network_id":"OPEN","security_groups":[]`, "false []"},
		{`"network_id":"OPEN","port_security_enabled":true`, "true [" + byDefault + "]"},
		{`"network_id":"OPEN","port_security_enabled":true,"security_groups":["GROUP"]`, "true [" + group + "]"},
		{`"network_id":"SAFE","port_security_enabled":false`, "false []"},
		{`"network_id":"SAFE","port_security_enabled":false,"security_groups":["GROUP"]`, both},
		{`"network_id":"SAFE","port_security_enabled":false,"security_groups":[]`, "false []"},
		{`"network_id":"SAFE","port_security_enabled":false,"allowed_address_pairs":[{"ip_address":"10.0.0.9"}]`, "409 AddressPairAndPortSecurityRequired"},
		{`"network_id":"SAFE","device_owner":"network:mine"`, "false []"},
		{`"network_id":"SAFE","binding:vnic_type":"baremetal"`, "true []"},
		{`"network_id":"SAFE","binding:vnic_type":"baremetal","security_groups":["GROUP"]`, badInput},
		{`"network_id":"SAFE","binding:vnic_type":"baremetal","security_groups":[]`, "true []"},
		{`"network_id":"SAFE","binding:vnic_type":"direct"`, "true [" + byDefault + "]"},
	} {
		a := s.do("POST", "/v2.0/ports", wrap("port", "{"+expand.Replace(c.body)+"}"))
		got := a.outcome()
		if a.status == 201 {
			p := a.object("port")
			got = fmt.Sprint(p["port_security_enabled"], p["security_groups"])
		}
		if got != c.want {
			t.Errorf("%s: %s, not %s: %.300s", c.body, got, c.want, a.body)
		}
	}
	port := s.create("port", fmt.Sprintf(`{"network_id":%q,"allowed_address_pairs":[{"ip_address":"10.0.0.9"}]}`, safe))["id"].(string)
	for _, c := range []struct{ body, want string }{
		{`{"port_security_enabled":false,"security_groups":[]}`, "409 AddressPairAndPortSecurityRequired"},
		{`{"port_security_enabled":false,"allowed_address_pairs":[]}`, left},
		{`{"port_security_enabled":false,"allowed_address_pairs":[],"security_groups":["GROUP"]}`, both},
		{`{"binding:vnic_type":"baremetal"}`, badInput},
		{`{"port_security_enabled":false,"allowed_address_pairs":null,"security_groups":null}`, "200"},
		{`{"security_groups":["GROUP"]}`, both},
		{`{"allowed_address_pairs":[{"ip_address":"10.0.0.9"}]}`, "409 AddressPairAndPortSecurityRequired"},
		{`{"port_security_enabled":true}`, "200"},
	} {
		s.expect(c.want, "PUT", "/v2.0/ports/"+port, wrap("port", expand.Replace(c.body)))
	}
	if p := s.do("GET", "/v2.0/ports/"+port, "").object("port"); fmt.Sprint(p["security_groups"]) != "[]" {
		t.Errorf("port security comes back with %v", p["security_groups"])
	}
	// A change of the network is for ports to come.
	s.expect("200", "PUT", "/v2.0/networks/"+safe, `{"network":{"port_security_enabled":false}}`)
	if p := s.do("GET", "/v2.0/ports/"+port, "").object("port"); p["port_security_enabled"] != true {
		t.Errorf("the port has changed with its network: %v", p)
	}
}

// Groups of others are not there, for ports and for rules.
func TestSecurityGroupsOfOthers(t *testing.T) {
	s := newServer(t)
	red, blue := as("red", "member"), as("blue", "member")
	group := s.create("security_group", `{"name":"secret"}`, red...)["id"].(string)
	rule := s.create("security_group_rule", fmt.Sprintf(`{"security_group_id":%q,"direction":"ingress"}`, group), red...)["id"].(string)
	own := s.create("security_group", `{}`, blue...)["id"].(string)
	network := s.create("network", `{}`, blue...)["id"].(string)
	port := s.create("port", fmt.Sprintf(`{"network_id":%q}`, network), blue...)["id"].(string)
	for _, c := range []struct{ method, path, body, want string }{
		{"GET", "security-groups/" + group, "", noGroup},
		{"PUT", "security-groups/" + group, `{"security_group":{"name":"x"}}`, noGroup},
		{"DELETE", "security-groups/" + group, "", noGroup},
		{"PUT", "security-groups/" + group + "/tags/x", "", noGroup},
		{"GET", "security-group-rules/" + rule, "", "404 SecurityGroupRuleNotFound"},
		{"DELETE", "security-group-rules/" + rule, "", "404 SecurityGroupRuleNotFound"},
		{"POST", "security-group-rules", fmt.Sprintf(`{"security_group_rule":{"security_group_id":%q,"direction":"ingress"}}`, group), noGroup},
		{"POST", "security-group-rules", fmt.Sprintf(`{"security_group_rule":{"security_group_id":%q,"direction":"ingress","remote_group_id":%q}}`, own, group), noGroup},
		{"POST", "ports", fmt.Sprintf(`{"port":{"network_id":%q,"security_groups":[%q]}}`, network, group), noGroup},
		{"POST", "ports", fmt.Sprintf(`{"port":{"network_id":%q,"security_groups":[%q,%q]}}`, network, own, group), noGroup},
		{"PUT", "ports/" + port, fmt.Sprintf(`{"port":{"security_groups":[%q]}}`, group), noGroup},
		{"GET", "ports?security_groups=" + group, "", "200"},
		{"GET", "security-groups?name=secret", "", "200"},
		{"GET", "security-group-rules?security_group_id=" + group, "", "200"},
	} {
		a := s.expect(c.want, c.method, "/v2.0/"+c.path, c.body, blue...)
		if a.status == 200 && !strings.Contains(a.body, `":[]}`) {
			t.Errorf("blue gets %s from %s", a.body, c.path)
		}
	}
	s.expect("201", "POST", "/v2.0/ports", fmt.Sprintf(`{"port":{"network_id":%q,"security_groups":[%q]}}`, network, group)) // an administrator may
}

func TestQuotasOfSecurityGroups(t *testing.T) {
	s := newServerWith(t, store.Options{Source: model.SystemSource()}, Options{})
	red := as("red", "member")
	if q := s.do("GET", "/v2.0/quotas/red/default", "", red...).object("quota"); q["security_group"] != 10.0 || q["security_group_rule"] != 100.0 {
		t.Errorf("by default %v", q)
	}
	s.expect("200", "PUT", "/v2.0/quotas/red", `{"quota":{"security_group":2,"security_group_rule":8}}`)
	s.expect("409 OverQuota", "POST", "/v2.0/security-groups", `{"security_groups":[{},{}]}`, red...)
	group := s.create("security_group", `{}`, red...)["id"].(string)
	s.expect("409 OverQuota", "POST", "/v2.0/security-groups", `{"security_group":{}}`, red...)
	rule := func(protocol int) string {
		return fmt.Sprintf(`{"security_group_id":%q,"direction":"ingress","protocol":%d}`, group, protocol)
	}
	// Default group and group have six rules.
	s.expect("409 OverQuota", "POST", "/v2.0/security-group-rules", fmt.Sprintf(`{"security_group_rules":[%s,%s,%s]}`, rule(1), rule(6), rule(17)), red...)
	s.expect("201", "POST", "/v2.0/security-group-rules", fmt.Sprintf(`{"security_group_rules":[%s,%s]}`, rule(1), rule(6)), red...)
	s.expect("409 OverQuota", "POST", "/v2.0/security-group-rules", wrap("security_group_rule", rule(17)), red...)
	details := s.do("GET", "/v2.0/quotas/red/details", "", red...).object("quota")
	if got := fmt.Sprint(details["security_group"], details["security_group_rule"]); got != "map[limit:2 reserved:0 used:2] map[limit:8 reserved:0 used:8]" {
		t.Errorf("in detail: %s", got)
	}
}
