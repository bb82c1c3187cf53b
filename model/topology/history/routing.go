package history

import (
	"fmt"
	"net/netip"
	"slices"

	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/model"
)

func isRouters(p *model.Port) bool {
	return slices.Contains([]string{model.DeviceOwnerRouterInterface, model.DeviceOwnerRouterGateway, model.DeviceOwnerFloatingIP}, p.DeviceOwner)
}

// vms lists the ports that are no router's and no floating IP's.
func (h *History) vms() []*model.Port { return slices.DeleteFunc(RowsOf[*model.Port](h), isRouters) }

// owned lists the ports of a router or floating IP.
func (h *History) owned(id, owner string) []*model.Port {
	return slices.DeleteFunc(RowsOf[*model.Port](h), func(p *model.Port) bool { return p.DeviceID != id || p.DeviceOwner != owner })
}

// routing draws one transaction that concerns routers.
func (h *History) routing(t *rapid.T) []model.Change {
	routers, floating, vms := RowsOf[*model.Router](h), RowsOf[*model.FloatingIP](h), h.vms()
	var external []*model.Network
	for _, n := range RowsOf[*model.Network](h) {
		if n.External {
			external = append(external, n)
		}
	}
	kinds := []string{"router", "router", "interface", "interface", "interface", "edit port", "remove interface", "gateway", "gateway", "clear gateway",
		"gateway node", "gateway node", "routes", "routes", "edit router", "delete router", "floating IP", "associate", "associate", "associate",
		"disassociate", "delete floating IP", "neighbour", "neighbour", "holder", "holder"}
	switch kind := pick(t, kinds, "routing"); {
	case kind == "router" && len(routers) < 6:
		n := h.number()
		return []model.Change{h.put(&model.Router{Number: n, ID: fmt.Sprint("router", n), AdminStateUp: true, Key: model.NetworkKey(n)})}
	case kind == "interface" && len(routers) > 0:
		return h.addInterface(t, pick(t, routers, "router"))
	case kind == "remove interface" && len(routers) > 0:
		return h.removeInterface(t, pick(t, routers, "router"))
	case kind == "edit port":
		return h.editRouterPort(t)
	case kind == "gateway" && len(routers) > 0 && len(external) > 0:
		return h.setGateway(t, pick(t, routers, "router"), pick(t, external, "external"))
	case kind == "clear gateway" && len(routers) > 0:
		return h.clearGateway(pick(t, routers, "router"))
	case kind == "gateway node" && len(routers) > 0:
		if r := *pick(t, routers, "router"); r.Gateway != nil {
			g := *r.Gateway
			g.Node, g.Generation = h.someNode(t), g.Generation+1
			r.Gateway = &g
			return []model.Change{h.put(&r)}
		}
	case kind == "routes" && len(routers) > 0:
		return h.setRoutes(t, pick(t, routers, "router"))
	case kind == "edit router" && len(routers) > 0:
		r := *pick(t, routers, "router")
		if rapid.Bool().Draw(t, "state") {
			r.AdminStateUp = !r.AdminStateUp
		} else {
			r.Name += "x"
		}
		return []model.Change{h.put(&r)}
	case kind == "delete router" && len(routers) > 0:
		return h.deleteRouter(pick(t, routers, "router"))
	case kind == "floating IP" && len(external) > 0 && len(floating) < 6:
		return h.newFloatingIP(pick(t, external, "external"))
	case kind == "associate" && len(floating) > 0 && len(vms) > 0:
		return h.associate(t, pick(t, floating, "floating IP"), pick(t, vms, "port"))
	case kind == "disassociate" && len(floating) > 0:
		if f := pick(t, floating, "floating IP"); f.PortID != "" {
			return []model.Change{h.put(disassociated(f))}
		}
	case kind == "delete floating IP" && len(floating) > 0:
		f := pick(t, floating, "floating IP")
		changes := []model.Change{h.drop(f.Ref())}
		for _, p := range h.owned(f.ID, model.DeviceOwnerFloatingIP) {
			changes = append(changes, h.drop(p.Ref()))
		}
		return changes
	case kind == "neighbour" && len(routers) > 0:
		return h.neighbour(t, pick(t, routers, "router"))
	case kind == "holder" && len(vms) > 0:
		return h.holder(t, pick(t, vms, "port"))
	}
	return nil
}

// someNode is a node's number, that of a node that is gone, or 0.
func (h *History) someNode(t *rapid.T) model.Number {
	choice := []model.Number{0, model.MaxNumber}
	for _, n := range h.nodes(false) {
		choice = append(choice, n.Number, n.Number)
	}
	return pick(t, choice, "gateway node")
}

