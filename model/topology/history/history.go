// Package history makes random changes to a cloud, as the database would tell them, for the tests of what follows them.
package history

import (
	"fmt"
	"net/netip"
	"slices"

	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/model"
)

// History keeps the rows of a cloud; each step changes some.
type History struct {
	Rows   map[model.Ref]model.Object
	next   model.Number
	serial int64
	fabric bool
}

// New is a cloud without rows.
func New() *History { return &History{Rows: map[model.Ref]model.Object{}} }

// WithSwitches is a cloud without rows that is going to have physical switches, too.
func WithSwitches() *History {
	h := New()
	h.fabric = true
	return h
}

// RowsOf lists the rows of one type in order of number.
func RowsOf[T model.Object](h *History) []T {
	var list []T
	for _, o := range h.Rows {
		if x, ok := o.(T); ok {
			list = append(list, x)
		}
	}
	slices.SortFunc(list, func(a, b T) int { return int(a.Ref().Number) - int(b.Ref().Number) })
	return list
}

func (h *History) put(o model.Object) model.Change {
	h.Rows[o.Ref()] = o
	return model.Change{Ref: o.Ref(), Object: o}
}

func (h *History) drop(r model.Ref) model.Change {
	delete(h.Rows, r)
	return model.Change{Ref: r}
}

func (h *History) number() model.Number { h.next++; return h.next }

func pick[T any](t *rapid.T, list []T, label string) T {
	return list[rapid.IntRange(0, len(list)-1).Draw(t, label)]
}

var physicalNetworks = []string{"physa", "physb"}

// hosts are names that nodes may have, and one that none has. The first is none.
var hosts = []string{"", "host1", "host2", "host3", "nowhere"}

func without(list []model.Binding, host string) []model.Binding {
	return slices.DeleteFunc(slices.Clone(list), func(b model.Binding) bool { return b.HostID == host })
}

