package pipeline

import (
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

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

// FromHost tells which of a host's ports a packet came up from a physical switch for, where that is, and its network, if it is still there. The
// frame comes without the network's tag.
func (in PacketIn) FromHost() (at topology.Attachment, network *model.Network, frame []byte, ok bool) {
	if in.Port == nil || in.Node == nil || in.Node.Switch == nil {
		return at, nil, nil, false
	}
	at, here := in.View.AttachmentOn(in.Port.Number, in.Node.Number)
	network = in.View.Network(at.Network)
	if !here || at.Ofport != in.InPort || network == nil {
		return at, nil, nil, false
	}
	return at, network, WithoutTag(in.Data), true
}

// ToHost sends a frame without a tag to a host's port.
func ToHost(at topology.Attachment, frame []byte) flow.PacketOut {
	return flow.PacketOut{InPort: flow.PortController, Data: frame, Actions: append(Tag(0, at.Tag), flow.Output{Port: at.Ofport})}
}
