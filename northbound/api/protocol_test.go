package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/northbound/auth"

	"github.com/planck-sdn/planck/model/store"
)

func TestAnswersAreThese(t *testing.T) {
	s := newServerWith(t, store.Options{Source: exactly(), Quotas: unlimited}, Options{})
	network := s.create("network", `{"name":"web","provider:network_type":"vxlan","provider:segmentation_id":77}`)["id"].(string)
	s.create("subnet", fmt.Sprintf(`{"network_id":%q,"ip_version":4,"cidr":"10.0.0.0/24","enable_dhcp":false,"dns_nameservers":["192.0.2.53"],"host_routes":[{"destination":"192.0.2.0/24","nexthop":"10.0.0.7"}]}`, network))
	s.create("port", fmt.Sprintf(`{"network_id":%q,"name":"eth0","device_id":"vm1","device_owner":"compute:nova","allowed_address_pairs":[{"ip_address":"10.0.0.99"}]}`, network))
	tests := []struct{ path, want string }{
		{"/", `{
  "versions": [
    {
      "id": "v2.0",
      "links": [
        {
          "href": "http://localhost:9696/v2.0/",
          "rel": "self"
        }
      ],
      "status": "CURRENT"
    }
  ]
}
`},
		{"/v2.0/", `{
  "resources": [
    {
      "collection": "networks",
      "links": [
        {
          "href": "http://localhost:9696/v2.0/networks",
          "rel": "self"
        }
      ],
      "name": "network"
    },
    {
      "collection": "subnets",
      "links": [
        {
          "href": "http://localhost:9696/v2.0/subnets",
          "rel": "self"
        }
      ],
      "name": "subnet"
    },
    {
      "collection": "ports",
      "links": [
        {
          "href": "http://localhost:9696/v2.0/ports",
          "rel": "self"
        }
      ],
      "name": "port"
    },
    {
      "collection": "routers",
      "links": [
        {
          "href": "http://localhost:9696/v2.0/routers",
          "rel": "self"
        }
      ],
      "name": "router"
    },
    {
      "collection": "floatingips",
      "links": [
        {
          "href": "http://localhost:9696/v2.0/floatingips",
          "rel": "self"
        }
      ],
      "name": "floatingip"
    },
    {
      "collection": "security_groups",
      "links": [
        {
          "href": "http://localhost:9696/v2.0/security-groups",
          "rel": "self"
        }
      ],
      "name": "security_group"
    },
    {
      "collection": "security_group_rules",
      "links": [
        {
          "href": "http://localhost:9696/v2.0/security-group-rules",
          "rel": "self"
        }
      ],
      "name": "security_group_rule"
    },
    {
      "collection": "rbac_policies",
      "links": [
        {
          "href": "http://localhost:9696/v2.0/rbac-policies",
          "rel": "self"
        }
      ],
      "name": "rbac_policy"
    },
    {
      "collection": "agents",
      "links": [
        {
          "href": "http://localhost:9696/v2.0/agents",
          "rel": "self"
        }
      ],
      "name": "agent"
    },
    {
      "collection": "availability_zones",
      "links": [
        {
          "href": "http://localhost:9696/v2.0/availability_zones",
          "rel": "self"
        }
      ],
      "name": "availability_zone"
    },
    {
      "collection": "network_ip_availabilities",
      "links": [
        {
          "href": "http://localhost:9696/v2.0/network-ip-availabilities",
          "rel": "self"
        }
      ],
      "name": "network_ip_availability"
    },
    {
      "collection": "quotas",
      "links": [
        {
          "href": "http://localhost:9696/v2.0/quotas",
          "rel": "self"
        }
      ],
      "name": "quota"
    }
  ]
}
`},
		{"/v2.0/extensions/net-mtu", `{
  "extension": {
    "name": "Network MTU",
    "alias": "net-mtu",
    "description": "The largest packet that a network carries",
    "updated": "2015-03-25T10:00:00-00:00",
    "links": []
  }
}
`},
		{"/v2.0/networks", `{
  "networks": [
    {
      "id": "NETWORK",
      "tenant_id": "red",
      "project_id": "red",
      "description": "",
      "tags": [],
      "revision_number": 1,
      "created_at": "2026-01-02T03:04:05Z",
      "updated_at": "2026-01-02T03:04:05Z",
      "name": "web",
      "admin_state_up": true,
      "status": "ACTIVE",
      "subnets": [
        "SUBNET"
      ],
      "shared": false,
      "mtu": 1450,
      "port_security_enabled": true,
      "router:external": false,
      "provider:network_type": "vxlan",
      "provider:physical_network": null,
      "provider:segmentation_id": 77,
      "dns_domain": "",
      "availability_zone_hints": [],
      "availability_zones": [
        "nova"
      ]
    }
  ]
}
`},
		{"/v2.0/subnets", `{
  "subnets": [
    {
      "id": "SUBNET",
      "tenant_id": "red",
      "project_id": "red",
      "description": "",
      "tags": [],
      "revision_number": 1,
      "created_at": "2026-01-02T03:04:05Z",
      "updated_at": "2026-01-02T03:04:05Z",
      "name": "",
      "ip_version": 4,
      "network_id": "NETWORK",
      "cidr": "10.0.0.0/24",
      "gateway_ip": "10.0.0.1",
      "allocation_pools": [
        {
          "start": "10.0.0.2",
          "end": "10.0.0.254"
        }
      ],
      "dns_nameservers": [
        "192.0.2.53"
      ],
      "host_routes": [
        {
          "destination": "192.0.2.0/24",
          "nexthop": "10.0.0.7"
        }
      ],
      "enable_dhcp": false,
      "subnetpool_id": null,
      "ipv6_ra_mode": null,
      "ipv6_address_mode": null
    }
  ]
}
`},
		{"/v2.0/ports", `{
  "ports": [
    {
      "id": "PORT",
      "tenant_id": "red",
      "project_id": "red",
      "description": "",
      "tags": [],
      "revision_number": 1,
      "created_at": "2026-01-02T03:04:05Z",
      "updated_at": "2026-01-02T03:04:05Z",
      "name": "eth0",
      "network_id": "NETWORK",
      "admin_state_up": true,
      "mac_address": "fa:16:3e:00:00:01",
      "fixed_ips": [
        {
          "subnet_id": "SUBNET",
          "ip_address": "10.0.0.2"
        }
      ],
      "device_id": "vm1",
      "device_owner": "compute:nova",
      "status": "DOWN",
      "port_security_enabled": true,
      "security_groups": [
        "GROUP"
      ],
      "allowed_address_pairs": [
        {
          "mac_address": "fa:16:3e:00:00:01",
          "ip_address": "10.0.0.99"
        }
      ],
      "binding:host_id": "",
      "binding:vnic_type": "normal",
      "binding:profile": {},
      "binding:vif_type": "unbound",
      "binding:vif_details": {},
      "dns_name": "",
      "dns_assignment": [
        {
          "ip_address": "10.0.0.2",
          "hostname": "host-10-0-0-2",
          "fqdn": "host-10-0-0-2.openstacklocal."
        }
      ],
      "extra_dhcp_opts": []
    }
  ]
}
`},
		{"/v2.0/security-group-rules?direction=ingress&ethertype=IPv4", `{
  "security_group_rules": [
    {
      "id": "RULE",
      "tenant_id": "red",
      "project_id": "red",
      "description": "",
      "revision_number": 1,
      "created_at": "2026-01-02T03:04:05Z",
      "updated_at": "2026-01-02T03:04:05Z",
      "security_group_id": "GROUP",
      "direction": "ingress",
      "ethertype": "IPv4",
      "protocol": null,
      "port_range_min": null,
      "port_range_max": null,
      "remote_ip_prefix": null,
      "normalized_cidr": null,
      "remote_group_id": "GROUP"
    }
  ]
}
`},
		{"/v2.0/ports/" + someUUID, `{
  "NeutronError": {
    "type": "PortNotFound",
    "message": "Port ` + someUUID + ` could not be found.",
    "detail": ""
  }
}
`},
	}
	names := strings.NewReplacer(network, "NETWORK", s.names("subnets", "", "id")[0], "SUBNET", s.names("ports", "", "id")[0], "PORT", s.names("security-groups", "", "id")[0], "GROUP", s.names("security-group-rules", "direction=ingress&ethertype=IPv4", "id")[0], "RULE")
	for _, tt := range tests {
		a := s.do("GET", tt.path, "")
		if got := names.Replace(indented(t, a.body)); got != tt.want {
			t.Errorf("GET %s is\n%s and not\n%s", tt.path, got, tt.want)
		}
		if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
			t.Errorf("GET %s is of type %s", tt.path, got)
		}
	}
}

