package store

import (
	"context"
	"maps"
	"reflect"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/planck-sdn/planck/model"
)

// ListPorts gives the ports that the query and the scope select, with one or two statements.
func (s *Store) ListPorts(ctx context.Context, q Query) ([]*model.Port, error) {
	db, err := portResource.list(s.reader.WithContext(ctx).Model(&portRow{}), scopeOf(ctx), q)
	if err != nil {
		return nil, s.readError(ctx, err)
	}
	ports, err := findPorts(db)
	return inOrder(q, ports), s.readError(ctx, err)
}

// UpdatePort is to ports what UpdateNetwork is to networks. FixedIPs that patch leaves as they are stay; otherwise
// they are a request as in PortRequest, but that nil means none. An entry with only a subnet keeps an address that
// the port has there. SecurityGroups are what the patch makes of them; nil means none. A change of the binding raises BindingGeneration; of the host, makes the port DOWN until its
// new place has it.
func (s *Store) UpdatePort(ctx context.Context, id string, patch func(*model.Port) error) (*model.Port, error) {
	var updated *model.Port
	err := s.write(ctx, func(t *tx) error {
		row, err := t.lockPort(id)
		if err != nil {
			return err
		}
		if !t.scope.ownsPort(row.ProjectID) {
			return forbidden("update_port")
		}
		old, err := row.model()
		if err != nil {
			return err
		}
		p := clonePort(old)
		if err := patch(&p); err != nil {
			return err
		}
		p.Tags, p.SecurityGroups = sortedOnce(p.Tags), sortedOnce(p.SecurityGroups)
		updated = &p
		if reflect.DeepEqual(&p, old) {
			return nil
		}
		return t.updatePort(row, old, &p)
	})
	if err != nil {
		return nil, err
	}
	return updated, nil
}

// DeletePort deletes a port. Floating IPs that stand for it become free. A network's own DHCP port is ServicePortInUse: it goes with the
// last DHCP subnet; and so is one of a router or a floating IP.
func (s *Store) DeletePort(ctx context.Context, id string) error {
	return s.write(ctx, func(t *tx) error {
		row, err := t.lockPort(id)
		if err != nil {
			return err
		}
		if row.Automatic {
			return conflict("ServicePortInUse",
				"Port %s cannot be deleted directly via the port API: it is the DHCP port of its network.", id)
		}
		if err := t.refuseDeletion(row); err != nil {
			return err
		}
		if err := t.tell(EventVIFDeleted, "number = ?", row.Number); err != nil {
			return err
		}
		t.vacated = row.VIFType == model.VIFTypeOther
		return t.removePort(row.Number)
	})
}

// refuseDeletion keeps what belongs to a router or a floating IP that exists.
func (t *tx) refuseDeletion(row *portRow) error {
	p := model.Port{DeviceID: row.DeviceID, DeviceOwner: row.DeviceOwner}
	if !p.BelongsToRouter() {
		return nil
	}
	needed, err := t.exists("SELECT 1 FROM routers WHERE id = ? UNION ALL SELECT 1 FROM floating_ips WHERE id = ?", row.DeviceID, row.DeviceID)
	if err == nil && needed {
		err = conflict("ServicePortInUse", "Port %s cannot be deleted directly via the port API: has device owner %s.", row.ID, row.DeviceOwner)
	}
	return err
}

func (t *tx) updatePort(row *portRow, old, p *model.Port) error {
	if err := checkPortPatch(row, old, p); err != nil {
		return err
	}
	if p.MAC != old.MAC {
		if err := t.changeMAC(p); err != nil {
			return err
		}
	}
	p.AllowedAddressPairs = completePairs(p.AllowedAddressPairs, p.MAC)
	if err := p.Validate(); err != nil {
		return err
	}
	if !slices.Equal(p.FixedIPs, old.FixedIPs) {
		subnets, err := t.subnetsOf(p.NetworkID)
		if err != nil {
			return err
		}
		if err := t.placeAddresses(p, subnets, notNil(p.FixedIPs), old.FixedIPs); err != nil {
			return err
		}
		if err := p.Validate(); err != nil { // pairs are compared with the addresses
			return err
		}
		if err := t.refuseLostFixedIP(p); err != nil {
			return err
		}
	}
	regrouped := !slices.Equal(p.SecurityGroups, old.SecurityGroups)
	if regrouped {
		if err := t.checkSecurityGroups([]*model.Port{p}); err != nil {
			return err
		}
	}
	if err := t.releaseHeld(old, p); err != nil {
		return err
	}
	if err := t.rebind(old, p); err != nil {
		return err
	}
	p.CreatedAt, p.RevisionNumber, p.UpdatedAt = old.CreatedAt, old.RevisionNumber+1, t.now
	t.touch(p.Ref())
	changed := rowOfPort(p)
	p.Profile = changed.Profile
	err := t.Exec("UPDATE ports SET ("+portChanging+") = ("+portChangingValues+") WHERE number = ?", append(changed.changing(), p.Number)...).Error
	if err != nil {
		return err
	}
	if regrouped {
		if err := t.moveSecurityGroups(p.Number); err != nil {
			return err
		}
	}
	if err := t.admitChanged(p); err != nil {
		return err
	}
	return t.tellUpdate(old, p)
}

