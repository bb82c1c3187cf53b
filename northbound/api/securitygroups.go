package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/planck-sdn/planck/model"
)

// securityGroups declares the security groups (Neutron API reference, "Security groups"; extension stateful-security-group).
func securityGroups(operations Operations[model.SecurityGroup]) *Resource[model.SecurityGroup] {
	type group = model.SecurityGroup
	return &Resource[group]{
		Name: "security_group", Collection: "security_groups", Path: "security-groups", Title: "Security Group",
		Create: Anyone, Read: Anyone, Update: Anyone, Delete: Anyone,
		ID:       func(g *group) string { return g.ID },
		Revision: func(g *group) int64 { return g.RevisionNumber },
		Tags:     func(g *group) *[]string { return &g.Tags },
		Store:    operations,
		Attributes: standard(
			func(g *group) standardFields {
				return standardFields{&g.ID, &g.ProjectID, &g.Description, &g.Tags, &g.RevisionNumber, &g.CreatedAt, &g.UpdatedAt}
			},
			Attribute[group]{Name: "name", Value: of(groupName, func(g *group) *string { return &g.Name }),
				Post: Anyone, Put: Anyone, Get: Anyone, Default: "", Filter: true, Sort: true},
			Attribute[group]{Name: "stateful", Value: of(boolean, func(g *group) *bool { return &g.Stateful }),
				Post: Anyone, Put: Anyone, Get: Anyone, Default: true, Filter: true},
			Attribute[group]{Name: "security_group_rules", Value: rulesOfGroup(),
				Get: Anyone},
		),
	}
}

// groupName is a name that is not the default group's, which a project gets by itself.
var groupName = func() Type[string] {
	t := name
	t.Parse = func(j any) (string, error) {
		s, err := name.Parse(j)
		if err == nil && strings.EqualFold(s, model.DefaultSecurityGroup) {
			err = model.Errorf(http.StatusConflict, "SecurityGroupDefaultAlreadyExists", "Default security group already exists.")
		}
		return s, err
	}
	return t
}()

// rulesOfGroup shows a group's rules as they show themselves.
func rulesOfGroup() Value[model.SecurityGroup] {
	r := securityGroupRules(Operations[model.SecurityGroupRule]{})
	attributes := r.visible(Anyone, nil)
	return Value[model.SecurityGroup]{
		append: func(dst []byte, g *model.SecurityGroup) []byte {
			dst = append(dst, '[')
			for i := range g.Rules {
				if i > 0 {
					dst = append(dst, ',')
				}
				dst = appendObject(dst, &g.Rules[i], attributes)
			}
			return append(dst, ']')
		},
		schema: schema{"type": "array", "items": reference(r.kind())},
	}
}

// groupIDs are the security groups of a port. Null is none.
var groupIDs = func() Type[[]string] {
	t := listOf(identifier, "'%s' is not a list", true)
	parse := t.Parse
	t.Parse = func(j any) ([]string, error) {
		ids, err := parse(j)
		for i, id := range ids {
			if slices.Contains(ids[:i], id) {
				return nil, because("Duplicate items in the list: '%s'", id)
			}
		}
		return ids, err
	}
	return t
}()
