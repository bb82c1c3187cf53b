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
	Service   bool // of the cloud itself, such as Nova: sees all networks and subnets, sees and changes all ports
	// Revision is what the object that is changed or deleted must have as its revision number; 0: any.
	Revision int64
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

func (s Scope) owns(projectID string) bool {
	return s.Admin || s.ProjectID == projectID && projectID != ""
}

// ownsPort is owns for ports.
func (s Scope) ownsPort(projectID string) bool { return s.Service || s.owns(projectID) }

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

// expects refuses to change an object that somebody else has changed since the requester saw it.
func (s Scope) expects(revision int64) error {
	if s.Revision == 0 || s.Revision == revision {
		return nil
	}
	return model.Errorf(http.StatusPreconditionFailed, "RevisionNumberConstraintFailed",
		"Constrained to %d, but current revision is %d", s.Revision, revision)
}

func (s Scope) mayCreatePort(projectID string) error {
	if s.Service && projectID != "" {
		return nil
	}
	return s.mayCreate(projectID, "create_port")
}

// The rules of visibility are Neutron's: one's own networks and those that a policy names one for, the subnets on
// these, one's own ports and those on one's own networks.

const (
	policyFor      = "EXISTS (SELECT 1 FROM rbac_policies WHERE object_id = networks.id AND target_project IN ('*', ?))"
	networkColumns = "networks.*, " +
		"EXISTS (SELECT 1 FROM rbac_policies WHERE object_id = networks.id AND action = '" + model.AccessAsShared + "' AND target_project IN ('*', ?)) AS shared, " +
		"EXISTS (SELECT 1 FROM rbac_policies WHERE object_id = networks.id AND action = '" + model.AccessAsExternal + "') AS external"
	subnetColumns = "subnets.*, " +
		"EXISTS (SELECT 1 FROM rbac_policies WHERE object_id = subnets.network_id AND action = '" + model.AccessAsShared + "' AND target_project IN ('*', ?)) AS shared"
)

// allNetworks reads networks with what policies say of them for whoever asks, whether visible or not.
func (s Scope) allNetworks(db *gorm.DB) *gorm.DB {
	return db.Table("(?) AS networks", gorm.Expr("SELECT "+networkColumns+" FROM networks", s.ProjectID))
}

func (s Scope) networks(db *gorm.DB) *gorm.DB {
	db = s.allNetworks(db)
	if s.Admin || s.Service {
		return db
	}
	return db.Where("(networks.project_id = ? OR "+policyFor+")", s.ProjectID, s.ProjectID)
}

func (s Scope) subnets(db *gorm.DB) *gorm.DB {
	db = db.Table("(?) AS subnets", gorm.Expr("SELECT "+subnetColumns+" FROM subnets", s.ProjectID))
	if s.Admin || s.Service {
		return db
	}
	return db.Where("(subnets.project_id = ? OR EXISTS (SELECT 1 FROM rbac_policies WHERE object_id = subnets.network_id AND target_project IN ('*', ?)) "+
		"OR subnets.network_id IN (SELECT id FROM networks WHERE project_id = ?))", s.ProjectID, s.ProjectID, s.ProjectID)
}

func (s Scope) ports(db *gorm.DB) *gorm.DB {
	if s.Admin || s.Service {
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
