package pipeline

import "github.com/planck-sdn/planck/model/flow"

// Version is the version of the pipeline: tables, layout of metadata, meaning of tunnel keys. It stands in the marker entry of
// every switch. It changes when an entry of the old version and one of the new must not meet in one table. (It is a variable
// for apps/upgrade.go, which is the next version in a test.)
var Version uint64 = 1

// Tables that packets come back to are known before they are declared: a chain of routers to route, conntrack to source_nat.
var (
	toRoute     = &Table{ID: 44, Name: "route"}
	toSourceNAT = &Table{ID: 52, Name: "source_nat"}
)

// connection are the fields that conntrack gives a packet, and that rules match.
var connection = fields(masked(flow.CTState, flow.CTSrc, flow.CTDst, flow.CTSrcPort, flow.CTDstPort), exact(flow.CTProto, flow.IPFrag))

// The tables of profile ovs, in the order in which a packet meets them. Ids are spaced, append only and never
// reused; tables_test.go pins them in a golden file. Each is declared after the tables that it goes to.
var (
	// Marker holds one entry that no packet reaches: it says which version of the pipeline the switch has.
	Marker = &Table{ID: 250, Name: "marker", App: "base",
		Purpose: "Says which version of the pipeline this switch has. No packet comes here.",
		Actions: []ActionKind{ActWriteMetadata},
		Miss:    "never"}

	Output = &Table{ID: 92, Name: "output", App: "l2",
		Purpose: "Port key in metadata to the port of this switch.",
		Match:   fields(masked(flow.Metadata), exact(flow.EthType, flow.IPDSCP)),
		Actions: []ActionKind{ActOutput, ActMeter, ActController},
		Miss:    "drop: the port is not here, or is down"}

	// GroupRules and Groups are subroutines: what a packet is asked on its way through the stages of security groups.
	GroupRules = &Table{ID: 104, Name: "rules", App: "security",
		Purpose: "The rules of the security group in question: what they let through is marked as allowed.",
		Match: fields(masked(flow.Reg2), exact(flow.Reg3, flow.ConjunctionID, flow.EthType), connection,
			masked(flow.IPv4Src, flow.IPv4Dst, flow.TCPDst, flow.UDPDst), exact(flow.IPProto, flow.ICMPType, flow.ICMPCode)),
		Actions: []ActionKind{ActSetField, ActConjunction},
		Miss:    "not allowed by this group"}

	Groups = &Table{ID: 100, Name: "groups", App: "security",
		Purpose: "The security groups of a port of this node, one after the other.",
		Match:   masked(flow.Metadata),
		Actions: []ActionKind{ActSetField, ActResubmit}, Resubmit: []*Table{GroupRules},
		Miss: "not allowed: no port, or one without groups"}

	IngressVerdict = &Table{ID: 88, Name: "ingress_verdict", App: "security",
		Purpose: "What is allowed goes to the port, and if it begins a connection, that is noted.",
		Match:   fields(masked(flow.Metadata, flow.Reg2), exact(flow.EthType)),
		Actions: []ActionKind{ActSetField, ActConntrack},
		Next:    []*Table{Output},
		Miss:    "drop: no rule of the port's groups lets it through"}

	IngressTracked = &Table{ID: 84, Name: "ingress_tracked", App: "security",
		Purpose: "What conntrack knows of a packet for a port: by its connection's first packet the rules of that one's direction are asked.",
		Match:   fields(masked(flow.CTState), exact(flow.EthType)),
		Actions: []ActionKind{ActSetField, ActResubmit},
		Next:    []*Table{IngressVerdict}, Resubmit: []*Table{Groups},
		Miss: "drop: invalid, says conntrack"}

	Ingress = &Table{ID: 80, Name: "ingress", App: "security",
		Purpose: "What is for a port here passes its security groups, each copy of a flooded packet too.",
		Match:   fields(masked(flow.Metadata), exact(flow.EthType)),
		Actions: []ActionKind{ActSetField, ActConntrack, ActResubmit},
		Next:    []*Table{IngressTracked, IngressVerdict, Output}, Resubmit: []*Table{Groups},
		Miss: "drop: an ethertype that ports with port security do not get"}

	Deliver = &Table{ID: 76, Name: "deliver", App: "l2",
		Purpose: "Destination MAC in the packet's network to a port here, the tunnel to another node, the mapped bridge, or the flood group.",
		Match:   fields(masked(flow.Metadata, flow.EthDst), exact(flow.EthType, flow.ARPOp)),
		Actions: []ActionKind{ActWriteMetadata, ActSetField, ActOutput, ActGroup, ActPushVLAN, ActPopVLAN, ActResubmit},
		Next:    []*Table{Ingress}, Resubmit: []*Table{Ingress},
		Miss: "drop: nobody in the network takes unknown destinations"}

	Neighbour = &Table{ID: 68, Name: "neighbour", App: "router",
		Purpose: "Network and next hop to MAC address: of a port, of another router, of a host outside. Unknown ones outside are resolved by the controller.",
		Match:   fields(masked(flow.Metadata, flow.Reg2), exact(flow.Reg0, flow.Reg1, flow.EthType)),
		Actions: []ActionKind{ActSetField, ActMove, ActResubmit, ActOutput, ActPushVLAN, ActMeter, ActController},
		Next:    []*Table{Deliver}, Resubmit: []*Table{toRoute},
		Miss: "drop"}

	External = &Table{ID: 60, Name: "external", App: "nat",
		Purpose: "On an external network: a floating IP becomes the fixed IP, a source NAT address the connection's; what is for others goes on to the wire.",
		Match:   fields(masked(flow.Metadata, flow.Reg2), exact(flow.Reg1, flow.EthType, flow.IPv4Dst, flow.IPProto, flow.ICMPType, flow.IPTTL)),
		Actions: []ActionKind{ActSetField, ActResubmit, ActConntrack, ActMeter, ActController},
		Next:    []*Table{Neighbour}, Resubmit: []*Table{toRoute},
		Miss: "drop: from the wire, and not for an address that is served here"}

	SourceNAT = &Table{ID: toSourceNAT.ID, Name: toSourceNAT.Name, App: "nat",
		Purpose: "Towards an external network: the fixed IP becomes its floating IP, or the router's address on its gateway node; other nodes hand the packet to that.",
		Match:   fields(masked(flow.Metadata, flow.Reg2), exact(flow.Reg1, flow.EthType, flow.IPv4Src, flow.IPv4Dst, flow.IPProto, flow.ICMPType)),
		Actions: []ActionKind{ActSetField, ActDecTTL, ActConntrack, ActOutput, ActMeter, ActController},
		Next:    []*Table{External}, Resubmit: []*Table{toSourceNAT},
		Miss: "drop: no gateway node serves the router"}

	Route = &Table{ID: toRoute.ID, Name: toRoute.Name, App: "router",
		Purpose: "A router's routes, longest prefix first, and what is for the router itself.",
		Match:   fields(masked(flow.Metadata, flow.IPv4Dst), exact(flow.Reg1, flow.EthType, flow.IPProto, flow.ICMPType, flow.IPTTL)),
		Actions: []ActionKind{ActSetField, ActMove, ActDecTTL, ActCheckLarger, ActResubmit, ActMeter, ActController},
		Next:    []*Table{Neighbour, SourceNAT}, Resubmit: []*Table{toRoute},
		Miss: "drop"}

	ToRouter = &Table{ID: 40, Name: "to_router", App: "router",
		Purpose: "Packets for a router's MAC address go to the router; other packets go on.",
		Match:   fields(masked(flow.Metadata, flow.EthSrc, flow.IPv4Dst), exact(flow.EthDst, flow.EthType)),
		Actions: []ActionKind{ActSetField},
		Next:    []*Table{Route, External, Deliver},
		Miss:    "never: an entry sends the rest to deliver"}

	EgressVerdict = &Table{ID: 36, Name: "egress_verdict", App: "security",
		Purpose: "What is allowed goes on, and if it begins a connection, that is noted.",
		Match:   fields(masked(flow.Reg2), exact(flow.EthType)),
		Actions: []ActionKind{ActSetField, ActConntrack},
		Next:    []*Table{ToRouter},
		Miss:    "drop: no rule of the port's groups lets it through"}

	EgressTracked = &Table{ID: 34, Name: "egress_tracked", App: "security",
		Purpose: "What conntrack knows of a packet from a port: by its connection's first packet the rules of that one's direction are asked.",
		Match:   fields(masked(flow.CTState), exact(flow.EthType)),
		Actions: []ActionKind{ActSetField, ActResubmit},
		Next:    []*Table{EgressVerdict}, Resubmit: []*Table{Groups},
		Miss: "drop: invalid, says conntrack"}

	Egress = &Table{ID: 32, Name: "egress", App: "security",
		Purpose: "What a port here sends passes its security groups; what comes from outside goes on.",
		Match:   fields(masked(flow.Metadata), exact(flow.EthType)),
		Actions: []ActionKind{ActSetField, ActConntrack, ActResubmit},
		Next:    []*Table{EgressTracked, EgressVerdict, ToRouter}, Resubmit: []*Table{Groups},
		Miss: "drop: an ethertype that ports with port security do not send"}

	Answer = &Table{ID: 28, Name: "answer", App: "arp",
		Purpose: "ARP requests for known addresses are answered on the spot; other packets go on.",
		Match:   fields(masked(flow.Metadata), exact(flow.EthType, flow.ARPOp, flow.ARPTPA), masked(flow.ARPSPA)),
		Actions: []ActionKind{ActSetField, ActMove, ActOutput, ActGroup, ActPushVLAN, ActPopVLAN, ActResubmit, ActMeter, ActController},
		Next:    []*Table{Egress}, Resubmit: []*Table{Ingress},
		Miss: "never: an entry sends the rest to egress"}

	Service = &Table{ID: 20, Name: "service", App: "dhcp",
		Purpose: "DHCP requests go to the controller, metered per port; other packets go on.",
		Match:   fields(masked(flow.Metadata), exact(flow.EthType, flow.IPProto, flow.IPv4Dst, flow.UDPSrc, flow.UDPDst)),
		Actions: []ActionKind{ActMeter, ActController},
		Next:    []*Table{Answer},
		Miss:    "never: an entry sends the rest to answer"}

	Guard = &Table{ID: 12, Name: "guard", App: "guard",
		Purpose: "What a port sends has a source MAC, IPv4 source and ARP sender that belong to it.",
		Match: fields(masked(flow.Metadata), exact(flow.EthSrc, flow.EthType, flow.IPProto, flow.UDPSrc, flow.UDPDst, flow.ARPSHA, flow.ARPOp),
			masked(flow.EthDst, flow.IPv4Src, flow.ARPSPA)),
		Next: []*Table{Service},
		Miss: "drop: a spoofed source, or an ethertype that is not let through"}

	FromWire = &Table{ID: 8, Name: "from_wire", App: "l2",
		Purpose: "Drops what must not come in from a mapped bridge: a second VLAN tag, link-local multicast.",
		Match:   fields(exact(flow.EthType), masked(flow.EthDst)),
		Next:    []*Table{Answer},
		Miss:    "never: an entry sends the rest to answer"}

	FromTunnel = &Table{ID: 4, Name: "from_tunnel", App: "l2",
		Purpose: "Tunnel key to network, for packets from another node.",
		Match:   exact(flow.TunnelID, flow.EthDst),
		Actions: []ActionKind{ActWriteMetadata, ActSetField, ActMove, ActOutput, ActMeter, ActController},
		Next:    []*Table{Route, Deliver},
		Miss:    "drop: a network that has no port here"}

	Classify = &Table{ID: 0, Name: "classify", App: "l2",
		Purpose: "Where a packet came from: a port and its network, a tunnel from a known node, or a mapped bridge.",
		Match:   exact(flow.InPort, flow.VLANVID, flow.TunnelSrc),
		Actions: []ActionKind{ActWriteMetadata, ActPopVLAN},
		Next:    []*Table{FromTunnel, FromWire, Guard},
		Miss:    "drop: an unknown port, a tag where none belongs, a tunnel from a stranger"}
)

// OVS lists the tables of profile ovs in pipeline order.
var OVS = []*Table{Classify, FromTunnel, FromWire, Guard, Service, Answer, Egress, EgressTracked, EgressVerdict, ToRouter, Route, SourceNAT, External, Neighbour,
	Deliver, Ingress, IngressTracked, IngressVerdict, Output, Groups, GroupRules, Marker}

// Names are the names of profile ovs's tables, for text.
var Names = namesOf(OVS)

func namesOf(tables []*Table) flow.TableNames {
	names := flow.TableNames{}
	for _, t := range tables {
		names[t.ID] = t.Name
	}
	return names
}

// TableName gives the name of a table of profile ovs, and "" for a number that is none.
func TableName(id uint8) string { return Names[id] }
