package model

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/planck-sdn/planck/model/dhcpopt"
)

// VNICTypeNormal is the default of binding:vnic_type. A port of VNICTypeBareMetal is a physical switch's, not Open vSwitch's.
const (
	VNICTypeNormal    = "normal"
	VNICTypeBareMetal = "baremetal"
)

// vnicTypes are the values of binding:vnic_type that Neutron's API accepts.
var vnicTypes = []string{
	VNICTypeNormal, "direct", "macvtap", VNICTypeBareMetal, "direct-physical", "virtio-forwarder", "smart-nic", "remote-managed", "vdpa",
}

// OwnedByNetwork tells whether the port serves the network itself (DHCP, later routers): no VM confirms it, so it
// is ACTIVE when created, and Neutron's limit of addresses does not hold for it.
func (p *Port) OwnedByNetwork() bool { return strings.HasPrefix(p.DeviceOwner, "network:") }

// Validate checks everything that can be known without the database. Addresses that are still to be picked may be
// missing in FixedIPs.
func (p *Port) Validate() error {
	return firstError(
		validateText("name", p.Name, MaxNameLength),
		validateText("description", p.Description, MaxDescriptionLength),
		validateText("device_id", p.DeviceID, MaxDeviceLength),
		validateText("device_owner", p.DeviceOwner, MaxDeviceLength),
		validateText("binding:host_id", p.HostID, MaxHostLength),
		validateTags(p.Tags),
		p.validateMAC(),
		validateVNICType("binding:vnic_type", p.VNICType),
		p.validateFixedIPs(),
		p.validateAddressPairs(),
		p.validateSecurityGroups(),
		validateDNSName("dns_name", p.DNSName),
		p.validateDHCPOptions(),
		p.validateBareMetal(),
	)
}

// validateMAC lets the zero address pass: the store picks one.
func (p *Port) validateMAC() error {
	if p.MAC.IsMulticast() {
		return invalidAttribute("mac_address", "'%s' is a multicast address", p.MAC)
	}
	return nil
}

// Validate checks everything that can be known without the database.
func (b *Binding) Validate() error {
	if b.HostID == "" {
		return invalidAttribute("host", "'%s' is not a host", b.HostID)
	}
	return firstError(validateText("host", b.HostID, MaxHostLength), validateVNICType("vnic_type", b.VNICType), validateLocalLink("profile", b.VNICType, b.Profile))
}

func validateLocalLink(attribute, vnicType string, profile map[string]any) error {
	if vnicType != VNICTypeBareMetal {
		return nil
	}
	if _, _, err := LocalLinkOf(profile); err != nil {
		return invalidAttribute(attribute, "%s", err)
	}
	return nil
}

// validateBareMetal holds a port of bare metal to one place, and to be a server's.
func (p *Port) validateBareMetal() error {
	switch {
	case !p.IsBareMetal():
		return nil
	case p.OwnedByNetwork():
		return invalidInput("a port with device_owner %s belongs to the network itself, and binding:vnic_type %s is for servers", p.DeviceOwner, VNICTypeBareMetal)
	case len(p.InactiveBindings) > 0:
		return invalidInput("bare metal does not migrate: a port with bindings on further hosts cannot have binding:vnic_type %s", VNICTypeBareMetal)
	}
	return validateLocalLink("binding:profile", p.VNICType, p.Profile)
}

func validateVNICType(attribute, vnicType string) error {
	if !slices.Contains(vnicTypes, vnicType) {
		return invalidAttribute(attribute, "'%s' is not in %s", vnicType, strings.Join(vnicTypes, ", "))
	}
	return nil
}

