package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// What Folsom's Nova (2012.2.4) asks and reads (NOVA_CALLS.md, 1): .json on every path, no token, no project but in
// body and query.
func TestFolsomsNova(t *testing.T) {
	s := newServer(t)
	s.handler = withoutProject(s.handler)
	n := s.create("network", `{"tenant_id":"t1","name":"private"}`)["id"].(string)
	s.create("network", `{"tenant_id":"t2","name":"foreign"}`)
	public := s.create("network", `{"tenant_id":"t2","name":"public","shared":true}`)["id"].(string)
	s.create("subnet", fmt.Sprintf(`{"tenant_id":"t1","network_id":%q,"ip_version":4,"cidr":"10.0.0.0/24","dns_nameservers":["192.0.2.53"]}`, n))

	// networks of a tenant
	reads(t, s.names("networks.json", "tenant_id=t1&shared=False", "id"), n)
	reads(t, s.names("networks.json", "shared=True", "id"), public)
	reads(t, s.names("networks.json", "tenant_id=t1&shared=False&id="+n+"&id="+public, "id"), n)
	reads(t, s.names("networks.json", "router%3Aexternal=True", "id"))
	reads(t, s.names("networks.json", "router%3Aexternal=True&fields=id&name=nova", "id"))
	for _, field := range []string{"id", "name", "tenant_id"} {
		if a := s.expect("200", "GET", "/v2.0/networks/"+n+".json", ""); a.object("network")[field] == nil {
			t.Errorf("a network has no %s", field)
		}
	}

	// allocate_for_instance
	port := s.nova("POST", "/v2.0/ports.json", `{"port":{"device_id":"u1","device_owner":"compute:nova","network_id":"%s","admin_state_up":true,"tenant_id":"t1"}}`, n)["id"].(string)
	fixed := s.nova("POST", "/v2.0/ports.json", `{"port":{"device_id":"u1","device_owner":"compute:nova","fixed_ips":[{"ip_address":"10.0.0.99"}],"network_id":"%s","admin_state_up":true,"tenant_id":"t1"}}`, n)["id"].(string)
	given := s.nova("POST", "/v2.0/ports.json", `{"port":{"network_id":"%s","tenant_id":"t1"}}`, n)["id"].(string)
	if owner := s.nova("GET", "/v2.0/ports/"+given+".json", "")["device_id"]; owner != "" {
		t.Errorf("a free port has device_id %v", owner)
	}
	s.nova("PUT", "/v2.0/ports/"+given+".json", `{"port":{"device_id":"u2","device_owner":"compute:nova"}}`)
	// on failure
	if p := s.nova("PUT", "/v2.0/ports/"+given+".json", `{"port":{"device_id":null}}`); p["device_id"] != "" {
		t.Errorf("the port keeps device_id %v", p["device_id"])
	}
	s.expect("204", "DELETE", "/v2.0/ports/"+given+".json", "")

	// network info
	reads(t, s.names("ports.json", "tenant_id=t1&device_id=u1", "id"), port, fixed)
	subnet := s.nova("GET", "/v2.0/ports/"+port+".json", "")["fixed_ips"].([]any)[0].(map[string]any)["subnet_id"].(string)
	for field, want := range map[string]string{"cidr": "10.0.0.0/24", "gateway_ip": "10.0.0.1", "dns_nameservers": "[192.0.2.53]", "network_id": n} {
		reads(t, s.names("subnets.json", "id="+subnet, field), want)
	}
	dhcp := s.names("ports.json", "network_id="+n+"&device_owner=network%3Adhcp", "fixed_ips")
	if len(dhcp) != 1 || !strings.Contains(dhcp[0], "10.0.0.") || !strings.Contains(dhcp[0], subnet) {
		t.Errorf("the DHCP server is %v", dhcp)
	}
	// instance by address
	reads(t, s.names("ports.json", "fixed_ips=ip_address%3D10.0.0.99", "device_id"), "u1")
	reads(t, s.names("ports.json", "device_id=u1&device_owner=compute%3Anova", "id"), port, fixed)
	// deallocate_for_instance
	for _, id := range s.names("ports.json", "device_id=u1", "id") {
		s.expect("204", "DELETE", "/v2.0/ports/"+id+".json", "")
	}
	s.expect("404 PortNotFound", "GET", "/v2.0/ports/"+port+".json", "")
	s.expect("204", "DELETE", "/v2.0/networks/"+n+".json", "")
}

