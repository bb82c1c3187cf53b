package topology

import (
	"net/netip"

	"github.com/planck-sdn/planck/model"
)

// security is what a view holds of security groups. What names a group does it by its UUID, as the rows do, so that it does not matter
// which of them came first.
type security struct {
	groups    table[model.Number, *model.SecurityGroup]
	groupByID table[string, model.Number]
	namedBy   table[named, struct{}]     // group, another whose rules for IPv4 have it as the other side
	members   table[memberKey, struct{}] // what ports of a group send from

	// Derived from the rows above and attachments:
	users table[userKey, struct{}] // group, node, port there that has it
}

type memberKey struct {
	source
	port model.Number
}

// source is a prefix from which members of a group send.
type source struct {
	group  string
	part   uint8
	prefix netip.Prefix
}

type userKey struct {
	group      string
	node, port model.Number
}

func lessMember(x, y memberKey) bool {
	if x.group != y.group {
		return x.group < y.group
	}
	if x.part != y.part {
		return x.part < y.part
	}
	if c := x.prefix.Addr().Compare(y.prefix.Addr()); c != 0 {
		return c < 0
	}
	if x.prefix.Bits() != y.prefix.Bits() {
		return x.prefix.Bits() < y.prefix.Bits()
	}
	return x.port < y.port
}

func lessUser(x, y userKey) bool {
	if x.group != y.group {
		return x.group < y.group
	}
	if x.node != y.node {
		return x.node < y.node
	}
	return x.port < y.port
}

func newSecurity() security {
	return security{
		groups:    newTable[model.Number, *model.SecurityGroup](lessNumber),
		groupByID: newTable[string, model.Number](lessString),
		namedBy:   newTable[named, struct{}](lessNamed),
		members:   newTable[memberKey, struct{}](lessMember),
		users:     newTable[userKey, struct{}](lessUser),
	}
}

func (s *security) copy() security {
	return security{
		groups:    s.groups.copy(),
		groupByID: s.groupByID.copy(),
		namedBy:   s.namedBy.copy(),
		members:   s.members.copy(),
		users:     s.users.copy(),
	}
}
