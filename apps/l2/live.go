package l2

import (
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

var ruleCatch = pipeline.NewRule(125, "l2", "catch a traced packet",
	"For a second or two, a packet that planckctl trace --live has sent goes up where it would have left for a port, which does not get it.").In(pipeline.Output)

// TraceMark is the DSCP of packets that planckctl trace --live sends: one of those for local use (RFC 2474, 6, pool 2).
const TraceMark = 0b101011

const (
	priorityCatch = priorityEntry + 10
	catchSeconds  = 2
)

// Catch is the entry that takes marked packets up before they leave for a port of the node. It goes by itself.
func Catch(node *model.Node) flow.Encoded {
	return flow.Encode(flow.Entry{
		Table: pipeline.Output.ID, Priority: priorityCatch, HardTimeout: catchSeconds,
		Cookie: flow.NewCookie(ruleCatch.Number, uint8(model.KindNode), uint64(node.Number)),
		Match:  flow.Match{pipeline.IP(), flow.Exact(flow.IPDSCP, TraceMark)},
		Meter:  pipeline.PortMeter(meterApp, 0),
		Apply:  []flow.Action{flow.Output{Port: flow.PortController, MaxLen: 0xffff}},
	})
}

// caught says where a traced packet would have left.
func caught(in pipeline.PacketIn) pipeline.Reply {
	key, ofport, _ := pipeline.MetadataParts(in.Metadata)
	return pipeline.Reply{Caught: &pipeline.Caught{Network: key, Ofport: ofport, Frame: in.Data}}
}