// validateDHCPOptions refuses what DHCPv4 could not say. Options of DHCPv6 are kept for it.
func (p *Port) validateDHCPOptions() error {
	const attribute = "extra_dhcp_opts"
	for _, o := range p.ExtraDHCPOpts {
		if err := firstError(validateText(attribute, o.Name, MaxDHCPOptionName), validateText(attribute, o.Value, MaxDHCPOptionValue)); err != nil {
			return err
		}
		if o.Name == "" || strings.ContainsAny(o.Name+o.Value, "\r\n") {
			return invalidAttribute(attribute, "'%s' of '%s' is not one line", o.Name, o.Value)
		}
		switch o.IPVersion {
		case 6:
		case 4:
			if _, err := dhcpopt.Parse(o.Name, o.Value); err != nil {
				return invalidAttribute(attribute, "%s", err)
			}
		default:
			return invalidAttribute(attribute, "'%d' is not in [4, 6]", o.IPVersion)
		}
	}
	return nil
}

func (p *Port) validateFixedIPs() error {
	if len(p.FixedIPs) > MaxFixedIPsPerPort && !p.OwnedByNetwork() {
		return invalidInput("Exceeded maximum amount of fixed ips per port")
	}
	for i, ip := range p.FixedIPs {
		if !ip.IPAddress.IsValid() {
			continue
		}
		if err := refuseIPv6("fixed IP", ip.IPAddress); err != nil {
			return err
		}
		for _, other := range p.FixedIPs[:i] {
			if other.IPAddress == ip.IPAddress {
				return invalidAttribute("fixed_ips", "Duplicate IP address '%s'", ip.IPAddress)
			}
		}
	}
	return nil
}

func (p *Port) validateAddressPairs() error {
	if len(p.AllowedAddressPairs) == 0 {
		return nil
	}
	if !p.PortSecurityEnabled {
		return Errorf(http.StatusConflict, "AddressPairAndPortSecurityRequired",
			"Port Security must be enabled in order to have allowed address pairs on a port.")
	}
	if len(p.AllowedAddressPairs) > MaxAddressPairs {
		return Errorf(http.StatusBadRequest, "AllowedAddressPairExhausted",
			"The number of allowed address pair exceeds the maximum %d.", MaxAddressPairs)
	}
	for i, pair := range p.AllowedAddressPairs {
		if !pair.IP.IsValid() {
			return Errorf(http.StatusBadRequest, "AllowedAddressPairsMissingIP", "AllowedAddressPair must contain ip_address")
		}
		if err := refuseIPv6("allowed address pair", pair.IP.Addr()); err != nil {
			return err
		}
		if pair.MAC.IsMulticast() {
			return invalidAttribute("allowed_address_pairs", "'%s' is a multicast address", pair.MAC)
		}
		if slices.Contains(p.AllowedAddressPairs[:i], pair) {
			return Errorf(http.StatusBadRequest, "DuplicateAddressPairInRequest",
				"Request contains duplicate address pair: mac_address %s ip_address %s.", pair.MAC, pair.IP)
		}
		if pair.MAC == p.MAC && p.hasFixedIP(pair.IP) {
			return Errorf(http.StatusBadRequest, "AddressPairMatchesPortFixedIPAndMac",
				"Port's Fixed IP and Mac Address match an address pair entry.")
		}
	}
	return nil
}

// validateSecurityGroups is Neutron's ML2: addresses do not count, whatever its words say.
func (p *Port) validateSecurityGroups() error {
	if len(p.SecurityGroups) > 0 && !p.PortSecurityEnabled {
		return Errorf(http.StatusBadRequest, "PortSecurityAndIPRequiredForSecurityGroups",
			"Port security must be enabled and port must have an IP address in order to use security groups.")
	}
	if len(p.SecurityGroups) > 0 && p.VNICType == VNICTypeBareMetal {
		return invalidInput("security groups cannot be enforced on a bare metal port, which is not Open vSwitch's: it needs none, or no port security")
	}
	return nil
}

func (p *Port) hasFixedIP(prefix netip.Prefix) bool {
	return prefix.IsSingleIP() && slices.ContainsFunc(p.FixedIPs, func(ip FixedIP) bool { return ip.IPAddress == prefix.Addr() })
}
