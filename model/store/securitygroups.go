package store

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/planck-sdn/planck/model"
)

// Whoever changes a group's rules locks the group's row first. Ports only keep it from being deleted, by their foreign keys.

// defaultGroupDescription is Neutron's.
const defaultGroupDescription = "Default security group"

var securityGroupResource = resource{"SecurityGroup", "security_groups", commonColumns("security_groups", map[string]column{
	"stateful": {"stateful", boolColumn},
}), Scope.securityGroups}

// securityGroups are seen by their projects, and by the cloud's own services: Nova shows them with its servers.
func (s Scope) securityGroups(db *gorm.DB) *gorm.DB {
	db = db.Model(&securityGroupRow{})
	if s.Admin || s.Service {
		return db
	}
	return db.Where("security_groups.project_id = ?", s.ProjectID)
}

// CreateSecurityGroups makes all of the groups or none, after the default groups of their projects, and fills in ID (unless given), Number,
// times and Rules: each lets everything out. Errors are Neutron's: SecurityGroupDefaultAlreadyExists, OverQuota.
func (s *Store) CreateSecurityGroups(ctx context.Context, groups []*model.SecurityGroup) error {
	made := make([]*model.SecurityGroup, len(groups))
	err := s.write(ctx, func(t *tx) error {
		counts, rules := map[string]int{}, map[string]int{}
		for i, g := range groups {
			c := cloneSecurityGroup(g)
			made[i] = &c
			counts[g.ProjectID]++
		}
		if err := t.createSecurityGroups(made); err != nil {
			return err
		}
		for _, g := range made {
			rules[g.ProjectID] += len(g.Rules)
		}
		if err := t.withinQuota("security_group", counts); err != nil {
			return err
		}
		return t.withinQuota("security_group_rule", rules)
	})
	if err != nil {
		return err
	}
	for i, g := range groups {
		*g = *made[i]
	}
	return nil
}

// SecurityGroup gives one group, or SecurityGroupNotFound.
func (s *Store) SecurityGroup(ctx context.Context, id string) (group *model.SecurityGroup, err error) {
	err = s.read(ctx, func(db *gorm.DB) error {
		group, err = takeSecurityGroup(db, scopeOf(ctx), id)
		return err
	})
	return group, err
}

// ListSecurityGroups gives the groups that the query and the scope select, with three or four statements. The project's default group is
// made first if there is none.
func (s *Store) ListSecurityGroups(ctx context.Context, q Query) ([]*model.SecurityGroup, error) {
	if err := s.ensureDefaultGroup(ctx, q); err != nil {
		return nil, err
	}
	var groups []*model.SecurityGroup
	err := s.read(ctx, func(db *gorm.DB) error {
		selected, err := securityGroupResource.list(db, scopeOf(ctx), q)
		if err == nil {
			groups, err = findSecurityGroups(selected)
		}
		return err
	})
	return inOrder(q, groups), err
}

// UpdateSecurityGroup is to groups what UpdateNetwork is to networks; changes of Rules have no effect. Errors are Neutron's:
// SecurityGroupCannotUpdateDefault (another name for a default group), SecurityGroupDefaultAlreadyExists, and SecurityGroupInUse: ports keep
// a group as stateful as it is.
func (s *Store) UpdateSecurityGroup(ctx context.Context, id string, patch func(*model.SecurityGroup) error) (*model.SecurityGroup, error) {
	var updated *model.SecurityGroup
	err := s.write(ctx, func(t *tx) error {
		old, err := t.lockSecurityGroup(id, lockToDelete, "update_security_group")
		if err != nil {
			return err
		}
		g := cloneSecurityGroup(old)
		if err := patch(&g); err != nil {
			return err
		}
		g.Rules, g.Tags = old.Rules, sortedOnce(g.Tags)
		updated = &g
		if reflect.DeepEqual(&g, old) {
			return nil
		}
		return t.updateSecurityGroup(old, &g)
	})
	if err != nil {
		return nil, err
	}
	return updated, nil
}

