package store

import (
	"context"
	"net/http"
	"reflect"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/planck-sdn/planck/model"
)

// CreateSubnets makes all of the subnets or none. The CIDR is masked; nil AllocationPools are filled with every host
// address but the gateway (a request without a gateway_ip has model.DefaultGateway put in by the caller). Errors
// are Neutron's: NetworkNotFound, InvalidInput, InvalidAllocationPool, OutOfBoundsAllocationPool,
// OverlappingAllocationPools, GatewayConflictWithAllocationPools, DNSNameServersExhausted, HostRoutesExhausted.
func (s *Store) CreateSubnets(ctx context.Context, subnets []*model.Subnet) error {
	return createAll(ctx, s, subnets, (*tx).createSubnet)
}

// Subnet gives one subnet, or SubnetNotFound.
func (s *Store) Subnet(ctx context.Context, id string) (*model.Subnet, error) {
	subnet, err := takeSubnet(s.reader.WithContext(ctx), scopeOf(ctx), id)
	return subnet, s.readError(ctx, err)
}

// ListSubnets gives the subnets that the query and the scope select, with one or two statements.
func (s *Store) ListSubnets(ctx context.Context, q Query) ([]*model.Subnet, error) {
	db, err := subnetResource.list(s.reader.WithContext(ctx), scopeOf(ctx), q)
	if err != nil {
		return nil, s.readError(ctx, err)
	}
	subnets, err := findSubnets(db)
	return inOrder(q, subnets), s.readError(ctx, err)
}

// SubnetIDs gives the ids of the subnets on each of the networks, with one statement.
func (s *Store) SubnetIDs(ctx context.Context, networkIDs []string) (map[string][]string, error) {
	var rows []struct{ ID, NetworkID string }
	err := s.reader.WithContext(ctx).Raw("SELECT id, network_id FROM subnets WHERE network_id IN ? ORDER BY number", networkIDs).Scan(&rows).Error
	ids := make(map[string][]string, len(networkIDs))
	for _, r := range rows {
		ids[r.NetworkID] = append(ids[r.NetworkID], r.ID)
	}
	return ids, s.readError(ctx, err)
}

// UpdateSubnet is to subnets what UpdateNetwork is to networks. The DHCP port follows enable_dhcp.
func (s *Store) UpdateSubnet(ctx context.Context, id string, patch func(*model.Subnet) error) (*model.Subnet, error) {
	var updated *model.Subnet
	err := s.write(ctx, func(t *tx) error {
		network, old, err := t.lockSubnet(id, lockToUpdate, "update_subnet")
		if err != nil {
			return err
		}
		subnet := *old
		if err := patch(&subnet); err != nil {
			return err
		}
		updated = &subnet
		if reflect.DeepEqual(&subnet, old) {
			return nil
		}
		if err := t.updateSubnet(old, &subnet); err != nil {
			return err
		}
		if subnet.EnableDHCP == old.EnableDHCP {
			return nil
		}
		return t.syncDHCPPort(network)
	})
	if err != nil {
		return nil, err
	}
	return updated, nil
}

// DeleteSubnet deletes a subnet of which no port but DHCP ports has an address; otherwise it is SubnetInUse.
func (s *Store) DeleteSubnet(ctx context.Context, id string) error {
	err := s.write(ctx, func(t *tx) error {
		network, subnet, err := t.lockSubnet(id, lockToDelete, "delete_subnet")
		if err != nil {
			return err
		}
		inUse, err := t.exists(`SELECT 1 FROM ip_allocations JOIN ports ON ports.number = ip_allocations.port_number
			WHERE ip_allocations.subnet_id = ? AND ports.device_owner <> ?`, id, model.DeviceOwnerDHCP)
		if err != nil {
			return err
		}
		if inUse {
			return conflict("SubnetInUse",
				"Unable to complete operation on subnet %s: One or more ports have an IP allocation from this subnet.", id)
		}
		var dhcpPorts []model.Number
		if err := t.Raw("DELETE FROM ip_allocations WHERE subnet_id = ? RETURNING port_number", id).Scan(&dhcpPorts).Error; err != nil {
			return err
		}
		if err := t.Exec("DELETE FROM subnets WHERE number = ?", subnet.Number).Error; err != nil {
			return err
		}
		t.touch(subnet.Ref())
		if err := t.bumpPorts(dhcpPorts); err != nil {
			return err
		}
		if err := t.repeatAddresses(dhcpPorts); err != nil {
			return err
		}
		return t.syncDHCPPort(network)
	})
	if err == nil {
		s.hints.forget(addressHint(id))
	}
	return err
}

func (t *tx) createSubnet(subnet *model.Subnet) error {
	if err := t.scope.mayCreate(subnet.ProjectID, "create_subnet"); err != nil {
		return err
	}
	network, err := t.lockNetwork(subnet.NetworkID, lockToUpdate, "create_subnet")
	if err != nil {
		return err
	}
	if subnet.ID == "" {
		subnet.ID = t.store.options.Source.UUID()
	}
	subnet.CIDR = subnet.CIDR.Masked()
	if subnet.AllocationPools == nil && subnet.CIDR.IsValid() {
		subnet.AllocationPools = model.DefaultPools(subnet.CIDR, subnet.GatewayIP)
	}
	if err := subnet.Validate(); err != nil {
		return err
	}
	others, err := t.subnetsOf(subnet.NetworkID)
	if err != nil {
		return err
	}
	if err := subnet.ValidateOverlap(others); err != nil {
		return err
	}
	subnet.Number, subnet.RevisionNumber, subnet.CreatedAt, subnet.UpdatedAt = 0, 1, t.now, t.now
	row := rowOfSubnet(subnet)
	if err := t.Create(row).Error; err != nil {
		return err
	}
	subnet.Number = row.Number
	subnet.DNSNameservers, subnet.HostRoutes, subnet.Tags = row.DNSNameservers, row.HostRoutes, row.Tags
	t.touch(subnet.Ref())
	if !subnet.EnableDHCP {
		return nil
	}
	return t.syncDHCPPort(network)
}

