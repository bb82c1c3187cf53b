package api

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/planck-sdn/planck/model/store"
)

// l3 is an external network, a router to it with an interface, and a port behind it with a floating IP; all of red's but the first.
type l3 struct {
	*server
	external, externalSubnet, router, network, subnet, port, floating string
}

func newL3(t *testing.T) *l3 {
	c := &l3{server: newServer(t)}
	c.external, c.externalSubnet = c.server.external()
	c.router, c.network, c.subnet = c.routed(c.external, "10.0.0.0/24")
	c.port = c.portAt(c.network, "10.0.0.5")
	c.floating = c.create("floatingip", fmt.Sprintf(`{"floating_network_id":%q,"port_id":%q}`, c.external, c.port))["id"].(string)
	return c
}

// expand writes ids for names.
func (c *l3) expand(text string) string {
	return strings.NewReplacer("EXTERNALSUBNET", c.externalSubnet, "EXTERNAL", c.external, "ROUTER", c.router, "NETWORK", c.network, "SUBNET", c.subnet, "PORT", c.port,
		"FLOATING", c.floating, "NOWHERE", someUUID).Replace(text)
}

func (c *l3) ask(want, method, path, body string, headers ...string) answered {
	c.t.Helper()
	return c.expect(want, method, "/v2.0/"+c.expand(path), c.expand(body), headers...)
}

func TestRouterInterfaces(t *testing.T) {
	c := newL3(t)
	second := c.subnet2("10.1.0.0/24")
	a := c.ask("200", "PUT", "routers/ROUTER/add_router_interface", fmt.Sprintf(`{"subnet_id":%q}`, second))
	var made map[string]any
	if err := json.Unmarshal([]byte(a.body), &made); err != nil {
		t.Fatal(err)
	}
	port := made["port_id"].(string)
	if made["id"] != c.router || made["subnet_id"] != second || fmt.Sprint(made["subnet_ids"]) != "["+second+"]" || made["tenant_id"] != "red" || made["project_id"] != "red" || made["network_id"] == nil {
		t.Errorf("added %s", a.body)
	}
	shown := c.ask("200", "GET", "ports/"+port, "").object("port")
	if shown["device_owner"] != "network:router_interface" || shown["device_id"] != c.router || !strings.Contains(fmt.Sprint(shown["fixed_ips"]), "10.1.0.1") {
		t.Errorf("the interface is %v", shown)
	}
}

// subnet2 makes a subnet on a network of its own.
func (c *l3) subnet2(cidr string) string {
	c.t.Helper()
	return c.server.subnet(c.create("network", `{}`)["id"].(string), cidr)
}

