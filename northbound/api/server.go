package api

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"go.uber.org/zap"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
	"github.com/planck-sdn/planck/northbound/auth"
)

// Options are what the API can do without.
type Options struct {
	Log *zap.Logger // nil: nothing is logged
	// Alive tells whether a node's switch is connected now. Nil: none is.
	Alive func(node model.Number) bool
	Now   func() time.Time // nil: time.Now
	// More adds paths of others behind the same front door, such as those for operators (guard them with AdminOnly).
	// Their handlers find the requester with auth.From, and say in HeaderRevision what they wrote.
	More func(gin.IRouter)
}

// New serves the API for what is in the store.
func New(st *store.Store, authenticator auth.Authenticator, options Options) http.Handler {
	log := options.Log
	if log == nil {
		log = zap.NewNop()
	}
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.HandleMethodNotAllowed = true
	engine.RedirectTrailingSlash = false
	engine.NoRoute(func(g *gin.Context) { writeError(g.Writer, g.Request, log, errNotFound) })
	engine.NoMethod(func(g *gin.Context) { writeError(g.Writer, g.Request, log, methodNotAllowed(g.Request.Method)) })

	engine.GET("/", serveVersions)
	v2 := engine.Group("/v2.0")
	serveExtensions(v2, log)
	b := newBackend(st, options)
	d := newDescription()
	serveIndex(v2,
		serve(v2, b, networks(b.networks()), d, log),
		serve(v2, b, subnets(b.subnets()), d, log),
		serve(v2, b, ports(b.ports()), d, log),
		serveRouters(v2, b, d, log),
		serve(v2, b, floatingIPs(b.floatingIPs()), d, log),
		serve(v2, b, securityGroups(b.securityGroups()), d, log),
		serve(v2, b, securityGroupRules(b.securityGroupRules()), d, log),
		serve(v2, b, rbacPolicies(b.rbacPolicies()), d, log),
		serve(v2, b, agents(b), d, log),
		serve(v2, b, zones(b), d, log),
		serve(v2, b, availabilities(b.availabilities()), d, log),
		serveQuotas(v2, b, d, log))
	serveBindings(v2, b, d, log)
	serveL3Agents(v2, b, d, log)
	d.serve(v2)
	if options.More != nil {
		options.More(engine)
	}
	return &frontDoor{engine, authenticator, log}
}

// AdminOnly refuses everyone but administrators.
func AdminOnly(g *gin.Context) {
	if !auth.From(g.Request.Context()).IsAdmin {
		writeError(g.Writer, g.Request, zap.NewNop(), notAuthorized("admin_only"))
		g.Abort()
	}
}
