package example

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/planck-sdn/planck/model"
)

// open is the group of ports that are given none: all may pass.
const open = "open"

// Group adds a security group with rules, see Rule.
func (c *Cloud) Group(name string, rules ...model.SecurityGroupRule) *model.SecurityGroup {
	g := &model.SecurityGroup{Number: model.Number(len(c.groups) + 1), ID: name, Name: name, Stateful: true}
	for i, r := range rules {
		r.ID, r.SecurityGroupID, r.Number = fmt.Sprint(name, " ", i+1), name, model.Number(i+1)
		g.Rules = append(g.Rules, r)
	}
	c.groups = append(c.groups, g)
	return g
}

// Join puts a port into security groups.
func Join(p *model.Port, groups ...*model.SecurityGroup) {
	for _, g := range groups {
		p.SecurityGroups = append(p.SecurityGroups, g.ID)
	}
}

// Rule reads a rule as words: direction, protocol or "any", ports ("22" or "8000-8080", for ICMP the type), and "from" or "to" a prefix or
// a group. As in "ingress tcp 22 from web". It is for literals, and panics on what it cannot read.
func Rule(words string) model.SecurityGroupRule {
	f := strings.Fields(words)
	r := model.SecurityGroupRule{Direction: f[0], EtherType: model.EtherTypeIPv4}
	if f = f[1:]; f[0] != "any" {
		r.Protocol = f[0]
	}
	if f = f[1:]; len(f)%2 == 1 {
		var first, last int
		switch n, _ := fmt.Sscanf(f[0], "%d-%d", &first, &last); {
		case n == 2:
			r.PortRangeMin, r.PortRangeMax = &first, &last
		case n == 1 && r.Protocol == "icmp":
			r.PortRangeMin = &first
		case n == 1:
			r.PortRangeMin, r.PortRangeMax = &first, &first
		default:
			panic("example: ports of rule " + words)
		}
		f = f[1:]
	}
	if len(f) == 2 {
		if prefix, err := netip.ParsePrefix(f[1]); err == nil {
			r.RemoteIPPrefix = prefix
		} else {
			r.RemoteGroupID = f[1]
		}
	}
	return r
}

// secure puts ports that have been given no security groups into one that lets everything pass.
func (c *Cloud) secure() {
	for _, p := range c.ports {
		if p.SecurityGroups != nil || !p.PortSecurityEnabled || p.OwnedByNetwork() {
			continue
		}
		known := false
		for _, g := range c.groups {
			known = known || g.ID == open
		}
		if !known {
			c.Group(open, Rule("ingress any"), Rule("egress any"))
		}
		p.SecurityGroups = []string{open}
	}
}
