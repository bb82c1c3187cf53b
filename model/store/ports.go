package store

import (
	"context"
	"maps"
	"net/http"
	"reflect"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/planck-sdn/planck/model"
)

// PortRequest is a port to be made. Of Port, FixedIPs says what is wanted: nil for one address of any subnet that
// has room, empty for none, else entries with a subnet, an address or both. A zero MAC is picked; an address pair
// with a zero MAC gets the port's.
type PortRequest struct {
	Port *model.Port
	// NetworkDecidesPortSecurity makes port_security_enabled what the network has.
	NetworkDecidesPortSecurity bool
}

// maxMACAttempts is how many random MACs are tried; Neutron's mac_generation_retries.
const maxMACAttempts = 16

// CreatePorts makes all of the ports or none, and fills in each Port. Errors are Neutron's: NetworkNotFound,
// SubnetNotFound, InvalidInput, MacAddressInUse, IpAddressAlreadyAllocated, IpAddressGenerationFailure,
// InvalidIpForSubnet, InvalidIpForNetwork, AllowedAddressPairExhausted, AddressPairMatchesPortFixedIPAndMac,
// AddressPairAndPortSecurityRequired and so on.
func (s *Store) CreatePorts(ctx context.Context, requests []PortRequest) error {
	made := make([]model.Port, len(requests))
	err := s.write(ctx, func(t *tx) error {
		networks := map[string]*networkWithSubnets{}
		for i, request := range requests {
			made[i] = clonePort(request.Port)
			p := &made[i]
			if err := t.scope.mayCreatePort(p.ProjectID); err != nil {
				return err
			}
			n, err := t.networkForPort(networks, p.NetworkID)
			if err != nil {
				return err
			}
			if request.NetworkDecidesPortSecurity {
				p.PortSecurityEnabled = n.network.PortSecurityEnabled
			}
			if err := t.insertPort(p, n.network, n.subnets, false); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, request := range requests {
		*request.Port = made[i]
	}
	return nil
}

type networkWithSubnets struct {
	network *model.Network
	subnets []*model.Subnet
}

func (t *tx) networkForPort(known map[string]*networkWithSubnets, id string) (*networkWithSubnets, error) {
	if n, ok := known[id]; ok {
		return n, nil
	}
	network, err := takeNetwork(t.DB, t.scope, id)
	if err != nil {
		return nil, err
	}
	subnets, err := t.subnetsOf(id)
	if err != nil {
		return nil, err
	}
	known[id] = &networkWithSubnets{network, subnets}
	return known[id], nil
}

// Port gives one port, or PortNotFound.
func (s *Store) Port(ctx context.Context, id string) (*model.Port, error) {
	row, err := s.takePort(s.reader.WithContext(ctx), scopeOf(ctx), id)
	if err != nil {
		return nil, s.readError(ctx, err)
	}
	return row.model()
}

// ListPorts gives the ports that the query and the scope select, with one or two statements.
func (s *Store) ListPorts(ctx context.Context, q Query) ([]*model.Port, error) {
	db, err := portResource.list(s.selectPorts(s.reader.WithContext(ctx)), scopeOf(ctx), q)
	if err != nil {
		return nil, s.readError(ctx, err)
	}
	ports, err := findPorts(db)
	return inOrder(q, ports), s.readError(ctx, err)
}

// UpdatePort is to ports what UpdateNetwork is to networks. FixedIPs that patch leaves as they are stay; otherwise
// they are a request as in PortRequest, but that nil means none. An entry with only a subnet keeps an address that
// the port has there. A change of the binding raises BindingGeneration; of the host, makes the port DOWN until its
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

// DeletePort deletes a port. A network's own DHCP port is ServicePortInUse: it goes with the last DHCP subnet.
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
		return t.removePort(row.Number)
	})
}

// insertPort makes the port, with everything that is left open decided.
func (t *tx) insertPort(p *model.Port, network *model.Network, subnets []*model.Subnet, automatic bool) error {
	if p.ID == "" {
		p.ID = t.store.options.Source.UUID()
	}
	if p.VNICType == "" {
		p.VNICType = model.VNICTypeNormal
	}
	p.Number, p.RevisionNumber, p.CreatedAt, p.UpdatedAt = 0, 1, t.now, t.now
	p.Status, p.StatusReason, p.BindingGeneration = model.StatusDown, "", 1
	if p.OwnedByNetwork() {
		p.Status = model.StatusActive
	}
	if err := p.Validate(); err != nil {
		return err
	}
	if err := t.bind(p, network); err != nil {
		return err
	}
	if err := t.insertPortRow(p, automatic); err != nil {
		return err
	}
	if err := t.placeAddresses(p, subnets, p.FixedIPs, nil); err != nil {
		return err
	}
	t.touch(p.Ref())
	if err := t.repeatAddresses([]model.Number{p.Number}); err != nil {
		return err
	}
	return p.Validate() // again, as pairs are compared with the addresses
}

// insertPortRow picks a MAC unless one was asked for, and gives pairs without one the port's.
func (t *tx) insertPortRow(p *model.Port, automatic bool) error {
	requested := p.MAC != model.MAC{}
	requestedPairs := p.AllowedAddressPairs
	for range maxMACAttempts {
		if !requested {
			p.MAC = t.store.options.Source.MAC()
		}
		p.AllowedAddressPairs = completePairs(requestedPairs, p.MAC)
		row := rowOfPort(p)
		row.Automatic = automatic
		result := t.Clauses(clause.OnConflict{
			Columns: []clause.Column{{Name: "network_id"}, {Name: "mac_address"}}, DoNothing: true,
		}).Create(row)
		if result.Error != nil {
			return result.Error
		}
		if result.RowsAffected == 1 {
			p.Number, p.Profile = row.Number, row.Profile
			p.InactiveBindings, p.ExtraDHCPOpts, p.Tags = row.InactiveBindings, row.ExtraDHCPOpts, row.Tags
			return nil
		}
		if requested {
			return macAddressInUse(p)
		}
	}
	return model.Errorf(http.StatusServiceUnavailable, "MacAddressGenerationFailure",
		"Unable to generate unique mac on network %s.", p.NetworkID)
}

