package store

import (
	"context"
	"encoding/json"
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
	return createAll(ctx, s, subnets, (*tx).createSubnets, "subnet", func(n *model.Subnet) string { return n.ProjectID })
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
	listed, err := json.Marshal(networkIDs) // one parameter, however many there are
	if err != nil {
		return nil, err
	}
	elements := "SELECT value FROM json_each(?)"
	if s.dialect.name == postgresName {
		elements = "SELECT json_array_elements_text(CAST(? AS json))"
	}
	err = s.reader.WithContext(ctx).Raw("SELECT id, network_id FROM subnets WHERE network_id IN ("+elements+") ORDER BY number", string(listed)).Scan(&rows).Error
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
		subnet.Tags = sortedOnce(subnet.Tags)
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
		dhcpPorts, err := t.releaseSubnet(id)
		if err != nil {
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

// releaseSubnet takes the subnet's addresses from the ports that have some, which it gives, and moves up the addresses after them.
func (t *tx) releaseSubnet(id string) ([]model.Number, error) {
	type place struct {
		PortNumber model.Number
		Position   int
	}
	var freed []place
	if err := t.Raw("DELETE FROM ip_allocations WHERE subnet_id = ? RETURNING port_number, position", id).Scan(&freed).Error; err != nil {
		return nil, err
	}
	slices.SortFunc(freed, func(a, b place) int { return b.Position - a.Position }) // the last first, so that the others stay right
	ports := make([]model.Number, len(freed))
	for i, f := range freed {
		ports[i] = f.PortNumber
		if err := t.Exec("UPDATE ip_allocations SET position = position - 1 WHERE port_number = ? AND position > ?", f.PortNumber, f.Position).Error; err != nil {
			return nil, err
		}
	}
	return ports, nil
}

func (t *tx) createSubnets(subnets []*model.Subnet) error {
	networks, err := t.lockNetworksOf(subnets)
	if err != nil {
		return err
	}
	rows := make([]*subnetRow, len(subnets))
	for i, subnet := range subnets {
		n := networks[subnet.NetworkID]
		if err := t.prepareSubnet(subnet, n.subnets); err != nil {
			return err
		}
		n.subnets = append(n.subnets, subnet)
		rows[i] = rowOfSubnet(subnet)
	}
	if err := t.CreateInBatches(rows, maxRows).Error; err != nil {
		return err
	}
	var served []*networkWithSubnets
	has := map[string]bool{}
	for i, subnet := range subnets {
		subnet.Number = rows[i].Number
		subnet.DNSNameservers, subnet.HostRoutes, subnet.Tags = rows[i].DNSNameservers, rows[i].HostRoutes, rows[i].Tags
		t.touch(subnet.Ref())
		if subnet.EnableDHCP && !has[subnet.NetworkID] {
			has[subnet.NetworkID] = true
			served = append(served, networks[subnet.NetworkID])
		}
	}
	return t.syncDHCPPorts(served)
}

// lockNetworksOf gives the networks on which subnets are to be made, with the subnets that they have. It locks them in one order.
func (t *tx) lockNetworksOf(subnets []*model.Subnet) (map[string]*networkWithSubnets, error) {
	var ids []string
	for _, subnet := range subnets {
		if err := t.scope.mayCreate(subnet.ProjectID, "create_subnet"); err != nil {
			return nil, err
		}
		ids = append(ids, subnet.NetworkID)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	locked, err := findNetworks(t.scope.networks(t.Clauses(clause.Locking{Strength: lockToUpdate})).Where("networks.id IN ?", ids).Order("networks.number"))
	if err != nil {
		return nil, err
	}
	networks := make(map[string]*networkWithSubnets, len(locked))
	for _, n := range locked {
		if !t.scope.owns(n.ProjectID) {
			return nil, forbidden("create_subnet")
		}
		networks[n.ID] = &networkWithSubnets{network: n}
	}
	for _, id := range ids {
		if networks[id] == nil {
			return nil, networkResource.notFound(id)
		}
	}
	others, err := findSubnets(t.Where("network_id IN ?", ids).Order("number"))
	for _, subnet := range others {
		n := networks[subnet.NetworkID]
		n.subnets = append(n.subnets, subnet)
	}
	return networks, err
}

// prepareSubnet completes and checks all that the database need not decide.
func (t *tx) prepareSubnet(subnet *model.Subnet, others []*model.Subnet) error {
	if subnet.ID == "" {
		subnet.ID = t.store.options.Source.UUID()
	}
	subnet.CIDR = subnet.CIDR.Masked()
	if subnet.AllocationPools == nil && subnet.CIDR.IsValid() {
		subnet.AllocationPools = model.DefaultPools(subnet.CIDR, subnet.GatewayIP)
	}
	subnet.Number, subnet.RevisionNumber, subnet.CreatedAt, subnet.UpdatedAt = 0, 1, t.now, t.now
	subnet.Tags = sortedOnce(subnet.Tags)
	if err := subnet.Validate(); err != nil {
		return err
	}
	return subnet.ValidateOverlap(others)
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
	if subnet.GatewayIP != old.GatewayIP {
		if err := t.refuseUsedGateway(old); err != nil {
			return err
		}
	}
	subnet.CreatedAt, subnet.RevisionNumber, subnet.UpdatedAt = old.CreatedAt, old.RevisionNumber+1, t.now
	t.touch(subnet.Ref())
	row := rowOfSubnet(subnet)
	return t.Model(row).Select("name", "description", "gateway_ip", "allocation_pools", "dns_nameservers", "host_routes",
		"enable_dhcp", "tags", "revision_number", "updated_at").Updates(row).Error
}

// refuseUsedGateway refuses to take the gateway_ip from a subnet where a router has it.
func (t *tx) refuseUsedGateway(subnet *model.Subnet) error {
	var ports []string
	err := t.Raw("SELECT ports.id FROM ip_allocations JOIN ports ON ports.number = ip_allocations.port_number "+
		"WHERE ip_allocations.subnet_id = ? AND ip_allocations.ip_address = ? AND ports.device_owner = ?",
		subnet.ID, addrText(subnet.GatewayIP), model.DeviceOwnerRouterInterface).Scan(&ports).Error
	if err == nil && len(ports) > 0 {
		err = conflict("GatewayIpInUse", "Current gateway ip %s already in use by port %s. Unable to update.", subnet.GatewayIP, ports[0])
	}
	return err
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
	if err := t.scope.expects(subnet.RevisionNumber); err != nil {
		return nil, nil, err
	}
	n, err := network.model()
	return n, subnet, err
}

func takeSubnet(db *gorm.DB, scope Scope, id string) (*model.Subnet, error) {
	subnet, err := only(scope.subnets(db).Where("subnets.id = ?", id), subnetFields, new(subnetRow))
	if err == nil && subnet == nil {
		err = subnetResource.notFound(id)
	}
	return subnet, err
}

func findSubnets(db *gorm.DB) ([]*model.Subnet, error) {
	return collect(db, subnetFields, new(subnetRow))
}

// subnetsOf gives all subnets of a network, in order of creation.
func (t *tx) subnetsOf(networkID string) ([]*model.Subnet, error) {
	return findSubnets(t.Where("network_id = ?", networkID).Order("number"))
}

// syncDHCPPort is syncDHCPPorts of one network.
func (t *tx) syncDHCPPort(network *model.Network) error {
	subnets, err := t.subnetsOf(network.ID)
	if err != nil {
		return err
	}
	return t.syncDHCPPorts([]*networkWithSubnets{{network, subnets}})
}

// syncDHCPPorts makes each network's own DHCP port have an address on each subnet with DHCP, and not be when there is
// none. The caller holds the locks on the networks.
func (t *tx) syncDHCPPorts(networks []*networkWithSubnets) error {
	if len(networks) == 0 {
		return nil
	}
	ids := make([]string, len(networks))
	for i, n := range networks {
		ids[i] = n.network.ID
	}
	ports, err := findPorts(t.Where("network_id IN ? AND automatic", ids))
	if err != nil {
		return err
	}
	present := make(map[string]*model.Port, len(ports))
	for _, p := range ports {
		present[p.NetworkID] = p
	}
	var drafts []*portDraft
	for _, n := range networks {
		wanted := []model.FixedIP{}
		for _, subnet := range n.subnets {
			if subnet.EnableDHCP {
				wanted = append(wanted, model.FixedIP{SubnetID: subnet.ID})
			}
		}
		switch port := present[n.network.ID]; {
		case port == nil && len(wanted) == 0:
		case port == nil:
			drafts = append(drafts, &portDraft{automatic: true, networkWithSubnets: *n, Port: &model.Port{
				NetworkID: n.network.ID, ProjectID: n.network.ProjectID, AdminStateUp: true, FixedIPs: wanted,
				DeviceID: "dhcp" + t.store.cloudID + "-" + n.network.ID, DeviceOwner: model.DeviceOwnerDHCP,
			}})
		case len(wanted) == 0:
			err = t.removePort(port.Number)
		default:
			_, err = t.moveAddresses(port, n.subnets, wanted)
		}
		if err != nil {
			return err
		}
	}
	if len(drafts) == 0 {
		return nil
	}
	return t.insertPorts(drafts)
}

// moveAddresses makes one of Planck's own ports have the wanted addresses, and tells whether that is a change.
func (t *tx) moveAddresses(port *model.Port, subnets []*model.Subnet, wanted []model.FixedIP) (moved bool, err error) {
	held := port.FixedIPs
	if err := t.placeAddresses(port, subnets, wanted, held); err != nil {
		return false, err
	}
	if slices.Equal(held, port.FixedIPs) {
		return false, nil
	}
	if err := t.repeatAddresses([]model.Number{port.Number}); err != nil {
		return false, err
	}
	return true, t.bumpPorts([]model.Number{port.Number})
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
