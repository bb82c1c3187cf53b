package store

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/planck-sdn/planck/model"
)

type rbacRow struct {
	Number         model.Number `gorm:"primaryKey;autoIncrement"`
	ID             string
	ProjectID      string
	ObjectType     string
	ObjectID       string
	Action         string
	TargetProject  string
	RevisionNumber int64
	CreatedAt      time.Time `gorm:"autoCreateTime:false"`
	UpdatedAt      time.Time `gorm:"autoUpdateTime:false"`
}

func (rbacRow) TableName() string { return "rbac_policies" }

func rowOfRBACPolicy(p *model.RBACPolicy) *rbacRow {
	return &rbacRow{
		ID: p.ID, ProjectID: p.ProjectID, ObjectType: p.ObjectType, ObjectID: p.ObjectID, Action: p.Action, TargetProject: p.TargetProject,
		RevisionNumber: p.RevisionNumber, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
	}
}

func (r *rbacRow) model() (*model.RBACPolicy, error) {
	return &model.RBACPolicy{
		ID: r.ID, ProjectID: r.ProjectID, ObjectType: r.ObjectType, ObjectID: r.ObjectID, Action: r.Action, TargetProject: r.TargetProject,
		RevisionNumber: r.RevisionNumber, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}, nil
}

var rbacResource = resource{"RbacPolicy", "rbac_policies", map[string]column{
	"id": {"rbac_policies.id", textColumn}, "project_id": {"rbac_policies.project_id", textColumn}, "tenant_id": {"rbac_policies.project_id", textColumn},
	"object_type": {"rbac_policies.object_type", textColumn}, "object_id": {"rbac_policies.object_id", textColumn},
	"action":         {"rbac_policies.action", textColumn},
	"target_project": {"rbac_policies.target_project", textColumn}, "target_tenant": {"rbac_policies.target_project", textColumn},
}, Scope.rbacPolicies}

// rbacPolicies are seen by who made them: their targets see what they open, not them.
func (s Scope) rbacPolicies(db *gorm.DB) *gorm.DB {
	db = db.Model(&rbacRow{})
	if s.Admin {
		return db
	}
	return db.Where("rbac_policies.project_id = ?", s.ProjectID)
}

// CreateRBACPolicies makes all of the policies or none, and fills in ID (unless given), RevisionNumber and times. Errors
// are Neutron's: NetworkNotFound, InvalidInput (another's network), InvalidActionForType, PolicyNotAuthorized (what only
// an administrator may), DuplicateRbacPolicy, OverQuota.
func (s *Store) CreateRBACPolicies(ctx context.Context, policies []*model.RBACPolicy) error {
	return createAll(ctx, s, policies, oneByOne((*tx).createRBACPolicy), "rbac_policy", func(p *model.RBACPolicy) string { return p.ProjectID })
}

// RBACPolicy gives one policy, or RbacPolicyNotFound.
func (s *Store) RBACPolicy(ctx context.Context, id string) (*model.RBACPolicy, error) {
	p, err := takeRBACPolicy(s.reader.WithContext(ctx), scopeOf(ctx), id)
	return p, s.readError(ctx, err)
}

// ListRBACPolicies gives the policies that the query and the scope select, with one or two statements.
func (s *Store) ListRBACPolicies(ctx context.Context, q Query) ([]*model.RBACPolicy, error) {
	db, err := rbacResource.list(s.reader.WithContext(ctx), scopeOf(ctx), q)
	if err != nil {
		return nil, s.readError(ctx, err)
	}
	var rows []rbacRow
	if err := db.Find(&rows).Error; err != nil {
		return nil, s.readError(ctx, err)
	}
	policies, err := convert(rows, (*rbacRow).model)
	return inOrder(q, policies), err
}

// UpdateRBACPolicy is to policies what UpdateNetwork is to networks. Only the target can be changed, and only where no
// project loses what it needs: RbacPolicyInUse.
func (s *Store) UpdateRBACPolicy(ctx context.Context, id string, patch func(*model.RBACPolicy) error) (*model.RBACPolicy, error) {
	var updated *model.RBACPolicy
	err := s.write(ctx, func(t *tx) error {
		network, old, err := t.lockRBACPolicy(id)
		if err != nil {
			return err
		}
		p := *old
		if err := patch(&p); err != nil {
			return err
		}
		updated = &p
		if p == *old {
			return nil
		}
		return t.updateRBACPolicy(network, old, &p)
	})
	if err != nil {
		return nil, err
	}
	return updated, nil
}

// DeleteRBACPolicy deletes a policy unless a port of a project stands on it alone: RbacPolicyInUse.
func (s *Store) DeleteRBACPolicy(ctx context.Context, id string) error {
	return s.write(ctx, func(t *tx) error {
		network, p, err := t.lockRBACPolicy(id)
		if err != nil {
			return err
		}
		if err := t.mayOpen(p.Action, p.TargetProject, false, "delete_rbac_policy"); err != nil {
			return err
		}
		if err := t.Exec("DELETE FROM rbac_policies WHERE id = ?", id).Error; err != nil {
			return err
		}
		if err := t.reviseNetwork(network.Number); err != nil {
			return err
		}
		return t.refuseLoss(network, p)
	})
}

