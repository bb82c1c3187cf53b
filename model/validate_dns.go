package model

import "strings"

// Limits of names (RFC 1035, 2.3.4), as Neutron counts them: without the final dot.
const (
	maxFQDN     = 255
	maxDNSLabel = 63
)

// validateDNSName takes a name relative to some domain, or a complete one, which ends with a dot.
func validateDNSName(attribute, name string) error {
	if name == "" {
		return nil
	}
	bad := func(format string, args ...any) error {
		return invalidAttribute(attribute, "'%s' not a valid PQDN or FQDN. Reason: "+format, append([]any{name}, args...)...)
	}
	trimmed := strings.TrimSuffix(name, ".")
	if len(trimmed) > maxFQDN {
		return bad("'%s' exceeds the %d character FQDN limit", trimmed, maxFQDN)
	}
	labels := strings.Split(trimmed, ".")
	for _, label := range labels {
		switch {
		case label == "":
			return bad("Encountered an empty component")
		case strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-"):
			return bad("Name '%s' must not start or end with a hyphen", label)
		case len(label) > maxDNSLabel || strings.ContainsFunc(label, notInHostNames):
			return bad("Name '%s' must be 1-%d characters long, each of which can only be alphanumeric or a hyphen", label, maxDNSLabel)
		}
	}
	// A top-level domain is never a number (RFC 1123, 2.1).
	if top := labels[len(labels)-1]; len(labels) > 1 && strings.Trim(top, "0123456789") == "" {
		return bad("TLD '%s' must not be all numeric", top)
	}
	return nil
}

// notInHostNames: RFC 952 and RFC 1123, 2.1.
func notInHostNames(r rune) bool {
	return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
}

// validateDNSDomain takes a complete domain with room for a host's name before it.
func validateDNSDomain(attribute, domain string) error {
	if domain == "" {
		return nil
	}
	if !strings.HasSuffix(domain, ".") {
		return invalidAttribute(attribute, "'%s' is not a FQDN", domain)
	}
	if err := validateDNSName(attribute, domain); err != nil {
		return err
	}
	if len(domain) > maxFQDN-2 {
		return invalidAttribute(attribute, "'%s' contains %d characters. Adding a sub-domain will cause it to exceed the maximum length of a FQDN of '%d'",
			domain, len(domain), maxFQDN)
	}
	return nil
}
