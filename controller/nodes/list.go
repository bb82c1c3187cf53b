package nodes

import (
	"slices"
	"strings"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/southbound/ovsdb"
)

// Attached is what the registry knows of a node beyond its row: the OVSDB session, if there is one.
type Attached struct {
	Node    *model.Node // nil: refused, or detached
	State   ovsdb.State
	Remote  string
	Problem string
}

// Attached lists the OVSDB sessions, by hostname.
func (r *Registry) Attached() []Attached {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Attached, 0, len(r.attached))
	for s, a := range r.attached {
		a.mu.Lock()
		list = append(list, Attached{Node: a.node, State: a.state, Remote: s.RemoteAddr().String(), Problem: a.problem})
		a.mu.Unlock()
	}
	slices.SortFunc(list, func(a, b Attached) int { return strings.Compare(a.State.Hostname, b.State.Hostname) })
	return list
}

// Recheck has every attached node served again, because its row or another's has changed.
func (r *Registry) Recheck() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.attached {
		a.signal()
	}
}
