package trace

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// send sends the traced frame, and says what became of it. target is the port that it should come to, if one is known.
func (t *tracer) send(frame []byte, target *model.Port) (Outcome, string) {
	t.way.Frame = frame
	r := t.follow(t.enters(t.node, t.packet.From, t.at.Ofport, frame))
	outcome, verdict := r.judge(target)
	t.way.Stages = append(t.way.Stages, r.stages(outcome == Dropped && len(r.ends) > 0 && r.worst(target).hop.aside)...)
	t.way.Arrived = append(t.way.Arrived, r.arrived...)
	if outcome == Delivered {
		verdict += t.comesBack(r.arrived)
	}
	return outcome, verdict
}

// judge says what became of a frame.
func (r *run) judge(target *model.Port) (Outcome, string) {
	var delivered, left, answers, errors []Place
	for _, a := range r.arrived {
		switch {
		case a.Mapping.Bridge != "":
			left = append(left, a)
		case a.Port != r.packet.From || a.Node != r.node:
			delivered = append(delivered, a)
		case icmpError(a.Frame) != "":
			errors = append(errors, a)
		default:
			answers = append(answers, a)
		}
	}
	worst := r.worst(target)
	switch {
	case len(delivered) > 0:
		return r.delivered(delivered, left, target)
	case len(answers) > 0:
		return Answered, "answered" + r.byWhom(answers[0])
	case len(r.asked) > 0:
		return Controller, "waits at the controller: " + r.asks(r.asked[0])
	case len(r.told) > 0:
		verdict := fmt.Sprintf("dropped on %s %s", r.told[0].in.Node.Hostname, r.refused(r.told[0]))
		if len(errors) > 0 {
			verdict += fmt.Sprintf("; the sender is told: %s", icmpError(errors[0].Frame))
		}
		return Dropped, verdict
	case r.problem != "":
		return Unknown, r.problem
	case len(left) > 0 && (worst == nil || !r.counts(worst, target)):
		return Left, r.left(left)
	case worst != nil:
		return Dropped, "dropped " + r.where(worst)
	}
	return Dropped, "dropped: it goes round in circles, or in too many copies"
}

// counts tells whether an end is where the frame was to go, and not one that a wire has only shown it to.
func (r *run) counts(e *end, target *model.Port) bool {
	return !e.hop.aside || !slices.Contains(notForMe, e.look.Table) || r.isTargets(e, target)
}

func (r *run) isTargets(e *end, target *model.Port) bool {
	if target == nil {
		return false
	}
	at, ok := r.View.Location(target.Number)
	return ok && at.Node == e.hop.node.Number
}

// worst is the end that says most: on the target's node, or where the frame was to go; nil: no copy has ended.
func (r *run) worst(target *model.Port) *end {
	var found *end
	for i := range r.ends {
		e := &r.ends[i]
		if found == nil || r.isTargets(e, target) && !r.isTargets(found, target) || r.counts(e, target) && !r.counts(found, target) {
			found = e
		}
	}
	return found
}

func (r *run) delivered(list, left []Place, target *model.Port) (outcome Outcome, words string) {
	names := make([]string, len(list))
	hit := target == nil || r.packet.Port == nil
	for i, p := range list {
		names[i] = p.String()
		hit = hit || p.Port == target
	}
	const most = 5
	verdict := "delivered to " + names[0]
	if r.packet.Kind == DHCP {
		defer func() { words = "no DHCP service here for port " + nameOf(r.packet.From) + ": " + words }()
	}
	switch {
	case len(names) > most:
		verdict = fmt.Sprintf("delivered to %d ports: %s, ...", len(names), strings.Join(names[:most], ", "))
	case len(names) > 1:
		verdict = "delivered to " + strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
	}
	if len(left) > 0 && list[0].Frame[0]&1 != 0 {
		verdict += "; it also " + r.left(left[:1])
	}
	if !hit {
		return Dropped, fmt.Sprintf("%s, and not to %s", verdict, nameOf(target))
	}
	return Delivered, verdict
}

func (r *run) left(list []Place) string {
	p := list[0]
	verdict := "left by " + p.String()
	if ip := ipv4Of(p.Frame); ip != nil {
		verdict += fmt.Sprintf(", from %s to %s", ip.SrcIP, ip.DstIP)
	}
	return verdict
}

// byWhom says who has answered: a router, the DHCP server, or an entry for ARP.
func (r *run) byWhom(a Place) string {
	for _, t := range r.told {
		if t.reply.Observed != "" {
			return ": " + t.reply.Observed
		}
	}
	if mac, ok := arpAnswer(a.Frame, r.packet.To); ok {
		return fmt.Sprintf(": %s is at %s", r.packet.To, mac)
	}
	if ip := ipv4Of(a.Frame); ip != nil {
		if src, ok := netip.AddrFromSlice(ip.SrcIP.To4()); ok {
			if router := r.routerAt(src); router != nil {
				return " by router " + either(router.Name, router.ID)
			}
		}
	}
	return fmt.Sprintf(" on %s", a.Node.Hostname)
}

