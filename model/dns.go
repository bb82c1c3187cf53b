package model

import (
	"net/netip"
	"strings"
)

// DefaultDNSDomain is the domain of hosts whose network has none of its own, as in Neutron.
const DefaultDNSDomain = "openstacklocal."

// DNSAssignment is the name that a host has at one of its addresses.
type DNSAssignment struct {
	IPAddress netip.Addr
	Hostname  string
	FQDN      string // ends with a dot
}

var addressDashes = strings.NewReplacer(".", "-", ":", "-")

// Hostname is what a host at this address is called: its port's dns_name, or a name made of the address.
func (p *Port) Hostname(at netip.Addr) string {
	if p.DNSName != "" {
		return p.DNSName
	}
	return "host-" + addressDashes.Replace(at.String())
}

// DNSAssignment gives the port's names in the cloud's domain (Neutron API reference, "DNS integration").
func (p *Port) DNSAssignment() []DNSAssignment {
	list := make([]DNSAssignment, len(p.FixedIPs))
	for i, ip := range p.FixedIPs {
		name := p.Hostname(ip.IPAddress)
		a := DNSAssignment{IPAddress: ip.IPAddress, Hostname: name, FQDN: name + "." + DefaultDNSDomain}
		if strings.HasSuffix(name, ".") { // it is complete already
			a.Hostname, _, _ = strings.Cut(name, ".")
			a.FQDN = name
		}
		list[i] = a
	}
	return list
}
