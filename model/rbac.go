package model

import "time"

// Values of a policy's action on a network (Neutron API reference, "RBAC Policies").
const (
	AccessAsShared   = "access_as_shared"
	AccessAsExternal = "access_as_external"
)

// RBACObjectNetwork is the object_type of policies on networks, the only one so far.
const RBACObjectNetwork = "network"

// EveryProject is the target of a policy for everybody.
const EveryProject = "*"

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
