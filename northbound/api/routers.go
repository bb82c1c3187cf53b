package api

import (
	"slices"

	"github.com/planck-sdn/planck/model"
	"github.com/planck-sdn/planck/model/store"
)

// router is a router with what belongs to other rows, and what a request asks of its gateway.
type router struct {
	model.Router
	gatewayPort *model.Port            // nil: there is no gateway
	asked       *store.ExternalGateway // nil: none
	asks        bool                   // whether asked says anything
}

// routers declares the routers (Neutron API reference, "Routers"; extensions ext-gw-mode, extraroute and router_availability_zone). All
// are distributed: each node routes what its own ports send.
func routers(operations Operations[router]) *Resource[router] {
	return &Resource[router]{
		Name: "router", Collection: "routers", Title: "Router",
		Create: Anyone, Read: Anyone, Update: Anyone, Delete: Anyone,
		ID:       func(r *router) string { return r.ID },
		Revision: func(r *router) int64 { return r.RevisionNumber },
		Tags:     func(r *router) *[]string { return &r.Tags },
		Allow:    allowGateway,
		Store:    operations,
		Attributes: standard(
			func(r *router) standardFields {
				return standardFields{&r.ID, &r.ProjectID, &r.Description, &r.Tags, &r.RevisionNumber, &r.CreatedAt, &r.UpdatedAt}
			},
			Attribute[router]{Name: "name", Value: of(name, func(r *router) *string { return &r.Name }),
				Post: Anyone, Put: Anyone, Get: Anyone, Default: "", Filter: true, Sort: true},
			Attribute[router]{Name: "admin_state_up", Value: of(boolean, func(r *router) *bool { return &r.AdminStateUp }),
				Post: Anyone, Put: Anyone, Get: Anyone, Default: true, Filter: true, Sort: true},
			Attribute[router]{Name: "status", Value: computed(text, func(r *router) string { return r.Status }),
				Get: Anyone, Sort: true},
			Attribute[router]{Name: "external_gateway_info", Value: gatewayInfo,
				Post: Anyone, Put: Anyone, Get: Anyone},
			Attribute[router]{Name: "routes", Value: of(hostRoutes, func(r *router) *[]model.HostRoute { return &r.Routes }),
				Put: Anyone, Get: Anyone},
			Attribute[router]{Name: "distributed", Value: only[router](booleanOrNull(true), true, "every router is distributed"),
				Post: Admin, Put: Admin, Get: Admin},
			Attribute[router]{Name: "ha", Value: only[router](booleanOrNull(false), false, "a router needs no other to stand by: another node serves it when its own is gone"),
				Post: Admin, Put: Admin, Get: Admin},
			Attribute[router]{Name: "flavor_id", Value: only[router](nullableText, "", "router flavors are not supported"),
				Post: Anyone, Get: Anyone},
			Attribute[router]{Name: "availability_zone_hints", Value: of(zoneHints, func(r *router) *[]string { return &r.AvailabilityZoneHints }),
				Post: Anyone, Get: Anyone},
			Attribute[router]{Name: "availability_zones", Value: computed(zoneNames, func(*router) []string { return []string{availabilityZone} }),
				Get: Anyone},
		),
	}
}

// booleanOrNull takes null for what is so by default.
func booleanOrNull(byDefault bool) Type[bool] {
	t := boolean
	t.Parse = func(j any) (bool, error) {
		if j == nil {
			return byDefault, nil
		}
		return parseBool(j)
	}
	t.Schema = nullable(boolean.Schema)
	return t
}

// gatewayInfo is the way to an external network: which one, whether with source NAT, and with which addresses. Null is none.
var gatewayInfo = Value[router]{
	parse: func(j any) (func(*router), error) {
		asked, err := parseGateway(j)
		return func(r *router) { r.asked, r.asks = asked, true }, err
	},
	append: func(dst []byte, r *router) []byte {
		if r.Gateway == nil || r.gatewayPort == nil {
			return append(dst, "null"...)
		}
		dst = appendString(append(dst, `{"network_id":`...), r.Gateway.NetworkID)
		dst = fixedIPs.Append(append(dst, `,"external_fixed_ips":`...), r.gatewayPort.FixedIPs)
		return append(boolean.Append(append(dst, `,"enable_snat":`...), r.Gateway.EnableSNAT), '}')
	},
	schema: nullable(record(nil, schema{"network_id": identifier.Schema, "enable_snat": boolean.Schema, "external_fixed_ips": fixedIPs.Schema})),
}

func parseGateway(j any) (*store.ExternalGateway, error) {
	m, ok := j.(map[string]any)
	switch {
	case j == nil || ok && len(m) == 0:
		return nil, nil
	case !ok:
		return nil, because("'%s' is not a dictionary", show(j))
	}
	if _, said := m["network_id"]; !said {
		return nil, because("Validation of dictionary's keys failed. Expected keys: ['network_id'] Provided keys: %s", show(j))
	}
	var g store.ExternalGateway
	for key, v := range m {
		var err error
		switch key {
		case "network_id":
			g.NetworkID, err = parseUUID(v)
		case "enable_snat":
			var snat bool
			if snat, err = parseBool(v); err != nil {
				err = because("'%s' is not a valid boolean value", show(v))
			}
			g.EnableSNAT = &snat
		case "external_fixed_ips":
			g.FixedIPs, err = fixedIPs.Parse(v)
		default:
			err = because("Unexpected keys supplied: %s", show(key))
		}
		if err != nil {
			return nil, err
		}
	}
	return &g, nil
}

// gatewayRules are the parts of external_gateway_info that are for administrators.
var gatewayRules = []string{"enable_snat", "external_fixed_ips"}

// allowGateway leaves to tenants which external network a router has, and nothing else about it.
func allowGateway(s said[router], _ func() (bool, error)) error {
	info, _ := s.json("external_gateway_info")
	m, _ := info.(map[string]any)
	i := slices.IndexFunc(gatewayRules, func(part string) bool { _, said := m[part]; return said })
	if i < 0 {
		return nil
	}
	return notAuthorized(verbs[s.method] + "_router:external_gateway_info:" + gatewayRules[i])
}
