package fabric

import (
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
)

// eligible finds the ports that links may begin and end at: those of switches that are up, unless bare metal is bound there or they are declared
// to be uplinks; and nodes' patch ports to bridges on the switches' physical networks.
func eligible(v *topology.View) map[model.LinkEnd]*end {
	ends := map[model.LinkEnd]*end{}
	if len(v.Switches()) == 0 {
		return ends
	}
	hosts := hostPorts(v)
	v.Nodes(func(n *model.Node) {
		if n.Switch == nil {
			for _, m := range n.Mappings {
				if m.PatchPort != 0 && v.Fabric(m.PhysicalNetwork) != nil {
					ends[model.LinkEnd{Node: n.Number, Port: m.PatchPort}] = &end{physicalNetwork: m.PhysicalNetwork, datapathID: n.DatapathID}
				}
			}
			return
		}
		for i := range n.Switch.Ports {
			port := &n.Switch.Ports[i]
			at := model.LinkEnd{Node: n.Number, Port: port.Number}
			if port.Up && !hosts[at] && !n.Switch.IsUplink(port) {
				ends[at] = &end{physicalNetwork: n.Switch.PhysicalNetwork, isSwitch: true, datapathID: n.DatapathID}
			}
		}
	})
	return ends
}

// hostPorts are the ports at which bare metal is bound, whether the bound ports are up or not.
func hostPorts(v *topology.View) map[model.LinkEnd]bool {
	cabling := model.Cabling{Switches: v.Switches()}
	hosts := map[model.LinkEnd]bool{}
	v.BareMetal(func(p *model.Port) {
		if at, attached := v.Location(p.Number); attached {
			hosts[model.LinkEnd{Node: at.Node, Port: at.Ofport}] = true
			return
		}
		link, given, err := model.LocalLinkOf(p.Profile)
		if p.VIFType != model.VIFTypeOther || !given || err != nil {
			return
		}
		if n := cabling.Find(link.SwitchID); n != nil {
			if port := n.Switch.Port(link.PortID); port != nil {
				hosts[model.LinkEnd{Node: n.Number, Port: port.Number}] = true
			}
		}
	})
	return hosts
}