func TestExtensionsAreThoseThatWork(t *testing.T) {
	s := newServer(t)
	var aliases []string
	for _, e := range s.do("GET", "/v2.0/extensions", "").list("extensions") {
		aliases = append(aliases, e["alias"].(string))
		s.expect("200", "GET", "/v2.0/extensions/"+e["alias"].(string)+".json", "")
	}
	want := []string{"agent", "allowed-address-pairs", "availability_zone", "binding", "binding-extended", "dns-integration", "empty-string-filtering", "ext-gw-mode", "external-net", "extra_dhcp_opt",
		"extraroute", "extraroute-atomic", "filter-validation", "fip-port-details", "ip-substring-filtering", "net-mtu", "net-mtu-writable", "network-ip-availability", "network_availability_zone", "pagination",
		"port-mac-address-regenerate", "port-security", "port-security-groups-filtering", "project-id", "provider", "quota-check-limit", "quota-check-limit-default", "quota_details", "quotas", "rbac-policies", "revision-if-match", "router", "router_availability_zone", "security-group", "security-groups-normalized-cidr", "sort-key-validation", "sorting",
		"standard-attr-description", "standard-attr-revisions", "standard-attr-tag", "standard-attr-timestamp", "stateful-security-group", "tag-creation"}
	if !slices.Equal(aliases, want) {
		t.Errorf("extensions are %v", aliases)
	}
	s.expect("404 HTTPNotFound", "GET", "/v2.0/extensions/l3-ha", "")
}

