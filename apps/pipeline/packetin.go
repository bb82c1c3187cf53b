package pipeline

import "github.com/planck-sdn/planck/model"

// Router is the router whose entry sent the packet up, or whose floating IP's; nil if that has gone, or is down.
func (in PacketIn) Router() *model.Router {
	var r *model.Router
	switch in.Ref.Kind {
	case model.KindRouter:
		r = in.View.Router(in.Ref.Number)
	case model.KindFloatingIP:
		if f := in.View.FloatingIP(in.Ref.Number); f != nil {
			r = in.View.RouterByID(f.RouterID)
		}
	}
	if r == nil || !r.AdminStateUp {
		return nil
	}
	return r
}
