package store

import (
	"context"
	"reflect"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/planck-sdn/planck/model"
)

// Strengths of row locks. PostgreSQL's foreign keys take KEY SHARE on the parent, which lockToDelete keeps out and
// lockToUpdate does not. SQLite has one writer and needs none.
const (
	lockToUpdate = "NO KEY UPDATE"
	lockToDelete = "UPDATE"
)

// CreateNetworks makes all of the networks or none, and fills in what it decided: ID (unless given), Number, type
// (vxlan unless given), segmentation id and MTU (unless given), Key, Status, times. Errors are Neutron's:
// InvalidInput, TunnelIdInUse, VlanIdInUse, FlatNetworkInUse, NoNetworkAvailable.
func (s *Store) CreateNetworks(ctx context.Context, networks []*model.Network) error {
	return createAll(ctx, s, networks, (*tx).createNetworks, "network", func(n *model.Network) string { return n.ProjectID })
}

// createAll keeps the requests as they are until the transaction is through, as an attempt may have to be repeated. name is
// the resource's in QuotaResources.
func createAll[T any](ctx context.Context, s *Store, requests []*T, create func(*tx, []*T) error, name string, projectOf func(*T) string) error {
	made := make([]*T, len(requests))
	err := s.write(ctx, func(t *tx) error {
		counts := map[string]int{}
		for i, request := range requests {
			object := *request
			made[i] = &object
			counts[projectOf(made[i])]++
		}
		if err := create(t, made); err != nil {
			return err
		}
		return t.withinQuota(name, counts)
	})
	if err != nil {
		return err
	}
	for i, request := range requests {
		*request = *made[i]
	}
	return nil
}

// oneByOne makes objects that have no faster way.
func oneByOne[T any](create func(*tx, *T) error) func(*tx, []*T) error {
	return func(t *tx, objects []*T) error {
		for _, o := range objects {
			if err := create(t, o); err != nil {
				return err
			}
		}
		return nil
	}
}

// Network gives one network, or NetworkNotFound.
func (s *Store) Network(ctx context.Context, id string) (*model.Network, error) {
	n, err := takeNetwork(s.reader.WithContext(ctx), scopeOf(ctx), id)
	return n, s.readError(ctx, err)
}

// ListNetworks gives the networks that the query and the scope select, with one or two statements.
func (s *Store) ListNetworks(ctx context.Context, q Query) ([]*model.Network, error) {
	db, err := networkResource.list(s.reader.WithContext(ctx), scopeOf(ctx), q)
	if err != nil {
		return nil, s.readError(ctx, err)
	}
	networks, err := findNetworks(db)
	return inOrder(q, networks), s.readError(ctx, err)
}

// UpdateNetwork lets patch change a copy of the network, validates and stores it. What patch refuses is returned as
// it is. A patch without effect writes nothing.
func (s *Store) UpdateNetwork(ctx context.Context, id string, patch func(*model.Network) error) (*model.Network, error) {
	var updated *model.Network
	err := s.write(ctx, func(t *tx) error {
		old, err := t.lockNetwork(id, lockToUpdate, "update_network")
		if err != nil {
			return err
		}
		n := *old
		if err := patch(&n); err != nil {
			return err
		}
		n.Tags = sortedOnce(n.Tags)
		updated = &n
		if reflect.DeepEqual(&n, old) {
			return nil
		}
		return t.updateNetwork(old, &n)
	})
	if err != nil {
		return nil, err
	}
	return updated, nil
}

// DeleteNetwork deletes the network with its subnets, DHCP ports and floating IPs that stand for nothing. Other ports on it are NetworkInUse. Its
// segmentation id stays taken until every node has confirmed the deletion.
func (s *Store) DeleteNetwork(ctx context.Context, id string) error {
	return s.write(ctx, func(t *tx) error {
		n, err := t.lockNetwork(id, lockToDelete, "delete_network")
		if err != nil {
			return err
		}
		if err := t.releaseUnused(id); err != nil {
			return err
		}
		inUse, err := t.exists("SELECT 1 FROM ports WHERE network_id = ? AND device_owner <> ?", id, model.DeviceOwnerDHCP)
		if err != nil {
			return err
		}
		if inUse {
			return conflict("NetworkInUse",
				"Unable to complete operation on network %s. There are one or more ports still in use on the network.", id)
		}
		var ports, subnets []model.Number
		if err := firstOf(
			func() error { return t.Raw("SELECT number FROM ports WHERE network_id = ?", id).Scan(&ports).Error },
			func() error {
				for _, port := range ports { // its DHCP port; it may hold an address that others may use too
					if err := t.removePort(port); err != nil {
						return err
					}
				}
				return nil
			},
			func() error {
				return t.Raw("DELETE FROM subnets WHERE network_id = ? RETURNING number", id).Scan(&subnets).Error
			},
			func() error { return t.freeSegments(ofNetwork(n.Number)) },
			func() error { return t.Exec("DELETE FROM networks WHERE number = ?", n.Number).Error },
		); err != nil {
			return err
		}
		t.touchAll(model.KindSubnet, subnets)
		t.touch(n.Ref())
		return nil
	})
}