func TestPathsAndMethods(t *testing.T) {
	s := newServer(t)
	n := s.create("network", `{}`)["id"].(string)
	tests := []struct{ want, method, path string }{
		{"200", "GET", "/v2.0"},
		{"200", "GET", "/v2.0/"},
		{"200", "GET", "/v2.0.json"},
		{"200", "GET", "/v2.0/networks.json"},
		{"200", "GET", "/v2.0/networks/"},
		{"200", "GET", "/v2.0/networks/" + n + ".json"},
		{"200", "GET", "/v2.0/networks/" + n + ".json?fields=id"},
		{"404 NetworkNotFound", "GET", "/v2.0/networks/" + n + ".xml"},
		{"404 NetworkNotFound", "GET", "/v2.0/networks/x"},
		{"404 NetworkNotFound", "GET", "/v2.0/networks/%00"},
		{"404 NetworkNotFound", "DELETE", "/v2.0/networks/%ff"},
		{"404 NetworkNotFound", "DELETE", "/v2.0/networks/" + someUUID},
		{"404 SubnetNotFound", "DELETE", "/v2.0/subnets/" + someUUID},
		{"404 PortNotFound", "GET", "/v2.0/ports/" + someUUID},
		{"404 HTTPNotFound", "GET", "/v2.0/networks/" + n + "/ports"},
		{"404 HTTPNotFound", "GET", "/v2.0/unheard-of"},
		{"404 HTTPNotFound", "POST", "/v3/networks"},
		{"404 HTTPNotFound", "GET", "/favicon.ico"},
		{"405 HTTPMethodNotAllowed", "PUT", "/v2.0/networks"},
		{"405 HTTPMethodNotAllowed", "DELETE", "/v2.0/ports"},
		{"405 HTTPMethodNotAllowed", "PATCH", "/v2.0/networks/" + n},
		{"405 HTTPMethodNotAllowed", "POST", "/v2.0/networks/" + n},
		{"405 HTTPMethodNotAllowed", "POST", "/"},
	}
	for _, tt := range tests {
		s.expect(tt.want, tt.method, tt.path, "")
	}
	s.expect("400 HTTPBadRequest", "DELETE", "/v2.0/networks/"+n, "{}")
	s.expect("204", "DELETE", "/v2.0/networks/"+n+".json", "")
	s.expect("404 NetworkNotFound", "DELETE", "/v2.0/networks/"+n, "")
}

