package l2

import (
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

var ruleHold = pipeline.NewRule(142, "l2", "a link that went down",
	"For two seconds nothing is taken in by a port of the tree that went down: should it come back at once, some switches still go by the old tree, and others by the new one.").
	In(pipeline.SwitchPort)

const (
	priorityHold = priorityLLDP - 5
	holdSeconds  = 2 // a second or more passes as long as the switch counts whole ones
)

// Hold is the entry that drops what comes in by a port, but for LLDP. It goes by itself.
func Hold(node *model.Node, port uint32) flow.Encoded {
	return flow.Encode(flow.Entry{
		Table: pipeline.SwitchPort.ID, Priority: priorityHold, HardTimeout: holdSeconds,
		Cookie: flow.NewCookie(ruleHold.Number, uint8(model.KindNode), uint64(node.Number)),
		Match:  flow.Match{flow.Exact(flow.InPort, uint64(port))},
	})
}
