package clients

import (
	"net/http"
	"strings"
	"testing"
)

// What Folsom's Nova (2012.2.4) sends, in its order: .json on every path, no token, no project but in body and query.
func TestFolsomsNova(t *testing.T) {
	t.Parallel()
	r := replay{t: t, url: cloud.open, vars: map[string]string{}, header: func(string) http.Header {
		return http.Header{"Accept": {"application/json"}, "User-Agent": {"python-quantumclient"}}
	}}
	r.run([]call{
		{does: "operator", call: "POST /networks.json", body: `{"network": {"tenant_id": "t1", "name": "private"}}`, want: "201", keeps: "net=network.id"},
		{does: "operator", call: "POST /networks.json", body: `{"network": {"tenant_id": "t2", "name": "foreign"}}`, want: "201", keeps: "foreign=network.id"},
		{does: "operator", call: "POST /networks.json", body: `{"network": {"tenant_id": "t2", "name": "shared", "shared": true}}`, want: "201", keeps: "shared=network.id"},
		{does: "operator", call: "POST /networks.json", want: "201", keeps: "public=network.id",
			body: `{"network": {"tenant_id": "t2", "name": "nova", "router:external": true, "provider:network_type": "vlan", "provider:physical_network": "public", "provider:segmentation_id": 12}}`},
		{does: "operator", call: "POST /subnets.json", body: `{"subnet": {"tenant_id": "t2", "network_id": "$public", "ip_version": 4, "cidr": "192.0.2.0/24", "enable_dhcp": false}}`, want: "201"},
		{does: "operator", call: "POST /subnets.json", body: `{"subnet": {"tenant_id": "t1", "network_id": "$net", "ip_version": 4, "cidr": "10.0.0.0/24", "dns_nameservers": ["192.0.2.53"]}}`, want: "201", keeps: "subnet=subnet.id"},

		{does: "operator", call: "POST /routers.json", body: `{"router": {"tenant_id": "t1", "external_gateway_info": {"network_id": "$public"}}}`, want: "201", keeps: "router=router.id",
			reads: []string{`router.external_gateway_info.network_id="$public"`}},
		{does: "operator", call: "PUT /routers/$router/add_router_interface.json", body: `{"subnet_id": "$subnet"}`, want: "200", reads: []string{`subnet_id="$subnet"`, `port_id`}},

		{does: "networks of a tenant", call: "GET /networks.json?tenant_id=t1&shared=False", want: "200",
			reads: []string{`networks.*.id=["$net"]`, `networks.0.name="private"`, `networks.0.tenant_id="t1"`}},
		{does: "networks of a tenant", call: "GET /networks.json?shared=True", want: "200", reads: []string{`networks.*.id=["$shared"]`}},
		{does: "asked networks", call: "GET /networks.json?tenant_id=t1&shared=False&id=$net&id=$shared&id=$foreign", want: "200", reads: []string{`networks.*.id=["$net"]`}},
		{does: "asked networks", call: "GET /networks.json?shared=True&id=$net&id=$shared&id=$foreign", want: "200", reads: []string{`networks.*.id=["$shared"]`}},

		{does: "allocate_for_instance", call: "POST /ports.json", want: "201", keeps: "port=port.id",
			body:  `{"port": {"device_id": "u1", "device_owner": "compute:nova", "network_id": "$net", "admin_state_up": true, "tenant_id": "t1"}}`,
			reads: []string{`port.device_id="u1"`, `port.tenant_id="t1"`, `port.mac_address`}},
		{does: "allocate_for_instance, address asked", call: "POST /ports.json", want: "201", keeps: "fixed=port.id",
			body:  `{"port": {"device_id": "u1", "device_owner": "compute:nova", "fixed_ips": [{"ip_address": "10.0.0.99"}], "network_id": "$net", "admin_state_up": true, "tenant_id": "t1"}}`,
			reads: []string{`port.fixed_ips.*.ip_address=["10.0.0.99"]`}},
		{does: "allocate_for_instance, address taken", call: "POST /ports.json", want: "409 IpAddressAlreadyAllocated",
			body: `{"port": {"device_id": "u2", "device_owner": "compute:nova", "fixed_ips": [{"ip_address": "10.0.0.99"}], "network_id": "$net", "admin_state_up": true, "tenant_id": "t1"}}`},
		{does: "allocate_for_instance, no such network", call: "POST /ports.json", want: "404 NetworkNotFound",
			body: `{"port": {"device_id": "u2", "device_owner": "compute:nova", "network_id": "$subnet", "admin_state_up": true, "tenant_id": "t1"}}`},
		{does: "user", call: "POST /ports.json", body: `{"port": {"network_id": "$net", "tenant_id": "t1"}}`, want: "201", keeps: "given=port.id"},
		{does: "validate_networks, port given", call: "GET /ports/$given.json", want: "200", reads: []string{`port.device_id=""`, `port.network_id="$net"`}},
		{does: "allocate_for_instance, port given", call: "PUT /ports/$given.json", body: `{"port": {"device_id": "u2", "device_owner": "compute:nova"}}`, want: "200", reads: []string{`port.device_id="u2"`}},
		{does: "on failure", call: "GET /ports/$given.json", want: "200", reads: []string{`port.device_id="u2"`}},
		{does: "on failure", call: "PUT /ports/$given.json", body: `{"port": {"device_id": null}}`, want: "200", reads: []string{`port.device_id=""`}},
		{does: "on failure", call: "DELETE /ports/$given.json", want: "204"},

		{does: "network info", call: "GET /ports.json?tenant_id=t1&device_id=u1", want: "200",
			reads: []string{`ports.*.id=["$port","$fixed"]`, `ports.*.network_id=["$net","$net"]`, `ports.*.fixed_ips.0.subnet_id=["$subnet","$subnet"]`}},
		{does: "network info", call: "GET /subnets.json?id=$subnet", want: "200",
			reads: []string{`subnets.*.cidr=["10.0.0.0/24"]`, `subnets.0.gateway_ip="10.0.0.1"`, `subnets.0.dns_nameservers=["192.0.2.53"]`, `subnets.0.network_id="$net"`}},
		{does: "network info, DHCP server", call: "GET /ports.json?network_id=$net&device_owner=network%3Adhcp", want: "200",
			reads: []string{`ports.*.fixed_ips.0.subnet_id=["$subnet"]`, `ports.0.fixed_ips.0.ip_address`}},
		{does: "instance by address", call: "GET /ports.json?fixed_ips=ip_address%3D10.0.0.99", want: "200", reads: []string{`ports.*.device_id=["u1"]`}},
		{does: "deallocate_for_instance", call: "GET /ports.json?device_id=u1", want: "200", reads: []string{`ports.*.id=["$port","$fixed"]`}},

		{does: "floating IP pools", call: "GET /networks.json?router%3Aexternal=True", want: "200", reads: []string{`networks.*.name=["nova"]`}},
		{does: "floating IP pools", call: "GET /networks.json?router%3Aexternal=True&tenant_id=t1", want: "200", reads: []string{`networks.*.name=[]`}},
		{does: "pool by name", call: "GET /networks.json?router%3Aexternal=True&fields=id&name=nova", want: "200", reads: []string{`networks=[{"id":"$public"}]`}},
		{does: "pool by id", call: "GET /networks.json?router%3Aexternal=True&fields=id&id=$public", want: "200", reads: []string{`networks=[{"id":"$public"}]`}},
		{does: "floating IP, its network", call: "GET /networks/$public.json", want: "200", reads: []string{`network.id="$public"`, `network.name="nova"`}},
		{does: "floating IP, its port", call: "GET /ports/$port.json", want: "200", reads: []string{`port.id="$port"`, `port.device_id="u1"`}},
		{does: "floating IPs, their ports", call: "GET /ports.json?tenant_id=t1", want: "200", reads: []string{`ports.*.id`}},
		{does: "associate a floating IP", call: "GET /ports.json?device_id=u1&device_owner=compute%3Anova", want: "200", reads: []string{`ports.*.id=["$port","$fixed"]`}},
		{does: "allocate a floating IP, of which nobody says whose it is", call: "POST /floatingips.json", body: `{"floatingip": {"floating_network_id": "$public"}}`, want: "400 HTTPBadRequest"},
		{does: "allocate a floating IP", call: "POST /floatingips.json", body: `{"floatingip": {"floating_network_id": "$public", "tenant_id": "t1"}}`, want: "201", keeps: "fip=floatingip.id"},
		{does: "floating IP", call: "GET /floatingips/$fip.json", want: "200", keeps: "address=floatingip.floating_ip_address",
			reads: []string{`floatingip.floating_network_id="$public"`, `floatingip.port_id=null`, `floatingip.fixed_ip_address=null`, `floatingip.router_id=null`}},
		{does: "floating IP by address", call: "GET /floatingips.json?floating_ip_address=$address", want: "200", reads: []string{`floatingips.*.id=["$fip"]`}},
		{does: "floating IPs of a tenant", call: "GET /floatingips.json?tenant_id=t1", want: "200", reads: []string{`floatingips.*.id=["$fip"]`}},
		{does: "associate a floating IP", call: "PUT /floatingips/$fip.json", body: `{"floatingip": {"port_id": "$fixed", "fixed_ip_address": "10.0.0.99"}}`, want: "200",
			reads: []string{`floatingip.port_id="$fixed"`, `floatingip.fixed_ip_address="10.0.0.99"`, `floatingip.router_id="$router"`}},
		{does: "disassociate a floating IP", call: "PUT /floatingips/$fip.json", body: `{"floatingip": {"port_id": null}}`, want: "200", reads: []string{`floatingip.port_id=null`, `floatingip.fixed_ip_address=null`}},
		{does: "release a floating IP", call: "DELETE /floatingips/$fip.json", want: "204"},
		{does: "release a floating IP again", call: "DELETE /floatingips/$fip.json", want: "404 FloatingIPNotFound"},
		{does: "operator", call: "PUT /routers/$router/remove_router_interface.json", body: `{"subnet_id": "$subnet"}`, want: "200"},

		{does: "deallocate_for_instance", call: "DELETE /ports/$port.json", want: "204"},
		{does: "deallocate_for_instance", call: "DELETE /ports/$fixed.json", want: "204"},
		{does: "deallocate_for_instance, gone", call: "DELETE /ports/$fixed.json", want: "404 PortNotFound"},
		{does: "operator", call: "DELETE /networks/$net.json", want: "204"},

		// Grizzly and Havana
		{does: "refresh_neutron_extensions_cache", call: "GET /extensions.json", want: "200", reads: []string{`extensions.*.alias`}, keeps: "names=extensions.*.name"},
		{does: "operator", call: "POST /subnets.json", body: `{"subnet": {"tenant_id": "t2", "network_id": "$foreign", "ip_version": 4, "cidr": "10.0.0.0/24"}}`, want: "201"},
		{does: "allocate_for_instance", call: "POST /ports.json", want: "201", keeps: "port=port.id",
			body:  `{"port": {"device_id": "u1", "device_owner": "compute:nova", "mac_address": "fa:16:3e:00:00:01", "binding:host_id": "compute1", "network_id": "$foreign", "admin_state_up": true, "tenant_id": "t2"}}`,
			reads: []string{`port.mac_address="fa:16:3e:00:00:01"`, `port.binding:vif_type`}},
		{does: "add_fixed_ip_to_instance", call: "PUT /ports/$port.json", body: `{"port": {"fixed_ips": [{"ip_address": "10.0.0.7"}]}}`, want: "200", reads: []string{`port.fixed_ips.*.ip_address=["10.0.0.7"]`}},
		{does: "security groups", call: "GET /security-groups.json?tenant_id=t2", want: "200", keeps: "default=security_groups.0.id", reads: []string{`security_groups.*.name=["default"]`}},
		{does: "security groups of a port", call: "PUT /ports/$port.json", body: `{"port": {"security_groups": []}}`, want: "200", reads: []string{`port.security_groups=[]`}},
		{does: "create a security group", call: "POST /security-groups.json", body: `{"security_group": {"name": "web", "description": "web", "tenant_id": "t2"}}`, want: "201", keeps: "group=security_group.id"},
		{does: "security group rules", call: "POST /security-group-rules.json", body: `{"security_group_rules": [{"direction": "ingress", "security_group_id": "$group", "remote_group_id": "$default", "tenant_id": "t2"}]}`, want: "201",
			reads: []string{`security_group_rules.*.remote_group_id=["$default"]`}},
		{does: "remove a security group", call: "DELETE /security-groups/$group.json", want: "204"},
	})
	if !strings.Contains(r.vars["names"], "Port Binding") {
		t.Errorf("Havana's Nova sends no binding:host_id, as there is no extension of the name Port Binding: %s", r.vars["names"])
	}
}
