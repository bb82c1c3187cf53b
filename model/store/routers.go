package store

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/planck-sdn/planck/model"
)

// Everything that changes what a router is connected to locks the router's row first, then, as far as it needs them, networks, subnets
// and ports; whoever only relies on that (floating IPs) shares the lock.

// RouterRequest is a router to be made.
type RouterRequest struct {
	Router  *model.Router    // its Gateway is filled in
	Gateway *ExternalGateway // nil: none
}

// RouterUpdate is what UpdateRouter lets its patch change. Changes of Router.Gateway have no effect.
type RouterUpdate struct {
	Router      model.Router
	Gateway     *ExternalGateway // nil: none
	GatewaySaid bool             // the request says something of the gateway
}

var routerResource = resource{"Router", "routers", commonColumns("routers", map[string]column{
	"admin_state_up": {"admin_state_up", boolColumn}, "status": {"(CAST('" + model.StatusActive + "' AS text))", textColumn},
}), Scope.routers}

// routers are seen by their projects.
func (s Scope) routers(db *gorm.DB) *gorm.DB {
	db = db.Model(&routerRow{})
	if s.Admin {
		return db
	}
	return db.Where("routers.project_id = ?", s.ProjectID)
}

// CreateRouters makes all of the routers or none, and fills in ID (unless given), Number, Key, Gateway, Status and times. Errors are
// Neutron's: those of UpdateRouter, and OverQuota.
func (s *Store) CreateRouters(ctx context.Context, requests []RouterRequest) error {
	made := make([]model.Router, len(requests))
	err := s.write(ctx, func(t *tx) error {
		counts := map[string]int{}
		for i, request := range requests {
			made[i] = cloneRouter(request.Router)
			counts[made[i].ProjectID]++
			if err := t.createRouter(&made[i], request.Gateway); err != nil {
				return err
			}
		}
		return t.withinQuota("router", counts)
	})
	if err != nil {
		return err
	}
	for i, request := range requests {
		*request.Router = made[i]
	}
	return nil
}

// Router gives one router, or RouterNotFound.
func (s *Store) Router(ctx context.Context, id string) (*model.Router, error) {
	r, err := takeRouter(s.reader.WithContext(ctx), scopeOf(ctx), id)
	return r, s.readError(ctx, err)
}

// ListRouters gives the routers that the query and the scope select, with one or two statements.
func (s *Store) ListRouters(ctx context.Context, q Query) ([]*model.Router, error) {
	db, err := routerResource.list(s.reader.WithContext(ctx), scopeOf(ctx), q)
	if err != nil {
		return nil, s.readError(ctx, err)
	}
	routers, err := findRouters(db)
	return inOrder(q, routers), s.readError(ctx, err)
}

// UpdateRouter is to routers what UpdateNetwork is to networks. Errors are Neutron's: RouterNotFound, PolicyNotAuthorized, InvalidRoutes,
// RoutesExhausted; of the gateway NetworkNotFound, BadRequest (a network that is not external or that no node can reach by a wire,
// addresses that overlap the router's others), those of addresses, and RouterExternalGatewayInUseByFloatingIp.
func (s *Store) UpdateRouter(ctx context.Context, id string, patch func(*RouterUpdate) error) (*model.Router, error) {
	return s.updateRouter(ctx, id, "update_router", patch)
}

func (s *Store) updateRouter(ctx context.Context, id, rule string, patch func(*RouterUpdate) error) (*model.Router, error) {
	var updated *model.Router
	err := s.write(ctx, func(t *tx) error {
		old, err := t.lockRouter(id, lockToUpdate, rule)
		if err != nil {
			return err
		}
		u := RouterUpdate{Router: cloneRouter(old)}
		if err := patch(&u); err != nil {
			return err
		}
		r := &u.Router
		r.Gateway, r.Tags = cloneGateway(old.Gateway), sortedOnce(r.Tags)
		updated = r
		return t.updateRouter(old, r, &u)
	})
	if err != nil {
		return nil, err
	}
	return updated, nil
}

// DeleteRouter deletes a router with its gateway. Interfaces are RouterInUse. Its key stays taken until every node has confirmed the deletion.
func (s *Store) DeleteRouter(ctx context.Context, id string) error {
	return s.write(ctx, func(t *tx) error {
		r, err := t.lockRouter(id, lockToDelete, "delete_router")
		if err != nil {
			return err
		}
		var interfaces []string
		err = t.Raw("SELECT id FROM ports WHERE device_id = ? AND device_owner = ? ORDER BY number", id, model.DeviceOwnerRouterInterface).Scan(&interfaces).Error
		if err != nil {
			return err
		}
		if len(interfaces) > 0 {
			return conflict("RouterInUse", "Router %s has ports still attached: %s", id, strings.Join(interfaces, ", "))
		}
		if r.Gateway != nil {
			if err := t.removeGateway(r); err != nil {
				return err
			}
		}
		if err := t.freeSegments(ofRouter(r.Number)); err != nil {
			return err
		}
		t.touch(r.Ref())
		return t.Exec("DELETE FROM routers WHERE number = ?", r.Number).Error
	})
}

