package store

import (
	"fmt"
	"slices"

	"gorm.io/gorm"

	"github.com/planck-sdn/planck/model"
)

// Where bare metal is bound depends on switches, links and the other ports, and on switches that are not declared yet: whoever binds bare
// metal, or changes one of these, holds one lock for all. It is taken before a switch's row and after a port's. Two that are in each other's
// way nevertheless, for a port that is changed while its switch changes what it has, are found by the database, and one tries again.
const bareMetalLock = "SELECT pg_advisory_xact_lock(?, 0)"

const bareMetalLockClass = 0x706c // hostLockClass + 1

func (t *tx) lockBareMetal() error {
	if t.store.dialect.name != postgresName {
		return nil
	}
	return t.Exec(bareMetalLock, bareMetalLockClass).Error
}

// cablingFor reads what is known of the switch that a switch_id means, or of all switches if it is not a datapath id of one.
func (t *tx) cablingFor(switchID string) (*model.Cabling, error) {
	id, isID := model.ParseDatapathID(switchID)
	key := model.SwitchSystemID(id)
	if c, read := t.cabling[key]; isID && read {
		return c, nil
	}
	if t.cabling == nil {
		t.cabling = map[string]*model.Cabling{}
	}
	if isID {
		row, found, err := takeNode(t.DB, key)
		if err != nil {
			return nil, err
		}
		if found {
			t.cabling[key], err = t.cablingOf([]nodeRow{*row}, t.Where("node_a = ? OR node_b = ?", row.Number, row.Number))
			return t.cabling[key], err
		}
	}
	if c, read := t.cabling[allSwitches]; read {
		return c, nil
	}
	var rows []nodeRow
	err := t.Where("switch IS NOT NULL").Order("number").Find(&rows).Error
	if err == nil {
		t.cabling[allSwitches], err = t.cablingOf(rows, t.DB)
	}
	return t.cabling[allSwitches], err
}

// allSwitches is no system-id.
const allSwitches = ""

func (t *tx) cablingOf(rows []nodeRow, links *gorm.DB) (*model.Cabling, error) {
	c := &model.Cabling{}
	var err error
	if c.Switches, err = convert(rows, (*nodeRow).model); err != nil {
		return nil, err
	}
	c.Links, err = collect(links.Model(&linkRow{}).Order("number"), linkFields, new(linkRow))
	return c, err
}

// bindBareMetal computes the binding of a port of bare metal, and remembers where that is for moveBareMetal. A port with port security at a
// switch that cannot enforce it is refused.
func (t *tx) bindBareMetal(p *model.Port, network *model.Network) error {
	p.VIFType, p.DatapathType, p.StatusReason = model.VIFTypeUnbound, "", ""
	delete(t.placements, p.ID)
	link, given, err := model.LocalLinkOf(p.Profile)
	if err != nil || !given && p.HostID == "" {
		return err
	}
	if err := t.lockBareMetal(); err != nil {
		return err
	}
	at, node, reason, err := t.placeBareMetal(link, given, network)
	if err != nil {
		return err
	}
	if reason == "" {
		if reason, err = t.placeTaken(at, p); err != nil {
			return err
		}
	}
	if reason != "" {
		p.VIFType, p.StatusReason = model.VIFTypeBindingFailed, reason
		return nil
	}
	if p.PortSecurityEnabled && !node.Switch.GuardsAddresses() {
		return conflict("PortSecurityNotAvailable", "Port security is not available at port %s of the physical switch: %s.", link.PortID, cannotGuard(node))
	}
	p.VIFType = model.VIFTypeOther
	if t.placements == nil {
		t.placements = map[string]model.Placement{}
	}
	t.placements[p.ID] = at
	return nil
}

func cannotGuard(node *model.Node) string {
	return fmt.Sprintf("switch %s cannot match IPv4 source addresses in its table for that", node.Hostname)
}

func (t *tx) placeBareMetal(link model.LocalLink, given bool, network *model.Network) (at model.Placement, node *model.Node, reason string, err error) {
	if !given {
		return at, nil, "binding:profile has no local_link_information, which says where it hangs", nil
	}
	cabling, err := t.cablingFor(link.SwitchID)
	if err == nil {
		at, node, reason = cabling.Place(link, network)
	}
	return at, node, reason, err
}

