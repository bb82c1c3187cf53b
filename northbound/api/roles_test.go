package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// The requesters of the tables below, in the order of their columns. Red owns what is looked at, but that the guest has its own
// object on a network that red shares with it.
var requesters = []struct {
	name    string
	headers []string
}{
	{"administrator", as("red", "admin")},
	{"service", as("services", "service")},
	{"member", as("red", "member")},
	{"guest", as("green", "member")},
	{"reader", as("red", "reader")},
	{"stranger", as("blue", "member")},
}

const (
	guest    = 3
	stranger = 5
)

// roleRow is what each of the requesters may do with one attribute, a letter each; one letter is the same for all.
//
//	see           v: GET shows it, -: GET does not, h: there is no such object (404), p: 403
//	ask           b: it can be filtered and sorted by, f: filtered only, s: sorted only, -: neither
//	create,change y: done, n: 400 HTTPBadRequest, i: 400 InvalidInput, p: 403 PolicyNotAuthorized, h: 404, m: 405
//
// post and put are what is said of it.
type roleRow struct{ attribute, see, ask, post, create, put, change string }

// place is where a resource's objects are.
type place struct {
	path   func(requester int) string // of the collection
	object func(requester int) string // path of an object that the requester might see and change
	body   func(requester int) string // of an object that the requester might create
}

// standardRoles are the rows of what networks, subnets and ports have in common. create and change are those of an ordinary
// attribute; foreign is who may create for another project.
func standardRoles(see, create, change, foreign string) []roleRow {
	return []roleRow{
		{"id", see, "b", quoted(someUUID), "n", quoted(someUUID), "n"},
		{"tenant_id", see, "b", `"yellow"`, foreign, `"red"`, "n"},
		{"project_id", see, "b", `"yellow"`, foreign, `"red"`, "n"},
		{"name", see, "b", `"x"`, create, `"x"`, change},
		{"description", see, "f", `"x"`, create, `"x"`, change},
		{"tags", see, "f", `["a"]`, "n", `["a"]`, "n"},
		{"revision_number", see, "f", "1", "n", "1", "n"},
		{"created_at", see, "-", `"2026-01-02T03:04:05Z"`, "n", `"2026-01-02T03:04:05Z"`, "n"},
		{"updated_at", see, "-", `"2026-01-02T03:04:05Z"`, "n", `"2026-01-02T03:04:05Z"`, "n"},
	}
}

// The expectations are those of Neutron's default policy (neutron/conf/policies, 2026), but that
//   - an administrator may do what Neutron keeps for the role service (binding:profile, bindings): Folsom's Nova is one;
//   - a service may create in its own project what a member may;
//   - there is no role manager, which may change the mac_address of ports on networks of its project.
func TestRolesOfNetworks(t *testing.T) {
	const see, create, change = "vvvvvh", "yyyypy", "ypypph"
	const adminSees, adminOnly = "v----h", "yppppp"
	s := newServer(t)
	own := func(requester int) string {
		return "/v2.0/networks/" + s.create("network", fmt.Sprintf(`{"shared":%t}`, requester == guest))["id"].(string)
	}
	checkRoles(s, networks(s.backend.networks()), append(standardRoles(see, create, change, "ypnnnn"),
		roleRow{"admin_state_up", see, "b", "false", create, "false", change},
		roleRow{"status", see, "b", `"DOWN"`, "n", `"DOWN"`, "n"},
		roleRow{"subnets", see, "-", "[]", "n", "[]", "n"},
		roleRow{"shared", see, "f", "true", adminOnly, "true", "ypppph"},
		roleRow{"mtu", see, "b", "1400", create, "1400", change},
		roleRow{"port_security_enabled", see, "-", "false", create, "false", change},
		roleRow{"router:external", see, "f", "true", adminOnly, "true", "ypppph"},
		roleRow{"provider:network_type", adminSees, "f-----", `"vxlan"`, adminOnly, `"vxlan"`, "n"},
		roleRow{"provider:physical_network", adminSees, "f-----", `null`, adminOnly, `null`, "n"},
		roleRow{"provider:segmentation_id", adminSees, "f-----", "777", adminOnly, "777", "n"},
		roleRow{"dns_domain", see, "f", `"example.org."`, create, `"example.org."`, change},
		roleRow{"availability_zone_hints", see, "-", `["nova"]`, create, `["nova"]`, "n"},
		roleRow{"availability_zones", see, "-", `["nova"]`, "n", `["nova"]`, "n"},
	), place{func(int) string { return "/v2.0/networks" }, own, func(int) string { return "{}" }})
}

