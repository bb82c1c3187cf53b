package inspect

import (
	"fmt"
	"slices"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// bareMetalBinding also finds the switch that the port should be at.
func (x *examination) bareMetalBinding() (string, string) {
	link, given, err := model.LocalLinkOf(x.port.Profile)
	switch {
	case err != nil:
		return wrong, fmt.Sprintf("Its binding:profile cannot be read: %v", err)
	case !given:
		return wrong, "It hangs on no switch: its binding:profile has no local_link_information"
	}
	cabling := model.Cabling{Switches: x.view.Switches()}
	x.node = cabling.Find(link.SwitchID)
	if x.port.VIFType != model.VIFTypeOther {
		return wrong, fmt.Sprintf("Its binding failed: %s", x.port.StatusReason)
	}
	tag := "without a tag"
	if link.Tag != 0 {
		tag = fmt.Sprintf("with tag %d", link.Tag)
	}
	return fine, fmt.Sprintf("bound to port %s of switch %s, %s", link.PortID, x.switchName(link.SwitchID), tag)
}

func (x *examination) switchName(otherwise string) string {
	if x.node == nil {
		return otherwise
	}
	return x.node.Hostname
}

// physicalUp looks at the switch's session.
func (x *examination) physicalUp() (string, string) {
	if x.node == nil || x.node.Switch == nil {
		return unknown, "it is not known which switch should have it"
	}
	name := x.node.Hostname
	session, ok := x.Registry.Physical(x.node.Number)
	s := x.Registry.Switch(x.node.Number)
	switch {
	case ok && session.Problem != "":
		return wrong, fmt.Sprintf("Switch %s: %s", name, session.Problem)
	case !ok || s == nil || s.Connection() == nil:
		return wrong, fmt.Sprintf("Switch %s has no OpenFlow session: it is down, cut off, or its controller is not set to planckd's port 6653", name)
	}
	x.s = s
	sum, err := s.Summary(x.ctx)
	switch {
	case err != nil:
		return unknown, fmt.Sprintf("switch %s is connected, but busy: %v", name, err)
	case sum.State == reconcile.Ready:
		return fine, fmt.Sprintf("switch %s is connected and in step, by driver %s", name, x.node.Switch.Driver)
	case sum.Problem != "":
		return wrong, fmt.Sprintf("Switch %s is %s: %s", name, sum.State, sum.Problem)
	}
	return wrong, fmt.Sprintf("Switch %s is %s", name, sum.State)
}

// cabled looks at the switch's port.
func (x *examination) cabled() (string, string) {
	x.at, x.placed = x.view.Location(x.port.Number)
	if !x.placed || x.node == nil || x.node.Switch == nil {
		return wrong, "It is at no port of a switch"
	}
	port := x.node.Switch.PortByNumber(x.at.Ofport)
	switch {
	case port == nil:
		return wrong, fmt.Sprintf("Switch %s has no port %d any more", x.node.Hostname, x.at.Ofport)
	case !port.Up:
		return wrong, fmt.Sprintf("Port %s of switch %s is down: the server is off, or its cable is pulled", port.Name, x.node.Hostname)
	}
	return fine, fmt.Sprintf("port %s (%d) of switch %s is up", port.Name, port.Number, x.node.Hostname)
}

// fabric looks for members of the network that the switch has no way to.
func (x *examination) fabric() (string, string) {
	f := x.view.FabricOf(x.network)
	if f == nil || x.node == nil {
		return unknown, "it is not known which fabric should have it"
	}
	var away []string
	for _, p := range x.view.PointsOf(x.network.Number) {
		if p.Switch != x.node.Number && f.Next(x.node.Number, p.Switch) == 0 && !slices.Contains(away, hostname(x.view, p.Switch)) {
			away = append(away, hostname(x.view, p.Switch))
		}
	}
	if len(away) > 0 {
		return wrong, fmt.Sprintf("In fabric %s there is no way from switch %s to %s, where the network has members (planckctl switch links)",
			f.PhysicalNetwork, x.node.Hostname, list(away, ""))
	}
	return fine, fmt.Sprintf("VLAN %d of fabric %s, with a way to every switch that has a member of the network", x.network.SegmentationID, f.PhysicalNetwork)
}

// asksByARP counts what came up: a switch lets no ARP of a host pass but by the controller.
func (x *examination) asksByARP() (string, string) {
	n := x.count(func(f flow.Encoded) bool { return f.Table() == pipeline.SwitchAnswer.ID })
	var seen reconcile.Observation
	if x.s != nil {
		seen = x.s.Observed(x.port.Number, "arp")
	}
	switch {
	case seen.Text != "":
		return fine, "last at " + observed(seen)
	case n == 0:
		return unknown, "it has sent no ARP: it has looked for nobody yet"
	}
	return fine, fmt.Sprintf("it has sent %d ARP packets", n)
}

// served looks for the node that routes for the network's bare metal by a router's interface; empty: it is well.
func (x *examination) served(router *model.Router) string {
	for _, p := range x.view.InterfacesOf(router.Number) {
		if p.NetworkID != x.network.ID {
			continue
		}
		switch node := x.view.Node(x.view.ServiceNode(p.Number)); {
		case node == nil:
			return fmt.Sprintf("No node routes for it by router %s: none that is up hangs on fabric %s", called(router.ID, router.Name), x.network.PhysicalNetwork)
		case !x.Alive(node.Number):
			return fmt.Sprintf("Node %s, which routes for it by router %s, is not connected", node.Hostname, called(router.ID, router.Name))
		}
	}
	return ""
}