// Step draws one transaction.
func (h *History) Step(t *rapid.T) []model.Change {
	networks, ports, nodes := RowsOf[*model.Network](h), h.vms(), h.nodes(false)
	kinds := []string{"network", "node", "port", "port", "port", "plug", "plug", "plug", "unplug", "edit port", "edit port",
		"edit network", "edit node", "edit subnet", "replug", "delete port", "delete network", "delete node", "bind", "bind further", "activate",
		"routing", "routing", "routing", "routing", "routing", "routing", "routing", "routing", "routing", "routing", "routing", "routing",
		"security", "security", "security", "security", "security", "security", "security", "security"}
	if h.fabric {
		kinds = append(kinds, slices.Repeat([]string{"fabric"}, 24)...)
	}
	switch kind := pick(t, kinds, "kind"); {
	case kind == "fabric":
		return h.fabrics(t)
	case kind == "routing":
		return h.routing(t)
	case kind == "security":
		return h.security(t)
	case kind == "network" && len(networks) < 6:
		return h.newNetwork(t)
	case kind == "node" && len(nodes) < 4:
		n := h.number()
		hostname := fmt.Sprint("host", n%5)
		if slices.ContainsFunc(nodes, func(other *model.Node) bool { return other.Hostname == hostname }) {
			return nil // the store refuses it
		}
		return []model.Change{h.put(&model.Node{Number: n, SystemID: fmt.Sprint("sys", n), Hostname: hostname,
			EncapIP: netip.AddrFrom4([4]byte{10, 0, 0, byte(n%200 + 1)}), DatapathID: uint64(n), TunnelPort: 1})}
	case kind == "port" && len(networks) > 0 && len(ports) < 24:
		return []model.Change{h.newPort(t, pick(t, networks, "network"))}
	case kind == "plug" && len(nodes) > 0 && len(ports) > 0:
		return h.plug(t, pick(t, nodes, "node"), pick(t, ports, "port"))
	case kind == "unplug" && len(nodes) > 0:
		n := *pick(t, nodes, "node")
		if len(n.Interfaces) > 0 {
			i := rapid.IntRange(0, len(n.Interfaces)-1).Draw(t, "interface")
			n.Interfaces = slices.Delete(slices.Clone(n.Interfaces), i, i+1)
			return []model.Change{h.put(&n)}
		}
	case kind == "replug" && len(nodes) > 0:
		return []model.Change{h.put(h.replug(pick(t, nodes, "node")))}
	case kind == "bind" && len(ports) > 0:
		p := *pick(t, ports, "port")
		p.HostID = pick(t, hosts, "host")
		p.InactiveBindings = without(p.InactiveBindings, p.HostID)
		return []model.Change{h.put(&p)}
	case kind == "bind further" && len(ports) > 0:
		p := *pick(t, ports, "port")
		host := pick(t, hosts[1:], "host")
		fewer := without(p.InactiveBindings, host)
		if len(fewer) == len(p.InactiveBindings) && host != p.HostID {
			fewer = append(fewer, model.Binding{HostID: host})
		}
		p.InactiveBindings = fewer
		return []model.Change{h.put(&p)}
	case kind == "activate" && len(ports) > 0:
		p := *pick(t, ports, "port")
		if len(p.InactiveBindings) > 0 {
			now := pick(t, p.InactiveBindings, "binding").HostID
			p.InactiveBindings = without(p.InactiveBindings, now)
			if p.HostID != "" {
				p.InactiveBindings = append(p.InactiveBindings, model.Binding{HostID: p.HostID})
			}
			p.HostID = now
			p.BindingGeneration++
			return []model.Change{h.put(&p)}
		}
	case kind == "edit port" && len(ports) > 0:
		return h.editPort(t, pick(t, ports, "port"))
	case kind == "edit network" && len(networks) > 0:
		n := *pick(t, networks, "network")
		switch rapid.IntRange(0, 2).Draw(t, "edit") {
		case 0:
			n.AdminStateUp = !n.AdminStateUp
		case 1:
			n.Name += "x"
		case 2:
			n.MTU = 2850 - n.MTU // 1450 or 1400
		}
		return []model.Change{h.put(&n)}
	case kind == "edit node" && len(nodes) > 0:
		return []model.Change{h.put(h.editNode(t, pick(t, nodes, "node")))}
	case kind == "edit subnet":
		if subnets := RowsOf[*model.Subnet](h); len(subnets) > 0 {
			s := *pick(t, subnets, "subnet")
			if rapid.Bool().Draw(t, "gateway_ip") {
				s.GatewayIP = at(&s, pick(t, []byte{1, 9}, "gateway_ip"))
			} else {
				s.EnableDHCP = !s.EnableDHCP
			}
			return []model.Change{h.put(&s)}
		}
	case kind == "delete port" && len(ports) > 0:
		return h.deletePort(pick(t, ports, "port"))
	case kind == "delete node" && len(nodes) > 0:
		return h.deleteNode(pick(t, nodes, "node"))
	case kind == "delete network" && len(networks) > 0:
		return h.deleteNetwork(pick(t, networks, "network"))
	}
	return nil
}

func (h *History) newNetwork(t *rapid.T) []model.Change {
	n := h.number()
	network := &model.Network{Number: n, ID: fmt.Sprint("net", n), AdminStateUp: true, MTU: 1450,
		NetworkType: pick(t, []string{model.NetworkVXLAN, model.NetworkVXLAN, model.NetworkVLAN, model.NetworkFlat}, "type"),
		Key:         model.NetworkKey(n), SegmentationID: uint32(n)}
	if network.NetworkType != model.NetworkVXLAN {
		network.PhysicalNetwork = pick(t, physicalNetworks, "physical network")
		network.External = rapid.Bool().Draw(t, "external")
	}
	if network.NetworkType == model.NetworkFlat {
		network.SegmentationID = 0
		for _, other := range RowsOf[*model.Network](h) {
			if other.NetworkType == model.NetworkFlat && other.PhysicalNetwork == network.PhysicalNetwork {
				return nil // the API refuses a second one
			}
		}
	}
	subnet := &model.Subnet{Number: h.number(), NetworkID: network.ID, IPVersion: 4, EnableDHCP: true,
		CIDR: netip.MustParsePrefix(pick(t, []string{"10.1.0.0/24", "10.2.0.0/24", "10.3.0.0/24", "10.4.0.0/24"}, "cidr"))}
	subnet.ID, subnet.GatewayIP = fmt.Sprint("sub", subnet.Number), at(subnet, 1)
	dhcp := &model.Port{Number: h.number(), NetworkID: network.ID, AdminStateUp: true, DeviceOwner: model.DeviceOwnerDHCP,
		MAC: model.MAC{2, 0, 0, 0, 1, 1}, FixedIPs: []model.FixedIP{{SubnetID: subnet.ID, IPAddress: at(subnet, 2)}}}
	dhcp.ID = fmt.Sprint("port", dhcp.Number)
	return []model.Change{h.put(network), h.put(subnet), h.put(dhcp)}
}