// placeTaken tells in words which other port is bound there, one of this transaction's that are no rows yet included.
func (t *tx) placeTaken(at model.Placement, p *model.Port) (reason string, err error) {
	var other string
	err = t.Raw("SELECT ports.id FROM placements JOIN ports ON ports.number = placements.port_number WHERE node_number = ? AND switch_port = ? AND tag = ? AND ports.id <> ?",
		at.Node, at.Port, at.Tag, p.ID).Scan(&other).Error
	for id, taken := range t.placements {
		if taken == at && id != p.ID {
			other = id
		}
	}
	if err != nil || other == "" {
		return "", err
	}
	return takenBy(other, at.Tag), nil
}

func takenBy(port string, tag uint32) string {
	if tag == 0 {
		return fmt.Sprintf("port %s is bound there already, without a tag", port)
	}
	return fmt.Sprintf("port %s is bound there already, with tag %d", port, tag)
}

// moveBareMetal makes a port's row in placements what bindBareMetal has found, and tells whether that is another place, or one at last, or
// none any more.
func (t *tx) moveBareMetal(p *model.Port) (moved bool, err error) {
	var before placementRow
	had, err := first(t.Where("port_number = ?", p.Number), &before)
	if err != nil {
		return false, err
	}
	at, has := t.placements[p.ID]
	if had == has && (!has || before.at() == at) {
		return false, nil
	}
	if had {
		t.vacated = true
		if err := t.Exec("DELETE FROM placements WHERE port_number = ?", p.Number).Error; err != nil {
			return false, err
		}
	}
	if has {
		err = t.Create(placementOf(p.Number, at)).Error
	}
	return true, err
}

// placeNew writes the placements of ports that were made by this transaction.
func (t *tx) placeNew(drafts []*portDraft) error {
	for _, d := range drafts {
		if at, placed := t.placements[d.ID]; placed {
			if err := t.Create(placementOf(d.Number, at)).Error; err != nil {
				return err
			}
		}
	}
	return nil
}

type placementRow struct {
	PortNumber model.Number `gorm:"primaryKey;autoIncrement:false"`
	NodeNumber model.Number
	SwitchPort uint32
	Tag        uint32
}

func (placementRow) TableName() string { return "placements" }

func (r *placementRow) at() model.Placement {
	return model.Placement{LinkEnd: model.LinkEnd{Node: r.NodeNumber, Port: r.SwitchPort}, Tag: r.Tag}
}

func placementOf(port model.Number, at model.Placement) *placementRow {
	return &placementRow{PortNumber: port, NodeNumber: at.Node, SwitchPort: at.Port, Tag: at.Tag}
}

// candidate is a port of bare metal whose binding is computed anew.
type candidate struct {
	Number              model.Number
	ID, HostID          string
	NetworkID           string
	NetworkType         string
	PhysicalNetwork     string
	PortSecurityEnabled bool
	Profile             map[string]any `gorm:"serializer:json"`
	VIFType             string         `gorm:"column:vif_type"`
	StatusReason        string
	NodeNumber          model.Number // 0: it is bound nowhere
	SwitchPort          uint32
	Tag                 uint32

	at     model.Placement // where it is to be bound
	reason string          // why it cannot be; at is zero then
}

func (c *candidate) vifType() string {
	if c.reason != "" {
		return model.VIFTypeBindingFailed
	}
	return model.VIFTypeOther
}

func (c *candidate) before() model.Placement {
	return model.Placement{LinkEnd: model.LinkEnd{Node: c.NodeNumber, Port: c.SwitchPort}, Tag: c.Tag}
}

// portsPlacedAt lists the ports that are bound at a switch.
func (t *tx) portsPlacedAt(node model.Number) (ports []model.Number, err error) {
	err = t.Raw("SELECT port_number FROM placements WHERE node_number = ? ORDER BY port_number", node).Scan(&ports).Error
	return ports, err
}

