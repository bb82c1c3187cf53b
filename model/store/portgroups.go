package store

import (
	"net/http"

	"gorm.io/gorm/clause"

	"github.com/planck-sdn/planck/model"
)

// lockToKeep keeps a row from being deleted, and what only lockToDelete may change as it is.
const lockToKeep = "KEY SHARE"

// chosenGroup is what decides whether a port can have a group.
type chosenGroup struct {
	ID, ProjectID string
	Stateful      bool
}

// chooseSecurityGroups makes the groups of new ports what is asked for, or, where nothing is said, the project's default group. Ports of the
// network itself have no port security, as in Neutron, and ports without it no groups; Validate refuses those that ask for some.
func (t *tx) chooseSecurityGroups(ports []*model.Port) error {
	projects := map[string]bool{}
	for _, p := range ports {
		projects[p.ProjectID] = true
		if p.OwnedByNetwork() {
			p.PortSecurityEnabled = false
		}
	}
	defaults, err := t.defaultGroups(projects)
	if err != nil {
		return err
	}
	var asking []*model.Port
	for _, p := range ports {
		switch {
		case p.SecurityGroups == nil && p.PortSecurityEnabled && p.VNICType != model.VNICTypeBareMetal:
			p.SecurityGroups = []string{defaults[p.ProjectID]}
			continue
		case len(p.SecurityGroups) > 0 && p.PortSecurityEnabled:
			asking = append(asking, p)
		}
		p.SecurityGroups = sortedOnce(p.SecurityGroups)
	}
	return t.checkSecurityGroups(asking)
}

// checkSecurityGroups refuses groups that are not there for the ports' projects, and stateful ones beside others: SecurityGroupNotFound,
// SecurityGroupConflict. The groups stay as they are until the transaction ends.
func (t *tx) checkSecurityGroups(ports []*model.Port) error {
	ids := map[string]bool{}
	for _, p := range ports {
		for _, id := range p.SecurityGroups {
			ids[id] = true
		}
	}
	if len(ids) == 0 {
		return nil
	}
	var rows []chosenGroup
	err := t.Model(&securityGroupRow{}).Select("id", "project_id", "stateful").Clauses(clause.Locking{Strength: lockToKeep}).
		Where("id IN ?", sortedKeys(ids)).Order("id").Scan(&rows).Error
	if err != nil {
		return err
	}
	groups := make(map[string]chosenGroup, len(rows))
	for _, g := range rows {
		groups[g.ID] = g
	}
	for _, p := range ports {
		var missing []string
		stateful := 0
		for _, id := range p.SecurityGroups {
			g, found := groups[id]
			if !found || g.ProjectID != p.ProjectID && !t.scope.Admin {
				missing = append(missing, id)
			}
			if g.Stateful {
				stateful++
			}
		}
		if len(missing) > 0 {
			return securityGroupNotFound(missing...)
		}
		if stateful != 0 && stateful != len(p.SecurityGroups) {
			return conflict("SecurityGroupConflict", "Error Cannot apply both stateful and stateless security groups on the same port at the same time "+
				"while attempting the operation.")
		}
	}
	return nil
}

// insertPortGroups writes into port_security_groups what the rows of ports say that are in a table.
func (d dialect) insertPortGroups(ports string) string {
	return "INSERT INTO port_security_groups (port_number, security_group_id) SELECT " + ports + ".number, chosen.value FROM " + ports +
		" CROSS JOIN " + listElements(d.name, ports+".security_groups", "chosen")
}

func (t *tx) repeatSecurityGroups(ports []model.Number) error {
	return t.Exec(t.store.dialect.insertPortGroups("ports")+" WHERE ports.number IN ?", ports).Error
}

// moveSecurityGroups is repeatSecurityGroups for a port that had others before.
func (t *tx) moveSecurityGroups(port model.Number) error {
	if err := t.Exec("DELETE FROM port_security_groups WHERE port_number = ?", port).Error; err != nil {
		return err
	}
	return t.repeatSecurityGroups([]model.Number{port})
}

// hasSecurityGroups refuses to switch port security off under groups.
func hasSecurityGroups() error {
	return model.Errorf(http.StatusConflict, "PortSecurityPortHasSecurityGroup",
		"Port has security group associated. Cannot disable port security or IP address until security group is removed.")
}
