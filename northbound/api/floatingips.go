package api

import (
	"context"
	"net/http"
	"net/netip"
	"slices"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
)

// floatingIP is a floating IP with the port that it stands for.
type floatingIP struct {
	model.FloatingIP
	subnetID string      // where a request wants its address from; empty: anywhere
	port     *model.Port // nil: none
}

// floatingIPs declares the floating IPs (Neutron API reference, "Floating IPs"; extensions dns-integration and fip-port-details).
func floatingIPs(operations Operations[floatingIP]) *Resource[floatingIP] {
	return &Resource[floatingIP]{
		Name: "floatingip", Collection: "floatingips", Title: "Floating IP",
		Create: Anyone, Read: Anyone, Update: Anyone, Delete: Anyone,
		ID:       func(f *floatingIP) string { return f.ID },
		Revision: func(f *floatingIP) int64 { return f.RevisionNumber },
		Tags:     func(f *floatingIP) *[]string { return &f.Tags },
		Check:    checkFixedIP,
		Allow:    allowFloatingAddress,
		Store:    operations,
		Attributes: standard(
			func(f *floatingIP) standardFields {
				return standardFields{&f.ID, &f.ProjectID, &f.Description, &f.Tags, &f.RevisionNumber, &f.CreatedAt, &f.UpdatedAt}
			},
			Attribute[floatingIP]{Name: "floating_network_id", Value: of(identifier, func(f *floatingIP) *string { return &f.FloatingNetworkID }),
				Post: Anyone, Get: Anyone, Required: true, Filter: true, Sort: true},
			Attribute[floatingIP]{Name: "floating_ip_address", Value: of(ipOrNull, func(f *floatingIP) *netip.Addr { return &f.Address }),
				Post: Anyone, Get: Anyone, Filter: true, Sort: true},
			Attribute[floatingIP]{Name: "subnet_id", Value: of(identifierOrNull, func(f *floatingIP) *string { return &f.subnetID }),
				Post: Anyone},
			Attribute[floatingIP]{Name: "port_id", Value: portOfFloatingIP, // before fixed_ip_address, which it resets
				Post: Anyone, Put: Anyone, Get: Anyone, Filter: true},
			Attribute[floatingIP]{Name: "fixed_ip_address", Value: fixedIPAddress,
				Post: Anyone, Put: Anyone, Get: Anyone, Filter: true, Sort: true},
			Attribute[floatingIP]{Name: "router_id", Value: computed(identifierOrNull, func(f *floatingIP) string { return f.RouterID }),
				Get: Anyone, Filter: true, Sort: true},
			Attribute[floatingIP]{Name: "status", Value: computed(text, func(f *floatingIP) string { return f.Status }),
				Get: Anyone, Filter: true, Sort: true},
			Attribute[floatingIP]{Name: "dns_name", Value: of(dnsName, func(f *floatingIP) *string { return &f.DNSName }),
				Post: Anyone, Get: Anyone, Default: ""},
			Attribute[floatingIP]{Name: "dns_domain", Value: of(dnsName, func(f *floatingIP) *string { return &f.DNSDomain }),
				Post: Anyone, Get: Anyone, Default: ""},
			Attribute[floatingIP]{Name: "port_details", Value: computed(portDetails, func(f *floatingIP) *model.Port { return f.port }),
				Get: Anyone},
		),
	}
}

// identifierOrNull is an id, or an empty text for null.
var identifierOrNull = Type[string]{
	Parse: func(j any) (string, error) {
		if j == nil {
			return "", nil
		}
		return parseUUID(j)
	},
	Append: nullableText.Append,
	Schema: nullable(identifier.Schema),
}

// portOfFloatingIP is which port the floating IP stands for. Saying it means the port's only address, unless the request says which.
var portOfFloatingIP = func() Value[floatingIP] {
	v := of(identifierOrNull, func(f *floatingIP) *string { return &f.PortID })
	set := v.parse
	v.parse = func(j any) (func(*floatingIP), error) {
		apply, err := set(j)
		return func(f *floatingIP) {
			apply(f)
			f.FixedIP = netip.Addr{}
		}, err
	}
	return v
}()

// fixedIPAddress is which of the port's addresses it stands for. Null leaves it to the port.
var fixedIPAddress = func() Value[floatingIP] {
	v := of(ipOrNull, func(f *floatingIP) *netip.Addr { return &f.FixedIP })
	set := v.parse
	v.parse = func(j any) (func(*floatingIP), error) {
		if j == nil {
			return func(*floatingIP) {}, nil
		}
		return set(j)
	}
	return v
}()

// portDetails are what fip-port-details shows of the port. Whose it is does not matter.
var portDetails = Type[*model.Port]{
	Append: func(dst []byte, p *model.Port) []byte {
		if p == nil {
			return append(dst, "null"...)
		}
		dst = appendString(append(dst, `{"name":`...), p.Name)
		dst = appendString(append(dst, `,"network_id":`...), p.NetworkID)
		dst = macAddress.Append(append(dst, `,"mac_address":`...), p.MAC)
		dst = boolean.Append(append(dst, `,"admin_state_up":`...), p.AdminStateUp)
		dst = appendString(append(dst, `,"status":`...), p.Status)
		dst = appendString(append(dst, `,"device_id":`...), p.DeviceID)
		return append(appendString(append(dst, `,"device_owner":`...), p.DeviceOwner), '}')
	},
	Schema: nullable(record(schema{"name": text.Schema, "network_id": identifier.Schema, "mac_address": macAddress.Schema, "admin_state_up": boolean.Schema,
		"status": text.Schema, "device_id": text.Schema, "device_owner": text.Schema}, nil)),
}

// checkFixedIP refuses an address without the port that has it, and one that no floating IP can stand for.
func checkFixedIP(s said[floatingIP]) error {
	address, _ := s.json("fixed_ip_address")
	if address == nil {
		return nil
	}
	var reason string
	if port, _ := s.json("port_id"); port == nil {
		reason = "fixed_ip_address cannot be specified without a port_id"
	} else if ip, err := parseIP(address); err != nil || !ip.Is4() {
		reason = "Cannot process floating IP association with " + show(address) + ", since that is not an IPv4 address"
	} else {
		return nil
	}
	return model.Errorf(http.StatusBadRequest, "BadRequest", "Bad floatingip request: %s.", reason)
}

// allowFloatingAddress leaves the choice of the address to administrators.
func allowFloatingAddress(s said[floatingIP], _ func() (bool, error)) error {
	if address, _ := s.json("floating_ip_address"); address != nil {
		return notAuthorized("create_floatingip:floating_ip_address")
	}
	return nil
}

// joinPorts adds the ports, also those that the requester does not see: an administrator may have given them floating IPs of others.
func (b backend) joinPorts(ctx context.Context, rows []*model.FloatingIP) ([]*floatingIP, error) {
	list := make([]*floatingIP, len(rows))
	of := make(map[string][]*floatingIP, len(rows))
	for i, row := range rows {
		list[i] = &floatingIP{FloatingIP: *row}
		if row.PortID != "" {
			of[row.PortID] = append(of[row.PortID], list[i])
		}
	}
	ids := make([]string, 0, len(of))
	for id := range of {
		ids = append(ids, id)
	}
	all := store.WithScope(ctx, store.Scope{Admin: true})
	for some := range slices.Chunk(ids, maxFilterValues) {
		ports, err := b.ListPorts(all, store.Query{Filters: map[string][]string{"id": some}})
		if err != nil {
			return nil, err
		}
		for _, p := range ports {
			for _, f := range of[p.ID] {
				f.port = p
			}
		}
	}
	return list, nil
}
