package example

import (
	"fmt"

	"github.com/planck-sdn/planck/model"
)

// Switch adds a physical switch with ports that are up, numbered from 1, and meters.
func (c *Cloud) Switch(name, physnet string, ports int) *model.Node {
	number := len(c.nodes) + 1
	n := &model.Node{
		Number: model.Number(number), SystemID: model.SwitchSystemID(uint64(0xa00 + number)), Hostname: name, DatapathID: uint64(0xa00 + number),
		Switch: &model.Switch{PhysicalNetwork: physnet, Driver: "generic", Meters: 1000},
	}
	for i := range ports {
		n.Switch.Ports = append(n.Switch.Ports, model.SwitchPort{Number: uint32(i + 1), Name: fmt.Sprint("eth", i+1),
			MAC: model.MAC{0x02, 0xaa, 0, 0, byte(number), byte(i + 1)}, Up: true})
	}
	c.nodes = append(c.nodes, n)
	return n
}

// Link joins two ports of switches.
func (c *Cloud) Link(a *model.Node, portA uint32, b *model.Node, portB uint32) *model.Link {
	l := &model.Link{Number: model.Number(len(c.links) + 1), A: model.LinkEnd{Node: a.Number, Port: portA}, B: model.LinkEnd{Node: b.Number, Port: portB}}
	if a.Number > b.Number {
		l.A, l.B = l.B, l.A
	}
	c.links = append(c.links, l)
	return l
}

// Uplink hangs a node's mapped bridge on a switch; without a hostname the world outside.
func Uplink(s *model.Node, port uint32, hostname string) {
	s.Switch.Uplinks = append(s.Switch.Uplinks, model.Uplink{Port: fmt.Sprint(port), Hostname: hostname})
}

// BareMetal adds the port of a server that hangs on a switch, whose frames have a tag there or, with tag 0, none.
func (c *Cloud) BareMetal(n *model.Network, s *model.Node, port, tag uint32, name string, addresses ...string) *model.Port {
	p := c.Port(n, name, addresses...)
	p.VNICType, p.VIFType = model.VNICTypeBareMetal, model.VIFTypeOther
	p.Profile = map[string]any{"local_link_information": []any{map[string]any{"switch_id": fmt.Sprintf("%016x", s.DatapathID), "port_id": fmt.Sprint(port)}}}
	if tag != 0 {
		p.Profile["tag"] = float64(tag)
	}
	return p
}

// Service has a node route for a network's bare metal by a router's interface.
func (c *Cloud) Service(i *model.Port, node *model.Node) {
	c.services = append(c.services, &model.Service{Number: model.Number(len(c.services) + 1), Port: i.Number, Node: node.Number})
}

// SwitchCases are the cases with physical switches.
func SwitchCases() []Case {
	bareMetal := &Cloud{}
	Fabric(bareMetal)
	return []Case{{"bare_metal", bareMetal}}
}

// Fabric is three switches in a ring, with bare metal on two of them, a node on the third, a router whose other network is that node's, and the world outside.
func Fabric(c *Cloud) {
	tor1, tor2, tor3 := c.Switch("tor1", "dc", 4), c.Switch("tor2", "dc", 4), c.Switch("tor3", "dc", 4)
	node1 := c.Node("node1", "dc")
	c.Link(tor1, 1, tor2, 2)
	c.Link(tor2, 1, tor3, 2)
	c.Link(tor3, 1, tor1, 2)
	Uplink(tor3, 3, "node1")
	Uplink(tor3, 4, "")
	n, inside := c.VLAN("net1", "dc", 101), c.Network("net2")
	c.Subnet(n, "10.1.0.0/24")
	c.Subnet(inside, "10.2.0.0/24")
	r := c.Router("r1")
	i := c.Interface(r, n, "10.1.0.1")
	c.Interface(r, inside, "10.2.0.1")
	c.Service(i, node1)
	c.BareMetal(n, tor1, 3, 0, "metal1", "10.1.0.11")
	tagged := c.BareMetal(n, tor2, 3, 7, "metal2", "10.1.0.12")
	tagged.PortSecurityEnabled = false
	c.BareMetal(n, tor2, 4, 0, "metal3", "10.1.0.13")
	c.VM(n, node1, "vm1", "10.1.0.14")
	c.VM(inside, node1, "vm2", "10.2.0.11")
	c.VM(inside, c.Node("node2"), "vm3", "10.2.0.12") // has no wire to the switches
}
