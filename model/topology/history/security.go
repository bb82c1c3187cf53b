package history

import (
	"fmt"
	"net/netip"
	"slices"

	"pgregory.net/rapid"

	"github.com/planck-sdn/planck/model"
)

// maxRules is how many rules a security group may have.
const maxRules = 8

// security draws one transaction that concerns security groups.
func (h *History) security(t *rapid.T) []model.Change {
	groups := RowsOf[*model.SecurityGroup](h)
	kinds := []string{"group", "group", "rule", "rule", "rule", "delete rule", "delete rule", "regroup", "regroup", "regroup", "edit group", "delete group"}
	kind := pick(t, kinds, "security")
	if kind == "group" && len(groups) < 5 {
		return []model.Change{h.put(h.newGroup(t))}
	}
	if len(groups) == 0 {
		return nil
	}
	switch kind {
	case "rule":
		return h.addRule(t, pick(t, groups, "group"))
	case "delete rule":
		g := *pick(t, groups, "group")
		if len(g.Rules) > 0 {
			i := rapid.IntRange(0, len(g.Rules)-1).Draw(t, "rule")
			g.Rules = slices.Delete(slices.Clone(g.Rules), i, i+1)
			return []model.Change{h.put(&g)}
		}
	case "regroup":
		members := slices.DeleteFunc(h.vms(), func(p *model.Port) bool { return !p.PortSecurityEnabled || p.DeviceOwner == model.DeviceOwnerDHCP })
		if len(members) > 0 {
			p := *pick(t, members, "port")
			p.SecurityGroups = h.someGroups(t)
			return []model.Change{h.put(&p)}
		}
	case "edit group":
		g := *pick(t, groups, "group")
		if len(h.portsIn(g.ID)) == 0 {
			g.Stateful = !g.Stateful
		} else {
			g.Name += "x"
		}
		return []model.Change{h.put(&g)}
	case "delete group":
		return h.deleteGroup(t, pick(t, groups, "group"))
	}
	return nil
}

// newGroup is a group with the rules that each has at first, and sometimes the other ones of a default group.
func (h *History) newGroup(t *rapid.T) *model.SecurityGroup {
	n := h.number()
	g := &model.SecurityGroup{Number: n, ID: fmt.Sprint("group", n), Stateful: rapid.IntRange(0, 3).Draw(t, "stateful") > 0}
	for _, ethertype := range []string{model.EtherTypeIPv4, model.EtherTypeIPv6} {
		g.Rules = append(g.Rules, h.rule(g, model.SecurityGroupRule{Direction: model.Egress, EtherType: ethertype}))
	}
	if rapid.Bool().Draw(t, "default") {
		for _, ethertype := range []string{model.EtherTypeIPv4, model.EtherTypeIPv6} {
			g.Rules = append(g.Rules, h.rule(g, model.SecurityGroupRule{Direction: model.Ingress, EtherType: ethertype, RemoteGroupID: g.ID}))
		}
	}
	return g
}

// rule gives a rule its number and group.
func (h *History) rule(g *model.SecurityGroup, r model.SecurityGroupRule) model.SecurityGroupRule {
	r.Number = h.number()
	r.ID, r.SecurityGroupID = fmt.Sprint("rule", r.Number), g.ID
	return r
}

