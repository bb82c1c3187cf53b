package model

import "fmt"

// Cabling is what bindings of bare metal depend on: the physical switches, and what is known to be plugged into them.
type Cabling struct {
	Switches []*Node // in order of number
	Links    []*Link
}

// Placement is where a bare-metal port is bound: a port of a physical switch, and the VLAN id of its frames there; 0: without a tag. No
// other port is bound there.
type Placement struct {
	LinkEnd
	Tag uint32
}

// Find gives the switch that a switch_id of local_link_information means, or nil. A datapath id comes before a MAC address.
func (c *Cabling) Find(switchID string) *Node {
	var byMAC *Node
	for _, n := range c.Switches {
		if id, ok := ParseDatapathID(switchID); ok && id == n.DatapathID {
			return n
		}
		if byMAC == nil && n.Answers(switchID) {
			byMAC = n
		}
	}
	return byMAC
}

// Place finds where a bare-metal port of a network is to be bound, and on which switch. The reason says why it cannot be, or nothing.
// Whether another port is there is for the caller to see.
func (c *Cabling) Place(link LocalLink, network *Network) (at Placement, node *Node, reason string) {
	node = c.Find(link.SwitchID)
	if node == nil {
		return at, nil, fmt.Sprintf("no physical switch is declared with the datapath id or MAC address %s", link.SwitchID)
	}
	name := node.Hostname
	port := node.Switch.Port(link.PortID)
	switch {
	case node.Switch.Problem != "":
		return at, node, fmt.Sprintf("switch %s is not in service: %s", name, node.Switch.Problem)
	case port == nil && len(node.Switch.Ports) == 0:
		return at, node, fmt.Sprintf("switch %s has not told its ports yet, and so none is known as %s", name, link.PortID)
	case port == nil:
		return at, node, fmt.Sprintf("switch %s has no port %s", name, link.PortID)
	case network.NetworkType != NetworkVLAN || network.PhysicalNetwork != node.Switch.PhysicalNetwork:
		return at, node, fmt.Sprintf("switch %s carries vlan networks of the physical network %s, and network %s is none of these",
			name, node.Switch.PhysicalNetwork, network.ID)
	case node.Switch.IsUplink(port):
		return at, node, fmt.Sprintf("port %s of switch %s is declared to be an uplink", link.PortID, name)
	}
	at = Placement{LinkEnd{node.Number, port.Number}, link.Tag}
	for _, l := range c.Links {
		if l.A == at.LinkEnd || l.B == at.LinkEnd {
			return Placement{}, node, fmt.Sprintf("port %s of switch %s is a link to another switch or to a node", link.PortID, name)
		}
	}
	return at, node, ""
}

// LinkRefusal tells in words why two ports can be no link, or nothing. a and b are the ends' nodes, nil for those that are not known.
func LinkRefusal(endA, endB LinkEnd, a, b *Node) string {
	if endA == endB {
		return fmt.Sprintf("port %d of node number %d cannot face itself", endA.Port, endA.Node)
	}
	for _, end := range []struct {
		LinkEnd
		node *Node
	}{{endA, a}, {endB, b}} {
		if end.node == nil {
			return fmt.Sprintf("there is no node number %d", end.Node)
		}
		if reason := end.node.linkRefusal(end.Port); reason != "" {
			return reason
		}
	}
	if a.Switch == nil && b.Switch == nil {
		return fmt.Sprintf("neither %s nor %s is a physical switch", a.Hostname, b.Hostname)
	}
	if one, other := a.physicalNetworkAt(endA.Port), b.physicalNetworkAt(endB.Port); one != other {
		return fmt.Sprintf("%s is of the physical network %s there, and %s of %s", a.Hostname, one, b.Hostname, other)
	}
	return ""
}

func (n *Node) linkRefusal(number uint32) string {
	if n.Switch == nil {
		if n.physicalNetworkAt(number) == "" {
			return fmt.Sprintf("port %d of node %s leads to no bridge that is mapped", number, n.Hostname)
		}
		return ""
	}
	port := n.Switch.PortByNumber(number)
	switch {
	case port == nil:
		return fmt.Sprintf("switch %s has no port %d", n.Hostname, number)
	case !port.Up:
		return fmt.Sprintf("port %d of switch %s is down", number, n.Hostname)
	case n.Switch.IsUplink(port):
		return fmt.Sprintf("port %d of switch %s is declared to be an uplink", number, n.Hostname)
	}
	return ""
}

// physicalNetworkAt is the physical network that a port leads to; "" if it leads to none.
func (n *Node) physicalNetworkAt(port uint32) string {
	if n.Switch != nil {
		return n.Switch.PhysicalNetwork
	}
	for _, m := range n.Mappings {
		if m.PatchPort == port && port != 0 {
			return m.PhysicalNetwork
		}
	}
	return ""
}
