package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	openapirouters "github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/planck-sdn/planck/model"
)

// described loads the document that the API serves of itself.
func described(t *testing.T, s *server) (*openapi3.T, openapirouters.Router) {
	t.Helper()
	a := s.expect("200", "GET", "/v2.0/openapi.json", "")
	doc, err := openapi3.NewLoader().LoadFromData([]byte(a.body))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	doc.Servers = openapi3.Servers{{URL: "http://localhost:9696"}}
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return doc, router
}

// TestOpenAPI: the document is valid, has every route, and what the API takes and answers is as it says.
func TestOpenAPI(t *testing.T) {
	c := newL3(t)
	s, inside := c.server, c.subnet2("10.1.0.0/24")
	_, router := described(t, s)
	n := s.create("network", `{"name":"n","router:external":true,"shared":true,"dns_domain":"example.org."}`)["id"].(string)
	s.create("subnet", `{"network_id":"`+n+`","ip_version":4,"cidr":"10.0.0.0/24","host_routes":[{"destination":"192.0.2.0/24","nexthop":"10.0.0.7"}],"dns_nameservers":["192.0.2.53"]}`)
	p := s.create("port", `{"network_id":"`+n+`","dns_name":"web","extra_dhcp_opts":[{"opt_name":"mtu","opt_value":"1400"}],"allowed_address_pairs":[{"ip_address":"10.0.0.0/28"}],"binding:profile":{"a":1}}`)["id"].(string)
	group := s.create("security_group", `{"name":"web"}`)["id"].(string)
	for _, request := range []struct{ method, path, body string }{
		{"GET", "/v2.0/networks", ""},
		{"GET", "/v2.0/networks/" + n, ""},
		{"GET", "/v2.0/subnets?sort_key=name&sort_dir=asc&limit=2", ""},
		{"GET", "/v2.0/ports?fields=id&fields=name", ""},
		{"GET", "/v2.0/ports/" + p, ""},
		{"POST", "/v2.0/networks", `{"networks":[{"name":"a"},{"name":"b","mtu":1400}]}`},
		{"PUT", "/v2.0/ports/" + p, `{"port":{"name":"x","mac_address":null}}`},
		{"PUT", "/v2.0/networks/" + n + "/tags", `{"tags":["a","b"]}`},
		{"PUT", "/v2.0/networks/" + n + "/tags/c", ""},
		{"GET", "/v2.0/networks/" + n + "/tags", ""},
		{"GET", "/v2.0/ports/" + p + "/bindings", ""},
		{"POST", "/v2.0/rbac-policies", `{"rbac_policy":{"object_type":"network","object_id":"` + n + `","action":"access_as_shared","target_tenant":"blue"}}`},
		{"GET", "/v2.0/rbac-policies", ""},
		{"GET", "/v2.0/quotas/red", ""},
		{"PUT", "/v2.0/quotas/red", `{"quota":{"port":-1}}`},
		{"GET", "/v2.0/quotas", ""},
		{"GET", "/v2.0/agents", ""},
		{"GET", "/v2.0/availability_zones", ""},
		{"GET", "/v2.0/network-ip-availabilities/" + n, ""},
		{"POST", "/v2.0/routers", `{"router":{"name":"r","external_gateway_info":{"network_id":"` + c.external + `","enable_snat":false}}}`},
		{"GET", "/v2.0/routers", ""},
		{"GET", "/v2.0/routers/" + c.router, ""},
		{"PUT", "/v2.0/routers/" + c.router, `{"router":{"routes":[{"destination":"172.16.0.0/16","nexthop":"10.0.0.9"}],"distributed":null}}`},
		{"PUT", "/v2.0/routers/" + c.router + "/add_extraroutes", `{"router":{"routes":[{"destination":"172.17.0.0/16","nexthop":"10.0.0.9"}]}}`},
		{"PUT", "/v2.0/routers/" + c.router + "/remove_extraroutes", `{"router":{"routes":[]}}`},
		{"PUT", "/v2.0/routers/" + c.router + "/add_router_interface", `{"subnet_id":"` + inside + `"}`},
		{"PUT", "/v2.0/routers/" + c.router + "/remove_router_interface", `{"subnet_id":"` + inside + `"}`},
		{"PUT", "/v2.0/routers/" + c.router + "/add_router_interface", `{}`},
		{"GET", "/v2.0/routers/" + c.router + "/l3-agents", ""},
		{"GET", "/v2.0/agents/" + someUUID + "/l3-routers", ""},
		{"PUT", "/v2.0/routers/" + c.router + "/tags", `{"tags":["a"]}`},
		{"POST", "/v2.0/floatingips", `{"floatingip":{"floating_network_id":"` + c.external + `","subnet_id":null,"port_id":null}}`},
		{"GET", "/v2.0/floatingips?sort_key=floating_ip_address&sort_dir=asc", ""},
		{"PUT", "/v2.0/floatingips/" + c.floating, `{"floatingip":{"port_id":"` + c.port + `","fixed_ip_address":"10.0.0.5"}}`},
		{"DELETE", "/v2.0/floatingips/" + c.floating, ""},
		{"POST", "/v2.0/security-groups", `{"security_groups":[{"name":"web"},{"name":"db","stateful":false}]}`},
		{"GET", "/v2.0/security-groups?stateful=true&limit=1", ""},
		{"GET", "/v2.0/security-groups/" + group, ""},
		{"PUT", "/v2.0/security-groups/" + group, `{"security_group":{"name":"www"}}`},
		{"POST", "/v2.0/security-group-rules", `{"security_group_rules":[{"security_group_id":"` + group + `","direction":"ingress","protocol":"tcp","port_range_min":22,"port_range_max":22,"remote_ip_prefix":"192.0.2.9/24"},
			{"security_group_id":"` + group + `","direction":"ingress","ethertype":"IPv6","protocol":17,"port_range_min":null,"remote_group_id":"` + group + `"}]}`},
		{"POST", "/v2.0/security-group-rules", `{"security_group_rule":{"security_group_id":"` + group + `","direction":"egress","protocol":null}}`},
		{"GET", "/v2.0/security-group-rules?security_group_id=" + group, ""},
		{"GET", "/v2.0/security-groups/" + group, ""},
		{"PUT", "/v2.0/ports/" + p, `{"port":{"security_groups":["` + group + `"]}}`},
		{"DELETE", "/v2.0/ports/" + p, ""},
		{"GET", "/v2.0/ports/" + p, ""}, // an error
	} {
		r := httptest.NewRequest(request.method, "http://localhost:9696"+request.path, strings.NewReader(request.body))
		if request.body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		route, parameters, err := router.FindRoute(r)
		if err != nil {
			t.Errorf("%s %s is not described: %v", request.method, request.path, err)
			continue
		}
		input := &openapi3filter.RequestValidationInput{Request: r, PathParams: parameters, Route: route,
			Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc}}
		if err := openapi3filter.ValidateRequest(t.Context(), input); err != nil {
			t.Errorf("%s %s: %v", request.method, request.path, err)
		}
		a := s.do(request.method, request.path, request.body)
		answer := &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: a.status, Header: a.header}
		if a.status != http.StatusNoContent {
			answer.SetBodyBytes([]byte(a.body))
		}
		if err := openapi3filter.ValidateResponse(t.Context(), answer); err != nil {
			t.Errorf("%s %s answers %d %s: %v", request.method, request.path, a.status, a.body, err)
		}
	}
}

// TestOpenAPIHasEveryDeclaredAttribute: what is declared is described, as that who may.
func TestOpenAPIHasEveryDeclaredAttribute(t *testing.T) {
	doc, _ := described(t, newServer(t))
	r := ports(Operations[model.Port]{})
	for _, a := range r.Attributes {
		_, shown := doc.Components.Schemas["Port"].Value.Properties[a.Name]
		_, created := doc.Components.Schemas["PortCreate"].Value.Properties[a.Name]
		_, updated := doc.Components.Schemas["PortUpdate"].Value.Properties[a.Name]
		if shown != (a.Get != Nobody) || created != (a.Post != Nobody) || updated != (a.Put != Nobody) {
			t.Errorf("%s is described as shown %v, created %v, updated %v", a.Name, shown, created, updated)
		}
	}
	if text, _ := json.Marshal(doc.Components.Schemas["Port"].Value.Properties["binding:host_id"]); !strings.Contains(string(text), "administrators and services") {
		t.Errorf("binding:host_id is described as %s", text)
	}
}
