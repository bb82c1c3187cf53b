package store

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/planck-sdn/planck/model"
)

// FloatingIPRequest is a floating IP to be made. Of FloatingIP, a valid Address is asked for; with a PortID it is associated at once, with
// FixedIP if that is valid, else with the one address that the port has.
type FloatingIPRequest struct {
	FloatingIP *model.FloatingIP
	SubnetID   string // of the external network, where the address is to come from; empty: any
}

// errOvertaken makes a transaction come again that was planned by what has changed since.
var errOvertaken = errors.New("another request was faster")

var floatingIPResource = resource{"FloatingIP", "floating_ips", floatingIPColumns(), Scope.floatingIPs}

// floatingIPColumns: a floating IP has no name.
func floatingIPColumns() map[string]column {
	columns := commonColumns("floating_ips", map[string]column{
		"floating_network_id": {"floating_network_id", textColumn}, "floating_ip_address": {"floating_ip_address", textColumn},
		"fixed_ip_address": {"fixed_ip_address", textColumn},
		"port_id":          {"(COALESCE(floating_ips.port_id, ''))", textColumn}, "router_id": {"(COALESCE(floating_ips.router_id, ''))", textColumn},
		"status":   {"(CASE WHEN floating_ips.port_id IS NULL THEN '" + model.StatusDown + "' ELSE '" + model.StatusActive + "' END)", textColumn},
		"dns_name": {"dns_name", textColumn}, "dns_domain": {"dns_domain", textColumn},
	})
	delete(columns, "name")
	return columns
}

// floatingIPs are seen by their projects, and by the cloud's own services: Nova shows them with its servers.
func (s Scope) floatingIPs(db *gorm.DB) *gorm.DB {
	db = db.Model(&floatingIPRow{})
	if s.Admin || s.Service {
		return db
	}
	return db.Where("floating_ips.project_id = ?", s.ProjectID)
}

// CreateFloatingIPs makes all of the floating IPs or none, and fills in ID (unless given), Number, Address, FloatingPortID, FixedIP,
// RouterID, Status and times. Errors are Neutron's: NetworkNotFound, BadRequest (a network that is not external or that no node can reach
// by a wire, or one without subnets), those of addresses, those of associations (see UpdateFloatingIP), OverQuota.
func (s *Store) CreateFloatingIPs(ctx context.Context, requests []FloatingIPRequest) error {
	made := make([]model.FloatingIP, len(requests))
	err := s.write(ctx, func(t *tx) error {
		counts := map[string]int{}
		for i, request := range requests {
			made[i] = cloneFloatingIP(request.FloatingIP)
			counts[made[i].ProjectID]++
			if err := t.createFloatingIP(&made[i], request.SubnetID); err != nil {
				return err
			}
		}
		return t.withinQuota("floatingip", counts)
	})
	if err != nil {
		return err
	}
	for i, request := range requests {
		*request.FloatingIP = made[i]
	}
	return nil
}

// FloatingIP gives one floating IP, or FloatingIPNotFound.
func (s *Store) FloatingIP(ctx context.Context, id string) (*model.FloatingIP, error) {
	f, err := takeFloatingIP(s.reader.WithContext(ctx), scopeOf(ctx), id)
	return f, s.readError(ctx, err)
}

// ListFloatingIPs gives the floating IPs that the query and the scope select, with one or two statements.
func (s *Store) ListFloatingIPs(ctx context.Context, q Query) ([]*model.FloatingIP, error) {
	db, err := floatingIPResource.list(s.reader.WithContext(ctx), scopeOf(ctx), q)
	if err != nil {
		return nil, s.readError(ctx, err)
	}
	list, err := findFloatingIPs(db)
	return inOrder(q, list), s.readError(ctx, err)
}

// UpdateFloatingIP is to floating IPs what UpdateNetwork is to networks. A patch associates by PortID and FixedIP, which stays zero for
// the one address that the port has, and disassociates by an empty PortID; RouterID follows. Errors of an association are Neutron's:
// PortNotFound, BadRequest (a port of somebody else or of the network itself, no or several addresses, one that it does not have),
// ExternalGatewayForFloatingIPNotFound, FloatingIPPortAlreadyAssociated.
func (s *Store) UpdateFloatingIP(ctx context.Context, id string, patch func(*model.FloatingIP) error) (*model.FloatingIP, error) {
	var updated *model.FloatingIP
	err := s.write(ctx, func(t *tx) error {
		old, err := takeFloatingIP(t.DB, t.scope, id)
		if err != nil {
			return err
		}
		if !t.scope.owns(old.ProjectID) {
			return forbidden("update_floatingip")
		}
		if err := t.scope.expects(old.RevisionNumber); err != nil {
			return err
		}
		f := cloneFloatingIP(old)
		if err := patch(&f); err != nil {
			return err
		}
		f.Tags = sortedOnce(f.Tags)
		updated = &f
		return t.updateFloatingIP(old, &f)
	})
	if err != nil {
		return nil, err
	}
	return updated, nil
}

// DeleteFloatingIP deletes a floating IP with its port, whether it is associated or not.
func (s *Store) DeleteFloatingIP(ctx context.Context, id string) error {
	return s.write(ctx, func(t *tx) error {
		f, err := takeFloatingIP(t.Clauses(clause.Locking{Strength: lockToDelete}), t.scope, id)
		if err != nil {
			return err
		}
		if !t.scope.owns(f.ProjectID) {
			return forbidden("delete_floatingip")
		}
		if err := t.scope.expects(f.RevisionNumber); err != nil {
			return err
		}
		if err := t.tellAssociated(f.PortID); err != nil {
			return err
		}
		return t.removeFloatingIP(f)
	})
}

