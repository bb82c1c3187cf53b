// Package auth says who sends a request. How that is found out is an Authenticator: None for clouds without
// Keystone. What a requester may do with which attribute is written in the declarations of package api.
package auth

import (
	"context"
	"net/http"
	"slices"
)

// Role names of OpenStack's default policy.
const (
	RoleAdmin   = "admin"
	RoleMember  = "member"
	RoleReader  = "reader"
	RoleService = "service"
)

// Context is who sends a request, and which request it is.
type Context struct {
	UserID    string
	ProjectID string // empty: the requester has no project
	Roles     []string
	// ServiceRoles are those of the service that passes a user's request on, by its X-Service-Token. Empty: none does.
	ServiceRoles []string
	IsAdmin      bool   // sees and changes everything
	RequestID    string // "req-" and a UUID
}

// MayWrite tells whether the requester may change anything at all: a reader may not.
func (c *Context) MayWrite() bool {
	return c.IsAdmin || slices.Contains(c.Roles, RoleMember) || slices.Contains(c.Roles, RoleService)
}

// IsAdvancedService tells whether the requester is itself another service of the cloud, such as Nova, which sees and
// binds the ports of every project. A user's request that such a service passes on does not become one.
func (c *Context) IsAdvancedService() bool { return slices.Contains(c.Roles, RoleService) }

// Authenticator finds out who sends a request. The error is a *model.Error: 401 for unknown credentials, 403 for a
// request that nobody may send, 503 when the answer cannot be had at present. The RequestID is left to the caller.
// It is called from many goroutines.
type Authenticator interface {
	Authenticate(r *http.Request) (*Context, error)
}

type contextKey struct{}

// With makes a context that carries who sends the request.
func With(ctx context.Context, c *Context) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// From returns who sends the request, or nil where nobody was authenticated.
func From(ctx context.Context) *Context {
	c, _ := ctx.Value(contextKey{}).(*Context)
	return c
}
