package topology_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/topology"
	"github.com/planck-sdn/planck/model/topology/history"
)

// reading is all that an app may read to render a unit, in words; empty if the unit is not rendered on the node.
func reading(v *topology.View, node *model.Node, u topology.Unit) string {
	var b strings.Builder
	say := func(what ...any) { fmt.Fprintln(&b, what...) }
	if node.Switch != nil {
		readSwitch(say, v, node, u)
		return b.String()
	}
	switch u.Kind {
	case model.KindNode:
		if u.Number == node.Number {
			v.Nodes(func(peer *model.Node) { say("peer", peer.Number, peer.EncapIP) })
		}
	case model.KindNetwork:
		if n := v.Network(u.Number); n != nil && v.IsWired(n.Number, node.Number) {
			readNetwork(say, v, node, n, u.Part)
		}
	case model.KindPort:
		p := v.Port(u.Number)
		if p == nil {
			break
		}
		if n := v.NetworkByID(p.NetworkID); n != nil && v.Knows(n.Number, node.Number) {
			readPort(say, v, node, n, p)
		}
	case model.KindRouter:
		if r := v.Router(u.Number); r != nil && r.AdminStateUp && v.NeedsRouter(r.Number, node.Number) {
			readRouter(say, v, node, r)
		}
	case model.KindFloatingIP:
		if f := v.FloatingIP(u.Number); f != nil && v.ServesFloatingIP(f.Number) == node.Number {
			readFloating(say, v, node, f)
		}
	case model.KindNeighbour:
		n := v.Neighbour(u.Number)
		if n == nil {
			break
		}
		if r := v.RouterByID(n.RouterID); r != nil && r.AdminStateUp && v.Serves(r.Number, node.Number) {
			say(r.Key, n.Address, n.MAC, network(v, n.NetworkID))
			if r.Gateway != nil {
				say(r.Gateway.NetworkID)
			}
		}
	case model.KindSecurityGroup:
		if g := v.SecurityGroup(u.Number); g != nil && v.UsesGroup(g.ID, node.Number) {
			readGroup(say, v, g, u.Part)
		}
	}
	if b.Len() > 0 {
		say("on", node.Number, node.EncapIP, node.TunnelPort, node.Mappings)
	}
	return b.String()
}

// network is what decides how a network is forwarded.
func network(v *topology.View, id string) string {
	n := v.NetworkByID(id)
	if n == nil {
		return "no network"
	}
	return fmt.Sprint(n.Number, n.AdminStateUp, n.NetworkType, n.PhysicalNetwork, n.SegmentationID, n.Key)
}

func subnets(v *topology.View, id string) string {
	var list []string
	if n := v.NetworkByID(id); n != nil {
		for _, s := range v.SubnetsOf(n.Number) {
			list = append(list, fmt.Sprint(s.ID, s.CIDR, s.GatewayIP))
		}
		list = append(list, fmt.Sprint("MTU", n.MTU))
	}
	return fmt.Sprint(list)
}

func encap(v *topology.View, node model.Number) string {
	if n := v.Node(node); n != nil {
		return n.EncapIP.String()
	}
	return "no node"
}

func readNetwork(say func(...any), v *topology.View, node *model.Node, n *model.Network, part uint8) {
	say(network(v, n.ID))
	switch topology.KindOfPart(part) {
	case topology.MainPart:
		say(v.LocalParts(n.Number, node.Number), v.IsPresent(n.Number, node.Number), v.ServesBareMetal(n.Number) == node.Number)
		if n.NetworkType == model.NetworkVXLAN {
			for _, peer := range slices.Concat(v.PresentOn(n.Number), v.OpenOn(n.Number)) {
				say(peer, v.Node(peer).EncapIP.Is4())
			}
		}
	case topology.LocalPart, topology.LocalOpenPart:
		say(v.PortsOfPart(n.Number, node.Number, part))
	case topology.RemotePart:
		for _, peer := range v.PresentOn(n.Number) {
			if topology.RemotePartOf(peer) == part {
				say(peer, encap(v, peer))
			}
		}
	case topology.RemoteOpenPart:
		for _, peer := range v.OpenOn(n.Number) {
			if topology.RemoteOpenPartOf(peer) == part {
				say(peer, encap(v, peer))
			}
		}
	}
}

