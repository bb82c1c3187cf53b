package store

import (
	"fmt"

	"github.com/planck-sdn/planck/model"
)

func (c *checker) checkSwitch(what string, node *model.Node, text string) {
	var err error
	if node.DatapathID, err = model.ParseSwitchSystemID(node.SystemID); err != nil {
		c.report("%s: it is a physical switch: %v", what, err)
	}
	node.Switch = &model.Switch{}
	c.parse(what, "switch", text, node.Switch)
	if err := node.ValidateDeclaration(); err != nil {
		c.report("%s: %v", what, err)
	}
	for i, p := range node.Switch.Ports {
		if p.Number < 1 || p.Number > lastSwitchPort || i > 0 && p.Number <= node.Switch.Ports[i-1].Number {
			c.report("%s: its port number %d is out of place", what, p.Number)
		}
	}
	c.cabling.Switches = append(c.cabling.Switches, node)
}

func (c *checker) readLinks() (err error) {
	c.cabling.Links, err = collect(c.db.Model(&linkRow{}).Order("number"), linkFields, new(linkRow))
	nodes := map[model.Number]*model.Node{}
	for _, n := range c.nodes {
		nodes[n.Number] = n
	}
	for _, l := range c.cabling.Links {
		if reason := model.LinkRefusal(l.A, l.B, nodes[l.A.Node], nodes[l.B.Node]); reason != "" {
			c.report("link number %d: %s", l.Number, reason)
		}
	}
	return err
}

func (c *checker) readPlacements() error {
	var rows []placementRow
	err := c.db.Find(&rows).Error
	c.placements, c.placed = make(map[model.Number]model.Placement, len(rows)), make(map[model.Placement]model.Number, len(rows))
	for _, r := range rows {
		c.placements[r.PortNumber] = r.at()
		if other, taken := c.placed[r.at()]; taken {
			c.report("ports number %d and %d are bound at the same port of a physical switch", other, r.PortNumber)
		}
		c.placed[r.at()] = r.PortNumber
	}
	return err
}

// checkBareMetal computes where a port of bare metal belongs, as bindBareMetal and rebindBareMetal do.
func (c *checker) checkBareMetal(what string, p *model.Port, network *model.Network) {
	has, placed := c.placements[p.Number]
	delete(c.placements, p.Number)
	want, wantAt, reason := c.bareMetalBinding(p, network)
	if p.VIFType != want || placed != (want == model.VIFTypeOther) || has != wantAt {
		c.report("%s: its binding is %s at %s, and should be %s at %s%s", what, p.VIFType, placeText(has), want, placeText(wantAt), because(reason))
	}
}

func (c *checker) bareMetalBinding(p *model.Port, network *model.Network) (vifType string, at model.Placement, reason string) {
	link, given, err := model.LocalLinkOf(p.Profile)
	switch {
	case err != nil:
		return model.VIFTypeBindingFailed, at, err.Error()
	case !given && p.HostID == "":
		return model.VIFTypeUnbound, at, ""
	case !given:
		return model.VIFTypeBindingFailed, at, "it has a host and no local_link_information"
	}
	found, node, reason := c.cabling.Place(link, network)
	if reason == "" && p.PortSecurityEnabled && !node.Switch.GuardsAddresses() {
		reason = cannotGuard(node)
	}
	if other := c.placed[found]; reason == "" && other != 0 && other != p.Number {
		reason = fmt.Sprintf("port number %d is bound there", other)
	}
	if reason != "" {
		return model.VIFTypeBindingFailed, at, reason
	}
	return model.VIFTypeOther, found, ""
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

func placeText(at model.Placement) string {
	if at == (model.Placement{}) {
		return "no switch"
	}
	return fmt.Sprintf("port %d of switch number %d with tag %d", at.Port, at.Node, at.Tag)
}

func (c *checker) checkServices() error {
	var rows []struct {
		Number, PortNumber, NodeNumber model.Number
		Generation                     int64
		DeviceOwner                    string
		NodeKnown                      bool
	}
	err := c.db.Raw("SELECT services.*, COALESCE(ports.device_owner, '') AS device_owner, EXISTS (SELECT 1 FROM nodes WHERE nodes.number = node_number) AS node_known " +
		"FROM services LEFT JOIN ports ON ports.number = port_number ORDER BY services.number").Scan(&rows).Error
	for _, r := range rows {
		what := fmt.Sprintf("service number %d", r.Number)
		if r.DeviceOwner != model.DeviceOwnerRouterInterface {
			c.report("%s: port number %d is no router's interface", what, r.PortNumber)
		}
		if r.NodeNumber != 0 && !r.NodeKnown {
			c.report("%s: it is done by node number %d, which is not there", what, r.NodeNumber)
		}
		if r.Generation < 1 {
			c.report("%s: its generation is %d", what, r.Generation)
		}
	}
	return err
}
