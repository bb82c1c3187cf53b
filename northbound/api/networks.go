package api

import "github.com/planck-sdn/planck/model"

// network is a network with what belongs to other rows.
type network struct {
	model.Network
	subnets []string
}

// networks declares the networks (Neutron API reference, "Networks"; extensions provider, net-mtu-writable, external-net,
// dns-integration, network_availability_zone and port-security).
func networks(operations Operations[network]) *Resource[network] {
	return &Resource[network]{
		Name: "network", Collection: "networks", Title: "Network",
		Create: Anyone, Read: Anyone, Update: Anyone, Delete: Anyone,
		ID:       func(n *network) string { return n.ID },
		Revision: func(n *network) int64 { return n.RevisionNumber },
		Tags:     func(n *network) *[]string { return &n.Tags },
		Store:    operations,
		Attributes: standard(
			func(n *network) standardFields {
				return standardFields{&n.ID, &n.ProjectID, &n.Description, &n.Tags, &n.RevisionNumber, &n.CreatedAt, &n.UpdatedAt}
			},
			Attribute[network]{Name: "name", Value: of(name, func(n *network) *string { return &n.Name }),
				Post: Anyone, Put: Anyone, Get: Anyone, Default: "", Filter: true, Sort: true},
			Attribute[network]{Name: "admin_state_up", Value: of(boolean, func(n *network) *bool { return &n.AdminStateUp }),
				Post: Anyone, Put: Anyone, Get: Anyone, Default: true, Filter: true, Sort: true},
			Attribute[network]{Name: "status", Value: computed(text, func(n *network) string { return n.Status }),
				Get: Anyone, Filter: true, Sort: true},
			Attribute[network]{Name: "subnets", Value: computed(identifiers, func(n *network) []string { return n.subnets }),
				Get: Anyone},
			Attribute[network]{Name: "shared", Value: of(boolean, func(n *network) *bool { return &n.Shared }),
				Post: Admin, Put: Admin, Get: Anyone, Default: false, Filter: true},
			Attribute[network]{Name: "mtu", Value: of(bytesOrZero, func(n *network) *int { return &n.MTU }),
				Post: Anyone, Put: Anyone, Get: Anyone, Default: 0, Filter: true, Sort: true},
			Attribute[network]{Name: "port_security_enabled", Value: of(boolean, func(n *network) *bool { return &n.PortSecurityEnabled }),
				Post: Anyone, Put: Anyone, Get: Anyone, Default: true},
			Attribute[network]{Name: "router:external", Value: of(boolean, func(n *network) *bool { return &n.External }),
				Post: Admin, Put: Admin, Get: Anyone, Default: false, Filter: true},
			Attribute[network]{Name: "provider:network_type", Value: of(nullableText, func(n *network) *string { return &n.NetworkType }),
				Post: Admin, Get: Admin, Filter: true},
			Attribute[network]{Name: "provider:physical_network", Value: of(nullableText, func(n *network) *string { return &n.PhysicalNetwork }),
				Post: Admin, Get: Admin, Filter: true},
			Attribute[network]{Name: "provider:segmentation_id", Value: of(segmentationID, func(n *network) *uint32 { return &n.SegmentationID }),
				Post: Admin, Get: Admin, Filter: true},
			Attribute[network]{Name: "dns_domain", Value: of(dnsName, func(n *network) *string { return &n.DNSDomain }),
				Post: Anyone, Put: Anyone, Get: Anyone, Default: "", Filter: true},
			Attribute[network]{Name: "availability_zone_hints", Value: of(zoneHints, func(n *network) *[]string { return &n.AvailabilityZoneHints }),
				Post: Anyone, Get: Anyone},
			Attribute[network]{Name: "availability_zones", Value: computed(zoneNames, func(*network) []string { return []string{availabilityZone} }),
				Get: Anyone},
		),
	}
}

// identifiers is a list of ids that no request sets.
var identifiers = listOf(identifier, "'%s' is not a list", false)

// bytesOrZero is a size. 0 leaves it to the store.
var bytesOrZero = Type[int]{
	Parse: func(j any) (int, error) {
		i, err := parseInt(j)
		if err == nil && i < 0 {
			err = because("'%d' should be non-negative", i)
		}
		return i, err
	},
	Append: integer.Append,
	Schema: schema{"type": "integer", "minimum": 0},
	Filter: filterInt,
}

// segmentationID is null for networks without one.
var segmentationID = Type[uint32]{
	Parse: func(j any) (uint32, error) {
		if j == nil {
			return 0, nil
		}
		i, err := parseInt(j)
		if err == nil && (i < 1 || i > model.MaxVNI) {
			err = invalidInput("segmentation_id %d is out of range", i)
		}
		return uint32(i), err
	},
	Append: func(dst []byte, id uint32) []byte {
		if id == 0 {
			return append(dst, "null"...)
		}
		return integer.Append(dst, int(id))
	},
	Schema: schema{"type": "integer", "nullable": true, "minimum": 1, "maximum": model.MaxVNI},
	Filter: filterInt,
}