func readPort(say func(...any), v *topology.View, node *model.Node, n *model.Network, p *model.Port) {
	say(network(v, n.ID), v.IsPresent(n.Number, node.Number), p.MAC, p.FixedIPs, p.AllowedAddressPairs, p.PortSecurityEnabled, p.AdminStateUp,
		p.DeviceOwner, v.Attachments(p.Number))
	if _, attached := v.AttachmentOn(p.Number, node.Number); attached {
		for _, g := range v.SecurityGroupsOf(p) {
			say("group", g.Number, g.Stateful)
		}
	}
	location, located := v.Location(p.Number)
	if located && v.Node(location.Node).Switch != nil {
		say("served by", v.ServesBareMetal(n.Number), encap(v, v.ServesBareMetal(n.Number)))
	}
	if located {
		say(encap(v, location.Node))
	}
	addrs := []model.AddressPair{}
	for _, f := range p.FixedIPs {
		prefix, _ := f.IPAddress.Prefix(32)
		addrs = append(addrs, model.AddressPair{IP: prefix, MAC: p.MAC})
	}
	for _, a := range append(addrs, p.AllowedAddressPairs...) {
		if a.IP.IsSingleIP() {
			for _, c := range v.ClaimsOf(n.Number, a.IP.Addr()) {
				at, _ := v.Location(c.Port.Number)
				say("claims", a.IP, c.Port.ID, c.MAC, at)
			}
			if holder := v.HolderOf(n.Number, a.IP.Addr()); holder != nil {
				say("holds", a.IP, holder.ID)
			}
		}
		for _, owner := range v.OwnersOf(n.Number, a.MAC) {
			if !located {
				break // nobody is sent to its MACs
			}
			at, _ := v.Location(owner.Number)
			say("owns", a.MAC, owner.ID, at)
		}
	}
}

func readRouter(say func(...any), v *topology.View, node *model.Node, r *model.Router) {
	say(r.Key, r.Routes, "serves", v.Serves(r.Number, node.Number))
	for _, p := range v.InterfacesOf(r.Number) {
		say(p.MAC, p.FixedIPs, p.AdminStateUp, network(v, p.NetworkID), subnets(v, p.NetworkID))
		if n := v.NetworkByID(p.NetworkID); n != nil {
			say(v.IsPresent(n.Number, node.Number), v.Knows(n.Number, node.Number))
		}
	}
	if g := r.Gateway; g != nil {
		say(g.EnableSNAT, g.Zone, g.Node, encap(v, v.GatewayNode(r.Number)), network(v, g.NetworkID), subnets(v, g.NetworkID))
		if n := v.NetworkByID(g.NetworkID); n != nil && v.Serves(r.Number, node.Number) {
			say(v.IsWired(n.Number, node.Number))
		}
	}
	if p := v.GatewayPort(r.Number); p != nil {
		say("gateway", p.MAC, p.FixedIPs, p.AdminStateUp)
	}
}

func readFloating(say func(...any), v *topology.View, node *model.Node, f *model.FloatingIP) {
	say(f.Address, f.FixedIP, network(v, f.FloatingNetworkID))
	if own := v.PortByID(f.FloatingPortID); own != nil {
		say(own.MAC, own.AdminStateUp)
	}
	if r := v.RouterByID(f.RouterID); r != nil {
		readRouter(func(what ...any) {
			// What differs from node to node is not a floating IP's to read.
			if len(what) != 2 {
				say(what...)
			}
		}, v, node, r)
	}
	if p := v.PortByID(f.PortID); p != nil {
		at, _ := v.Location(p.Number)
		say(network(v, p.NetworkID), at, p.FixedIPs, p.AdminStateUp)
		if n := v.NetworkByID(p.NetworkID); n != nil {
			for _, c := range v.ClaimsOf(n.Number, f.FixedIP) {
				at, _ := v.Location(c.Port.Number)
				say(c.Port.ID, c.MAC, at)
			}
			if holder := v.HolderOf(n.Number, f.FixedIP); holder != nil {
				say("holds", holder.ID)
			}
		}
	}
}

// readGroup reads rules for IPv4 only: IPv6 has an issue of its own.
func readGroup(say func(...any), v *topology.View, g *model.SecurityGroup, part uint8) {
	if part == topology.PartRules {
		say("stateful", g.Stateful)
	}
	orAny := func(n *int) int {
		if n == nil {
			return -1
		}
		return *n
	}
	said := map[string]bool{} // several rules make the same of a member
	for _, r := range g.Rules {
		remote := v.SecurityGroupByID(r.RemoteGroupID)
		switch {
		case r.EtherType != model.EtherTypeIPv4 || r.RemoteGroupID != "" && remote == nil:
		case part == topology.PartRules:
			say(r.Direction, r.Protocol, orAny(r.PortRangeMin), orAny(r.PortRangeMax), r.RemoteIPPrefix)
			if remote != nil {
				say("from group", remote.Number)
			}
		case remote != nil:
			v.MembersOf(remote.ID, part, func(prefix netip.Prefix) {
				line := fmt.Sprint(g.Stateful, r.Direction, r.Protocol == "", remote.Number, prefix)
				if !said[line] {
					said[line] = true
					say(line)
				}
			})
		}
	}
}