// networkFor is a network of red's without anything, which the guest may use.
func (s *server) networkFor(requester int) string {
	return s.create("network", fmt.Sprintf(`{"shared":%t}`, requester == guest))["id"].(string)
}

func TestRolesOfSubnets(t *testing.T) {
	const see, create, change = "vvvvvh", "ypypph", "ypypph"
	s := newServer(t)
	body := func(requester int) string {
		return fmt.Sprintf(`{"network_id":%q,"ip_version":4,"cidr":"10.0.0.0/24"}`, s.networkFor(requester))
	}
	own := func(requester int) string {
		return "/v2.0/subnets/" + s.create("subnet", body(requester))["id"].(string)
	}
	checkRoles(s, subnets(s.backend.subnets()), append(standardRoles(see, create, change, "ypnnnn"),
		roleRow{"ip_version", see, "b", "4", create, "4", "n"},
		roleRow{"network_id", see, "b", quoted(someUUID), "hhhhph", quoted(someUUID), "n"},
		roleRow{"cidr", see, "b", `"10.7.0.0/24"`, create, `"10.7.0.0/24"`, "n"},
		roleRow{"gateway_ip", see, "b", "null", create, "null", change},
		roleRow{"allocation_pools", see, "-", `[{"start":"10.0.0.9","end":"10.0.0.12"}]`, create, `[{"start":"10.0.0.9","end":"10.0.0.12"}]`, change},
		roleRow{"dns_nameservers", see, "-", `["192.0.2.53"]`, create, `["192.0.2.53"]`, change},
		roleRow{"host_routes", see, "-", `[{"destination":"192.0.2.0/24","nexthop":"10.0.0.7"}]`, create, `[]`, change},
		roleRow{"enable_dhcp", see, "b", "false", create, "false", change},
		roleRow{"shared", "-----h", "f", "true", "n", "true", "n"},
		roleRow{"subnetpool_id", see, "-", "null", create, "null", "n"},
		roleRow{"ipv6_ra_mode", see, "-", "null", create, "null", "n"},
		roleRow{"ipv6_address_mode", see, "-", "null", create, "null", "n"},
	), place{func(int) string { return "/v2.0/subnets" }, own, body})
}

func TestRolesOfPorts(t *testing.T) {
	const see, create, change = "vvvvvh", "yyyyph", "yyyyph"
	const serviceSees, serviceOnly, serviceChanges = "vv---h", "yypppp", "yyppph"
	const ownerCreates, ownerChanges = "yyypph", "yyypph" // the network's owner
	s := newServer(t)
	body := func(requester int) string { return fmt.Sprintf(`{"network_id":%q}`, s.networkFor(requester)) }
	own := func(requester int) string {
		project := "red"
		if requester == guest {
			project = "green"
		}
		return "/v2.0/ports/" + s.create("port", with(t, body(requester), "tenant_id", quoted(project)))["id"].(string)
	}
	checkRoles(s, ports(s.backend.ports()), append(standardRoles(see, create, change, "yynnnn"),
		roleRow{"network_id", see, "b", quoted(someUUID), "hhhhph", quoted(someUUID), "n"},
		roleRow{"admin_state_up", see, "b", "false", create, "false", change},
		roleRow{"mac_address", see, "b", "null", ownerCreates, "null", serviceChanges},
		roleRow{"fixed_ips", see, "f", "[]", create, "[]", ownerChanges},
		roleRow{"device_id", see, "b", `"vm"`, create, `"vm"`, change},
		roleRow{"device_owner", see, "b", `"network:mine"`, ownerCreates, `"network:mine"`, ownerChanges},
		roleRow{"status", see, "b", `"DOWN"`, "n", `"DOWN"`, "n"},
		roleRow{"port_security_enabled", see, "-", "true", ownerCreates, "true", ownerChanges},
		roleRow{"security_groups", see, "f", "[]", create, "[]", change},
		roleRow{"allowed_address_pairs", see, "-", `[{"ip_address":"10.0.0.9"}]`, ownerCreates, "[]", ownerChanges},
		roleRow{"binding:host_id", serviceSees, "ff----", `"h"`, serviceOnly, `"h"`, serviceChanges},
		roleRow{"binding:vnic_type", see, "f", `"direct"`, create, `"direct"`, change},
		roleRow{"binding:profile", serviceSees, "-", `{"a":1}`, serviceOnly, `{"a":1}`, serviceChanges},
		roleRow{"binding:vif_type", serviceSees, "ff----", `"ovs"`, "n", `"ovs"`, "n"},
		roleRow{"binding:vif_details", serviceSees, "-", "{}", "n", "{}", "n"},
		roleRow{"dns_name", see, "f", `"web"`, create, `"web"`, change},
		roleRow{"dns_assignment", see, "-", "[]", "n", "[]", "n"},
		roleRow{"extra_dhcp_opts", see, "-", `[{"opt_name":"mtu","opt_value":"1400"}]`, create, "[]", change},
	), place{func(int) string { return "/v2.0/ports" }, own, body})

	// Of a shared network everybody may choose the subnet, and its owner the address.
	n := s.networkFor(guest)
	subnet := s.create("subnet", fmt.Sprintf(`{"network_id":%q,"ip_version":4,"cidr":"10.0.0.0/24"}`, n))["id"].(string)
	for body, want := range map[string]string{
		fmt.Sprintf(`[{"subnet_id":%q}]`, subnet):                                                                  "201",
		fmt.Sprintf(`[{"subnet_id":%q,"ip_address":"10.0.0.9"}]`, subnet):                                          "403 PolicyNotAuthorized",
		fmt.Sprintf(`[{"subnet_id":%q},{"ip_address":"10.0.0.9"}]`, subnet):                                        "403 PolicyNotAuthorized",
		fmt.Sprintf(`[{"subnet_id":%q}]`, someUUID):                                                                "404 SubnetNotFound",
		fmt.Sprintf(`[{"subnet_id":%q,"ip_address":null}]`, subnet):                                                badValue,
		fmt.Sprintf(`[{"subnet_id":%q}],"allowed_address_pairs":[{"ip_address":"10.0.0.9"}]`, subnet):              "403 PolicyNotAuthorized",
		fmt.Sprintf(`[{"subnet_id":%q}],"device_owner":"network:router_interface","device_id":"somebody"`, subnet): "403 PolicyNotAuthorized",
	} {
		s.expect(want, "POST", "/v2.0/ports", fmt.Sprintf(`{"port":{"network_id":%q,"fixed_ips":%s}}`, n, body), requesters[guest].headers...)
	}
}

