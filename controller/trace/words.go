package trace

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/apps/routing"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
)

// stageNames are what people call tables.
var stageNames = map[uint8]string{
	pipeline.EgressTracked.ID: "egress rules", pipeline.EgressVerdict.ID: "egress rules",
	pipeline.IngressTracked.ID: "ingress rules", pipeline.IngressVerdict.ID: "ingress rules",
}

// routine are the tables in which an ARP request ends that nobody answers for, at the last of those who might.
var routine = []uint8{pipeline.Deliver.ID, pipeline.Output.ID}

// misses say why a packet has no entry in a table. Every table in which packets can end has one.
var misses = map[uint8]func(*run, *end) string{
	pipeline.Classify.ID:   (*run).noClass,
	pipeline.FromTunnel.ID: (*run).noNetworkOfKey,
	pipeline.FromWire.ID:   (*run).noDefault,
	pipeline.Guard.ID:      (*run).spoofed,
	pipeline.Service.ID:    (*run).noDefault,
	pipeline.Answer.ID:     (*run).noDefault,
	pipeline.Egress.ID: func(r *run, e *end) string {
		return fmt.Sprintf("ethertype %#04x is not let out", e.look.get(flow.EthType))
	},
	pipeline.EgressTracked.ID:  (*run).invalid,
	pipeline.EgressVerdict.ID:  (*run).noEgressRule,
	pipeline.ToRouter.ID:       (*run).noDefault,
	pipeline.Route.ID:          (*run).noRouter,
	pipeline.SourceNAT.ID:      (*run).noGateway,
	pipeline.External.ID:       (*run).notServed,
	pipeline.Neighbour.ID:      (*run).noNeighbour,
	pipeline.Deliver.ID:        (*run).nobody,
	pipeline.IngressTracked.ID: (*run).invalid,
	pipeline.IngressVerdict.ID: (*run).noIngressRule,
	pipeline.Ingress.ID: func(r *run, e *end) string {
		return fmt.Sprintf("ethertype %#04x is not let in", e.look.get(flow.EthType))
	},
	pipeline.Output.ID: (*run).noInterface,
	pipeline.Groups.ID: func(r *run, e *end) string {
		return "the groups of port " + r.receiver(e) + " say nothing"
	},
	pipeline.GroupRules.ID: func(r *run, e *end) string { return "no rule of the group is about it" },
}

// Rules whose entries drop, or send up what is dropped, by number. Numbers are never reused (apps/pipeline/testdata).
const (
	ruleUnknown       = 114
	ruleUnknownHere   = 115
	ruleFlood         = 112
	ruleFloodHere     = 113
	ruleOutput        = 121
	ruleRemote        = 123
	ruleAppOwn        = 508
	ruleExpired       = 509
	ruleNoRoute       = 513
	rulePort          = 514
	ruleTooBig        = 517
	ruleNobody        = 520
	ruleTooBigOutside = 550
	ruleExpiredNAT    = 557
)

// why says why a copy has ended where it has.
func (r *run) why(e *end) string {
	if e.look.Entry == "" {
		if words := misses[e.look.Table]; words != nil {
			return words(r, e)
		}
		return "nothing matches there"
	}
	rule := pipeline.RuleByNumber(e.look.Entry.Cookie().Rule())
	if rule == nil || !e.look.Entry.Cookie().IsPlanck() {
		return "an entry that is not Planck's drops it: " + text(e.look.Entry)
	}
	switch rule.Number {
	case ruleUnknown, ruleUnknownHere:
		return r.unknown(e)
	case ruleFlood, ruleFloodHere:
		return fmt.Sprintf("network %s has nobody else who could get it", r.networkOf(e))
	case ruleOutput:
		return fmt.Sprintf("nobody but its sender, port %s, could get it", r.receiver(e))
	case ruleRemote, rulePort:
		return fmt.Sprintf("%s has no way to the node of its destination", e.hop.node.Hostname)
	}
	return fmt.Sprintf("rule %q: %s", rule.Name, rule.Doc)
}

// unknown says why nobody takes an unknown destination.
func (r *run) unknown(e *end) string {
	key, _, _ := pipeline.MetadataParts(e.look.get(flow.Metadata))
	n := r.networkWith(key)
	if n == nil {
		return "its network is unknown"
	}
	dst := mac(e.look.get(flow.EthDst))
	owners := r.View.OwnersOf(n.Number, dst)
	switch {
	case len(owners) > 0 && owners[0].DeviceOwner == model.DeviceOwnerDHCP:
		return fmt.Sprintf("%s is the DHCP server's of network %s, which takes nothing else", dst, nameOfNetwork(n))
	case len(owners) > 0:
		return fmt.Sprintf("the entry for %s, which is port %s's, is missing", dst, nameOf(owners[0]))
	}
	who := dst.String()
	if e.look.get(flow.EthType) == pipeline.EthTypeARP {
		who = addr(e.look.get(flow.ARPTPA)).String()
	}
	return fmt.Sprintf("no port of network %s has %s, and none takes unknown destinations", nameOfNetwork(n), who)
}

