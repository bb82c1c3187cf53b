package pipeline

import (
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// The tables of profile openflow13, for physical switches, in the order in which a packet meets them. The VLAN is the network: what a port
// sends gets its network's tag in port, and loses it, or has it changed, as it leaves. Nothing here is more than OpenFlow 1.3, and little of that: see
// fields and actions below. Ids are contiguous from 0, as much hardware wants it.
var (
	SwitchFlood = &Table{ID: 5, Name: "flood", App: "l2",
		Purpose: "Broadcast and multicast to all ports of the network's tree; unknown destinations to those that take them.",
		Match:   fields(exact(flow.VLANVID), masked(flow.EthDst)),
		Actions: []ActionKind{ActOutput, ActGroup, ActSetField, ActPopVLAN},
		Set:     []flow.Field{flow.VLANVID},
		Miss:    "drop: a network that has nothing here"}

	SwitchForward = &Table{ID: 4, Name: "forward", App: "l2", Exact: true,
		Purpose: "Destination MAC in the packet's network to the port by which it is reached.",
		Match:   exact(flow.VLANVID, flow.EthDst),
		Actions: []ActionKind{ActOutput, ActSetField, ActPopVLAN},
		Set:     []flow.Field{flow.VLANVID},
		Next:    []*Table{SwitchFlood},
		Miss:    "flood"}

	SwitchAnswer = &Table{ID: 3, Name: "answer", App: "arp",
		Purpose: "ARP from a host goes to the controller, which answers it or sends it on.",
		Match:   exact(flow.InPort, flow.VLANVID, flow.EthType),
		Actions: []ActionKind{ActMeter, ActController},
		Next:    []*Table{SwitchForward},
		Miss:    "forward"}

	SwitchService = &Table{ID: 2, Name: "service", App: "dhcp",
		Purpose: "What may be a DHCP request goes to the controller: IPv4 from a host to everybody or to the DHCP server.",
		Match:   fields(exact(flow.InPort, flow.VLANVID, flow.EthType), masked(flow.IPv4Dst)),
		Actions: []ActionKind{ActMeter, ActController},
		Next:    []*Table{SwitchAnswer},
		Miss:    "answer"}

	SwitchGuard = &Table{ID: 1, Name: "guard", App: "guard",
		Purpose:  "What a host sends has a source MAC and IPv4 source that belong to its port; the controller looks at the senders of ARP.",
		Match:    fields(exact(flow.InPort, flow.VLANVID, flow.EthSrc, flow.EthType), masked(flow.IPv4Src, flow.IPv4Dst)),
		Optional: []flow.Field{flow.IPv4Src},
		Next:     []*Table{SwitchService},
		Miss:     "drop: a spoofed source, or an ethertype that is not let through"}

	SwitchPort = &Table{ID: 0, Name: "port", App: "l2",
		Purpose: "Where a frame came from: a host, which puts it into a network; or another switch or an uplink, which tag it. LLDP goes to the controller.",
		Match:   fields(exact(flow.InPort, flow.VLANVID, flow.EthType), masked(flow.EthDst)),
		Actions: []ActionKind{ActPushVLAN, ActSetField, ActMeter, ActController},
		Set:     []flow.Field{flow.VLANVID},
		Next:    []*Table{SwitchGuard, SwitchForward},
		Miss:    "drop: a port without a binding, or a tag where none belongs"}
)

// OpenFlow13 lists the tables of profile openflow13 in pipeline order.
var OpenFlow13 = []*Table{SwitchPort, SwitchGuard, SwitchService, SwitchAnswer, SwitchForward, SwitchFlood}

// SwitchNames are the names of profile openflow13's tables, for text.
var SwitchNames = namesOf(OpenFlow13)

// TablesOf lists the tables of a node's profile.
func TablesOf(n *model.Node) []*Table {
	if n != nil && n.Switch != nil {
		return OpenFlow13
	}
	return OVS
}

// NamesOf are the names of the tables of a node's profile.
func NamesOf(n *model.Node) flow.TableNames {
	if n != nil && n.Switch != nil {
		return SwitchNames
	}
	return Names
}

// TableOf finds a table of a node's profile, or nil.
func TableOf(n *model.Node, id uint8) *Table {
	for _, t := range TablesOf(n) {
		if t.ID == id {
			return t
		}
	}
	return nil
}

// VID matches frames with a VLAN id; 0: those without a tag.
func VID(vid uint32) flow.FieldMatch {
	if vid == 0 {
		return Untagged()
	}
	return Tagged(vid)
}

// FromSwitchPort matches what a host sends as a port of ours: by the switch's port, and the host's tag.
func FromSwitchPort(ofport, tag uint32) []flow.FieldMatch {
	return Match(flow.Exact(flow.InPort, uint64(ofport)), VID(tag))
}

// Tag are the actions that change the tag that a frame has to another one; to 0: they take it away.
func Tag(from, to uint32) []flow.Action {
	switch {
	case from == to:
		return nil
	case to == 0:
		return []flow.Action{flow.PopVLAN{}}
	case from == 0:
		return []flow.Action{flow.PushVLAN{}, Set(flow.VLANVID, 0x1000|uint64(to)).(flow.Action)}
	}
	return []flow.Action{Set(flow.VLANVID, 0x1000|uint64(to)).(flow.Action)}
}

// HasMeters tells whether the node's physical switch has meters that work.
func (c *Context) HasMeters() bool { return c.Node.Switch.Meters > 0 && c.Driver().Meters }

// MeteredPort are the steps that send up what a host's port sends, metered by app and port if the switch has meters, and nowhere else. Where
// it has none, the controller keeps a port that sends too much from sending for a while.
func (c *Context) MeteredPort(app uint8, ofport uint32, rate, burst uint32) []Step {
	id := PortMeter(app, ofport)
	if ofport > portMask || !c.HasMeters() {
		return []Step{ToController()}
	}
	c.Meter(flow.Meter{ID: id, Rate: rate, Burst: burst})
	return []Step{Metered(id), ToController()}
}
