package example

import (
	"net/netip"
	"slices"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
)

// Judge says what security groups let through, by reading the rules and nothing else: what the entries are held against.
type Judge struct {
	view  *topology.View
	known map[string]map[Packet]bool // port, first packets of its connections
}

// Packet is what rules look at, IPv4 alone. For ICMP queries the ports are the identifier, and Type says which.
type Packet struct {
	Src, Dst         netip.Addr
	Proto            uint8
	SrcPort, DstPort uint16
	Type             uint8
}

// NewJudge knows no connections.
func NewJudge() *Judge { return &Judge{known: map[string]map[Packet]bool{}} }

// Rules are in the view from now on.
func (j *Judge) Rules(v *topology.View) { j.view = v }

// Port finds a port of the view by its name; nil: there is none.
func (j *Judge) Port(name string) *model.Port {
	var found *model.Port
	j.view.Ports(func(p *model.Port) {
		if p.Name == name {
			found = p
		}
	})
	return found
}

// Passes tells whether a port's groups let a packet through that the port sends or is to get.
func (j *Judge) Passes(p *model.Port, t Packet, sent bool) bool {
	if !p.PortSecurityEnabled {
		return true
	}
	groups := j.view.SecurityGroupsOf(p)
	if len(groups) == 0 {
		return false
	}
	first, begins := t, true
	if groups[0].Stateful {
		back := t.Reply()
		switch known := j.known[p.ID]; {
		case known[t]:
			begins = false
		case known[back]:
			first, begins, sent = back, false, !sent
		case t.Proto == model.ProtocolICMP && t.Type != 8:
			return false // an answer to nothing
		}
	}
	remote, direction := first.Src, model.Ingress
	if sent {
		remote, direction = first.Dst, model.Egress
	}
	if !slices.ContainsFunc(groups, func(g *model.SecurityGroup) bool {
		return slices.ContainsFunc(g.Rules, func(r model.SecurityGroupRule) bool {
			return r.Direction == direction && r.EtherType == model.EtherTypeIPv4 && j.isRemote(r, remote) && first.is(r)
		})
	}) {
		return false
	}
	if begins && groups[0].Stateful {
		if j.known[p.ID] == nil {
			j.known[p.ID] = map[Packet]bool{}
		}
		j.known[p.ID][t] = true
	}
	return true
}

func (j *Judge) isRemote(r model.SecurityGroupRule, a netip.Addr) bool {
	if r.RemoteIPPrefix.IsValid() && !r.RemoteIPPrefix.Contains(a) {
		return false
	}
	if r.RemoteGroupID == "" {
		return true
	}
	found := false
	j.view.Ports(func(p *model.Port) {
		found = found || slices.Contains(p.SecurityGroups, r.RemoteGroupID) &&
			slices.ContainsFunc(p.SourcePrefixes(), func(x netip.Prefix) bool { return x.Contains(a) })
	})
	return found
}

// is tells whether a rule is about the packet, but for its remote side.
func (t Packet) is(r model.SecurityGroupRule) bool {
	if r.Protocol == "" {
		return true
	}
	number, _ := model.ProtocolNumber(r.Protocol)
	if number != t.Proto {
		return false
	}
	if t.Proto == model.ProtocolICMP { // the range is a type and a code, which is 0 in queries
		return (r.PortRangeMin == nil || *r.PortRangeMin == int(t.Type)) && (r.PortRangeMax == nil || *r.PortRangeMax == 0)
	}
	return r.PortRangeMin == nil || *r.PortRangeMin <= int(t.DstPort) && int(t.DstPort) <= *r.PortRangeMax
}

// Reply is what answers the packet.
func (t Packet) Reply() Packet {
	t.Src, t.Dst, t.SrcPort, t.DstPort = t.Dst, t.Src, t.DstPort, t.SrcPort
	if t.Proto == model.ProtocolICMP {
		t.Type = 8 - t.Type
	}
	return t
}
