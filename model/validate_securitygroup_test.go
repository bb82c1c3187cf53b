package model

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func rule(change func(*SecurityGroupRule)) *SecurityGroupRule {
	r := &SecurityGroupRule{Direction: Ingress, EtherType: EtherTypeIPv4}
	change(r)
	return r
}

func ports(first, last int) func(*SecurityGroupRule) {
	return func(r *SecurityGroupRule) {
		if first != none {
			r.PortRangeMin = &first
		}
		if last != none {
			r.PortRangeMax = &last
		}
	}
}

const none = -100 // no port

func TestSecurityGroupRules(t *testing.T) {
	type is = func(*SecurityGroupRule)
	protocol := func(p string, more ...is) is {
		return func(r *SecurityGroupRule) {
			r.Protocol = p
			for _, m := range more {
				m(r)
			}
		}
	}
	ipv6 := func(r *SecurityGroupRule) { r.EtherType = "IPv6" }
	from := func(prefix string) is {
		return func(r *SecurityGroupRule) { r.RemoteIPPrefix = netip.MustParsePrefix(prefix) }
	}
	group := func(r *SecurityGroupRule) { r.RemoteGroupID = "g" }
	for name, c := range map[string]struct {
		rule is
		typ  string // empty: it is good
		says string
	}{
		"anything":          {protocol(""), "", ""},
		"tcp":               {protocol("tcp", ports(22, 22)), "", ""},
		"udp by number":     {protocol("17", ports(1, 2)), "", ""},
		"last port":         {protocol("tcp", ports(1, 65534)), "", ""},
		"every port":        {protocol("sctp", ports(1, 65535)), "", ""},
		"sctp":              {protocol("SCTP"), "", ""},
		"unnamed protocol":  {protocol("200"), "", ""},
		"ping":              {protocol("icmp", ports(8, 0)), "", ""},
		"ICMP type":         {protocol("1", ports(0, none)), "", ""},
		"ICMPv6":            {protocol("icmp", ipv6, ports(128, none)), "", ""},
		"prefix with host":  {protocol("", from("10.0.0.9/8")), "", ""},
		"IPv6 prefix":       {protocol("", ipv6, from("2001:db8::/32")), "", ""},
		"remote group":      {protocol("", group), "", ""},
		"no direction":      {func(r *SecurityGroupRule) { r.Direction = "" }, "HTTPBadRequest", "'' is not in ['ingress', 'egress']"},
		"long description":  {func(r *SecurityGroupRule) { r.Description = strings.Repeat("x", 256) }, "HTTPBadRequest", "255"},
		"no ethertype":      {func(r *SecurityGroupRule) { r.EtherType = "" }, "SecurityGroupRuleInvalidEtherType", "['IPv4', 'IPv6']"},
		"ARP":               {func(r *SecurityGroupRule) { r.EtherType = "arp" }, "SecurityGroupRuleInvalidEtherType", "'arp'"},
		"unknown protocol":  {protocol("tpc"), "SecurityGroupRuleInvalidProtocol", "tpc"},
		"protocol 256":      {protocol("256"), "SecurityGroupRuleInvalidProtocol", "256"},
		"protocol -1":       {protocol("-1"), "SecurityGroupRuleInvalidProtocol", "-1"},
		"ICMPv6 over IPv4":  {protocol("ipv6-icmp"), "SecurityGroupEthertypeConflictWithProtocol", "Invalid ethertype IPv4 for protocol ipv6-icmp."},
		"58 over IPv4":      {protocol("58"), "SecurityGroupEthertypeConflictWithProtocol", "58"},
		"fragments in IPv4": {protocol("ipv6-frag"), "SecurityGroupEthertypeConflictWithProtocol", "ipv6-frag"},
		"ports of nothing":  {protocol("", ports(1, 2)), "SecurityGroupProtocolRequiredWithPorts", "Must also specify protocol"},
		"ports of any":      {protocol("ANY", ports(1, 2)), "SecurityGroupProtocolRequiredWithPorts", ""},
		"port 0":            {protocol("tcp", ports(0, 5)), "SecurityGroupInvalidPortValue", "Invalid value for port 0"},
		"port 65536":        {protocol("tcp", ports(1, 65536)), "SecurityGroupInvalidPortValue", "65536"},
		"port -1":           {protocol("udp", ports(-1, 5)), "SecurityGroupInvalidPortValue", "-1"},
		"backwards":         {protocol("tcp", ports(6, 5)), "SecurityGroupInvalidPortRange", "port_range_min must be <= port_range_max"},
		"no last port":      {protocol("tcp", ports(6, none)), "SecurityGroupInvalidPortRange", ""},
		"no first port":     {protocol("udp", ports(none, 6)), "SecurityGroupInvalidPortRange", ""},
		"ports of gre":      {protocol("gre", ports(1, 2)), "SecurityGroupInvalidProtocolForPort", "for protocol gre. Ports are only supported for TCP, UDP."},
		"ports of sctp":     {protocol("sctp", ports(1, 2)), "SecurityGroupInvalidProtocolForPort", "connection tracking does not know those of sctp."},
		"ports of 33":       {protocol("33", ports(1, 2)), "SecurityGroupInvalidProtocolForPort", "connection tracking"},
		"ports of udplite":  {protocol("udplite", ports(1, 2)), "SecurityGroupInvalidProtocolForPort", "connection tracking"},
		"ICMP type 256":     {protocol("icmp", ports(256, none)), "SecurityGroupInvalidIcmpValue", "Invalid value for ICMP type (port_range_min) 256."},
		"ICMP code 256":     {protocol("icmp", ports(8, 256)), "SecurityGroupInvalidIcmpValue", "Invalid value for ICMP code (port_range_max) 256."},
		"ICMP code alone":   {protocol("icmp", ports(none, 3)), "SecurityGroupMissingIcmpType", "ICMP code (port-range-max) 3"},
		"IPv6 in IPv4":      {protocol("", from("2001:db8::/32")), "SecurityGroupRuleParameterConflict", "Conflicting value ethertype IPv4 for CIDR 2001:db8::/32"},
		"IPv4 in IPv6":      {protocol("", ipv6, from("10.0.0.0/8")), "SecurityGroupRuleParameterConflict", "IPv6"},
		"two remotes":       {protocol("", group, from("10.0.0.0/8")), "SecurityGroupMultipleRemoteEntites", "Only one of"},
	} {
		r := rule(c.rule)
		r.Normalize()
		err := r.Validate()
		if c.typ == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		var refusal *Error
		if !errors.As(err, &refusal) || refusal.Type != c.typ || refusal.Status != http.StatusBadRequest || !strings.Contains(refusal.Message, c.says) {
			t.Errorf("%s: %#v, want %s that says %q", name, err, c.typ, c.says)
		}
	}
}

