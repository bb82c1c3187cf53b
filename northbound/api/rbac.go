package api

import "github.com/planck-sdn/planck/model"

// rbacPolicies declares who may use networks of others (Neutron API reference, "RBAC Policies").
func rbacPolicies(operations Operations[model.RBACPolicy]) *Resource[model.RBACPolicy] {
	type policy = model.RBACPolicy
	project := of(text, func(p *policy) *string { return &p.ProjectID })
	return &Resource[policy]{
		Name: "rbac_policy", Collection: "rbac_policies", Path: "rbac-policies", Title: "RbacPolicy",
		Create: Anyone, Read: Anyone, Update: Anyone, Delete: Anyone,
		ID:    func(p *policy) string { return p.ID },
		Allow: allowPolicy,
		Store: operations,
		Attributes: []Attribute[policy]{
			{Name: "id", Value: computed(identifier, func(p *policy) string { return p.ID }), Get: Anyone, Filter: true, Sort: true},
			{Name: "tenant_id", Value: project, Post: Anyone, Get: Anyone, Filter: true, Sort: true},
			{Name: "project_id", Value: project, Get: Anyone, Filter: true, Sort: true},
			{Name: "object_type", Value: of(text, func(p *policy) *string { return &p.ObjectType }),
				Post: Anyone, Get: Anyone, Required: true, Filter: true, Sort: true},
			{Name: "object_id", Value: of(identifier, func(p *policy) *string { return &p.ObjectID }),
				Post: Anyone, Get: Anyone, Required: true, Filter: true, Sort: true},
			{Name: "action", Value: of(text, func(p *policy) *string { return &p.Action }),
				Post: Anyone, Get: Anyone, Required: true, Filter: true, Sort: true},
			{Name: "target_tenant", Value: of(text, func(p *policy) *string { return &p.TargetProject }),
				Post: Anyone, Put: Anyone, Get: Anyone, Required: true, Filter: true, Sort: true},
		},
	}
}

// allowPolicy keeps for administrators what concerns everybody (Neutron's rule restrict_wildcard) and what opens a network to routers.
func allowPolicy(s said[model.RBACPolicy], _ func() (bool, error)) error {
	if target, _ := s.json("target_tenant"); target == model.EveryProject {
		return notAuthorized("rbac_policy:target_tenant")
	}
	return nil
}