// What stands in the way is refused with the error that Neutron gives, and nothing has changed then.
func TestL3Guards(t *testing.T) {
	c := newL3(t)
	overlapping := c.subnet2("10.0.0.0/25")
	noGateway := c.create("subnet", fmt.Sprintf(`{"network_id":%q,"ip_version":4,"cidr":"10.3.0.0/24","gateway_ip":null,"enable_dhcp":false}`, c.create("network", `{}`)["id"]))["id"].(string)
	bare := c.create("port", fmt.Sprintf(`{"network_id":%q}`, c.create("network", `{}`)["id"]))["id"].(string)
	inUse := c.portAt(c.network, "10.0.0.6")
	c.ask("200", "PUT", "ports/"+inUse, `{"port":{"device_id":"vm"}}`)
	other := c.create("router", `{}`)["id"].(string)
	others := c.create("router", `{"tenant_id":"blue"}`)["id"].(string)
	ifaces := c.do("GET", "/v2.0/ports?device_owner=network:router_interface&device_id="+c.router, "").list("ports")
	iface := ifaces[0]["id"].(string)
	gateway := c.do("GET", "/v2.0/ports?device_owner=network:router_gateway", "").list("ports")[0]["id"].(string)
	floating := c.do("GET", "/v2.0/ports?device_owner=network:floatingip", "").list("ports")[0]["id"].(string)
	c.ask("200", "PUT", "routers/ROUTER", `{"router":{"routes":[{"destination":"172.16.0.0/16","nexthop":"10.0.0.9"}]}}`)
	blue := as("blue", "member")
	long := make([]string, 31)
	for i := range long {
		long[i] = fmt.Sprintf(`{"destination":"198.51.%d.0/24","nexthop":"10.0.0.9"}`, i)
	}
	tests := []struct {
		want, method, path, body string
		headers                  []string
	}{
		// Bodies of actions.
		{"400 BadRequest", "PUT", "routers/ROUTER/add_router_interface", `{}`, nil},
		{"400 BadRequest", "PUT", "routers/ROUTER/add_router_interface", ``, nil},
		{"400 BadRequest", "PUT", "routers/ROUTER/add_router_interface", `{"subnet_id":"x"}`, nil},
		{"400 BadRequest", "PUT", "routers/ROUTER/add_router_interface", `{"subnet_id":null}`, nil},
		{"400 BadRequest", "PUT", "routers/ROUTER/add_router_interface", `{"port_id":7}`, nil},
		{"400 BadRequest", "PUT", "routers/ROUTER/add_router_interface", `{"port_id":"PORT","subnet_id":"SUBNET"}`, nil},
		{"400 HTTPBadRequest", "PUT", "routers/ROUTER/add_router_interface", `[]`, nil},
		{"400 HTTPBadRequest", "PUT", "routers/ROUTER/add_router_interface", `{`, nil},
		{"400 BadRequest", "PUT", "routers/ROUTER/remove_router_interface", `{}`, nil},
		{"400 BadRequest", "PUT", "routers/ROUTER/remove_router_interface", `{"subnet_id":[]}`, nil},
		{"400 HTTPBadRequest", "PUT", "routers/ROUTER/add_extraroutes", `{}`, nil},
		{"400 HTTPBadRequest", "PUT", "routers/ROUTER/add_extraroutes", `{"router":7}`, nil},
		{"400 HTTPBadRequest", "PUT", "routers/ROUTER/add_extraroutes", `{"router":{}}`, nil},
		{"400 HTTPBadRequest", "PUT", "routers/ROUTER/add_extraroutes", `{"router":{"routes":7}}`, nil},
		{"400 HTTPBadRequest", "PUT", "routers/ROUTER/remove_extraroutes", `{"router":{"routes":[{"destination":"x","nexthop":"10.0.0.9"}]}}`, nil},
		{"405 HTTPMethodNotAllowed", "POST", "routers/ROUTER/add_router_interface", `{}`, nil},
		{"404 HTTPNotFound", "PUT", "routers/ROUTER/add_nothing", `{}`, nil},

		// Interfaces.
		{"404 RouterNotFound", "PUT", "routers/NOWHERE/add_router_interface", `{"subnet_id":"SUBNET"}`, nil},
		{"404 RouterNotFound", "PUT", "routers/ROUTER/add_router_interface", `{"subnet_id":"SUBNET"}`, blue},
		{"404 SubnetNotFound", "PUT", "routers/ROUTER/add_router_interface", `{"subnet_id":"NOWHERE"}`, nil},
		{"404 PortNotFound", "PUT", "routers/ROUTER/add_router_interface", `{"port_id":"NOWHERE"}`, nil},
		{"404 SubnetNotFound", "PUT", "routers/" + others + "/add_router_interface", `{"subnet_id":"SUBNET"}`, blue},
		{"400 BadRequest", "PUT", "routers/ROUTER/add_router_interface", `{"subnet_id":"SUBNET"}`, nil}, // it is there already
		{"400 BadRequest", "PUT", "routers/ROUTER/add_router_interface", `{"subnet_id":"` + overlapping + `"}`, nil},
		{"400 BadRequest", "PUT", "routers/ROUTER/add_router_interface", `{"subnet_id":"` + noGateway + `"}`, nil},
		{"400 BadRequest", "PUT", "routers/ROUTER/add_router_interface", `{"port_id":"` + bare + `"}`, nil},
		{"409 PortInUse", "PUT", "routers/ROUTER/add_router_interface", `{"port_id":"` + inUse + `"}`, nil},
		{"409 IpAddressAlreadyAllocated", "PUT", "routers/" + other + "/add_router_interface", `{"subnet_id":"SUBNET"}`, nil}, // the gateway address is the first router's
		{"409 RouterInterfaceInUseByFloatingIP", "PUT", "routers/ROUTER/remove_router_interface", `{"subnet_id":"SUBNET"}`, nil},
		{"409 RouterInterfaceInUseByFloatingIP", "PUT", "routers/ROUTER/remove_router_interface", `{"port_id":"` + iface + `"}`, nil},
		{"404 RouterInterfaceNotFoundForSubnet", "PUT", "routers/" + other + "/remove_router_interface", `{"subnet_id":"SUBNET"}`, nil},
		{"404 RouterInterfaceNotFound", "PUT", "routers/" + other + "/remove_router_interface", `{"port_id":"` + iface + `"}`, nil},
		{"404 RouterInterfaceNotFound", "PUT", "routers/ROUTER/remove_router_interface", `{"port_id":"NOWHERE"}`, nil},
		{"400 SubnetMismatchForPort", "PUT", "routers/ROUTER/remove_router_interface", `{"port_id":"` + iface + `","subnet_id":"` + overlapping + `"}`, nil},

		// Routers and what they stand on.
		{"409 RouterInUse", "DELETE", "routers/ROUTER", "", nil},
		{"409 RouterExternalGatewayInUseByFloatingIp", "PUT", "routers/ROUTER", `{"router":{"external_gateway_info":null}}`, nil},
		{"409 ServicePortInUse", "DELETE", "ports/" + iface, "", nil},
		{"409 ServicePortInUse", "DELETE", "ports/" + gateway, "", nil},
		{"409 ServicePortInUse", "DELETE", "ports/" + floating, "", nil},
		{"409 NetworkInUse", "DELETE", "networks/EXTERNAL", "", nil},
		{"409 NetworkInUse", "DELETE", "networks/NETWORK", "", nil},
		{"409 SubnetInUse", "DELETE", "subnets/SUBNET", "", nil},
		{"409 SubnetInUse", "DELETE", "subnets/EXTERNALSUBNET", "", nil},
		{"409 ExternalNetworkInUse", "PUT", "networks/EXTERNAL", `{"network":{"router:external":false}}`, nil},
		{"400 InvalidRoutes", "PUT", "routers/ROUTER", `{"router":{"routes":[{"destination":"172.17.0.0/16","nexthop":"10.9.0.9"}]}}`, nil},
		{"400 InvalidRoutes", "PUT", "routers/ROUTER", `{"router":{"routes":[{"destination":"172.17.0.0/16","nexthop":"10.0.0.1"}]}}`, nil},
		{"400 InvalidRoutes", "PUT", "routers/ROUTER/add_extraroutes", `{"router":{"routes":[{"destination":"172.17.0.0/16","nexthop":"10.9.0.9"}]}}`, nil},
		{"400 RoutesExhausted", "PUT", "routers/ROUTER", `{"router":{"routes":[` + strings.Join(long, ",") + `]}}`, nil},

		// Floating IPs.
		{"404 FloatingIPNotFound", "GET", "floatingips/FLOATING", "", blue},
		{"404 FloatingIPNotFound", "PUT", "floatingips/FLOATING", `{"floatingip":{"port_id":null}}`, blue},
		{"404 FloatingIPNotFound", "DELETE", "floatingips/NOWHERE", "", nil},
		{"409 FloatingIPPortAlreadyAssociated", "POST", "floatingips", `{"floatingip":{"floating_network_id":"EXTERNAL","port_id":"PORT"}}`, nil},
		{"400 BadRequest", "POST", "floatingips", `{"floatingip":{"floating_network_id":"NETWORK"}}`, nil},
		{"400 HTTPBadRequest", "POST", "floatingips", `{"floatingip":{"port_id":"PORT"}}`, nil},
		{"404 PortNotFound", "POST", "floatingips", `{"floatingip":{"floating_network_id":"EXTERNAL","port_id":"PORT"}}`, blue},
		{"400 HTTPBadRequest", "POST", "floatingips", `{"floatingip":{"floating_network_id":"EXTERNAL","router_id":"ROUTER"}}`, nil},
	}
	state := func() string {
		var b strings.Builder
		for _, path := range []string{"networks", "subnets", "ports", "routers", "floatingips"} {
			b.WriteString(c.do("GET", "/v2.0/"+path, "").body)
		}
		return b.String()
	}
	before := state()
	for _, tt := range tests {
		c.ask(tt.want, tt.method, tt.path, tt.body, tt.headers...)
		if after := state(); after != before {
			t.Fatalf("%s %s %s changed something: %s", tt.method, tt.path, tt.body, after)
		}
	}
	// In the right order all goes.
	c.ask("204", "DELETE", "floatingips/FLOATING", "")
	c.ask("409 RouterInterfaceInUseByRoute", "PUT", "routers/ROUTER/remove_router_interface", `{"subnet_id":"SUBNET"}`)
	c.ask("200", "PUT", "routers/ROUTER/remove_extraroutes", `{"router":{"routes":[{"destination":"172.16.0.0/16","nexthop":"10.0.0.9"},{"destination":"172.17.0.0/16","nexthop":"10.0.0.9"}]}}`)
	c.ask("200", "PUT", "routers/ROUTER/remove_router_interface", `{"subnet_id":"SUBNET"}`)
	c.ask("204", "DELETE", "routers/ROUTER", "")
	c.ask("200", "PUT", "networks/EXTERNAL", `{"network":{"router:external":false}}`)
	c.ask("204", "DELETE", "networks/EXTERNAL", "")
}

