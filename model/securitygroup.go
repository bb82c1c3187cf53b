package model

import (
	"net/netip"
	"time"
)

// DefaultSecurityGroup is the name of the group that each project gets by itself, and that nobody may rename or delete.
const DefaultSecurityGroup = "default"

// Directions of a security group rule, as the VM sees it.
const (
	Ingress = "ingress"
	Egress  = "egress"
)

// Ethertypes of a security group rule.
const (
	EtherTypeIPv4 = "IPv4"
	EtherTypeIPv6 = "IPv6"
)

// SecurityGroup lets packets through to and from its ports (Neutron API reference, "Security groups"). What no rule of a port's
// groups lets through is dropped.
type SecurityGroup struct {
	Number      Number // at most MaxGroupNumber
	ID          string
	ProjectID   string
	Name        string
	Description string
	// Stateful: what belongs to a connection that a rule lets through passes in both directions. Otherwise each packet needs a rule.
	Stateful bool
	Rules    []SecurityGroupRule // sorted by Number
	Tags     []string            // sorted

	RevisionNumber int64
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// MaxGroupNumber is the largest number of a security group: it stands in a 32-bit register.
const MaxGroupNumber Number = 1<<32 - 1

// SecurityGroupRule lets some packets of one direction through (Neutron API reference, "Security group rules").
type SecurityGroupRule struct {
	Number          Number
	ID              string
	SecurityGroupID string
	ProjectID       string
	Description     string
	Direction       string // Ingress or Egress
	EtherType       string // EtherTypeIPv4 or EtherTypeIPv6
	Protocol        string // as given: a name, or a number in decimal; empty: any
	// PortRangeMin and PortRangeMax are the first and the last destination port; for ICMP the type and the code. Nil: any.
	PortRangeMin, PortRangeMax *int
	RemoteIPPrefix             netip.Prefix // the other side's addresses; not valid: any
	RemoteGroupID              string       // the other side is a port of this group; empty: any

	RevisionNumber int64
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// Ref names the security group.
func (g *SecurityGroup) Ref() Ref { return Ref{KindSecurityGroup, g.Number} }

// SourcePrefixes lists what a port may send from, fixed IPs and allowed address pairs, each once: by these it is a member of its
// security groups for others.
func (p *Port) SourcePrefixes() []netip.Prefix {
	var list []netip.Prefix
	seen := map[netip.Prefix]bool{}
	add := func(prefix netip.Prefix) {
		if !seen[prefix] {
			seen[prefix] = true
			list = append(list, prefix)
		}
	}
	for _, f := range p.FixedIPs {
		if f.IPAddress.IsValid() {
			add(netip.PrefixFrom(f.IPAddress, f.IPAddress.BitLen()))
		}
	}
	for _, pair := range p.AllowedAddressPairs {
		add(pair.IP.Masked())
	}
	return list
}
