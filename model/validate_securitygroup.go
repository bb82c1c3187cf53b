package model

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// The last IP port, and the largest ICMP type and code.
const (
	maxPort     = 1<<16 - 1
	maxICMPType = 1<<8 - 1
)

// ipv6Only are the protocols that no IPv4 packet carries.
var ipv6Only = []uint8{41, 43, 44, protocolICMPv6, 59, 60}

// Validate checks everything that can be known without the database. Rules are not looked at.
func (g *SecurityGroup) Validate() error {
	return firstError(
		validateText("name", g.Name, MaxNameLength),
		validateText("description", g.Description, MaxDescriptionLength),
		validateTags(g.Tags),
	)
}

// IsDefault tells whether it is the group that its project got by itself: no other has that name.
func (g *SecurityGroup) IsDefault() bool { return g.Name == DefaultSecurityGroup }

// Normalize writes what a request may say in several ways in Neutron's one: "any", "ip" and 0 are no protocol, names are in lower case,
// numbers without leading zeros, ICMP with IPv6 is ICMPv6, and all ports are no range.
func (r *SecurityGroupRule) Normalize() {
	for _, known := range []string{EtherTypeIPv4, EtherTypeIPv6} {
		if strings.EqualFold(r.EtherType, known) {
			r.EtherType = known
		}
	}
	r.Protocol = strings.ToLower(r.Protocol)
	if n, err := strconv.ParseUint(r.Protocol, 10, 8); err == nil {
		r.Protocol = strconv.FormatUint(n, 10)
	}
	switch r.Protocol {
	case "any", "ip", "0":
		r.Protocol = ""
	case "icmp", "icmpv6":
		if r.EtherType == EtherTypeIPv6 {
			r.Protocol = "ipv6-icmp"
		}
	case strconv.Itoa(ProtocolICMP):
		if r.EtherType == EtherTypeIPv6 {
			r.Protocol = strconv.Itoa(protocolICMPv6)
		}
	}
	if r.PortRangeMin != nil && r.PortRangeMax != nil && *r.PortRangeMin == 1 && *r.PortRangeMax == maxPort {
		r.PortRangeMin, r.PortRangeMax = nil, nil
	}
}

// Validate checks everything that can be known without the database, of a rule that Normalize has been called on. Errors are Neutron's.
func (r *SecurityGroupRule) Validate() error {
	if err := validateText("description", r.Description, MaxDescriptionLength); err != nil {
		return err
	}
	if r.Direction != Ingress && r.Direction != Egress {
		return invalidAttribute("direction", "'%s' is not in ['%s', '%s']", r.Direction, Ingress, Egress)
	}
	if r.EtherType != EtherTypeIPv4 && r.EtherType != EtherTypeIPv6 {
		return Errorf(http.StatusBadRequest, "SecurityGroupRuleInvalidEtherType",
			"Security group rule for ethertype '%s' not supported. Allowed values are ['%s', '%s'].", r.EtherType, EtherTypeIPv4, EtherTypeIPv6)
	}
	return firstError(r.validateProtocol(), r.validatePorts(), r.validateRemote())
}

func (r *SecurityGroupRule) validateProtocol() error {
	if r.Protocol == "" {
		return nil
	}
	number, ok := ProtocolNumber(r.Protocol)
	if !ok {
		return Errorf(http.StatusBadRequest, "SecurityGroupRuleInvalidProtocol",
			"Security group rule protocol %s not supported. Only protocol values %s and integer representations [0 to 255] are supported.",
			r.Protocol, strings.Join(protocolNames(), ", "))
	}
	if r.EtherType == EtherTypeIPv4 && slices.Contains(ipv6Only, number) {
		return Errorf(http.StatusBadRequest, "SecurityGroupEthertypeConflictWithProtocol",
			"Invalid ethertype %s for protocol %s.", r.EtherType, r.Protocol)
	}
	return nil
}