// A floating IP goes from port to port, shows whom it stands for, and goes when its port goes.
func TestFloatingIPsMove(t *testing.T) {
	c := newL3(t)
	second := c.create("port", fmt.Sprintf(`{"network_id":%q,"name":"second","fixed_ips":[{"ip_address":"10.0.0.6"},{"ip_address":"10.0.0.7"}]}`, c.network))["id"].(string)
	check := func(a answered, want string) {
		t.Helper()
		f := a.object("floatingip")
		details, _ := f["port_details"].(map[string]any)
		if got := fmt.Sprint(f["status"], " ", f["port_id"], " ", f["fixed_ip_address"], " ", f["router_id"], " ", details["device_owner"]); got != c.expand(want) {
			t.Errorf("the floating IP is %s, not %s", got, c.expand(want))
		}
	}
	check(c.ask("200", "GET", "floatingips/FLOATING", ""), "ACTIVE PORT 10.0.0.5 ROUTER ")
	check(c.ask("200", "PUT", "floatingips/FLOATING", `{"floatingip":{"description":"x"}}`), "ACTIVE PORT 10.0.0.5 ROUTER ")
	check(c.ask("200", "PUT", "floatingips/FLOATING", `{"floatingip":{}}`), "ACTIVE PORT 10.0.0.5 ROUTER ")
	c.ask("400 BadRequest", "PUT", "floatingips/FLOATING", fmt.Sprintf(`{"floatingip":{"port_id":%q}}`, second))
	check(c.ask("200", "PUT", "floatingips/FLOATING", fmt.Sprintf(`{"floatingip":{"port_id":%q,"fixed_ip_address":"10.0.0.7"}}`, second)), "ACTIVE "+second+" 10.0.0.7 ROUTER ")
	check(c.ask("200", "PUT", "floatingips/FLOATING", `{"floatingip":{"port_id":"PORT"}}`), "ACTIVE PORT 10.0.0.5 ROUTER ")
	if ids := c.names("floatingips", "port_id="+c.port+"&fixed_ip_address=10.0.0.5&router_id="+c.router+"&status=ACTIVE", "id"); !slices.Equal(ids, []string{c.floating}) {
		t.Errorf("found %v", ids)
	}
	check(c.ask("200", "PUT", "floatingips/FLOATING", `{"floatingip":{"port_id":null}}`), "DOWN <nil> <nil> <nil> <nil>")
	check(c.ask("200", "PUT", "floatingips/FLOATING", `{"floatingip":{"port_id":"PORT","fixed_ip_address":null}}`), "ACTIVE PORT 10.0.0.5 ROUTER ")
	c.ask("204", "DELETE", "ports/PORT", "")
	check(c.ask("200", "GET", "floatingips/FLOATING", ""), "DOWN <nil> <nil> <nil> <nil>")
}

