package e2e

import (
	"github.com/planck-sdn/planck/tests/lab"
)

// public maps a node to the physical network on which the world outside is.
var public = lab.NodeOptions{Mappings: map[string]string{"public": "br-ex"}}

// narrowMTU is the MTU of the link behind the outside's gateway.
const narrowMTU = 1400

// World is an external network, 203.0.113.0/24, and what is on it and behind it.
type World struct {
	Net    Network
	Subnet Subnet
	// Gateway is 203.0.113.1, the external subnet's gateway; Host is 203.0.113.200; Far is 198.51.100.2, behind the
	// gateway on a link with narrowMTU.
	Gateway, Host, Far *VM
}

const (
	gatewayIP = "203.0.113.1"
	hostIP    = "203.0.113.200"
	farIP     = "198.51.100.2"
)

// talkPort is where the machines outside, and VMs that are told to, serve.
const talkPort = 7000

// World makes the world outside: machines on the wire of a node's bridge, and the network through which it is reached.
func (c *Cloud) World(n *lab.Node, bridge string) *World {
	c.t.Helper()
	w := &World{Net: c.CreateNetwork("public", Attrs{"router:external": true,
		"provider:network_type": "flat", "provider:physical_network": "public"})}
	w.Subnet = c.CreateSubnet(w.Net, "203.0.113.0/24", Attrs{"gateway_ip": gatewayIP, "enable_dhcp": false,
		"allocation_pools": []Attrs{{"start": "203.0.113.10", "end": "203.0.113.99"}}})
	w.Gateway = c.Outside(n, "gateway", bridge, 0, "02:00:00:00:01:01", gatewayIP+"/24")
	w.Host = c.Outside(n, "host", bridge, 0, "02:00:00:00:01:02", hostIP+"/24")
	w.Far = &VM{VM: n.AddHost("far", bridge, 4000, "02:00:00:00:01:03"), cloud: c, IP: farIP} // on a wire of nobody's
	w.Gateway.Connect(w.Far.VM, "198.51.100.1/24", farIP+"/24", narrowMTU)
	w.Gateway.Forward()
	w.Far.Route("default", "198.51.100.1")
	w.Host.Route("198.51.100.0/24", gatewayIP)
	for _, v := range []*VM{w.Gateway, w.Host, w.Far} {
		v.Serve(talkPort)
	}
	return w
}

// Outside is a machine outside the cloud, on the physical network of a node's bridge: behind an access port of a
// VLAN, or untagged (0).
func (c *Cloud) Outside(n *lab.Node, name, bridge string, vlan int, mac, prefix string) *VM {
	c.t.Helper()
	v := &VM{VM: n.AddHost(name, bridge, vlan, mac), cloud: c, IP: prefix[:len(prefix)-len("/24")]}
	v.SetAddress(prefix)
	return v
}