func (r *SecurityGroupRule) validatePorts() error {
	first, last := r.PortRangeMin, r.PortRangeMax
	if first == nil && last == nil {
		return nil
	}
	for _, port := range []*int{first, last} {
		if port != nil && (*port < 0 || *port > maxPort) {
			return invalidPortValue(*port)
		}
	}
	if r.Protocol == "" {
		return Errorf(http.StatusBadRequest, "SecurityGroupProtocolRequiredWithPorts", "Must also specify protocol if port range is given.")
	}
	switch number, _ := ProtocolNumber(r.Protocol); number {
	case ProtocolTCP, ProtocolUDP:
		if first != nil && *first == 0 || last != nil && *last == 0 {
			return invalidPortValue(0)
		}
		if first == nil || last == nil || *first > *last {
			return Errorf(http.StatusBadRequest, "SecurityGroupInvalidPortRange", "For TCP/UDP protocols, port_range_min must be <= port_range_max")
		}
		return nil
	case ProtocolICMP, protocolICMPv6:
		return r.validateICMP()
	case protocolDCCP, protocolSCTP, protocolUDPLite:
		return r.refusePorts(": Open vSwitch's connection tracking does not know those of " + r.Protocol)
	}
	return r.refusePorts("")
}

func invalidPortValue(port int) error {
	return Errorf(http.StatusBadRequest, "SecurityGroupInvalidPortValue", "Invalid value for port %d", port)
}

func (r *SecurityGroupRule) refusePorts(reason string) error {
	return Errorf(http.StatusBadRequest, "SecurityGroupInvalidProtocolForPort",
		"Ports cannot be specified for protocol %s. Ports are only supported for TCP, UDP%s.", r.Protocol, reason)
}

func (r *SecurityGroupRule) validateICMP() error {
	for _, v := range []struct {
		field, attribute string
		value            *int
	}{{"type", "port_range_min", r.PortRangeMin}, {"code", "port_range_max", r.PortRangeMax}} {
		if v.value != nil && *v.value > maxICMPType {
			return Errorf(http.StatusBadRequest, "SecurityGroupInvalidIcmpValue",
				"Invalid value for ICMP %s (%s) %d. It must be 0 to 255.", v.field, v.attribute, *v.value)
		}
	}
	if r.PortRangeMin == nil {
		return Errorf(http.StatusBadRequest, "SecurityGroupMissingIcmpType",
			"ICMP code (port-range-max) %d is provided but ICMP type (port-range-min) is missing.", *r.PortRangeMax)
	}
	return nil
}

func (r *SecurityGroupRule) validateRemote() error {
	if !r.RemoteIPPrefix.IsValid() {
		return nil
	}
	if r.RemoteIPPrefix.Addr().Is4() != (r.EtherType == EtherTypeIPv4) {
		return Errorf(http.StatusBadRequest, "SecurityGroupRuleParameterConflict",
			"Conflicting value ethertype %s for CIDR %s", r.EtherType, r.RemoteIPPrefix)
	}
	if r.RemoteGroupID != "" {
		return Errorf(http.StatusBadRequest, "SecurityGroupMultipleRemoteEntites",
			"Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided.")
	}
	return nil
}

// SecurityGroupRuleKey is equal for rules of one group that Neutron takes for the same: descriptions do not count, nor does how a
// protocol is written, and every address is no prefix.
type SecurityGroupRuleKey struct {
	direction, etherType, remoteGroup, remotePrefix string
	protocol, first, last                           int // -1: any
}

// Key tells which rules of a group are duplicates.
func (r *SecurityGroupRule) Key() SecurityGroupRuleKey {
	k := SecurityGroupRuleKey{direction: r.Direction, etherType: r.EtherType, remoteGroup: r.RemoteGroupID, protocol: -1,
		first: orAny(r.PortRangeMin), last: orAny(r.PortRangeMax)}
	if number, ok := ProtocolNumber(r.Protocol); ok {
		k.protocol = int(number)
	}
	if r.RemoteIPPrefix.IsValid() && r.RemoteIPPrefix.Bits() > 0 {
		k.remotePrefix = r.RemoteIPPrefix.String()
	}
	return k
}

func orAny(port *int) int {
	if port == nil {
		return -1
	}
	return *port
}