func (t *tx) updateSubnet(old, subnet *model.Subnet) error {
	switch {
	case subnet.Number != old.Number || subnet.ID != old.ID:
		return readOnly("id")
	case subnet.ProjectID != old.ProjectID:
		return readOnly("tenant_id")
	case subnet.NetworkID != old.NetworkID:
		return readOnly("network_id")
	case subnet.CIDR != old.CIDR:
		return readOnly("cidr")
	case subnet.IPVersion != old.IPVersion:
		return readOnly("ip_version")
	}
	if err := subnet.Validate(); err != nil {
		return err
	}
	subnet.CreatedAt, subnet.RevisionNumber, subnet.UpdatedAt = old.CreatedAt, old.RevisionNumber+1, t.now
	t.touch(subnet.Ref())
	row := rowOfSubnet(subnet)
	return t.Model(row).Select("name", "description", "gateway_ip", "allocation_pools", "dns_nameservers", "host_routes",
		"enable_dhcp", "tags", "revision_number", "updated_at").Updates(row).Error
}

// lockSubnet locks the network first, as everything does that changes a network's subnets or its DHCP port.
func (t *tx) lockSubnet(id, strength, rule string) (*model.Network, *model.Subnet, error) {
	subnet, err := takeSubnet(t.DB, t.scope, id)
	if err != nil {
		return nil, nil, err
	}
	var network networkRow
	found, err := first(t.Clauses(clause.Locking{Strength: lockToUpdate}).Where("id = ?", subnet.NetworkID), &network)
	if err != nil {
		return nil, nil, err
	}
	if !found {
		return nil, nil, subnetResource.notFound(id)
	}
	if !t.scope.owns(subnet.ProjectID) && !t.scope.owns(network.ProjectID) {
		return nil, nil, forbidden(rule)
	}
	if subnet, err = takeSubnet(t.Clauses(clause.Locking{Strength: strength}), t.scope, id); err != nil {
		return nil, nil, err
	}
	n, err := network.model()
	return n, subnet, err
}

func takeSubnet(db *gorm.DB, scope Scope, id string) (*model.Subnet, error) {
	var row subnetRow
	found, err := first(scope.subnets(db).Where("subnets.id = ?", id), &row)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, subnetResource.notFound(id)
	}
	return row.model()
}

func findSubnets(db *gorm.DB) ([]*model.Subnet, error) {
	var rows []subnetRow
	if err := db.Find(&rows).Error; err != nil {
		return nil, err
	}
	return convert(rows, (*subnetRow).model)
}

// subnetsOf gives all subnets of a network, in order of creation.
func (t *tx) subnetsOf(networkID string) ([]*model.Subnet, error) {
	return findSubnets(t.Where("network_id = ?", networkID).Order("number"))
}

// syncDHCPPort makes the network's own DHCP port have an address on each subnet with DHCP, and not be when there is
// none. The caller holds the lock on the network.
func (t *tx) syncDHCPPort(network *model.Network) error {
	subnets, err := t.subnetsOf(network.ID)
	if err != nil {
		return err
	}
	wanted := []model.FixedIP{}
	for _, subnet := range subnets {
		if subnet.EnableDHCP {
			wanted = append(wanted, model.FixedIP{SubnetID: subnet.ID})
		}
	}
	row, found, err := t.automaticPort(network.ID)
	switch {
	case err != nil:
		return err
	case !found && len(wanted) == 0:
		return nil
	case !found:
		port := &model.Port{
			NetworkID: network.ID, ProjectID: network.ProjectID, AdminStateUp: true, FixedIPs: wanted,
			DeviceID: "dhcp" + t.store.cloudID + "-" + network.ID, DeviceOwner: model.DeviceOwnerDHCP,
		}
		return t.insertPort(port, network, subnets, true)
	case len(wanted) == 0:
		return t.removePort(row.Number)
	}
	port, err := row.model()
	if err != nil {
		return err
	}
	held := port.FixedIPs
	if err := t.placeAddresses(port, subnets, wanted, held); err != nil {
		return err
	}
	if slices.Equal(held, port.FixedIPs) {
		return nil
	}
	if err := t.repeatAddresses([]model.Number{port.Number}); err != nil {
		return err
	}
	return t.bumpPorts([]model.Number{port.Number})
}

// subnetNotFound tells an unknown subnet in a request from one of another network.
func (t *tx) subnetNotFound(wanted []model.FixedIP, subnets []*model.Subnet) error {
	for _, ip := range wanted {
		if ip.SubnetID == "" || slices.ContainsFunc(subnets, func(s *model.Subnet) bool { return s.ID == ip.SubnetID }) {
			continue
		}
		if _, err := takeSubnet(t.DB, t.scope, ip.SubnetID); err != nil {
			return err
		}
	}
	return nil
}

func ipAddressGenerationFailure(networkID string) error {
	return model.Errorf(http.StatusConflict, "IpAddressGenerationFailure", "No more IP addresses available on network %s.", networkID)
}