// DeleteSecurityGroup deletes a group with its rules, and with those rules of other groups that name it. Ports make it SecurityGroupInUse. A
// default group is SecurityGroupCannotRemoveDefault for all but administrators; it comes again when it is needed.
func (s *Store) DeleteSecurityGroup(ctx context.Context, id string) error {
	return s.write(ctx, func(t *tx) error {
		g, err := t.lockSecurityGroup(id, lockToDelete, "delete_security_group")
		if err != nil {
			return err
		}
		if err := t.refuseGroupInUse(id); err != nil {
			return err
		}
		if g.IsDefault() && !t.scope.Admin {
			return conflict("SecurityGroupCannotRemoveDefault", "Insufficient rights for removing default security group.")
		}
		var losers []string
		err = t.Raw("DELETE FROM security_group_rules WHERE security_group_id = ? OR remote_group_id = ? RETURNING security_group_id", id, id).Scan(&losers).Error
		if err != nil {
			return err
		}
		losers = slices.DeleteFunc(losers, func(loser string) bool { return loser == id })
		if err := t.reviseSecurityGroups(losers); err != nil {
			return err
		}
		t.touch(g.Ref())
		return t.Exec("DELETE FROM security_groups WHERE number = ?", g.Number).Error
	})
}

func (t *tx) createSecurityGroups(groups []*model.SecurityGroup) error {
	projects := map[string]bool{}
	for _, g := range groups {
		if err := t.scope.mayCreate(g.ProjectID, "create_security_group"); err != nil {
			return err
		}
		if err := refuseDefaultName(g.Name); err != nil {
			return err
		}
		projects[g.ProjectID] = true
	}
	if _, err := t.defaultGroups(projects); err != nil {
		return err
	}
	return t.insertSecurityGroups(groups)
}

// refuseDefaultName keeps the name of default groups for them.
func refuseDefaultName(name string) error {
	if strings.EqualFold(name, model.DefaultSecurityGroup) {
		return conflict("SecurityGroupDefaultAlreadyExists", "Default security group already exists.")
	}
	return nil
}

func (t *tx) insertSecurityGroups(groups []*model.SecurityGroup) error {
	rows := make([]*securityGroupRow, len(groups))
	for i, g := range groups {
		if g.ID == "" {
			g.ID = t.store.options.Source.UUID()
		}
		g.Number, g.RevisionNumber, g.CreatedAt, g.UpdatedAt = 0, 1, t.now, t.now
		g.Tags = sortedOnce(g.Tags)
		if err := g.Validate(); err != nil {
			return err
		}
		rows[i] = rowOfSecurityGroup(g)
	}
	if err := t.CreateInBatches(rows, maxRows).Error; err != nil {
		return err
	}
	var rules []*model.SecurityGroupRule
	for i, g := range groups {
		g.Number = rows[i].Number
		t.touch(g.Ref())
		g.Rules = rulesOfNewGroup(g)
		for j := range g.Rules {
			rules = append(rules, &g.Rules[j])
		}
	}
	return t.insertSecurityGroupRules(rules)
}

// rulesOfNewGroup are Neutron's: everything may go out, and a default group's members may reach each other.
func rulesOfNewGroup(g *model.SecurityGroup) []model.SecurityGroupRule {
	var rules []model.SecurityGroupRule
	add := func(direction, remote string) {
		for _, etherType := range []string{model.EtherTypeIPv4, model.EtherTypeIPv6} {
			rules = append(rules, model.SecurityGroupRule{SecurityGroupID: g.ID, ProjectID: g.ProjectID,
				Direction: direction, EtherType: etherType, RemoteGroupID: remote})
		}
	}
	add(model.Egress, "")
	if g.IsDefault() {
		add(model.Ingress, g.ID)
	}
	return rules
}

// defaultGroups gives the ids of the projects' default groups, and makes those that are missing, whatever the quota is: no port could be
// made without. Of two that make one at once, the unique index lets one through, and the other one's next attempt finds it.
func (t *tx) defaultGroups(projects map[string]bool) (map[string]string, error) {
	names := sortedKeys(projects)
	var rows []struct{ ProjectID, ID string }
	err := t.Raw("SELECT project_id, id FROM security_groups WHERE project_id IN ? AND name = '"+model.DefaultSecurityGroup+"'", names).Scan(&rows).Error
	if err != nil {
		return nil, err
	}
	found := make(map[string]string, len(names))
	for _, r := range rows {
		found[r.ProjectID] = r.ID
	}
	if len(found) == len(names) {
		return found, nil
	}
	var missing []*model.SecurityGroup
	for _, project := range names {
		if found[project] == "" {
			missing = append(missing, &model.SecurityGroup{ProjectID: project, Name: model.DefaultSecurityGroup, Description: defaultGroupDescription, Stateful: true})
		}
	}
	if err := t.insertSecurityGroups(missing); err != nil {
		return nil, err
	}
	for _, g := range missing {
		found[g.ProjectID] = g.ID
	}
	return found, nil
}