// at is an address in a subnet, by its last byte.
func at(s *model.Subnet, last byte) netip.Addr {
	a := s.CIDR.Addr().As4()
	a[3] = last
	return netip.AddrFrom4(a)
}

func (h *History) subnetOf(network string) *model.Subnet {
	for _, s := range RowsOf[*model.Subnet](h) {
		if s.NetworkID == network {
			return s
		}
	}
	return nil
}

func (h *History) newPort(t *rapid.T, n *model.Network) model.Change {
	number := h.number()
	p := &model.Port{Number: number, ID: fmt.Sprint("port", number), NetworkID: n.ID, AdminStateUp: true, PortSecurityEnabled: true,
		MAC: model.MAC{2, 0, 0, 0, 0, byte(number)}, SecurityGroups: h.someGroups(t)}
	if rapid.IntRange(0, 9).Draw(t, "addressless") > 0 {
		s := h.subnetOf(n.ID)
		p.FixedIPs = []model.FixedIP{{SubnetID: s.ID, IPAddress: at(s, byte(number%200+10))}}
	}
	return h.put(p)
}

func (h *History) editPort(t *rapid.T, old *model.Port) []model.Change {
	p := *old
	subnet := h.subnetOf(p.NetworkID)
	var changes []model.Change
	switch rapid.IntRange(0, 6).Draw(t, "edit") {
	case 6: // what only DHCP answers say
		p.DNSName = pick(t, []string{"", "web", "db"}, "dns_name")
		p.ExtraDHCPOpts = pick(t, [][]model.DHCPOption{nil, {{Name: "mtu", Value: "1400", IPVersion: 4}}}, "extra_dhcp_opts")
	case 0:
		p.AdminStateUp = !p.AdminStateUp
	case 1:
		p.PortSecurityEnabled = !p.PortSecurityEnabled
		p.SecurityGroups = nil
		if p.PortSecurityEnabled && p.DeviceOwner != model.DeviceOwnerDHCP {
			p.SecurityGroups = h.someGroups(t)
		}
	case 2:
		p.Name += "x"
	case 3: // few addresses and MACs, so that ports share them
		pair := model.AddressPair{MAC: pick(t, []model.MAC{p.MAC, {2, 0, 0, 0, 9, 9}}, "mac"),
			IP: pick(t, []netip.Prefix{netip.PrefixFrom(at(subnet, 250), 32), netip.PrefixFrom(at(subnet, 251), 32),
				netip.PrefixFrom(at(subnet, 1), 32), netip.PrefixFrom(at(subnet, 128), 25), netip.PrefixFrom(netip.IPv4Unspecified(), 0)}, "pair")}
		p.AllowedAddressPairs = append(slices.Clone(p.AllowedAddressPairs), pair)
		if len(p.AllowedAddressPairs) > 3 {
			p.AllowedAddressPairs = p.AllowedAddressPairs[1:]
		}
	case 4:
		p.AllowedAddressPairs = nil
	case 5:
		if p.DeviceOwner != model.DeviceOwnerDHCP {
			p.FixedIPs = []model.FixedIP{{SubnetID: subnet.ID, IPAddress: at(subnet, byte(rapid.IntRange(240, 250).Draw(t, "ip")))}}
			changes = h.disassociate(p.ID)
		}
	}
	if p.IsBareMetal() {
		p.SecurityGroups = nil
	}
	return append(changes, h.put(&p))
}