func (t *tx) createRBACPolicy(p *model.RBACPolicy) error {
	if err := t.scope.mayCreate(p.ProjectID, "create_rbac_policy"); err != nil {
		return err
	}
	if err := p.Validate(); err != nil {
		return err
	}
	if err := t.mayOpen(p.Action, p.TargetProject, true, "create_rbac_policy"); err != nil {
		return err
	}
	network, err := takeNetwork(t.Clauses(clause.Locking{Strength: lockToUpdate}), t.scope, p.ObjectID)
	if err != nil {
		return err
	}
	if !t.scope.owns(network.ProjectID) {
		return onlyOwners()
	}
	if p.ID == "" {
		p.ID = t.store.options.Source.UUID()
	}
	p.RevisionNumber, p.CreatedAt, p.UpdatedAt = 1, t.now, t.now
	result := t.Clauses(clause.OnConflict{
		Columns: []clause.Column{{Name: "object_id"}, {Name: "action"}, {Name: "target_project"}}, DoNothing: true,
	}).Create(rowOfRBACPolicy(p))
	if result.Error != nil {
		return result.Error
	}
	if result.RowsAffected == 0 {
		return duplicateRBACPolicy()
	}
	return t.reviseNetwork(network.Number)
}

func (t *tx) updateRBACPolicy(network *networkRow, old, p *model.RBACPolicy) error {
	switch {
	case p.ID != old.ID:
		return readOnly("id")
	case p.ProjectID != old.ProjectID:
		return readOnly("tenant_id")
	case p.ObjectType != old.ObjectType:
		return readOnly("object_type")
	case p.ObjectID != old.ObjectID:
		return readOnly("object_id")
	case p.Action != old.Action:
		return readOnly("action")
	}
	if err := p.Validate(); err != nil {
		return err
	}
	if err := t.mayOpen(p.Action, p.TargetProject, true, "update_rbac_policy"); err != nil {
		return err
	}
	if !t.scope.owns(network.ProjectID) {
		return onlyOwners()
	}
	taken, err := t.exists("SELECT 1 FROM rbac_policies WHERE object_id = ? AND action = ? AND target_project = ?", p.ObjectID, p.Action, p.TargetProject)
	if err != nil {
		return err
	}
	if taken {
		return duplicateRBACPolicy()
	}
	p.CreatedAt, p.RevisionNumber, p.UpdatedAt = old.CreatedAt, old.RevisionNumber+1, t.now
	err = t.Exec("UPDATE rbac_policies SET target_project = ?, revision_number = ?, updated_at = ? WHERE id = ?",
		p.TargetProject, p.RevisionNumber, p.UpdatedAt, p.ID).Error
	if err != nil {
		return err
	}
	if err := t.reviseNetwork(network.Number); err != nil {
		return err
	}
	return t.refuseLoss(network, old)
}

// mayOpen keeps for administrators what reaches beyond the project: external networks, and what is for everybody.
// Taking the latter back is the owner's.
func (t *tx) mayOpen(action, target string, opens bool, rule string) error {
	if t.scope.Admin {
		return nil
	}
	if action == model.AccessAsExternal {
		return forbidden(rule + ":action")
	}
	if opens && target == model.EveryProject {
		return forbidden(rule + ":target_project")
	}
	return nil
}

// lockRBACPolicy gives a policy that the scope may change, with its network, which is locked first, as everything does
// that changes a network's policies.
func (t *tx) lockRBACPolicy(id string) (*networkRow, *model.RBACPolicy, error) {
	p, err := takeRBACPolicy(t.DB, t.scope, id)
	if err != nil {
		return nil, nil, err
	}
	var network networkRow
	// Ports that are being made are waited for, see refuseLoss.
	found, err := first(t.Clauses(clause.Locking{Strength: lockToDelete}).Where("id = ?", p.ObjectID), &network)
	if err != nil {
		return nil, nil, err
	}
	if !found {
		return nil, nil, rbacResource.notFound(id)
	}
	p, err = takeRBACPolicy(t.DB, t.scope, id)
	return &network, p, err
}

func takeRBACPolicy(db *gorm.DB, scope Scope, id string) (*model.RBACPolicy, error) {
	var row rbacRow
	found, err := first(scope.rbacPolicies(db).Where("rbac_policies.id = ?", id), &row)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, rbacResource.notFound(id)
	}
	return row.model()
}

// reviseNetwork marks a network as changed whose policies have changed.
func (t *tx) reviseNetwork(number model.Number) error {
	t.touch(model.Ref{Kind: model.KindNetwork, Number: number})
	return t.Exec("UPDATE networks SET revision_number = revision_number + 1, updated_at = ? WHERE number = ?", t.now, number).Error
}