// refused says why a router does not send on what came up.
func (r *run) refused(t told) string {
	at := "at " + pipeline.NamesOf(t.in.Node)[t.in.Table]
	router := t.in.Router()
	if router == nil {
		if t.reply.Observed != "" {
			return at + ": " + t.reply.Observed
		}
		return fmt.Sprintf("%s: the controller does not answer (rule %q)", at, t.rule.Name)
	}
	name := either(router.Name, router.ID)
	dst := addr(t.look.get(flow.IPv4Dst))
	switch t.rule.Number {
	case ruleNoRoute:
		return fmt.Sprintf("%s: no route from router %s to %s", at, name, dst)
	case ruleExpired, ruleExpiredNAT:
		return fmt.Sprintf("%s: its TTL has run out at router %s", at, name)
	case ruleAppOwn:
		return fmt.Sprintf("%s: %s is router %s's own, and nobody listens there", at, dst, name)
	case ruleTooBig, ruleTooBigOutside:
		key, _, _ := pipeline.MetadataParts(t.in.Metadata)
		if n := r.networkWith(key); n != nil {
			return fmt.Sprintf("%s: it is too large for network %s, whose MTU is %d", at, nameOfNetwork(n), n.MTU)
		}
	case ruleNobody:
		return at + ": " + r.noHop(addr(t.look.get(pipeline.NextHop)), t.in.Metadata)
	}
	if t.reply.Observed != "" {
		return fmt.Sprintf("%s: router %s: %s", at, name, t.reply.Observed)
	}
	return fmt.Sprintf("%s: rule %q: %s", at, t.rule.Name, t.rule.Doc)
}

// noHop says why a next hop is nobody's.
func (r *run) noHop(a netip.Addr, metadata uint64) string {
	key, _, _ := pipeline.MetadataParts(metadata)
	n := r.networkWith(key)
	if n == nil {
		return fmt.Sprintf("no port has %s", a)
	}
	p := r.portWith(n, a)
	if p == nil {
		return fmt.Sprintf("no port of network %s has %s", nameOfNetwork(n), a)
	}
	if _, ok := r.View.Location(p.Number); !ok {
		return fmt.Sprintf("nobody has %s: %s", a, r.nowhere(p))
	}
	return fmt.Sprintf("%s is port %s's, of which the tables do not know", a, nameOf(p))
}

func (r *run) noClass(e *end) string {
	h := e.hop
	switch {
	case h.in.InPort == h.node.TunnelPort:
		return fmt.Sprintf("no tunnel packets are taken from %s", addr(e.look.get(flow.TunnelSrc)))
	case h.aside:
		return "no network comes in by that wire there"
	case e.look.get(flow.VLANVID) != 0:
		return "it has a VLAN tag, where none belongs"
	}
	for _, i := range h.node.Interfaces {
		if p := r.View.PortByID(i.PortID); i.Ofport == h.in.InPort && p != nil {
			return fmt.Sprintf("the entry for port %s's interface, number %d, is missing", nameOf(p), i.Ofport)
		}
	}
	return fmt.Sprintf("interface %d is no port's", h.in.InPort)
}

func (r *run) noNetworkOfKey(e *end) string {
	key := model.NetworkKey(e.look.get(flow.TunnelID))
	return fmt.Sprintf("tunnel key %d, %s, is not taken there", key, r.keyed(key))
}

func (r *run) noDefault(*end) string { return "the entry that sends packets on is missing" }

func (r *run) invalid(*end) string { return "conntrack takes it for invalid" }

// spoofed says which source it is that does not belong to the sender.
func (r *run) spoofed(e *end) string {
	port := r.portOf(e)
	if port == nil {
		return "it is from no port"
	}
	name := nameOf(port)
	src, ether := mac(e.look.get(flow.EthSrc)), e.look.get(flow.EthType)
	var macs []model.MAC
	for _, pair := range port.AllowedAddressPairs {
		macs = append(macs, pair.MAC)
	}
	if src != port.MAC && !slices.Contains(macs, src) {
		return fmt.Sprintf("%s is no source MAC address of port %s", src, name)
	}
	source := flow.IPv4Src
	switch ether {
	case pipeline.EthTypeARP:
		source = flow.ARPSPA
	case pipeline.EthTypeIPv4:
	default:
		return fmt.Sprintf("ethertype %#04x is not let through", ether)
	}
	a := addr(e.look.get(source))
	for _, prefix := range port.SourcePrefixes() {
		if prefix.Contains(a) {
			return fmt.Sprintf("the entry for port %s and its source %s is missing", name, a)
		}
	}
	return fmt.Sprintf("%s is no source address of port %s", a, name)
}

