package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Red owns a network, another that it shares, and a subnet and a port on each.
func TestPolicyOfTenants(t *testing.T) {
	s := newServer(t)
	own := s.create("network", `{"name":"own"}`)["id"].(string)
	shared := s.create("network", `{"name":"shared","shared":true}`)["id"].(string)
	ids := strings.NewReplacer("OWN", own, "SHARED", shared)
	subnet := s.create("subnet", ids.Replace(`{"network_id":"OWN","ip_version":4,"cidr":"10.0.0.0/24"}`))["id"].(string)
	s.create("subnet", ids.Replace(`{"network_id":"SHARED","ip_version":4,"cidr":"10.1.0.0/24","name":"public"}`))
	port := s.create("port", ids.Replace(`{"network_id":"OWN"}`))["id"].(string)
	guest := s.create("port", ids.Replace(`{"network_id":"SHARED","tenant_id":"blue","name":"guest"}`))["id"].(string)
	ids = strings.NewReplacer("OWN", own, "SHARED", shared, "SUBNET", subnet, "PORT", port, "GUEST", guest)

	red, redReader := as("red", "member"), as("red", "reader")
	blue, blueReader, service := as("blue", "member"), as("blue", "reader"), as("blue", "service")
	const forbidden, hidden = "403 PolicyNotAuthorized", "404 NetworkNotFound"
	tests := []struct {
		who                      []string
		want, method, path, body string
	}{
		// What is not visible does not exist.
		{blue, hidden, "GET", "networks/OWN", ""},
		{blue, hidden, "PUT", "networks/OWN", `{"network":{"name":"x"}}`},
		{blue, hidden, "PUT", "networks/OWN", `{"network":{"shared":true}}`},
		{blue, hidden, "DELETE", "networks/OWN", ""},
		{blueReader, hidden, "DELETE", "networks/OWN", ""},
		{blue, "404 SubnetNotFound", "GET", "subnets/SUBNET", ""},
		{blue, "404 SubnetNotFound", "DELETE", "subnets/SUBNET", ""},
		{blue, "404 PortNotFound", "GET", "ports/PORT", ""},
		{blue, "404 PortNotFound", "PUT", "ports/PORT", `{"port":{"binding:host_id":"h"}}`},
		{blue, "404 PortNotFound", "PUT", "ports/PORT", `{"port":{"fixed_ips":[]}}`},
		{blue, hidden, "POST", "ports", `{"port":{"network_id":"OWN"}}`},
		{blue, hidden, "POST", "ports", `{"port":{"network_id":"OWN","mac_address":"fa:16:3e:00:00:01"}}`},
		{blue, hidden, "POST", "subnets", `{"subnet":{"network_id":"OWN","ip_version":4,"cidr":"10.7.0.0/24"}}`},
		// What is shared may be seen and used, and not changed.
		{blue, "200", "GET", "networks/SHARED", ""},
		{blue, forbidden, "PUT", "networks/SHARED", `{"network":{"name":"x"}}`},
		{blue, forbidden, "DELETE", "networks/SHARED", ""},
		{blue, forbidden, "POST", "subnets", `{"subnet":{"network_id":"SHARED","ip_version":4,"cidr":"10.7.0.0/24"}}`},
		{blue, "201", "POST", "ports", `{"port":{"network_id":"SHARED","name":"second"}}`},
		{blue, forbidden, "POST", "ports", `{"port":{"network_id":"SHARED","mac_address":"fa:16:3e:00:00:01"}}`},
		{blue, forbidden, "POST", "ports", `{"port":{"network_id":"SHARED","fixed_ips":[{"ip_address":"10.1.0.99"}]}}`},
		{blue, forbidden, "POST", "ports", `{"port":{"network_id":"SHARED","port_security_enabled":false}}`},
		{blue, forbidden, "POST", "ports", `{"port":{"network_id":"SHARED","allowed_address_pairs":[{"ip_address":"10.1.0.1"}]}}`},
		{blue, forbidden, "POST", "ports", `{"port":{"network_id":"SHARED","device_owner":"network:dhcp"}}`},
		{blue, forbidden, "PUT", "ports/GUEST", `{"port":{"device_owner":"network:router_interface"}}`},
		{blue, forbidden, "PUT", "ports/GUEST", `{"port":{"port_security_enabled":false}}`},
		{blue, forbidden, "PUT", "ports/GUEST", `{"port":{"mac_address":"fa:16:3e:00:00:01"}}`},
		{blue, "200", "PUT", "ports/GUEST", `{"port":{"device_owner":"compute:nova","name":"guest"}}`},
		// What is the administrator's.
		{red, forbidden, "POST", "networks", `{"network":{"shared":true}}`},
		{red, "201", "POST", "networks", `{"network":{"shared":false,"router:external":false,"name":"plain"}}`},
		{red, forbidden, "POST", "networks", `{"network":{"provider:network_type":"vxlan"}}`},
		{red, forbidden, "POST", "networks", `{"network":{"provider:segmentation_id":5}}`},
		{red, forbidden, "POST", "networks", `{"network":{"provider:physical_network":"p"}}`},
		{red, forbidden, "PUT", "networks/OWN", `{"network":{"shared":false}}`},
		{red, forbidden, "PUT", "networks/OWN", `{"network":{"router:external":false}}`},
		{red, forbidden, "POST", "ports", `{"port":{"network_id":"OWN","binding:host_id":"h"}}`},
		{red, forbidden, "POST", "ports", `{"port":{"network_id":"OWN","binding:profile":{"a":1}}}`},
		{red, forbidden, "PUT", "ports/PORT", `{"port":{"binding:profile":{}}}`},
		{red, forbidden, "PUT", "ports/PORT", `{"port":{"mac_address":"fa:16:3e:00:00:01"}}`},
		{red, badValue, "POST", "networks", `{"network":{"tenant_id":"blue"}}`},
		{red, badValue, "POST", "networks", `{"network":{"project_id":"blue"}}`},
		{red, badValue, "PUT", "networks/OWN", `{"network":{"tenant_id":"red"}}`},
		// What is the network owner's.
		{red, "200", "PUT", "ports/PORT", `{"port":{"fixed_ips":[{"ip_address":"10.0.0.77"}],"port_security_enabled":true,"allowed_address_pairs":[{"ip_address":"10.0.0.78"}]}}`},
		{red, "201", "POST", "ports", `{"port":{"network_id":"OWN","mac_address":"fa:16:3e:00:00:02","binding:vnic_type":"direct","device_owner":"network:mine"}}`},
		{red, "200", "GET", "ports/GUEST", ""},
		{red, forbidden, "PUT", "ports/GUEST", `{"port":{"name":"x"}}`},
		// A reader reads.
		{redReader, "200", "GET", "networks/OWN", ""},
		{redReader, forbidden, "POST", "networks", `{"network":{}}`},
		{redReader, forbidden, "PUT", "networks/OWN", `{"network":{}}`},
		{redReader, forbidden, "DELETE", "networks/OWN", ""},
		{redReader, forbidden, "DELETE", "ports/PORT", ""},
		{redReader, "404 NetworkNotFound", "DELETE", "networks/" + someUUID, ""},
		{service, "201", "POST", "networks", `{"network":{"name":"of the service"}}`},
		{as("", "member"), badValue, "POST", "networks", `{"network":{}}`},
		{red, "204", "DELETE", "ports/GUEST", ""},
	}
	for _, tt := range tests {
		s.expect(tt.want, tt.method, "/v2.0/"+ids.Replace(tt.path), ids.Replace(tt.body), tt.who...)
	}

	for _, tt := range []struct {
		who                     []string
		collection, query, want string
	}{
		{blue, "networks", "", "of the service shared"},
		{blue, "networks", "tenant_id=red", "shared"},
		{blue, "networks", "id=" + own, ""},
		{blue, "subnets", "", "public"},
		{blue, "ports", "", "second"},
		{redReader, "networks", "", "own plain shared"},
	} {
		got := s.names(tt.collection, tt.query, "name", tt.who...)
		slices.Sort(got)
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s?%s shows %q to %v, not %q", tt.collection, tt.query, got, tt.who, tt.want)
		}
	}
	s.expect(hidden, "GET", "/v2.0/networks?limit=1&marker="+own, "", blue...)
}

