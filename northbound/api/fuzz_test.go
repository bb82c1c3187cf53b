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
		if w.Code >= 500 && !strings.Contains(w.Body.String(), `"NoNetworkAvailable"`) {
			t.Fatalf("%d %s: %v", w.Code, w.Body, s.log.All())
		}
		if w.Code != http.StatusNoContent && !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%d is answered with %q", w.Code, w.Body)
		}
	})
}
