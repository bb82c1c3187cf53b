package e2e

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/planck-sdn/planck/northbound/admin"
	"github.com/planck-sdn/planck/tests/lab"
)

// Router is a router as the API shows it.
type Router struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	ProjectID    string `json:"project_id"`
	Status       string `json:"status"`
	AdminStateUp bool   `json:"admin_state_up"`
	Gateway      struct {
		NetworkID        string `json:"network_id"`
		EnableSNAT       bool   `json:"enable_snat"`
		ExternalFixedIPs []struct {
			SubnetID  string `json:"subnet_id"`
			IPAddress string `json:"ip_address"`
		} `json:"external_fixed_ips"`
	} `json:"external_gateway_info"`
}

// GatewayIP is the router's first address outside; empty without a gateway.
func (r Router) GatewayIP() string {
	if len(r.Gateway.ExternalFixedIPs) == 0 {
		return ""
	}
	return r.Gateway.ExternalFixedIPs[0].IPAddress
}

// FloatingIP is a floating IP as the API shows it.
type FloatingIP struct {
	ID        string `json:"id"`
	NetworkID string `json:"floating_network_id"`
	Address   string `json:"floating_ip_address"`
	FixedIP   string `json:"fixed_ip_address"`
	PortID    string `json:"port_id"`
	RouterID  string `json:"router_id"`
	Status    string `json:"status"`
}

// Via is external_gateway_info for a way out by an external network; attributes may be nil.
func Via(n Network, attributes Attrs) Attrs {
	return Attrs{"external_gateway_info": Attrs{"network_id": n.ID}.with(attributes)}
}

// CreateRouter makes a router; attributes may be nil.
func (c *Client) CreateRouter(name string, attributes Attrs) Router {
	c.t.Helper()
	var answer struct{ Router Router }
	c.must(c.request(http.MethodPost, "/v2.0/routers", Attrs{"router": Attrs{"name": name}.with(attributes)}, &answer))
	return answer.Router
}

// Router reads a router.
func (c *Client) Router(id string) Router {
	c.t.Helper()
	var answer struct{ Router Router }
	c.must(c.request(http.MethodGet, "/v2.0/routers/"+id, nil, &answer))
	return answer.Router
}

// UpdateRouter changes attributes of a router.
func (c *Client) UpdateRouter(id string, attributes Attrs) Router {
	c.t.Helper()
	var answer struct{ Router Router }
	c.must(c.request(http.MethodPut, "/v2.0/routers/"+id, Attrs{"router": attributes}, &answer))
	return answer.Router
}

// SetGateway gives a router its way out.
func (c *Client) SetGateway(id string, n Network, attributes Attrs) Router {
	c.t.Helper()
	return c.UpdateRouter(id, Via(n, attributes))
}

// ClearGateway takes a router's way out.
func (c *Client) ClearGateway(id string) Router {
	c.t.Helper()
	return c.UpdateRouter(id, Attrs{"external_gateway_info": nil})
}

// SetRoutes gives a router its static routes, each as destination and next hop.
func (c *Client) SetRoutes(id string, routes ...[2]string) {
	c.t.Helper()
	list := make([]Attrs, len(routes))
	for i, r := range routes {
		list[i] = Attrs{"destination": r[0], "nexthop": r[1]}
	}
	c.UpdateRouter(id, Attrs{"routes": list})
}

// AddInterface puts a router into a subnet, on the subnet's gateway address.
func (c *Client) AddInterface(router string, s Subnet) {
	c.t.Helper()
	c.must(c.request(http.MethodPut, "/v2.0/routers/"+router+"/add_router_interface", Attrs{"subnet_id": s.ID}, nil))
}

// AddInterfacePort makes a port, with its address, a router's interface.
func (c *Client) AddInterfacePort(router string, p Port) {
	c.t.Helper()
	c.must(c.request(http.MethodPut, "/v2.0/routers/"+router+"/add_router_interface", Attrs{"port_id": p.ID}, nil))
}

// RemoveInterface takes a router out of a subnet.
func (c *Client) RemoveInterface(router string, s Subnet) {
	c.t.Helper()
	c.must(c.request(http.MethodPut, "/v2.0/routers/"+router+"/remove_router_interface", Attrs{"subnet_id": s.ID}, nil))
}

// DeleteRouter deletes a router.
func (c *Client) DeleteRouter(id string) { c.t.Helper(); c.delete("/v2.0/routers/" + id) }

// InterfaceMAC is the MAC address of a router's interface in a network.
func (c *Client) InterfaceMAC(router string, n Network) string {
	c.t.Helper()
	ports := c.Ports("device_owner=network:router_interface&device_id=" + router + "&network_id=" + n.ID)
	if len(ports) != 1 {
		c.t.Fatalf("router %s has %d interfaces in network %s", router, len(ports), n.Name)
	}
	return ports[0].MAC
}

