package clients

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/planck-sdn/planck/tests/keystone"
)

// What today's Nova (26, Zed) sends: the user's token for what the user asks, its own for all that touches bindings, and both where it
// finishes later what the user asked.
func TestTodaysNova(t *testing.T) {
	t.Parallel()
	const (
		user     = "blue-member"
		admin    = "blue-admin"
		nova     = keystone.Nova
		userLate = "user, by nova"
	)
	tokens := map[string]string{}
	for _, name := range []string{user, admin, nova} {
		token, err := cloud.keystone.Token(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		tokens[name] = token
	}
	header := func(who string) http.Header {
		h := http.Header{}
		h.Set("Accept", "application/json")
		h.Set("User-Agent", "python-neutronclient")
		h.Set("X-OpenStack-Request-ID", "req-"+uuid.NewString())
		if who == userLate {
			h.Set("X-Service-Token", tokens[nova])
			who = user
		}
		h.Set("X-Auth-Token", tokens[who])
		return h
	}
	r := replay{t: t, url: cloud.url, header: header, vars: map[string]string{"project": cloud.keystone.ProjectID(keystone.Blue)}}
	r.run([]call{
		{does: "user", who: user, call: "POST /networks", body: `{"network": {"name": "nova-private", "dns_domain": "example.org."}}`, want: "201", keeps: "net=network.id"},
		{does: "user", who: user, call: "POST /subnets", body: `{"subnet": {"network_id": "$net", "ip_version": 4, "cidr": "10.2.0.0/24", "dns_nameservers": ["192.0.2.53"]}}`, want: "201", keeps: "subnet=subnet.id"},
		{does: "user", who: user, call: "POST /networks", body: `{"network": {"name": "nova-small"}}`, want: "201", keeps: "small=network.id"},
		{does: "user", who: user, call: "POST /subnets", body: `{"subnet": {"network_id": "$small", "ip_version": 4, "cidr": "10.3.0.0/30", "enable_dhcp": false}}`, want: "201"},
		{does: "user", who: user, call: "POST /ports", body: `{"port": {"network_id": "$small"}}`, want: "201"},
		{does: "operator", who: admin, call: "POST /networks", want: "201", keeps: "public=network.id",
			body: `{"network": {"name": "nova-public", "router:external": true, "provider:network_type": "vlan", "provider:physical_network": "public", "provider:segmentation_id": 79}}`},
		{does: "operator", who: admin, call: "POST /subnets", body: `{"subnet": {"network_id": "$public", "ip_version": 4, "cidr": "198.51.100.0/24", "enable_dhcp": false}}`, want: "201"},
		{does: "user", who: user, call: "POST /routers", body: `{"router": {"external_gateway_info": {"network_id": "$public"}}}`, want: "201", keeps: "router=router.id"},
		{does: "user", who: user, call: "PUT /routers/$router/add_router_interface", body: `{"subnet_id": "$subnet"}`, want: "200"},
		{does: "operator", who: admin, call: "PUT /quotas/nova-limited", body: `{"quota": {"port": 0}}`, want: "200"},

		{does: "extensions", who: nova, call: "GET /extensions", want: "200", keeps: "aliases=extensions.*.alias"},

		{does: "quota", who: user, call: "GET /quotas/$project", want: "200", reads: []string{`quota.port`}},
		{does: "quota in use", who: user, call: "GET /ports?tenant_id=$project&fields=id", want: "200", reads: []string{`ports.*.id`}},
		{does: "quota in detail", who: user, call: "GET /quotas/$project/details.json", want: "200", reads: []string{`quota.port.used`, `quota.port.limit`, `quota.port.reserved`}},

		{does: "available networks", who: user, call: "GET /networks?tenant_id=$project&shared=False", want: "200", reads: []string{`networks.*.id`}},
		{does: "available networks", who: user, call: "GET /networks?shared=True", want: "200", reads: []string{`networks.*.id`}},
		{does: "asked networks", who: user, call: "GET /networks?id=$net&id=$small", want: "200", reads: []string{`networks.*.name=["nova-private","nova-small"]`, `networks.0.mtu`, `networks.0.port_security_enabled=true`}},
		{does: "asked network, unknown", who: user, call: "GET /networks?id=$subnet", want: "200", reads: []string{`networks=[]`}},
		{does: "network", who: user, call: "GET /networks/$net", want: "200", reads: []string{`network.id="$net"`, `network.tenant_id="$project"`}},
		{does: "network, unknown", who: user, call: "GET /networks/$subnet", want: "404 NetworkNotFound"},
		{does: "DNS domain", who: user, call: "GET /networks/$net?fields=dns_domain", want: "200", reads: []string{`network={"dns_domain":"example.org."}`}},
		{does: "physical network, which Neutron shows to administrators", who: admin, call: "GET /networks/$net?fields=provider:physical_network&fields=provider:network_type", want: "200",
			reads: []string{`network={"provider:network_type":"vxlan","provider:physical_network":null}`}},
		{does: "segments, of which there is no extension", who: nova, call: "GET /networks/$net?fields=segments", want: "200", reads: []string{`network={}`}},
		{does: "auto-allocated topology, which is tried", who: user, call: "GET /auto-allocated-topology/$project?fields=dry-run", want: "404 HTTPNotFound"},
		{does: "validate_networks", who: user, call: "GET /subnets?network_id=$net", want: "200",
			reads: []string{`subnets.*.id=["$subnet"]`, `subnets.0.cidr="10.2.0.0/24"`, `subnets.0.gateway_ip="10.2.0.1"`, `subnets.0.dns_nameservers=["192.0.2.53"]`,
				`subnets.0.host_routes=[]`, `subnets.0.enable_dhcp=true`, `subnets.0.ipv6_address_mode=null`, `subnets.0.ip_version=4`}},
		{does: "segment ids", who: nova, call: "GET /subnets?network_id=$net&fields=segment_id", want: "200", reads: []string{`subnets=[{}]`}},

		{does: "create port", who: user, call: "POST /ports", body: `{"port": {"device_id": "nova-u1", "network_id": "$net", "admin_state_up": true, "tenant_id": "$project"}}`, want: "201", keeps: "port=port.id",
			reads: []string{`port.device_id="nova-u1"`, `port.fixed_ips.0.ip_address`}},
		{does: "create port, address asked", who: user, call: "POST /ports", want: "201", keeps: "fixed=port.id",
			body:  `{"port": {"device_id": "nova-u1", "network_id": "$net", "admin_state_up": true, "tenant_id": "$project", "fixed_ips": [{"ip_address": "10.2.0.99"}]}}`,
			reads: []string{`port.fixed_ips=[{"subnet_id":"$subnet","ip_address":"10.2.0.99"}]`}},
		{does: "create port, address taken", who: user, call: "POST /ports", want: "409 IpAddressAlreadyAllocated",
			body: `{"port": {"device_id": "nova-u2", "network_id": "$net", "admin_state_up": true, "tenant_id": "$project", "fixed_ips": [{"ip_address": "10.2.0.99"}]}}`},
		{does: "create port, address of another network", who: user, call: "POST /ports", want: "400 InvalidIpForNetwork",
			body: `{"port": {"device_id": "nova-u2", "network_id": "$net", "admin_state_up": true, "tenant_id": "$project", "fixed_ips": [{"ip_address": "192.0.2.9"}]}}`},
		{does: "create port, no address left", who: user, call: "POST /ports", want: "409 IpAddressGenerationFailure",
			body: `{"port": {"device_id": "nova-u2", "network_id": "$small", "admin_state_up": true, "tenant_id": "$project"}}`},
		{does: "create port, no such network", who: user, call: "POST /ports", want: "404 NetworkNotFound",
			body: `{"port": {"device_id": "nova-u2", "network_id": "$subnet", "admin_state_up": true, "tenant_id": "$project"}}`},
		{does: "create port, over quota", who: admin, call: "POST /ports", want: "409 OverQuota",
			body: `{"port": {"device_id": "nova-u2", "network_id": "$net", "admin_state_up": true, "tenant_id": "nova-limited"}}`},
		{does: "security groups of the project", who: user, call: "GET /security-groups?tenant_id=$project", want: "200", keeps: "default=security_groups.0.id", reads: []string{`security_groups.*.name=["default"]`}},
		{does: "security group by name", who: user, call: "GET /security-groups?name=default&fields=id&tenant_id=$project", want: "200", reads: []string{`security_groups=[{"id":"$default"}]`}},
		{does: "security group by name, unknown", who: user, call: "GET /security-groups?name=nova-nothing&fields=id&tenant_id=$project", want: "200", reads: []string{`security_groups=[]`}},
		{does: "create a security group", who: user, call: "POST /security-groups", body: `{"security_group": {"name": "nova-web", "description": "web"}}`, want: "201", keeps: "group=security_group.id",
			reads: []string{`security_group.security_group_rules.*.direction=["egress","egress"]`, `security_group.tenant_id="$project"`}},
		{does: "security groups' names", who: user, call: "GET /security-groups?fields=id&fields=name&tenant_id=$project", want: "200", reads: []string{`security_groups=[{"id":"$default","name":"default"},{"id":"$group","name":"nova-web"}]`}},
		{does: "security groups by id", who: user, call: "GET /security-groups?id=$group&fields=id&fields=name", want: "200", reads: []string{`security_groups=[{"id":"$group","name":"nova-web"}]`}},
		{does: "security group", who: user, call: "GET /security-groups/$group", want: "200", reads: []string{`security_group.security_group_rules.*.ethertype=["IPv4","IPv6"]`}},
		{does: "change a security group", who: user, call: "PUT /security-groups/$group", body: `{"security_group": {"name": "nova-www", "description": "web"}}`, want: "200", reads: []string{`security_group.name="nova-www"`}},
		{does: "add rules", who: user, call: "POST /security-group-rules", want: "201", keeps: "rule=security_group_rules.0.id",
			body: `{"security_group_rules": [{"direction": "ingress", "protocol": "tcp", "ethertype": "IPv4", "remote_ip_prefix": "0.0.0.0/0", "security_group_id": "$group", "port_range_min": 80, "port_range_max": 80}]}`},
		{does: "add rules, again", who: user, call: "POST /security-group-rules", want: "409 SecurityGroupRuleExists",
			body: `{"security_group_rules": [{"direction": "ingress", "protocol": "tcp", "ethertype": "IPv4", "remote_ip_prefix": "0.0.0.0/0", "security_group_id": "$group", "port_range_min": 80, "port_range_max": 80}]}`},
		{does: "rule", who: user, call: "GET /security-group-rules/$rule", want: "200", reads: []string{`security_group_rule.port_range_max=80`, `security_group_rule.remote_ip_prefix="0.0.0.0/0"`, `security_group_rule.remote_group_id=null`}},
		{does: "create port with security groups", who: user, call: "POST /ports", want: "201", keeps: "grouped=port.id",
			body:  `{"port": {"device_id": "nova-u2", "network_id": "$net", "admin_state_up": true, "tenant_id": "$project", "security_groups": ["$group"]}}`,
			reads: []string{`port.security_groups=["$group"]`}},
		{does: "create port, no such security group", who: user, call: "POST /ports", want: "404 SecurityGroupNotFound",
			body: `{"port": {"device_id": "nova-u2", "network_id": "$net", "admin_state_up": true, "tenant_id": "$project", "security_groups": ["$net"]}}`},
		{does: "security groups of a port", who: nova, call: "PUT /ports/$port", body: `{"port": {"security_groups": ["$group", "$default"]}}`, want: "200", reads: []string{`port.security_groups=["$group","$default"]`}},
		{does: "servers' security groups", who: user, call: "GET /ports?device_id=nova-u1&device_id=nova-u2", want: "200", reads: []string{`ports.*.security_groups`}},
		{does: "remove a security group in use", who: user, call: "DELETE /security-groups/$group", want: "409 SecurityGroupInUse"},
		{does: "security groups of a port", who: nova, call: "PUT /ports/$port", body: `{"port": {"security_groups": ["$default"]}}`, want: "200", reads: []string{`port.security_groups=["$default"]`}},
		{does: "deallocate", who: nova, call: "DELETE /ports/$grouped", want: "204"},
		{does: "remove a rule", who: user, call: "DELETE /security-group-rules/$rule", want: "204"},
		{does: "remove a rule again", who: user, call: "DELETE /security-group-rules/$rule", want: "404 SecurityGroupRuleNotFound"},
		{does: "remove a security group", who: user, call: "DELETE /security-groups/$group", want: "204"},
		{does: "remove a security group again", who: user, call: "DELETE /security-groups/$group", want: "404 SecurityGroupNotFound"},

		{does: "bind with a profile and a MAC", who: nova, call: "PUT /ports/$fixed", want: "200",
			body:  `{"port": {"device_id": "nova-u1", "device_owner": "compute:nova", "binding:host_id": "compute1", "binding:profile": {"numa": 1}, "mac_address": "fa:16:3e:00:02:01"}}`,
			reads: []string{`port.binding:vif_type="ovs"`, `port.binding:profile={"numa":1}`, `port.mac_address="fa:16:3e:00:02:01"`}},
		{does: "bind, MAC taken", who: nova, call: "PUT /ports/$port", body: `{"port": {"mac_address": "fa:16:3e:00:02:01"}}`, want: "409 MacAddressInUse"},
		{does: "bind", who: nova, call: "PUT /ports/$port", want: "200",
			body: `{"port": {"device_id": "nova-u1", "device_owner": "compute:nova", "binding:host_id": "compute1", "dns_name": "vm1"}}`,
			reads: []string{`port.binding:vif_type="ovs"`, `port.binding:vif_details.bridge_name="br-int"`, `port.binding:vif_details.datapath_type="system"`,
				`port.binding:vif_details.port_filter=true`, `port.binding:vnic_type="normal"`, `port.binding:profile={}`, `port.mac_address`, `port.status="DOWN"`, `port.dns_name="vm1"`}},
		{does: "bind to a host that is not there", who: nova, call: "PUT /ports/$fixed", body: `{"port": {"binding:host_id": "nowhere"}}`, want: "200", reads: []string{`port.binding:vif_type="binding_failed"`}},
		{does: "bind as the user", who: user, call: "PUT /ports/$port", body: `{"port": {"binding:host_id": "compute2"}}`, want: "403 PolicyNotAuthorized"},

		{does: "network info", who: nova, call: "GET /ports?tenant_id=$project&device_id=nova-u1", want: "200",
			reads: []string{`ports.*.id=["$port","$fixed"]`, `ports.*.network_id`, `ports.*.fixed_ips`, `ports.*.admin_state_up`, `ports.*.status`, `ports.*.binding:vif_type`,
				`ports.*.binding:vif_details`, `ports.*.binding:profile`, `ports.*.binding:vnic_type`, `ports.*.mac_address`}},
		{does: "network info", who: nova, call: "GET /networks?id=$net", want: "200", reads: []string{`networks.*.id=["$net"]`, `networks.0.name`, `networks.0.tenant_id`, `networks.0.mtu`}},
		{does: "network info", who: nova, call: "GET /subnets?id=$subnet", want: "200", reads: []string{`subnets.*.cidr=["10.2.0.0/24"]`}},
		{does: "network info", who: nova, call: "GET /subnets/$subnet", want: "200", reads: []string{`subnet.id="$subnet"`}},
		{does: "network info, DHCP server", who: nova, call: "GET /ports?network_id=$net&device_owner=network%3Adhcp", want: "200", reads: []string{`ports.*.fixed_ips.0.subnet_id=["$subnet"]`}},
		{does: "network info, when the user's token is old", who: userLate, call: "GET /ports?device_id=nova-u1", want: "200", reads: []string{`ports.*.id=["$port","$fixed"]`}},
		{does: "ports of a server", who: nova, call: "GET /ports?device_id=nova-u1&device_owner=compute%3Anova", want: "200", reads: []string{`ports.*.id=["$port","$fixed"]`}},
		{does: "ports of a server on a host", who: nova, call: "GET /ports?device_id=nova-u1&tenant_id=$project&binding%3Ahost_id=compute1", want: "200", reads: []string{`ports.*.id=["$port"]`}},
		{does: "resource requests", who: nova, call: "GET /ports?device_id=nova-u1&fields=id&fields=resource_request", want: "200", reads: []string{`ports=[{"id":"$port"},{"id":"$fixed"}]`}},
		{does: "who has the address", who: nova, call: "GET /ports?network_id=$net&fixed_ips=ip_address%3D10.2.0.99&fields=device_id", want: "200", reads: []string{`ports=[{"device_id":"nova-u1"}]`}},
		{does: "servers by a part of their address", who: nova, call: "GET /ports?fixed_ips=ip_address_substr%3D2.0.99", want: "200", reads: []string{`ports.*.device_id=["nova-u1"]`}},
		{does: "port", who: user, call: "GET /ports/$port", want: "200", reads: []string{`port.device_id="nova-u1"`, `port.fixed_ips.0.ip_address`, `port.network_id="$net"`}},
		{does: "port's profile", who: nova, call: "GET /ports/$fixed?fields=binding:profile&fields=network_id", want: "200", reads: []string{`port={"network_id":"$net","binding:profile":{"numa":1}}`}},
		{does: "port's VNIC", who: nova, call: "GET /ports/$port?fields=binding:vnic_type&fields=binding:profile&fields=network_id&fields=resource_request", want: "200",
			reads: []string{`port={"network_id":"$net","binding:profile":{},"binding:vnic_type":"normal"}`}},
		{does: "port, unknown", who: user, call: "GET /ports/$net", want: "404 PortNotFound"},

		{does: "attach an address", who: nova, call: "PUT /ports/$port", body: `{"port": {"fixed_ips": [{"subnet_id": "$subnet", "ip_address": "10.2.0.50"}, {"subnet_id": "$subnet", "ip_address": "10.2.0.51"}]}}`, want: "200",
			reads: []string{`port.fixed_ips.*.ip_address=["10.2.0.50","10.2.0.51"]`}},
		{does: "detach an address", who: nova, call: "PUT /ports/$port", body: `{"port": {"fixed_ips": [{"subnet_id": "$subnet", "ip_address": "10.2.0.50"}]}}`, want: "200", reads: []string{`port.fixed_ips.*.ip_address=["10.2.0.50"]`}},
		{does: "rename", who: nova, call: "PUT /ports/$port", body: `{"port": {"dns_name": "vm2"}}`, want: "200", reads: []string{`port.dns_name="vm2"`}},

		{does: "live migration, is there a binding", who: nova, call: "GET /ports/$port/bindings/compute2", want: "404 PortBindingNotFound"},
		{does: "live migration", who: nova, call: "POST /ports/$port/bindings", body: `{"binding": {"host": "compute2", "vnic_type": "normal", "profile": {"os_vif_delegation": true}}}`, want: "201",
			reads: []string{`binding.host="compute2"`, `binding.vif_type="ovs"`, `binding.vif_details.bridge_name="br-int"`, `binding.vnic_type="normal"`, `binding.profile={"os_vif_delegation":true}`, `binding.status="INACTIVE"`}},
		{does: "live migration, again", who: nova, call: "POST /ports/$port/bindings", body: `{"binding": {"host": "compute2", "vnic_type": "normal", "profile": {}}}`, want: "409 PortBindingAlreadyExists"},
		{does: "live migration to a host that is not there", who: nova, call: "POST /ports/$port/bindings", body: `{"binding": {"host": "nowhere", "vnic_type": "normal", "profile": {}}}`, want: "500 PortBindingError"},
		{does: "live migration as the user", who: user, call: "POST /ports/$port/bindings", body: `{"binding": {"host": "compute2"}}`, want: "403 PolicyNotAuthorized"},
		{does: "live migration, is there a binding", who: nova, call: "GET /ports/$port/bindings/compute2", want: "200", reads: []string{`binding.status="INACTIVE"`}},
		{does: "live migration, all bindings", who: nova, call: "GET /ports/$port/bindings", want: "200", reads: []string{`bindings.*.host=["compute1","compute2"]`, `bindings.*.status=["ACTIVE","INACTIVE"]`}},
		{does: "live migration, the source runs", who: nova, call: "PUT /ports/$port", body: `{"port": {"binding:profile": {"migrating_to": "compute2"}}}`, want: "200", reads: []string{`port.binding:profile={"migrating_to":"compute2"}`}},
		{does: "live migration, the destination runs", who: nova, call: "PUT /ports/$port/bindings/compute2/activate", want: "200", reads: []string{`binding.status="ACTIVE"`}},
		{does: "live migration, the destination runs, again", who: nova, call: "PUT /ports/$port/bindings/compute2/activate", want: "409 PortBindingAlreadyActive"},
		{does: "live migration, afterwards", who: nova, call: "GET /ports/$port", want: "200", reads: []string{`port.binding:host_id="compute2"`, `port.binding:vif_type="ovs"`}},
		{does: "live migration, clean up", who: nova, call: "DELETE /ports/$port/bindings/compute1", want: "204"},
		{does: "live migration, clean up again", who: nova, call: "DELETE /ports/$port/bindings/compute1", want: "404 PortBindingNotFound"},
		{does: "resize", who: nova, call: "PUT /ports/$port", body: `{"port": {"binding:host_id": "compute1", "device_owner": "compute:nova"}}`, want: "200", reads: []string{`port.binding:host_id="compute1"`, `port.binding:vif_type="ovs"`}},

		{does: "floating IP pools", who: user, call: "GET /networks?router%3Aexternal=True&fields=id&name=nova-public", want: "200", reads: []string{`networks=[{"id":"$public"}]`}},
		{does: "floating IP pools", who: user, call: "GET /networks?router%3Aexternal=True", want: "200", reads: []string{`networks.*.id`, `networks.*.name`}},
		{does: "floating IPs of an address", who: nova, call: "GET /floatingips?fixed_ip_address=10.2.0.50&port_id=$port", want: "200", reads: []string{`floatingips=[]`}},
		{does: "allocate a floating IP", who: user, call: "POST /floatingips", body: `{"floatingip": {"floating_network_id": "$public"}}`, want: "201", keeps: "fip=floatingip.id"},
		{does: "floating IP", who: user, call: "GET /floatingips/$fip", want: "200", keeps: "address=floatingip.floating_ip_address", reads: []string{`floatingip.port_details=null`, `floatingip.status="DOWN"`}},
		{does: "floating IPs of the project", who: user, call: "GET /floatingips?tenant_id=$project", want: "200", reads: []string{`floatingips.*.floating_network_id`}},
		{does: "floating IP by address", who: user, call: "GET /floatingips?floating_ip_address=$address", want: "200", reads: []string{`floatingips.*.id=["$fip"]`}},
		{does: "associate a floating IP", who: user, call: "PUT /floatingips/$fip", body: `{"floatingip": {"port_id": "$port", "fixed_ip_address": "10.2.0.50"}}`, want: "200",
			reads: []string{`floatingip.port_details.device_id="nova-u1"`, `floatingip.router_id="$router"`}},
		{does: "floating IPs of an address", who: nova, call: "GET /floatingips?fixed_ip_address=10.2.0.50&port_id=$port", want: "200", reads: []string{`floatingips.*.floating_ip_address=["$address"]`}},
		{does: "disassociate a floating IP", who: user, call: "PUT /floatingips/$fip", body: `{"floatingip": {"port_id": null}}`, want: "200", reads: []string{`floatingip.port_details=null`}},
		{does: "release a floating IP", who: user, call: "DELETE /floatingips/$fip", want: "204"},

		{does: "unbind", who: nova, call: "PUT /ports/$port", body: `{"port": {"device_id": "", "device_owner": "", "binding:host_id": null, "binding:profile": {}, "dns_name": ""}}`, want: "200",
			reads: []string{`port.device_id=""`, `port.binding:host_id=""`, `port.binding:vif_type="unbound"`, `port.binding:profile={}`, `port.dns_name=""`}},
		{does: "deallocate", who: nova, call: "DELETE /ports/$fixed", want: "204"},
		{does: "deallocate", who: nova, call: "DELETE /ports/$fixed", want: "404 PortNotFound"},
		{does: "deallocate", who: userLate, call: "DELETE /ports/$port", want: "204"},
	})
	aliases := strings.Fields(strings.Trim(r.vars["aliases"], "[]"))
	for alias, wanted := range map[string]bool{"binding-extended": true, "dns-integration": true, "ip-substring-filtering": true, "quota_details": true, "fip-port-details": true, "security-group": true, "port-security": true,
		"multi-provider": false, "segment": false, "port-resource-request-groups": false, "vnic-index": false} {
		if slices.Contains(aliases, alias) != wanted {
			t.Errorf("the extension %s is listed: %t", alias, !wanted)
		}
	}
	for _, unknown := range []string{"", "unknown"} {
		tokens["unknown"] = unknown
		r.call(call{does: "log in again", who: "unknown", call: "GET /ports?device_id=nova-u1", want: "401 HTTPUnauthorized"})
	}
}