// asks says for what a packet waits.
func (r *run) asks(t told) string {
	return fmt.Sprintf("router %s does not know the MAC address of %s, and %s asks for it by ARP",
		r.routerName(t.reply.Question.Router), t.reply.Question.Address, t.in.Node.Hostname)
}

func (r *run) routerName(n model.Number) string {
	if x := r.View.Router(n); x != nil {
		return either(x.Name, x.ID)
	}
	return fmt.Sprint(n)
}

// comesBack says whether the first reply to a packet that was delivered to one port comes back, on the same switches, which know the connection
// by now.
func (t *tracer) comesBack(arrived []Place) string {
	arrived = slices.DeleteFunc(slices.Clone(arrived), func(p Place) bool { return p.Port == nil })
	if len(arrived) != 1 || t.packet.Kind != IP || t.way.Frame[0]&1 != 0 {
		return ""
	}
	at := arrived[0]
	frame := reply(at.Frame)
	if frame == nil {
		return ""
	}
	if at.Node.Switch != nil {
		t.towardGateway(at.Port, frame)
	}
	r := t.follow(t.enters(at.Node, at.Port, at.Ofport, frame))
	for _, a := range r.arrived {
		if a.Port == t.packet.From {
			return "; the reply comes back"
		}
	}
	switch worst := r.worst(t.packet.From); {
	case r.problem != "":
		return "; the reply: " + r.problem
	case len(r.told) > 0:
		return fmt.Sprintf("; the reply does not come back: dropped on %s %s", r.told[0].in.Node.Hostname, r.refused(r.told[0]))
	case worst != nil:
		return "; the reply does not come back: dropped " + r.where(worst)
	case len(r.arrived) > 0:
		return "; the reply does not come back: delivered to " + r.arrived[0].String()
	}
	return "; the reply does not come back"
}

// icmpErrors are those that routers here send (RFC 792, RFC 1812).
var icmpErrors = map[layers.ICMPv4TypeCode]string{
	layers.CreateICMPv4TypeCode(layers.ICMPv4TypeDestinationUnreachable, layers.ICMPv4CodeNet):                 "network unreachable",
	layers.CreateICMPv4TypeCode(layers.ICMPv4TypeDestinationUnreachable, layers.ICMPv4CodeHost):                "host unreachable",
	layers.CreateICMPv4TypeCode(layers.ICMPv4TypeDestinationUnreachable, layers.ICMPv4CodeProtocol):            "protocol unreachable",
	layers.CreateICMPv4TypeCode(layers.ICMPv4TypeDestinationUnreachable, layers.ICMPv4CodePort):                "port unreachable",
	layers.CreateICMPv4TypeCode(layers.ICMPv4TypeDestinationUnreachable, layers.ICMPv4CodeFragmentationNeeded): "fragmentation needed",
	layers.CreateICMPv4TypeCode(layers.ICMPv4TypeTimeExceeded, layers.ICMPv4CodeTTLExceeded):                   "TTL exceeded",
}

// icmpError says in words what an ICMP error tells; empty: the frame is none.
func icmpError(frame []byte) string {
	l, ok := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default).Layer(layers.LayerTypeICMPv4).(*layers.ICMPv4)
	if !ok || !slices.Contains(pipeline.ICMPErrors, uint64(l.TypeCode.Type())) {
		return ""
	}
	if words, ok := icmpErrors[l.TypeCode]; ok {
		return "ICMP " + words
	}
	return "ICMP " + l.TypeCode.String()
}

func ipv4Of(frame []byte) *layers.IPv4 {
	l, _ := gopacket.NewPacket(frame, layers.LayerTypeEthernet, gopacket.Default).Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	return l
}

// where says on which node and in which table a copy has ended, and why.
func (r *run) where(e *end) string {
	switch e.look.Table {
	case tunnelEnd:
		return fmt.Sprintf("between the nodes: %s sends it to %s, which is no node's tunnel address", e.hop.node.Hostname, addr(e.look.get(flow.TunnelDst)))
	case mtuEnd:
		n := r.networkWith(model.NetworkKey(e.look.get(flow.Metadata)))
		return fmt.Sprintf("between the nodes: it is too large for network %s, whose MTU is %d", nameOfNetwork(n), n.MTU)
	}
	if e.look.Table == linkEnd {
		return fmt.Sprintf("between the switches: a link of %s is down", e.hop.node.Hostname)
	}
	table := pipeline.NamesOf(e.hop.node)[e.look.Table]
	if table == "" {
		table = fmt.Sprintf("table %d", e.look.Table)
	}
	if e.hop.node.Switch != nil {
		return fmt.Sprintf("on %s at %s: %s", e.hop.node.Hostname, table, r.whySwitch(e))
	}
	if stage, ok := stageNames[e.look.Table]; ok {
		table = stage
	}
	return fmt.Sprintf("on %s at %s: %s", e.hop.node.Hostname, table, r.why(e))
}
