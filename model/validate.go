package model

import (
	"net/http"
	"net/netip"
	"unicode/utf8"
)

// Limits of Neutron's attributes and of its default configuration.
const (
	MaxNameLength          = 255
	MaxDescriptionLength   = 255
	MaxDeviceLength        = 255 // device_id and device_owner
	MaxHostLength          = 255
	MaxPhysicalNetworkName = 64
	MaxDNSNameservers      = 5
	MaxHostRoutes          = 20
	MaxFixedIPsPerPort     = 5
	MaxAddressPairs        = 10
	MaxDHCPOptionName      = 64
	MaxDHCPOptionValue     = 255
	MinMTU                 = 68 // RFC 791: what every IPv4 link must carry
)

// invalidInput is Neutron's InvalidInput: the request contradicts a rule.
func invalidInput(format string, args ...any) *Error {
	e := Errorf(http.StatusBadRequest, "InvalidInput", format, args...)
	e.Message = "Invalid input for operation: " + e.Message + "."
	return e
}

// invalidAttribute is what Neutron answers when one attribute's value is malformed.
func invalidAttribute(attribute, format string, args ...any) *Error {
	e := Errorf(http.StatusBadRequest, "HTTPBadRequest", format, args...)
	e.Message = "Invalid input for " + attribute + ". Reason: " + e.Message + "."
	return e
}

// validateText checks lengths, in characters, and that the text can be stored: PostgreSQL refuses NUL and
// malformed UTF-8.
func validateText(attribute, value string, limit int) error {
	if !utf8.ValidString(value) {
		return invalidAttribute(attribute, "the text is not valid UTF-8")
	}
	for _, r := range value {
		if r == 0 {
			return invalidAttribute(attribute, "the text contains a NUL character")
		}
	}
	if utf8.RuneCountInString(value) > limit {
		return invalidAttribute(attribute, "'%s' exceeds maximum length of %d", value, limit)
	}
	return nil
}

// refuseIPv6 answers until IPv6 has its issue.
func refuseIPv6(what string, addr netip.Addr) error {
	if addr.IsValid() && !addr.Is4() {
		return invalidInput("IPv6 is not supported yet: %s %s", what, addr)
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