// What today's Nova (26) asks of networks, subnets and ports (NOVA_CALLS.md, 2).
func TestTodaysNova(t *testing.T) {
	s := newServer(t)
	if a := s.expect("200", "GET", "/v2.0/extensions", ""); !strings.Contains(a.body, `"Port Binding"`) {
		t.Errorf("no port binding in %s", a.body)
	}
	n := s.create("network", `{}`)["id"].(string)
	subnet := s.create("subnet", fmt.Sprintf(`{"network_id":%q,"ip_version":4,"cidr":"10.0.0.0/24"}`, n))["id"].(string)
	reads(t, s.names("networks", "id="+n, "id"), n)
	got := s.expect("200", "GET", "/v2.0/networks/"+n+"?fields=provider:physical_network&fields=provider:network_type", "").body
	if got != `{"network":{"provider:network_type":"vxlan","provider:physical_network":null}}` {
		t.Errorf("provider: %s", got)
	}
	s.expect("200", "GET", "/v2.0/networks/"+n+"?fields=dns_domain", "")
	s.expect("200", "GET", "/v2.0/networks/"+n+"?fields=segments", "")
	s.expect("200", "GET", "/v2.0/subnets?network_id="+n+"&fields=segment_id", "")
	for _, field := range []string{"cidr", "gateway_ip", "dns_nameservers", "host_routes", "enable_dhcp", "ipv6_address_mode"} {
		if a := s.expect("200", "GET", "/v2.0/subnets/"+subnet, ""); !strings.Contains(a.body, `"`+field+`"`) {
			t.Errorf("a subnet has no %s", field)
		}
	}

	// the user's token makes the port, the administrator's binds it
	made := s.expect("201", "POST", "/v2.0/ports", fmt.Sprintf(`{"port":{"device_id":"u1","network_id":%q,"admin_state_up":true,"tenant_id":"red"}}`, n), as("red", "member")...)
	port := made.object("port")["id"].(string)
	bound := s.nova("PUT", "/v2.0/ports/"+port, `{"port":{"device_id":"u1","device_owner":"compute:nova","binding:host_id":"compute9","binding:profile":{"a":1}}}`)
	if bound["binding:vif_type"] != "binding_failed" {
		t.Errorf("an unknown host binds as %v", bound["binding:vif_type"])
	}
	reads(t, s.names("ports", "device_id=u1&tenant_id=red&binding:host_id=compute9", "id"), port)
	reads(t, s.names("ports", "tenant_id=red&fields=id&device_id=u1", "id"), port)
	reads(t, s.names("ports", "network_id="+n+"&fixed_ips=ip_address%3D10.0.0.3&fields=device_id", "device_id"), "u1")
	reads(t, s.names("ports", "fixed_ips=ip_address_substr%3D0.0.3", "id"), port)
	reads(t, s.names("ports", "device_id=u1&fields=id&fields=resource_request", "id"), port)
	s.expect("200", "GET", "/v2.0/ports/"+port+"?fields=binding:profile&fields=network_id", "")
	s.nova("PUT", "/v2.0/ports/"+port, `{"port":{"binding:profile":{"migrating_to":"compute8"}}}`)
	free := s.nova("PUT", "/v2.0/ports/"+port, `{"port":{"device_id":"","device_owner":"","binding:host_id":null,"binding:profile":{}}}`)
	if free["binding:vif_type"] != "unbound" || free["binding:host_id"] != "" {
		t.Errorf("unbound, the port is %v", free)
	}
	s.expect("204", "DELETE", "/v2.0/ports/"+port, "")
	s.expect("404 PortNotFound", "DELETE", "/v2.0/ports/"+port, "")
}

// nova does what has to work, and gives the port.
func (s *server) nova(method, path, body string, args ...any) map[string]any {
	s.t.Helper()
	if args != nil {
		body = fmt.Sprintf(body, args...)
	}
	want := map[string]string{"GET": "200", "PUT": "200", "POST": "201"}[method]
	return s.expect(want, method, path, body).object("port")
}

// reads compares what a list shows with what Nova has to find, in any order.
func reads(t *testing.T, got []string, want ...string) {
	t.Helper()
	left := map[string]int{}
	for _, w := range want {
		left[w]++
	}
	for _, g := range got {
		left[g]--
	}
	for value, n := range left {
		if n != 0 {
			t.Errorf("read %q and not %q: %+d of %q", got, want, -n, value)
		}
	}
}

// withoutProject is a client that says its project in the body only.
func withoutProject(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("X-Project-Id")
		r.Header.Set("User-Agent", "python-quantumclient")
		next.ServeHTTP(w, r)
	})
}

func TestNumbersOfAProfileComeBack(t *testing.T) {
	s := newServer(t)
	n := s.create("network", `{}`)["id"].(string)
	p := s.create("port", fmt.Sprintf(`{"network_id":%q,"binding:profile":{"n":1,"big":12345678,"x":[0.5]}}`, n))
	again, _ := json.Marshal(p["binding:profile"])
	second := s.nova("PUT", "/v2.0/ports/"+p["id"].(string), `{"port":{"binding:profile":`+string(again)+`}}`)
	if second["revision_number"] != p["revision_number"] {
		t.Errorf("the same profile makes revision %v of %v", second["revision_number"], p["revision_number"])
	}
}
