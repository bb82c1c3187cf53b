package model

import (
	"errors"
	"strings"
	"testing"
)

// reason is why a check refuses, without what all refusals of the attribute have in common; empty if it does not.
func reason(t *testing.T, attribute string, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var refusal *Error
	if !errors.As(err, &refusal) || refusal.Status != 400 || refusal.Type != "HTTPBadRequest" || !strings.HasPrefix(refusal.Message, "Invalid input for "+attribute+".") {
		t.Fatalf("%#v", err)
	}
	return refusal.Message
}

func TestDNSNames(t *testing.T) {
	label := strings.Repeat("a", 63)
	long := strings.Repeat("a.", 127) // 254 characters with the last dot
	for _, c := range []struct{ name, asName, asDomain string }{
		{"", "", ""},
		{"web", "", "not a FQDN"},
		{"web.prod", "", "not a FQDN"},
		{"web.", "", ""},
		{"example.org.", "", ""},
		{"xn--bcher-kva.example.", "", ""},
		{"7.example.", "", ""},
		{label, "", "not a FQDN"},
		{label + "a.", "1-63 characters", "1-63 characters"},
		{"-web.", "hyphen", "hyphen"},
		{"web-.", "hyphen", "hyphen"},
		{"a..b.", "empty component", "empty component"},
		{".", "empty component", "empty component"},
		{"we_b.", "alphanumeric", "alphanumeric"},
		{"bücher.", "alphanumeric", "alphanumeric"},
		{"web.42.", "all numeric", "all numeric"},
		{"42", "", "not a FQDN"},
		{long + "b.", "", "Adding a sub-domain"},
		{long + "bbb.", "255 character", "255 character"},
	} {
		p := Port{VNICType: VNICTypeNormal, DNSName: c.name}
		if got := reason(t, "dns_name", p.Validate()); (got == "") != (c.asName == "") || !strings.Contains(got, c.asName) {
			t.Errorf("dns_name %q: %q, want %q", c.name, got, c.asName)
		}
		n := Network{NetworkType: NetworkVXLAN, MTU: 1450, DNSDomain: c.name}
		if got := reason(t, "dns_domain", n.Validate(1500)); (got == "") != (c.asDomain == "") || !strings.Contains(got, c.asDomain) {
			t.Errorf("dns_domain %q: %q, want %q", c.name, got, c.asDomain)
		}
	}
}

func TestDHCPOptionsOfAPort(t *testing.T) {
	for _, c := range []struct {
		option DHCPOption
		why    string
	}{
		{DHCPOption{"bootfile-name", "pxelinux.0", 4}, ""},
		{DHCPOption{"router", "", 4}, ""},
		{DHCPOption{"tag:ipxe,67", "http://192.0.2.1/boot.ipxe", 4}, ""},
		{DHCPOption{"whatever DHCPv6 has", "x", 6}, ""},
		{DHCPOption{"no-such-option", "x", 4}, "known by name"},
		{DHCPOption{"mtu", "x", 4}, "not a number"},
		{DHCPOption{"lease-time", "1", 4}, "set by the server"},
		{DHCPOption{"mtu", "1400", 5}, "not in [4, 6]"},
		{DHCPOption{"", "x", 6}, "not one line"},
		{DHCPOption{"67", "a\nb", 4}, "not one line"},
		{DHCPOption{"67", "a\x00", 4}, "NUL"},
		{DHCPOption{"67", strings.Repeat("x", 256), 4}, "maximum length of 255"},
		{DHCPOption{strings.Repeat("x", 65), "x", 6}, "maximum length of 64"},
	} {
		p := Port{VNICType: VNICTypeNormal, ExtraDHCPOpts: []DHCPOption{c.option}}
		if got := reason(t, "extra_dhcp_opts", p.Validate()); (got == "") != (c.why == "") || !strings.Contains(got, c.why) {
			t.Errorf("%+v: %q, want %q", c.option, got, c.why)
		}
	}
}
