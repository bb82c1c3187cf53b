package icmp

import (
	"fmt"

	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/apps/routing"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// TooBig answers a packet that came up from a table because it does not fit the network that it is to go to. With the DF flag its sender
// is told (RFC 1191, 4); without, the packet goes on there in fragments.
func TooBig(in pipeline.PacketIn, r *model.Router, p Packet, table *pipeline.Table) pipeline.Reply {
	key, _, _ := pipeline.MetadataParts(in.Metadata)
	n := routing.NetworkWith(in.View, r, key)
	if n == nil {
		return pipeline.Reply{Observed: "ignored: the router has left the network"}
	}
	if p.IP.Flags&layers.IPv4DontFragment != 0 && int(p.IP.Length) > n.MTU {
		return pipeline.Reply{Packets: Tell(in, r, p, FragmentationNeeded, n.MTU), Observed: fmt.Sprintf("%s: fragmentation needed", &p)}
	}
	frames, err := p.fragments(n.MTU)
	if err != nil {
		return pipeline.Reply{Observed: "ignored: " + err.Error()}
	}
	reply := pipeline.Reply{Observed: fmt.Sprintf("%s: %d fragments", &p, len(frames))}
	for _, frame := range frames {
		reply.Packets = append(reply.Packets, flow.PacketOut{InPort: flow.PortController, Actions: Resume(in, table), Data: frame})
	}
	return reply
}

// Resume are the actions that put a packet into a table as what it was when it came up, and no longer too big.
func Resume(in pipeline.PacketIn, table *pipeline.Table) []flow.Action {
	set := func(f flow.Field, v uint64) flow.Action { return flow.SetField{Field: f, Value: v, Mask: f.AllOnes()} }
	return []flow.Action{
		set(flow.Metadata, in.Metadata), set(pipeline.NextHop, uint64(in.Reg[0])), set(pipeline.Router, uint64(in.Reg[1])),
		flow.Resubmit{Table: table.ID},
	}
}
