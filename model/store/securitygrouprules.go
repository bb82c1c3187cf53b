package store

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"gorm.io/gorm"

	"github.com/planck-sdn/planck/model"
)

var securityGroupRuleResource = resource{"SecurityGroupRule", "security_group_rules", securityGroupRuleColumns(), Scope.securityGroupRules}

// securityGroupRuleColumns: a rule has neither name nor tags.
func securityGroupRuleColumns() map[string]column {
	columns := commonColumns("security_group_rules", map[string]column{
		"security_group_id": {"security_group_id", textColumn}, "direction": {"direction", textColumn}, "ethertype": {"ethertype", textColumn},
		"protocol": {"protocol", textColumn}, "remote_ip_prefix": {"remote_ip_prefix", textColumn},
		"remote_group_id": {"(COALESCE(security_group_rules.remote_group_id, ''))", textColumn},
		"port_range_min":  {"(CAST(COALESCE(security_group_rules.port_range_min, -1) AS bigint))", integerColumn},
		"port_range_max":  {"(CAST(COALESCE(security_group_rules.port_range_max, -1) AS bigint))", integerColumn},
	})
	maps.DeleteFunc(columns, func(attribute string, c column) bool { return attribute == "name" || c.kind == tagsColumn })
	return columns
}

// securityGroupRules are seen by who sees their groups.
func (s Scope) securityGroupRules(db *gorm.DB) *gorm.DB {
	db = db.Model(&securityGroupRuleRow{})
	if s.Admin || s.Service {
		return db
	}
	return db.Where("security_group_rules.security_group_id IN (SELECT id FROM security_groups WHERE project_id = ?)", s.ProjectID)
}

// CreateSecurityGroupRules makes all of the rules or none, and fills in ID (unless given), Number and times; see
// model.SecurityGroupRule.Normalize for what else may change. Errors are Neutron's: those of Validate, SecurityGroupNotFound (also a remote
// group's), SecurityGroupNotSingleGroupRules, SecurityGroupRulesNotSingleProject, DuplicateSecurityGroupRuleInPost, SecurityGroupRuleExists,
// OverQuota.
func (s *Store) CreateSecurityGroupRules(ctx context.Context, rules []*model.SecurityGroupRule) error {
	return createAll(ctx, s, rules, (*tx).createSecurityGroupRules, "security_group_rule", func(r *model.SecurityGroupRule) string { return r.ProjectID })
}

// SecurityGroupRule gives one rule, or SecurityGroupRuleNotFound.
func (s *Store) SecurityGroupRule(ctx context.Context, id string) (*model.SecurityGroupRule, error) {
	r, err := takeSecurityGroupRule(s.reader.WithContext(ctx), scopeOf(ctx), id)
	return r, s.readError(ctx, err)
}

// ListSecurityGroupRules gives the rules that the query and the scope select. The project's default group is made first if there is none.
func (s *Store) ListSecurityGroupRules(ctx context.Context, q Query) ([]*model.SecurityGroupRule, error) {
	if err := s.ensureDefaultGroup(ctx, q); err != nil {
		return nil, err
	}
	db, err := securityGroupRuleResource.list(s.reader.WithContext(ctx), scopeOf(ctx), q)
	if err != nil {
		return nil, s.readError(ctx, err)
	}
	rules, err := findSecurityGroupRules(db)
	return inOrder(q, rules), s.readError(ctx, err)
}

// DeleteSecurityGroupRule deletes a rule.
func (s *Store) DeleteSecurityGroupRule(ctx context.Context, id string) error {
	return s.write(ctx, func(t *tx) error {
		r, err := takeSecurityGroupRule(t.DB, t.scope, id)
		if err != nil {
			return err
		}
		if err := t.scope.expects(r.RevisionNumber); err != nil {
			return err
		}
		if _, err := t.lockGroupOfRules(r.SecurityGroupID, "delete_security_group_rule"); err != nil {
			return err
		}
		result := t.Exec("DELETE FROM security_group_rules WHERE number = ?", r.Number)
		if result.Error != nil {
			return result.Error
		}
		if result.RowsAffected == 0 { // somebody else was faster
			return securityGroupRuleNotFound(id)
		}
		return t.reviseSecurityGroups([]string{r.SecurityGroupID})
	})
}

