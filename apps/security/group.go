package security

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/planck-sdn/planck/apps/pipeline"
	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/flow"
	"github.com/planck-sdn/planck/model/topology"
)

var (
	ruleRule = pipeline.NewRule(611, "security", "rule",
		"A rule of the group for any remote address, or for a prefix.")
	ruleService = pipeline.NewRule(612, "security", "rule for a remote group",
		"What rules of the group let through from or to members of other groups: passes if the remote address is a member's.")
	ruleMember = pipeline.NewRule(613, "security", "member of a remote group",
		"An address of a member of a group that rules of this group name.")
	ruleRemote = pipeline.NewRule(614, "security", "member and service meet",
		"The remote address is a member's, and a rule for that group lets the service through.")
)

// Priorities within rules. A plain entry decides by itself, before conjunctions are looked at.
const (
	priorityConjunction = 50
	priorityMember      = 60
	priorityRule        = 70
)

// clauses of a conjunction: one of the members, and one of the services.
const (
	memberClause  = 1
	serviceClause = 2
	clauses       = 2
)

// group renders one part of a group: its rules, or the entries of members that have a place in the part.
func group(c *pipeline.Context, g *model.SecurityGroup) {
	for _, ingress := range []bool{false, true} {
		d := direction{c: c, group: g, words: wordsOf(g.Stateful, ingress), ingress: ingress}
		d.sort()
		if c.Unit.Part == topology.PartRules {
			d.rules()
		} else {
			d.members()
		}
	}
}

// direction is the rules of a group for one direction.
type direction struct {
	c       *pipeline.Context
	group   *model.SecurityGroup
	words   words
	ingress bool

	plain   []model.SecurityGroupRule // for any remote address or a prefix
	remotes []remote                  // by number
}

// remote is a group that rules name.
type remote struct {
	*model.SecurityGroup
	rules []model.SecurityGroupRule
	any   bool // one of the rules is about all protocols: the others say nothing more
}

// sort finds the rules of the direction.
func (d *direction) sort() {
	name := model.Egress
	if d.ingress {
		name = model.Ingress
	}
	for _, r := range d.group.Rules {
		if r.Direction != name || r.EtherType != model.EtherTypeIPv4 {
			continue
		}
		if r.RemoteGroupID == "" {
			d.plain = append(d.plain, r)
		} else if g := d.c.View.SecurityGroupByID(r.RemoteGroupID); g != nil {
			d.toRemote(g, r)
		}
	}
	slices.SortFunc(d.remotes, func(a, b remote) int { return cmp.Compare(a.Number, b.Number) })
}

func (d *direction) toRemote(g *model.SecurityGroup, r model.SecurityGroupRule) {
	i := slices.IndexFunc(d.remotes, func(known remote) bool { return known.Number == g.Number })
	if i < 0 {
		i = len(d.remotes)
		d.remotes = append(d.remotes, remote{SecurityGroup: g})
	}
	d.remotes[i].rules = append(d.remotes[i].rules, r)
	d.remotes[i].any = d.remotes[i].any || r.Protocol == ""
}

// match is what packets have about which the direction's rules are asked, and more.
func (d *direction) match(more ...flow.FieldMatch) []flow.FieldMatch {
	return slices.Concat(pipeline.InGroup(d.group.Number, d.ingress), d.words.all, more)
}

// rules renders the entries whose number is that of the rules.
func (d *direction) rules() {
	for _, r := range d.plain {
		for _, s := range d.words.services(r) {
			match := d.match(s[:]...)
			if r.RemoteIPPrefix.IsValid() {
				match = append(match, pipeline.Prefix(d.words.remote, r.RemoteIPPrefix.Masked()))
			}
			d.c.Flow(ruleRule, pipeline.GroupRules, priorityRule, match, pipeline.Allow())
		}
	}
	services, remotes := d.services()
	for _, s := range services {
		var list []flow.Action
		for _, r := range remotes[s] {
			list = append(list, flow.Conjunction{ID: uint32(r), Clause: serviceClause, Clauses: clauses})
		}
		d.c.Flow(ruleService, pipeline.GroupRules, priorityConjunction, d.match(s[:]...), list)
	}
	for _, r := range d.remotes {
		if !r.any {
			d.c.Flow(ruleRemote, pipeline.GroupRules, priorityConjunction, d.match(flow.Exact(flow.ConjunctionID, uint64(r.Number))), pipeline.Allow())
		}
	}
}

// services lists the alternatives of the service clause, and the remote groups in whose clause each is: one entry can be in many.
func (d *direction) services() (list []service, remotes map[service][]model.Number) {
	remotes = map[service][]model.Number{}
	for _, remote := range d.remotes {
		if remote.any {
			continue
		}
		for _, r := range remote.rules {
			for _, s := range d.words.services(r) {
				known := remotes[s]
				if len(known) == 0 {
					list = append(list, s)
				}
				if len(known) == 0 || known[len(known)-1] != remote.Number {
					remotes[s] = append(known, remote.Number)
				}
			}
		}
	}
	return list, remotes
}

// members renders the entries whose number is that of the remote groups' addresses.
func (d *direction) members() {
	var order []netip.Prefix
	groups := map[netip.Prefix][]flow.Action{}
	anything := map[netip.Prefix]bool{}
	for _, r := range d.remotes {
		d.c.View.MembersOf(r.ID, d.c.Unit.Part, func(p netip.Prefix) {
			if _, known := groups[p]; !known {
				order = append(order, p)
			}
			groups[p] = append(groups[p], flow.Conjunction{ID: uint32(r.Number), Clause: memberClause, Clauses: clauses})
			anything[p] = anything[p] || r.any
		})
	}
	for _, p := range order {
		match := d.match(pipeline.Prefix(d.words.remote, p))
		if anything[p] {
			d.c.Flow(ruleMember, pipeline.GroupRules, priorityMember, match, pipeline.Allow())
		} else {
			d.c.Flow(ruleMember, pipeline.GroupRules, priorityConjunction, match, groups[p])
		}
	}
}
