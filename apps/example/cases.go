package example

import "github.com/planck-sdn/planck/model"

// Case is a topology with a name. Its entries are in apps/testdata, and are held against real switches.
type Case struct {
	Name  string
	Cloud *Cloud
}

// Cases are the cases that entries are shown of.
func Cases() []Case {
	list := []Case{{"vxlan", TwoNodes()}}
	add := func(name string, change func(c *Cloud)) {
		c := &Cloud{}
		change(c)
		list = append(list, Case{name, c})
	}
	add("vlan", func(c *Cloud) { mapped(c, c.VLAN("net1", "dc", 101)) })
	add("flat", func(c *Cloud) { mapped(c, c.Flat("net1", "dc")) })
	add("port_security_off", func(c *Cloud) {
		web1, _ := pair(c)
		web1.PortSecurityEnabled = false
	})
	add("address_pairs", func(c *Cloud) {
		web1, web2 := pair(c)
		Pair(web1, "10.1.0.100/32") // of both: nobody's
		Pair(web2, "10.1.0.100/32")
		Pair(web1, "10.1.8.0/24") // its own
		virtual := model.MAC{0, 0, 0x5e, 0, 1, 7}
		for _, p := range []*model.Port{web1, web2} {
			p.AllowedAddressPairs = append(p.AllowedAddressPairs, model.AddressPair{IP: p.AllowedAddressPairs[0].IP, MAC: virtual})
		}
	})
	add("security_groups", func(c *Cloud) {
		web1, web2 := pair(c)
		everything := Rule("egress any")
		admin := c.Group("admin", everything)
		web := c.Group("web", everything, Rule("ingress tcp 80"), Rule("ingress tcp 8000-8010 from 10.0.0.0/8"), Rule("ingress icmp 8"),
			Rule("ingress tcp 22 from admin"), Rule("ingress udp 53 from admin"), Rule("ingress tcp 22 from peers"), Rule("ingress vrrp from peers"))
		peers := c.Group("peers", Rule("ingress any from peers"), Rule("ingress tcp 22 from peers"))
		managed := c.Group("managed", Rule("ingress any from admin"), Rule("ingress tcp 22 from peers")) // one host may be in both
		Join(web1, web, peers, managed)
		Join(web2, admin, peers)
		Pair(web2, "10.1.8.0/24")
	})
	add("stateless_groups", func(c *Cloud) {
		web1, _ := pair(c)
		g := c.Group("plain", Rule("ingress tcp 80 from plain"), Rule("egress udp 1000-1003"), Rule("ingress icmp 8"))
		g.Stateful = false
		Join(web1, g)
	})
	add("dhcp_off", func(c *Cloud) {
		pair(c)
		c.subnets[0].EnableDHCP = false
		c.ports = c.ports[1:] // and the network has no DHCP port
	})
	add("port_down", func(c *Cloud) {
		_, web2 := pair(c)
		web2.AdminStateUp = false
	})
	add("migration", func(c *Cloud) { // bound to node1, about to be to node2, plugged into both
		web1, _ := pair(c)
		c.Plug(web1, c.nodes[1])
		web1.HostID, web1.InactiveBindings = "node1", []model.Binding{{HostID: "node2"}}
	})
	add("router", routed)
	add("router_vlan", func(c *Cloud) { // and without source NAT
		node1, node2 := c.Node("node1", "dc", "outer"), c.Node("node2", "dc", "outer")
		n := c.VLAN("net1", "dc", 101)
		c.Subnet(n, "10.1.0.0/24")
		r := c.Router("r1")
		c.Interface(r, n, "10.1.0.1")
		c.Gateway(r, c.External("public", "outer", "203.0.113.0/24"), "203.0.113.10", node1)
		r.Gateway.EnableSNAT = false
		c.VM(n, node1, "web1", "10.1.0.11")
		c.VM(n, node2, "web2", "10.1.0.12")
	})
	return list
}

// routed is two networks and a router between them, with a gateway on node1, a floating IP on node2, a static route, and a neighbour
// outside.
func routed(c *Cloud) {
	node1, node2 := c.Node("node1", "outer"), c.Node("node2", "outer")
	front, back := c.Network("net1"), c.Network("net2")
	c.Subnet(front, "10.1.0.0/24")
	c.Subnet(back, "10.2.0.0/24")
	back.MTU = 1400
	r := c.Router("r1")
	c.Interface(r, front, "10.1.0.1")
	c.Interface(r, back, "10.2.0.1")
	external := c.External("public", "outer", "203.0.113.0/24")
	c.Gateway(r, external, "203.0.113.10", node1)
	c.VM(front, node1, "web1", "10.1.0.11")
	db := c.VM(back, node2, "db", "10.2.0.12")
	c.Route(r, "192.168.0.0/16", "10.2.0.12")
	c.FloatingIP(external, "203.0.113.20", db, r)
	c.Neighbour(r, "203.0.113.1", model.MAC{0x02, 0, 0, 0, 0, 1})
}

// TwoNodes is two ports of a vxlan network, each on a node of its own.
func TwoNodes() *Cloud {
	c := &Cloud{}
	pair(c)
	return c
}

func pair(c *Cloud) (web1, web2 *model.Port) { return mapped(c, c.Network("net1")) }

func mapped(c *Cloud, n *model.Network) (web1, web2 *model.Port) {
	c.Subnet(n, "10.1.0.0/24")
	return c.VM(n, c.Node("node1", "dc"), "web1", "10.1.0.11"), c.VM(n, c.Node("node2", "dc"), "web2", "10.1.0.12")
}
