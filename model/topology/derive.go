package topology

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/planck-sdn/planck/model"
)

// place derives where a port has entries of its own: on every node where it is plugged and has a binding. At most one of
// them is active: where binding:host_id says, or without it the node that plugged it last.
func (v *View) place(network model.Number, p *model.Port) []Attachment {
	n := v.Network(network)
	if n == nil || !n.AdminStateUp || !p.AdminStateUp || isRouters(p) {
		return nil
	}
	if p.IsBareMetal() {
		return v.placeBareMetal(n, p)
	}
	byNode := map[model.Number]uint32{}
	var active model.Number
	v.plugs.from(plugKey{portID: p.ID}, func(k plugKey, plugged plug) bool {
		if k.portID != p.ID {
			return false
		}
		node := v.Node(k.node)
		if node == nil || plugged.ofport == 0 || plugged.ofport > maxLocalKey || !carries(node, n) {
			return true
		}
		switch {
		case p.HostID == "" || node.Hostname == p.HostID:
			active = k.node
		case p.InactiveOn(node.Hostname) < 0:
			return true
		}
		byNode[k.node] = plugged.ofport // a later plug on the same node wins
		return true
	})
	if len(byNode) == 0 {
		return nil
	}
	list := make([]Attachment, 0, len(byNode))
	for node, ofport := range byNode {
		list = append(list, Attachment{Network: network, Port: p.Number, Node: node, Ofport: ofport, Active: node == active})
	}
	slices.SortFunc(list, func(a, b Attachment) int { return cmp.Compare(a.Node, b.Node) })
	return list
}

// placeBareMetal derives where a bare-metal port hangs: the store has said that it may (binding:vif_type).
func (v *View) placeBareMetal(n *model.Network, p *model.Port) []Attachment {
	link, given, err := model.LocalLinkOf(p.Profile)
	if p.VIFType != model.VIFTypeOther || !given || err != nil || n.NetworkType != model.NetworkVLAN {
		return nil
	}
	node := (&model.Cabling{Switches: v.switches}).Find(link.SwitchID)
	if node == nil || node.Switch.PhysicalNetwork != n.PhysicalNetwork {
		return nil
	}
	port := node.Switch.Port(link.PortID)
	if port == nil {
		return nil
	}
	return []Attachment{{Network: n.Number, Port: p.Number, Node: node.Number, Ofport: port.Number, Tag: link.Tag, Active: true}}
}

// carries tells whether a node has the way out that a network needs.
func carries(node *model.Node, n *model.Network) bool {
	if n.NetworkType == model.NetworkVXLAN {
		return true
	}
	m, ok := node.Mapping(n.PhysicalNetwork)
	return ok && m.PatchPort != 0
}

// isRouters tells whether a port is a router's or a floating IP's: what is addressed to it is handled by entries, and it is
// plugged nowhere.
func isRouters(p *model.Port) bool {
	return p.DeviceOwner == model.DeviceOwnerRouterInterface || p.DeviceOwner == model.DeviceOwnerRouterGateway ||
		p.DeviceOwner == model.DeviceOwnerFloatingIP
}

// takesPart tells whether a port counts among those of its network: it is attached somewhere, or is the network's DHCP port.
func (v *View) takesPart(network model.Number, p *model.Port) bool {
	if len(v.Attachments(p.Number)) > 0 {
		return true
	}
	n := v.Network(network)
	return p.DeviceOwner == model.DeviceOwnerDHCP && n != nil && n.AdminStateUp
}

// takesUnknown tells whether a port gets what is addressed to nobody that is known: without port security it may use
// any address, and with an allowed prefix those in it.
func takesUnknown(p *model.Port) bool {
	return !p.PortSecurityEnabled ||
		slices.ContainsFunc(p.AllowedAddressPairs, func(pair model.AddressPair) bool { return !pair.IP.IsSingleIP() })
}

// claims lists the single addresses and the MACs that a port may send from. An address that goes with several MACs has the
// zero MAC. Ports of routers and floating IPs only keep their addresses from others.
func claims(p *model.Port) (addrs map[netip.Addr]model.MAC, macs []model.MAC) {
	addrs = map[netip.Addr]model.MAC{}
	for _, fixed := range p.FixedIPs {
		addrs[fixed.IPAddress] = p.MAC
	}
	if isRouters(p) {
		return addrs, nil
	}
	macs = []model.MAC{p.MAC}
	for _, pair := range p.AllowedAddressPairs {
		if pair.IP.IsSingleIP() {
			ip, mac := pair.IP.Addr(), pair.MAC
			if other, again := addrs[ip]; again && other != mac {
				mac = model.MAC{}
			}
			addrs[ip] = mac
		}
		if pair.MAC != p.MAC {
			macs = append(macs, pair.MAC)
		}
	}
	return addrs, macs
}

// addClaims enters a port's addresses, wherever it is, and its MACs if it takes part. Ports that may use an address read who else
// takes part that may, also while they do not themselves.
func (s *step) addClaims(network model.Number, p *model.Port) ([]netip.Addr, []model.MAC) {
	addrs, macs := claims(p)
	list := make([]netip.Addr, 0, len(addrs))
	for ip, mac := range addrs {
		s.new.addrs.set(addrKey{network, ip, p.Number}, mac)
		list = append(list, ip)
	}
	if !s.new.takesPart(network, p) {
		return list, nil
	}
	for _, mac := range macs {
		s.new.macs.set(macKey{network, mac, p.Number}, struct{}{})
	}
	return list, macs
}

func (s *step) removeClaims(network model.Number, p *model.Port) ([]netip.Addr, []model.MAC) {
	addrs, macs := claims(p)
	list := make([]netip.Addr, 0, len(addrs))
	for ip := range addrs {
		s.new.addrs.delete(addrKey{network, ip, p.Number})
		list = append(list, ip)
	}
	for _, mac := range macs {
		s.new.macs.delete(macKey{network, mac, p.Number})
	}
	return list, macs
}
