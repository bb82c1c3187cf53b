package api

import (
	"context"

	"github.com/planck-sdn/planck/model"
)

func (b backend) securityGroups() Operations[model.SecurityGroup] {
	return Operations[model.SecurityGroup]{
		Create: func(ctx context.Context, drafts []draft[model.SecurityGroup]) error {
			return b.CreateSecurityGroups(ctx, objectsOf(drafts))
		},
		Get: b.SecurityGroup, List: b.ListSecurityGroups, Update: b.UpdateSecurityGroup, Delete: b.DeleteSecurityGroup,
	}
}

func (b backend) securityGroupRules() Operations[model.SecurityGroupRule] {
	return Operations[model.SecurityGroupRule]{
		Create: func(ctx context.Context, drafts []draft[model.SecurityGroupRule]) error {
			return b.CreateSecurityGroupRules(ctx, objectsOf(drafts))
		},
		Get: b.SecurityGroupRule, List: b.ListSecurityGroupRules, Delete: b.DeleteSecurityGroupRule,
	}
}
