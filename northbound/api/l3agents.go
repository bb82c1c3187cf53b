package api

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"
	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
)

// serveL3Agents adds where Neutron shows which node serves a router: the agents of a router, and the routers of an agent. They are
// read-only, so that the extension l3_agent_scheduler is not listed: a router is moved with planckctl.
func serveL3Agents(routes gin.IRoutes, b backend, d *description, log *zap.Logger) {
	agents, routers := agents(b), routers(b.routers())
	agentsOf := newCollection(b, agents, func(string) Operations[agent] { return agents.Store }, log)
	routersOf := newCollection(b, routers, func(string) Operations[router] { return routers.Store }, log)

	routes.GET("/routers/:id/l3-agents", agentsOf.handle("id", func(r *request) (int, []byte, error) {
		if r.class != Admin {
			return 0, nil, notAuthorized("get_l3-agents")
		}
		served, err := routersOf.get(r)
		if err != nil {
			return 0, nil, err
		}
		list, err := agents.Store.List(r.ctx, store.Query{})
		if err != nil {
			return 0, nil, err
		}
		list = slices.DeleteFunc(list, func(a *agent) bool { return served.servedBy() != a.Number })
		return http.StatusOK, agentsOf.many(r, list, nonEmpty(r.URL.Query()["fields"])), nil
	}))
	routes.GET("/agents/:id/l3-routers", routersOf.handle("id", func(r *request) (int, []byte, error) {
		if r.class != Admin {
			return 0, nil, notAuthorized("get_l3-routers")
		}
		node, err := agentsOf.get(r)
		if err != nil {
			return 0, nil, err
		}
		list, err := routers.Store.List(r.ctx, store.Query{})
		if err != nil {
			return 0, nil, err
		}
		list = slices.DeleteFunc(list, func(served *router) bool { return served.servedBy() != node.Number })
		return http.StatusOK, routersOf.many(r, list, nonEmpty(r.URL.Query()["fields"])), nil
	}))
	d.path("/routers/{id}/l3-agents")["get"] = operation("listRouterL3Agents", []schema{pathParameter("id"), fieldsParameter}, nil, "200",
		wrapped("agents", schema{"type": "array", "items": reference("Agent")}))
	d.path("/agents/{id}/l3-routers")["get"] = operation("listAgentL3Routers", []schema{pathParameter("id"), fieldsParameter}, nil, "200",
		wrapped("routers", schema{"type": "array", "items": reference("Router")}))
}

// servedBy is the node by which the outside reaches the router, 0 for none.
func (r *router) servedBy() model.Number {
	if r.Gateway == nil {
		return 0
	}
	return r.Gateway.Node
}
