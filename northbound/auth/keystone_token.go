package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// grant is what Keystone says of a token.
type grant struct {
	userID    string
	scope     scope
	projectID string   // with scopeProject
	roles     []string // in lower case, as they are compared in OpenStack
	expires   time.Time
}

// scope is what a token's roles are for.
type scope string

const (
	scopeNone    scope = "no" // the token only says who its user is
	scopeProject scope = "project"
	scopeDomain  scope = "domain"
	scopeSystem  scope = "system"
)

// maxID is the longest identifier that is taken over, in bytes. Keystone's own have 32, those from LDAP 64.
const maxID = 255

// parseGrant reads Keystone's description of a token (Identity API v3, "Validate and show information for token").
func parseGrant(body []byte) (*grant, error) {
	type named struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	var answer struct {
		Token *struct {
			User      named           `json:"user"`
			Project   *named          `json:"project"`
			Domain    *named          `json:"domain"`
			System    map[string]bool `json:"system"`
			Roles     []named         `json:"roles"`
			ExpiresAt time.Time       `json:"expires_at"`
		} `json:"token"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("the answer of Keystone is no JSON of a token: %w", err)
	}
	t := answer.Token
	switch {
	case t == nil:
		return nil, errors.New("the answer of Keystone has no token")
	case t.ExpiresAt.IsZero():
		return nil, errors.New("the answer of Keystone has no expires_at")
	case !isID(t.User.ID):
		return nil, fmt.Errorf("the answer of Keystone has a user id %.40q", t.User.ID)
	}
	g := &grant{userID: t.User.ID, scope: scopeNone, expires: t.ExpiresAt}
	switch {
	case t.Project != nil:
		if !isID(t.Project.ID) {
			return nil, fmt.Errorf("the answer of Keystone has a project id %.40q", t.Project.ID)
		}
		g.scope, g.projectID = scopeProject, t.Project.ID
	case t.Domain != nil:
		g.scope = scopeDomain
	case t.System != nil:
		g.scope = scopeSystem
	}
	for _, role := range t.Roles {
		g.roles = append(g.roles, strings.ToLower(role.Name))
	}
	return g, nil
}

// isID tells whether an identifier can stand in a database and a log.
func isID(id string) bool {
	return id != "" && len(id) <= maxID && strings.IndexFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}
