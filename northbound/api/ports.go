package api

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/planck-sdn/planck/model"
)

// ports declares the ports (Neutron API reference, "Ports"; extensions allowed-address-pairs, binding, dns-integration,
// extra_dhcp_opt, port-mac-address-regenerate, port-security and security-group).
func ports(operations Operations[model.Port]) *Resource[model.Port] {
	type port = model.Port
	return &Resource[port]{
		Name: "port", Collection: "ports", Title: "Port",
		Create: Anyone, Read: Anyone, Update: Anyone, Delete: Anyone,
		ID:        func(p *port) string { return p.ID },
		Revision:  func(p *port) int64 { return p.RevisionNumber },
		Tags:      func(p *port) *[]string { return &p.Tags },
		NetworkOf: func(p *port) string { return p.NetworkID },
		Allow:     allowPort,
		Store:     operations,
		Attributes: standard(
			func(p *port) standardFields {
				return standardFields{&p.ID, &p.ProjectID, &p.Description, &p.Tags, &p.RevisionNumber, &p.CreatedAt, &p.UpdatedAt}
			},
			Attribute[port]{Name: "name", Value: of(name, func(p *port) *string { return &p.Name }),
				Post: Anyone, Put: Anyone, Get: Anyone, Default: "", Filter: true, Sort: true},
			Attribute[port]{Name: "network_id", Value: of(identifier, func(p *port) *string { return &p.NetworkID }),
				Post: Anyone, Get: Anyone, Required: true, Filter: true, Sort: true},
			Attribute[port]{Name: "admin_state_up", Value: of(boolean, func(p *port) *bool { return &p.AdminStateUp }),
				Post: Anyone, Put: Anyone, Get: Anyone, Default: true, Filter: true, Sort: true},
			Attribute[port]{Name: "mac_address", Value: of(macOrAny, func(p *port) *model.MAC { return &p.MAC }),
				Post: NetworkOwner, Put: Service, Get: Anyone, Filter: true, Sort: true},
			Attribute[port]{Name: "fixed_ips", Value: of(fixedIPs, func(p *port) *[]model.FixedIP { return &p.FixedIPs }),
				Post: Anyone, Put: NetworkOwner, Get: Anyone, Filter: true, FilterParts: []string{"ip_address", "ip_address_substr", "subnet_id"}},
			Attribute[port]{Name: "device_id", Value: of(textOrNull, func(p *port) *string { return &p.DeviceID }),
				Post: Anyone, Put: Anyone, Get: Anyone, Default: "", Filter: true, Sort: true},
			Attribute[port]{Name: "device_owner", Value: of(textOrNull, func(p *port) *string { return &p.DeviceOwner }),
				Post: Anyone, Put: Anyone, Get: Anyone, Default: "", Filter: true, Sort: true},
			Attribute[port]{Name: "status", Value: computed(text, func(p *port) string { return p.Status }),
				Get: Anyone, Filter: true, Sort: true},
			Attribute[port]{Name: "port_security_enabled", Value: of(boolean, func(p *port) *bool { return &p.PortSecurityEnabled }),
				Post: NetworkOwner, Put: NetworkOwner, Get: Anyone},
			Attribute[port]{Name: "security_groups", Value: of(groupIDs, func(p *port) *[]string { return &p.SecurityGroups }),
				Post: Anyone, Put: Anyone, Get: Anyone, Filter: true},
			Attribute[port]{Name: "allowed_address_pairs", Value: of(addressPairs, func(p *port) *[]model.AddressPair { return &p.AllowedAddressPairs }),
				Post: NetworkOwner, Put: NetworkOwner, Get: Anyone},
			Attribute[port]{Name: "binding:host_id", Value: of(textOrNull, func(p *port) *string { return &p.HostID }),
				Post: Service, Put: Service, Get: Service, Filter: true},
			Attribute[port]{Name: "binding:vnic_type", Value: of(text, func(p *port) *string { return &p.VNICType }),
				Post: Anyone, Put: Anyone, Get: Anyone, Default: model.VNICTypeNormal, Filter: true},
			Attribute[port]{Name: "binding:profile", Value: of(object, func(p *port) *map[string]any { return &p.Profile }),
				Post: Service, Put: Service, Get: Service},
			Attribute[port]{Name: "binding:vif_type", Value: computed(text, func(p *port) string { return p.VIFType }),
				Get: Service, Filter: true},
			Attribute[port]{Name: "binding:vif_details", Value: computed(object, func(p *port) map[string]any { return vifDetails(p.VIFType, p.DatapathType, p.StatusReason) }),
				Get: Service},
			Attribute[port]{Name: "dns_name", Value: of(dnsName, func(p *port) *string { return &p.DNSName }),
				Post: Anyone, Put: Anyone, Get: Anyone, Default: "", Filter: true},
			Attribute[port]{Name: "dns_assignment", Value: computed(dnsAssignments, (*port).DNSAssignment),
				Get: Anyone},
			Attribute[port]{Name: "extra_dhcp_opts", Value: dhcpOptions,
				Post: Anyone, Put: Anyone, Get: Anyone},
		),
	}
}

