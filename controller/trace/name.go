package trace

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/apps/routing"
	"github.com/planck-sdn/planck/model"
)

// nameOf is what people call a port.
func nameOf(p *model.Port) string { return either(p.Name, p.ID) }

func nameOfNetwork(n *model.Network) string { return either(n.Name, n.ID) }

func either(name, id string) string {
	if name == "" {
		return id
	}
	return name
}

// String says in words where a packet came out.
func (p Place) String() string {
	switch {
	case p.Port != nil && p.Port.Name != "":
		return fmt.Sprintf("%s (port %s) on %s", p.Port.Name, p.Port.ID, p.Node.Hostname)
	case p.Port != nil:
		return fmt.Sprintf("port %s on %s", p.Port.ID, p.Node.Hostname)
	case p.Mapping.Bridge == "":
		return fmt.Sprintf("interface %d of %s, which is no port's", p.Ofport, p.Node.Hostname)
	}
	if id := pipeline.VLANOf(p.Frame); id != 0 {
		return fmt.Sprintf("%s of %s, VLAN %d", p.Mapping.Bridge, p.Node.Hostname, id)
	}
	return fmt.Sprintf("%s of %s, untagged", p.Mapping.Bridge, p.Node.Hostname)
}

// networkWith is the network with a key, or nil.
func (t *tracer) networkWith(key model.NetworkKey) (found *model.Network) {
	t.View.Networks(func(n *model.Network) {
		if n.Key == key {
			found = n
		}
	})
	return found
}

// networkOn is the network of a VLAN of a physical network, or nil. VLAN 0 is the flat one.
func (t *tracer) networkOn(physnet string, id uint32) (found *model.Network) {
	t.View.Networks(func(n *model.Network) {
		if n.PhysicalNetwork == physnet && n.SegmentationID == id && n.NetworkType != model.NetworkVXLAN {
			found = n
		}
	})
	return found
}

// routerWith is the router with a key, or nil.
func (t *tracer) routerWith(key model.NetworkKey) (found *model.Router) {
	t.View.Routers(func(r *model.Router) {
		if r.Key == key {
			found = r
		}
	})
	return found
}

// keyed says whose a key is.
func (t *tracer) keyed(key model.NetworkKey) string {
	if n := t.networkWith(key); n != nil {
		return "network " + nameOfNetwork(n)
	}
	if r := t.routerWith(key); r != nil {
		return "router " + either(r.Name, r.ID)
	}
	return "which is no network's and no router's"
}

// routerAt is the router that has an address, or nil; the sender's own come first.
func (t *tracer) routerAt(a netip.Addr) (found *model.Router) {
	has := func(r *model.Router) bool {
		for _, i := range routing.Interfaces(t.View, r) {
			if i.Address == a {
				return true
			}
		}
		if g := routing.GatewayOf(t.View, r); g != nil {
			for _, own := range g.Addresses {
				if own == a {
					return true
				}
			}
		}
		return false
	}
	t.View.Routers(func(r *model.Router) {
		if has(r) {
			found = r
		}
	})
	for _, number := range t.View.RoutersOn(t.network.Number) {
		if r := t.View.Router(number); has(r) {
			found = r
		}
	}
	return found
}

// groupsOf names the security groups of a port: "group web", "groups web and db".
func (t *tracer) groupsOf(p *model.Port) string {
	var names []string
	for _, g := range t.View.SecurityGroupsOf(p) {
		names = append(names, either(g.Name, g.ID))
	}
	switch len(names) {
	case 0:
		return ""
	case 1:
		return "group " + names[0]
	}
	return "groups " + strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// addr is an IPv4 address from its number.
func addr(v uint64) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
}