// Which node serves a router is shown where Neutron shows it.
func TestL3Agents(t *testing.T) {
	c := newL3(t)
	c.node("compute1")
	agents := func(router string) string {
		var hosts []string
		for _, a := range c.ask("200", "GET", "routers/"+router+"/l3-agents.json", "").list("agents") {
			hosts = append(hosts, a["host"].(string))
		}
		return strings.Join(hosts, " ")
	}
	agent := c.do("GET", "/v2.0/agents", "").list("agents")[0]["id"].(string)
	routers := func() int {
		return len(c.ask("200", "GET", "agents/"+agent+"/l3-routers?fields=id", "").list("routers"))
	}
	if got := agents("ROUTER"); got != "" || routers() != 0 {
		t.Errorf("served by %q before a node does", got)
	}
	r, err := c.store.Router(store.WithScope(t.Context(), store.Scope{Admin: true}), c.router)
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := c.store.Nodes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if moved, err := c.store.SetGatewayNode(t.Context(), r.Number, r.Gateway.Generation, nodes[0].Number); err != nil || !moved {
		t.Fatal(moved, err)
	}
	if got := agents("ROUTER"); got != "compute1" || routers() != 1 {
		t.Errorf("served by %q, which serves %d", got, routers())
	}
	c.ask("404 RouterNotFound", "GET", "routers/NOWHERE/l3-agents", "")
	c.ask("404 AgentNotFound", "GET", "agents/NOWHERE/l3-routers", "")
	c.ask("403 PolicyNotAuthorized", "GET", "agents/"+agent+"/l3-routers", "", as("red", "member")...)
}

