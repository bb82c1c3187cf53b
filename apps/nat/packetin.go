package nat

import (
	"fmt"

	"github.com/planck-sdn/planck/apps/icmp"
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/apps/routing"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// packetIn answers a packet that cannot be translated by an entry, or does not fit.
func packetIn(in pipeline.PacketIn) pipeline.Reply {
	return icmp.Answer(in, func(r *model.Router, p icmp.Packet) pipeline.Reply {
		switch in.Cookie.Rule() {
		case ruleTooBig.Number:
			return icmp.TooBig(in, r, p, pipeline.SourceNAT)
		case ruleExpired.Number:
			return icmp.Refuse(in, r, p, icmp.TimeExceeded)
		case ruleErrorIn.Number, ruleErrorOut.Number:
			return rewrite(in, r, p)
		}
		return pipeline.Reply{}
	})
}

// rewrite sends an ICMP error on that goes through a floating IP, with the packet that it quotes translated too. Otherwise it takes the way
// of any packet, its TTL included.
func rewrite(in pipeline.PacketIn, r *model.Router, p icmp.Packet) pipeline.Reply {
	f := in.View.FloatingIP(in.Ref.Number)
	if in.Ref.Kind != model.KindFloatingIP || f == nil {
		return pipeline.Reply{}
	}
	s := routing.ServiceOf(in.View, f)
	if s == nil {
		return pipeline.Reply{Observed: "ignored: the floating IP is no longer served"}
	}
	var frame []byte
	var actions []flow.Action
	ok := false
	if in.Cookie.Rule() == ruleErrorIn.Number {
		frame, ok = p.ToFixed(f.Address, f.FixedIP)
		actions = icmp.IntoRouter(r)
	} else if p.IP.TTL > 1 {
		frame, ok = p.ToFloating(f.FixedIP, f.Address)
		actions = append([]flow.Action{flow.DecTTL{}, setMAC(s.MAC)}, icmp.Resume(in, pipeline.External)...)
	}
	if !ok {
		return pipeline.Reply{Observed: fmt.Sprintf("ignored: %s", &p)}
	}
	return pipeline.Reply{
		Packets:  []flow.PacketOut{{InPort: flow.PortController, Actions: actions, Data: frame}},
		Observed: fmt.Sprintf("%s: rewritten", &p),
	}
}