func TestBodies(t *testing.T) {
	s := newServer(t)
	deep := strings.Repeat("[", 20_000)
	tests := []struct{ body, want, message string }{
		{``, badValue, "Unable to find 'network' in request body"},
		{`null`, badValue, "Unable to find 'network' in request body"},
		{`{}`, badValue, "Unable to find 'network' in request body"},
		{`{"subnet":{}}`, badValue, "Unable to find 'network' in request body"},
		{`{"network":null}`, badValue, "Unable to find 'network' in request body"},
		{`{"network":[]}`, badValue, "Object 'network' contains invalid data"},
		{`{"network":"x"}`, badValue, "Object 'network' contains invalid data"},
		{`{"networks":null}`, badValue, "Resources required"},
		{`{"networks":[]}`, badValue, "Resources required"},
		{`{"networks":{}}`, badValue, "Body contains invalid data"},
		{`{"networks":[7]}`, badValue, "Body contains invalid data"},
		{`{"networks":[{"network":7}]}`, badValue, "Object 'network' contains invalid data"},
		{`[]`, badValue, "Body contains invalid data"},
		{`7`, badValue, "Body contains invalid data"},
		{`{`, badValue, "Body contains invalid data"},
		{`{"network":{}} x`, badValue, "Body contains invalid data"},
		{`{"network":{}}{}`, badValue, "Body contains invalid data"},
		{`{"network":{"name":` + deep, badValue, "Body contains invalid data"},
		{"<network/>", badValue, "Body contains invalid data"},
		{"\x00\x01", badValue, "Body contains invalid data"},
		{`{"network":{"nmae":"x","vlan_transparent":true}}`, badValue, "Unrecognized attribute(s) 'nmae, vlan_transparent'"},
		{`{"network":{"id":"x"}}`, badValue, "Attribute 'id' not allowed in POST"},
		{`{"network":{"name":7}}`, badValue, "Invalid input for name. Reason: '7' is not a valid string."},
		{`{"network":{"name":null}}`, badValue, "Invalid input for name. Reason: 'None' is not a valid string."},
		{`{"network":{"name":[true,null,"x",{"a":1.5}]}}`, badValue, "Invalid input for name. Reason: '[True, None, 'x', {'a': 1.5}]' is not a valid string."},
		{`{"network":{"admin_state_up":"maybe"}}`, badInput, "Invalid input for operation: 'maybe' cannot be converted to boolean."},
		{`{"network":{"tenant_id":"a","project_id":"b"}}`, badValue, "'project_id' and 'tenant_id' do not match"},
		{`{"network":{"security_groups":[]}}`, badValue, "Unrecognized attribute(s) 'security_groups'"},
		{`{"network":{}}`, created, ""},
		{`{"network":{"tenant_id":"blue","project_id":"blue"}}`, created, ""},
		{"{\"network\":{\"name\":\"\xff\"}}", badValue, "Body contains invalid data"},
		{`{"network":{"mtu":1e400}}`, badInput, "Invalid input for operation: '1e400' is not an integer."},
		{`{"network":{"name":"a","name":7}}`, badValue, "Invalid input for name. Reason: '7' is not a valid string."}, // the last counts
		{`{"network":{"name":7},"network":{"name":"b"}}`, created, ""},
	}
	for _, tt := range tests {
		a := s.expect(tt.want, "POST", "/v2.0/networks", tt.body)
		if tt.message != "" && a.neutronError().Message != tt.message {
			t.Errorf("%.100s: %q", tt.body, a.neutronError().Message)
		}
	}
	n := s.names("networks", "", "id")
	if len(n) != 3 {
		t.Errorf("there are %d networks", len(n))
	}
	for _, tt := range tests[:20] {
		if tt.body != `{"networks":null}` && !strings.HasPrefix(tt.body, `{"networks"`) {
			s.expect(badValue, "PUT", "/v2.0/networks/"+n[0], tt.body)
		}
	}
	a := s.expect(badValue, "PUT", "/v2.0/networks/"+n[0], `{"networks":[{}]}`)
	if a.neutronError().Message != "Bulk operation not supported" {
		t.Errorf("bulk update: %v", a)
	}
	a = s.expect(badValue, "PUT", "/v2.0/networks/"+n[0], `{"network":{"status":"DOWN"}}`)
	if a.neutronError().Message != "Cannot update read-only attribute status" {
		t.Errorf("read-only: %v", a)
	}
	s.expect("413 HTTPRequestEntityTooLarge", "POST", "/v2.0/networks", `{"network":{"name":"`+strings.Repeat("x", MaxBody)+`"}}`)
	if a := s.do("POST", "/v2.0/networks", `{"network":{"name":"`+strings.Repeat("ü", MaxBody/4)+`"}}`); a.status != 400 || len(a.body) > 2*maxShown {
		t.Errorf("a long name is answered by %d with %d bytes", a.status, len(a.body))
	}
}

