package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/model/store"
)

// FuzzFrontDoor sends anything. Whatever it is, the answer is JSON, is no failure of the server, and the server
// still serves.
func FuzzFrontDoor(f *testing.F) {
	s := newServerWith(f, store.Options{Source: exactly(), Quotas: unlimited}, Options{}) // the same in each process
	n := s.create("network", `{}`)["id"].(string)
	subnet := s.create("subnet", fmt.Sprintf(`{"network_id":%q,"ip_version":4,"cidr":"10.0.0.0/8"}`, n))["id"].(string)
	port := s.create("port", fmt.Sprintf(`{"network_id":%q}`, n))["id"].(string)

	f.Add(byte(0), "/v2.0/networks.json", "fields=id&shared=True&sort_key=name&sort_dir=asc&limit=2&marker="+n, "", "")
	f.Add(byte(0), "/v2.0/ports", "fixed_ips=ip_address%3D10.0.0.3&fixed_ips=subnet_id%3D"+subnet+"&page_reverse=True&limit=1", "", "member")
	f.Add(byte(0), "/v2.0/extensions/binding", "%zz=1", "", "")
	f.Add(byte(1), "/v2.0/networks", "", `{"network":{"name":"x","mtu":1400,"provider:network_type":"vlan","provider:physical_network":"p","provider:segmentation_id":5,"router:external":false}}`, "")
	f.Add(byte(1), "/v2.0/networks", "", `{"networks":[{"name":"\u0000"},{"network":{"shared":"maybe"}}]}`, "member")
	f.Add(byte(1), "/v2.0/subnets", "", `{"subnet":{"network_id":"`+n+`","ip_version":4,"cidr":"192.0.2.0/24","gateway_ip":null,"allocation_pools":[{"start":"192.0.2.9","end":"192.0.2.1"}],"dns_nameservers":["::"],"host_routes":[{"destination":"0.0.0.0/0","nexthop":"::1"}]}}`, "")
	f.Add(byte(1), "/v2.0/subnets", "", `{"subnet":{"network_id":"`+n+`","ip_version":4,"cidr":"255.255.255.255/32"}}`, "")
	f.Add(byte(1), "/v2.0/ports", "", `{"port":{"network_id":"`+n+`","mac_address":"fa163e000001","fixed_ips":[{"subnet_id":"`+subnet+`","ip_address":"10.0.0.9"}],"allowed_address_pairs":[{"ip_address":"0.0.0.0/0","mac_address":"fa:16:3e:00:00:09"}],"binding:profile":{"a":[1e400]},"binding:host_id":null}}`, "")
	f.Add(byte(2), "/v2.0/ports/"+port, "", `{"port":{"fixed_ips":[],"device_id":null,"binding:profile":{"a":1e5}}}`, "")
	f.Add(byte(2), "/v2.0/subnets/"+subnet, "", `{"subnet":{"gateway_ip":"10.255.255.255","enable_dhcp":"off"}}`, "reader")
	f.Add(byte(3), "/v2.0/ports/"+someUUID+".json", "", "", "")
	f.Add(byte(3), "/v2.0//networks/\x00", "", "x", "")

	base := "/v2.0/ports/" + port
	s.expect("201", "PUT", base+"/tags/a", "")
	policy := s.expect("201", "POST", "/v2.0/rbac-policies", fmt.Sprintf(`{"rbac_policy":{"object_type":"network","object_id":%q,"action":"access_as_shared","target_tenant":"blue"}}`, n)).object("rbac_policy")["id"].(string)
	external, _ := s.external()
	routed, _, behind := s.routed(external, "10.8.0.0/24")
	floating := s.create("floatingip", fmt.Sprintf(`{"floating_network_id":%q}`, external))["id"].(string)
	router := "/v2.0/routers/" + routed
	for _, body := range []string{`{"subnet_id":"` + behind + `"}`, `{"subnet_id":"` + behind + `","port_id":"` + port + `"}`, `{"port_id":"` + port + `"}`, `{"subnet_id":null}`, `{"port_id":"\u0000"}`, `[]`,
		`{"router":{"routes":[{"destination":"0.0.0.0/0","nexthop":"10.8.0.9"}]}}`, `{"router":{"routes":[{"destination":"::/0","nexthop":"::1"}]}}`, `{"router":{"routes":null}}`, `{"router":[]}`} {
		for _, action := range []string{"/add_router_interface", "/remove_router_interface", "/add_extraroutes", "/remove_extraroutes"} {
			f.Add(byte(2), router+action, "", body, "")
			f.Add(byte(2), router+action+".json", "", body, "member")
		}
	}
	for _, body := range []string{`{"router":{"external_gateway_info":{"network_id":"` + external + `","enable_snat":"no","external_fixed_ips":[{"ip_address":"192.0.2.9"},{"ip_address":"::"}]}}}`,
		`{"router":{"external_gateway_info":null,"routes":[{"destination":"10.0.0.0/8","nexthop":"10.8.0.255"}],"distributed":null,"ha":0,"flavor_id":null}}`, `{"router":{"external_gateway_info":{"network_id":"` + n + `"}}}`} {
		f.Add(byte(1), "/v2.0/routers", "", body, "")
		f.Add(byte(2), router, "", body, "")
	}
	for _, body := range []string{`{"floatingip":{"floating_network_id":"` + external + `","floating_ip_address":"192.0.2.255","port_id":"` + port + `"}}`, `{"floatingip":{"floating_network_id":"` + external + `","dns_name":"x","dns_domain":"y"}}`,
		`{"floatingip":{"port_id":"` + port + `","fixed_ip_address":"::ffff:10.0.0.1"}}`, `{"floatingip":{"port_id":null,"fixed_ip_address":null}}`} {
		f.Add(byte(1), "/v2.0/floatingips", "", body, "")
		f.Add(byte(2), "/v2.0/floatingips/"+floating, "", body, "member")
	}
	for _, path := range []string{
		router, router + "/tags", router + "/l3-agents", router + "/add_router_interface", "/v2.0/routers", "/v2.0/floatingips", "/v2.0/floatingips/" + floating, "/v2.0/agents/" + someUUID + "/l3-routers",
		"/", "/v2.0", "/v2.0/", "/v2.0/openapi.json", "/v2.0/extensions", "/v2.0/networks", "/v2.0/subnets/" + subnet, base, base + "/tags", base + "/tags/a", base + "/bindings", base + "/bindings/h",
		base + "/bindings/h/activate", "/v2.0/networks/" + n + "/tags/%2f", "/v2.0/rbac-policies", "/v2.0/rbac-policies/" + policy, "/v2.0/quotas", "/v2.0/quotas/red", "/v2.0/quotas/red/default",
		"/v2.0/quotas/red/details.json", "/v2.0/quotas/tenant", "/v2.0/quotas/project", "/v2.0/agents", "/v2.0/agents/" + someUUID, "/v2.0/availability_zones", "/v2.0/network-ip-availabilities", "/v2.0/network-ip-availabilities/" + n,
	} {
		for method := range byte(5) {
			f.Add(method, path, "limit=1&sort_key=id&sort_dir=desc&tags-any=a,b&page_reverse=true&marker="+someUUID, `{"tags":["a"]}`, "member")
		}
	}
	nested := strings.Repeat(`{"a":[`, 5000)
	for _, body := range []string{
		`{"network":{"mtu":1e400}}`, `{"network":{"mtu":1e2}}`, `{"network":{"mtu":-0}}`, `{"network":{"name":"a","name":"b"},"network":{}}`, "{\"network\":{\"name\":\"\xff\"}}", `{"network":{"name":"\ud800"}}`, nested, `{"network":` + nested,
		`{"network":{"name":` + strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000) + `}}`, "\ufeff{}", "null", "[]", `"x"`, "{} {}", `{"network":null}`, `{"networks":[]}`, `{"networks":[null]}`, `{"networks":{"network":{}}}`,
		`{"network":{"provider:network_type":"vxlan","provider:segmentation_id":1e1}}`, `{"network":{"tenant_id":{"a":1}}}`, `{"network":{"availability_zone_hints":["nova",null]}}`,
	} {
		f.Add(byte(1), "/v2.0/networks", "", body, "")
		f.Add(byte(2), "/v2.0/networks/"+n, "", body, "")
	}
	for _, body := range []string{
		`{"binding":{"host":"h","vnic_type":"direct","profile":{"a":1e400}}}`, `{"binding":{"host":""}}`, `{"bindings":[{"host":"h"}]}`, `{"binding":null}`,
	} {
		f.Add(byte(1), base+"/bindings", "", body, "service")
		f.Add(byte(2), base+"/bindings/h", "", body, "service")
	}
	f.Add(byte(1), "/v2.0/rbac-policies", "", `{"rbac_policy":{"object_type":"network","object_id":"`+n+`","action":"access_as_external","target_tenant":"*"}}`, "")
	f.Add(byte(2), "/v2.0/rbac-policies/"+policy, "", `{"rbac_policy":{"target_tenant":"*"}}`, "")
	f.Add(byte(2), "/v2.0/quotas/red", "", `{"quota":{"network":1e9,"port":-1,"force":true,"check_limit":"no"}}`, "")
	f.Add(byte(2), base+"/tags", "", `{"tags":["a","a",7,null,"\u0000"]}`, "")
	f.Add(byte(2), base, "", `{"port":{"extra_dhcp_opts":[{"opt_name":"mtu","opt_value":null,"ip_version":1e1}],"dns_name":"-","allowed_address_pairs":null}}`, "member")

	methods := []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodHead}
	f.Fuzz(func(t *testing.T, method byte, path, query, body, roles string) {
		r := httptest.NewRequest(methods[int(method)%len(methods)], "http://localhost/", strings.NewReader(body))
		r.URL = &url.URL{Path: "/" + strings.TrimLeft(path, "/"), RawQuery: query}
		r.Header.Set("X-Project-Id", "red")
		if roles != "" {
			r.Header.Set("X-Roles", roles)
		}
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		expected := strings.Contains(w.Body.String(), `"NoNetworkAvailable"`) || strings.Contains(w.Body.String(), `"PortBindingError"`) // as in Neutron
		if w.Code >= 500 && !expected {
			t.Fatalf("%d %s: %v", w.Code, w.Body, s.log.All())
		}
		if w.Code != http.StatusNoContent && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%d is answered with %q", w.Code, w.Body)
		}
	})
}
