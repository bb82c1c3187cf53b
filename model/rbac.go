package model

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Values of a policy's action on a network (Neutron API reference, "RBAC Policies").
const (
	AccessAsShared   = "access_as_shared"
	AccessAsExternal = "access_as_external"
)

// RBACActions are the actions of policies on networks.
var RBACActions = []string{AccessAsShared, AccessAsExternal}

// RBACObjectNetwork is the object_type of policies on networks, the only one so far.
const RBACObjectNetwork = "network"

// EveryProject is the target of a policy for everybody.
const EveryProject = "*"

// MaxProjectLength is how long the name of a project may be, in characters.
const MaxProjectLength = 255

// RBACPolicy lets projects use a network that is another's.
type RBACPolicy struct {
	ID            string
	ProjectID     string // who made it
	ObjectType    string // RBACObjectNetwork
	ObjectID      string
	Action        string // AccessAsShared or AccessAsExternal
	TargetProject string // a project or EveryProject

	RevisionNumber int64
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// Validate checks everything that can be known without the database.
func (p *RBACPolicy) Validate() error {
	if p.ObjectType != RBACObjectNetwork {
		return invalidInput("'%s' is not a valid RBAC object type", p.ObjectType)
	}
	if !slices.Contains(RBACActions, p.Action) {
		return Errorf(http.StatusBadRequest, "InvalidActionForType", "Invalid action '%s' for object type '%s'. Valid actions: %s",
			p.Action, p.ObjectType, strings.Join(RBACActions, ", "))
	}
	if p.TargetProject == "" {
		return invalidInput("'%s' is not a valid target project ID; expected a project or '%s'", p.TargetProject, EveryProject)
	}
	return validateText("target_project", p.TargetProject, MaxProjectLength)
}