func TestNormalRules(t *testing.T) {
	for _, c := range []struct{ etherType, protocol, wantType, want string }{
		{"ipv4", "TCP", "IPv4", "tcp"}, {"IPV6", "Icmp", "IPv6", "ipv6-icmp"}, {"IPv6", "icmpv6", "IPv6", "ipv6-icmp"}, {"IPv6", "1", "IPv6", "58"},
		{"IPv4", "1", "IPv4", "1"}, {"IPv4", "icmp", "IPv4", "icmp"}, {"IPv4", "any", "IPv4", ""}, {"IPv4", "0", "IPv4", ""}, {"IPv4", "ip", "IPv4", ""},
		{"IPv4", "006", "IPv4", "6"}, {"x", "y", "x", "y"},
	} {
		r := &SecurityGroupRule{EtherType: c.etherType, Protocol: c.protocol}
		r.Normalize()
		if r.EtherType != c.wantType || r.Protocol != c.want {
			t.Errorf("%s %s became %s %s, want %s %s", c.etherType, c.protocol, r.EtherType, r.Protocol, c.wantType, c.want)
		}
	}
}

// Equal keys are what Neutron refuses as a duplicate.
func TestRuleKeys(t *testing.T) {
	tcp := func(change func(*SecurityGroupRule)) SecurityGroupRuleKey {
		r := rule(func(r *SecurityGroupRule) { r.Protocol = "tcp"; change(r) })
		return r.Key()
	}
	plain := tcp(func(*SecurityGroupRule) {})
	for name, c := range map[string]struct {
		change func(*SecurityGroupRule)
		same   bool
	}{
		"number":       {func(r *SecurityGroupRule) { r.Protocol = "6" }, true},
		"description":  {func(r *SecurityGroupRule) { r.Description = "x" }, true},
		"everywhere":   {func(r *SecurityGroupRule) { r.RemoteIPPrefix = netip.MustParsePrefix("0.0.0.0/0") }, true},
		"id":           {func(r *SecurityGroupRule) { r.ID, r.Number = "x", 7 }, true},
		"other":        {func(r *SecurityGroupRule) { r.Protocol = "udp" }, false},
		"any":          {func(r *SecurityGroupRule) { r.Protocol = "" }, false},
		"direction":    {func(r *SecurityGroupRule) { r.Direction = Egress }, false},
		"ethertype":    {func(r *SecurityGroupRule) { r.EtherType = EtherTypeIPv6 }, false},
		"prefix":       {func(r *SecurityGroupRule) { r.RemoteIPPrefix = netip.MustParsePrefix("10.0.0.0/8") }, false},
		"remote group": {func(r *SecurityGroupRule) { r.RemoteGroupID = "g" }, false},
		"ports":        {ports(1, 2), false},
		"first port":   {ports(1, none), false},
	} {
		if same := tcp(c.change) == plain; same != c.same {
			t.Errorf("%s: the same %t, want %t", name, same, c.same)
		}
	}
}