func TestTenantsDoNotSeeWhatIsTheAdministrators(t *testing.T) {
	s := newServer(t)
	n := s.create("network", `{}`)["id"].(string)
	p := s.create("port", fmt.Sprintf(`{"network_id":%q,"binding:host_id":"h"}`, n))["id"].(string)
	for path, secrets := range map[string][]string{
		"networks": {"provider:network_type", "provider:physical_network", "provider:segmentation_id"},
		"ports":    {"binding:host_id", "binding:profile", "binding:vif_type", "binding:vif_details"},
	} {
		all := s.do("GET", "/v2.0/"+path, "").body
		part := s.do("GET", "/v2.0/"+path, "", as("red", "member")...).body
		for _, secret := range secrets {
			if !strings.Contains(all, secret) || strings.Contains(part, secret) {
				t.Errorf("%s: %s", secret, part)
			}
			if got := s.do("GET", "/v2.0/"+path+"?fields="+secret, "", as("red", "member")...).body; got != `{"`+path+`":[{}]}` {
				t.Errorf("%s by name: %s", secret, got)
			}
		}
	}
	a := s.expect("200", "PUT", "/v2.0/ports/"+p, `{"port":{"name":"x"}}`, as("red", "member")...)
	if strings.Contains(a.body, "binding:host_id") {
		t.Errorf("an answer to a change shows %s", a.body)
	}
	s.expect("201", "POST", "/v2.0/ports", fmt.Sprintf(`{"ports":[{"network_id":%q}]}`, n), as("red", "member")...)
}
