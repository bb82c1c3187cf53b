package topology

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/planck-sdn/planck/model"
)

// SecurityGroup returns a security group by number, or nil.
func (v *View) SecurityGroup(n model.Number) *model.SecurityGroup { x, _ := v.groups.get(n); return x }

// SecurityGroupByID returns a security group by its UUID, or nil.
func (v *View) SecurityGroupByID(id string) *model.SecurityGroup {
	n, _ := v.groupByID.get(id)
	return v.SecurityGroup(n)
}

// groupsOf lists the UUIDs of the security groups that decide what a port may send and receive.
func groupsOf(p *model.Port) []string {
	if p == nil || !p.PortSecurityEnabled || isRouters(p) {
		return nil
	}
	return p.SecurityGroups
}

// SecurityGroupsOf returns a port's security groups in order of number; none without port security.
func (v *View) SecurityGroupsOf(p *model.Port) []*model.SecurityGroup {
	var list []*model.SecurityGroup
	for _, id := range groupsOf(p) {
		if g := v.SecurityGroupByID(id); g != nil {
			list = append(list, g)
		}
	}
	slices.SortFunc(list, func(a, b *model.SecurityGroup) int { return cmp.Compare(a.Number, b.Number) })
	return list
}

// UsesGroup tells whether a port with port security that is attached to a node has a security group.
func (v *View) UsesGroup(id string, node model.Number) bool {
	k, found := v.users.first(userKey{group: id, node: node})
	return found && k.group == id && k.node == node
}

// usersOn lists the ports on a node that have a security group, in order of number.
func (v *View) usersOn(id string, node model.Number) []model.Number {
	var list []model.Number
	v.users.from(userKey{group: id, node: node}, func(k userKey, _ struct{}) bool {
		if k.group != id || k.node != node {
			return false
		}
		list = append(list, k.port)
		return true
	})
	return list
}

// usingGroup lists the nodes that use a security group, in order of number.
func (v *View) usingGroup(id string) []model.Number {
	return distinct(v.users, userKey{group: id},
		func(k userKey) (model.Number, bool) { return k.node, k.group == id },
		func(node model.Number) userKey { return userKey{group: id, node: node + 1} })
}

// MembersOf visits the IPv4 prefixes of one part from which ports of a security group may send, wherever they are and whether they are
// plugged or not: each once, in order of address and length.
func (v *View) MembersOf(id string, part uint8, visit func(netip.Prefix)) {
	var last netip.Prefix
	v.members.from(memberKey{source: source{group: id, part: part}}, func(k memberKey, _ struct{}) bool {
		if k.group != id || k.part != part {
			return false
		}
		if k.prefix != last {
			last = k.prefix
			visit(last)
		}
		return true
	})
}

// isMember tells whether a port sends from a source.
func (v *View) isMember(s source) bool {
	k, found := v.members.first(memberKey{source: s})
	return found && k.source == s
}

// memberParts lists the parts of a security group that have members, in order.
func (v *View) memberParts(id string) []uint8 {
	return distinct(v.members, memberKey{source: source{group: id}},
		func(k memberKey) (uint8, bool) { return k.part, k.group == id },
		func(part uint8) memberKey { return memberKey{source: source{group: id, part: part + 1}} })
}

// Parts of a security group's unit: its rules, and piece by piece the members of the groups that its rules for IPv4 name, so that one
// member more in a group of thousands costs one piece.
const (
	PartRules      = 0
	memberPartBits = 6
)

// MemberPartOf is the part of a security group's unit to which a member's prefix belongs, 1 to 64. It never changes, so that versions
// of Planck agree; neighbouring addresses are in different ones (Fibonacci hashing: Knuth, The Art of Computer Programming 3, 6.4).
func MemberPartOf(prefix netip.Prefix) uint8 {
	a := prefix.Addr().As16()
	key := binary.BigEndian.Uint64(a[:8]) ^ binary.BigEndian.Uint64(a[8:]) ^ uint64(prefix.Bits())<<48
	return 1 + uint8(key*0x9e3779b97f4a7c15>>(64-memberPartBits))
}