// vifDetails are what a hypervisor needs to plug a bound port (os-vif, "ovs"), and of one whose binding failed why it did. port_filter: it
// need not enforce security groups itself.
func vifDetails(vifType, datapathType, reason string) map[string]any {
	switch {
	case vifType == model.VIFTypeOVS:
		return map[string]any{"bridge_name": "br-int", "datapath_type": datapathType, "port_filter": true, "connectivity": "l2"}
	case vifType == model.VIFTypeOther:
		return map[string]any{"port_filter": false, "connectivity": "l2"}
	case vifType == model.VIFTypeBindingFailed && reason != "":
		return map[string]any{"reason": reason}
	}
	return nil
}

// macOrAny takes null for any address that is free (extension port-mac-address-regenerate).
var macOrAny = Type[model.MAC]{
	Parse: func(j any) (model.MAC, error) {
		if j == nil {
			return model.MAC{}, nil
		}
		return parseMAC(j)
	},
	Append: macAddress.Append,
	Schema: nullable(macAddress.Schema),
	Filter: macAddress.Filter,
}

// fixedIPs is a list of wishes: an address, a subnet, or both. What is left out the store chooses.
var fixedIPs = listOf(Type[model.FixedIP]{
	Parse: func(j any) (f model.FixedIP, err error) {
		m, ok := j.(map[string]any)
		if !ok {
			return f, because("Invalid data format for fixed IP: '%s'", show(j))
		}
		if ip, ok := m["ip_address"]; ok {
			if f.IPAddress, err = parseIP(ip); err != nil {
				return f, err
			}
		}
		if subnet, ok := m["subnet_id"]; ok {
			f.SubnetID, err = parseUUID(subnet)
		}
		return f, err
	},
	Append: func(dst []byte, f model.FixedIP) []byte {
		dst = appendString(append(dst, `{"subnet_id":`...), f.SubnetID)
		return append(appendIP(append(dst, `,"ip_address":`...), f.IPAddress), '}')
	},
	Schema: record(nil, schema{"subnet_id": identifier.Schema, "ip_address": addressSchema}),
}, "Invalid data format for fixed IP: '%s'", false)

// addressPairs shows an address of full length without its length. A pair without a MAC is one of the port's own.
var addressPairs = listOf(Type[model.AddressPair]{
	Parse: parseAddressPair,
	Append: func(dst []byte, p model.AddressPair) []byte {
		dst = macAddress.Append(append(dst, `{"mac_address":`...), p.MAC)
		dst = append(dst, `,"ip_address":`...)
		if p.IP.IsSingleIP() {
			return append(appendIP(dst, p.IP.Addr()), '}')
		}
		return append(cidr.Append(dst, p.IP), '}')
	},
	Schema: record(schema{"ip_address": schema{"type": "string"}}, schema{"mac_address": macAddress.Schema}),
}, "Allowed address pairs must be a list: '%s'", true)

func parseAddressPair(j any) (pair model.AddressPair, err error) {
	m, ok := j.(map[string]any)
	if !ok {
		return pair, because("'%s' is not a dictionary", show(j))
	}
	ip, hasIP := m["ip_address"]
	if !hasIP {
		return pair, model.Errorf(http.StatusBadRequest, "AllowedAddressPairsMissingIP", "AllowedAddressPair must contain ip_address")
	}
	if mac, hasMAC := m["mac_address"]; hasMAC {
		if pair.MAC, err = parseMAC(mac); err != nil {
			return pair, badRequest("%s", err)
		}
	}
	for key := range m {
		if key != "ip_address" && key != "mac_address" {
			return pair, badRequest("Unrecognized attribute(s) '%s'", show(key))
		}
	}
	s, _ := ip.(string)
	if strings.Contains(s, "/") {
		if pair.IP, err = netip.ParsePrefix(s); err != nil {
			return pair, badRequest("'%s' is not a valid IP subnet", show(ip))
		}
		pair.IP = pair.IP.Masked()
	} else {
		address, err := parseIP(ip)
		if err != nil {
			return pair, badRequest("%s", err)
		}
		pair.IP = netip.PrefixFrom(address, address.BitLen())
	}
	if pair.IP.Addr().IsMulticast() {
		return pair, badRequest("IP %s is a multicast address, which is not supported.", show(ip))
	}
	return pair, nil
}

// allowPort keeps for the owner of the network what makes a port part of the network's own services, and the addresses of new ports: of
// a shared network everyone may choose the subnet, but not the address there.
func allowPort(s said[model.Port], mine func() (bool, error)) error {
	owner, _ := s.json("device_owner")
	text, _ := owner.(string)
	var rule string
	switch {
	case strings.HasPrefix(text, "network:"):
		rule = "device_owner"
	case s.method == http.MethodPost && choosesAddress(s):
		rule = "fixed_ips:ip_address"
	default:
		return nil
	}
	ok, err := mine()
	if err != nil || ok {
		return err
	}
	return notAuthorized(verbs[s.method] + "_port:" + rule)
}

func choosesAddress(s said[model.Port]) bool {
	ips, _ := s.json("fixed_ips")
	list, _ := ips.([]any)
	return slices.ContainsFunc(list, func(ip any) bool {
		wish, _ := ip.(map[string]any)
		_, chosen := wish["ip_address"]
		return chosen
	})
}