// routerPort makes a port with a free address of a subnet, the wanted one if that is free.
func (h *History) routerPort(s *model.Subnet, owner, device string, wanted netip.Addr) *model.Port {
	taken := map[netip.Addr]bool{}
	for _, p := range RowsOf[*model.Port](h) {
		for _, f := range p.FixedIPs {
			if p.NetworkID == s.NetworkID {
				taken[f.IPAddress] = true
			}
		}
	}
	for last := byte(3); taken[wanted]; last++ {
		wanted = at(s, last)
	}
	n := h.number()
	return &model.Port{Number: n, ID: fmt.Sprint("port", n), NetworkID: s.NetworkID, AdminStateUp: true, DeviceOwner: owner, DeviceID: device,
		MAC: model.MAC{2, 0, 0, 2, byte(n >> 8), byte(n)}, FixedIPs: []model.FixedIP{{SubnetID: s.ID, IPAddress: wanted}}}
}

// meets tells whether a network is one of a router's, or has a subnet that overlaps one of them.
func (h *History) meets(r *model.Router, network string, exceptGateway bool) bool {
	cidr := h.subnetOf(network).CIDR
	others := h.owned(r.ID, model.DeviceOwnerRouterInterface)
	if !exceptGateway {
		others = append(others, h.owned(r.ID, model.DeviceOwnerRouterGateway)...)
	}
	return slices.ContainsFunc(others, func(p *model.Port) bool { return h.subnetOf(p.NetworkID).CIDR.Overlaps(cidr) })
}

func (h *History) addInterface(t *rapid.T, r *model.Router) []model.Change {
	subnets := RowsOf[*model.Subnet](h)
	if len(subnets) == 0 {
		return nil
	}
	s := pick(t, subnets, "subnet")
	if h.meets(r, s.NetworkID, false) {
		return nil
	}
	return []model.Change{h.put(h.routerPort(s, model.DeviceOwnerRouterInterface, r.ID, at(s, 1)))}
}

func (h *History) removeInterface(t *rapid.T, r *model.Router) []model.Change {
	list := h.owned(r.ID, model.DeviceOwnerRouterInterface)
	if len(list) == 0 {
		return nil
	}
	p := pick(t, list, "interface")
	for _, f := range RowsOf[*model.FloatingIP](h) {
		if f.RouterID == r.ID && h.subnetOf(p.NetworkID).CIDR.Contains(f.FixedIP) {
			return nil // the API refuses it
		}
	}
	changes := []model.Change{h.drop(p.Ref())}
	for _, s := range RowsOf[*model.Service](h) {
		if s.Port == p.Number {
			changes = append(changes, h.drop(s.Ref()))
		}
	}
	return changes
}

func (h *History) editRouterPort(t *rapid.T) []model.Change {
	list := slices.DeleteFunc(RowsOf[*model.Port](h), func(p *model.Port) bool { return !isRouters(p) })
	if len(list) == 0 {
		return nil
	}
	p := *pick(t, list, "port")
	switch rapid.IntRange(0, 2).Draw(t, "edit") {
	case 0:
		p.AdminStateUp = !p.AdminStateUp
	case 1:
		p.MAC[3]++
	case 2:
		p.Name += "x"
	}
	return []model.Change{h.put(&p)}
}

func (h *History) setGateway(t *rapid.T, old *model.Router, n *model.Network) []model.Change {
	if h.meets(old, n.ID, true) || h.hasFloating(old) {
		return nil
	}
	changes := h.clearGateway(old)
	s := h.subnetOf(n.ID)
	p := h.routerPort(s, model.DeviceOwnerRouterGateway, old.ID, at(s, 3))
	r := *old
	r.Gateway = &model.Gateway{NetworkID: n.ID, PortID: p.ID, EnableSNAT: rapid.Bool().Draw(t, "enable_snat"),
		Zone: model.FirstRouterZone + uint16(r.Number), Node: h.someNode(t)}
	return append(changes, h.put(p), h.put(&r))
}

func (h *History) hasFloating(r *model.Router) bool {
	return slices.ContainsFunc(RowsOf[*model.FloatingIP](h), func(f *model.FloatingIP) bool { return f.RouterID == r.ID })
}

func (h *History) clearGateway(old *model.Router) []model.Change {
	if old.Gateway == nil || h.hasFloating(old) {
		return nil
	}
	var changes []model.Change
	for _, n := range RowsOf[*model.Neighbour](h) {
		if n.RouterID == old.ID {
			changes = append(changes, h.drop(n.Ref()))
		}
	}
	for _, p := range h.owned(old.ID, model.DeviceOwnerRouterGateway) {
		changes = append(changes, h.drop(p.Ref()))
	}
	r := *old
	r.Gateway = nil
	return append(changes, h.put(&r))
}

