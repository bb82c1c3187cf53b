package topology

import (
	"net/netip"
	"reflect"

	"github.com/planck-sdn/planck/model"
)

// Network returns a network by number, or nil.
func (v *View) Network(n model.Number) *model.Network { x, _ := v.networks.get(n); return x }

// Subnet returns a subnet by number, or nil.
func (v *View) Subnet(n model.Number) *model.Subnet { x, _ := v.subnets.get(n); return x }

// Port returns a port by number, or nil.
func (v *View) Port(n model.Number) *model.Port { x, _ := v.ports.get(n); return x }

// Node returns a node by number, or nil.
func (v *View) Node(n model.Number) *model.Node { x, _ := v.nodes.get(n); return x }

// NetworkByID returns a network by its UUID, or nil.
func (v *View) NetworkByID(id string) *model.Network {
	n, _ := v.networkByID.get(id)
	return v.Network(n)
}

// PortByID returns a port by its UUID, or nil.
func (v *View) PortByID(id string) *model.Port {
	n, _ := v.portByID.get(id)
	return v.Port(n)
}

// NodeByHostname returns a node by its name, or nil.
func (v *View) NodeByHostname(name string) *model.Node {
	n, _ := v.nodeByHost.get(name)
	return v.Node(n)
}

// Networks visits all networks in order of number.
func (v *View) Networks(visit func(*model.Network)) {
	v.networks.all(func(_ model.Number, n *model.Network) bool { visit(n); return true })
}

// Nodes visits all nodes in order of number.
func (v *View) Nodes(visit func(*model.Node)) {
	v.nodes.all(func(_ model.Number, n *model.Node) bool { visit(n); return true })
}

// Ports visits all ports in order of number.
func (v *View) Ports(visit func(*model.Port)) {
	v.ports.all(func(_ model.Number, p *model.Port) bool { visit(p); return true })
}

// Counts returns how many networks, subnets, ports and nodes there are.
func (v *View) Counts() (networks, subnets, ports, nodes int) {
	return v.networks.len(), v.subnets.len(), v.ports.len(), v.nodes.len()
}

// SubnetsOf returns a network's subnets in order of number.
func (v *View) SubnetsOf(network model.Number) []*model.Subnet {
	var list []*model.Subnet
	v.subnetsOf.from(pair{a: network}, func(k pair, _ struct{}) bool {
		if k.a != network {
			return false
		}
		list = append(list, v.Subnet(k.b))
		return true
	})
	return list
}

// PortsOf visits a network's ports in order of number.
func (v *View) PortsOf(network model.Number, visit func(model.Number)) {
	v.portsOf.from(pair{a: network}, func(k pair, _ struct{}) bool {
		if k.a != network {
			return false
		}
		visit(k.b)
		return true
	})
}

// DHCPPort returns a network's port of device_owner network:dhcp, or nil.
func (v *View) DHCPPort(network model.Number) *model.Port {
	n, ok := v.dhcpPort.get(network)
	if !ok {
		return nil
	}
	return v.Port(n)
}

// Attachments returns the nodes on which a port has entries of its own, in order of node.
func (v *View) Attachments(port model.Number) []Attachment {
	list, _ := v.places.get(port)
	return list
}

// AttachmentOn returns a port's attachment to one node.
func (v *View) AttachmentOn(port, node model.Number) (Attachment, bool) {
	for _, a := range v.Attachments(port) {
		if a.Node == node {
			return a, true
		}
	}
	return Attachment{}, false
}

// Location returns where everyone else reaches a port.
func (v *View) Location(port model.Number) (Attachment, bool) {
	for _, a := range v.Attachments(port) {
		if a.Active {
			return a, true
		}
	}
	return Attachment{}, false
}

// AttachedOn visits the ports of a network on a node, in order of ofport.
func (v *View) AttachedOn(network, node model.Number, visit func(Attachment)) {
	v.attached.from(attachKey{network: network, node: node}, func(k attachKey, a Attachment) bool {
		if k.network != network || k.node != node {
			return false
		}
		visit(a)
		return true
	})
}

