package explain

import (
	"fmt"
	"net/netip"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
)

// index finds objects by what stands in entries.
type index struct {
	networks  map[model.NetworkKey]*model.Network
	routers   map[model.NetworkKey]*model.Router
	zones     map[uint16]*model.Router // by the conntrack zone on the gateway node
	macs      map[macKey][]*model.Port
	addresses map[addressKey][]*model.Port
	encap     map[netip.Addr]*model.Node
}

type macKey struct {
	network string
	mac     model.MAC
}

type addressKey struct {
	network string
	address netip.Addr
}

func indexOf(v *topology.View) index {
	x := index{networks: map[model.NetworkKey]*model.Network{}, routers: map[model.NetworkKey]*model.Router{}, zones: map[uint16]*model.Router{},
		macs: map[macKey][]*model.Port{}, addresses: map[addressKey][]*model.Port{}, encap: map[netip.Addr]*model.Node{}}
	v.Networks(func(n *model.Network) { x.networks[n.Key] = n })
	v.Routers(func(r *model.Router) {
		x.routers[r.Key] = r
		if r.Gateway != nil {
			x.zones[r.Gateway.Zone] = r
		}
	})
	v.Nodes(func(n *model.Node) {
		if n.EncapIP.IsValid() {
			x.encap[n.EncapIP] = n
		}
	})
	v.Ports(func(p *model.Port) {
		seen := map[model.MAC]bool{}
		add := func(mac model.MAC) {
			if !seen[mac] {
				seen[mac] = true
				k := macKey{p.NetworkID, mac}
				x.macs[k] = append(x.macs[k], p)
			}
		}
		add(p.MAC)
		for _, pair := range p.AllowedAddressPairs {
			add(pair.MAC)
		}
		for _, prefix := range p.SourcePrefixes() {
			if prefix.IsSingleIP() {
				k := addressKey{p.NetworkID, prefix.Addr()}
				x.addresses[k] = append(x.addresses[k], p)
			}
		}
	})
	return x
}

// allKeys is the mask of a network's key.
const allKeys model.NetworkKey = 0xffffff

// networkName is "network red (VXLAN key 5001)".
func networkName(n *model.Network) string {
	switch n.NetworkType {
	case model.NetworkVXLAN:
		return fmt.Sprintf("%s (VXLAN key %d)", shortNetwork(n), n.SegmentationID)
	case model.NetworkVLAN:
		return fmt.Sprintf("%s (VLAN %d of physical network %s)", shortNetwork(n), n.SegmentationID, n.PhysicalNetwork)
	default:
		return fmt.Sprintf("%s (untagged on physical network %s)", shortNetwork(n), n.PhysicalNetwork)
	}
}

func shortNetwork(n *model.Network) string { return "network " + orID(n.Name, n.ID) }
func routerName(r *model.Router) string    { return "router " + orID(r.Name, r.ID) }

func orID(name, id string) string {
	if name == "" {
		return id
	}
	return name
}

// networkKey names the network or the router that has a key.
func (x *Explainer) networkKey(key model.NetworkKey) string {
	if n := x.index.networks[key]; n != nil {
		return networkName(n)
	}
	if r := x.index.routers[key]; r != nil {
		return routerName(r)
	}
	return fmt.Sprintf("a network that does not exist (key %d)", key)
}

func (x *Explainer) routerKey(key model.NetworkKey) string {
	if r := x.index.routers[key]; r != nil {
		return routerName(r)
	}
	return fmt.Sprintf("a router that does not exist (key %d)", key)
}

// portName says what a port is: most have a name, and those that networks and routers own a purpose.
func (x *Explainer) portName(p *model.Port) string {
	switch p.DeviceOwner {
	case model.DeviceOwnerDHCP:
		if n := x.view.NetworkByID(p.NetworkID); n != nil {
			return "the DHCP port of " + shortNetwork(n)
		}
	case model.DeviceOwnerRouterInterface, model.DeviceOwnerRouterGateway:
		if r := x.view.RouterByID(p.DeviceID); r != nil {
			if n := x.view.NetworkByID(p.NetworkID); n != nil {
				return routerName(r) + " in " + shortNetwork(n)
			}
		}
	case model.DeviceOwnerFloatingIP:
		for _, f := range p.FixedIPs {
			return "floating IP " + f.IPAddress.String()
		}
	}
	return "port " + orID(p.Name, p.ID)
}

func (x *Explainer) portNames(ports []*model.Port) string {
	names := make([]string, len(ports))
	for i, p := range ports {
		names[i] = x.portName(p)
	}
	return and(names)
}