// rebindBareMetal computes anew the bindings of ports whose switch has changed, and of those that are bound nowhere, for which there may be a
// place now.
func (t *tx) rebindBareMetal(ports []model.Number) error {
	if err := t.lockBareMetal(); err != nil {
		return err
	}
	t.vacated, t.cabling = false, nil
	var list []*candidate
	err := t.Table("ports").Select("ports.*, networks.network_type, networks.physical_network, COALESCE(node_number, 0) AS node_number, "+
		"COALESCE(switch_port, 0) AS switch_port, COALESCE(tag, 0) AS tag").
		Joins("JOIN networks ON networks.id = ports.network_id LEFT JOIN placements ON placements.port_number = ports.number").
		Where("ports.vnic_type = 'baremetal' AND ports.vif_type = 'binding_failed' OR ports.number IN ?", ports).
		Order("CASE ports.vif_type WHEN 'binding_failed' THEN 1 ELSE 0 END, ports.number").Find(&list).Error
	if err != nil || len(list) == 0 {
		return err
	}
	for _, c := range list {
		if err := t.findPlace(c); err != nil {
			return err
		}
	}
	if err := t.settlePlaces(list); err != nil {
		return err
	}
	return t.movePlaced(list)
}

// findPlace finds where the port would be bound if it was alone there.
func (t *tx) findPlace(c *candidate) error {
	link, given, err := model.LocalLinkOf(c.Profile)
	if err != nil {
		c.reason = err.Error()
		return nil
	}
	network := &model.Network{ID: c.NetworkID, NetworkType: c.NetworkType, PhysicalNetwork: c.PhysicalNetwork}
	at, node, reason, err := t.placeBareMetal(link, given, network)
	switch {
	case err != nil:
		return err
	case reason != "":
		c.reason = reason
	case c.PortSecurityEnabled && !node.Switch.GuardsAddresses():
		c.reason = "port security is not available: " + cannotGuard(node)
	default:
		c.at = at
	}
	return nil
}

// settlePlaces leaves each place to one port: to one that is there and no candidate, or to the first.
func (t *tx) settlePlaces(list []*candidate) error {
	var wanted, own []model.Number
	for _, c := range list {
		own = append(own, c.Number)
		if c.reason == "" && !slices.Contains(wanted, c.at.Node) {
			wanted = append(wanted, c.at.Node)
		}
	}
	var rows []struct {
		Placed placementRow `gorm:"embedded"`
		ID     string
	}
	err := t.Raw("SELECT placements.*, ports.id FROM placements JOIN ports ON ports.number = placements.port_number WHERE node_number IN ?", wanted).Scan(&rows).Error
	if err != nil {
		return err
	}
	taken := make(map[model.Placement]string, len(rows))
	for _, r := range rows {
		if !slices.Contains(own, r.Placed.PortNumber) {
			taken[r.Placed.at()] = r.ID
		}
	}
	for _, c := range list {
		switch other := taken[c.at]; {
		case c.reason != "":
		case other != "":
			c.at, c.reason = model.Placement{}, takenBy(other, c.at.Tag)
		default:
			taken[c.at] = c.ID
		}
	}
	return nil
}

// movePlaced writes the bindings that differ. All places are left before any is taken.
func (t *tx) movePlaced(list []*candidate) error {
	var moved []*candidate
	var numbers []model.Number
	for _, c := range list {
		switch {
		case c.at != c.before() || c.vifType() != c.VIFType:
			moved, numbers = append(moved, c), append(numbers, c.Number)
		case c.reason != "" && c.reason != c.StatusReason:
			err := t.Exec("UPDATE ports SET status_reason = ?, revision_number = revision_number + 1, updated_at = ? WHERE number = ?", c.reason, t.now, c.Number).Error
			if err != nil {
				return err
			}
		}
	}
	if len(moved) == 0 {
		return nil
	}
	if err := t.Exec("DELETE FROM placements WHERE port_number IN ?", numbers).Error; err != nil {
		return err
	}
	if err := t.tell(EventVIFUnplugged, "number IN ? AND status = ?", numbers, model.StatusActive); err != nil {
		return err
	}
	for _, c := range moved {
		if c.reason == "" {
			if err := t.Create(placementOf(c.Number, c.at)).Error; err != nil {
				return err
			}
		}
		err := t.Exec("UPDATE ports SET vif_type = ?, status = ?, status_reason = ?, binding_generation = binding_generation + 1 WHERE number = ?",
			c.vifType(), model.StatusDown, c.reason, c.Number).Error
		if err != nil {
			return err
		}
	}
	return t.bumpPorts(numbers)
}
