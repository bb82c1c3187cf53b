// Package dhcpopt reads DHCP options (version 4) as people write them in a port's extra_dhcp_opts: a name or a number,
// and a text. Names and ways to write a value are dnsmasq's (dnsmasq(8), --dhcp-option), which Neutron hands them to.
package dhcpopt

import (
	"fmt"
	"strconv"
	"strings"
)

// Codes that are not sent as options.
const (
	// NextServer is dnsmasq's number for the header's field siaddr (RFC 2131, section 2); on the wire it ends the options.
	NextServer = 255
	// ClientID names the client to a server that knows its clients by that. Planck knows them by their ports.
	ClientID = 61
)

// Codes that a caller treats in a way of its own.
const (
	Hostname         = 12
	TFTPServer       = 66 // also the header's field sname
	BootFile         = 67 // also the header's field file
	ClasslessRoutes  = 121
	IPXEEncapsulated = 175 // a client that sends it is iPXE
	MicrosoftRoutes  = 249 // ClasslessRoutes under the number that Windows had for it before RFC 3442
)

// Condition says which clients an option is for.
type Condition uint8

// The conditions: Neutron's dnsmasq tags a client "ipxe" that sends option 175.
const (
	Always Condition = iota
	IPXEOnly
	NotIPXE
)

// Option is an option as it goes into a message.
type Option struct {
	Code  uint8
	Value []byte // empty: the option is left out, whoever else would set it
	When  Condition
}

// Parse reads an option: a name of dnsmasq's, with or without "option:" before it, or a number, after any number of "tag:ipxe," or
// "tag:!ipxe,". What is refused is described in the error: unknown names, values that cannot be encoded, and options
// that are the server's own.
func Parse(name, value string) (Option, error) {
	code, when, err := parseName(name)
	if err != nil {
		return Option{}, err
	}
	o := Option{Code: code, When: when}
	switch {
	case code == ClientID:
		return o, nil
	case owned(code):
		return Option{}, fmt.Errorf("option %s is set by the server itself", name)
	case value == "" && mayBeBlank(code):
		return o, nil
	case value == "":
		return Option{}, fmt.Errorf("option %s has no value", name)
	}
	if o.Value, err = table[code].kind.encode(value); err != nil {
		return Option{}, fmt.Errorf("option %s: %w", name, err)
	}
	return o, nil
}

// For tells whether the option is for a client that is iPXE, or is not.
func (o Option) For(ipxe bool) bool {
	return o.When == Always || (o.When == IPXEOnly) == ipxe
}

// mayBeBlank: Neutron lets these be blank, to be rid of what the subnet says.
func mayBeBlank(code uint8) bool { return code == 3 || code == ClasslessRoutes }

// owned are the options that make up the exchange itself, or follow from the lease.
func owned(code uint8) bool {
	switch code {
	case 0, 1, 80, 81, 82, 90: // pad, netmask, rapid commit, client FQDN, relay agent, authentication
		return true
	}
	return code >= 50 && code <= 59 // from the requested address to T2 (RFC 2132, section 9)
}

func parseName(name string) (code uint8, when Condition, err error) {
	rest := name
	for strings.HasPrefix(rest, "tag:") {
		tag, more, ok := strings.Cut(rest[len("tag:"):], ",")
		switch {
		case !ok:
			return 0, 0, fmt.Errorf("%q names no option", name)
		case tag == "ipxe" && when != NotIPXE:
			when = IPXEOnly
		case tag == "!ipxe" && when != IPXEOnly:
			when = NotIPXE
		default:
			return 0, 0, fmt.Errorf("%q: a tag can only be ipxe or !ipxe", name)
		}
		rest = more
	}
	rest = strings.TrimPrefix(rest, "option:")
	if code, ok := byName[rest]; ok {
		return code, when, nil
	}
	n, err := strconv.ParseUint(rest, 10, 8)
	if err != nil {
		return 0, 0, fmt.Errorf("%q is not a DHCP option known by name; its number can be used", name)
	}
	return uint8(n), when, nil
}