func (t *tx) createNetworks(networks []*model.Network) error {
	rows, projects := make([]*networkRow, len(networks)), map[string]bool{}
	for i, n := range networks {
		if err := t.prepareNetwork(n); err != nil {
			return err
		}
		rows[i], projects[n.ProjectID] = rowOfNetwork(n), true
	}
	if _, err := t.defaultGroups(projects); err != nil { // Neutron makes it with the project's first network
		return err
	}
	if err := t.CreateInBatches(rows, maxRows).Error; err != nil {
		return err
	}
	for i, n := range networks {
		n.Number = rows[i].Number
		t.touch(n.Ref())
	}
	if err := t.takeSegments(networks); err != nil {
		return err
	}
	for _, n := range networks {
		if err := t.openNetwork(&model.Network{ProjectID: n.ProjectID, ID: n.ID}, n); err != nil {
			return err
		}
	}
	return nil
}

// prepareNetwork completes and checks all that the database need not decide.
func (t *tx) prepareNetwork(n *model.Network) error {
	if err := t.scope.mayCreate(n.ProjectID, "create_network"); err != nil {
		return err
	}
	if n.ID == "" {
		n.ID = t.store.options.Source.UUID()
	}
	if n.NetworkType == "" {
		n.NetworkType = model.NetworkVXLAN
	}
	if n.MTU == 0 {
		n.MTU = model.MaxMTU(n.NetworkType, t.store.options.UnderlayMTU)
	}
	n.Number, n.Status, n.RevisionNumber, n.CreatedAt, n.UpdatedAt = 0, model.StatusActive, 1, t.now, t.now
	n.AvailabilityZoneHints, n.Tags = notNil(n.AvailabilityZoneHints), sortedOnce(n.Tags)
	return n.Validate(t.store.options.UnderlayMTU)
}

func (t *tx) updateNetwork(old, n *model.Network) error {
	switch {
	case n.Number != old.Number || n.ID != old.ID:
		return readOnly("id")
	case n.ProjectID != old.ProjectID:
		return readOnly("tenant_id")
	case n.NetworkType != old.NetworkType || n.PhysicalNetwork != old.PhysicalNetwork ||
		n.SegmentationID != old.SegmentationID || n.Key != old.Key:
		return invalid("Plugin does not support updating provider attributes")
	}
	if n.MTU == 0 {
		n.MTU = model.MaxMTU(n.NetworkType, t.store.options.UnderlayMTU)
	}
	if n.MTU != old.MTU {
		if err := n.Validate(t.store.options.UnderlayMTU); err != nil {
			return err
		}
	} else if err := n.Validate(max(t.store.options.UnderlayMTU, n.MTU+model.VXLANOverhead)); err != nil {
		return err // but not because the underlay has shrunk since
	}
	if err := t.openNetwork(old, n); err != nil {
		return err
	}
	n.Status, n.CreatedAt = old.Status, old.CreatedAt
	n.RevisionNumber, n.UpdatedAt = old.RevisionNumber+1, t.now
	t.touch(n.Ref())
	row := rowOfNetwork(n)
	return t.Model(row).Select("name", "description", "admin_state_up", "mtu", "port_security_enabled", "dns_domain",
		"availability_zone_hints", "tags", "revision_number", "updated_at").Updates(row).Error
}

// lockNetwork gives a network that the scope may change.
func (t *tx) lockNetwork(id, strength, rule string) (*model.Network, error) {
	n, err := takeNetwork(t.Clauses(clause.Locking{Strength: strength}), t.scope, id)
	if err != nil {
		return nil, err
	}
	if !t.scope.owns(n.ProjectID) {
		return nil, forbidden(rule)
	}
	return n, t.scope.expects(n.RevisionNumber)
}

func takeNetwork(db *gorm.DB, scope Scope, id string) (*model.Network, error) {
	n, err := only(scope.networks(db).Where("networks.id = ?", id), networkFields, new(networkRow))
	if err == nil && n == nil {
		err = networkResource.notFound(id)
	}
	return n, err
}

func findNetworks(db *gorm.DB) ([]*model.Network, error) {
	return collect(db, networkFields, new(networkRow))
}

// exists tells whether the query has a row.
func (t *tx) exists(query string, args ...any) (bool, error) {
	var found bool
	err := t.Raw("SELECT EXISTS ("+query+")", args...).Scan(&found).Error
	return found, err
}

func (t *tx) touchAll(kind model.Kind, numbers []model.Number) {
	for _, n := range numbers {
		t.touch(model.Ref{Kind: kind, Number: n})
	}
}

// firstOf runs the steps until one fails.
func firstOf(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
