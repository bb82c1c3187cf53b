package store

import (
	"context"
	"net/http"

	"gorm.io/gorm"

	"github.com/planck-sdn/planck/model"
)

// Scope says for whom a request is made. The zero Scope, which a context without one has, owns nothing.
type Scope struct {
	ProjectID string
	Admin     bool // sees and changes everything
}

type scopeKey struct{}

// WithScope gives the requests made with ctx to a project or an administrator.
func WithScope(ctx context.Context, scope Scope) context.Context {
	return context.WithValue(ctx, scopeKey{}, scope)
}

func scopeOf(ctx context.Context) Scope {
	scope, _ := ctx.Value(scopeKey{}).(Scope)
	return scope
}

func (s Scope) owns(projectID string) bool { return s.Admin || s.ProjectID == projectID }

// mayCreate checks an object's project. None has an empty one, so that an empty Scope owns nothing.
func (s Scope) mayCreate(projectID, rule string) error {
	if projectID == "" {
		return model.Errorf(http.StatusBadRequest, "HTTPBadRequest", "Running without keystone AuthN requires that tenant_id is specified")
	}
	if !s.owns(projectID) {
		return forbidden(rule)
	}
	return nil
}

// The rules of visibility are Neutron's: one's own and shared networks, the subnets on those, one's own ports and
// those on one's own networks.

func (s Scope) networks(db *gorm.DB) *gorm.DB {
	if s.Admin {
		return db
	}
	return db.Where("(networks.project_id = ? OR networks.shared)", s.ProjectID)
}

func (s Scope) subnets(db *gorm.DB) *gorm.DB {
	if s.Admin {
		return db
	}
	return db.Where("(subnets.project_id = ? OR subnets.network_id IN (SELECT id FROM networks WHERE project_id = ? OR shared))",
		s.ProjectID, s.ProjectID)
}

func (s Scope) ports(db *gorm.DB) *gorm.DB {
	if s.Admin {
		return db
	}
	return db.Where("(ports.project_id = ? OR ports.network_id IN (SELECT id FROM networks WHERE project_id = ?))",
		s.ProjectID, s.ProjectID)
}

type revisionKey struct{}

// WithRevision makes each change that is made with ctx and succeeds put its revision into *revision: a position of
// the journal with at least this Revision includes the change. A call that found nothing to change leaves it alone.
func WithRevision(ctx context.Context, revision *int64) context.Context {
	return context.WithValue(ctx, revisionKey{}, revision)
}