// refuseLoss refuses what was done to policy lost when a port now stands on the network without a policy.
func (t *tx) refuseLoss(network *networkRow, lost *model.RBACPolicy) error {
	if lost.Action == model.AccessAsExternal {
		return t.refuseLossOfExternal(network, lost)
	}
	needed, err := t.needsSharing(network.ID, network.ProjectID, lost.TargetProject)
	if err == nil && needed {
		err = conflict("RbacPolicyInUse", "RBAC policy on object %s cannot be removed because other objects depend on it.\n"+
			"Details: ports of projects that no other policy lets in are on the network.", network.ID)
	}
	return err
}

// needsSharing tells whether the target of a policy that is gone, or for EveryProject anybody, has ports on the network
// that no policy allows now.
func (t *tx) needsSharing(networkID, ownerID, target string) (bool, error) {
	query := "SELECT 1 FROM ports WHERE network_id = ? AND project_id <> ? AND device_owner NOT IN ? AND NOT EXISTS " +
		"(SELECT 1 FROM rbac_policies WHERE object_id = ? AND action = ? AND target_project IN ('*', ports.project_id))"
	own := []string{model.DeviceOwnerDHCP, model.DeviceOwnerRouterGateway, model.DeviceOwnerFloatingIP} // Planck's own
	args := []any{networkID, ownerID, own, networkID, model.AccessAsShared}
	if target != model.EveryProject {
		query, args = query+" AND project_id = ?", append(args, target)
	}
	return t.exists(query, args...)
}

func onlyOwners() error {
	return invalid("Only admins can manipulate policies on networks they do not own")
}

func duplicateRBACPolicy() error {
	return conflict("DuplicateRbacPolicy", "An RBAC policy already exists with those values.")
}

// openNetwork makes the policies for everybody what the network says, where that differs from before.
func (t *tx) openNetwork(before, now *model.Network) error {
	for _, access := range []struct {
		action     string
		was, wants bool
	}{{model.AccessAsShared, before.Shared, now.Shared}, {model.AccessAsExternal, before.External, now.External}} {
		var err error
		switch {
		case access.wants && !access.was:
			err = t.Exec("INSERT INTO rbac_policies (id, project_id, object_type, object_id, action, target_project, revision_number, created_at, updated_at) "+
				"VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?) ON CONFLICT DO NOTHING",
				t.store.options.Source.UUID(), now.ProjectID, model.RBACObjectNetwork, now.ID, access.action, model.EveryProject, t.now, t.now).Error
		case access.was && !access.wants && access.action == model.AccessAsShared:
			err = t.unshareNetwork(now)
		case access.was && !access.wants:
			err = t.closeNetwork(now)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// usersOf are the projects that have a router's gateway or a floating IP on an external network, which is the parameter, twice.
const usersOf = "(SELECT project_id FROM routers WHERE gateway_network_id = ? UNION SELECT project_id FROM floating_ips WHERE floating_network_id = ?) AS users"

// refuseLossOfExternal refuses what was done to policy lost when a router or a floating IP now stands on the network without a policy, or
// when the network is not external any more though there are some.
func (t *tx) refuseLossOfExternal(network *networkRow, lost *model.RBACPolicy) error {
	const policy = "EXISTS (SELECT 1 FROM rbac_policies WHERE object_id = ? AND action = ?"
	needed, err := t.exists("SELECT 1 FROM "+usersOf+" WHERE NOT "+policy+") OR project_id <> ? AND (? = '*' OR project_id = ?) "+
		"AND NOT "+policy+" AND target_project IN ('*', users.project_id))",
		network.ID, network.ID, network.ID, model.AccessAsExternal, network.ProjectID, lost.TargetProject, lost.TargetProject, network.ID, model.AccessAsExternal)
	if err == nil && needed {
		err = conflict("RbacPolicyInUse", "RBAC policy on object %s cannot be removed because other objects depend on it.\n"+
			"Details: There are routers or floating IPs on this network that depend on this policy for access.", network.ID)
	}
	return err
}

// closeNetwork makes a network internal, whoever had been let in.
func (t *tx) closeNetwork(n *model.Network) error {
	used, err := t.exists("SELECT 1 FROM "+usersOf, n.ID, n.ID)
	if err != nil {
		return err
	}
	if used {
		return conflict("ExternalNetworkInUse",
			"External network %s cannot be updated to be made non-external, since it has existing gateway ports.", n.ID)
	}
	return t.Exec("DELETE FROM rbac_policies WHERE object_id = ? AND action = ?", n.ID, model.AccessAsExternal).Error
}

// unshareNetwork takes back what everybody may; what single projects may stays. The network is external or not as a
// whole, so there the last policy goes.
func (t *tx) unshareNetwork(n *model.Network) error {
	err := t.Exec("DELETE FROM rbac_policies WHERE object_id = ? AND action = ? AND target_project = ?",
		n.ID, model.AccessAsShared, model.EveryProject).Error
	if err != nil {
		return err
	}
	needed, err := t.needsSharing(n.ID, n.ProjectID, model.EveryProject)
	if err == nil && needed {
		err = conflict("InvalidSharedSetting",
			"Unable to reconfigure sharing settings for network %s. Multiple tenants are using it.", n.Name)
	}
	return err
}