func (h *History) setRoutes(t *rapid.T, old *model.Router) []model.Change {
	var hops []netip.Addr
	for _, i := range h.owned(old.ID, model.DeviceOwnerRouterInterface) {
		s := h.subnetOf(i.NetworkID)
		hops = append(hops, at(s, 99)) // nobody
		for _, p := range RowsOf[*model.Port](h) {
			if p.NetworkID == i.NetworkID && p.DeviceID != old.ID && len(p.FixedIPs) > 0 {
				hops = append(hops, p.FixedIPs[0].IPAddress)
				if p.DeviceOwner == model.DeviceOwnerRouterInterface { // a chain, more often than not
					hops = append(hops, p.FixedIPs[0].IPAddress, p.FixedIPs[0].IPAddress)
				}
			}
		}
	}
	r := *old
	r.Routes = nil
	for _, destination := range []string{"0.0.0.0/0", "10.2.0.0/16", "10.4.0.0/24"} {
		if len(hops) > 0 && rapid.Bool().Draw(t, destination) {
			r.Routes = append(r.Routes, model.HostRoute{Destination: netip.MustParsePrefix(destination), NextHop: pick(t, hops, "next hop")})
		}
	}
	return []model.Change{h.put(&r)}
}

func (h *History) deleteRouter(r *model.Router) []model.Change {
	if len(h.owned(r.ID, model.DeviceOwnerRouterInterface)) > 0 || h.hasFloating(r) {
		return nil
	}
	return append(h.clearGateway(r), h.drop(r.Ref()))
}

func (h *History) newFloatingIP(n *model.Network) []model.Change {
	f := &model.FloatingIP{Number: h.number(), FloatingNetworkID: n.ID}
	f.ID = fmt.Sprint("floating", f.Number)
	s := h.subnetOf(n.ID)
	p := h.routerPort(s, model.DeviceOwnerFloatingIP, f.ID, at(s, 4))
	f.FloatingPortID, f.Address = p.ID, p.FixedIPs[0].IPAddress
	return []model.Change{h.put(p), h.put(f)}
}

// associate points a floating IP to a port's address, if a router leads there.
func (h *History) associate(t *rapid.T, old *model.FloatingIP, p *model.Port) []model.Change {
	addrs := []netip.Addr{}
	for _, fixed := range p.FixedIPs {
		addrs = append(addrs, fixed.IPAddress)
	}
	if len(addrs) == 0 {
		return nil
	}
	f := *old
	f.PortID, f.FixedIP = p.ID, pick(t, addrs, "fixed IP")
	for _, other := range RowsOf[*model.FloatingIP](h) {
		if other.ID != f.ID && other.PortID == f.PortID && other.FixedIP == f.FixedIP {
			return nil
		}
	}
	for _, r := range RowsOf[*model.Router](h) {
		leads := slices.ContainsFunc(h.owned(r.ID, model.DeviceOwnerRouterInterface), func(i *model.Port) bool { return i.NetworkID == p.NetworkID })
		if leads && r.Gateway != nil && r.Gateway.NetworkID == f.FloatingNetworkID {
			f.RouterID = r.ID
			return []model.Change{h.put(&f)}
		}
	}
	return nil
}

func disassociated(old *model.FloatingIP) *model.FloatingIP {
	f := *old
	f.PortID, f.FixedIP, f.RouterID = "", netip.Addr{}, ""
	return &f
}

// disassociate takes the floating IPs from a port.
func (h *History) disassociate(port string) []model.Change {
	var changes []model.Change
	for _, f := range RowsOf[*model.FloatingIP](h) {
		if f.PortID == port {
			changes = append(changes, h.put(disassociated(f)))
		}
	}
	return changes
}

// neighbour finds a host outside, finds it anew, or forgets it.
func (h *History) neighbour(t *rapid.T, r *model.Router) []model.Change {
	if r.Gateway == nil {
		return nil
	}
	addr := at(h.subnetOf(r.Gateway.NetworkID), pick(t, []byte{1, 100, 101}, "address"))
	for _, old := range RowsOf[*model.Neighbour](h) {
		if old.RouterID == r.ID && old.Address == addr {
			if rapid.Bool().Draw(t, "forgotten") {
				return []model.Change{h.drop(old.Ref())}
			}
			n := *old
			n.MAC[5]++
			return []model.Change{h.put(&n)}
		}
	}
	n := h.number()
	return []model.Change{h.put(&model.Neighbour{Number: n, RouterID: r.ID, NetworkID: r.Gateway.NetworkID, Address: addr, MAC: model.MAC{2, 0, 0, 3, 0, byte(n)}})}
}

// holder says that a port has announced an address that it may use, or once might.
func (h *History) holder(t *rapid.T, p *model.Port) []model.Change {
	addr := at(h.subnetOf(p.NetworkID), pick(t, []byte{1, 245, 250, 251}, "address"))
	if len(p.FixedIPs) > 0 && rapid.Bool().Draw(t, "fixed") {
		addr = p.FixedIPs[0].IPAddress
	}
	for _, old := range RowsOf[*model.Holder](h) {
		if old.NetworkID == p.NetworkID && old.Address == addr {
			if rapid.Bool().Draw(t, "dropped") {
				return []model.Change{h.drop(old.Ref())}
			}
			holder := *old
			holder.PortID = p.ID
			return []model.Change{h.put(&holder)}
		}
	}
	n := h.number()
	return []model.Change{h.put(&model.Holder{Number: n, NetworkID: p.NetworkID, Address: addr, PortID: p.ID})}
}