func macAddressInUse(p *model.Port) error {
	return conflict("MacAddressInUse", "Unable to complete operation for network %s. The mac address %s is in use.", p.NetworkID, p.MAC)
}

func completePairs(pairs []model.AddressPair, mac model.MAC) []model.AddressPair {
	complete := notNil(slices.Clone(pairs))
	for i := range complete {
		if complete[i].MAC == (model.MAC{}) {
			complete[i].MAC = mac
		}
	}
	return complete
}

func (t *tx) updatePort(row *portRow, old, p *model.Port) error {
	if err := checkPortPatch(row, old, p); err != nil {
		return err
	}
	if p.MAC != old.MAC {
		inUse, err := t.exists("SELECT 1 FROM ports WHERE network_id = ? AND mac_address = ?", p.NetworkID, p.MAC.String())
		if err != nil {
			return err
		}
		if inUse {
			return macAddressInUse(p)
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
	}
	if err := t.rebind(old, p); err != nil {
		return err
	}
	p.CreatedAt, p.RevisionNumber, p.UpdatedAt = old.CreatedAt, old.RevisionNumber+1, t.now
	t.touch(p.Ref())
	changed := rowOfPort(p)
	p.Profile = changed.Profile
	return t.Model(changed).Select("name", "description", "admin_state_up", "mac_address", "device_id", "device_owner",
		"port_security_enabled", "allowed_address_pairs", "status", "status_reason", "host_id", "vnic_type", "vif_type",
		"profile", "binding_generation", "datapath_type", "inactive_bindings", "fixed_ips", "dns_name", "extra_dhcp_opts",
		"tags", "revision_number", "updated_at").Updates(changed).Error
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
	case p.MAC == model.MAC{}:
		return invalid("a port needs a mac_address")
	case p.MAC != old.MAC && old.VIFType != model.VIFTypeUnbound && old.VIFType != model.VIFTypeBindingFailed:
		return conflict("PortBound",
			"Unable to complete operation on port %s, port is already bound, port type: %s, old_mac %s, new_mac %s.",
			p.ID, old.VIFType, old.MAC, p.MAC)
	case row.Automatic && (p.DeviceOwner != old.DeviceOwner || p.DeviceID != old.DeviceID || !slices.Equal(p.FixedIPs, old.FixedIPs)):
		return conflict("ServicePortInUse",
			"Port %s cannot be changed in this way via the port API: it is the DHCP port of its network.", p.ID)
	}
	p.Status, p.StatusReason, p.VIFType, p.BindingGeneration = old.Status, old.StatusReason, old.VIFType, old.BindingGeneration
	return nil
}

// bumpPorts marks ports as changed that a change elsewhere has changed.
func (t *tx) bumpPorts(numbers []model.Number) error {
	t.touchAll(model.KindPort, numbers)
	return t.Exec("UPDATE ports SET revision_number = revision_number + 1, updated_at = ? WHERE number IN ?", t.now, numbers).Error
}

func (t *tx) removePort(number model.Number) error {
	t.touch(model.Ref{Kind: model.KindPort, Number: number})
	return t.Exec("DELETE FROM ports WHERE number = ?", number).Error
}

// lockPort locks before it reads: a statement that had to wait for the lock would see the row as it has become, but
// the addresses as they were.
func (t *tx) lockPort(id string) (*portRow, error) {
	if t.store.dialect.name == postgresName {
		var number model.Number
		if err := t.Raw("SELECT number FROM ports WHERE id = ? FOR UPDATE", id).Scan(&number).Error; err != nil {
			return nil, err
		}
	}
	return t.store.takePort(t.DB, t.scope, id)
}

func (s *Store) takePort(db *gorm.DB, scope Scope, id string) (*portRow, error) {
	var row portRow
	found, err := first(scope.ports(s.selectPorts(db)).Where("ports.id = ?", id), &row)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, portResource.notFound(id)
	}
	return &row, nil
}

func (t *tx) automaticPort(networkID string) (*portRow, bool, error) {
	var row portRow
	found, err := first(t.store.selectPorts(t.DB).Where("network_id = ? AND automatic", networkID), &row)
	return &row, found, err
}

// selectPorts selects ports with their addresses, in one statement.
func (s *Store) selectPorts(db *gorm.DB) *gorm.DB { return db.Model(&portRow{}) }

// repeatAddresses writes into the ports' rows what ip_allocations says.
func (t *tx) repeatAddresses(ports []model.Number) error {
	return t.Exec("UPDATE ports SET fixed_ips = "+t.store.dialect.fixedIPs+" WHERE number IN ?", ports).Error
}

func findPorts(db *gorm.DB) ([]*model.Port, error) {
	var rows []portRow
	if err := db.Find(&rows).Error; err != nil {
		return nil, err
	}
	return convert(rows, (*portRow).model)
}

// clonePort copies what a patch may change in place.
func clonePort(p *model.Port) model.Port {
	c := *p
	c.FixedIPs = slices.Clone(p.FixedIPs)
	c.AllowedAddressPairs = slices.Clone(p.AllowedAddressPairs)
	c.Profile = maps.Clone(p.Profile)
	c.InactiveBindings = slices.Clone(p.InactiveBindings)
	c.ExtraDHCPOpts = slices.Clone(p.ExtraDHCPOpts)
	c.Tags = slices.Clone(p.Tags)
	return c
}
