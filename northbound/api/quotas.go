package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"
	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
)

// quota is how many objects of each resource a project may have; -1 is any number.
type quota struct {
	project string
	limits  map[string]int
	forced  bool // limits are taken also where the project has more
}

// quotas declares the limits of projects (Neutron API reference, "Quotas extension"): an attribute for each resource that is counted. The
// id of a quota is its project's.
func quotas(operations Operations[quota]) *Resource[quota] {
	project := computed(text, func(q *quota) string { return q.project })
	attributes := []Attribute[quota]{
		{Name: "tenant_id", Value: project, Get: Anyone, Filter: true, Sort: true},
		{Name: "project_id", Value: project, Get: Anyone, Filter: true, Sort: true},
	}
	for _, name := range store.QuotaResources {
		attributes = append(attributes, Attribute[quota]{Name: name, Value: limitOf(name), Put: Anyone, Get: Anyone})
	}
	attributes = append(attributes,
		Attribute[quota]{Name: "force", Value: of(boolean, func(q *quota) *bool { return &q.forced }), Put: Anyone},
		// What older clients say to have the check that is made anyway (extension quota-check-limit).
		Attribute[quota]{Name: "check_limit", Value: of(boolean, func(*quota) *bool { return new(bool) }), Put: Anyone})
	return &Resource[quota]{
		Name: "quota", Collection: "quotas", Title: "Quota",
		Read: Anyone, Update: Admin, Delete: Admin,
		ID:         func(q *quota) string { return q.project },
		Attributes: attributes,
		Store:      operations,
	}
}

func limitOf(resource string) Value[quota] {
	return Value[quota]{
		parse: func(j any) (func(*quota), error) {
			n, err := limit.Parse(j)
			return func(q *quota) { q.limits[resource] = n }, err
		},
		append: func(dst []byte, q *quota) []byte { return limit.Append(dst, q.limits[resource]) },
		schema: limit.Schema,
	}
}

var limit = Type[int]{
	Parse: func(j any) (int, error) {
		n, err := parseInt(j)
		if err == nil && (n < -1 || n > 1<<31-1) {
			err = because("'%s' is not in valid range '-1' through '%d'", show(j), 1<<31-1)
		}
		return n, err
	},
	Append: integer.Append,
	Schema: schema{"type": "integer", "minimum": -1, "maximum": 1<<31 - 1},
}

func (b backend) quotas() Operations[quota] {
	get := func(ctx context.Context, project string) (*quota, error) {
		limits, err := b.Quota(ctx, project)
		return &quota{project: project, limits: limits}, err
	}
	return Operations[quota]{
		Get: get,
		List: func(ctx context.Context, q store.Query) ([]*quota, error) {
			rows, err := b.Quotas(ctx)
			if err != nil {
				return nil, err
			}
			list := make([]*quota, len(rows))
			for i, row := range rows {
				list[i] = &quota{project: row.ProjectID, limits: row.Limits}
			}
			return inMemory(quotas(Operations[quota]{}), list, q)
		},
		Update: func(ctx context.Context, project string, change func(*quota) error) (*quota, error) {
			said := quota{project: project, limits: map[string]int{}}
			if err := change(&said); err != nil {
				return nil, err
			}
			if !said.forced {
				if err := b.notBelowUsed(ctx, &said); err != nil {
					return nil, err
				}
			}
			limits, err := b.SetQuota(ctx, project, said.limits)
			return &quota{project: project, limits: limits}, err
		},
		Delete: b.ResetQuota,
	}
}

// notBelowUsed refuses limits that are exceeded already (extension quota-check-limit-default). It is there for people: what is made
// meanwhile by others makes a limit just as exceeded.
func (b backend) notBelowUsed(ctx context.Context, q *quota) error {
	details, err := b.QuotaDetails(ctx, q.project)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(q.limits)) {
		if limit, used := q.limits[name], details[name].Used; limit != store.Unlimited && used > limit {
			return badRequest("Quota limit %d for %s must be greater than or equal to already used %d", limit, name, used)
		}
	}
	return nil
}

// serveQuotas adds the quotas, and what there is beside them: the requester's project, the defaults, and what is used.
func serveQuotas(routes gin.IRoutes, b backend, d *description, log *zap.Logger) entry {
	r := quotas(b.quotas())
	c := newCollection(b, r, func(string) Operations[quota] { return r.Store }, log)
	routes.GET("/quotas/tenant", c.handle("id", func(r *request) (int, []byte, error) { return ownProject(r, "tenant") }))
	routes.GET("/quotas/project", c.handle("id", func(r *request) (int, []byte, error) { return ownProject(r, "project") }))
	c.routes(routes, "/quotas", "id")
	describe(d, r, r.Store, "/quotas", "id")
	routes.GET("/quotas/:id/default", c.handle("id", func(r *request) (int, []byte, error) {
		if !r.who.IsAdmin && r.id != r.who.ProjectID {
			return 0, nil, notAuthorized("get_quota")
		}
		return http.StatusOK, c.one(r, &quota{project: r.id, limits: b.DefaultQuota()}, nil), nil
	}))
	routes.GET("/quotas/:id/details", c.handle("id", func(r *request) (int, []byte, error) {
		details, err := b.QuotaDetails(r.ctx, r.id)
		if err != nil {
			return 0, nil, err
		}
		body := []byte(`{"quota":{`)
		for i, name := range slices.Sorted(maps.Keys(details)) {
			if i > 0 {
				body = append(body, ',')
			}
			d := details[name]
			body = fmt.Appendf(body, `%q:{"limit":%d,"used":%d,"reserved":%d}`, name, d.Limit, d.Used, d.Reserved)
		}
		return http.StatusOK, append(body, "}}"...), nil
	}))
	return entry{c.Name, c.Collection, "quotas"}
}

// ownProject answers clients that ask whose quota they may see, by either name of a project.
func ownProject(r *request, name string) (int, []byte, error) {
	if r.who.ProjectID == "" {
		return 0, nil, model.Errorf(http.StatusBadRequest, "QuotaMissingTenant", "Tenant-id was missing from quota request.")
	}
	body := fmt.Appendf(nil, `{%q:{"%s_id":`, name, name)
	return http.StatusOK, append(appendString(body, r.who.ProjectID), "}}"...), nil
}