// PortAt returns the port whose key on node is ofport, in the given network, or nil.
func (v *View) PortAt(network, node model.Number, ofport uint32) *model.Port {
	var found *model.Port
	v.attached.from(attachKey{network: network, node: node, ofport: ofport}, func(k attachKey, a Attachment) bool {
		if k.network == network && k.node == node && k.ofport == ofport {
			found = v.Port(a.Port)
		}
		return false
	})
	return found
}

// IsPresent tells whether a node has a port of the network.
func (v *View) IsPresent(network, node model.Number) bool {
	return present(v.attached, network, node, 0, maxLocalKey+1)
}

// PresentOn returns the nodes that have a port of the network, in order of number.
func (v *View) PresentOn(network model.Number) []model.Number { return nodesOf(v.attached, network) }

// OpenOn returns the nodes that have a port of the network that takes unknown destinations: one without port security,
// or with a prefix among its allowed address pairs.
func (v *View) OpenOn(network model.Number) []model.Number { return nodesOf(v.open, network) }

// PartIsEmpty tells whether a local part of a network's unit has no port on the node.
func (v *View) PartIsEmpty(network, node model.Number, part uint8) bool {
	from, to := portsOfPart(part)
	if KindOfPart(part) == LocalOpenPart {
		return !present(v.open, network, node, from, to)
	}
	return !present(v.attached, network, node, from, to)
}

// PortsOfPart returns the keys of the ports that a local part of a network's unit covers, in order.
func (v *View) PortsOfPart(network, node model.Number, part uint8) []uint32 {
	from, to := portsOfPart(part)
	if KindOfPart(part) == LocalOpenPart {
		return keysBetween(v.open, network, node, from, to)
	}
	return keysBetween(v.attached, network, node, from, to)
}

func present[V any](t table[attachKey, V], network, node model.Number, from, to uint32) bool {
	k, found := t.first(attachKey{network: network, node: node, ofport: from})
	return found && k.network == network && k.node == node && k.ofport < to
}

func keysBetween[V any](t table[attachKey, V], network, node model.Number, from, to uint32) []uint32 {
	var keys []uint32
	t.from(attachKey{network: network, node: node, ofport: from}, func(k attachKey, _ V) bool {
		if k.network != network || k.node != node || k.ofport >= to {
			return false
		}
		keys = append(keys, k.ofport)
		return true
	})
	return keys
}

func nodesOf[V any](t table[attachKey, V], network model.Number) []model.Number {
	return distinct(t, attachKey{network: network},
		func(k attachKey) (model.Number, bool) { return k.node, k.network == network },
		func(node model.Number) attachKey { return attachKey{network: network, node: node + 1} })
}

// Claim is a port that may use an address, and the MAC that goes with it.
type Claim struct {
	Port *model.Port
	MAC  model.MAC
}

// ClaimsOf returns the attached ports (and the DHCP port) that have an address among their fixed IPs or, as a
// single address, among their allowed address pairs; in order of port. The MAC is zero where the port may use the address
// with several. The address of the network's DHCP port is its alone, and one of a router or a floating IP is no port's: whoever else may
// use it does not take it over.
func (v *View) ClaimsOf(network model.Number, addr netip.Addr) []Claim {
	var list []Claim
	for _, n := range v.claimants(network, addr) {
		p := v.Port(n)
		if isRouters(p) {
			return nil
		}
		if v.takesPart(network, p) {
			mac, _ := v.addrs.get(addrKey{network, addr, n})
			list = append(list, Claim{p, mac})
		}
	}
	for i, c := range list {
		if c.Port.DeviceOwner == model.DeviceOwnerDHCP {
			return list[i : i+1]
		}
	}
	return list
}

// claimants lists all ports that may use an address, attached or not, and those of routers and floating IPs that have it.
func (v *View) claimants(network model.Number, addr netip.Addr) []model.Number {
	var list []model.Number
	v.addrs.from(addrKey{network: network, addr: addr}, func(k addrKey, _ model.MAC) bool {
		if k.network != network || k.addr != addr {
			return false
		}
		list = append(list, k.port)
		return true
	})
	return list
}