// ensureDefaultGroup makes the default group of the project that a list is about.
func (s *Store) ensureDefaultGroup(ctx context.Context, q Query) error {
	scope := scopeOf(ctx)
	project := scope.ProjectID
	for _, attribute := range []string{"tenant_id", "project_id"} {
		if values := q.Filters[attribute]; len(values) > 0 {
			project = values[0]
		}
	}
	if project == "" || !scope.owns(project) || !utf8.ValidString(project) || strings.ContainsRune(project, 0) {
		return nil
	}
	var found bool
	err := s.reader.WithContext(ctx).Raw("SELECT EXISTS (SELECT 1 FROM security_groups WHERE project_id = ? AND name = '"+model.DefaultSecurityGroup+"')", project).
		Scan(&found).Error
	if err != nil || found {
		return s.readError(ctx, err)
	}
	return s.write(ctx, func(t *tx) error {
		_, err := t.defaultGroups(map[string]bool{project: true})
		return err
	})
}

func (t *tx) updateSecurityGroup(old, g *model.SecurityGroup) error {
	switch {
	case g.Number != old.Number || g.ID != old.ID:
		return readOnly("id")
	case g.ProjectID != old.ProjectID:
		return readOnly("tenant_id")
	case g.Name != old.Name && old.IsDefault():
		return conflict("SecurityGroupCannotUpdateDefault", "Updating default security group not allowed.")
	}
	if g.Name != old.Name {
		if err := refuseDefaultName(g.Name); err != nil {
			return err
		}
	}
	if err := g.Validate(); err != nil {
		return err
	}
	if g.Stateful != old.Stateful {
		if err := t.refuseGroupInUse(g.ID); err != nil {
			return err
		}
	}
	g.CreatedAt, g.RevisionNumber, g.UpdatedAt = old.CreatedAt, old.RevisionNumber+1, t.now
	t.touch(g.Ref())
	row := rowOfSecurityGroup(g)
	return t.Model(row).Select("name", "description", "stateful", "tags", "revision_number", "updated_at").Updates(row).Error
}

func (t *tx) refuseGroupInUse(id string) error {
	inUse, err := t.exists("SELECT 1 FROM port_security_groups WHERE security_group_id = ?", id)
	if err == nil && inUse {
		err = conflict("SecurityGroupInUse", "Security Group %s in use.", id)
	}
	return err
}

// reviseSecurityGroups marks groups as changed whose rules have changed.
func (t *tx) reviseSecurityGroups(ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	var numbers []model.Number
	err := t.Raw("UPDATE security_groups SET revision_number = revision_number + 1, updated_at = ? WHERE id IN ? RETURNING number", t.now, ids).Scan(&numbers).Error
	t.touchAll(model.KindSecurityGroup, numbers)
	return err
}

// lockSecurityGroup gives a group that the scope may change.
func (t *tx) lockSecurityGroup(id, strength, rule string) (*model.SecurityGroup, error) {
	g, err := takeSecurityGroup(t.Clauses(clause.Locking{Strength: strength}), t.scope, id)
	if err != nil {
		return nil, err
	}
	if !t.scope.owns(g.ProjectID) {
		return nil, forbidden(rule)
	}
	return g, t.scope.expects(g.RevisionNumber)
}

func takeSecurityGroup(db *gorm.DB, scope Scope, id string) (*model.SecurityGroup, error) {
	groups, err := findSecurityGroups(scope.securityGroups(db).Where("security_groups.id = ?", id))
	if err != nil {
		return nil, err
	}
	if len(groups) == 0 {
		return nil, securityGroupNotFound(id)
	}
	return groups[0], nil
}

func securityGroupNotFound(ids ...string) error {
	return model.Errorf(http.StatusNotFound, "SecurityGroupNotFound", "Security group %s does not exist", strings.Join(ids, ", "))
}

// cloneSecurityGroup copies what a patch may change in place.
func cloneSecurityGroup(g *model.SecurityGroup) model.SecurityGroup {
	c := *g
	c.Rules = slices.Clone(g.Rules)
	c.Tags = slices.Clone(g.Tags)
	return c
}
