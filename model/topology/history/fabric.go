package history

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/model"
)

// nodes lists the nodes that are physical switches, or those that are not.
func (h *History) nodes(physical bool) []*model.Node {
	return slices.DeleteFunc(RowsOf[*model.Node](h), func(n *model.Node) bool { return (n.Switch != nil) != physical })
}

// switchPorts is how many ports a switch has.
const switchPorts = 5

// fabric draws one transaction that concerns physical switches.
func (h *History) fabrics(t *rapid.T) []model.Change {
	switches, nodes, links := h.nodes(true), h.nodes(false), RowsOf[*model.Link](h)
	kinds := []string{"switch", "switch", "link", "link", "link", "unlink", "port state", "port state", "uplinks", "uplinks", "bare metal", "bare metal", "bare metal",
		"rebind", "driver", "service", "service", "move service", "delete switch"}
	switch kind := pick(t, kinds, "fabric"); {
	case kind == "switch" && len(switches) < 4:
		return []model.Change{h.put(h.newSwitch(t))}
	case kind == "link" && len(switches) > 0:
		return h.link(t, switches, nodes)
	case kind == "unlink" && len(links) > 0:
		return []model.Change{h.drop(pick(t, links, "link").Ref())}
	case kind == "port state" && len(switches) > 0:
		return h.portState(t, pick(t, switches, "switch"))
	case kind == "uplinks" && len(switches) > 0:
		return h.edit(pick(t, switches, "switch"), func(s *model.Switch) {
			s.Uplinks = nil
			for i := range rapid.IntRange(0, 2).Draw(t, "uplinks") {
				s.Uplinks = append(s.Uplinks, model.Uplink{Port: fmt.Sprint(4 + i), Hostname: pick(t, hosts, "uplink")})
			}
		})
	case kind == "driver" && len(switches) > 0:
		return h.edit(pick(t, switches, "switch"), func(s *model.Switch) {
			s.Driver, s.Meters = pick(t, []string{"generic", "openvswitch"}, "driver"), uint32(rapid.IntRange(0, 1).Draw(t, "meters"))
		})
	case kind == "bare metal" && len(switches) > 0:
		return h.newBareMetal(t, pick(t, switches, "switch"))
	case kind == "rebind" && len(switches) > 0:
		if ports := h.bareMetal(); len(ports) > 0 {
			p := *pick(t, ports, "bare metal")
			h.hang(t, &p, pick(t, switches, "switch"))
			p.BindingGeneration++
			return []model.Change{h.put(&p)}
		}
	case kind == "service":
		return h.newService(t)
	case kind == "move service":
		if services := RowsOf[*model.Service](h); len(services) > 0 {
			s := *pick(t, services, "service")
			s.Node, s.Generation = h.someNode(t), s.Generation+1
			return []model.Change{h.put(&s)}
		}
	case kind == "delete switch" && len(switches) > 0:
		return h.deleteNode(pick(t, switches, "switch"))
	}
	return nil
}

// deleteNode deletes a node and its links.
func (h *History) deleteNode(n *model.Node) []model.Change {
	return append(h.unlink(func(l *model.Link) bool { return l.A.Node == n.Number || l.B.Node == n.Number }), h.drop(n.Ref()))
}

func (h *History) newSwitch(t *rapid.T) *model.Node {
	number := h.number()
	n := &model.Node{Number: number, SystemID: model.SwitchSystemID(uint64(number)), Hostname: fmt.Sprint("switch", number), DatapathID: uint64(number),
		Switch: &model.Switch{PhysicalNetwork: pick(t, physicalNetworks, "physical network"), Driver: "generic"}}
	for i := range switchPorts {
		n.Switch.Ports = append(n.Switch.Ports, model.SwitchPort{Number: uint32(i + 1), Name: fmt.Sprint("eth", i+1), Up: true})
	}
	return n
}

// edit changes what is known of a switch.
func (h *History) edit(old *model.Node, change func(*model.Switch)) []model.Change {
	n, s := *old, *old.Switch
	s.Ports = slices.Clone(s.Ports)
	change(&s)
	n.Switch = &s
	return []model.Change{h.put(&n)}
}