// OwnersOf returns the attached ports that may send from a MAC address, in order of number.
func (v *View) OwnersOf(network model.Number, mac model.MAC) []*model.Port {
	var list []*model.Port
	v.macs.from(macKey{network: network, mac: mac}, func(k macKey, _ struct{}) bool {
		if k.network != network || k.mac != mac {
			return false
		}
		list = append(list, v.Port(k.port))
		return true
	})
	return list
}

// LocalParts lists the parts of a network's unit that flood to ports on a node and are not empty, in order.
func (v *View) LocalParts(network, node model.Number) []uint8 {
	return append(partsOf(v.attached, network, node, LocalPartOf), partsOf(v.open, network, node, LocalOpenPartOf)...)
}

func partsOf[V any](t table[attachKey, V], network, node model.Number, partOf func(uint32) uint8) []uint8 {
	return distinct(t, attachKey{network: network, node: node},
		func(k attachKey) (uint8, bool) { return partOf(k.ofport), k.network == network && k.node == node },
		func(part uint8) attachKey {
			_, next := portsOfPart(part)
			return attachKey{network: network, node: node, ofport: next}
		})
}

// Difference lists the changes that lead from v to a whole snapshot of the database.
func (v *View) Difference(objects []model.Object) []model.Change {
	var changes []model.Change
	seen := make(map[model.Ref]struct{}, len(objects))
	for _, o := range objects {
		ref := o.Ref()
		seen[ref] = struct{}{}
		if !reflect.DeepEqual(v.object(ref), o) {
			changes = append(changes, model.Change{Ref: ref, Object: o})
		}
	}
	changes = appendGone(changes, v.networks, model.KindNetwork, seen)
	changes = appendGone(changes, v.subnets, model.KindSubnet, seen)
	changes = appendGone(changes, v.ports, model.KindPort, seen)
	changes = appendGone(changes, v.nodes, model.KindNode, seen)
	changes = appendGone(changes, v.routers, model.KindRouter, seen)
	changes = appendGone(changes, v.floatingIPs, model.KindFloatingIP, seen)
	changes = appendGone(changes, v.neighbours, model.KindNeighbour, seen)
	changes = appendGone(changes, v.holders, model.KindHolder, seen)
	changes = appendGone(changes, v.groups, model.KindSecurityGroup, seen)
	changes = appendGone(changes, v.links, model.KindLink, seen)
	return appendGone(changes, v.services, model.KindService, seen)
}

// appendGone appends a deletion of each object of a kind that was not seen.
func appendGone[T any](changes []model.Change, rows table[model.Number, T], kind model.Kind, seen map[model.Ref]struct{}) []model.Change {
	rows.all(func(n model.Number, _ T) bool {
		ref := model.Ref{Kind: kind, Number: n}
		if _, ok := seen[ref]; !ok {
			changes = append(changes, model.Change{Ref: ref})
		}
		return true
	})
	return changes
}

func (v *View) object(ref model.Ref) model.Object {
	switch ref.Kind {
	case model.KindNetwork:
		return objectIn(v.networks, ref.Number)
	case model.KindSubnet:
		return objectIn(v.subnets, ref.Number)
	case model.KindPort:
		return objectIn(v.ports, ref.Number)
	case model.KindNode:
		return objectIn(v.nodes, ref.Number)
	case model.KindRouter:
		return objectIn(v.routers, ref.Number)
	case model.KindFloatingIP:
		return objectIn(v.floatingIPs, ref.Number)
	case model.KindNeighbour:
		return objectIn(v.neighbours, ref.Number)
	case model.KindHolder:
		return objectIn(v.holders, ref.Number)
	case model.KindSecurityGroup:
		return objectIn(v.groups, ref.Number)
	case model.KindLink:
		return objectIn(v.links, ref.Number)
	case model.KindService:
		return objectIn(v.services, ref.Number)
	}
	return nil
}

// objectIn gives a row, or an interface that is nil.
func objectIn[T model.Object](rows table[model.Number, T], n model.Number) model.Object {
	if o, ok := rows.get(n); ok {
		return o
	}
	return nil
}
