package nodes

import (
	"context"
	"errors"

	"github.com/planck-sdn/planck/controller/reconcile"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/southbound/openflow"
)

var errNotHere = errors.New("the node's switch has no session here")

// Connected tells whether a node's switch has a session here.
func (r *Registry) Connected(node model.Number) bool {
	s := r.Switch(node)
	return s != nil && s.Connection() != nil
}

// InStep tells whether a node's switch has a session here and has confirmed what it should hold.
func (r *Registry) InStep(node model.Number) bool {
	s := r.Switch(node)
	return s != nil && s.Confirmed() != nil
}

// Standing tells what a node's switch has last published of itself; false: there is no such switch.
func (r *Registry) Standing(node model.Number) (reconcile.Standing, bool) {
	s := r.Switch(node)
	if s == nil {
		return reconcile.Standing{}, false
	}
	return s.Standing(), true
}

// Ping waits until a node's switch answers an echo request.
func (r *Registry) Ping(ctx context.Context, node model.Number) error {
	if s := r.Switch(node); s != nil {
		if session, ok := s.Connection().(*openflow.Session); ok {
			return session.Ping(ctx)
		}
	}
	return errNotHere
}

// Send sends a packet by a node's switch; it does not wait.
func (r *Registry) Send(node model.Number, out flow.PacketOut) error {
	if s := r.Switch(node); s != nil {
		return s.Send(out)
	}
	return errNotHere
}

// Pass has an entry with a hard timeout sent to a node's switch, see reconcile.Switch; it does not wait.
func (r *Registry) Pass(node model.Number, e flow.Encoded) {
	if s := r.Switch(node); s != nil {
		s.Pass(e)
	}
}
