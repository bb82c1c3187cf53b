package topology

import (
	"maps"
	"slices"

	"github.com/planck-sdn/planck/model"
)

// remote is how rules of a security group name another one: in which direction, and for any protocol or only for some.
type remote struct {
	group       string
	direction   string
	anyProtocol bool
}

// remotesOf gathers how the rules for IPv4 of a security group name others: what its member parts are made from.
func remotesOf(g *model.SecurityGroup) map[remote]struct{} {
	if g == nil {
		return nil
	}
	var m map[remote]struct{}
	for i := range g.Rules {
		if r := &g.Rules[i]; r.RemoteGroupID != "" && r.EtherType == model.EtherTypeIPv4 {
			if m == nil {
				m = map[remote]struct{}{}
			}
			m[remote{r.RemoteGroupID, r.Direction, r.Protocol == ""}] = struct{}{}
		}
	}
	return m
}

func (s *step) securityGroup(n model.Number, now *model.SecurityGroup) {
	before := s.new.SecurityGroup(n)
	if before != nil {
		s.new.groupByID.delete(before.ID)
		for r := range remotesOf(before) {
			s.new.namedBy.delete(named{r.group, n})
		}
	}
	if now == nil {
		s.new.groups.delete(n)
	} else {
		s.new.groups.set(n, now)
		s.new.groupByID.set(now.ID, n)
		for r := range remotesOf(now) {
			put(s.new.namedBy, r.group, n)
		}
	}
	s.groups[n] = struct{}{}
}

// sameRules tells whether two versions of a security group have the same rules for IPv4, as far as they are rendered.
func sameRules(a, b *model.SecurityGroup) bool {
	ipv6 := func(r model.SecurityGroupRule) bool { return r.EtherType != model.EtherTypeIPv4 }
	return slices.EqualFunc(slices.DeleteFunc(slices.Clone(a.Rules), ipv6), slices.DeleteFunc(slices.Clone(b.Rules), ipv6),
		func(x, y model.SecurityGroupRule) bool {
			return x.Direction == y.Direction && x.Protocol == y.Protocol && sameNumber(x.PortRangeMin, y.PortRangeMin) &&
				sameNumber(x.PortRangeMax, y.PortRangeMax) && x.RemoteIPPrefix == y.RemoteIPPrefix && x.RemoteGroupID == y.RemoteGroupID
		})
}

func sameNumber(a, b *int) bool { return a == b || a != nil && b != nil && *a == *b }

// user is a security group on a node.
type user struct {
	group string
	node  model.Number
}

// secure derives which nodes use security groups and who is a member of them, and touches what depends on that and on their rows.
func (s *step) secure() {
	users, sources := map[user]struct{}{}, map[source]struct{}{}
	for _, ports := range []map[model.Number]struct{}{s.ports, s.regrouped} {
		for port := range ports {
			s.use(port, users)
			s.join(port, sources)
		}
	}
	for u := range users {
		if s.old.UsesGroup(u.group, u.node) != s.new.UsesGroup(u.group, u.node) {
			s.touchGroup(u.group, u.node)
		}
	}
	parts := map[string][]uint8{}
	for m := range sources {
		if s.old.isMember(m) != s.new.isMember(m) {
			parts[m.group] = append(parts[m.group], m.part)
		}
	}
	for group, which := range parts {
		s.touchNaming(group, which)
	}
	for n := range s.groups {
		s.touchRow(n)
	}
}

// use derives on which nodes a port uses security groups, and gathers those where that may differ.
func (s *step) use(port model.Number, users map[user]struct{}) {
	before, now := groupsOf(s.old.Port(port)), groupsOf(s.new.Port(port))
	was, is := s.old.Attachments(port), s.new.Attachments(port)
	same := slices.Equal(before, now)
	if same && (len(now) == 0 || slices.Equal(was, is)) {
		return
	}
	for _, a := range was {
		for _, group := range before {
			s.new.users.delete(userKey{group, a.Node, port})
			users[user{group, a.Node}] = struct{}{}
		}
	}
	for _, a := range is {
		for _, group := range now {
			s.new.users.set(userKey{group, a.Node, port}, struct{}{})
			users[user{group, a.Node}] = struct{}{}
		}
		if !same {
			s.touch(a.Node, model.KindPort, port, 0)
		}
	}
}

// join derives from where a port sends as a member of security groups, and gathers what may differ of that.
func (s *step) join(port model.Number, sources map[source]struct{}) {
	was, is := s.old.Port(port), s.new.Port(port)
	if was == is {
		return
	}
	eachSource(was, func(m source) {
		s.new.members.delete(memberKey{m, port})
		sources[m] = struct{}{}
	})
	eachSource(is, func(m source) {
		s.new.members.set(memberKey{m, port}, struct{}{})
		sources[m] = struct{}{}
	})
}

// eachSource visits the IPv4 prefixes from which a port sends, as a member of each of its groups.
func eachSource(p *model.Port, visit func(source)) {
	groups := groupsOf(p)
	if len(groups) == 0 {
		return
	}
	for _, prefix := range p.SourcePrefixes() {
		if prefix.Addr().Is4() {
			for _, group := range groups {
				visit(source{group, MemberPartOf(prefix), prefix})
			}
		}
	}
}

// touchRow touches what depends on a security group's row.
func (s *step) touchRow(n model.Number) {
	was, is := s.old.SecurityGroup(n), s.new.SecurityGroup(n)
	comesOrGoes := was == nil || is == nil || was.ID != is.ID
	asked := comesOrGoes || was.Stateful != is.Stateful // how its ports ask it
	members := asked || !maps.Equal(remotesOf(was), remotesOf(is))
	if !members && sameRules(was, is) {
		return
	}
	for _, g := range []*model.SecurityGroup{was, is} {
		if g == nil {
			continue
		}
		if comesOrGoes {
			s.touchNaming(g.ID, slices.Concat([]uint8{PartRules}, s.old.memberParts(g.ID), s.new.memberParts(g.ID))) // they have its number
		}
		for _, node := range union(s.old.usingGroup(g.ID), s.new.usingGroup(g.ID)) {
			s.touch(node, model.KindSecurityGroup, n, PartRules)
			if members {
				s.touchGroup(g.ID, node)
			}
			if asked {
				for _, port := range union(s.old.usersOn(g.ID, node), s.new.usersOn(g.ID, node)) {
					s.touch(node, model.KindPort, port, 0)
				}
			}
		}
	}
}

// touchGroup touches all that a node may have of a security group, before or after the step.
func (s *step) touchGroup(id string, node model.Number) {
	for _, v := range []*View{s.old, s.new} {
		v.groupUnits(id, func(u Unit) { s.touched[Touch{node, u}] = struct{}{} })
	}
}

// touchNaming touches parts of the security groups that name one, wherever they are used.
func (s *step) touchNaming(id string, parts []uint8) {
	for _, v := range []*View{s.old, s.new} {
		for _, n := range membersOf(v.namedBy, id) {
			group := v.SecurityGroup(n).ID
			for _, node := range union(s.old.usingGroup(group), s.new.usingGroup(group)) {
				for _, part := range parts {
					s.touch(node, model.KindSecurityGroup, n, part)
				}
			}
		}
	}
}
