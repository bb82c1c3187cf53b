package explain

import (
	"fmt"
	"strings"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// instructions says what becomes of what the entry takes.
func (w *words) instructions() string {
	e := w.entry
	var parts []string
	if e.Meter != 0 {
		parts = append(parts, w.meter(e.Meter))
	}
	parts = append(parts, w.actions(e.Apply)...)
	if e.MetadataMask != 0 {
		parts = append(parts, w.writeMetadata())
	}
	if e.HasGoto {
		parts = append(parts, "goes on in "+w.into(e.Goto))
	}
	if len(parts) == 0 {
		return "They are dropped here"
	}
	return "With each the switch " + clauses(parts)
}

func (w *words) meter(id uint32) string {
	for _, m := range w.meters {
		if m.ID == id {
			return fmt.Sprintf("first looks at meter %d, which lets %d a second through (%d at once) and drops the rest", id, m.Rate, m.Burst)
		}
	}
	return fmt.Sprintf("first looks at meter %d, which the node is not known to have", id)
}

// writeMetadata says what an entry notes by instruction: where a packet came from, or the receiver.
func (w *words) writeMetadata() string {
	e := w.entry
	keyMask, portMask, _ := pipeline.MetadataParts(e.MetadataMask)
	key, port, origin := pipeline.MetadataParts(e.WriteMetadata)
	switch {
	case keyMask == allKeys && origin == pipeline.FromPort:
		return fmt.Sprintf("notes that it comes from %s and is in %s", w.portKey(port), w.networkKey(key))
	case keyMask == allKeys:
		return fmt.Sprintf("notes that it came in %s and is in %s", originName(origin), w.networkKey(key))
	case portMask == allPorts:
		return "notes that it is for " + w.portKey(port)
	}
	return fmt.Sprintf("writes %#x/%#x to metadata", e.WriteMetadata, e.MetadataMask)
}

// output is what is known of a packet's way out while a list of actions is read.
type output struct {
	key     *uint64 // tunnel key
	to      *uint64 // tunnel endpoint
	back    bool    // the endpoint is the one that it came from
	vlan    uint64  // 0: untagged
	anyPort bool    // it may leave by the port that it came in by
}

// actions says a list of actions, those together that do one thing together.
func (w *words) actions(list []flow.Action) []string {
	var parts []string
	var out output
	say := func(format string, a ...any) { parts = append(parts, fmt.Sprintf(format, a...)) }
	if answer, rest, ok := w.arpAnswer(list); ok {
		parts, list = append(parts, answer), rest
	}
	for i := 0; i < len(list); i++ {
		switch a := list[i].(type) {
		case flow.Output:
			parts = append(parts, w.output(a, &out))
		case flow.ToGroup:
			say("hands it to %s", w.group(a.ID))
		case flow.SetField:
			words, taken := w.set(a, list[i+1:], &out)
			if words != "" {
				parts = append(parts, words)
			}
			i += taken
		case flow.Move:
			if words := w.move(a, &out); words != "" {
				parts = append(parts, words)
			}
		case flow.PushVLAN: // the tag's id follows
		case flow.PopVLAN:
			say("takes the VLAN tag off")
		case flow.DecTTL:
			say("takes one off the TTL")
		case flow.Resubmit:
			say("looks it up in %s and comes back", w.into(a.Table))
		case flow.Punt:
			say("sends a copy up to the controller (%s)", strings.TrimPrefix(w.meter(a.Meter), "first looks at "))
		case flow.Conntrack:
			parts = append(parts, w.conntrack(a))
		case flow.CheckLarger:
			say("notes whether it is larger than an MTU of %d", int(a.Bytes)-14)
		case flow.Conjunction:
			say("counts it as part %d of %d of what rules for security group %s ask", a.Clause, a.Clauses, w.groupName(uint64(a.ID)))
		default:
			say("does what Planck cannot read")
		}
	}
	if out.anyPort && len(parts) > 0 {
		parts[len(parts)-1] += ", even if it came in there"
	}
	return parts
}

// arpAnswer recognizes what turns an ARP request into its answer (see apps/arp).
func (w *words) arpAnswer(list []flow.Action) (words string, rest []flow.Action, ok bool) {
	var mac, ip uint64
	isReply := false
	for i, action := range list {
		switch a := action.(type) {
		case flow.Move:
			if a.To != flow.EthDst && a.To != flow.ARPTHA && a.To != flow.ARPTPA {
				return "", list, false
			}
			continue
		case flow.SetField:
			switch a.Field {
			case flow.EthSrc:
				continue
			case flow.ARPOp:
				isReply = a.Value == 2
				continue
			case flow.ARPSHA:
				mac = a.Value
				continue
			case flow.ARPSPA:
				ip = a.Value
				continue
			}
		}
		rest = list[i:]
		break
	}
	if !isReply || mac == 0 || ip == 0 {
		return "", list, false
	}
	return fmt.Sprintf("turns it into the answer that %s is at %s", addrOf(ip), w.mac(mac)), rest, true
}

func (w *words) output(a flow.Output, out *output) string {
	switch {
	case a.Port == flow.PortController:
		return "sends it up to the controller"
	case a.Port == flow.PortInPort && out.back:
		return "sends it back through the tunnel to the node that it came from"
	case a.Port == flow.PortInPort && out.vlan != 0:
		return fmt.Sprintf("sends it back to where it came from, tagged with VLAN %d", out.vlan)
	case a.Port == flow.PortInPort:
		return "sends it back to where it came from"
	case out.key != nil && out.to != nil && w.node != nil && a.Port == w.node.TunnelPort:
		text := fmt.Sprintf("sends it through the tunnel to %s, under the key of %s", w.endpoint(*out.to), w.networkKey(model.NetworkKey(*out.key)))
		out.key, out.to = nil, nil
		return text
	case out.vlan != 0:
		return fmt.Sprintf("sends it out by %s, tagged with VLAN %d", w.ofport(w.node, a.Port), out.vlan)
	}
	return "sends it out by " + w.ofport(w.node, a.Port)
}

// move says a copy from one field to another.
func (w *words) move(a flow.Move, out *output) string {
	switch {
	case a.From == flow.TunnelSrc && a.To == flow.TunnelDst:
		out.back = true
		return ""
	case a.From == flow.IPv4Dst && a.To == pipeline.NextHop:
		return "takes its destination as the next hop"
	case a.From == flow.IPv4Src && a.To == flow.IPv4Dst:
		return "addresses it to its own sender"
	case a.From == pipeline.Router && a.To == flow.EthSrc: // after set of the rest of it
		return ""
	}
	return fmt.Sprintf("copies %s to %s", a.From, a.To)
}

// set says what writes a field, together with what follows if it does one thing with it; taken is how many that are.
func (w *words) set(a flow.SetField, next []flow.Action, out *output) (words string, taken int) {
	whole := a.Mask == a.Field.AllOnes()
	switch a.Field {
	case flow.InPort:
		out.anyPort = a.Value == 0
		return "", 0
	case flow.TunnelID:
		out.key = &a.Value
		return "", 0
	case flow.TunnelDst:
		out.to = &a.Value
		return "", 0
	case flow.VLANVID:
		out.vlan = a.Value & 0xfff
		return "", 0
	case flow.Metadata:
		return w.setMetadata(a, next)
	case flow.Reg2:
		return w.setFlags(a, next)
	case flow.Reg3:
		return w.askGroups(a, next)
	}
	switch {
	case a.Field == pipeline.NextHop && whole:
		return "takes " + w.address(a.Value) + " as the next hop", 0
	case a.Field == pipeline.Router && whole:
		return "hands it to " + w.routerKey(model.NetworkKey(a.Value)), 0
	case a.Field == flow.EthSrc && whole:
		return "makes " + w.mac(a.Value) + " its source MAC address", 0
	case a.Field == flow.EthSrc:
		return "gives it the source MAC address that names this node and its router, as the wire may know it from one node only", 0
	case a.Field == flow.EthDst && w.entry.Table == pipeline.FromTunnel.ID:
		return "readdresses it to " + macOf(a.Value).String() + ", a probe's answer", 0
	case a.Field == flow.EthDst:
		return "makes " + w.mac(a.Value) + " its destination MAC address", 0
	case a.Field == flow.IPv4Src:
		return "makes " + w.address(a.Value) + " its source address", 0
	case a.Field == flow.IPv4Dst:
		return "makes " + w.address(a.Value) + " its destination address", 0
	case a.Field == flow.IPTTL:
		return fmt.Sprintf("sets its TTL to %d", a.Value), 0
	case a.Field == flow.ICMPType:
		return fmt.Sprintf("makes it an ICMP %s", icmpNames[a.Value]), 0
	}
	return fmt.Sprintf("sets %s to %#x/%#x", a.Field, a.Value, a.Mask), 0
}

// setMetadata says what a router notes, and who gets a copy.
func (w *words) setMetadata(a flow.SetField, next []flow.Action) (words string, taken int) {
	keyMask, _, _ := pipeline.MetadataParts(a.Mask)
	key, port, _ := pipeline.MetadataParts(a.Value)
	switch {
	case a.Mask == uint64(allPorts) && len(next) > 0 && next[0] == flow.Action(flow.Resubmit{Table: pipeline.Ingress.ID}):
		return "hands a copy to " + w.portKey(port) + " by way of table ingress", 1
	case keyMask == allKeys:
		return "puts it into " + w.networkKey(key) + ", as what a router has sent on", 0
	case a.Mask == pipeline.Hops(3).Mask:
		for n := range 4 {
			if pipeline.SetHops(n) == flow.Action(a) {
				if n == 0 {
					return "begins to count routers anew", 0
				}
				return fmt.Sprintf("notes that %s handed it to another here", counted(uint64(n), "router has", "routers have")), 0
			}
		}
	}
	return fmt.Sprintf("sets %#x/%#x of metadata", a.Value, a.Mask), 0
}

// setFlags says what is noted in register 2.
func (w *words) setFlags(a flow.SetField, next []flow.Action) (words string, taken int) {
	verdict := inbound | begins | allowed
	direction := "egress"
	if a.Value&inbound != 0 {
		direction = "ingress"
	}
	switch asks := len(next) > 0 && next[0] == flow.Action(flow.Resubmit{Table: pipeline.Groups.ID}); {
	case a.Mask == verdict && asks:
		words = "asks the port's security groups, by their rules of direction " + direction
		if a.Value&begins != 0 {
			words += ", about a new connection"
		}
		return words, 1
	case flow.Action(a) == pipeline.Forget():
		return "takes the groups' verdict off it", 0
	case flow.Action(a) == pipeline.AllowUnasked():
		return "lets it pass, without conntrack", 0
	case flow.Action(a) == pipeline.Allow():
		return "lets it pass", 0
	case flow.Action(a) == pipeline.SetTracked():
		return "notes that it goes through the router's conntrack zone", 0
	case flow.Action(a) == pipeline.SetReturned():
		return "notes that the router's conntrack zone is asked", 0
	case flow.Action(a) == pipeline.ClearReturned():
		return "forgets that a router's conntrack zone was asked", 0
	}
	return fmt.Sprintf("sets %#x/%#x of %s", a.Value, a.Mask, a.Field), 0
}

// askGroups says which groups are asked, one after the other.
func (w *words) askGroups(a flow.SetField, next []flow.Action) (words string, taken int) {
	list := append([]flow.Action{a}, next...)
	var names []string
	for i := 0; i+1 < len(list); i += 2 {
		set, isSet := list[i].(flow.SetField)
		if !isSet || set.Field != flow.Reg3 || list[i+1] != flow.Action(flow.Resubmit{Table: pipeline.GroupRules.ID}) {
			break
		}
		names = append(names, w.groupName(set.Value))
	}
	switch len(names) {
	case 0:
		return "chooses security group " + w.groupName(a.Value), 0
	case 1:
		return "asks security group " + names[0], 1
	}
	return "asks the security groups " + and(names), 2*len(names) - 1
}

// conntrack says what connection tracking is used for.
func (w *words) conntrack(a flow.Conntrack) string {
	zone := fmt.Sprintf("conntrack zone %d", a.Zone)
	if a.ZoneFrom == flow.Metadata {
		zone = "the port's own conntrack zone"
	} else if r := w.index.zones[a.Zone]; r != nil {
		zone = fmt.Sprintf("conntrack zone %d of %s", a.Zone, routerName(r))
	}
	var text string
	switch {
	case a.NAT == flow.NATSource:
		text = fmt.Sprintf("gives its connection the source address %s and a free port, in %s", w.address(uint64(a.Addr)), zone)
	case a.NAT == flow.NATKnown:
		text = "translates it back if it belongs to a connection known in " + zone
	case a.Commit:
		text = "notes its connection in " + zone
	default:
		text = "looks its connection up in " + zone
	}
	if a.Next != flow.NoTable {
		text += ", and goes on in " + w.into(a.Next)
	}
	return text
}
