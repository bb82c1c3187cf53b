package l2

import (
	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

// Flood groups of a network: the upper eight bits of a group's id. Those below 0x10 join the pieces, whose numbers
// are the parts of the network's unit (model/topology).
const (
	Flood       = 0x00 // all members
	FloodHere   = 0x01 // members on this node
	Unknown     = 0x02 // whoever takes unknown destinations, and the mapped bridge
	UnknownHere = 0x03 // the same, on this node
)

// GroupID composes a group id: the piece (8 bits), the network's key (24). It stays below OFPG_MAX, 0xffffff00.
func GroupID(key model.NetworkKey, piece uint8) uint32 { return uint32(piece)<<24 | uint32(key) }

// mainGroups joins the pieces that are not empty.
func mainGroups(c *pipeline.Context, n *model.Network) {
	pieces := map[topology.PartKind][][]flow.Action{}
	seen := map[uint8]bool{}
	add := func(part uint8) {
		if !seen[part] {
			seen[part] = true
			kind := topology.KindOfPart(part)
			pieces[kind] = append(pieces[kind], []flow.Action{flow.ToGroup{ID: GroupID(n.Key, part)}})
		}
	}
	for _, part := range c.View.LocalParts(n.Number, c.Node.Number) {
		add(part)
	}
	var wire [][]flow.Action
	if encapsulated(n) {
		for _, peer := range c.View.PresentOn(n.Number) {
			if Reachable(c, peer) {
				add(topology.RemotePartOf(peer))
			}
		}
		for _, peer := range c.View.OpenOn(n.Number) {
			if Reachable(c, peer) {
				add(topology.RemoteOpenPartOf(peer))
			}
		}
	} else if out := ToWire(c.Node, n); out != nil {
		wire = [][]flow.Action{out}
	}
	group := func(id uint8, buckets ...[][]flow.Action) {
		g := flow.Group{ID: GroupID(n.Key, id)}
		for _, b := range buckets {
			g.Buckets = append(g.Buckets, b...)
		}
		c.Group(g)
	}
	group(Flood, pieces[topology.LocalPart], pieces[topology.RemotePart], wire)
	group(FloodHere, pieces[topology.LocalPart])
	group(Unknown, pieces[topology.LocalOpenPart], pieces[topology.RemoteOpenPart], wire)
	group(UnknownHere, pieces[topology.LocalOpenPart])
}

// part renders one piece.
func part(c *pipeline.Context, n *model.Network) {
	piece := c.Unit.Part
	g := flow.Group{ID: GroupID(n.Key, piece)}
	switch topology.KindOfPart(piece) {
	case topology.LocalPart, topology.LocalOpenPart:
		for _, ofport := range c.View.PortsOfPart(n.Number, c.Node.Number, piece) {
			g.Buckets = append(g.Buckets, pipeline.ToPort(ofport))
		}
	case topology.RemotePart:
		remote(c, n, &g, c.View.PresentOn(n.Number), topology.RemotePartOf)
	case topology.RemoteOpenPart:
		remote(c, n, &g, c.View.OpenOn(n.Number), topology.RemoteOpenPartOf)
	}
	if len(g.Buckets) > 0 {
		c.Group(g)
	}
}

func remote(c *pipeline.Context, n *model.Network, g *flow.Group, peers []model.Number, partOf func(model.Number) uint8) {
	if !encapsulated(n) {
		return
	}
	for _, peer := range peers {
		if partOf(peer) == c.Unit.Part && Reachable(c, peer) {
			g.Buckets = append(g.Buckets, Tunnel(c.Node, c.View.Node(peer), n.Key))
		}
	}
}

// Reachable tells whether there is a tunnel from this node to a peer.
func Reachable(c *pipeline.Context, peer model.Number) bool {
	if peer == c.Node.Number || c.Node.TunnelPort == 0 {
		return false
	}
	p := c.View.Node(peer)
	return p != nil && p.EncapIP.Is4()
}
