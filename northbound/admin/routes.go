package admin

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/planck-sdn/planck/model"
)

// Prefix is the path under which everything here is served.
const Prefix = "/planck/v1"

// Routes serves the controller under Prefix. A single thing is answered as an object, a list as an object with one
// list in it, an error as Neutron answers it. guards run before every handler, and have to refuse whoever is no
// administrator.
func Routes(r gin.IRouter, c Controller, guards ...gin.HandlerFunc) {
	h := handlers{c}
	g := r.Group(Prefix, guards...)
	g.GET("/status", with(h.status))
	g.GET("/nodes", with(h.nodes))
	g.GET("/nodes/:name", with(h.node))
	g.DELETE("/nodes/:name", with(h.deleteNode))
	g.POST("/nodes/:name/reconcile", with(h.reconcile, "force"))
	g.GET("/nodes/:name/reconcile", with(h.reconcileDryRun))
	g.POST("/nodes/:name/forget", with(h.forgetNode))
	g.GET("/switches", with(h.switches))
	g.GET("/switches/:name", with(h.physicalSwitch))
	g.PUT("/switches/:name", with(h.declareSwitch))
	g.DELETE("/switches/:name", with(h.deleteSwitch))
	g.GET("/switches/:name/ports", with(h.switchPorts))
	g.GET("/switches/:name/links", with(h.switchLinks))
	g.GET("/fabrics", with(h.fabrics))
	g.GET("/drivers", with(h.drivers))
	g.GET("/ports/:id", with(h.port))
	g.GET("/routers", with(h.routers))
	g.GET("/routers/:id", with(h.router))
	g.POST("/routers/:id/move", with(h.moveRouter, "node"))
	g.GET("/ports/:id/why", with(h.why))
	g.GET("/flows", with(h.flows, "node", "port", "network", "router", "project", "app", "table", "counters"))
	g.GET("/flows/explain", with(h.explain, "node", "cookie", "entry"))
	packet := []string{"from", "to", "protocol", "port", "source_port", "source", "source_mac", "ttl", "size"}
	g.GET("/trace", with(h.trace, packet...))
	g.POST("/trace", with(h.trace, append(packet, "live")...))
	g.GET("/check", with(h.check, "node"))
	g.POST("/check", with(h.check, "node", "repair"))
	g.GET("/verify", with(h.verify, "node"))
	g.GET("/topology", with(h.topology, "project"))
	g.POST("/freeze", with(h.freeze, "node"))
	g.POST("/thaw", with(h.thaw, "node"))
	g.GET("/wait", with(h.wait, "timeout"))
	g.POST("/wait", with(h.wait, "timeout"))
}

type handlers struct{ controller Controller }

// with makes a handler that writes the error, and accepts no query parameters but those named: one that is misspelt would
// otherwise select everything.
func with(h func(*gin.Context) error, parameters ...string) gin.HandlerFunc {
	return func(c *gin.Context) {
		for name, values := range c.Request.URL.Query() {
			if !slices.Contains(parameters, name) {
				writeError(c, badRequest("There is no query parameter %q here; there is %s.", name, oneOf(parameters)))
				return
			}
			if len(values) > 1 {
				writeError(c, badRequest("Query parameter %q is given %d times.", name, len(values)))
				return
			}
		}
		if err := h(c); err != nil {
			writeError(c, err)
		}
	}
}

func oneOf(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func (h handlers) status(c *gin.Context) error {
	s, err := h.controller.Status(c.Request.Context())
	if err != nil {
		return err
	}
	answer(c, s)
	return nil
}

func (h handlers) nodes(c *gin.Context) error {
	nodes, err := h.controller.Nodes(c.Request.Context())
	if err != nil {
		return err
	}
	answerList(c, "nodes", nodes)
	return nil
}

func (h handlers) node(c *gin.Context) error {
	nodes, err := h.controller.Nodes(c.Request.Context())
	if err != nil {
		return err
	}
	n := find(nodes, c.Param("name"))
	if n == nil {
		return model.Errorf(http.StatusNotFound, "NodeNotFound", "Node %s could not be found.", c.Param("name"))
	}
	if n.Number != 0 {
		n.TablesFlows, n.AppsFlows = h.controller.CountFlows(c.Request.Context(), n.Number)
	}
	answer(c, n)
	return nil
}

// find returns the node with that hostname, or else with that system-id. A node that is refused because it has another's
// hostname is found by its system-id only.
func find(nodes []Node, name string) *Node {
	var refused, bySystemID *Node
	for i := range nodes {
		switch n := &nodes[i]; {
		case n.Name == name && n.Number != 0:
			return n
		case n.SystemID == name:
			bySystemID = n
		case n.Name == name:
			refused = n
		}
	}
	if bySystemID != nil {
		return bySystemID
	}
	return refused
}

func (h handlers) deleteNode(c *gin.Context) error {
	return done(c, h.controller.DeleteNode(c.Request.Context(), c.Param("name")))
}

func (h handlers) forgetNode(c *gin.Context) error {
	return done(c, h.controller.ForgetNode(c.Request.Context(), c.Param("name")))
}

func (h handlers) reconcile(c *gin.Context) error {
	force, err := boolean(c, "force")
	if err != nil {
		return err
	}
	return done(c, h.controller.Reconcile(c.Request.Context(), c.Param("name"), force))
}

// done answers a request that changes something and has nothing to tell.
func done(c *gin.Context, err error) error {
	if err == nil {
		c.Status(http.StatusNoContent)
	}
	return err
}

func (h handlers) port(c *gin.Context) error {
	p, err := h.controller.Port(c.Request.Context(), c.Param("id"))
	if err != nil {
		return err
	}
	answer(c, p)
	return nil
}

func (h handlers) wait(c *gin.Context) error {
	timeout, err := waitTimeout(c.Query("timeout"))
	if err != nil {
		return err
	}
	allow(c.Writer, timeout+graceToAnswer)
	ctx, cancel := context.WithTimeout(c.Request.Context(), timeout)
	defer cancel()
	w, err := h.controller.Wait(ctx)
	if err != nil && ctx.Err() == nil { // the context's end is an answer: not yet
		return err
	}
	answer(c, w)
	return nil
}