func TestRolesOfRBACPolicies(t *testing.T) {
	const see = "vhvhvh"
	const create, change = "yiyiph", "yhyhph"
	s := newServer(t)
	body := func(requester int) string {
		return fmt.Sprintf(`{"object_type":"network","object_id":%q,"action":"access_as_shared","target_tenant":"yellow"}`, s.networkFor(requester))
	}
	own := func(requester int) string {
		return "/v2.0/rbac-policies/" + s.expect("201", "POST", "/v2.0/rbac-policies", wrap("rbac_policy", body(requester))).object("rbac_policy")["id"].(string)
	}
	checkRoles(s, rbacPolicies(s.backend.rbacPolicies()), []roleRow{
		{"id", see, "b", quoted(someUUID), "n", quoted(someUUID), "n"},
		{"tenant_id", see, "b", `"yellow"`, "ypnnnn", `"red"`, "n"},
		{"project_id", see, "b", `"yellow"`, "ypnnnn", `"red"`, "n"},
		{"object_type", see, "b", `"network"`, create, `"network"`, "n"},
		{"object_id", see, "b", quoted(someUUID), "hhhhph", quoted(someUUID), "n"},
		{"action", see, "b", `"access_as_external"`, "yppppp", `"access_as_external"`, "n"},
		{"target_tenant", see, "b", `"*"`, "yppppp", `"green"`, change},
	}, place{func(int) string { return "/v2.0/rbac-policies" }, own, body})
	path := own(0)
	for i, letter := range "yhpppp" {
		want := map[rune]string{'y': "200", 'h': "404 RbacPolicyNotFound", 'p': "403 PolicyNotAuthorized"}[letter]
		if i == guest || i == stranger {
			want = "404 RbacPolicyNotFound"
		}
		s.expect(want, "PUT", path, `{"rbac_policy":{"target_tenant":"*"}}`, requesters[i].headers...)
	}
}