// changeMAC sees to it that the port's new MAC is free; zero stands for any.
func (t *tx) changeMAC(p *model.Port) error {
	chosen := p.MAC != model.MAC{}
	for range maxMACAttempts {
		if !chosen {
			p.MAC = t.store.options.Source.MAC()
		}
		inUse, err := t.exists("SELECT 1 FROM ports WHERE network_id = ? AND mac_address = ?", p.NetworkID, p.MAC.String())
		if err != nil || !inUse {
			return err
		}
		if chosen {
			return macAddressInUse(p)
		}
	}
	return macGenerationFailure(p.NetworkID)
}

// checkPortPatch refuses what nobody may change.
func checkPortPatch(row *portRow, old, p *model.Port) error {
	switch {
	case p.Number != old.Number || p.ID != old.ID:
		return readOnly("id")
	case p.ProjectID != old.ProjectID:
		return readOnly("tenant_id")
	case p.NetworkID != old.NetworkID:
		return readOnly("network_id")
	case p.MAC != old.MAC && old.VIFType != model.VIFTypeUnbound && old.VIFType != model.VIFTypeBindingFailed:
		return conflict("PortBound",
			"Unable to complete operation on port %s, port is already bound, port type: %s, old_mac %s, new_mac %s.",
			p.ID, old.VIFType, old.MAC, p.MAC)
	case row.Automatic && (p.DeviceOwner != old.DeviceOwner || p.DeviceID != old.DeviceID || !slices.Equal(p.FixedIPs, old.FixedIPs)):
		return conflict("ServicePortInUse",
			"Port %s cannot be changed in this way via the port API: it is the DHCP port of its network.", p.ID)
	case old.BelongsToRouter() && (p.DeviceOwner != old.DeviceOwner || p.DeviceID != old.DeviceID || !slices.Equal(p.FixedIPs, old.FixedIPs)):
		return conflict("ServicePortInUse",
			"Port %s cannot be changed in this way via the port API: has device owner %s.", p.ID, old.DeviceOwner)
	case p.BelongsToRouter() && !old.BelongsToRouter():
		return pretendsRouter(p)
	case !p.PortSecurityEnabled && len(p.SecurityGroups) > 0 && slices.Equal(p.SecurityGroups, old.SecurityGroups):
		return hasSecurityGroups()
	}
	p.Status, p.StatusReason, p.VIFType, p.BindingGeneration = old.Status, old.StatusReason, old.VIFType, old.BindingGeneration
	p.DatapathType, p.InactiveBindings = old.DatapathType, slices.Clone(old.InactiveBindings)
	return nil
}

// pretendsRouter refuses a port that would look like a router's or a floating IP's: only those make such ports.
func pretendsRouter(p *model.Port) error {
	return conflict("DeviceIDNotOwnedByTenant", "The following device_id %s is not owned by your project or matches another project router.", p.DeviceID)
}

// bumpPorts marks ports as changed that a change elsewhere has changed.
func (t *tx) bumpPorts(numbers []model.Number) error {
	t.touchAll(model.KindPort, numbers)
	return t.Exec("UPDATE ports SET revision_number = revision_number + 1, updated_at = ? WHERE number IN ?", t.now, numbers).Error
}

func (t *tx) removePort(number model.Number) error {
	if err := t.detachPort(number); err != nil {
		return err
	}
	t.touch(model.Ref{Kind: model.KindPort, Number: number})
	return t.Exec("DELETE FROM ports WHERE number = ?", number).Error
}

// removePortByID is removePort of one that Planck made for a router or a floating IP.
func (t *tx) removePortByID(id string) error {
	var numbers []model.Number
	if err := t.Raw("SELECT number FROM ports WHERE id = ?", id).Scan(&numbers).Error; err != nil || len(numbers) == 0 {
		return err
	}
	return t.removePort(numbers[0])
}

// lockPort gives a port that the transaction may change.
func (t *tx) lockPort(id string) (*portRow, error) {
	row, err := t.store.takePort(t.Clauses(clause.Locking{Strength: lockToDelete}), t.scope, id)
	if err != nil {
		return nil, err
	}
	return row, t.scope.expects(row.RevisionNumber)
}

func (s *Store) takePort(db *gorm.DB, scope Scope, id string) (*portRow, error) {
	var row portRow
	p, err := only(scope.ports(db).Where("ports.id = ?", id), portFields, &row)
	if err == nil && p == nil {
		err = portResource.notFound(id)
	}
	return &row, err
}

// repeatAddresses writes into the ports' rows what ip_allocations says.
func (t *tx) repeatAddresses(ports []model.Number) error {
	return t.Exec("UPDATE ports SET fixed_ips = "+t.store.dialect.fixedIPs+" WHERE number IN ?", ports).Error
}

func findPorts(db *gorm.DB) ([]*model.Port, error) {
	return collect(db, portFields, new(portRow))
}

// clonePort copies what a patch may change in place.
func clonePort(p *model.Port) model.Port {
	c := *p
	c.FixedIPs = slices.Clone(p.FixedIPs)
	c.AllowedAddressPairs = slices.Clone(p.AllowedAddressPairs)
	c.SecurityGroups = slices.Clone(p.SecurityGroups)
	c.Profile = maps.Clone(p.Profile)
	c.InactiveBindings = slices.Clone(p.InactiveBindings)
	c.ExtraDHCPOpts = slices.Clone(p.ExtraDHCPOpts)
	c.Tags = slices.Clone(p.Tags)
	return c
}
