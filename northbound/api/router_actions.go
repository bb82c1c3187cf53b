package api

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"
	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
)

// serveRouters adds the routers, what connects them to subnets, and what changes single routes (extension extraroute-atomic).
func serveRouters(routes gin.IRoutes, b backend, d *description, log *zap.Logger) entry {
	r := routers(b.routers())
	c := newCollection(b, r, func(string) Operations[router] { return r.Store }, log)
	c.routes(routes, r.path(), "id")
	describe(d, r, r.Store, r.path(), "id")

	d.schemas["RouterInterface"] = record(nil, schema{"id": identifier.Schema, "tenant_id": text.Schema, "project_id": text.Schema, "network_id": identifier.Schema,
		"port_id": identifier.Schema, "subnet_id": identifier.Schema, "subnet_ids": identifiers.Schema})
	place := schema{"type": "object", "properties": schema{"subnet_id": identifier.Schema, "port_id": identifier.Schema}}
	routerRoutes := wrapped("router", schema{"type": "object", "properties": schema{"routes": hostRoutes.Schema}, "required": []string{"routes"}})
	action := func(name, title string, body, answer schema, serve func(*request) (int, []byte, error)) {
		routes.PUT("/routers/:id/"+name, c.handle("id", func(r *request) (int, []byte, error) {
			if err := c.authorizeAction(r, name); err != nil {
				return 0, nil, err
			}
			return serve(r)
		}))
		d.path("/routers/{id}/" + name)["put"] = operation(title, []schema{pathParameter("id")}, body, "200", answer)
	}
	action("add_router_interface", "addRouterInterface", place, reference("RouterInterface"), interfaceAction(b.AddRouterInterface))
	action("remove_router_interface", "removeRouterInterface", place, reference("RouterInterface"), interfaceAction(b.RemoveRouterInterface))
	action("add_extraroutes", "addExtraRoutes", routerRoutes, wrapped("router", reference("Router")), routesAction(b, c, b.AddExtraRoutes))
	action("remove_extraroutes", "removeExtraRoutes", routerRoutes, wrapped("router", reference("Router")), routesAction(b, c, b.RemoveExtraRoutes))
	return entry{r.Name, r.Collection, r.path()[1:]}
}

// authorizeAction refuses who may not change anything. Whose the object is the store finds out.
func (c *collection[T]) authorizeAction(r *request, rule string) error {
	if !storable(r.id) {
		return c.notFound(r.id)
	}
	if r.who.MayWrite() && c.Update.admits(r.class) {
		return nil
	}
	if _, err := c.get(r); err != nil {
		return err
	}
	return notAuthorized(rule)
}

// interfaceAction connects a router with a subnet, or separates them. The body names the subnet or the port; whether it has to, or may name
// both, the store says.
func interfaceAction(do func(ctx context.Context, router, subnet, port string) (store.RouterInterface, error)) func(*request) (int, []byte, error) {
	return func(r *request) (int, []byte, error) {
		body, err := readBody(r.Request)
		if err != nil {
			return 0, nil, err
		}
		var subnet, port string
		for key, id := range map[string]*string{"subnet_id": &subnet, "port_id": &port} {
			if j, said := body[key]; said {
				if *id, err = parseUUID(j); err != nil {
					return 0, nil, badRouter("%s", err)
				}
			}
		}
		made, err := do(r.ctx, r.id, subnet, port)
		if err != nil {
			return 0, nil, err
		}
		return http.StatusOK, appendInterface(nil, made), nil
	}
}

func badRouter(format string, args ...any) *model.Error {
	return model.Errorf(http.StatusBadRequest, "BadRequest", "Bad router request: %s.", because(format, args...))
}

func appendInterface(dst []byte, i store.RouterInterface) []byte {
	dst = appendString(append(dst, `{"id":`...), i.RouterID)
	dst = appendString(append(dst, `,"tenant_id":`...), i.ProjectID)
	dst = appendString(append(dst, `,"project_id":`...), i.ProjectID)
	dst = appendString(append(dst, `,"network_id":`...), i.NetworkID)
	dst = appendString(append(dst, `,"port_id":`...), i.PortID)
	dst = appendString(append(dst, `,"subnet_id":`...), i.SubnetID)
	return append(identifiers.Append(append(dst, `,"subnet_ids":`...), i.SubnetIDs), '}')
}

// routesAction adds or removes single routes, whatever others do meanwhile, and answers with the router.
func routesAction(b backend, c *collection[router], do func(ctx context.Context, id string, routes []model.HostRoute) (*model.Router, error)) func(*request) (int, []byte, error) {
	return func(r *request) (int, []byte, error) {
		body, err := readBody(r.Request)
		if err != nil {
			return 0, nil, err
		}
		wanted, ok := body["router"].(map[string]any)
		if !ok {
			return 0, nil, badRequest("Unable to find 'router' in request body")
		}
		list, ok := wanted["routes"]
		if !ok {
			return 0, nil, badRequest("Failed to parse request. Required attribute 'routes' not specified")
		}
		parsed, err := hostRoutes.Parse(list)
		if err != nil {
			return 0, nil, badRequest("Invalid input for routes. Reason: %s.", err)
		}
		changed, err := one(r.ctx, b.joinGateways)(do(r.ctx, r.id, parsed))
		if err != nil {
			return 0, nil, err
		}
		return http.StatusOK, c.one(r, changed, nil), nil
	}
}