// portState takes a port down or up. One that goes down takes its links with it.
func (h *History) portState(t *rapid.T, n *model.Node) []model.Change {
	i := rapid.IntRange(0, switchPorts-1).Draw(t, "port")
	end := model.LinkEnd{Node: n.Number, Port: uint32(i + 1)}
	changes := h.unlink(func(l *model.Link) bool { return l.A == end || l.B == end })
	return append(changes, h.edit(n, func(s *model.Switch) { s.Ports[i].Up = !s.Ports[i].Up })...)
}

func (h *History) unlink(gone func(*model.Link) bool) []model.Change {
	var changes []model.Change
	for _, l := range RowsOf[*model.Link](h) {
		if gone(l) {
			changes = append(changes, h.drop(l.Ref()))
		}
	}
	return changes
}

// link joins ports 1 to 3 of two switches, or one of them and a node's patch port.
func (h *History) link(t *rapid.T, switches, nodes []*model.Node) []model.Change {
	a := model.LinkEnd{Node: pick(t, switches, "from").Number, Port: uint32(rapid.IntRange(1, 3).Draw(t, "port"))}
	b := model.LinkEnd{Node: pick(t, switches, "to").Number, Port: uint32(rapid.IntRange(1, 3).Draw(t, "port"))}
	if len(nodes) > 0 && rapid.IntRange(0, 3).Draw(t, "node") == 0 {
		b = model.LinkEnd{Node: pick(t, nodes, "node").Number, Port: 3}
	}
	if a.Node > b.Node || a.Node == b.Node && a.Port > b.Port {
		a, b = b, a
	}
	used := func(l *model.Link) bool { return l.A == a || l.B == a || l.A == b || l.B == b }
	if a == b || slices.ContainsFunc(RowsOf[*model.Link](h), used) {
		return nil
	}
	return []model.Change{h.put(&model.Link{Number: h.number(), A: a, B: b})}
}

func (h *History) bareMetal() []*model.Port {
	return slices.DeleteFunc(RowsOf[*model.Port](h), func(p *model.Port) bool { return !p.IsBareMetal() })
}

func (h *History) newBareMetal(t *rapid.T, s *model.Node) []model.Change {
	var networks []*model.Network
	for _, n := range RowsOf[*model.Network](h) {
		if n.NetworkType == model.NetworkVLAN {
			networks = append(networks, n)
		}
	}
	if len(networks) == 0 || len(h.bareMetal()) > 8 {
		return nil
	}
	c := h.newPort(t, pick(t, networks, "network"))
	p := *c.Object.(*model.Port)
	p.VNICType, p.SecurityGroups = model.VNICTypeBareMetal, nil
	h.hang(t, &p, s)
	return []model.Change{h.put(&p)}
}

// hang binds a bare-metal port to a port of a switch and a tag, as far as nobody else is there: sometimes in vain.
func (h *History) hang(t *rapid.T, p *model.Port, s *model.Node) {
	port := rapid.IntRange(1, switchPorts).Draw(t, "switch port")
	p.Profile = map[string]any{"local_link_information": []any{map[string]any{"switch_id": fmt.Sprintf("%016x", s.DatapathID), "port_id": fmt.Sprint("eth", port)}}}
	tag := rapid.IntRange(0, 2).Draw(t, "tag")
	if tag > 0 {
		p.Profile["tag"] = float64(tag)
	}
	p.VIFType = model.VIFTypeOther
	for _, other := range h.bareMetal() {
		link, _, _ := model.LocalLinkOf(other.Profile)
		if other.Number != p.Number && link.SwitchID == fmt.Sprintf("%016x", s.DatapathID) && link.PortID == fmt.Sprint("eth", port) && link.Tag == uint32(tag) {
			p.VIFType = model.VIFTypeBindingFailed
		}
	}
}

func (h *History) newService(t *rapid.T) []model.Change {
	for _, p := range RowsOf[*model.Port](h) {
		taken := slices.ContainsFunc(RowsOf[*model.Service](h), func(s *model.Service) bool { return s.Port == p.Number })
		if p.DeviceOwner == model.DeviceOwnerRouterInterface && !taken {
			return []model.Change{h.put(&model.Service{Number: h.number(), Port: p.Number, Node: h.someNode(t), Generation: 1})}
		}
	}
	return nil
}