func TestPostNeedsAProject(t *testing.T) {
	s := newServer(t)
	s.expect(badValue, "POST", "/v2.0/networks", `{"network":{}}`, "X-Project-Id", "")
	s.expect(badValue, "POST", "/v2.0/networks", `{"network":{"tenant_id":""}}`, "X-Project-Id", "")
	s.expect("201", "POST", "/v2.0/networks", `{"network":{"tenant_id":"red"}}`, "X-Project-Id", "")
	s.expect("201", "POST", "/v2.0/networks", `{"network":{"project_id":"red"}}`, "X-Project-Id", "")
	s.expect("201", "POST", "/v2.0/networks", `{"network":{}}`, "X-Project-Id", "", "X-Tenant-Id", "red")
	if got := s.names("networks", "tenant_id=red", "project_id"); len(got) != 3 {
		t.Errorf("red has %v", got)
	}
}

func TestBulkIsAllOrNothing(t *testing.T) {
	s := newServer(t)
	a := s.expect("201", "POST", "/v2.0/networks", `{"networks":[{"name":"a"},{"network":{"name":"b"}},{"name":"c"}]}`)
	var names []string
	for _, n := range a.list("networks") {
		names = append(names, n["name"].(string))
	}
	if !slices.Equal(names, []string{"a", "b", "c"}) {
		t.Errorf("created %v", names)
	}
	s.expect(badValue, "POST", "/v2.0/networks", `{"networks":[{"name":"d"},{"name":7}]}`)
	n := a.list("networks")[0]["id"].(string)
	mac := `"mac_address":"fa:16:3e:00:00:01"`
	s.expect("409 MacAddressInUse", "POST", "/v2.0/ports", fmt.Sprintf(`{"ports":[{"network_id":%q},{"network_id":%q,%s},{"network_id":%q,%s}]}`, n, n, mac, n, mac))
	if s.count("networks") != 3 || s.count("ports") != 0 {
		t.Errorf("there are %d networks and %d ports", s.count("networks"), s.count("ports"))
	}
	s.expect("201", "POST", "/v2.0/ports", fmt.Sprintf(`{"ports":[{"network_id":%q},{"network_id":%q}]}`, n, n))
}

func TestRequestIDs(t *testing.T) {
	s := newServer(t)
	pattern := regexp.MustCompile(`^req-[0-9a-f-]{36}$`)
	for _, given := range []string{"", "x", "req-1", "req-" + strings.Repeat("x", 36)} {
		got := s.do("GET", "/v2.0/networks", "", headerRequestID, given).header.Get(headerRequestID)
		if !pattern.MatchString(got) || got == given {
			t.Errorf("given %q the id is %q", given, got)
		}
	}
	given := "req-" + uuid.NewString()
	for _, path := range []string{"/", "/v2.0/networks", "/nowhere"} {
		if got := s.do("GET", path, "", headerRequestID, given).header.Get(headerRequestID); got != given {
			t.Errorf("%s: given %q the id is %q", path, given, got)
		}
	}
}

func TestFieldsAreProjected(t *testing.T) {
	s := newServer(t)
	n := s.create("network", `{"name":"web"}`)["id"].(string)
	for query, want := range map[string]string{
		"fields=id":                       `{"id":"` + n + `"}`,
		"fields=name&fields=id":           `{"id":"` + n + `","name":"web"}`,
		"fields=project_id&fields=":       `{"project_id":"red"}`,
		"fields=unheard-of":               `{}`,
		"fields=provider:network_type":    `{"provider:network_type":"vxlan"}`,
		"fields=router%3Aexternal&name=x": "",
	} {
		if want == "" {
			continue
		}
		if got := s.do("GET", "/v2.0/networks/"+n+"?"+query, "").body; got != `{"network":`+want+`}` {
			t.Errorf("one with %s: %s", query, got)
		}
		if got := s.do("GET", "/v2.0/networks?"+query, "").body; got != `{"networks":[`+want+`]}` {
			t.Errorf("list with %s: %s", query, got)
		}
	}
}