func (h *History) editNode(t *rapid.T, old *model.Node) *model.Node {
	n := *old
	switch rapid.IntRange(0, 3).Draw(t, "edit") {
	case 0:
		n.EncapIP = netip.AddrFrom4([4]byte{10, 0, 1, byte(h.number()%200 + 1)})
		if rapid.IntRange(0, 3).Draw(t, "detached") == 0 {
			n.EncapIP = netip.Addr{}
		}
	case 1:
		n.TunnelPort = 3 - n.TunnelPort // 1 or 2
	case 2:
		n.Mappings = nil
	case 3:
		n.Mappings = nil
		for i, physnet := range physicalNetworks {
			if rapid.Bool().Draw(t, physnet) {
				n.Mappings = append(n.Mappings, model.Mapping{PhysicalNetwork: physnet, Bridge: "br-" + physnet, PatchPort: uint32(3 + i)})
			}
		}
	}
	return &n
}

// plug gives the port a free ofport, sometimes one that lies in another piece of the flood groups.
func (h *History) plug(t *rapid.T, old *model.Node, p *model.Port) []model.Change {
	n := *old
	used := map[uint32]bool{}
	n.Interfaces = nil
	for _, i := range old.Interfaces {
		if i.PortID != p.ID {
			n.Interfaces = append(n.Interfaces, i)
			used[i.Ofport] = true
		}
	}
	ofport := uint32(rapid.SampledFrom([]int{10, 11, 12, 13, 255, 256, 257, 1023, 1024, 5000, 32767}).Draw(t, "ofport"))
	if used[ofport] {
		return nil
	}
	h.serial++
	n.Interfaces = append(n.Interfaces, model.Interface{Name: fmt.Sprint("tap", h.serial), PortID: p.ID, Ofport: ofport, Sequence: h.serial})
	return []model.Change{h.put(&n)}
}

// replug gives every interface the ofport of the next one, as when VMs come back in another order.
func (h *History) replug(old *model.Node) *model.Node {
	n := *old
	n.Interfaces = slices.Clone(old.Interfaces)
	for i := range n.Interfaces {
		n.Interfaces[i].Ofport = old.Interfaces[(i+1)%len(old.Interfaces)].Ofport
	}
	return &n
}

func (h *History) deleteNetwork(n *model.Network) []model.Change {
	var changes []model.Change
	for _, p := range RowsOf[*model.Port](h) {
		if p.NetworkID == n.ID && isRouters(p) {
			return nil // the API refuses it
		}
	}
	for _, p := range RowsOf[*model.Port](h) {
		if p.NetworkID == n.ID {
			changes = append(changes, h.deletePort(p)...)
		}
	}
	for _, s := range RowsOf[*model.Subnet](h) {
		if s.NetworkID == n.ID {
			changes = append(changes, h.drop(s.Ref()))
		}
	}
	return append(changes, h.drop(n.Ref()))
}

// deletePort deletes a port, and what names it.
func (h *History) deletePort(p *model.Port) []model.Change {
	changes := h.disassociate(p.ID)
	for _, holder := range RowsOf[*model.Holder](h) {
		if holder.PortID == p.ID {
			changes = append(changes, h.drop(holder.Ref()))
		}
	}
	return append(changes, h.drop(p.Ref()))
}

// Last keeps the last change of each object, as the journal's reader does: it reads each object once.
func Last(changes []model.Change) []model.Change {
	seen := map[model.Ref]bool{}
	var list []model.Change
	for _, c := range slices.Backward(changes) {
		if !seen[c.Ref] {
			seen[c.Ref] = true
			list = append(list, c)
		}
	}
	slices.Reverse(list)
	return list
}