func (t *tx) removeFloatingIP(f *model.FloatingIP) error {
	t.touch(f.Ref())
	if err := t.Exec("DELETE FROM floating_ips WHERE number = ?", f.Number).Error; err != nil {
		return err
	}
	return t.removePortByID(f.FloatingPortID)
}

// releaseUnused deletes the floating IPs of a network that stand for nothing, before the network is deleted.
func (t *tx) releaseUnused(networkID string) error {
	unused, err := findFloatingIPs(t.Clauses(clause.Locking{Strength: lockToDelete}).Where("floating_network_id = ? AND port_id IS NULL", networkID).Order("number"))
	if err != nil {
		return err
	}
	for _, f := range unused {
		if err := t.removeFloatingIP(f); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) createFloatingIP(f *model.FloatingIP, subnetID string) error {
	if err := t.scope.mayCreate(f.ProjectID, "create_floatingip"); err != nil {
		return err
	}
	if f.ID == "" {
		f.ID = t.store.options.Source.UUID()
	}
	f.Number, f.RouterID, f.RevisionNumber, f.CreatedAt, f.UpdatedAt = 0, "", 1, t.now, t.now
	f.Tags = sortedOnce(f.Tags)
	if err := f.Validate(); err != nil {
		return err
	}
	if err := t.associate(f); err != nil {
		return err
	}
	network, err := t.shareExternalNetwork(f.FloatingNetworkID, "floatingip", "Network %s is not a valid external network")
	if err != nil {
		return err
	}
	if len(network.subnets) == 0 {
		return badRequest("floatingip", "Network %s does not contain any IPv4 subnet", f.FloatingNetworkID)
	}
	port := &model.Port{NetworkID: f.FloatingNetworkID, AdminStateUp: true, DeviceID: f.ID, DeviceOwner: model.DeviceOwnerFloatingIP}
	if subnetID != "" || f.Address.IsValid() {
		port.FixedIPs = []model.FixedIP{{SubnetID: subnetID, IPAddress: f.Address}}
	}
	if err := t.insertPorts([]*portDraft{{Port: port, networkWithSubnets: *network}}); err != nil {
		return err
	}
	f.FloatingPortID, f.Address, f.Status = port.ID, port.FixedIPs[0].IPAddress, floatingStatus(f)
	row := rowOfFloatingIP(f)
	if err := t.Create(row).Error; err != nil {
		return err
	}
	f.Number = row.Number
	t.touch(f.Ref())
	return t.tellAssociated(f.PortID)
}

func (t *tx) updateFloatingIP(old, f *model.FloatingIP) error {
	switch {
	case f.Number != old.Number || f.ID != old.ID:
		return readOnly("id")
	case f.ProjectID != old.ProjectID:
		return readOnly("tenant_id")
	case f.FloatingNetworkID != old.FloatingNetworkID:
		return readOnly("floating_network_id")
	case f.Address != old.Address || f.FloatingPortID != old.FloatingPortID:
		return readOnly("floating_ip_address")
	}
	f.RouterID, f.Status, f.RevisionNumber, f.CreatedAt, f.UpdatedAt = old.RouterID, old.Status, old.RevisionNumber, old.CreatedAt, old.UpdatedAt
	if err := f.Validate(); err != nil {
		return err
	}
	if f.PortID == "" && f.FixedIP == old.FixedIP {
		f.FixedIP = netip.Addr{} // it goes with the port
	}
	if f.PortID != old.PortID || f.FixedIP != old.FixedIP {
		if err := t.associate(f); err != nil {
			return err
		}
	}
	f.Status = floatingStatus(f)
	if reflect.DeepEqual(f, old) {
		return nil
	}
	var revision int64
	err := t.Model(&floatingIPRow{}).Select("revision_number").Clauses(clause.Locking{Strength: lockToUpdate}).Where("number = ?", f.Number).Scan(&revision).Error
	if err != nil {
		return err
	}
	if revision != old.RevisionNumber {
		return errOvertaken
	}
	f.RevisionNumber, f.UpdatedAt = old.RevisionNumber+1, t.now
	t.touch(f.Ref())
	row := rowOfFloatingIP(f)
	err = t.Model(row).Select("description", "port_id", "fixed_ip_address", "router_id", "dns_name", "dns_domain", "tags", "revision_number", "updated_at").Updates(row).Error
	if err != nil || f.PortID == old.PortID && f.FixedIP == old.FixedIP {
		return err
	}
	return t.tellAssociated(old.PortID, f.PortID)
}

// tellAssociated tells Nova of ports that have got or lost a floating IP.
func (t *tx) tellAssociated(portIDs ...string) error {
	portIDs = slices.DeleteFunc(portIDs, func(id string) bool { return id == "" })
	if len(portIDs) == 0 {
		return nil
	}
	return t.tell(EventNetworkChanged, "id IN ?", portIDs)
}

func takeFloatingIP(db *gorm.DB, scope Scope, id string) (*model.FloatingIP, error) {
	f, err := only(scope.floatingIPs(db).Where("floating_ips.id = ?", id), floatingIPFields, new(floatingIPRow))
	if err == nil && f == nil {
		err = floatingIPResource.notFound(id)
	}
	return f, err
}

func findFloatingIPs(db *gorm.DB) ([]*model.FloatingIP, error) {
	return collect(db, floatingIPFields, new(floatingIPRow))
}

func cloneFloatingIP(f *model.FloatingIP) model.FloatingIP {
	c := *f
	c.Tags = slices.Clone(f.Tags)
	return c
}
