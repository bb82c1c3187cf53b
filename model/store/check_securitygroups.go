package store

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/planck-sdn/planck/model"
)

func (c *checker) readSecurityGroups() error {
	var rows []struct {
		Number                           model.Number
		ID, ProjectID, Name, Description string
		Stateful                         bool
		Tags                             string
		RevisionNumber                   int64
	}
	err := c.db.Raw("SELECT number, id, project_id, name, description, stateful, tags, revision_number FROM security_groups ORDER BY number").Scan(&rows).Error
	if err != nil {
		return err
	}
	c.securityGroups = make(map[string]*model.SecurityGroup, len(rows))
	defaults := map[string]string{}
	for _, r := range rows {
		what := "security group " + r.ID
		g := &model.SecurityGroup{Number: r.Number, ID: r.ID, ProjectID: r.ProjectID, Name: r.Name, Description: r.Description, Stateful: r.Stateful,
			Tags: c.parseTags(what, r.Tags)}
		c.checkRevision(what, r.RevisionNumber)
		if err := g.Validate(); err != nil {
			c.report("%s: %v", what, err)
		}
		if g.Number < 1 || g.Number > model.MaxGroupNumber {
			c.report("%s: its number %d does not fit 32 bits", what, g.Number)
		}
		if strings.EqualFold(g.Name, model.DefaultSecurityGroup) {
			if other, second := defaults[g.ProjectID]; second || !g.IsDefault() {
				c.report("%s: it is named %q, and the default group of project %s is %q", what, g.Name, g.ProjectID, other)
			}
			defaults[g.ProjectID] = g.ID
		}
		c.securityGroups[g.ID] = g
	}
	var bindings []struct {
		PortNumber      model.Number
		SecurityGroupID string
	}
	err = c.db.Raw("SELECT port_number, security_group_id FROM port_security_groups ORDER BY port_number, security_group_id").Scan(&bindings).Error
	c.groupsOfPorts = map[model.Number][]string{}
	for _, b := range bindings {
		c.groupsOfPorts[b.PortNumber] = append(c.groupsOfPorts[b.PortNumber], b.SecurityGroupID)
	}
	return err
}

func (c *checker) checkSecurityGroupRules() error {
	var rows []securityGroupRuleRow
	err := c.db.Order("number").Find(&rows).Error
	type ruleOfGroup struct {
		group string
		key   model.SecurityGroupRuleKey
	}
	known := make(map[ruleOfGroup]string, len(rows))
	for i := range rows {
		row := &rows[i]
		what := "security group rule " + row.ID
		c.checkRevision(what, row.RevisionNumber)
		if c.securityGroups[row.SecurityGroupID] == nil {
			c.report("%s: there is no security group %s", what, row.SecurityGroupID)
		}
		if remote := orEmpty(row.RemoteGroupID); remote != "" && c.securityGroups[remote] == nil {
			c.report("%s: there is no remote security group %s", what, remote)
		}
		if _, err := netip.ParsePrefix(row.RemoteIPPrefix); row.RemoteIPPrefix != "" && err != nil {
			c.report("%s: remote_ip_prefix: %v", what, err)
			continue
		}
		r, _ := row.model() // it fails for the prefix only
		if err := r.Validate(); err != nil {
			c.report("%s: %v", what, err)
			continue
		}
		normal := *r
		if normal.Normalize(); normal != *r {
			c.report("%s: it is not written as Planck does: ethertype %q, protocol %q", what, r.EtherType, r.Protocol)
		}
		key := ruleOfGroup{row.SecurityGroupID, r.Key()}
		if other, duplicate := known[key]; duplicate {
			c.report("%s: rule %s of its group says the same", what, other)
		}
		known[key] = row.ID
	}
	return err
}

// checkSecurityGroups compares both places where a port's groups stand.
func (c *checker) checkSecurityGroups(what string, p *model.Port) {
	bound := c.groupsOfPorts[p.Number]
	delete(c.groupsOfPorts, p.Number)
	if !slices.Equal(p.SecurityGroups, sortedOnce(bound)) {
		c.report("%s: security_groups says %v, and it has %v", what, p.SecurityGroups, bound)
	}
	stateful := 0
	for _, id := range bound {
		g := c.securityGroups[id]
		if g == nil {
			c.report("%s: there is no security group %s", what, id)
			return
		}
		if g.Stateful {
			stateful++
		}
	}
	if stateful != 0 && stateful != len(bound) {
		c.report("%s: of its security groups %v some are stateful and some are not", what, bound)
	}
}

// checkGroupsWithoutPorts is called when all ports have been seen.
func (c *checker) checkGroupsWithoutPorts() {
	for _, number := range slices.Sorted(maps.Keys(c.groupsOfPorts)) {
		c.report("security groups %v: there is no port number %d", c.groupsOfPorts[number], number)
	}
}