// ofport names what a node has at one of its ports.
func (x *Explainer) ofport(node *model.Node, ofport uint32) string {
	if node != nil && node.Switch != nil {
		return x.switchPort(node, ofport)
	}
	if node != nil {
		if ofport == node.TunnelPort && ofport != 0 {
			return fmt.Sprintf("the tunnel port (ofport %d)", ofport)
		}
		for _, m := range node.Mappings {
			if m.PatchPort == ofport {
				return fmt.Sprintf("bridge %s of physical network %s (ofport %d)", m.Bridge, m.PhysicalNetwork, ofport)
			}
		}
		for _, i := range node.Interfaces {
			if i.Ofport == ofport {
				return fmt.Sprintf("%s (interface %s, ofport %d)", x.pluggedName(i), i.Name, ofport)
			}
		}
	}
	return fmt.Sprintf("ofport %d, where nothing is known to be", ofport)
}

func (x *Explainer) pluggedName(i model.Interface) string {
	if p := x.view.PortByID(i.PortID); p != nil {
		return x.portName(p)
	}
	return "port " + i.PortID + ", which does not exist"
}

// portKey names the port that has a key on the node, which is its ofport.
func (w *words) portKey(key uint32) string {
	if w.node != nil {
		for _, i := range w.node.Interfaces {
			if i.Ofport == key {
				return fmt.Sprintf("%s (ofport %d)", w.pluggedName(i), key)
			}
		}
	}
	return fmt.Sprintf("ofport %d, where nothing is known to be", key)
}

// around lists the networks in which an address of the entry may be: the one that packets are in, or those of the router that they are in.
func (w *words) around() []*model.Network {
	var list []*model.Network
	add := func(id string) {
		if n := w.view.NetworkByID(id); n != nil {
			list = append(list, n)
		}
	}
	if w.network != nil {
		list = append(list, w.network)
	}
	if r := w.router; r != nil {
		for _, p := range w.view.InterfacesOf(r.Number) {
			add(p.NetworkID)
		}
		if r.Gateway != nil {
			add(r.Gateway.NetworkID)
		}
	}
	if len(list) == 0 && w.entry.Cookie.IsPlanck() && model.Kind(w.entry.Cookie.Kind()) == model.KindPort {
		if p := w.view.Port(model.Number(w.entry.Cookie.Number())); p != nil {
			add(p.NetworkID)
		}
	}
	return list
}

// mac is a MAC address, and whose it is.
func (w *words) mac(v uint64) string {
	mac := macOf(v)
	for _, n := range w.around() {
		if ports := w.index.macs[macKey{n.ID, mac}]; len(ports) > 0 {
			return fmt.Sprintf("%s (%s)", mac, w.portNames(ports))
		}
	}
	return mac.String()
}

func macOf(v uint64) model.MAC {
	return model.MAC{byte(v >> 40), byte(v >> 32), byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
}

// address is an IPv4 address, and whose it is.
func (w *words) address(v uint64) string {
	a := addrOf(v)
	if a == broadcast {
		return a.String() + " (broadcast)"
	}
	for _, n := range w.around() {
		if ports := w.index.addresses[addressKey{n.ID, a}]; len(ports) > 0 {
			return fmt.Sprintf("%s (%s)", a, w.portNames(ports))
		}
	}
	if r := w.router; r != nil && r.Gateway != nil {
		if w.view.NeighbourAt(r.Number, a) != nil {
			return fmt.Sprintf("%s (a host outside that %s has found)", a, routerName(r))
		}
	}
	return a.String()
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

func addrOf(v uint64) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
}

// endpoint is a tunnel endpoint's address, and whose it is.
func (x *Explainer) endpoint(v uint64) string {
	a := addrOf(v)
	if n := x.index.encap[a]; n != nil {
		return fmt.Sprintf("%s (%s)", n.Hostname, a)
	}
	return fmt.Sprintf("%s, which is no node's address", a)
}

// groupName names a security group by its number.
func (x *Explainer) groupName(number uint64) string {
	if g := x.view.SecurityGroup(model.Number(number)); g != nil {
		return orID(g.Name, g.ID)
	}
	return fmt.Sprintf("number %d, which does not exist", number)
}

// into is where an entry goes on, and what for.
func (w *words) into(table uint8) string {
	if t := pipeline.TableOf(w.node, table); t != nil {
		purpose := t.Purpose[:len(t.Purpose)-1] // the final stop
		return fmt.Sprintf("table %s (%s)", t.Name, lowerFirst(purpose))
	}
	return tableName(w.node, table)
}