// readings are all units of a node that have something to render.
func readings(v *topology.View, node model.Number) map[topology.Unit]string {
	m := map[topology.Unit]string{}
	n := v.Node(node)
	for _, u := range v.Units(node) {
		if _, twice := m[u]; twice {
			m[u] = "listed twice"
			continue
		}
		m[u] = reading(v, n, u)
	}
	return m
}

// TestTouches: each unit that reads something else after a change has been touched, on its node; and what was reached step
// by step reads as what is made from the rows alone.
func TestTouches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, v := history.WithSwitches(), topology.New()
		before := map[model.Number]map[topology.Unit]string{}
		for i := range 20 {
			var changes []model.Change
			count := rapid.IntRange(1, 3).Draw(t, "changes at once")
			if i == 0 { // nothing happens in a cloud that is empty
				count = 100
			}
			for range count {
				changes = append(changes, h.Step(t)...)
			}
			next, list := v.Apply(history.Last(changes))
			touched := map[topology.Touch]bool{}
			for _, touch := range list {
				touched[touch] = true
			}
			now := map[model.Number]map[topology.Unit]string{}
			next.Nodes(func(n *model.Node) { now[n.Number] = readings(next, n.Number) })
			for _, node := range slices.Sorted(maps.Keys(merge(before, now))) {
				for u := range merge(before[node], now[node]) {
					if a, b := before[node][u], now[node][u]; a != b && !touched[topology.Touch{Node: node, Unit: u}] {
						t.Fatalf("step %d: %v on node %d was not touched by %s\nbefore:\n%s\nafter:\n%s", i, u, node, words(changes), a, b)
					}
				}
			}
			if i%5 == 4 {
				complete(t, next, now)
				same(t, now, afresh(h))
			}
			v, before = next, now
		}
	})
}

func merge[K comparable, V any](a, b map[K]V) map[K]V {
	m := maps.Clone(a)
	if m == nil {
		m = map[K]V{}
	}
	maps.Copy(m, b)
	return m
}

func words(changes []model.Change) string {
	s := ""
	for _, c := range changes {
		s += fmt.Sprintf("\n  %s %d: %+v", c.Ref.Kind, c.Ref.Number, c.Object)
	}
	return s
}

func afresh(h *history.History) *topology.View {
	empty := topology.New()
	v, _ := empty.Apply(empty.Difference(slices.Collect(maps.Values(h.Rows))))
	return v
}

// complete checks that whatever has something to render is listed, and that those of network, router, port, floating IP,
// neighbour and security group that are listed have.
func complete(t *rapid.T, v *topology.View, now map[model.Number]map[topology.Unit]string) {
	for node, units := range now {
		for _, u := range candidates(v) {
			listed, ok := units[u]
			if text := reading(v, v.Node(node), u); text != listed || ok != (text != "") {
				t.Fatalf("node %d, %v: listed %t, as %q, but reads %q", node, u, ok, listed, text)
			}
		}
	}
}

// candidates are all units that a node may have, but for nodes and parts of networks.
func candidates(v *topology.View) []topology.Unit {
	var list []topology.Unit
	for _, c := range v.Difference(nil) { // all are gone
		if c.Ref.Kind == model.KindSubnet || c.Ref.Kind == model.KindHolder || c.Ref.Kind == model.KindNode {
			continue
		}
		list = append(list, topology.Unit{Ref: c.Ref})
		if c.Ref.Kind == model.KindSecurityGroup {
			for part := uint8(1); part <= 64; part++ {
				list = append(list, topology.Unit{Ref: c.Ref, Part: part})
			}
		}
	}
	return list
}

func same(t *rapid.T, now map[model.Number]map[topology.Unit]string, full *topology.View) {
	count := 0
	full.Nodes(func(n *model.Node) {
		count++
		want := readings(full, n.Number)
		for u := range merge(now[n.Number], want) {
			a, listed := now[n.Number][u]
			b, wanted := want[u]
			if a != b || listed != wanted {
				t.Fatalf("node %d, %v: incremental (%t):\n%s\nfull (%t):\n%s", n.Number, u, listed, a, wanted, b)
			}
		}
	})
	if count != len(now) {
		t.Fatalf("%d nodes, of %d rows", len(now), count)
	}
}
