package explain

import (
	"fmt"
	"slices"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// switchPort names what a physical switch has at one of its ports: another switch, a node, the world outside, or hosts.
func (x *Explainer) switchPort(node *model.Node, number uint32) string {
	name := fmt.Sprintf("port %d", number)
	if p := node.Switch.PortByNumber(number); p != nil && p.Name != "" {
		name += " (" + p.Name + ")"
	}
	end := model.LinkEnd{Node: node.Number, Port: number}
	f := x.view.Fabric(node.Switch.PhysicalNetwork)
	for _, l := range f.Links {
		for _, ends := range [][2]model.LinkEnd{{l.A, l.B}, {l.B, l.A}} {
			if other := x.view.Node(ends[1].Node); ends[0] == end && other != nil {
				return fmt.Sprintf("%s, the link to switch %s", name, other.Hostname)
			}
		}
	}
	var behind []string
	x.view.Nodes(func(n *model.Node) {
		if u, ok := f.UplinkOf(n.Number); ok && u.Switch == end.Node && u.Port == end.Port {
			behind = append(behind, "the uplink to node "+n.Hostname)
		}
	})
	if slices.Contains(f.Outside(), topology.Uplink{Switch: end.Node, Port: end.Port}) {
		behind = append(behind, "the uplink to the world outside")
	}
	x.view.Networks(func(n *model.Network) {
		x.view.AttachedOn(n.Number, node.Number, func(a topology.Attachment) {
			if a.Ofport == number {
				behind = append(behind, "where "+x.portName(x.view.Port(a.Port))+" hangs")
			}
		})
	})
	if len(behind) == 0 {
		return name + ", where nothing is known to be"
	}
	return name + ", " + and(behind)
}

// tagged is the network of the VLAN id that an entry of a physical switch matches; nil: none.
func (w *words) tagged() (found *model.Network) {
	if w.node == nil || w.node.Switch == nil {
		return nil
	}
	for _, m := range w.entry.Match {
		if m.Field != flow.VLANVID || m.Mask != m.Field.AllOnes() {
			continue
		}
		w.view.Networks(func(n *model.Network) {
			if n.NetworkType == model.NetworkVLAN && n.PhysicalNetwork == w.node.Switch.PhysicalNetwork && uint64(n.SegmentationID)|0x1000 == m.Value {
				found = n
			}
		})
	}
	return found
}
