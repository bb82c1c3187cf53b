package l2

import (
	"encoding/binary"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

var ruleHush = pipeline.NewRule(141, "l2", "too much comes up by a port",
	"A switch drops, for two seconds, what a port has sent too much of to the controller and no meter of the port's own limits.").In(pipeline.SwitchPort)

const (
	priorityHush = priorityHostLLDP + 10
	hushSeconds  = 2
)

var everybody = model.MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// Metered tells whether what is like a packet that came up has a meter of its port's own on a switch. LLDP has one for all ports without a
// binding: one of them could starve the others, and end their links.
func Metered(node *model.Node, in flow.PacketIn) bool {
	return node.Switch.Meters > 0 && in.Cookie.Rule() != ruleLLDP.Number
}

// Hush is the entry that drops what comes in by a switch's port and is like a packet that came up: all of its ethertype, but of IPv4 only what is
// for everybody, if the packet was. It goes by itself. Whoever floods cannot have more than a few of them made.
func Hush(node *model.Node, in flow.PacketIn) flow.Encoded {
	const addresses, tag, ethertype = 12, 4, 2
	frame := in.Data
	match := flow.Match{flow.Exact(flow.InPort, uint64(in.InPort))}
	if len(frame) >= addresses+ethertype {
		at := addresses
		kind := binary.BigEndian.Uint16(frame[at:])
		if kind == pipeline.EthTypeVLAN && len(frame) >= addresses+tag+ethertype {
			kind = binary.BigEndian.Uint16(frame[at+tag:])
		}
		if to := model.MAC(frame[:6]); kind == pipeline.EthTypeIPv4 && to == everybody {
			match = append(match, pipeline.EthDst(to))
		}
		match = append(match, pipeline.EthType(kind))
	}
	return flow.Encode(flow.Entry{
		Table: pipeline.SwitchPort.ID, Priority: priorityHush, HardTimeout: hushSeconds,
		Cookie: flow.NewCookie(ruleHush.Number, uint8(model.KindNode), uint64(node.Number)),
		Match:  match,
	})
}