func TestFilters(t *testing.T) {
	s := newServer(t)
	ids := map[string]string{}
	for _, body := range []string{`{"name":"a"}`, `{"name":"b","shared":true,"description":"x"}`, `{"name":"c","admin_state_up":false,"tenant_id":"blue"}`, `{"name":""}`} {
		n := s.create("network", body)
		ids[n["name"].(string)] = n["id"].(string)
	}
	s.create("subnet", fmt.Sprintf(`{"network_id":%q,"ip_version":4,"cidr":"10.0.0.0/24","name":"s1","gateway_ip":null,"enable_dhcp":false}`, ids["a"]))
	s2 := s.create("subnet", fmt.Sprintf(`{"network_id":%q,"ip_version":4,"cidr":"10.0.1.0/24","name":"s2","enable_dhcp":false}`, ids["a"]))["id"].(string)
	s.create("port", fmt.Sprintf(`{"network_id":%q,"name":"p1","fixed_ips":[{"ip_address":"10.0.0.3"}],"device_id":"vm1","device_owner":"compute:nova","binding:host_id":"h1"}`, ids["a"]))
	s.create("port", fmt.Sprintf(`{"network_id":%q,"name":"p2","fixed_ips":[{"ip_address":"10.0.1.3"}],"device_id":"vm1","mac_address":"fa:16:3e:00:00:02"}`, ids["a"]))
	s.create("port", fmt.Sprintf(`{"network_id":%q,"name":"p3"}`, ids["b"]))
	tests := []struct{ collection, query, want string }{
		{"networks", "", "a b c "},
		{"networks", "name=a", "a"},
		{"networks", "name=a&name=c", "a c"},
		{"networks", "name=", ""},
		{"networks", "name=&name=b", "b "},
		{"networks", "id=" + ids["a"] + "&id=" + ids["b"] + "&id=x", "a b"},
		{"networks", "id=" + ids["a"] + "&name=b", "-"},
		{"networks", "shared=True", "b"},
		{"networks", "shared=False&tenant_id=red", "a "},
		{"networks", "shared=false&shared=true", "a b c "},
		{"networks", "admin_state_up=0", "c"},
		{"networks", "tenant_id=blue", "c"},
		{"networks", "project_id=blue&tenant_id=blue", "c"},
		{"networks", "router:external=True", "-"},
		{"networks", "router%3Aexternal=False&name=a", "a"},
		{"networks", "description=x", "b"},
		{"networks", "status=ACTIVE&name=a", "a"},
		{"networks", "mtu=1450&name=a", "a"},
		{"networks", "provider:network_type=vlan", "-"},
		{"networks", "name=a%27%20OR%201=1", "-"},
		{"networks", "name=%25", "-"},
		{"subnets", "cidr=10.0.1.0/24", "s2"},
		{"subnets", "cidr=10.0.1.9/24", "s2"},
		{"subnets", "gateway_ip=10.0.1.1", "s2"},
		{"subnets", "ip_version=4&name=s1", "s1"},
		{"subnets", "ip_version=6", "-"},
		{"subnets", "enable_dhcp=False&id=" + s2, "s2"},
		{"subnets", "network_id=" + ids["a"], "s1 s2"},
		{"subnets", "shared=True", "-"},
		{"ports", "fixed_ips=ip_address%3D10.0.0.3", "p1"},
		{"ports", "fixed_ips=ip_address=10.0.0.3&fixed_ips=ip_address=10.0.1.3", "p1 p2"},
		{"ports", "fixed_ips=subnet_id=" + s2, "p2"},
		{"ports", "fixed_ips=subnet_id=" + s2 + "&fixed_ips=ip_address=10.0.0.3", "-"},
		{"ports", "fixed_ips=ip_address=x", "-"},
		{"ports", "fixed_ips=ip_address_substr=.1.", "p2"},
		{"ports", "fixed_ips=ip_address_substr=%25", "-"},
		{"ports", "mac_address=FA-16-3E-00-00-02", "p2"},
		{"ports", "device_id=vm1&device_owner=compute:nova", "p1"},
		{"ports", "device_owner=&device_id=vm1", "p2"},
		{"ports", "network_id=" + ids["a"] + "&device_owner=network:dhcp", "-"},
		{"ports", "binding:host_id=h1", "p1"},
		{"ports", "status=DOWN&name=p1", "p1"},
	}
	for _, tt := range tests {
		query := tt.query
		if query != "" {
			query += "&"
		}
		got := s.names(tt.collection, query+"sort_key=name&sort_dir=asc", "name")
		slices.SortFunc(got, func(a, b string) int { return strings.Compare(b, a) })
		want := strings.Split(tt.want, " ")
		if tt.want == "-" {
			want = []string{}
		}
		slices.SortFunc(want, func(a, b string) int { return strings.Compare(b, a) })
		if !slices.Equal(got, want) {
			t.Errorf("%s?%s finds %q, not %q", tt.collection, tt.query, got, want)
		}
	}
	for query, want := range map[string]string{
		"unheard-of=1":               badValue,
		"created_at=x":               badValue,
		"subnets=x":                  badValue,
		"shared=perhaps":             badInput,
		"shared=":                    badInput,
		"mtu=x":                      badInput,
		"name=%00":                   badValue,
		"name=%ff":                   badValue,
		"limit=x":                    "400 BadRequest",
		"limit=-1":                   "400 BadRequest",
		"sort_key=name":              badValue,
		"sort_dir=asc":               badValue,
		"sort_key=x&sort_dir=asc":    badValue,
		"sort_key=name&sort_dir=up":  badValue,
		"limit=1&marker=" + someUUID: "404 NetworkNotFound",
		"limit=1&marker=%00":         badValue,
		"id=%zz":                     badValue,
		"id=a;b":                     badValue,
	} {
		s.expect(want, "GET", "/v2.0/networks?"+query, "")
	}
	for query, want := range map[string]string{"fixed_ips=x": badInput, "fixed_ips==x": badInput, "fixed_ips=ip=x": badInput, "fixed_ips=ip_address=%00": badValue, "fixed_ips=": badInput} {
		s.expect(want, "GET", "/v2.0/ports?"+query, "")
	}
}