// Quotas of routers and floating IPs.
func TestL3Quotas(t *testing.T) {
	c := newL3(t)
	c.ask("200", "PUT", "quotas/blue", `{"quota":{"router":1,"floatingip":1}}`)
	blue := as("blue", "member")
	c.ask("201", "POST", "routers", `{"router":{}}`, blue...)
	c.ask("409 OverQuota", "POST", "routers", `{"router":{}}`, blue...)
	c.ask("201", "POST", "floatingips", `{"floatingip":{"floating_network_id":"EXTERNAL"}}`, blue...)
	c.ask("409 OverQuota", "POST", "floatingips", `{"floatingip":{"floating_network_id":"EXTERNAL"}}`, blue...)
	details := c.ask("200", "GET", "quotas/blue/details", "", blue...).object("quota")
	if got := fmt.Sprint(details["router"], details["floatingip"], details["port"]); got != "map[limit:1 reserved:0 used:1] map[limit:1 reserved:0 used:1] map[limit:-1 reserved:0 used:0]" {
		t.Errorf("in detail: %s", got)
	}
}

// Lists of many know their gateways and ports, and come in pages.
func TestL3Lists(t *testing.T) {
	c := newL3(t)
	var names []string
	for i := range 7 {
		names = append(names, fmt.Sprintf(`{"name":"r%d","external_gateway_info":{"network_id":%q}}`, i, c.external))
	}
	made := c.ask("201", "POST", "routers", `{"routers":[`+strings.Join(names, ",")+`]}`).list("routers")
	if len(made) != 7 || made[6]["external_gateway_info"] == nil {
		t.Fatalf("made %v", made)
	}
	first := c.ask("200", "GET", "routers?sort_key=name&sort_dir=desc&limit=3", "")
	seen := map[netip.Addr]bool{}
	for _, r := range first.list("routers") {
		ips := r["external_gateway_info"].(map[string]any)["external_fixed_ips"].([]any)
		seen[netip.MustParseAddr(ips[0].(map[string]any)["ip_address"].(string))] = true
	}
	if got := fmt.Sprint(first.list("routers")[0]["name"], " ", len(seen)); got != "r6 3" || nextLink(first, "routers", "next") == "" {
		t.Errorf("the first page: %s, %s", got, first.body)
	}
	c.ask("400 HTTPBadRequest", "GET", "routers?status=ACTIVE", "")
	c.ask("400 HTTPBadRequest", "GET", "floatingips?port_details=x", "")
	c.ask("201", "PUT", "floatingips/FLOATING/tags/a", "")
	if ids := c.names("floatingips", "tags=a", "id"); !slices.Equal(ids, []string{c.floating}) {
		t.Errorf("found %v by its tag", ids)
	}
}
