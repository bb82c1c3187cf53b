package store

import (
	"net/netip"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/planck-sdn/planck/model"
)

type securityGroupRow struct {
	Number         model.Number `gorm:"primaryKey;autoIncrement"`
	ID             string
	ProjectID      string
	Name           string
	Description    string
	Stateful       bool
	Tags           []string `gorm:"serializer:json"`
	RevisionNumber int64
	CreatedAt      time.Time `gorm:"autoCreateTime:false"`
	UpdatedAt      time.Time `gorm:"autoUpdateTime:false"`
}

func (securityGroupRow) TableName() string { return "security_groups" }

func rowOfSecurityGroup(g *model.SecurityGroup) *securityGroupRow {
	return &securityGroupRow{
		Number: g.Number, ID: g.ID, ProjectID: g.ProjectID, Name: g.Name, Description: g.Description, Stateful: g.Stateful, Tags: notNil(g.Tags),
		RevisionNumber: g.RevisionNumber, CreatedAt: g.CreatedAt, UpdatedAt: g.UpdatedAt,
	}
}

// securityGroupFields are the columns that securityGroupRow.columns reads.
const securityGroupFields = "number, id, project_id, name, description, stateful, tags, revision_number, created_at, updated_at"

func (r *securityGroupRow) columns() []any {
	return []any{&r.Number, &r.ID, &r.ProjectID, &r.Name, &r.Description, &r.Stateful, (*jsonList[string])(&r.Tags), &r.RevisionNumber, &r.CreatedAt, &r.UpdatedAt}
}

func (r *securityGroupRow) model() (*model.SecurityGroup, error) {
	return &model.SecurityGroup{
		Number: r.Number, ID: r.ID, ProjectID: r.ProjectID, Name: r.Name, Description: r.Description, Stateful: r.Stateful,
		Rules: []model.SecurityGroupRule{}, Tags: r.Tags,
		RevisionNumber: r.RevisionNumber, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}, nil
}

type securityGroupRuleRow struct {
	Number          model.Number `gorm:"primaryKey;autoIncrement"`
	ID              string
	SecurityGroupID string
	ProjectID       string
	Description     string
	Direction       string
	EtherType       string `gorm:"column:ethertype"`
	Protocol        string
	PortRangeMin    *int
	PortRangeMax    *int
	RemoteIPPrefix  string `gorm:"column:remote_ip_prefix"` // empty: any
	RemoteGroupID   *string
	RevisionNumber  int64
	CreatedAt       time.Time `gorm:"autoCreateTime:false"`
	UpdatedAt       time.Time `gorm:"autoUpdateTime:false"`
}

func (securityGroupRuleRow) TableName() string { return "security_group_rules" }

func rowOfSecurityGroupRule(r *model.SecurityGroupRule) *securityGroupRuleRow {
	row := &securityGroupRuleRow{
		Number: r.Number, ID: r.ID, SecurityGroupID: r.SecurityGroupID, ProjectID: r.ProjectID, Description: r.Description, Direction: r.Direction,
		EtherType: r.EtherType, Protocol: r.Protocol, PortRangeMin: r.PortRangeMin, PortRangeMax: r.PortRangeMax, RemoteGroupID: orNull(r.RemoteGroupID),
		RevisionNumber: r.RevisionNumber, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
	if r.RemoteIPPrefix.IsValid() {
		row.RemoteIPPrefix = r.RemoteIPPrefix.String()
	}
	return row
}

// securityGroupRuleFields are the columns that securityGroupRuleRow.columns reads.
const securityGroupRuleFields = "number, id, security_group_id, project_id, description, direction, ethertype, protocol, port_range_min, port_range_max, " +
	"remote_ip_prefix, remote_group_id, revision_number, created_at, updated_at"

func (r *securityGroupRuleRow) columns() []any {
	return []any{&r.Number, &r.ID, &r.SecurityGroupID, &r.ProjectID, &r.Description, &r.Direction, &r.EtherType, &r.Protocol, &r.PortRangeMin, &r.PortRangeMax,
		&r.RemoteIPPrefix, &r.RemoteGroupID, &r.RevisionNumber, &r.CreatedAt, &r.UpdatedAt}
}

func (r *securityGroupRuleRow) model() (*model.SecurityGroupRule, error) {
	rule := &model.SecurityGroupRule{
		Number: r.Number, ID: r.ID, SecurityGroupID: r.SecurityGroupID, ProjectID: r.ProjectID, Description: r.Description, Direction: r.Direction,
		EtherType: r.EtherType, Protocol: r.Protocol, PortRangeMin: r.PortRangeMin, PortRangeMax: r.PortRangeMax, RemoteGroupID: orEmpty(r.RemoteGroupID),
		RevisionNumber: r.RevisionNumber, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
	if r.RemoteIPPrefix != "" {
		var err error
		if rule.RemoteIPPrefix, err = netip.ParsePrefix(r.RemoteIPPrefix); err != nil {
			return nil, err
		}
	}
	return rule, nil
}

func findSecurityGroupRules(db *gorm.DB) ([]*model.SecurityGroupRule, error) {
	return collect(db, securityGroupRuleFields, new(securityGroupRuleRow))
}

// findSecurityGroups reads groups with their rules, in two statements.
func findSecurityGroups(db *gorm.DB) ([]*model.SecurityGroup, error) {
	groups, err := collect(db, securityGroupFields, new(securityGroupRow))
	if err != nil {
		return nil, err
	}
	return groups, readRules(db, groups)
}

// readRules fills in the groups' rules.
func readRules(db *gorm.DB, groups []*model.SecurityGroup) error {
	byID := make(map[string]*model.SecurityGroup, len(groups))
	for _, g := range groups {
		byID[g.ID] = g
	}
	for chunk := range slices.Chunk(groups, maxNumbers) {
		ids := make([]string, len(chunk))
		for i, g := range chunk {
			ids[i] = g.ID
		}
		rules, err := findSecurityGroupRules(db.Session(&gorm.Session{NewDB: true}).Where("security_group_id IN ?", ids).Order("number"))
		if err != nil {
			return err
		}
		for _, r := range rules {
			g := byID[r.SecurityGroupID]
			g.Rules = append(g.Rules, *r)
		}
	}
	return nil
}