func TestEveryDeclaredFilterAndSortKeyWorks(t *testing.T) {
	s := newServer(t)
	n := s.create("network", `{"name":"x"}`)["id"].(string)
	s.create("subnet", fmt.Sprintf(`{"network_id":%q,"ip_version":4,"cidr":"10.0.0.0/24"}`, n))
	s.create("port", fmt.Sprintf(`{"network_id":%q,"binding:host_id":"h"}`, n))
	filterAndSort(s, networks(s.backend.networks()))
	filterAndSort(s, subnets(s.backend.subnets()))
	filterAndSort(s, ports(s.backend.ports()))
}

// filterAndSort filters by what an object shows, which has to find it, and sorts by all keys there are.
func filterAndSort[T any](s *server, r *Resource[T]) {
	s.t.Helper()
	list := s.do("GET", "/v2.0/"+r.Collection, "").list(r.Collection)
	object := list[len(list)-1] // of the ports a VM's
	for _, a := range r.Attributes {
		if value, shown := object[a.Name]; a.Filter && shown {
			if value == nil {
				value = ""
			}
			wanted := fmt.Sprint(value)
			if ids, ok := value.([]any); ok && a.FilterParts == nil {
				wanted = fmt.Sprint(ids[0])
			}
			if a.FilterParts != nil {
				wanted = "ip_address=" + value.([]any)[0].(map[string]any)["ip_address"].(string)
			}
			query := url.Values{a.Name: {wanted}, "id": {fmt.Sprint(object["id"])}}.Encode()
			if got := s.names(r.Collection, query, "id"); len(got) != 1 {
				s.t.Errorf("%s?%s finds %v", r.Collection, query, got)
			}
		}
		if a.Sort {
			for _, direction := range []string{"asc", "desc"} {
				s.expect("200", "GET", "/v2.0/"+r.Collection+"?limit=1&sort_dir="+direction+"&sort_key="+url.QueryEscape(a.Name), "")
			}
		}
	}
}

func TestSortingAndPages(t *testing.T) {
	s := newServer(t)
	for _, name := range []string{"d", "b", "a", "c", "e"} {
		s.create("network", fmt.Sprintf(`{"name":%q,"shared":%t}`, name, name > "c"))
	}
	for query, want := range map[string]string{
		"":                           "d b a c e",
		"sort_key=name&sort_dir=asc": "a b c d e",
		"sort_key=admin_state_up&sort_dir=asc&sort_key=name&sort_dir=desc": "e d c b a",
		"sort_key=status&sort_dir=asc&sort_key=name&sort_dir=asc&limit=2":  "a b",
		"sort_key=name&sort_dir=asc&limit=2&page_reverse=True":             "d e",
		"limit=0": "d b a c e",
		"limit=9": "d b a c e",
	} {
		if got := strings.Join(s.names("networks", query, "name"), " "); got != want {
			t.Errorf("?%s gives %s, not %s", query, got, want)
		}
	}
	const start = "/v2.0/networks?sort_key=name&sort_dir=asc&limit=2&fields=name"
	forwards, last := s.walk(start, "next")
	if got := strings.Join(forwards, "|"); got != "a b|c d|e" {
		t.Errorf("forwards: %s", got)
	}
	backwards, _ := s.walk(last, "previous")
	if got := strings.Join(backwards, "|"); got != "e|c d|a b|" {
		t.Errorf("backwards: %s", got)
	}
	if links := s.do("GET", "/v2.0/networks", "").body; strings.Contains(links, "networks_links") {
		t.Errorf("a whole list has links: %s", links)
	}
	a := s.do("GET", "/v2.0/networks?limit=1", "", "X-Forwarded-Proto", "https")
	if links := a.list("networks_links"); len(links) == 0 || !strings.HasPrefix(links[0]["href"].(string), "https://localhost:9696/v2.0/networks?") {
		t.Errorf("links behind a proxy: %v", links)
	}
}

