package store

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gorm.io/gorm/clause"

	"github.com/planck-sdn/planck/model"
)

// lastSwitchPort is the highest number of a port that is a physical one (OpenFlow 1.3.5, 7.2.1, OFPP_MAX).
const lastSwitchPort = 0xffffff00

// DeclareSwitch stores what an operator says of the physical switch with the node's DatapathID: Hostname, and of Switch PhysicalNetwork,
// Override and Uplinks. What the switch has reported of itself stays. It gives the node as it is now, and whether that is a change. Errors are
// *model.Error: 400, or 409 for a name that another node has.
func (s *Store) DeclareSwitch(ctx context.Context, declared model.Node) (node *model.Node, changed bool, err error) {
	if declared.Switch == nil {
		declared.Switch = &model.Switch{}
	}
	if err := declared.ValidateDeclaration(); err != nil {
		return nil, false, err
	}
	err = s.write(ctx, func(t *tx) error {
		node, changed, err = t.declareSwitch(&declared)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return node, changed, nil
}

func (t *tx) declareSwitch(declared *model.Node) (*model.Node, bool, error) {
	if err := t.lockBareMetal(); err != nil {
		return nil, false, err
	}
	row, found, err := takeNode(t.Clauses(clause.Locking{Strength: lockToUpdate}), model.SwitchSystemID(declared.DatapathID))
	if err != nil {
		return nil, false, err
	}
	now := model.Node{SystemID: model.SwitchSystemID(declared.DatapathID), Hostname: declared.Hostname, Switch: &model.Switch{}}
	var before *model.Node
	if found {
		if before, err = row.model(); err != nil {
			return nil, false, err
		}
		now = *before
		sw := *before.Switch
		now.Hostname, now.Switch = declared.Hostname, &sw
	}
	now.Switch.PhysicalNetwork, now.Switch.Override = declared.Switch.PhysicalNetwork, declared.Switch.Override
	now.Switch.Uplinks = slices.SortedFunc(slices.Values(declared.Switch.Uplinks), func(a, b model.Uplink) int { return strings.Compare(a.Port, b.Port) })
	fillSwitch(now.Switch)
	if found && before.Hostname == now.Hostname && reflect.DeepEqual(before.Switch, now.Switch) {
		return before, false, nil
	}
	if !found || before.Hostname != now.Hostname {
		if err := t.takeSwitchName(before, now.Hostname); err != nil {
			return nil, false, err
		}
	}
	now.UpdatedAt = t.now
	if found {
		now.Reports++
		changed := rowOfNode(&now)
		err = t.Model(changed).Select("hostname", "switch", "reports", "updated_at").Updates(changed).Error
	} else {
		err = t.insertNode(&now)
	}
	if err != nil {
		return nil, false, err
	}
	t.touch(now.Ref())
	if !found || before.Hostname != now.Hostname { // for ports of VMs that name it
		if found {
			if err := t.rebindHost(before.Hostname, nil); err != nil {
				return nil, false, err
			}
		}
		if err := t.rebindHost(now.Hostname, &now); err != nil {
			return nil, false, err
		}
	}
	if _, err := t.dropLinks(now.Number); err != nil {
		return nil, false, err
	}
	if err := t.rebindBareMetalAt(now.Number); err != nil {
		return nil, false, err
	}
	node, err := rowOfNode(&now).model()
	return node, true, err
}

// takeSwitchName refuses a name that another node has, and keeps ports from being bound to it, and to the one before, meanwhile.
func (t *tx) takeSwitchName(before *model.Node, name string) error {
	hosts := []string{name}
	if before != nil {
		hosts = append(hosts, before.Hostname)
		slices.Sort(hosts)
	}
	for _, host := range hosts {
		if err := t.lockHost(hostLock, host); err != nil {
			return err
		}
	}
	var other nodeRow
	found, err := first(t.Where("hostname = ?", name), &other)
	if err == nil && found {
		err = conflict("SwitchNameInUse", "The name %s is taken: it is the node with system-id %s.", name, other.SystemID)
	}
	return err
}

// fillSwitch makes lists that are nil empty, as they are read back.
func fillSwitch(s *model.Switch) {
	s.Uplinks, s.Ports, s.Tables = notNil(s.Uplinks), notNil(s.Ports), notNil(s.Tables)
	for i := range s.Tables {
		s.Tables[i].Lacks = notNil(s.Tables[i].Lacks)
	}
}

// ReportSwitch stores what a physical switch says of itself: what an operator has declared is left out of the report. It gives the node as it
// is now, and whether that is a change; an equal report writes nothing. In the same transaction the links of ports go that are not up. A
// *ConflictError is a report that makes no sense, or of a node that is no physical switch; an unknown number is NodeNotFound.
func (s *Store) ReportSwitch(ctx context.Context, number model.Number, report model.Switch) (node *model.Node, changed bool, err error) {
	report.Ports = slices.SortedFunc(slices.Values(report.Ports), func(a, b model.SwitchPort) int { return cmp.Compare(a.Number, b.Number) })
	for i := range report.Ports {
		p := &report.Ports[i]
		p.Name = storable(p.Name)
		if p.Number < 1 || p.Number > lastSwitchPort || i > 0 && p.Number == report.Ports[i-1].Number {
			return nil, false, &ConflictError{fmt.Sprintf("the switch reports port number %d, which is no port or there twice", p.Number)}
		}
	}
	report.Tables = slices.SortedFunc(slices.Values(report.Tables), func(a, b model.TableLimits) int { return cmp.Compare(a.ID, b.ID) })
	fillSwitch(&report)
	d := &report.Description
	for _, text := range []*string{&report.Problem, &d.Manufacturer, &d.Hardware, &d.Software, &d.SerialNumber, &d.Datapath} {
		*text = storable(*text)
	}
	err = s.write(ctx, func(t *tx) error {
		node, changed, err = t.reportSwitch(number, report)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return node, changed, nil
}

// storable makes a text of a switch's be read back as it was written.
func storable(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

func (t *tx) reportSwitch(number model.Number, report model.Switch) (*model.Node, bool, error) {
	if err := t.lockBareMetal(); err != nil {
		return nil, false, err
	}
	var row nodeRow
	found, err := first(t.Clauses(clause.Locking{Strength: lockToUpdate}).Where("number = ?", number), &row)
	if err == nil && !found {
		err = nodeNotFound(number)
	}
	if err != nil {
		return nil, false, err
	}
	if row.Switch == nil {
		return nil, false, &ConflictError{fmt.Sprintf("node %s is no physical switch", row.Hostname)}
	}
	before := row.Switch
	report.PhysicalNetwork, report.Override, report.Uplinks = before.PhysicalNetwork, before.Override, before.Uplinks
	if reflect.DeepEqual(before, &report) {
		node, err := row.model()
		return node, false, err
	}
	row.Switch, row.Reports, row.UpdatedAt = &report, row.Reports+1, t.now
	if err := t.Model(&row).Select("switch", "reports", "updated_at").Updates(&row).Error; err != nil {
		return nil, false, err
	}
	node, err := row.model()
	if err != nil {
		return nil, false, err
	}
	t.touch(node.Ref())
	if !slices.Equal(before.Ports, report.Ports) {
		dropped, err := t.dropLinks(number)
		if err != nil {
			return nil, false, err
		}
		t.vacated = t.vacated || dropped
	}
	if !bindsAlike(before, &report) {
		err = t.rebindBareMetalAt(number)
	}
	return node, true, err
}

func (t *tx) rebindBareMetalAt(node model.Number) error {
	ports, err := t.portsPlacedAt(node)
	if err != nil {
		return err
	}
	return t.rebindBareMetal(ports)
}

// bindsAlike tells whether bare metal on a switch is bound the same with either report. Whether ports are up plays no part.
func bindsAlike(a, b *model.Switch) bool {
	return a.Problem == b.Problem && a.GuardsAddresses() == b.GuardsAddresses() && slices.EqualFunc(a.Ports, b.Ports, func(a, b model.SwitchPort) bool {
		a.Up, b.Up = false, false
		return a == b
	})
}