func TestRolesOfQuotas(t *testing.T) {
	const see, change = "vpvpvp", "yppppp"
	s := newServer(t)
	rows := []roleRow{
		{"tenant_id", see, "b", "", "", `"red"`, "n"},
		{"project_id", see, "b", "", "", `"red"`, "n"},
		{"force", "-p-p-p", "-", "", "", "true", change},
		{"check_limit", "-p-p-p", "-", "", "", "true", change},
	}
	for _, name := range []string{"network", "subnet", "port", "rbac_policy", "router", "floatingip", "security_group", "security_group_rule"} {
		rows = append(rows, roleRow{name, see, "-", "", "", "7", change})
	}
	path := func(int) string { return "/v2.0/quotas" }
	checkRoles(s, quotas(s.backend.quotas()), rows, place{path, func(int) string { return "/v2.0/quotas/red" }, nil})
	for i, want := range []string{"200", "403 PolicyNotAuthorized", "403 PolicyNotAuthorized", "403 PolicyNotAuthorized", "403 PolicyNotAuthorized", "403 PolicyNotAuthorized"} {
		s.expect(want, "GET", "/v2.0/quotas", "", requesters[i].headers...)
	}
}

func TestRolesOfBindings(t *testing.T) {
	const see, change = "vvhhhh", "yyhhph"
	s := newServer(t)
	s.node("first")
	s.node("second")
	of := func(requester int) string {
		project := "red"
		if requester == guest {
			project = "green"
		}
		port := s.create("port", fmt.Sprintf(`{"network_id":%q,"tenant_id":%q,"binding:host_id":"first","device_owner":"compute:nova"}`, s.networkFor(requester), project))["id"].(string)
		return "/v2.0/ports/" + port + "/bindings"
	}
	checkRoles(s, bindings(), []roleRow{
		{"host", see, "b", `"second"`, "yypppp", `"second"`, "yyhhhh"},
		{"vif_type", see, "b", `"ovs"`, "n", `"ovs"`, "n"},
		{"vif_details", see, "-", "{}", "n", "{}", "n"},
		{"vnic_type", see, "b", `"direct"`, "yypppp", `"direct"`, "yyhhhh"},
		{"profile", see, "-", `{"a":1}`, "yypppp", `{"a":1}`, "yyhhhh"},
		{"status", see, "b", `"ACTIVE"`, "n", `"ACTIVE"`, "n"},
	}, place{of, func(requester int) string { return of(requester) + "/first" }, func(int) string { return `{"host":"second"}` }})
}

func TestRolesOfWhatIsReadOnly(t *testing.T) {
	s := newServer(t)
	s.node("compute1")
	network := s.create("network", `{}`)["id"].(string)
	rows := func(see string, asks map[string]string, names ...string) []roleRow {
		all := make([]roleRow, len(names))
		for i, name := range names {
			ask := asks[name]
			if ask == "" {
				ask = "b"
			}
			all[i] = roleRow{attribute: name, see: see, ask: ask}
		}
		return all
	}
	agent := s.do("GET", "/v2.0/agents", "").list("agents")[0]["id"].(string)
	neither := map[string]string{"created_at": "-", "started_at": "-", "heartbeat_timestamp": "-", "description": "-", "configurations": "-", "resources_synced": "-"}
	checkRoles(s, agents(s.backend), rows("vhhhhh", neither, "id", "agent_type", "binary", "topic", "host", "availability_zone", "admin_state_up", "alive",
		"created_at", "started_at", "heartbeat_timestamp", "description", "configurations", "resources_synced"),
		place{path: func(int) string { return "/v2.0/agents" }, object: func(int) string { return "/v2.0/agents/" + agent }})
	some := map[string]string{"network_id": "f", "network_name": "f", "tenant_id": "f", "project_id": "f", "total_ips": "-", "used_ips": "-", "subnet_ip_availability": "-"}
	checkRoles(s, availabilities(s.backend.availabilities()), append(rows("vvhhhh", some, "network_id", "network_name", "tenant_id", "project_id",
		"total_ips", "used_ips", "subnet_ip_availability"), roleRow{attribute: "ip_version", see: "--hhhh", ask: "f"}),
		place{path: func(int) string { return "/v2.0/network-ip-availabilities" }, object: func(int) string { return "/v2.0/network-ip-availabilities/" + network }})
	checkRoles(s, zones(s.backend), rows("v", nil, "name", "resource", "state"), place{path: func(int) string { return "/v2.0/availability_zones" }})

	// What may not be read is not listed either.
	for collection, want := range map[string]string{"agents": "100000", "network_ip_availabilities": "110000"} {
		for i, who := range requesters {
			a := s.expect("200", "GET", "/v2.0/"+strings.ReplaceAll(collection, "network_ip_", "network-ip-"), "", who.headers...)
			if got := min(len(a.list(collection)), 1); got != int(want[i]-'0') {
				t.Errorf("%s lists %s: %s", who.name, collection, a.body)
			}
		}
	}
}