// walk follows the links of one kind, and gives the names on each page and the last page's path.
func (s *server) walk(path, rel string) (pages []string, last string) {
	s.t.Helper()
	for path != "" && len(pages) < 10 {
		a := s.expect("200", "GET", path, "")
		var names []string
		for _, n := range a.list("networks") {
			names = append(names, fmt.Sprint(n["name"]))
		}
		pages, last, path = append(pages, strings.Join(names, " ")), path, ""
		for _, link := range a.list("networks_links") {
			if link["rel"] == rel {
				path = strings.TrimPrefix(link["href"].(string), "http://localhost:9696")
			}
		}
	}
	return pages, last
}

func TestChangesHaveARevisionAndAnAuditLine(t *testing.T) {
	s := newServer(t)
	id := "req-" + uuid.NewString()
	a := s.do("POST", "/v2.0/networks.json", `{"network":{}}`, headerRequestID, id, "X-User-Id", "alice")
	first := a.header.Get(HeaderRevision)
	if first == "" {
		t.Fatalf("no revision in %v", a.header)
	}
	n := a.object("network")["id"].(string)
	if second := s.do("PUT", "/v2.0/networks/"+n, `{"network":{"name":"x"}}`).header.Get(HeaderRevision); second == "" || second == first {
		t.Errorf("revisions %q and %q", first, second)
	}
	s.expect(badValue, "PUT", "/v2.0/networks/"+n, `{"network":{"name":7}}`)
	if got := s.do("GET", "/v2.0/networks/"+n, "").header.Get(HeaderRevision); got != "" {
		t.Errorf("reading has the revision %q", got)
	}
	lines := s.log.FilterMessage("audit").All()
	if len(lines) != 3 {
		t.Fatalf("there are %d lines", len(lines))
	}
	got, want := lines[0].ContextMap(), map[string]any{"user": "alice", "project": "red", "request_id": id, "revision": first, "method": "POST", "path": "/v2.0/networks.json", "status": int64(201)}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s is %v, not %v", key, got[key], value)
		}
	}
	if refused := lines[2].ContextMap(); refused["status"] != int64(400) || refused["revision"] != "" {
		t.Errorf("the refusal's line is %v", refused)
	}
}

func TestForeignHostsAndOriginsAreRefused(t *testing.T) {
	s := newServer(t)
	s.expect("403 HTTPForbidden", "POST", "/v2.0/networks", `{"network":{}}`, "Origin", "http://evil.example")
	r := httptest.NewRequest("GET", "http://evil.example/v2.0/networks", nil)
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("a foreign host is answered %d", w.Code)
	}
	if s.count("networks") != 0 {
		t.Error("a foreign origin made a network")
	}
}

func TestPanicsAreAnsweredAndLogged(t *testing.T) {
	s := newServerWith(t, store.Options{Source: model.SystemSource(), Quotas: unlimited}, Options{More: func(r gin.IRouter) {
		r.GET("/planck/v1/panic", func(*gin.Context) { panic("the roof is on fire") })
		r.GET("/planck/v1/admin", AdminOnly, func(g *gin.Context) { g.String(http.StatusOK, auth.From(g.Request.Context()).ProjectID) })
	}})
	a := s.expect("500 HTTPInternalServerError", "GET", "/planck/v1/panic", "")
	if strings.Contains(a.body, "roof") {
		t.Errorf("the answer tells too much: %s", a.body)
	}
	lines := s.log.FilterMessageSnippet("panic").All()
	if len(lines) != 1 || lines[0].ContextMap()["request_id"] != a.header.Get(headerRequestID) || !strings.Contains(fmt.Sprint(lines[0].ContextMap()["stack"]), "protocol_test.go") {
		t.Errorf("the log has %v", lines)
	}
	s.expect("200", "GET", "/planck/v1/admin", "")
	s.expect("403 PolicyNotAuthorized", "GET", "/planck/v1/admin", "", as("red", "member")...)
}