// lockGroupOfRules is lockSecurityGroup of a group whose rules are changed: the revision that the scope expects is a rule's.
func (t *tx) lockGroupOfRules(id, rule string) (*model.SecurityGroup, error) {
	expected := t.scope.Revision
	t.scope.Revision = 0
	defer func() { t.scope.Revision = expected }()
	return t.lockSecurityGroup(id, lockToUpdate, rule)
}

func (t *tx) createSecurityGroupRules(rules []*model.SecurityGroupRule) error {
	if len(rules) == 0 {
		return nil
	}
	const rule = "create_security_group_rule"
	group, project := rules[0].SecurityGroupID, rules[0].ProjectID
	for _, r := range rules {
		if r.SecurityGroupID != group {
			return model.Errorf(http.StatusBadRequest, "SecurityGroupNotSingleGroupRules", "Only allowed to update rules for one security profile at a time")
		}
		if r.ProjectID != project {
			return model.Errorf(http.StatusBadRequest, "SecurityGroupRulesNotSingleProject",
				"Multiple project_ids in bulk security group rule create not allowed")
		}
	}
	if err := t.scope.mayCreate(project, rule); err != nil {
		return err
	}
	for _, r := range rules {
		r.Normalize()
		if err := r.Validate(); err != nil {
			return err
		}
	}
	g, err := t.lockGroupOfRules(group, rule)
	if err != nil {
		return err
	}
	if err := t.seesRemoteGroups(rules); err != nil {
		return err
	}
	if err := refuseDuplicates(g, rules); err != nil {
		return err
	}
	if err := t.insertSecurityGroupRules(rules); err != nil {
		return err
	}
	return t.reviseSecurityGroups([]string{group})
}

// seesRemoteGroups refuses rules that name a group that the scope does not see.
func (t *tx) seesRemoteGroups(rules []*model.SecurityGroupRule) error {
	wanted := map[string]bool{}
	for _, r := range rules {
		if r.RemoteGroupID != "" {
			wanted[r.RemoteGroupID] = true
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	var found []string
	if err := t.scope.securityGroups(t.DB).Where("id IN ?", sortedKeys(wanted)).Pluck("id", &found).Error; err != nil {
		return err
	}
	for _, id := range found {
		delete(wanted, id)
	}
	if len(wanted) > 0 {
		return securityGroupNotFound(sortedKeys(wanted)...)
	}
	return nil
}

// refuseDuplicates holds new rules against each other and those that the group has.
func refuseDuplicates(g *model.SecurityGroup, rules []*model.SecurityGroupRule) error {
	wanted := make(map[model.SecurityGroupRuleKey]bool, len(rules))
	for _, r := range rules {
		if wanted[r.Key()] {
			return conflict("DuplicateSecurityGroupRuleInPost", "Duplicate Security Group Rule in POST.")
		}
		wanted[r.Key()] = true
	}
	for i := range g.Rules {
		if wanted[g.Rules[i].Key()] {
			return conflict("SecurityGroupRuleExists", "Security group rule already exists. Rule id is %s.", g.Rules[i].ID)
		}
	}
	return nil
}

// insertSecurityGroupRules fills in what the database need not decide, and writes the rules.
func (t *tx) insertSecurityGroupRules(rules []*model.SecurityGroupRule) error {
	rows := make([]*securityGroupRuleRow, len(rules))
	for i, r := range rules {
		if r.ID == "" {
			r.ID = t.store.options.Source.UUID()
		}
		r.Number, r.RevisionNumber, r.CreatedAt, r.UpdatedAt = 0, 1, t.now, t.now
		rows[i] = rowOfSecurityGroupRule(r)
	}
	if err := t.CreateInBatches(rows, maxRows).Error; err != nil {
		return err
	}
	for i, r := range rules {
		r.Number = rows[i].Number
	}
	return nil
}

func takeSecurityGroupRule(db *gorm.DB, scope Scope, id string) (*model.SecurityGroupRule, error) {
	r, err := only(scope.securityGroupRules(db).Where("security_group_rules.id = ?", id), securityGroupRuleFields, new(securityGroupRuleRow))
	if err == nil && r == nil {
		err = securityGroupRuleNotFound(id)
	}
	return r, err
}

func securityGroupRuleNotFound(id string) error {
	return model.Errorf(http.StatusNotFound, "SecurityGroupRuleNotFound", "Security group rule %s does not exist", id)
}

func sortedKeys(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