// Every resource that the API describes has its table above, and its tries in attributes_test.go.
func TestEveryResourceHasItsRoles(t *testing.T) {
	s := newServer(t)
	var d struct {
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal([]byte(s.do("GET", "/v2.0/openapi.json", "").body), &d); err != nil {
		t.Fatal(err)
	}
	var got []string
	for name := range d.Components.Schemas {
		if !strings.HasSuffix(name, "Create") && !strings.HasSuffix(name, "Update") {
			got = append(got, name)
		}
	}
	slices.Sort(got)
	want := []string{"Agent", "AvailabilityZone", "FloatingIP", "Network", "NetworkIPAvailability", "NeutronError", "Port", "PortBinding", "Quota", "RbacPolicy", "Router",
		"RouterInterface", "SecurityGroup", "SecurityGroupRule", "Subnet"}
	if !slices.Equal(got, want) {
		t.Errorf("the API has %v; tables are there for %v", got, want)
	}
}

// checkRoles compares what everybody may do with a table. Every attribute has to be in it.
func checkRoles[T any](s *server, r *Resource[T], rows []roleRow, at place) {
	s.t.Helper()
	for _, a := range r.Attributes {
		if !slices.ContainsFunc(rows, func(row roleRow) bool { return row.attribute == a.Name }) {
			s.t.Errorf("%s: %s has no row", r.Name, a.Name)
		}
	}
	for _, row := range rows {
		for i, who := range requesters {
			check := func(what, column, got string) {
				s.t.Helper()
				if want := letter(column, i); got != want {
					s.t.Errorf("%s: %s %s %s: %s, not %s", r.Name, who.name, what, row.attribute, got, want)
				}
			}
			check("sees", row.see, s.sees(at, r.Name, r.Collection, row.attribute, i))
			check("asks for", row.ask, s.asks(at, row.attribute, i))
			if row.create != "" {
				body := with(s.t.(*testing.T), at.body(i), row.attribute, row.post)
				check("creates with", row.create, s.outcomeLetter(http.MethodPost, at.path(i), wrap(r.Name, body), who.headers))
			}
			if row.change != "" {
				body := with(s.t.(*testing.T), "{}", row.attribute, row.put)
				check("changes", row.change, s.outcomeLetter(http.MethodPut, at.object(i), wrap(r.Name, body), who.headers))
			}
		}
	}
}

func letter(column string, requester int) string {
	if len(column) == 1 {
		return column
	}
	return column[requester : requester+1]
}

func (s *server) sees(at place, name, collection, attribute string, requester int) string {
	s.t.Helper()
	var object map[string]any
	if at.object == nil {
		list := s.do(http.MethodGet, at.path(requester), "", requesters[requester].headers...).list(collection)
		if len(list) == 0 {
			return "h"
		}
		object = list[0]
	} else {
		a := s.do(http.MethodGet, at.object(requester), "", requesters[requester].headers...)
		switch a.status {
		case http.StatusOK:
			object = a.object(name)
		case http.StatusNotFound:
			return "h"
		case http.StatusForbidden:
			return "p"
		default:
			return a.outcome()
		}
	}
	if _, shown := object[attribute]; shown {
		return "v"
	}
	return "-"
}

// asks tries an attribute as a filter, with a value that need not be one of it, and as a sort key.
func (s *server) asks(at place, attribute string, requester int) string {
	s.t.Helper()
	may := func(query, refusal string) bool {
		s.t.Helper()
		a := s.do(http.MethodGet, at.path(requester)+"?"+query, "", requesters[requester].headers...)
		if a.status >= 500 {
			s.t.Errorf("?%s: %s", query, a.body)
		}
		return !strings.Contains(a.body, refusal)
	}
	key := url.QueryEscape(attribute)
	switch filter, sort := may(key+"=1", "is invalid attribute for filtering"), may("sort_dir=asc&sort_key="+key, "is invalid attribute for sort_keys"); {
	case filter && sort:
		return "b"
	case filter:
		return "f"
	case sort:
		return "s"
	}
	return "-"
}

func (s *server) outcomeLetter(method, path, body string, headers []string) string {
	a := s.do(method, path, body, headers...)
	switch outcome := a.outcome(); {
	case outcome == "200" && method == http.MethodPut, outcome == "201" && method == http.MethodPost:
		return "y"
	case outcome == badValue:
		return "n"
	case outcome == badInput:
		return "i"
	case outcome == "403 PolicyNotAuthorized":
		return "p"
	case a.status == http.StatusNotFound:
		return "h"
	default:
		return outcome
	}
}