func (t *tx) createRouter(r *model.Router, gateway *ExternalGateway) error {
	if err := t.scope.mayCreate(r.ProjectID, "create_router"); err != nil {
		return err
	}
	if r.ID == "" {
		r.ID = t.store.options.Source.UUID()
	}
	r.Number, r.Gateway, r.Status, r.RevisionNumber, r.CreatedAt, r.UpdatedAt = 0, nil, model.StatusActive, 1, t.now, t.now
	r.Routes, r.AvailabilityZoneHints, r.Tags = notNil(r.Routes), notNil(r.AvailabilityZoneHints), sortedOnce(r.Tags)
	if err := r.Validate(); err != nil {
		return err
	}
	row := rowOfRouter(r)
	if err := t.Create(row).Error; err != nil {
		return err
	}
	r.Number = row.Number
	t.touch(r.Ref())
	var err error
	if r.Key, err = t.takeKey(ofRouter(r.Number)); err != nil {
		return err
	}
	if gateway != nil {
		if err := t.setGateway(r, gateway); err != nil {
			return err
		}
	}
	if err := t.checkRoutes(r); err != nil {
		return err
	}
	return t.writeRouter(r)
}

func (t *tx) updateRouter(old, r *model.Router, u *RouterUpdate) error {
	switch {
	case r.Number != old.Number || r.ID != old.ID:
		return readOnly("id")
	case r.ProjectID != old.ProjectID:
		return readOnly("tenant_id")
	}
	r.Key, r.Status, r.RevisionNumber, r.CreatedAt, r.UpdatedAt = old.Key, old.Status, old.RevisionNumber, old.CreatedAt, old.UpdatedAt
	r.Routes, r.AvailabilityZoneHints = notNil(r.Routes), notNil(r.AvailabilityZoneHints)
	if err := r.Validate(); err != nil {
		return err
	}
	var moved bool // an address of the gateway is another, which the router's row does not say
	var err error
	switch {
	case u.GatewaySaid && u.Gateway == nil && old.Gateway != nil:
		err = t.removeGateway(r)
	case u.GatewaySaid && u.Gateway != nil:
		before := len(t.touched)
		err = t.setGateway(r, u.Gateway)
		moved = len(t.touched) > before
	}
	if err != nil {
		return err
	}
	if !moved && reflect.DeepEqual(r, old) {
		return nil
	}
	if u.GatewaySaid || !slices.Equal(r.Routes, old.Routes) {
		if err := t.checkRoutes(r); err != nil {
			return err
		}
	}
	r.RevisionNumber, r.UpdatedAt = old.RevisionNumber+1, t.now
	t.touch(r.Ref())
	return t.writeRouter(r)
}

// writeRouter writes what may change. The generation of a gateway that went stays.
func (t *tx) writeRouter(r *model.Router) error {
	row := rowOfRouter(r)
	columns := []string{"description", "admin_state_up", "network_key", "gateway_network_id", "gateway_port_id", "enable_snat", "gateway_zone", "gateway_node",
		"routes", "availability_zone_hints", "tags", "revision_number", "updated_at"}
	if r.Gateway != nil {
		columns = append(columns, "gateway_generation")
	}
	return t.Model(row).Select("name", columns).Updates(row).Error
}

// reviseRouter marks a router as changed whose interfaces have changed.
func (t *tx) reviseRouter(r *model.Router) error {
	t.touch(r.Ref())
	return t.Exec("UPDATE routers SET revision_number = revision_number + 1, updated_at = ? WHERE number = ?", t.now, r.Number).Error
}

// lockRouter gives a router that the scope may change.
func (t *tx) lockRouter(id, strength, rule string) (*model.Router, error) {
	r, err := takeRouter(t.Clauses(clause.Locking{Strength: strength}), t.scope, id)
	if err != nil {
		return nil, err
	}
	if !t.scope.owns(r.ProjectID) {
		return nil, forbidden(rule)
	}
	return r, t.scope.expects(r.RevisionNumber)
}

func takeRouter(db *gorm.DB, scope Scope, id string) (*model.Router, error) {
	r, err := only(scope.routers(db).Where("routers.id = ?", id), routerFields, new(routerRow))
	if err == nil && r == nil {
		err = routerResource.notFound(id)
	}
	return r, err
}

func findRouters(db *gorm.DB) ([]*model.Router, error) {
	return collect(db, routerFields, new(routerRow))
}

// cloneRouter copies what a patch may change in place.
func cloneRouter(r *model.Router) model.Router {
	c := *r
	c.Gateway = cloneGateway(r.Gateway)
	c.Routes = slices.Clone(r.Routes)
	c.AvailabilityZoneHints = slices.Clone(r.AvailabilityZoneHints)
	c.Tags = slices.Clone(r.Tags)
	return c
}

func cloneGateway(g *model.Gateway) *model.Gateway {
	if g == nil {
		return nil
	}
	c := *g
	return &c
}

// badRequest is Neutron's BadRequest.
func badRequest(resource, format string, args ...any) error {
	e := model.Errorf(400, "BadRequest", format, args...)
	e.Message = "Bad " + resource + " request: " + e.Message + "."
	return e
}