// GatewayNode is the name of the node that serves a router's way out, as planckctl router show has it; empty: none does.
// planckd may not have heard of the router yet, which is an error.
func (c *Client) GatewayNode(router string) (string, error) {
	var r admin.Router
	if err := c.request(http.MethodGet, admin.Prefix+"/routers/"+router, nil, &r); err != nil || r.Gateway == nil {
		return "", err
	}
	return r.Gateway.Node, nil
}

// FloatingNode is the name of the node that serves a floating IP, as planckctl router show has it; empty: none does.
func (c *Client) FloatingNode(id string) string {
	c.t.Helper()
	var r admin.Router
	c.must(c.request(http.MethodGet, admin.Prefix+"/routers/"+c.FloatingIP(id).RouterID, nil, &r))
	for _, f := range r.FloatingIPs {
		if f.ID == id {
			return f.Node
		}
	}
	return ""
}

// RouterOn makes a router that the node serves.
func (c *Cloud) RouterOn(n *lab.Node, as *Client, name string, w *World) Router {
	c.t.Helper()
	for range 30 { // which node serves a router follows from its id
		r := as.CreateRouter(name, Via(w.Net, nil))
		if c.WaitGatewayNode(r.ID, c.Lab.Nodes()...) == n {
			return r
		}
		as.DeleteRouter(r.ID)
	}
	c.t.Fatalf("of 30 routers none is served by %s", n.Name)
	return Router{}
}

// WaitGatewayNode waits until one of the nodes serves the router's way out, and returns it.
func (c *Cloud) WaitGatewayNode(router string, nodes ...*lab.Node) (serving *lab.Node) {
	c.t.Helper()
	lab.Eventually(c.t, limit, "router "+router+" has a gateway node", func() error {
		name, err := c.GatewayNode(router)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(nodes, func(n *lab.Node) bool { return n.Name == name })
		if i < 0 {
			return fmt.Errorf("it is %q", name)
		}
		serving = nodes[i]
		return nil
	})
	return serving
}

// CreateFloatingIP makes a floating IP; attributes may be nil.
func (c *Client) CreateFloatingIP(n Network, attributes Attrs) FloatingIP {
	c.t.Helper()
	var answer struct{ FloatingIP FloatingIP }
	body := Attrs{"floating_network_id": n.ID}.with(attributes)
	c.must(c.request(http.MethodPost, "/v2.0/floatingips", Attrs{"floatingip": body}, &answer))
	return answer.FloatingIP
}

// FloatingIP reads a floating IP.
func (c *Client) FloatingIP(id string) FloatingIP {
	c.t.Helper()
	var answer struct{ FloatingIP FloatingIP }
	c.must(c.request(http.MethodGet, "/v2.0/floatingips/"+id, nil, &answer))
	return answer.FloatingIP
}

// Associate has a floating IP stand for a port, instead of another if it did.
func (c *Client) Associate(id string, p Port) FloatingIP {
	c.t.Helper()
	return c.updateFloatingIP(id, Attrs{"port_id": p.ID})
}

// Disassociate has a floating IP stand for no port.
func (c *Client) Disassociate(id string) FloatingIP {
	c.t.Helper()
	return c.updateFloatingIP(id, Attrs{"port_id": nil})
}

func (c *Client) updateFloatingIP(id string, attributes Attrs) FloatingIP {
	c.t.Helper()
	var answer struct{ FloatingIP FloatingIP }
	c.must(c.request(http.MethodPut, "/v2.0/floatingips/"+id, Attrs{"floatingip": attributes}, &answer))
	return answer.FloatingIP
}

// DeleteFloatingIP deletes a floating IP.
func (c *Client) DeleteFloatingIP(id string) { c.t.Helper(); c.delete("/v2.0/floatingips/" + id) }

// FloatingMAC is the MAC address that a floating IP has outside.
func (c *Client) FloatingMAC(id string) string {
	c.t.Helper()
	ports := c.Ports("device_owner=network:floatingip&device_id=" + id)
	if len(ports) != 1 {
		c.t.Fatalf("floating IP %s has %d ports", id, len(ports))
	}
	return ports[0].MAC
}

// Routed makes a network with a subnet in which the router (an ID; "": none) has the gateway's address; attributes, of
// the network, may be nil.
func (c *Client) Routed(router, name, cidr string, attributes Attrs) (Network, Subnet) {
	c.t.Helper()
	n := c.CreateNetwork(name, attributes)
	s := c.CreateSubnet(n, cidr, nil)
	if router != "" {
		c.AddInterface(router, s)
	}
	return n, s
}

// subnetOf is the subnet of a network that has one.
func (c *Client) subnetOf(n Network) Subnet {
	c.t.Helper()
	var answer struct{ Subnets []Subnet }
	c.must(c.request(http.MethodGet, "/v2.0/subnets?network_id="+n.ID, nil, &answer))
	if len(answer.Subnets) != 1 {
		c.t.Fatalf("network %s has %d subnets", n.Name, len(answer.Subnets))
	}
	return answer.Subnets[0]
}