func (h *History) addRule(t *rapid.T, old *model.SecurityGroup) []model.Change {
	r := h.rule(old, model.SecurityGroupRule{
		Direction: pick(t, []string{model.Ingress, model.Ingress, model.Egress}, "direction"),
		EtherType: pick(t, []string{model.EtherTypeIPv4, model.EtherTypeIPv4, model.EtherTypeIPv4, model.EtherTypeIPv6}, "ethertype"),
		Protocol:  pick(t, []string{"", "", "tcp", "tcp", "udp", "17", "icmp", "gre"}, "protocol"),
	})
	if number, _ := model.ProtocolNumber(r.Protocol); r.Protocol != "" {
		r.PortRangeMin, r.PortRangeMax = services(t, number)
	}
	switch rapid.IntRange(0, 3).Draw(t, "remote") {
	case 0:
		prefixes := []string{"0.0.0.0/0", "10.1.0.0/24", "10.2.0.0/16", "10.1.0.250/32", "10.3.0.128/25"}
		if r.EtherType == model.EtherTypeIPv6 {
			prefixes = []string{"::/0", "2001:db8::/64"}
		}
		r.RemoteIPPrefix = netip.MustParsePrefix(pick(t, prefixes, "remote_ip_prefix"))
	case 1, 2:
		r.RemoteGroupID = pick(t, RowsOf[*model.SecurityGroup](h), "remote_group_id").ID
	}
	if len(old.Rules) >= maxRules || slices.ContainsFunc(old.Rules, func(other model.SecurityGroupRule) bool { return sameRule(other, r) }) {
		return nil // the API refuses it
	}
	g := *old
	g.Rules = append(slices.Clone(old.Rules), r)
	return []model.Change{h.put(&g)}
}

// services draws a range of ports, or a type and code, or none.
func services(t *rapid.T, protocol uint8) (from, to *int) {
	number := func(from, to int, label string) *int {
		n := rapid.IntRange(from, to).Draw(t, label)
		return &n
	}
	switch {
	case rapid.IntRange(0, 3).Draw(t, "any service") == 0:
	case protocol == model.ProtocolICMP:
		from = number(0, 12, "type")
		if rapid.Bool().Draw(t, "with code") {
			to = number(0, 4, "code")
		}
	case protocol == model.ProtocolTCP || protocol == model.ProtocolUDP:
		from = number(1, 65535, "port_range_min")
		if to = from; rapid.Bool().Draw(t, "range") {
			to = number(*from, 65535, "port_range_max")
		}
	}
	return from, to
}

// sameRule tells whether two rules let the same through in the same words.
func sameRule(a, b model.SecurityGroupRule) bool {
	return a.Direction == b.Direction && a.EtherType == b.EtherType && a.Protocol == b.Protocol && a.RemoteIPPrefix == b.RemoteIPPrefix &&
		a.RemoteGroupID == b.RemoteGroupID && sameNumber(a.PortRangeMin, b.PortRangeMin) && sameNumber(a.PortRangeMax, b.PortRangeMax)
}

func sameNumber(a, b *int) bool { return a == b || a != nil && b != nil && *a == *b }

// someGroups draws what groups a port has: stateful ones, or stateless ones.
func (h *History) someGroups(t *rapid.T) []string {
	stateful := rapid.IntRange(0, 3).Draw(t, "stateful") > 0
	var list []string
	for _, g := range RowsOf[*model.SecurityGroup](h) {
		if g.Stateful == stateful && rapid.Bool().Draw(t, g.ID) {
			list = append(list, g.ID)
		}
	}
	slices.Sort(list)
	return list
}

// portsIn lists the ports that have a group.
func (h *History) portsIn(group string) []*model.Port {
	return slices.DeleteFunc(RowsOf[*model.Port](h), func(p *model.Port) bool { return !slices.Contains(p.SecurityGroups, group) })
}

// deleteGroup deletes a group and the rules of others that name it, if no port has it. Sometimes its ports leave it first.
func (h *History) deleteGroup(t *rapid.T, g *model.SecurityGroup) []model.Change {
	ports := h.portsIn(g.ID)
	if len(ports) > 0 && rapid.Bool().Draw(t, "in use") {
		return nil // the API refuses it
	}
	var changes []model.Change
	for _, old := range ports {
		p := *old
		p.SecurityGroups = slices.DeleteFunc(slices.Clone(old.SecurityGroups), func(id string) bool { return id == g.ID })
		changes = append(changes, h.put(&p))
	}
	for _, old := range RowsOf[*model.SecurityGroup](h) {
		other := *old
		other.Rules = slices.DeleteFunc(slices.Clone(old.Rules), func(r model.SecurityGroupRule) bool { return r.RemoteGroupID == g.ID })
		if len(other.Rules) < len(old.Rules) && other.ID != g.ID {
			changes = append(changes, h.put(&other))
		}
	}
	return append(changes, h.drop(g.Ref()))
}