func (r *run) noEgressRule(e *end) string {
	port := r.portOf(e)
	if port == nil {
		return "no port sends it"
	}
	return r.noRule(e, port, fmt.Sprintf("to %s", addr(e.look.get(flow.IPv4Dst))))
}

func (r *run) noIngressRule(e *end) string {
	port := r.portOf(e)
	if port == nil {
		return "no port is to get it"
	}
	return r.noRule(e, port, fmt.Sprintf("from %s", addr(e.look.get(flow.IPv4Src))))
}

func (r *run) noRule(e *end, p *model.Port, remote string) string {
	groups := r.groupsOf(p)
	if groups == "" {
		return fmt.Sprintf("port %s is in no security group", nameOf(p))
	}
	return fmt.Sprintf("no rule of %s allows %s %s", groups, service(&e.look), remote)
}

// service says what a packet is, as rules do: "tcp/22".
func service(l *look) string {
	switch proto := l.get(flow.IPProto); proto {
	case model.ProtocolTCP:
		return fmt.Sprintf("tcp/%d", l.get(flow.TCPDst))
	case model.ProtocolUDP:
		return fmt.Sprintf("udp/%d", l.get(flow.UDPDst))
	case model.ProtocolICMP:
		return fmt.Sprintf("icmp type %d", l.get(flow.ICMPType))
	default:
		return fmt.Sprintf("IP protocol %d", proto)
	}
}

func (r *run) noRouter(e *end) string {
	return fmt.Sprintf("router %s is not on %s", r.routerOf(e), e.hop.node.Hostname)
}

func (r *run) noGateway(e *end) string {
	key := model.NetworkKey(e.look.get(pipeline.Router))
	router := r.routerWith(key)
	if router == nil {
		return "no gateway node serves the router"
	}
	name := either(router.Name, router.ID)
	g := routing.GatewayOf(r.View, router)
	switch {
	case g == nil:
		return fmt.Sprintf("router %s has no gateway", name)
	case r.View.GatewayNode(router.Number) == 0:
		return fmt.Sprintf("no gateway node serves router %s", name)
	}
	return fmt.Sprintf("the way from %s to router %s's gateway node is missing", e.hop.node.Hostname, name)
}

func (r *run) notServed(e *end) string {
	return fmt.Sprintf("%s is not served on %s", addr(e.look.get(flow.IPv4Dst)), e.hop.node.Hostname)
}

func (r *run) noNeighbour(e *end) string {
	return r.noHop(addr(e.look.get(pipeline.NextHop)), e.look.get(flow.Metadata))
}

func (r *run) nobody(e *end) string {
	return fmt.Sprintf("network %s is not on %s, or nobody there takes %s", r.networkOf(e), e.hop.node.Hostname, mac(e.look.get(flow.EthDst)))
}

func (r *run) noInterface(e *end) string {
	return fmt.Sprintf("port %s is not on %s, or is down", r.receiver(e), e.hop.node.Hostname)
}

// networkOf names the network that a packet is in.
func (r *run) networkOf(e *end) string {
	key, _, _ := pipeline.MetadataParts(e.look.get(flow.Metadata))
	if n := r.networkWith(key); n != nil {
		return nameOfNetwork(n)
	}
	return fmt.Sprintf("with key %d", key)
}

func (r *run) routerOf(e *end) string {
	key := model.NetworkKey(e.look.get(pipeline.Router))
	if x := r.routerWith(key); x != nil {
		return either(x.Name, x.ID)
	}
	return fmt.Sprintf("with key %d", key)
}

// portOf is the port whose key a packet has: the sender up to table deliver, and the receiver after it.
func (r *run) portOf(e *end) *model.Port {
	key, ofport, _ := pipeline.MetadataParts(e.look.get(flow.Metadata))
	if n := r.networkWith(key); n != nil {
		return r.View.PortAt(n.Number, e.hop.node.Number, ofport)
	}
	return nil
}

func (r *run) receiver(e *end) string {
	if p := r.portOf(e); p != nil {
		return nameOf(p)
	}
	_, ofport, _ := pipeline.MetadataParts(e.look.get(flow.Metadata))
	return fmt.Sprintf("number %d", ofport)
}

func mac(v uint64) model.MAC {
	return model.MAC{byte(v >> 40), byte(v >> 32), byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
}
